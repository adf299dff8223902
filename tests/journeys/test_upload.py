"""The browser's upload: paused, interrupted by a reload and by the store, and still the same bytes."""

import hashlib
import os
import re
import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import sign_in
from tests.journeys.client import Customer

SIZE = 40 * 1024 * 1024 + 77
PART = 8 * 1024 * 1024
WAIT_MS = 120_000


@pytest.fixture
def draft(exchange, visitor):
    """The page of an empty draft, its publisher, and the ids of both."""
    publisher = Customer(exchange, "Uploader")
    data_set = publisher.create_data_set("Large files")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    page = visitor.page()
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/data-sets/{data_set}/revisions/{revision}")
    return page, publisher, data_set, revision


@pytest.fixture
def large(tmp_path):
    """A file of six parts."""
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def store_of(exchange) -> re.Pattern[str]:
    """Return what matches every request to the store."""
    return re.compile(re.escape(f"http://{urlsplit(exchange.endpoints['s3']['endpoint_url']).netloc}/"))


def sha256_in(page: Page, name: str) -> str:
    """Wait until a file stands in the list and return the SHA-256 that is shown for it."""
    row = page.locator("#files tr", has_text=name)
    expect(row).to_be_visible(timeout=WAIT_MS)
    return row.locator(".checksum").get_attribute("title")


def test_an_upload_is_paused_reloaded_and_resumed_where_it_stopped(draft, large, exchange, visitor):
    page, publisher, data_set, revision = draft
    sent: list[str] = []

    def one_part_then_none(route):
        sent.append(route.request.url)
        if len(sent) > 2:
            return  # never answered: the connection hangs
        route.continue_()

    page.route(store_of(exchange), one_part_then_none)
    page.locator("input[data-files]").set_input_files(large)
    expect(page.get_by_role("button", name="Pause large.bin")).to_be_visible()
    deadline = time.monotonic() + 60
    while len(sent) < 6 and time.monotonic() < deadline:  # two arrive, four hang
        page.wait_for_timeout(100)
    expect(page).to_have_title(re.compile(r"^\d+ % · "))
    page.get_by_role("button", name="Pause large.bin").click()
    expect(page.get_by_text("Paused at 39 %")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())  # leaving warns
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    expect(page.get_by_text("Choose the same file to resume at 39 %.")).to_be_visible()

    again: list[str] = []
    page.route(store_of(exchange), lambda route: (again.append(route.request.url), route.continue_()))
    wrong = large.with_name("other.bin")
    wrong.write_bytes(b"another file")
    page.get_by_label("Choose large.bin to resume its upload").set_input_files(wrong)
    expect(page.get_by_text(re.compile("That file has 12 B"))).to_be_visible()
    page.get_by_label("Choose large.bin to resume its upload").set_input_files(large)
    assert sha256_in(page, "large.bin") == hashlib.sha256(large.read_bytes()).hexdigest()
    assert len(again) == 4  # the two parts that had arrived are not sent again
    (asset,) = publisher.dx.list_revision_assets(DataSetId=data_set, RevisionId=revision)["Assets"]
    assert asset["AssetDetails"]["S3SnapshotAsset"]["Size"] == SIZE
    visitor.complaints[:] = [text for text in visitor.complaints if "ERR_" not in text]


def test_a_store_that_answers_503_is_asked_again_and_never_more_than_four_parts_are_sent_at_once(
    draft, large, exchange, visitor
):
    page, *_ = draft
    at_once, most, refused = 0, 0, 0

    def busy(route):
        nonlocal refused
        if refused < 3:
            refused += 1
            route.fulfill(status=503, headers={"Access-Control-Allow-Origin": "*"})
        else:
            route.continue_()

    def begun(request):
        nonlocal at_once, most
        if request.method == "PUT":
            at_once += 1
            most = max(most, at_once)

    def ended(request):
        nonlocal at_once
        if request.method == "PUT":
            at_once -= 1

    page.route(store_of(exchange), busy)
    page.on("request", begun)
    page.on("requestfinished", ended)
    page.on("requestfailed", ended)
    second = large.with_name("second.bin")
    second.write_bytes(os.urandom(SIZE))
    page.locator("input[data-files]").set_input_files([large, second])
    for path in (large, second):
        assert sha256_in(page, path.name) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert refused == 3
    assert most == 4
    visitor.complaints[:] = [text for text in visitor.complaints if "503" not in text]


def test_a_folder_keeps_its_paths_and_an_empty_file_arrives(draft, tmp_path):
    page, *_ = draft
    folder = tmp_path / "calls"
    (folder / "2026").mkdir(parents=True)
    (folder / "2026" / "october.csv").write_text("port\nA\n")
    (folder / "empty.csv").write_text("")
    (folder / ".DS_Store").write_text("junk")
    page.locator("input[data-folder]").set_input_files(folder)
    assert sha256_in(page, "calls/2026/october.csv") == hashlib.sha256(b"port\nA\n").hexdigest()
    assert sha256_in(page, "calls/empty.csv") == hashlib.sha256(b"").hexdigest()
    assert ".DS_Store" not in page.content()
    expect(page.get_by_role("button", name="Finalize revision")).to_be_enabled()


def test_nothing_is_sent_after_a_cancel_that_comes_while_a_part_is_read(draft, large, exchange):
    page, *_ = draft
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if store_of(exchange).match(request.url) else None)
    page.evaluate(
        """() => {
            const read = Blob.prototype.arrayBuffer;
            window.reads = 0;
            Blob.prototype.arrayBuffer = async function () {
                reads++;
                await new Promise((resolve) => { window.addEventListener("go-on", resolve, { once: true }); });
                return read.call(this);
            };
        }"""
    )
    page.locator("input[data-files]").set_input_files(large)
    while page.evaluate("reads") < 4:  # the policy of the page forbids wait_for_function
        page.wait_for_timeout(20)
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as dropped:
        page.get_by_role("button", name="Cancel large.bin").click()
    assert dropped.value.status == 204
    page.evaluate("dispatchEvent(new Event('go-on'))")
    page.wait_for_timeout(500)
    assert sent == []


def test_a_cancelled_upload_leaves_nothing(draft, large, exchange, visitor):
    page, publisher, data_set, revision = draft
    page.route(store_of(exchange), lambda route: None)
    page.locator("input[data-files]").set_input_files(large)
    page.get_by_role("button", name="Cancel large.bin").click()
    expect(page.get_by_role("region", name="Uploads", exact=True)).to_be_hidden()
    time.sleep(0.5)
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    expect(page.get_by_text("Choose the same file")).to_have_count(0)
    assert publisher.dx.list_revision_assets(DataSetId=data_set, RevisionId=revision)["Assets"] == []
    visitor.complaints[:] = [text for text in visitor.complaints if "ERR_" not in text]
