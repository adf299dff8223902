"""Exports: what arrives is what was finalized, and a run that comes again changes nothing."""

import hashlib
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from jobs.models import Job, Transfer
from jobs.operations import exports, lifecycle, moving
from jobs.operations.exports import KeysCollide
from jobs.operations.lifecycle import JobNotFailed, JobNotWaiting
from jobs.receipts import manifest
from jobs.tasks import run_job
from marketplace.core import storage, work
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, OutboxEvent, StorageConnection, WorkItem
from publishers.operations import revisions
from subscriptions.operations import end_agreement
from tests.conftest import actor_of, connect
from tests.jobs.parties import FILES, again, contents, export, receipts

pytestmark = pytest.mark.django_db


@pytest.fixture
def revision(make_revision, agreement):
    """A revision of three files that the subscriber may read."""
    return make_revision(FILES)


@pytest.fixture
def elsewhere(subscriber, bucket_name, settings) -> StorageConnection:
    """The bucket at an endpoint that is not spelled as ours: another store, as far as the exchange can know."""
    ours = urlsplit(settings.S3_ENDPOINT_URL)
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, f"localhost:{ours.port}"]
    return connect(subscriber, bucket_name, endpoint_url=f"http://localhost:{ours.port}")


def rerun(job: Job) -> None:
    """Run a job as after a worker that died: nothing of its receipt was written."""
    Job.objects.filter(pk=job.pk).update(state="IN_PROGRESS", objects_done=0, bytes_done=0)
    Transfer.objects.filter(job=job).update(state="PENDING", method="", verified_by="")
    run_job(job_id=job.pk)
    job.refresh_from_db()


def test_within_one_store_objects_are_copied_by_the_store(subscriber, entitled_data_set, revision, connection):
    job = export(subscriber, entitled_data_set, revision, connection, "${Revision.Id}/${Asset.Name}")
    assert (job.state, job.errors, job.objects_done, job.objects_total) == ("COMPLETED", [], 3, 3)
    assert (job.bytes_done, job.bytes_total, job.bytes_moving) == (10, 10, 0)
    assert contents(connection) == {f"{revision.pk}/{name}": body for name, body in FILES.items()}
    for line in receipts(job):
        body = FILES[line.name]
        assert (line.state, line.method, line.attempts, line.size_bytes) == ("DONE", "copy", 1, len(body))
        assert line.sha256 == hashlib.sha256(body).hexdigest()
        assert line.verified_by == "etag"
        assert line.started_at <= line.finished_at
    assert OutboxEvent.objects.get(name="job.completed").payload == {"job_id": job.pk}


def test_to_another_store_the_bytes_are_streamed_with_checksums(subscriber, entitled_data_set, revision, elsewhere):
    job = export(subscriber, entitled_data_set, revision, elsewhere)
    assert job.state == "COMPLETED"
    assert contents(elsewhere) == FILES
    assert {(line.method, line.verified_by) for line in receipts(job)} == {("stream", "checksum")}


def test_a_file_of_several_parts_is_streamed_whole(
    subscriber, make_revision, entitled_data_set, elsewhere, monkeypatch
):
    monkeypatch.setattr(storage.Bucket.__init__, "__kwdefaults__", {"part": 5 * storage.MIB})
    body = bytes(range(256)) * 45_000  # 11.5 MB: three parts
    revision = make_revision({"big.bin": body})
    job = export(subscriber, entitled_data_set, revision, elsewhere)
    assert job.state == "COMPLETED"
    assert contents(elsewhere) == {"big.bin": body}
    assert receipts(job)[0].etag.endswith("-3")


def test_what_stood_at_the_key_before_is_replaced(subscriber, entitled_data_set, revision, connection):
    storage.bucket_of(connection).put("a.csv", b"old")
    export(subscriber, entitled_data_set, revision, connection)
    assert contents(connection) == FILES


@pytest.mark.parametrize("where", ["connection", "elsewhere"])
def test_a_second_run_finds_what_the_first_delivered(subscriber, entitled_data_set, revision, where, request):
    destination = request.getfixturevalue(where)
    job = export(subscriber, entitled_data_set, revision, destination)
    rerun(job)
    assert (job.state, job.objects_done, job.bytes_done) == ("COMPLETED", 3, 10)
    assert {(line.method, line.attempts) for line in receipts(job)} == {("found", 2)}
    assert contents(destination) == FILES


