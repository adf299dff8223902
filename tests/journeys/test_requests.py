"""A product whose publisher decides: asked for, approved, the data is there; declined with a reason, asked again."""

import re
import time

import pytest

from tests.journeys.browser import faults_of, sign_in
from tests.journeys.client import Customer
from tests.parts import EXCHANGE

GUARD = """
from publishers.models import Product
Product.objects.filter(pk="{product}").update(requires_approval=True, questions=[
    {{"key": "use", "label": "What will you use it for?", "kind": "long_text", "help": "", "is_required": True}},
    {{"key": "seat", "label": "Country", "kind": "country", "help": "", "is_required": True}},
    {{"key": "fair", "label": "We do not resell it", "kind": "checkbox", "help": "", "is_required": True}},
])
"""


@pytest.fixture(scope="module")
def world():
    """A publisher with a product that is asked for, and two organizations that want it."""
    EXCHANGE.wait_until_ready()
    publisher, first, second = (Customer(EXCHANGE, name) for name in ("Publisher", "First", "Second"))
    data_set = publisher.create_data_set("Port calls")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "calls.csv", b"port,calls\nA,1\n")
    publisher.finalize(data_set, revision)
    product = publisher.list_product(data_set, f"Port calls on request {time.time_ns()}")["id"]
    EXCHANGE.manage("shell", "-c", GUARD.format(product=product))
    return publisher, first, second, product


def answer(page, exchange, product, use):
    """Ask for the product by its page."""
    page.goto(f"{exchange.url}/products/{product}/subscribe")
    page.get_by_label("What will you use it for?").fill(use)
    page.get_by_label("Country").select_option("DE")
    page.get_by_label("We do not resell it").check()
    page.get_by_label("I have read the terms").check()
    page.get_by_role("button", name="Ask for access").click()


def test_asked_declined_asked_again_and_approved_without_scripts(world, exchange, visitor):
    publisher, asker, _, product = world
    person = visitor.page(java_script_enabled=False)
    sign_in(person, exchange, asker.credentials)
    owner = visitor.page(java_script_enabled=False)
    sign_in(owner, exchange, publisher.credentials)
    # one answer is forgotten: the page says which, and keeps the others
    person.goto(f"{exchange.url}/products/{product}/subscribe")
    person.get_by_label("What will you use it for?").fill("To plan.")
    person.get_by_role("button", name="Ask for access").click()
    assert "Tick this to go on." in person.content()
    assert person.get_by_label("What will you use it for?").input_value() == "To plan."
    visitor.complaints[:] = [text for text in visitor.complaints if "422" not in text]  # the browser reports the status
    answer(person, exchange, product, "To plan.")
    assert "/my-data/requests/" in person.url
    assert "44 days left" in person.content()
    receipt = person.url
    # the publisher declines, with a reason that is long enough only at the second try
    owner.goto(f"{exchange.url}/publish/requests")
    owner.get_by_role("link", name=re.compile("First")).click()
    assert "To plan." in owner.content()
    owner.get_by_label("Reason").fill("No.")
    owner.get_by_role("button", name="Decline").click()
    assert "Give a reason of 10 to 1,000 characters" in owner.content()
    visitor.complaints[:] = [text for text in visitor.complaints if "422" not in text]
    owner.get_by_label("Reason").fill("Which ports do you plan for?")
    owner.get_by_role("button", name="Decline").click()
    assert "Nothing else waits." in owner.content()
    person.goto(receipt)
    assert "Which ports do you plan for?" in person.content()
    person.get_by_role("link", name="Ask again").click()
    answer(person, exchange, product, "To plan the berths of Hamburg.")
    # approved, the data is there
    owner.goto(f"{exchange.url}/publish/requests?state=waiting")
    owner.get_by_role("link", name=re.compile("First")).click()
    owner.get_by_role("button", name="Approve").click()
    assert "has access now" in owner.content()
    person.goto(person.url)
    person.get_by_role("link", name="Open my data").click()
    person.get_by_role("link", name="Port calls", exact=True).click()
    assert "calls.csv" in person.content()
    entitled = asker.dx.list_data_sets(Origin="ENTITLED")["DataSets"]
    assert [d["OriginDetails"]["ProductId"] for d in entitled] == [product]


def test_the_inbox_by_keyboard(world, exchange, visitor):
    publisher, _, asker, product = world
    form = asker.call("GET", f"/api/catalogue/{product}/request-form")
    body = {"product_id": product, "offer_version_id": form["offer_version_id"], "accept_terms": True}
    answers = {"use": "To learn.", "seat": "FR", "fair": True}
    request = asker.call("POST", "/api/subscription-requests", json=body | {"answers": answers})["id"]
    page = visitor.page()
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/requests/{request}")
    page.keyboard.press("d")
    focused = "document.activeElement.id"
    assert page.evaluate(focused) in {"id_reason", "id_before"}
    page.get_by_label("Reason", exact=True).focus()
    page.keyboard.type("a")  # a letter in a field is a letter
    assert page.evaluate(focused) == "id_reason"
    assert page.get_by_label("Reason", exact=True).input_value() == "a"
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("a")
    assert page.evaluate(focused) == "approve"
    page.keyboard.press("Enter")
    page.wait_for_url(f"{exchange.url}/publish/requests")
    assert asker.call("GET", f"/api/subscription-requests/{request}")["state"] == "APPROVED"


def test_withdrawing_asks_first(world, exchange, visitor):
    publisher, _, _, product = world
    asker = Customer(EXCHANGE, "Third")
    page = visitor.page()
    sign_in(page, exchange, asker.credentials)
    answer(page, exchange, product, "To try.")
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_role("button", name="Withdraw request").click()
    page.get_by_role("heading", name="Withdrawn").or_(page.get_by_text("The request was over")).first.wait_for()
    assert page.get_by_role("link", name="Ask again").is_visible()
    (request,) = asker.call("GET", "/api/subscription-requests")["items"]
    assert request["state"] == "CANCELLED"


def test_the_form_with_errors_and_the_receipts_are_accessible(world, exchange, visitor):
    *_, product = world
    asker = Customer(EXCHANGE, "Fourth")
    page = visitor.page()
    sign_in(page, exchange, asker.credentials)
    state = page.context.storage_state()
    page = visitor.page(visitor.context(storage_state=state, bypass_csp=True, reduced_motion="reduce"))
    faults = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto(f"{exchange.url}/products/{product}/subscribe")
        page.get_by_role("button", name="Ask for access").click()
        page.get_by_role("alert").wait_for()
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            faults += faults_of(page)
    visitor.complaints[:] = [text for text in visitor.complaints if "422" not in text]
    answer(page, exchange, product, "To check.")
    page.wait_for_url(re.compile("/my-data/requests/"))
    faults += faults_of(page)
    assert faults == []
