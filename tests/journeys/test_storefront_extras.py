"""Jump to by keyboard, saved searches, the board of data requests and choosing files of a bucket, as people do it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import faults_of, sign_in
from tests.journeys.client import Customer
from tests.parts import EXCHANGE


@pytest.fixture(scope="module")
def people():
    """A publisher with a product and a connected bucket of files, and somebody who looks for data."""
    EXCHANGE.wait_until_ready()
    publisher, seeker = (Customer(EXCHANGE, name) for name in ("Harbour", "Seeker"))
    data_set = publisher.create_data_set("Moorings")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "moorings.csv", b"berth,hours\n1,5\n")
    publisher.finalize(data_set, revision)
    product = publisher.list_product(data_set, "Moorings by the hour")
    draft = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    bucket = f"extras-{revision[:12]}"
    publisher.connect_bucket(bucket)
    for key in ("top.csv", "calls/2025/all.csv", "calls/2026/a.csv", "calls/2026/b.csv"):
        publisher.s3.put_object(Bucket=bucket, Key=key, Body=b"x\n" * 600)
    ids = {"data_set": data_set, "product": product["id"], "draft": draft}
    return publisher, seeker, ids


def opened(visitor, customer, **options) -> Page:
    page = visitor.page(visitor.context(bypass_csp=True, reduced_motion="reduce", **options))
    sign_in(page, EXCHANGE, customer.credentials)
    return page


def test_jumping_by_keyboard_alone(people, visitor):
    publisher, _, ids = people
    page = opened(visitor, publisher)
    page.goto(f"{EXCHANGE.url}/docs")
    opener = page.get_by_role("link", name="Jump to…")
    opener.focus()
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Jump to a page")
    expect(box).to_be_focused()
    chosen = page.locator("#palette-list [aria-selected=true]")
    expect(chosen).to_have_count(1)
    page.keyboard.type("moorings")
    expect(page.locator("#palette-list").get_by_role("option", name="Moorings by the hour").first).to_be_visible()
    expect(page.locator("#palette-status")).to_have_text(re.compile(r"^\d+ results$"))
    assert faults_of(page) == []
    first = box.get_attribute("aria-activedescendant")
    assert first == chosen.get_attribute("id")
    page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id") != first
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # from the first to the last
    expect(chosen).to_contain_text("Search the catalogue for “moorings”")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(box).to_be_focused()
    page.keyboard.type("storage conn")
    expect(chosen).to_contain_text("Storage connections")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{EXCHANGE.url}/storage")


def test_a_question_mark_shows_the_keys_unless_somebody_types_or_turned_keys_off(people, visitor):
    _, seeker, _ = people
    page = opened(visitor, seeker)
    page.goto(f"{EXCHANGE.url}/catalogue")
    keys = page.get_by_role("dialog", name="Keys")
    page.locator("#q").focus()
    page.keyboard.type("?")
    assert page.locator("#q").input_value() == "?"
    expect(keys).to_be_hidden()
    page.goto(f"{EXCHANGE.url}/docs")
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    assert faults_of(page) == []
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    email = seeker.credentials["user_email"]
    turn = "from marketplace.core.models import User; User.objects.filter(email='{}').update(uses_shortcuts={})"
    EXCHANGE.manage("shell", "-c", turn.format(email, False))
    try:
        page.goto(f"{EXCHANGE.url}/catalogue")
        page.keyboard.press("?")
        page.keyboard.press("/")
        expect(keys).to_be_hidden()
        expect(page.locator("#q")).not_to_be_focused()
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox", name="Jump to a page")).to_be_focused()
    finally:
        EXCHANGE.manage("shell", "-c", turn.format(email, True))


@pytest.mark.parametrize("scripts", [True, False])
def test_a_search_is_saved_silenced_and_deleted(people, visitor, scripts):
    _, seeker, _ = people
    page = opened(visitor, seeker, java_script_enabled=scripts)
    page.goto(f"{EXCHANGE.url}/searches/new?q=moorings+{scripts}&category=Mobility")
    page.get_by_label("Name").fill(f"Moorings {scripts}")
    page.get_by_role("button", name="Save search").click()
    row = page.get_by_role("listitem").filter(has_text=f"Moorings {scripts}")
    switch = row.get_by_role("switch", name="Alerts")
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    row.get_by_role("link", name=f"Moorings {scripts}", exact=True).click()
    assert page.url == f"{EXCHANGE.url}/catalogue?q=moorings+{scripts}&category=Mobility"
    page.goto(f"{EXCHANGE.url}/searches")
    row.get_by_role("button", name="Delete").click()
    if scripts:
        assert faults_of(page) == []
    page.get_by_role("button", name="Delete search").click()
    expect(row).to_have_count(0)


def test_data_is_asked_for_wanted_and_answered_without_scripts(people, visitor):
    publisher, seeker, ids = people
    page = opened(visitor, seeker, java_script_enabled=False)
    page.goto(f"{EXCHANGE.url}/requests/new?title=Tides+by+the+minute")
    page.get_by_label("What should it hold").fill("Height at each gauge.")
    page.get_by_label("Category").select_option("Weather")
    page.get_by_role("button", name="Put on the board").click()
    asked = page.url
    other = opened(visitor, publisher, java_script_enabled=False)
    other.goto(f"{EXCHANGE.url}/requests?sort=newest")
    other.get_by_role("button", name="We want this too: Tides by the minute").click()
    assert other.url.startswith(f"{EXCHANGE.url}/requests?sort=newest#request-")
    expect(other.get_by_role("button", name="We want this too: Tides")).to_have_attribute("aria-pressed", "true")
    other.get_by_role("link", name="Tides by the minute").click()
    other.get_by_label("Your answer").fill("Every minute since May.")
    other.get_by_label("Product that has the data").select_option(ids["product"])
    other.get_by_role("button", name="Answer", exact=True).click()
    assert "#answer-" in other.url
    page.goto(asked)
    expect(page.get_by_text("Wanted by 2 organizations")).to_be_visible()
    page.get_by_role("link", name="Moorings by the hour").click()
    assert page.url == f"{EXCHANGE.url}/products/{ids['product']}"
    page.goto(asked)
    page.get_by_role("button", name="Close request").click()
    page.get_by_role("dialog").get_by_role("button", name="Close request").click()
    expect(page.get_by_text("It can still be read.")).to_be_visible()
    expect(page.get_by_role("button", name="Close request")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False])
def test_files_and_a_folder_are_ticked_across_folders_by_keyboard_and_imported(people, visitor, scripts):
    publisher, _, ids = people
    draft = publisher.dx.create_revision(DataSetId=ids["data_set"])["Id"]
    page = opened(visitor, publisher, java_script_enabled=scripts)
    page.goto(f"{EXCHANGE.url}/publish/data-sets/{ids['data_set']}/revisions/{draft}/import")
    page.get_by_label("top.csv").focus()
    page.keyboard.press("Space")
    summary = page.locator("[data-summary]")
    if scripts:
        expect(summary).to_have_text("1 file ticked, 1.2 kB")
    page.get_by_role("button", name="calls/", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"prefix=calls%2F"))
    expect(page.get_by_role("region", name="Ticked elsewhere")).to_contain_text("top.csv")
    page.get_by_label("The whole folder 2026").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="2025/").focus()
    page.keyboard.press("Enter")
    expect(summary).to_have_text(re.compile("1 file ticked, 1.2 kB, and 1 whole folder"))
    if scripts:
        assert faults_of(page) == []
    page.get_by_role("button", name="Import what is ticked").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/imports/"))
    publisher.wait_for_job(page.url.rsplit("/", 1)[1])
    assets = publisher.dx.list_revision_assets(DataSetId=ids["data_set"], RevisionId=draft)["Assets"]
    assert sorted(asset["Name"] for asset in assets) == ["calls/2026/a.csv", "calls/2026/b.csv", "top.csv"]
