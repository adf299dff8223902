"""Listing a product, as a person does it: typing is kept, the checklist leads, and scripts and mouse are not needed."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import faults_of, sign_in
from tests.journeys.client import Customer

CALLS = b"port,calls,day\nRotterdam,12,2026-10-01\nAntwerp,9,2026-10-02\n"


@pytest.fixture(autouse=True)
def patience():
    """Wait longer than usual for what the server does: a machine that runs all tests may be busy."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def publisher(exchange) -> Customer:
    """An organization with a data set of which a revision is finalized: what an upload leaves."""
    someone = Customer(exchange, "Publisher")
    someone.data_set = someone.create_data_set(f"Port calls {time.time_ns()}")
    revision = someone.dx.create_revision(DataSetId=someone.data_set)["Id"]
    someone.import_by_signed_url(someone.data_set, revision, "calls.csv", CALLS)
    someone.finalize(someone.data_set, revision)
    return someone


def publish(page: Page) -> None:
    """Publish by the button and its dialog."""
    page.get_by_role("button", name="Publish product").click()
    page.get_by_role("dialog").get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("is in the catalogue")).to_be_visible()


def test_a_data_set_is_in_the_catalogue_after_four_clicks_and_one_field(exchange, visitor, publisher):
    page = visitor.page()
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/data-sets/{publisher.data_set}")
    name = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="List as a product").click()  # 1
    page.get_by_label("Category").select_option("Mobility")  # the field
    page.get_by_role("button", name="Create product").click()  # 2
    publish(page)  # 3 and 4
    page.goto(f"{exchange.url}/catalogue?q={name.replace(' ', '+')}")
    page.get_by_role("main").get_by_role("link", name=name).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_what_is_typed_is_kept_previewed_and_leads_into_the_catalogue(exchange, visitor, publisher):
    name = f"Calls {time.time_ns()}"
    page = visitor.page()
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/products/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Category").select_option("Mobility")
    page.get_by_role("button", name="Create product").click()
    expect(page.locator("#checklist")).to_contain_text("5 left")
    page.get_by_label("Short description").fill("Every call at the ports.")
    page.get_by_label(re.compile("^Description")).fill("All calls, **by day**.")
    expect(page.locator("#save-state")).to_contain_text("Draft saved")
    expect(page.locator("#preview strong")).to_have_text("by day")
    expect(page.locator("#checklist")).to_contain_text("3 left")
    page.reload()
    expect(page.get_by_label("Short description")).to_have_value("Every call at the ports.")
    expect(page.get_by_text("Unsaved changes").first).to_be_visible()

    # what is typed a moment before another form is sent goes along
    page.get_by_label("Coverage").fill("Europe")
    page.get_by_label("Data set", exact=True).select_option(publisher.data_set)
    page.get_by_role("button", name="Add data set").click()
    expect(page.get_by_text("added.")).to_be_visible()
    expect(page.get_by_label("Coverage")).to_have_value("Europe")
    page.get_by_role("button", name="Make a sample").click()
    expect(page.get_by_role("link", name="calls-sample.csv")).to_be_visible()
    page.get_by_role("button", name="Fill from the sample").click()
    expect(page.get_by_label("Column 1", exact=True)).to_have_value("port")
    expect(page.get_by_label("Type 3", exact=True)).to_have_value("date")
    page.get_by_label("Meaning 1", exact=True).fill("Where it called")
    page.get_by_role("button", name="Add a column").click()
    expect(page.get_by_label("Column 4", exact=True)).to_be_focused()
    page.get_by_role("button", name="Remove column 4").click()
    expect(page.get_by_role("button", name="Publish product")).to_be_visible()
    publish(page)

    page.goto(f"{exchange.url}/catalogue?q={name.replace(' ', '+')}")
    page.get_by_role("main").get_by_role("link", name=name).first.click()
    expect(page.get_by_text("Where it called").first).to_be_visible()


