"""Imports of everything below a prefix, or of what a manifest names: found when the job runs, all of it or nothing."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job, Transfer
from jobs.operations import imports, lifecycle, listing
from jobs.operations.listing import read_manifest
from jobs.tasks import run_job
from marketplace.core import storage, work
from marketplace.core.errors import Invalid
from marketplace.core.models import StorageConnection, WorkItem
from publishers.models import Asset
from publishers.operations import revisions
from publishers.operations.revisions import AssetTypeDiffers, RevisionIsFinalized
from tests.callers import Caller
from tests.conftest import actor_of, connect, put_asset
from tests.grants import make_api_revision
from tests.jobs.parties import again

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(data_set, publisher):
    """An empty draft."""
    return revisions.create_revision(data_set=data_set, comment="", actor=actor_of(publisher), at=timezone.now())


@pytest.fixture
def source(publisher, bucket_name) -> StorageConnection:
    """A connected bucket of the publisher, empty."""
    return connect(publisher, bucket_name)


def fill(connection: StorageConnection, **objects: bytes) -> None:
    bucket = storage.bucket_of(connection)
    for key, content in objects.items():
        bucket.put(key, content)


def create(draft, member, connection, **changes) -> Job:
    return imports.create_import_from_listing(
        organization=member.organization,
        revision=draft,
        connection=connection,
        actor=actor_of(member),
        at=timezone.now(),
        **changes,
    )


def run(job: Job, member) -> Job:
    lifecycle.start_job(job=job, actor=actor_of(member), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    return job


def names(draft) -> list[str]:
    return sorted(draft.assets.values_list("name", flat=True))


# --- manifests as text --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "keys"),
    [
        (b"", []),
        (b"\n \n", []),
        (b"a.csv\nb/c.csv\n", ["a.csv", "b/c.csv"]),
        (b" a.csv \r\ns3://lake/b c.csv\r\n", ["a.csv", "b c.csv"]),
        ("\ufeffgröße.csv".encode(), ["größe.csv"]),
        (b"s3://lake/a?b#c", ["a?b#c"]),
        (b"s3://lake/[a]", ["[a]"]),
        (b'{"entries": []}', []),
        (b' {"entries": [{"url": "s3://lake/a", "mandatory": true}, {"url": "b"}], "more": 1}', ["a", "b"]),
    ],
)
def test_a_manifest_names_keys(content, keys):
    assert list(read_manifest(content, bucket="lake")) == keys


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe", "must be UTF-8"),
        (b"{", "must be UTF-8: JSON"),
        (b'{"entries": ' + b"[" * 100_000, "must be UTF-8: JSON"),
        (b"{}", "looks like"),
        (b'{"entries": {}}', "looks like"),
        (b'{"entries": ["a"]}', "has a `url`"),
        (b'{"entries": [{}]}', "has a `url`"),
        (b'{"entries": [{"url": 5}]}', "has a `url`"),
        (b"s3://other/a", "not in the bucket lake"),
        (b"s3://lake.evil/a", "not in the bucket lake"),
        (b"s3://lake@evil/a", "not in the bucket lake"),
        (b"s3://[bad/a", "not in the bucket lake"),
        (b"s3://", "not in the bucket lake"),
        (b'{"entries": [{"url": "s3://other/a"}]}', "not in the bucket lake"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(content, sentence):
    with pytest.raises(Invalid, match=sentence):
        list(read_manifest(content, bucket="lake"))


# --- by prefix ----------------------------------------------------------------------------------------------------------
def test_everything_below_a_prefix_becomes_assets(draft, publisher, source):
    fill(source, **{"in/a.csv": b"1", "in/deep/b.csv": b"22", "in/": b"", "inn.csv": b"x", "out.csv": b"x"})
    job = run(create(draft, publisher, source, prefix="in/", asset_tags={"a": "1"}), publisher)
    assert (job.state, job.errors, job.objects_total, job.objects_done, job.bytes_done) == ("COMPLETED", [], 2, 2, 3)
    assert names(draft) == ["in/a.csv", "in/deep/b.csv"]
    assert [asset.tags for asset in draft.assets.all()] == [{"a": "1"}] * 2


def test_without_a_prefix_it_is_the_whole_bucket(draft, publisher, source):
    fill(source, **{"a.csv": b"1", "b/c.csv": b"2"})
    assert run(create(draft, publisher, source), publisher).state == "COMPLETED"
    assert names(draft) == ["a.csv", "b/c.csv"]


def test_250_objects_come_in_one_job(draft, publisher, source):
    fill(source, **{f"in/{n:03}.csv": b"%d" % n for n in range(250)})
    job = run(create(draft, publisher, source, prefix="in/"), publisher)
    assert (job.state, job.objects_total, job.objects_done) == ("COMPLETED", 250, 250)
    assert names(draft) == [f"in/{n:03}.csv" for n in range(250)]
    details = Caller(publisher).ok("GetJob", JobId=job.pk)["Details"]["ImportAssetsFromS3"]
    assert details["AssetSources"] == [{"Bucket": source.bucket, "Key": "in/"}]
    assert len(details["AssetIds"]) == 250


def test_a_manifest_chooses_each_object_once(draft, publisher, source):
    fill(
        source,
        **{
            "a.csv": b"1",
            "b.csv": b"2",
            "c.csv": b"3",
            "list": f"a.csv\ns3://{source.bucket}/c.csv\na.csv\n".encode(),
            "list.json": json.dumps({"entries": [{"url": f"s3://{source.bucket}/b.csv"}]}).encode(),
        },
    )
    assert run(create(draft, publisher, source, manifest_key="list"), publisher).state == "COMPLETED"
    assert names(draft) == ["a.csv", "c.csv"]
    assert run(create(draft, publisher, source, manifest_key="list.json"), publisher).state == "COMPLETED"
    assert names(draft) == ["a.csv", "b.csv", "c.csv"]


# --- refused ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "changes",
    [{"prefix": "x" * 1025}, {"manifest_key": "é" * 513}, {"prefix": "a", "manifest_key": "b"}, {"prefix": "a\x00"}],
)
def test_a_place_that_makes_no_sense_is_refused(draft, publisher, source, changes):
    with pytest.raises(Invalid):
        create(draft, publisher, source, **changes)
    assert Job.objects.count() == 0


def test_a_draft_of_files_is_needed(finalized_revision, publisher, source):
    with pytest.raises(RevisionIsFinalized):
        create(finalized_revision, publisher, source)
    with pytest.raises(AssetTypeDiffers):
        create(make_api_revision(publisher, finalize=False), publisher, source)


@pytest.mark.parametrize(
    ("objects", "changes", "code", "sentence"),
    [
        ({}, {"prefix": "in/"}, "VALIDATION_EXCEPTION", "nothing to import"),
        ({"in/": b""}, {"prefix": "in/"}, "VALIDATION_EXCEPTION", "nothing to import"),
        ({"list": b"\n"}, {"manifest_key": "list"}, "VALIDATION_EXCEPTION", "nothing to import"),
        ({}, {"manifest_key": "list"}, "RESOURCE_NOT_FOUND_EXCEPTION", "does not exist"),
        ({"list": b"{"}, {"manifest_key": "list"}, "VALIDATION_EXCEPTION", "must be UTF-8"),
        ({"list": b"s3://[bad/a"}, {"manifest_key": "list"}, "VALIDATION_EXCEPTION", "not in the bucket"),
        ({"list": b"../a"}, {"manifest_key": "list"}, "VALIDATION_EXCEPTION", "cannot be used"),
        ({"list": b"a/"}, {"manifest_key": "list"}, "VALIDATION_EXCEPTION", "cannot be used"),
        ({"list": b"a\x00b"}, {"manifest_key": "list"}, "VALIDATION_EXCEPTION", "NUL"),
        ({"list": b"x" * 1025}, {"manifest_key": "list"}, "VALIDATION_EXCEPTION", "1,024"),
        ({"list": b"none.csv"}, {"manifest_key": "list"}, "RESOURCE_NOT_FOUND_EXCEPTION", "none.csv"),
    ],
)
def test_what_cannot_be_found_ends_the_job_with_a_sentence(draft, publisher, source, objects, changes, code, sentence):
    fill(source, **objects)
    job = run(create(draft, publisher, source, **changes), publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", code), job.errors
    assert sentence in job.cause
    assert draft.assets.count() == 0


def test_a_manifest_that_is_too_long_is_not_read(draft, publisher, source, monkeypatch):
    monkeypatch.setattr(listing, "LARGEST_MANIFEST", 10)
    fill(source, list=b"x" * 11)
    job = run(create(draft, publisher, source, manifest_key="list"), publisher)
    assert (job.state, "at most 10 bytes" in job.cause) == ("ERROR", True)


def test_more_objects_than_a_revision_holds_are_refused_before_one_is_moved(draft, publisher, source, settings):
    settings.QUOTAS = settings.QUOTAS | {"Assets per revision": 3}
    fill(source, **{f"in/{n}": b"x" for n in range(3)})
    put_asset(draft, "there.csv", b"x", publisher)
    job = run(create(draft, publisher, source, prefix="in/"), publisher)
    assert (job.state, job.errors[0]["code"], job.errors[0]["limit_name"], job.errors[0]["limit_value"]) == (
        "ERROR",
        "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
        "Assets per revision",
        3,
    )
    assert (names(draft), Transfer.objects.filter(job=job).count()) == (["there.csv"], 0)
    settings.QUOTAS = settings.QUOTAS | {"Assets per revision": 4}
    lifecycle.retry_job(job=job, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    assert (job.state, len(names(draft))) == ("COMPLETED", 4)


def test_a_revision_that_is_more_than_full_by_now_ends_the_job(draft, publisher, source, settings):
    fill(source, **{"in/a": b"x"})
    for n in range(4):
        put_asset(draft, f"{n}.csv", b"x", publisher)
    settings.QUOTAS = settings.QUOTAS | {"Assets per revision": 1}
    job = run(create(draft, publisher, source, prefix="in/"), publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "SERVICE_QUOTA_EXCEEDED_EXCEPTION"), job.errors


def test_a_name_that_is_taken_ends_the_job_before_one_is_moved(draft, publisher, source):
    fill(source, **{"in/a": b"x", "in/b": b"x"})
    put_asset(draft, "in/b", b"mine", publisher)
    job = run(create(draft, publisher, source, prefix="in/"), publisher)
    assert (job.state, "already has an asset named in/b" in job.cause) == ("ERROR", True)
    assert names(draft) == ["in/b"]


def test_a_bucket_that_was_disconnected_ends_the_job(draft, publisher, source):
    fill(source, **{"in/a": b"x"})
    job = create(draft, publisher, source, prefix="in/")
    StorageConnection.objects.filter(pk=source.pk).update(removed_at=timezone.now())
    run(job, publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "RESOURCE_NOT_FOUND_EXCEPTION")


def test_a_store_that_is_away_is_asked_again(draft, publisher, source, settings):
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, "127.0.0.1:1"]
    fill(source, **{"in/a": b"x"})
    endpoint = source.endpoint_url
    job = create(draft, publisher, source, prefix="in/")
    StorageConnection.objects.filter(pk=source.pk).update(endpoint_url="http://127.0.0.1:1")
    assert run(job, publisher).state == "IN_PROGRESS"
    assert WorkItem.objects.get(task="jobs.run_job").state == "PENDING"
    StorageConnection.objects.filter(pk=source.pk).update(endpoint_url=endpoint)
    again()
    job.refresh_from_db()
    assert (job.state, names(draft)) == ("COMPLETED", ["in/a"])


# --- killed and run again -----------------------------------------------------------------------------------------------
def test_a_worker_that_dies_leaves_a_job_that_the_next_one_ends(draft, publisher, source, monkeypatch):
    """The lease of the first run ends after 20 of 60 objects; nothing is imported twice, nothing is left out."""
    fill(source, **{f"in/{n:02}": b"%d" % n for n in range(60)})
    job = create(draft, publisher, source, prefix="in/")
    lifecycle.start_job(job=job, actor=actor_of(publisher), at=timezone.now())
    receive, received = imports._receive, []

    class Killed(BaseException):
        """The process ends here, without any clean-up."""

    def receive_and_die(*arguments):
        if len(received) == 20:
            raise Killed
        received.append(1)
        receive(*arguments)

    lease = work.claim()
    assert lease is not None
    while lease.task != "jobs.run_job":
        work.run(lease)
        lease = work.claim()
    with monkeypatch.context() as patch:
        patch.setattr(imports, "_receive", receive_and_die)
        with pytest.raises(Killed):
            work.run(lease)
    job.refresh_from_db()
    assert (job.state, job.objects_total, job.objects_done) == ("IN_PROGRESS", 60, 20)
    assert draft.assets.count() == 21  # one has no receipt yet
    fill(source, **{"in/60": b"late"})  # what is imported was settled by the first run
    WorkItem.objects.filter(state="RUNNING").update(lease_until=timezone.now() - timedelta(hours=1))
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.objects_total, job.objects_done) == ("COMPLETED", 60, 60)
    assert names(draft) == [f"in/{n:02}" for n in range(60)]
    assert job.bytes_done == sum(len(str(n)) for n in range(60))
    in_vault = {
        key for asset in Asset.objects.filter(revision=draft) for key in storage.vault().list_keys(f"assets/{asset.pk}")
    }
    assert in_vault == set(draft.assets.values_list("vault_key", flat=True))


def test_the_run_of_a_finished_job_changes_nothing(draft, publisher, source):
    fill(source, **{"in/a": b"x"})
    job = run(create(draft, publisher, source, prefix="in/"), publisher)
    fill(source, **{"in/b": b"x"})
    before = (Job.objects.values().get(), list(Transfer.objects.values()), list(Asset.objects.values()))
    run_job(job_id=job.pk)
    assert (Job.objects.values().get(), list(Transfer.objects.values()), list(Asset.objects.values())) == before