def test_a_second_run_replaces_an_object_that_is_not_the_right_one(subscriber, entitled_data_set, revision, connection):
    job = export(subscriber, entitled_data_set, revision, connection)
    bucket = storage.bucket_of(connection)
    bucket.put("a.csv", b"id\n9\n")  # the same size
    bucket.put("empty.csv", b"longer")
    rerun(job)
    assert contents(connection) == FILES
    assert {line.name: line.method for line in receipts(job)} == {
        "a.csv": "copy",
        "b/c.csv": "found",
        "empty.csv": "copy",
    }


def test_the_task_of_a_finished_job_changes_nothing(subscriber, entitled_data_set, revision, connection):
    job = export(subscriber, entitled_data_set, revision, connection)
    storage.bucket_of(connection).delete("a.csv")
    before = (Job.objects.values().get(), list(Transfer.objects.values()), AuditRecord.objects.count())
    run_job(job_id=job.pk)
    assert (Job.objects.values().get(), list(Transfer.objects.values()), AuditRecord.objects.count()) == before
    assert "a.csv" not in contents(connection)  # what was delivered belongs to the subscriber


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        (
            {"bucket": "no-such-bucket-here"},
            "RESOURCE_NOT_FOUND_EXCEPTION",
            "The bucket no-such-bucket-here does not exist",
        ),
        ({"access_key_id": "NOBODY"}, "ACCESS_DENIED_EXCEPTION", "does not know this access key id"),
        ({"removed_at": "2026-01-01T00:00Z"}, "VALIDATION_EXCEPTION", "The storage connection was removed."),
    ],
)
def test_a_destination_that_is_lost_ends_the_job_with_a_sentence_and_retry_heals(
    subscriber, entitled_data_set, revision, connection, change, code, sentence
):
    job = export(subscriber, entitled_data_set, revision, connection, run=False)
    good = StorageConnection.objects.filter(pk=connection.pk).values(*change).get()
    StorageConnection.objects.filter(pk=connection.pk).update(**change)
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.errors[0]["code"], job.objects_done) == ("ERROR", code, 0)
    assert sentence in job.cause
    assert OutboxEvent.objects.filter(name="job.failed").count() == 1
    StorageConnection.objects.filter(pk=connection.pk).update(**good)
    job = lifecycle.retry_job(job=job, actor=actor_of(subscriber), at=timezone.now())
    assert (job.state, job.run, job.errors) == ("IN_PROGRESS", 2, [])
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.objects_done, job.cause) == ("COMPLETED", 3, "")
    assert contents(connection) == FILES


def test_a_destination_that_is_away_is_tried_again_by_itself(
    subscriber, entitled_data_set, revision, connection, settings
):
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, "127.0.0.1:1"]
    job = export(subscriber, entitled_data_set, revision, connection, run=False)
    endpoint = connection.endpoint_url
    StorageConnection.objects.filter(pk=connection.pk).update(endpoint_url="http://127.0.0.1:1")
    work.run_due()
    job.refresh_from_db()
    row = WorkItem.objects.get(task="jobs.run_job")
    assert (job.state, row.state, row.failures) == ("IN_PROGRESS", "PENDING", 1)
    assert row.last_error.startswith("The endpoint 127.0.0.1:1 cannot be reached.")
    StorageConnection.objects.filter(pk=connection.pk).update(endpoint_url=endpoint)
    again()
    job.refresh_from_db()
    assert job.state == "COMPLETED"


def test_ten_failures_end_the_job_with_the_cause(subscriber, entitled_data_set, revision, connection, settings):
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, "127.0.0.1:1"]
    job = export(subscriber, entitled_data_set, revision, connection, run=False)
    StorageConnection.objects.filter(pk=connection.pk).update(endpoint_url="http://127.0.0.1:1")
    WorkItem.objects.filter(task="jobs.run_job").update(failures=9)
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "INTERNAL_SERVER_EXCEPTION")
    assert job.cause.startswith("The endpoint 127.0.0.1:1 cannot be reached.")