def test_another_tab_that_was_quicker_is_not_overwritten(exchange, visitor, publisher):
    made = publisher.call("POST", "/api/products", json={"name": "Calls", "category": "Mobility", "terms": "t"})
    context = visitor.context(bypass_csp=True)
    first, second = visitor.page(context), visitor.page(context)
    sign_in(first, exchange, publisher.credentials)
    for page in (first, second):
        page.goto(f"{exchange.url}/publish/products/{made['id']}")
    first.get_by_label("Coverage").fill("The North")
    expect(first.locator("#save-state")).to_contain_text("Draft saved")
    second.get_by_label("Coverage").fill("The South")
    expect(second.get_by_role("alert")).to_contain_text("Somebody else has changed this product")
    second.get_by_role("button", name="Save", exact=True).click()
    expect(second.get_by_role("alert")).to_contain_text("The North")
    expect(second.get_by_label("Coverage")).to_have_value("The South")
    assert faults_of(second) == []
    second.get_by_role("button", name="Save", exact=True).click()
    expect(second.get_by_text("Saved.", exact=True)).to_be_visible()
    assert publisher.call("GET", f"/api/products/{made['id']}")["coverage"] == "The South"
    # the browser reports the refusals that were asked for
    visitor.complaints[:] = [text for text in visitor.complaints if "status of 409" not in text]


def test_questions_are_written_by_keyboard_alone(exchange, visitor, publisher):
    made = publisher.call("POST", "/api/products", json={"name": "Calls", "category": "Mobility", "terms": "t"})
    page = visitor.page()
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/products/{made['id']}#approval")
    keys = page.keyboard
    page.get_by_label("I decide on each subscriber").focus()
    keys.press("Space")
    keys.press("Tab")
    expect(page.get_by_role("button", name="Add a question")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_label("Question 1", exact=True)).to_be_focused()
    keys.type("Who are you?")
    page.get_by_role("button", name="Add a question").focus()
    keys.press("Enter")
    expect(page.get_by_label("Question 2", exact=True)).to_be_focused()
    keys.type("Why?")
    page.get_by_role("button", name="Move question 2 up").focus()
    keys.press("Enter")
    expect(page.get_by_label("Question 1", exact=True)).to_be_focused()
    expect(page.get_by_label("Question 1", exact=True)).to_have_value("Why?")
    keys.press("Enter")  # in a field, Enter saves
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    questions = publisher.call("GET", f"/api/products/{made['id']}")["questions"]
    assert [question["label"] for question in questions] == ["Why?", "Who are you?"]


def test_the_phone_shows_form_or_preview(exchange, visitor, publisher):
    made = publisher.call("POST", "/api/products", json={"name": "Calls", "category": "Mobility", "terms": "t"})
    page = visitor.page(viewport={"width": 390, "height": 844})
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/products/{made['id']}")
    expect(page.locator("#preview")).to_be_hidden()
    page.get_by_label("Short description").fill("Typed on a phone.")
    page.get_by_role("link", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Typed on a phone.")
    expect(page.get_by_label("Short description")).to_be_hidden()
    page.reload()
    expect(page.locator("#preview")).to_be_visible()
    page.get_by_role("link", name="Form").click()
    expect(page.get_by_label("Short description")).to_have_value("Typed on a phone.")


def test_a_product_is_listed_with_scripts_off(exchange, visitor, publisher):
    name = f"Calls without scripts {time.time_ns()}"
    page = visitor.page(java_script_enabled=False)
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/products/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Category").select_option("Mobility")
    page.get_by_role("button", name="Create product").click()
    page.get_by_label("Short description").fill("Every call.")
    page.get_by_label(re.compile("^Description")).fill("All calls, **by day**.")
    page.get_by_role("button", name="Keep as draft").click()
    assert page.locator("#preview strong").inner_text() == "by day"
    page.get_by_label("I decide on each subscriber").check()
    page.get_by_role("button", name="Add a question").click()
    page.get_by_label("Question 1", exact=True).fill("Why?")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("I decide on each subscriber").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Data set", exact=True).select_option(publisher.data_set)
    page.get_by_role("button", name="Add data set").click()
    page.get_by_role("button", name="Make a sample").click()
    page.get_by_role("button", name="Fill from the sample").click()
    assert "port | string" in page.get_by_role("textbox", name="Data dictionary").input_value()
    page.get_by_role("button", name="Publish now").click()
    assert "is in the catalogue" in page.content()
    assert name in page.goto(f"{exchange.url}/catalogue?q={name.replace(' ', '+')}").text()
