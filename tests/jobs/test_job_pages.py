"""Pages of what moves bytes: auto-exports, deliveries with receipts, exports and imports by hand."""

import json

import pytest

from jobs.models import EventAction, Job, JobState
from marketplace.core import storage, work
from marketplace.core.models import Role
from tests.conftest import connect
from tests.console.pages import member_with, sign_in
from tests.jobs.parties import contents
from tests.webserver import WebServer, plain


def test_an_auto_export_is_set_up_paused_resumed_and_deleted(
    client, subscriber, entitled_data_set, connection, make_revision
):
    sign_in(client, subscriber)
    page = client.get(f"/auto-exports/new?data_set={entitled_data_set.pk}&key_pattern=in/${{Asset.Name}}")
    assert "in/departures.csv" in page.content.decode()
    wanted = {"data_set": entitled_data_set.pk, "connection": connection.pk, "key_pattern": "in/${Asset.Name}"}
    assert client.post("/auto-exports/new", wanted).url == f"/my-data/{entitled_data_set.pk}"
    action = EventAction.objects.get()
    client.post(f"/auto-exports/{action.pk}/pause")
    assert "Paused" in client.get("/auto-exports").content.decode()
    make_revision({"first.csv": b"x\n1\n"})
    assert not Job.objects.exists()
    client.post(f"/auto-exports/{action.pk}/resume")
    make_revision({"second.csv": b"x\n2\n"})
    work.run_due()
    assert list(contents(connection)) == ["in/second.csv"]
    assert "Completed" in client.get("/auto-exports").content.decode()
    client.post(f"/auto-exports/{action.pk}/delete")
    assert "No auto-export yet" in client.get("/auto-exports").content.decode()


def test_a_key_pattern_without_the_assets_name_is_refused_at_its_field(
    client, subscriber, entitled_data_set, connection
):
    wanted = {"data_set": entitled_data_set.pk, "connection": connection.pk, "key_pattern": "in/all.csv"}
    answer = sign_in(client, subscriber).post("/auto-exports/new", wanted)
    assert answer.status_code == 422
    assert "must contain ${Asset.Name} or ${Asset.Id}" in answer.content.decode()
    assert 'value="in/all.csv"' in answer.content.decode()
    assert not EventAction.objects.exists()


def test_an_export_shows_its_receipt_and_hands_it_out(
    client, subscriber, entitled_data_set, connection, finalized_revision
):
    sign_in(client, subscriber)
    wanted = {"data_set": entitled_data_set.pk, "revision": finalized_revision.pk, "connection": connection.pk}
    url = client.post(f"/exports/new?data_set={entitled_data_set.pk}", wanted | {"key_pattern": "${Asset.Name}"}).url
    assert "hx-trigger" in client.get(url).content.decode()
    work.run_due()
    page = client.get(url).content.decode()
    sha256 = finalized_revision.assets.get().sha256
    assert "Completed" in page
    assert sha256 in page
    assert "hx-trigger" not in page
    receipt = client.get(f"{url}?format=json")
    assert json.loads(receipt.content)["objects"][0]["sha256"] == sha256
    assert "attachment" in receipt["Content-Disposition"]
    assert "departures.csv" in page
    assert finalized_revision.pk[:8] in client.get("/deliveries?state=completed").content.decode()


def test_a_failed_delivery_names_the_cause_and_is_retried(client, subscriber, entitled_data_set, finalized_revision):
    sign_in(client, subscriber)
    storage.vault().make_sibling("soon-gone")
    lost = connect(subscriber, "soon-gone")
    bucket = storage.bucket_of(lost)
    bucket.client.delete_bucket(Bucket="soon-gone")
    wanted = {"data_set": entitled_data_set.pk, "revision": finalized_revision.pk, "connection": lost.pk}
    url = client.post(f"/exports/new?data_set={entitled_data_set.pk}", wanted | {"key_pattern": "${Asset.Name}"}).url
    work.run_due()
    page = client.get(url).content.decode()
    assert "The bucket soon-gone does not exist" in page
    assert "Retry 1 file" in page
    storage.vault().make_sibling("soon-gone")
    assert client.post(f"{url}/retry").url == url
    work.run_due()
    assert "Completed" in client.get(url).content.decode()
    assert bucket.list_keys() == ["departures.csv"]
    assert client.post(f"{url}/retry").status_code == 409