def test_an_object_missing_in_the_vault_fails_alone_and_is_named(subscriber, entitled_data_set, revision, connection):
    lost = revision.assets.get(name="a.csv")
    storage.vault().delete(lost.vault_key)
    job = export(subscriber, entitled_data_set, revision, connection)
    assert job.state == "ERROR"
    assert job.cause.startswith("1 of 3 objects failed. The object does not exist in the bucket")
    assert {line.name: line.state for line in receipts(job)} == {
        "a.csv": "FAILED",
        "b/c.csv": "DONE",
        "empty.csv": "DONE",
    }
    assert sorted(contents(connection)) == ["b/c.csv", "empty.csv"]


@pytest.mark.parametrize("where", ["connection", "elsewhere"])
def test_bytes_that_differ_from_what_was_finalized_are_never_called_delivered(
    subscriber, entitled_data_set, revision, where, request
):
    """A flipped byte in the vault: whatever way the bytes take, no receipt is written."""
    storage.vault().put(revision.assets.get(name="a.csv").vault_key, b"id\n9\n")
    job = export(subscriber, entitled_data_set, revision, request.getfixturevalue(where))
    assert job.state == "IN_PROGRESS"
    states = {line.name: line.state for line in receipts(job)}
    assert states == {"a.csv": "PENDING", "b/c.csv": "DONE", "empty.csv": "DONE"}
    WorkItem.objects.filter(task="jobs.run_job").update(failures=9)
    again()
    job.refresh_from_db()
    assert job.state == "ERROR"
    assert "finalized file" in job.cause


def test_who_may_not_read_any_more_gets_nothing(subscriber, agreement, entitled_data_set, revision, connection):
    job = export(subscriber, entitled_data_set, revision, connection, run=False)
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "ACCESS_DENIED_EXCEPTION")
    assert contents(connection) == {}


@pytest.mark.parametrize("how", ["ended", "revoked"])
def test_losing_the_right_to_read_in_the_middle_stops_the_run(
    subscriber, publisher, agreement, entitled_data_set, make_revision, connection, monkeypatch, how
):
    """The second file is written when the right goes: nothing that was not begun by then is written."""
    revision = make_revision({f"{n:02}.csv": b"x%d" % n for n in range(30)})
    job = export(subscriber, entitled_data_set, revision, connection, run=False)
    copy, written = storage.Bucket.copy_from, []
    monkeypatch.setattr(moving, "PARALLEL", 1)

    def copy_and_count(self, *arguments, **options):
        written.append(arguments[2])
        return copy(self, *arguments, **options)

    monkeypatch.setattr(storage.Bucket, "copy_from", copy_and_count)
    record = lifecycle.record_transfer

    def record_and_lose(**keywords):
        done = record(**keywords)
        if len(written) == 2:
            if how == "ended":
                end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
            else:
                revisions.revoke_revision(
                    revision=revision, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
                )
        return done

    monkeypatch.setattr(lifecycle, "record_transfer", record_and_lose)
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.errors[0]["code"], job.objects_done) == ("ERROR", "ACCESS_DENIED_EXCEPTION", 2)
    assert sorted(contents(connection)) == ["00.csv", "01.csv"]


def test_a_worker_that_lost_its_lease_writes_no_receipt(
    subscriber, entitled_data_set, revision, connection, monkeypatch
):
    job = export(subscriber, entitled_data_set, revision, connection, run=False)
    lease = work.claim()
    lease.lost.set()
    work.run(lease)
    assert {line.state for line in receipts(job)} == {"PENDING"}
    job.refresh_from_db()
    assert job.state == "IN_PROGRESS"


def test_names_that_would_land_on_one_key_are_refused_before_anything_moves(
    subscriber, entitled_data_set, make_revision, connection
):
    revision = make_revision({"x-y": b"1", "x": b"2"})
    ids = dict(revision.assets.values_list("name", "pk"))
    with pytest.raises(KeysCollide):
        export(
            subscriber, entitled_data_set, make_revision({"n" * 1000: b"1"}), connection, "x" * 30 + "/${Asset.Name}"
        )
    assert Job.objects.count() == 0
    job = export(subscriber, entitled_data_set, revision, connection, "${Asset.Name}-${Asset.Id}")
    assert sorted(contents(connection)) == sorted(f"{name}-{pk}" for name, pk in ids.items())
    assert job.state == "COMPLETED"


def test_a_draft_is_not_exported(subscriber, entitled_data_set, connection, make_revision):
    with pytest.raises(Invalid, match="Only a finalized revision"):
        export(subscriber, entitled_data_set, make_revision(finalize=False), connection)
    assert Job.objects.count() == 0


