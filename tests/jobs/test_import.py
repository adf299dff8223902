"""Imports: a file becomes an asset whole, or not at all, and the reason is said."""

import base64
import hashlib
import socket
import threading
import time
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from jobs.models import Job, Transfer
from jobs.operations import imports, lifecycle
from jobs.tasks import run_job
from marketplace.core import storage, work
from marketplace.core.egress import AddressRefused
from marketplace.core.errors import Invalid, LimitExceeded, NotFound
from marketplace.core.models import WorkItem
from publishers.models import Asset
from publishers.operations import revisions
from publishers.operations.revisions import AssetNameTaken, RevisionIsFinalized
from tests.conftest import actor_of, connect, put_asset
from tests.jobs.parties import again, receipts
from tests.together import Call
from tests.webserver import WebServer, plain, redirect, truncated

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(data_set, publisher):
    """An empty draft."""
    return revisions.create_revision(data_set=data_set, comment="", actor=actor_of(publisher), at=timezone.now())


@pytest.fixture
def source(publisher, bucket_name):
    """A connected bucket of the publisher with two objects."""
    connection = connect(publisher, bucket_name)
    bucket = storage.bucket_of(connection)
    bucket.put("in/a.csv", b"id\n1\n", content_type="text/csv")
    bucket.put("in/b.csv", b"id\n2\n")
    return bucket


@pytest.fixture
def far(settings):
    """A web server that the operator allows."""
    server = WebServer()
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, server.address]
    yield server
    server.stop()


def common(revision, member):
    return {"organization": member.organization, "revision": revision, "actor": actor_of(member), "at": timezone.now()}


def from_s3(revision, member, bucket, *keys):
    return imports.create_import_from_s3(
        sources=[{"bucket": bucket.name, "key": key} for key in keys], **common(revision, member)
    )


def from_url(revision, member, url, name=""):
    return imports.create_import_from_url(url=url, name=name, **common(revision, member))


