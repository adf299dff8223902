"""The product page as a reader uses it: sections by keyboard, sample and dictionary with and without scripts, the offer."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import faults_of, sign_in
from tests.journeys.client import Customer
from tests.parts import EXCHANGE

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
ROWS = "port,country,calls\n" + "".join(f"Harbour {n},{'NO' if n % 2 else 'DK'},{n * 3}\n" for n in range(1, 36))


@pytest.fixture(scope="module")
def world():
    """A publisher with a listed product: a sample of 35 rows, a dictionary of 40 columns, licence rights, a subscriber."""
    EXCHANGE.wait_until_ready()
    publisher, subscriber = Customer(EXCHANGE, "Harbour"), Customer(EXCHANGE, "Reader")
    data_set = publisher.create_data_set("Port calls")
    for number in range(12):
        revision = publisher.dx.create_revision(DataSetId=data_set, Comment=f"Week {number}")["Id"]
        publisher.import_by_signed_url(data_set, revision, "calls.csv", ROWS.encode())
        publisher.finalize(data_set, revision)
    product = publisher.list_product(data_set, f"Port calls of the north {time.time_ns()}")
    path = f"/api/products/{product['id']}"
    publisher.call("PUT", f"{path}/files/harbours.csv", params={"kind": "SAMPLE"}, data=ROWS.encode())
    for document in publisher.call("GET", f"{path}/documents")["items"]:
        if document["name"] != "harbours.csv":
            publisher.call("DELETE", f"{path}/documents/{document['id']}")
    columns = [{"column": f"measure_{n}", "type": "integer", "meaning": f"Number {n}"} for n in range(40)]
    change = {
        "dictionary": columns,
        "licence_rights": {"commercial_use": True, "resale": False},
        "terms": "Fair use. " * 200,
    }
    publisher.call("PATCH", path, json=change)
    return publisher, subscriber, product["id"]


@pytest.fixture
def at_product(visitor, world, exchange) -> Page:
    """The product's page in an anonymous browser."""
    opened = visitor.page(user_agent=BROWSER)
    opened.goto(f"{exchange.url}/products/{world[2]}")
    return opened


def test_sections_are_reached_by_keyboard_and_marked_while_reading(at_product):
    page = at_product
    nav = page.get_by_role("navigation", name="On this page")
    expect(nav.get_by_role("link", name="Overview")).to_have_attribute("aria-current", "true")
    nav.get_by_role("link", name="Revisions").focus()
    page.keyboard.press("Enter")
    expect(nav.get_by_role("link", name="Revisions")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("heading", name="Revisions")).to_be_in_viewport()
    assert page.url.endswith("#revisions")
    expect(nav.locator("[aria-current]")).to_have_count(1)
    page.evaluate("document.getElementById('use').scrollIntoView()")
    expect(nav.get_by_role("link", name="Use it")).to_have_attribute("aria-current", "true")


def test_the_sample_is_paged_and_searched_without_loading_the_page_anew(at_product):
    page = at_product
    page.evaluate("window.stays = true")
    sample = page.locator("#sample")
    expect(sample.get_by_text("Rows 1–10 of 35.")).to_be_visible()
    sample.get_by_role("link", name="Next").click()
    expect(sample.get_by_text("Rows 11–20 of 35.")).to_be_visible()
    assert "rows=2" in page.url
    search = sample.get_by_label("Search rows of the sample")
    search.press_sequentially("harbour 3", delay=20)
    expect(sample.get_by_text("Rows 1–7 of 7 that match.")).to_be_visible()  # 3 and 30 to 35
    expect(search).to_be_focused()
    assert "find=harbour" in page.url
    assert page.evaluate("window.stays")
    page.go_back()
    expect(sample.get_by_text("of 35.")).to_be_visible()


def test_a_deep_link_leads_to_a_column(at_product, exchange, world):
    page = at_product
    page.goto(f"{exchange.url}/products/{world[2]}#col-measure_7")
    row = page.locator("#col-measure_7")
    expect(row).to_be_in_viewport()
    assert page.evaluate("document.querySelector(':target').id") == "col-measure_7"
    dictionary = page.locator("#dictionary")
    dictionary.get_by_label("Search columns and meanings").fill("number 3")
    expect(dictionary.locator("tbody tr")).to_have_count(11)  # 3 and 30 to 39
    link = dictionary.get_by_role("link", name="Link to measure_35")
    page.goto(f"{exchange.url}/products/{world[2]}{link.get_attribute('href')}")
    expect(page.locator("#col-measure_35")).to_be_in_viewport()


def test_everything_works_with_scripts_off(visitor, world, exchange):
    page = visitor.page(java_script_enabled=False, user_agent=BROWSER)
    page.goto(f"{exchange.url}/products/{world[2]}")
    page.locator("#sample").get_by_role("link", name="Next").click()
    assert "Rows 11–20 of 35." in page.locator("#sample").inner_text()
    page.get_by_label("Search rows of the sample").fill("NO")
    page.locator("#sample form").get_by_role("button", name="Search").click()
    assert page.url.endswith("#sample")
    assert "Rows 1–10 of 18 that match." in page.locator("#sample").inner_text()
    page.get_by_label("Search columns and meanings").fill("measure_12")
    page.locator("#dictionary form").get_by_role("button", name="Search").click()
    assert page.locator("#dictionary tbody tr").count() == 1
    assert "that match" in page.locator("#sample").inner_text()  # each search keeps the other
    page.get_by_role("link", name="Older").click()
    assert "11–12 of 12" in page.locator("#revisions").inner_text()
    page.get_by_role("group").filter(has_text="Full terms").locator("summary").click()
    assert "Fair use." in page.locator("#licence").inner_text()


def test_the_licence_is_read_before_subscribing_and_access_shown_after(visitor, world, exchange):
    _, subscriber, product_id = world
    page = visitor.page()
    sign_in(page, exchange, subscriber.credentials)
    url = f"{exchange.url}/products/{product_id}"
    page.goto(url)
    licence = page.locator("#licence")
    expect(licence.get_by_text("Commercial use")).to_be_visible()
    expect(licence.get_by_text("Fair use.").first).to_be_hidden()
    licence.get_by_text("Full terms").focus()
    page.keyboard.press("Enter")
    expect(licence.get_by_text("Fair use.").first).to_be_visible()
    page.locator("#plans").get_by_role("link", name="Subscribe").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Subscribe", exact=True).click()
    page.goto(url)
    plans = page.locator("#plans")
    expect(plans.get_by_role("heading", name="You have access")).to_be_visible()
    entitled = plans.get_by_role("link", name="Open data").get_attribute("href").rsplit("/", 1)[-1]
    expect(page.locator("#use")).to_contain_text(entitled)
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator(".buybar").get_by_role("link", name="Open")).to_be_visible()


def test_what_readers_did_is_on_the_publishers_usage_page(visitor, world, exchange):
    publisher, subscriber, product_id = world
    page = visitor.page()
    sign_in(page, exchange, subscriber.credentials)
    page.goto(f"{exchange.url}/products/{product_id}?rows=2")
    context = visitor.context(bypass_csp=True, reduced_motion="reduce")
    page = visitor.page(context)
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/usage?days=7&product={product_id}")
    expect(page.get_by_role("listitem").filter(has_text="Looked at the sample")).to_contain_text("1")
    assert faults_of(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "usage.csv"