def test_an_owner_exports_its_own_data_without_a_subscription(publisher, data_set, finalized_revision, bucket_name):
    destination = connect(publisher, bucket_name)
    job = exports.create_export(
        organization=publisher.organization,
        published_data_set=None,
        revision=finalized_revision,
        connection=destination,
        key_pattern="",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    exports.start(job=job, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    assert list(contents(destination)) == ["departures.csv"]


def test_a_job_starts_once_is_cancelled_only_before_and_retried_only_after_a_failure(
    subscriber, entitled_data_set, revision, connection
):
    change = {"actor": actor_of(subscriber), "at": timezone.now()}
    job = export(subscriber, entitled_data_set, revision, connection, run=False)
    with pytest.raises(JobNotWaiting):
        lifecycle.start_job(job=job, **change)
    with pytest.raises(JobNotWaiting):
        lifecycle.cancel_job(job=job, **change)
    with pytest.raises(JobNotFailed):
        lifecycle.retry_job(job=job, **change)
    work.run_due()
    with pytest.raises(JobNotFailed):
        lifecycle.retry_job(job=job, **change)
    assert WorkItem.objects.filter(task="jobs.run_job").count() == 1
    waiting = exports.create_export(
        organization=subscriber.organization,
        published_data_set=entitled_data_set,
        revision=revision,
        connection=connection,
        key_pattern="",
        **change,
    )
    assert lifecycle.cancel_job(job=waiting, **change).state == "CANCELLED"
    with pytest.raises(JobNotWaiting):
        lifecycle.start_job(job=waiting, **change)


def test_the_receipt_says_what_stands_where(subscriber, entitled_data_set, revision, connection):
    job = export(subscriber, entitled_data_set, revision, connection)
    receipt = manifest(job)
    assert (receipt["job_id"], receipt["state"], receipt["revision_id"]) == (job.pk, "COMPLETED", revision.pk)
    assert receipt["data_set_id"] == entitled_data_set.pk
    assert receipt["destination"] == {
        "bucket": connection.bucket,
        "endpoint_url": connection.endpoint_url,
        "key_pattern": "${Asset.Name}",
    }
    assert receipt["totals"] == {"objects": 3, "objects_planned": 3, "size_bytes": 10}
    bucket = storage.bucket_of(connection)
    for line in receipt["objects"]:
        there = bucket.head(line["key"])
        assert (there.etag, there.size_bytes) == (line["etag"], line["size_bytes"])
        assert bucket.digest(line["key"]).sha256 == line["sha256"]
    assert connection.access_key_id not in str(receipt)


def test_a_store_that_goes_away_in_the_middle_is_left_alone_until_the_next_attempt(
    subscriber, entitled_data_set, make_revision, connection, monkeypatch
):
    revision = make_revision({f"{n:02}.csv": b"x%d" % n for n in range(40)})
    job = export(subscriber, entitled_data_set, revision, connection, run=False)
    monkeypatch.setattr(moving, "PARALLEL", 1)
    copy, asked = storage.Bucket.copy_from, []

    def away_after_five(self, *arguments, **options):
        asked.append(arguments[2])
        if len(asked) > 5:
            raise storage.StorageFault("unreachable", "The endpoint cannot be reached.")
        return copy(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(storage.Bucket, "copy_from", away_after_five)
        work.run_due()
    job.refresh_from_db()
    assert (job.state, job.objects_done) == ("IN_PROGRESS", 5)
    assert len(asked) == 6
    again()
    job.refresh_from_db()
    assert (job.state, job.objects_done) == ("COMPLETED", 40)


def test_the_open_upload_of_a_run_that_was_killed_is_dropped_and_nobody_elses(
    subscriber, entitled_data_set, make_revision, elsewhere
):
    revision = make_revision({"a.csv": b"id\n1\n"})
    job = export(subscriber, entitled_data_set, revision, elsewhere, run=False)
    bucket = storage.bucket_of(elsewhere)
    bucket.create_upload("a.csv", content_type="text/csv")
    bucket.create_upload("a.csv.gz", content_type="text/csv")
    Transfer.objects.filter(job=job).update(attempts=1)
    work.run_due()
    job.refresh_from_db()
    assert job.state == "COMPLETED"
    left = bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads", [])
    assert [entry["Key"] for entry in left] == ["a.csv.gz"]