def md5_of(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def from_signed_url(revision, member, content, name="signed.csv"):
    return imports.create_import_from_signed_url(name=name, md5=md5_of(content), **common(revision, member))


def put(job, content, md5=None):
    url, _ = imports.signed_url(job, at=timezone.now())
    return requests.put(url, data=content, headers={"Content-MD5": md5 or md5_of(content)}, timeout=30)


def start(job, member):
    lifecycle.start_job(job=job, actor=actor_of(member), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    return job


def bytes_of(asset: Asset) -> bytes:
    return b"".join(storage.vault().read(asset.vault_key))


def vault_keys() -> set[str]:
    pages = storage.vault().client.get_paginator("list_objects_v2").paginate(Bucket=storage.vault().name)
    return {found["Key"] for page in pages for found in page.get("Contents", [])}


@pytest.fixture
def nothing_is_left():
    """After the test the vault holds no object that it did not hold before, except those of assets."""
    before = vault_keys()
    yield
    assert vault_keys() - before - set(Asset.objects.values_list("vault_key", flat=True)) == set()


def test_objects_of_a_connected_bucket_become_assets(draft, publisher, source, nothing_is_left):
    job = start(from_s3(draft, publisher, source, "in/a.csv", "in/b.csv"), publisher)
    assert (job.state, job.objects_done, job.bytes_done) == ("COMPLETED", 2, 10)
    found = {asset.name: asset for asset in draft.assets.all()}
    assert {name: bytes_of(asset) for name, asset in found.items()} == {"in/a.csv": b"id\n1\n", "in/b.csv": b"id\n2\n"}
    assert found["in/a.csv"].sha256 == hashlib.sha256(b"id\n1\n").hexdigest()
    assert found["in/a.csv"].content_type == "text/csv"
    assert [(line.state, line.asset_id, line.sha256) for line in receipts(job)] == [
        ("DONE", found[name].pk, found[name].sha256) for name in ("in/a.csv", "in/b.csv")
    ]


def test_an_object_that_is_missing_ends_the_job_and_names_it(draft, publisher, source, nothing_is_left):
    job = start(from_s3(draft, publisher, source, "in/a.csv", "in/none.csv"), publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "RESOURCE_NOT_FOUND_EXCEPTION")
    assert job.cause.startswith("in/none.csv: The object does not exist in the bucket")
    source.put("in/none.csv", b"now")
    lifecycle.retry_job(job=job, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.objects_done) == ("COMPLETED", 2)
    assert sorted(draft.assets.values_list("name", flat=True)) == ["in/a.csv", "in/none.csv"]


def test_an_import_is_refused_before_it_moves_anything(draft, publisher, stranger, source):
    with pytest.raises(NotFound, match="is not connected"):
        from_s3(draft, stranger, source, "in/a.csv")
    with pytest.raises(Invalid, match="at least one"):
        from_s3(draft, publisher, source)
    with pytest.raises(Invalid, match="same name"):
        from_s3(draft, publisher, source, "in/a.csv", "in/a.csv")
    with pytest.raises(Invalid):
        from_s3(draft, publisher, source, "../a.csv")
    with pytest.raises(LimitExceeded, match="Assets per import job"):
        from_s3(draft, publisher, source, *[f"{n}" for n in range(101)])
    put_asset(draft, "in/a.csv", b"x", publisher)
    with pytest.raises(AssetNameTaken):
        from_s3(draft, publisher, source, "in/a.csv")
    assert (Job.objects.count(), Transfer.objects.count()) == (0, 0)


def test_nothing_is_imported_into_a_finalized_revision(finalized_revision, draft, publisher, source, nothing_is_left):
    with pytest.raises(RevisionIsFinalized):
        from_s3(finalized_revision, publisher, source, "in/a.csv")
    late = from_s3(draft, publisher, source, "in/a.csv")
    put_asset(draft, "other.csv", b"x", publisher)
    revisions.finalize_revision(revision=draft, actor=actor_of(publisher), at=timezone.now())
    job = start(late, publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "VALIDATION_EXCEPTION")
    assert draft.assets.count() == 1


def test_an_object_that_is_too_large_is_refused_and_leaves_nothing(
    draft, publisher, source, far, settings, nothing_is_left
):
    settings.QUOTAS = settings.QUOTAS | {"Asset size in GB": 4e-9}  # four bytes
    far.answers["/big.csv"] = plain(b"12345")
    for made in (from_s3(draft, publisher, source, "in/a.csv"), from_url(draft, publisher, f"{far.url}/big.csv")):
        job = start(made, publisher)
        assert (job.state, job.errors[0]["code"]) == ("ERROR", "SERVICE_QUOTA_EXCEEDED_EXCEPTION")
    assert draft.assets.count() == 0


def test_a_url_becomes_an_asset_named_after_its_path(draft, publisher, far, nothing_is_left):
    far.answers["/data/prices.csv"] = plain(b"id\n3\n", Content_Type="text/csv; charset=utf-8")
    job = start(from_url(draft, publisher, f"{far.url}/data/prices.csv?x=1/2"), publisher)
    assert job.state == "COMPLETED", job.errors
    asset = draft.assets.get()
    assert (asset.name, asset.content_type, bytes_of(asset)) == ("prices.csv", "text/csv", b"id\n3\n")


def test_redirects_are_followed_where_they_may_go(draft, publisher, far):
    far.answers["/old.csv"] = redirect("/new.csv")
    far.answers["/new.csv"] = plain(b"moved")
    job = start(from_url(draft, publisher, f"{far.url}/old.csv", "mine.csv"), publisher)
    assert job.state == "COMPLETED", job.errors
    assert bytes_of(draft.assets.get(name="mine.csv")) == b"moved"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (plain(b"", status=404), "The address answered 404; 200 was expected."),
        (plain(b"", status=500), "The address answered 500; 200 was expected."),
        (redirect("https://169.254.169.254/latest/meta-data/"), "private network"),
        (redirect("http://localhost:1/"), "must start with https://"),
        (redirect("/x.csv"), "redirects more than 3 times"),
    ],
)
def test_a_url_that_answers_wrongly_ends_the_job_with_a_sentence(
    draft, publisher, far, answer, sentence, nothing_is_left
):
    far.answers["/x.csv"] = answer
    job = start(from_url(draft, publisher, f"{far.url}/x.csv"), publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "VALIDATION_EXCEPTION")
    assert sentence in job.cause
    assert draft.assets.count() == 0


def test_an_answer_that_breaks_off_is_tried_again_and_never_kept_in_part(draft, publisher, far, nothing_is_left):
    far.answers["/x.csv"] = truncated(b"half", announced=8)
    job = start(from_url(draft, publisher, f"{far.url}/x.csv"), publisher)
    assert (job.state, draft.assets.count()) == ("IN_PROGRESS", 0)
    assert WorkItem.objects.get(task="jobs.run_job").last_error.startswith("The address cannot be reached")
    far.answers["/x.csv"] = plain(b"complete")
    again()
    job.refresh_from_db()
    assert job.state == "COMPLETED"
    assert bytes_of(draft.assets.get()) == b"complete"