def test_nobody_else_sees_a_delivery(client, subscriber, stranger, entitled_data_set, connection, finalized_revision):
    sign_in(client, subscriber)
    wanted = {"data_set": entitled_data_set.pk, "revision": finalized_revision.pk, "connection": connection.pk}
    url = client.post(f"/exports/new?data_set={entitled_data_set.pk}", wanted | {"key_pattern": "${Asset.Name}"}).url
    client.logout()
    assert client.get(url).url.startswith("/accounts/login/")
    sign_in(client, stranger)
    assert client.get(url).status_code == 404
    assert client.post(f"{url}/retry").status_code == 404
    assert client.post(f"/exports/new?data_set={entitled_data_set.pk}", wanted).status_code == 404
    viewer = member_with(Role.VIEWER)
    assert sign_in(client, viewer).get("/exports/new").status_code == 403


@pytest.fixture
def source(publisher, bucket_name):
    """The publisher's own bucket with two files, one in a folder."""
    connection = connect(publisher, bucket_name)
    bucket = storage.bucket_of(connection)
    bucket.put("prices.csv", b"x\n1\n")
    bucket.put("2026/october.csv", b"x\n2\n")
    return connection


def test_files_of_a_bucket_are_browsed_ticked_and_imported(client, publisher, draft_revision, source):
    sign_in(client, publisher)
    url = f"/publish/data-sets/{draft_revision.data_set_id}/revisions/{draft_revision.pk}/import"
    page = client.get(url).content.decode()
    assert "prices.csv" in page
    assert "2026/" in page
    assert "october.csv" in client.get(f"{url}?prefix=2026/").content.decode()
    assert "Tick at least one file." in client.post(url, {}).content.decode()
    done = client.post(f"{url}?connection={source.pk}", {"file": ["12 prices.csv"]}).url
    work.run_due()
    assert "Completed" in client.get(done).content.decode()
    client.post(f"{url}?connection={source.pk}&prefix=2026/", {"all": "1"})
    work.run_due()
    assert set(draft_revision.assets.values_list("name", flat=True)) == {
        "departures.csv",
        "prices.csv",
        "2026/october.csv",
    }
    taken = client.post(f"{url}?connection={source.pk}", {"file": ["12 prices.csv"]})
    assert taken.status_code == 409
    assert "already has an asset named prices.csv" in taken.content.decode()


def test_an_import_from_a_url_fails_with_the_cause_and_is_retried(client, publisher, draft_revision, settings):
    far = WebServer()
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, far.address]
    try:
        sign_in(client, publisher)
        url = f"/publish/data-sets/{draft_revision.data_set_id}/revisions/{draft_revision.pk}/import?from=url"
        refused = client.post(url, {"url": "http://169.254.169.254/latest"})
        assert refused.status_code == 422
        assert not Job.objects.exists()
        done = client.post(url, {"url": f"{far.url}/rates.csv", "name": ""}).url
        work.run_due()
        job = Job.objects.get()
        assert job.state == JobState.ERROR
        assert "rates.csv" in client.get(done).content.decode()
        far.answers["/rates.csv"] = plain(b"x\n3\n")
        client.post(f"{done}/retry")
        work.run_due()
        assert "Completed" in client.get(done).content.decode()
        assert draft_revision.assets.filter(name="rates.csv").exists()
    finally:
        far.stop()


def test_a_stranger_imports_nothing(client, stranger, draft_revision, publisher, source):
    sign_in(client, stranger)
    url = f"/publish/data-sets/{draft_revision.data_set_id}/revisions/{draft_revision.pk}/import"
    assert client.get(url).status_code == 404
    sign_in(client, publisher)
    other = connect(stranger, source.bucket, name="Not theirs")
    assert client.get(f"{url}?connection={other.pk}").status_code == 404
