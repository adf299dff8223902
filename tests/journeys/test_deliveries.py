"""A subscriber's daily work in the browser: a bucket that fails and is mended, retries, pauses, live progress, data grants."""

import time
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.journeys.browser import faults_of, sign_in
from tests.journeys.client import Customer
from tests.parts import EXCHANGE

ENDED_MS = 60_000
POLLS = 6
SET = "from jobs.models import Job; Job.objects.filter(pk='{job}').update(state='{state}', bytes_moving={moving})"


@pytest.fixture(scope="module")
def world():
    """A publisher, a subscriber with a bucket that works and an auto-export to it, and one delivery that arrived."""
    EXCHANGE.wait_until_ready()
    publisher, subscriber = Customer(EXCHANGE, "Publisher"), Customer(EXCHANGE, "Subscriber")
    data_set = publisher.create_data_set("Port calls")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "calls.csv", b"port,calls\nA,1\n")
    publisher.finalize(data_set, revision)
    entitled = subscriber.subscribe(publisher.list_product(data_set, f"Port calls {time.time_ns()}"))
    bucket = f"daily-{revision[:12]}"
    connection = subscriber.connect_bucket(bucket)["id"]
    subscriber.export_automatically(entitled, bucket)
    names = {"publisher": publisher, "subscriber": subscriber, "data_set": data_set, "revision": revision}
    return SimpleNamespace(**names, entitled=entitled, bucket=bucket, connection=connection)