@pytest.mark.parametrize(
    "url", ["http://example.org/a", "https://u:p@example.org/a", "https://example.org:22/a", "ftp://x/a"]
)
def test_a_url_that_is_wrong_as_text_is_refused_at_once(draft, publisher, url):
    with pytest.raises(AddressRefused):
        from_url(draft, publisher, url)
    with pytest.raises(Invalid, match="2,000 characters"):
        from_url(draft, publisher, "https://example.org/" + "x" * 2000)
    assert Job.objects.count() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "[::1]", "169.254.169.254"])
def test_a_private_address_is_refused_when_the_job_runs(draft, publisher, host, monkeypatch):
    tried = []
    job = from_url(draft, publisher, f"https://{host}/a.csv")
    lifecycle.start_job(job=job, actor=actor_of(publisher), at=timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", lambda _, address: tried.append(address))
        run_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, tried) == ("ERROR", [])
    assert job.cause == "a.csv: The address leads to a private network and cannot be used."


def test_a_file_put_to_the_signed_url_becomes_an_asset(draft, publisher, nothing_is_left):
    content = b"id\n4\n"
    job = from_signed_url(draft, publisher, content)
    assert put(job, content).status_code == 200
    start(job, publisher)
    asset = draft.assets.get()
    assert (job.state, asset.name, bytes_of(asset)) == ("COMPLETED", "signed.csv", content)
    assert asset.sha256 == hashlib.sha256(content).hexdigest()
    assert "X-Amz-Expires=1&" in imports.signed_url(job, at=timezone.now())[0] + "&"


def test_the_signed_url_takes_no_other_file(draft, publisher):
    job = from_signed_url(draft, publisher, b"announced")
    assert put(job, b"another").status_code >= 400
    assert put(job, b"another", md5_of(b"announced")).status_code >= 400
    assert start(job, publisher).cause.startswith("signed.csv: No file was put to the signed URL.")


def test_a_file_that_does_not_match_its_md5_is_refused_and_leaves_nothing(draft, publisher, nothing_is_left):
    """The store lets only the announced file in; if it did not, the exchange would see it."""
    job = from_signed_url(draft, publisher, b"announced")
    storage.vault().put(f"incoming/{job.pk}", b"smuggled")
    start(job, publisher)
    assert (job.state, draft.assets.count()) == ("ERROR", 0)
    assert job.cause == "signed.csv: The file does not match Md5Hash."
    storage.vault().delete(f"incoming/{job.pk}")


def test_the_signed_url_lives_for_an_hour(draft, publisher):
    job = from_signed_url(draft, publisher, b"x")
    url, until = imports.signed_url(job, at=job.created_at + timedelta(minutes=59))
    assert until == job.created_at + timedelta(hours=1)
    assert "X-Amz-Expires=60&" in url + "&"
    assert "X-Amz-Expires=1&" in imports.signed_url(job, at=until)[0] + "&"


@pytest.mark.parametrize("md5", ["", "x", "a" * 32, base64.b64encode(b"short").decode(), "!" * 24])
def test_an_md5_that_is_none_is_refused(draft, publisher, md5):
    with pytest.raises(Invalid) as caught:
        imports.create_import_from_signed_url(name="x.csv", md5=md5, **common(draft, publisher))
    assert caught.value.field == "Md5Hash"


@pytest.mark.parametrize("kind", ["s3", "url", "signed"])
def test_the_task_runs_twice_without_a_change(draft, publisher, source, far, kind):
    far.answers["/x.csv"] = plain(b"x")
    made = {
        "s3": lambda: from_s3(draft, publisher, source, "in/a.csv"),
        "url": lambda: from_url(draft, publisher, f"{far.url}/x.csv"),
        "signed": lambda: from_signed_url(draft, publisher, b"x"),
    }[kind]()
    if kind == "signed":
        put(made, b"x")
    job = start(made, publisher)
    before = (Job.objects.values().get(), list(Transfer.objects.values()), list(Asset.objects.values()))
    run_job(job_id=job.pk)
    assert (Job.objects.values().get(), list(Transfer.objects.values()), list(Asset.objects.values())) == before


