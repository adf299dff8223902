"""The journey that must never break, in Chromium: from the publisher's file to rows read by token."""

import hashlib
import re
import time

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.journeys.browser import sign_in
from tests.journeys.client import Customer, flights_csv

TRANSFER_MS = 180_000


@pytest.fixture
def flights(tmp_path):
    """The 336,776 departures of New York in 2013, as a file to choose."""
    path = tmp_path / "flights.csv"
    path.write_bytes(flights_csv())
    return path


def release(page: Page, path) -> str:
    """Upload a file into a new revision of the data set shown, finalize it, and return the revision's id."""
    page.get_by_role("button", name="New revision").first.click()
    page.locator("input[data-files]").set_input_files(path)
    expect(page.locator("#files").get_by_text(path.name)).to_be_visible(timeout=TRANSFER_MS)
    page.get_by_role("button", name="Finalize").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Finalize").click()
    expect(page.get_by_text("Finalized").first).to_be_visible()
    return re.search(r"/revisions/([0-9a-f]{32})", page.url).group(1)


def test_a_file_goes_from_the_publishers_page_to_the_subscribers_bucket(exchange, visitor, flights):
    publisher, subscriber = Customer(exchange, "Publisher"), Customer(exchange, "Subscriber")
    name = f"Departures {time.time_ns()}"

    # The publisher releases a first file and lists it.
    theirs = visitor.page()
    sign_in(theirs, exchange, publisher.credentials)
    theirs.goto(f"{exchange.url}/publish/data-sets/new")
    theirs.get_by_label("Name", exact=True).fill(name)
    theirs.get_by_label("Description").fill("Every departure from New York.")
    theirs.get_by_role("button", name="Create data set").click()
    data_set_page = theirs.url
    small = flights.with_name("airlines.csv")
    small.write_text("carrier,name\nUA,United\n")
    release(theirs, small)
    theirs.goto(f"{exchange.url}/publish/products/new")
    theirs.get_by_label("Name", exact=True).fill(name)
    theirs.get_by_label("Category").select_option("Mobility")
    theirs.get_by_role("button", name="Create product").click()
    theirs.get_by_label("Short description").fill("Every departure from New York in 2013.")
    theirs.get_by_label(re.compile("^Description")).fill("All **336,776** departures.")
    theirs.get_by_label("Terms", exact=True).fill("Use it as you like.")
    theirs.get_by_role("button", name="Save", exact=True).click()
    theirs.get_by_label("Data set", exact=True).select_option(label=name)
    theirs.get_by_role("button", name="Add data set").click()
    expect(theirs.get_by_text(f"{name} added.")).to_be_visible()
    theirs.get_by_role("button", name="Make a sample").click()
    theirs.get_by_role("button", name="Fill from the sample").click()
    theirs.get_by_role("button", name="Publish product").click()
    theirs.get_by_role("dialog").get_by_role("button", name="Publish", exact=True).click()
    expect(theirs.get_by_text("Published").first).to_be_visible()

    # The subscriber finds it, accepts the terms and has it delivered to a bucket.
    mine = visitor.page()
    sign_in(mine, exchange, subscriber.credentials)
    mine.goto(f"{exchange.url}/catalogue")
    mine.get_by_role("searchbox").first.fill(name)
    mine.get_by_role("main").get_by_role("link", name=name).first.click()
    mine.get_by_role("link", name="Subscribe").first.click()
    mine.get_by_role("checkbox").check()
    mine.get_by_role("button", name="Subscribe", exact=True).click()
    expect(mine.get_by_role("heading", level=1)).to_contain_text(name)
    entitled = re.search(r"/my-data/([0-9a-f]{32})", mine.url).group(1)
    bucket = f"browser-{time.time_ns()}"
    subscriber.s3.create_bucket(Bucket=bucket)
    mine.goto(f"{exchange.url}/storage/new")
    fields = {
        "Name": "Landing",
        "Endpoint URL": subscriber.store["endpoint_url"],
        "Region": subscriber.store["region"],
        "Bucket": bucket,
        "Access key id": subscriber.store["access_key_id"],
        "Secret key": subscriber.store["secret_access_key"],
    }
    for label, value in fields.items():
        mine.get_by_label(label, exact=True).fill(value)
    mine.get_by_role("button", name="Connect bucket").click()
    expect(mine.get_by_text(bucket).first).to_be_visible()
    mine.goto(f"{exchange.url}/auto-exports/new?data_set={entitled}")
    mine.get_by_role("textbox", name="Key pattern").fill("nyc/${Asset.Name}")
    mine.get_by_role("button", name="Set up auto-export").click()
    expect(mine.get_by_text(bucket).first).to_be_visible()

    # The next revision arrives by itself.
    theirs.goto(data_set_page)
    revision = release(theirs, flights)
    deadline = time.monotonic() + TRANSFER_MS / 1000
    while (
        mine.goto(f"{exchange.url}/deliveries") and not mine.get_by_role("link", name=re.compile(revision[:8])).count()
    ):
        assert time.monotonic() < deadline, "no delivery was begun"
        mine.wait_for_timeout(300)
    mine.get_by_role("link", name=re.compile(revision[:8])).first.click()
    expect(mine.get_by_text("Completed").first).to_be_visible(timeout=TRANSFER_MS)
    sha256 = hashlib.sha256(flights.read_bytes()).hexdigest()
    expect(mine.get_by_text("nyc/flights.csv").first).to_be_visible()
    assert sha256 in mine.content()
    assert subscriber.sha256_of(bucket, "nyc/flights.csv") == sha256
    theirs.goto(f"{exchange.url}/publish/deliveries")
    theirs.get_by_role("link", name=re.compile(revision[:8])).first.click()
    assert sha256 in theirs.content()

    # The same rows, by a token that the page hands out.
    mine.goto(f"{exchange.url}/keys/tokens/new")
    mine.get_by_label("Name", exact=True).fill("Notebook")
    mine.get_by_label(re.compile("Read rows")).check()
    mine.get_by_role("button", name="Create token").click()
    token = re.search(r"ent[a-z]_[0-9A-Za-z]{38}", mine.content()).group(0)
    (asset,) = subscriber.dx.list_revision_assets(DataSetId=entitled, RevisionId=revision)["Assets"]
    answer = requests.get(
        f"{exchange.url}/data/{entitled}/revisions/{revision}/assets/{asset['Id']}/rows?limit=1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=120,
    ).json()
    assert answer["row_count"] == 336_776
    assert answer["rows"][0]["tailnum"] == "N14228"