def export(world, connection: str, state: str) -> str:
    """Export the revision by program, wait until it has ended so, and return the delivery's id."""
    asked = {"data_set_id": world.entitled, "revision_id": world.revision, "key_pattern": "${Asset.Name}"}
    job = world.subscriber.call("POST", "/api/exports", json=asked | {"storage_connection_id": connection})["id"]
    deadline = time.monotonic() + ENDED_MS / 1000
    while (found := world.subscriber.call("GET", f"/api/deliveries/{job}"))["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.3)
    return str(job)


def test_a_bucket_that_was_lost_is_mended_and_what_failed_is_retried_by_keyboard(world, exchange, visitor):
    subscriber, lost = world.subscriber, f"lost-{world.revision[:12]}"
    connection = subscriber.connect_bucket(lost)["id"]
    subscriber.s3.delete_bucket(Bucket=lost)
    first, second = export(world, connection, "ERROR"), export(world, connection, "ERROR")
    page = visitor.page(visitor.context(bypass_csp=True, reduced_motion="reduce"))
    sign_in(page, exchange, subscriber.credentials)
    # the delivery says why, and leads to the bucket
    page.goto(f"{exchange.url}/deliveries/{first}")
    expect(page.get_by_text(f"The bucket {lost} does not exist").first).to_be_visible()
    assert faults_of(page) == []
    page.get_by_role("link", name="test the bucket").press("Enter")
    place = page.locator(f"#connection-{connection}")
    place.get_by_role("button", name="Test now").press("Enter")
    expect(place.get_by_text("Failing")).to_be_visible()
    assert faults_of(page) == []
    subscriber.s3.create_bucket(Bucket=lost)
    place.get_by_role("button", name="Test now").press("Enter")
    expect(place.get_by_text("Works")).to_be_visible()
    # one is retried on its page, the other by the list
    page.goto(f"{exchange.url}/deliveries/{first}")
    page.get_by_role("button", name="Retry").press("Enter")
    expect(page.locator("#delivery").get_by_text("Completed").first).to_be_visible(timeout=ENDED_MS)
    page.goto(f"{exchange.url}/deliveries?state=failed")
    page.get_by_role("button", name="Retry 1 failed").press("Enter")
    page.goto(f"{exchange.url}/deliveries/{second}")
    expect(page.locator("#delivery").get_by_text("Completed").first).to_be_visible(timeout=ENDED_MS)
    assert [entry["Key"] for entry in subscriber.s3.list_objects_v2(Bucket=lost)["Contents"]] == ["calls.csv"]


def test_progress_is_polled_without_taking_the_focus_until_it_ends(world, exchange, visitor):
    """Source: UI.md, section 10, "Live"."""
    job = export(world, world.connection, "COMPLETED")
    EXCHANGE.manage("shell", "-c", SET.format(job=job, state="IN_PROGRESS", moving=0))
    page = visitor.page()
    sign_in(page, exchange, world.subscriber.credentials)
    page.goto(f"{exchange.url}/deliveries")
    page.goto(f"{exchange.url}/deliveries/{job}")
    polls: list[str] = []
    page.on("requestfinished", lambda request: polls.append(request.url) if request.headers.get("hx-request") else None)
    page.get_by_role("button", name="Copy delivery id").focus()
    page.evaluate("() => { window.kept = document.activeElement; window.whole = document.querySelector('#delivery'); }")
    for number in range(1, POLLS + 1):
        page.wait_for_event("requestfinished", predicate=lambda request: request.url.endswith(job))
        if number == POLLS // 2:
            EXCHANGE.manage("shell", "-c", SET.format(job=job, state="IN_PROGRESS", moving=1))
    assert page.evaluate("document.activeElement === window.kept && window.kept.isConnected")
    assert page.evaluate("document.querySelector('#delivery') === window.whole")
    EXCHANGE.manage("shell", "-c", SET.format(job=job, state="COMPLETED", moving=0))
    expect(page.locator("#delivery").get_by_text("Completed").first).to_be_visible(timeout=10_000)
    page.wait_for_timeout(500)  # one that was on its way
    count = len(polls)
    assert count >= POLLS
    page.wait_for_timeout(2_500)
    assert len(polls) == count
    page.go_back()
    page.wait_for_url("**/deliveries")


def test_a_bucket_is_refused_until_it_works_and_an_auto_export_paused_without_scripts(world, exchange, visitor):
    page = visitor.page(java_script_enabled=False)
    sign_in(page, exchange, world.subscriber.credentials)
    page.goto(f"{exchange.url}/storage/new")
    store = world.subscriber.store
    fields = {
        "Name": "Not there",
        "Endpoint URL": store["endpoint_url"],
        "Region": store["region"],
        "Bucket": f"nowhere-{world.revision[:12]}",
        "Access key id": store["access_key_id"],
        "Secret key": store["secret_access_key"],
    }
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Connect bucket").click()
    assert "does not exist" in page.inner_text("main")
    assert page.get_by_label("Bucket", exact=True).input_value() == fields["Bucket"]  # what was typed is kept
    visitor.complaints[:] = [text for text in visitor.complaints if "422" not in text]  # the browser reports the status
    page.goto(f"{exchange.url}/storage")
    assert fields["Bucket"] not in page.inner_text("main")  # nothing was saved
    page.goto(f"{exchange.url}/auto-exports")
    page.get_by_role("button", name="Pause").click()
    assert "Paused" in page.inner_text("main")
    page.get_by_role("button", name="Resume").click()
    assert "Paused" not in page.locator(".connection").first.inner_text()


def test_a_data_set_is_shared_accepted_and_taken_back_by_keyboard(world, exchange, visitor):
    owner, receiver = visitor.page(), visitor.page()
    sign_in(owner, exchange, world.publisher.credentials)
    sign_in(receiver, exchange, world.subscriber.credentials)
    name = f"Pilot {time.time_ns()}"
    owner.goto(f"{exchange.url}/publish/data-grants/new")
    owner.get_by_label("Data set", exact=True).select_option(label="Port calls")
    owner.get_by_label("Account id of the receiver").fill("1")
    owner.get_by_label("Name", exact=True).fill(name)
    owner.get_by_role("button", name="Share data set").press("Enter")
    expect(owner.get_by_text("An account id has 12 digits.").first).to_be_visible()
    visitor.complaints[:] = [text for text in visitor.complaints if "422" not in text]  # the browser reports the status
    owner.get_by_label("Account id of the receiver").fill(world.subscriber.credentials["account_id"])
    owner.get_by_role("button", name="Share data set").press("Enter")
    expect(owner.get_by_text("Waits for the receiver").first).to_be_visible()
    receiver.goto(f"{exchange.url}/my-data")
    receiver.get_by_role("button", name=f"Accept {name}").press("Enter")
    expect(receiver.get_by_role("button", name=f"Accept {name}")).to_have_count(0)
    owner.reload()
    expect(owner.get_by_role("row").filter(has_text=name).get_by_text("Accepted")).to_be_visible()
    owner.get_by_role("button", name=f"Delete data grant {name}").press("Enter")
    dialog = owner.get_by_role("dialog")
    expect(dialog.get_by_text("loses access to Port calls at once")).to_be_visible()
    dialog.get_by_role("button", name="Delete data grant").press("Enter")
    expect(owner.get_by_role("row").filter(has_text=name)).to_have_count(0)