@pytest.mark.parametrize("kind", ["s3", "url"])
def test_a_second_run_keeps_the_bytes_of_the_first_though_the_source_has_changed(draft, publisher, source, far, kind):
    """The worker died between the asset and its receipt; what was recorded must stay what lies in the vault."""
    far.answers["/x.csv"] = plain(b"first")
    source.put("in/a.csv", b"first")
    made = (
        from_s3(draft, publisher, source, "in/a.csv")
        if kind == "s3"
        else from_url(draft, publisher, f"{far.url}/x.csv")
    )
    job = start(made, publisher)
    Job.objects.filter(pk=job.pk).update(state="IN_PROGRESS", objects_done=0, bytes_done=0)
    Transfer.objects.filter(job=job).update(state="PENDING", asset=None)
    far.answers["/x.csv"] = plain(b"second")
    source.put("in/a.csv", b"second")
    run_job(job_id=job.pk)
    job.refresh_from_db()
    asset = draft.assets.get()
    assert (job.state, job.objects_done) == ("COMPLETED", 1)
    assert bytes_of(asset) == b"first"
    assert asset.sha256 == hashlib.sha256(b"first").hexdigest()


def test_what_a_run_that_died_left_in_the_vault_is_removed(draft, publisher, source, nothing_is_left):
    job = from_s3(draft, publisher, source, "in/a.csv")
    left_over = f"assets/{imports.asset_id_of(job, 0)}-0"
    storage.vault().put(left_over, b"from a run that was killed")
    storage.vault().create_upload(left_over, content_type="text/csv")
    Transfer.objects.filter(job=job).update(attempts=1)
    start(job, publisher)
    assert (
        storage.vault().client.list_multipart_uploads(Bucket=storage.vault().name, Prefix=left_over).get("Uploads", [])
        == []
    )
    assert (job.state, bytes_of(draft.assets.get())) == ("COMPLETED", b"id\n1\n")


def test_a_late_run_removes_nothing_that_a_newer_one_made(draft, publisher, source):
    """Its fence is 0; it has not noticed yet that its lease is lost."""
    job = from_s3(draft, publisher, source, "in/a.csv")
    newer = f"assets/{imports.asset_id_of(job, 0)}-2"
    storage.vault().put(newer, b"of a newer run")
    Transfer.objects.filter(job=job).update(attempts=1)
    lifecycle.start_job(job=job, actor=actor_of(publisher), at=timezone.now())
    run_job(job_id=job.pk)
    assert b"".join(storage.vault().read(newer)) == b"of a newer run"
    storage.vault().delete(newer)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_taken_over_cannot_touch_what_became_an_asset(draft, publisher, far, nothing_is_left):
    """The first run hangs in the middle of the file; a second one, under a newer fence, is faster."""
    go_on = threading.Event()

    def hang(request):
        request.send_response(200)
        request.send_header("Content-Length", "5")
        request.end_headers()
        request.wfile.write(b"sl")
        request.wfile.flush()
        go_on.wait(30)
        request.wfile.write(b"ow!")

    far.answers["/x.csv"] = hang
    job = from_url(draft, publisher, f"{far.url}/x.csv")
    lifecycle.start_job(job=job, actor=actor_of(publisher), at=timezone.now())
    slow = Call(lambda: run_job(job_id=job.pk))
    slow.start()
    while not far.seen:
        time.sleep(0.01)
    far.answers["/x.csv"] = plain(b"quick")
    work.run_due()
    assert bytes_of(draft.assets.get()) == b"quick"
    go_on.set()
    slow.outcome()
    job.refresh_from_db()
    assert (job.state, job.objects_done, bytes_of(draft.assets.get())) == ("COMPLETED", 1, b"quick")


def test_a_name_that_was_taken_meanwhile_ends_the_job_and_leaves_nothing(draft, publisher, source, nothing_is_left):
    made = from_s3(draft, publisher, source, "in/a.csv")
    put_asset(draft, "in/a.csv", b"other", publisher)
    job = start(made, publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "VALIDATION_EXCEPTION")
    assert bytes_of(draft.assets.get()) == b"other"


def test_a_full_revision_ends_the_job_and_leaves_nothing(draft, publisher, source, settings, nothing_is_left):
    made = from_s3(draft, publisher, source, "in/a.csv", "in/b.csv")
    settings.QUOTAS = settings.QUOTAS | {"Assets per revision": 1}
    job = start(made, publisher)
    assert (job.state, job.errors[0]["code"], job.objects_done) == ("ERROR", "SERVICE_QUOTA_EXCEEDED_EXCEPTION", 1)
    assert draft.assets.count() == 1
