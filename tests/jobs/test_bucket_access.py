"""Live access to a bucket as an asset: all of it, or up to five places, shown readable before anybody relies on it."""

import pytest
from django.utils import timezone

from jobs.models import Job
from jobs.operations import bucket_access, lifecycle
from jobs.operations.imports import asset_id_of
from jobs.tasks import run_job
from marketplace.core import storage, work
from marketplace.core.errors import Invalid, LimitExceeded
from marketplace.core.models import StorageConnection, WorkItem
from publishers.models import Asset, AssetType
from publishers.operations import data_sets, revisions
from publishers.operations.revisions import AssetTypeDiffers, RevisionIsFinalized
from tests.callers import Caller
from tests.conftest import actor_of, connect
from tests.grants import accept, give_data_grant
from tests.jobs.parties import again, receipts

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(publisher):
    """An empty draft of a data set of buckets."""
    at, actor = timezone.now(), actor_of(publisher)
    made = data_sets.create_data_set(
        owner=publisher.organization,
        name="Lake",
        description="Live.",
        asset_type=AssetType.S3_DATA_ACCESS,
        actor=actor,
        at=at,
    )
    return revisions.create_revision(data_set=made, comment="", actor=actor, at=at)


@pytest.fixture
def source(publisher, bucket_name) -> StorageConnection:
    """A connected bucket of the publisher with three objects."""
    connection = connect(publisher, bucket_name)
    bucket = storage.bucket_of(connection)
    for key in ("in/a.csv", "in/b.csv", "out.csv"):
        bucket.put(key, b"x")
    return connection


def create(draft, member, connection, *, prefixes=(), keys=(), kms=(), **changes) -> Job:
    return bucket_access.create_bucket_access(
        organization=member.organization,
        revision=draft,
        connection=connection,
        key_prefixes=list(prefixes),
        keys=list(keys),
        kms_key_arns=list(kms),
        actor=actor_of(member),
        at=timezone.now(),
        **changes,
    )


def run(job, member) -> Job:
    lifecycle.start_job(job=job, actor=actor_of(member), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    return job


def test_a_whole_bucket_is_shared(draft, publisher, source):
    job = run(create(draft, publisher, source, asset_tags={"a": "1"}), publisher)
    assert (job.state, job.errors, job.objects_done) == ("COMPLETED", [], 1)
    asset = draft.assets.get()
    access = asset.details["S3DataAccessAsset"]
    assert (asset.name, asset.size_bytes, asset.vault_key, asset.tags) == (
        f"s3-data-access-{asset.pk}",
        0,
        "",
        {"a": "1"},
    )
    assert access == {
        "Bucket": source.bucket,
        "S3AccessPointAlias": f"dx-{asset.pk}-s3alias",
        "S3AccessPointArn": access["S3AccessPointArn"],
    }
    assert access["S3AccessPointArn"].split(":")[4] == publisher.organization.account_id
    assert receipts(job)[0].asset_id == asset.pk


def test_prefixes_keys_and_key_arns_are_kept_as_given(draft, publisher, source):
    job = create(
        draft, publisher, source, prefixes=["in/", "o"], keys=["out.csv"], kms=["arn:aws:kms:1", "arn:aws:kms:2"]
    )
    assert run(job, publisher).state == "COMPLETED"
    access = draft.assets.get().details["S3DataAccessAsset"]
    assert (access["KeyPrefixes"], access["Keys"]) == (["in/", "o"], ["out.csv"])
    assert access["KmsKeysToGrant"] == [{"KmsKeyArn": "arn:aws:kms:1"}, {"KmsKeyArn": "arn:aws:kms:2"}]


def test_an_empty_bucket_can_be_shared_since_objects_come_later(draft, publisher, bucket_name):
    assert run(create(draft, publisher, connect(publisher, bucket_name)), publisher).state == "COMPLETED"


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ({"prefixes": ["a", "b", "c"], "keys": ["d", "e", "f"]}, "at most 5"),
        ({"prefixes": [""]}, "1 to 1,024 bytes"),
        ({"keys": ["é" * 513]}, "1 to 1,024 bytes"),
        ({"keys": ["a", "a"]}, "named once"),
        ({"prefixes": ["a"], "keys": ["a"]}, "named once"),
    ],
)
def test_places_that_make_no_sense_are_refused(draft, publisher, source, places, sentence):
    with pytest.raises(Invalid, match=sentence):
        create(draft, publisher, source, **places)
    assert Job.objects.count() == 0


def test_five_places_are_allowed(draft, publisher, source):
    assert create(draft, publisher, source, prefixes=["a", "b", "c"], keys=["d", "e"]).state == "WAITING"


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ({"keys": ["none.csv"]}, "does not exist"),
        ({"prefixes": ["in/", "none/"]}, "no object below none/"),
    ],
)
def test_what_is_not_there_ends_the_job_and_is_named(draft, publisher, source, places, sentence):
    job = run(create(draft, publisher, source, **places), publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "RESOURCE_NOT_FOUND_EXCEPTION")
    assert sentence in job.cause
    assert draft.assets.count() == 0
    storage.bucket_of(source).put("none.csv", b"x")
    storage.bucket_of(source).put("none/x", b"x")
    lifecycle.retry_job(job=job, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    assert (job.state, draft.assets.count()) == ("COMPLETED", 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"removed_at": "2026-01-01T00:00Z"}, "RESOURCE_NOT_FOUND_EXCEPTION"),
        ({"access_key_id": "NOBODY"}, "ACCESS_DENIED_EXCEPTION"),
        ({"bucket": "no-such-bucket-here"}, "RESOURCE_NOT_FOUND_EXCEPTION"),
    ],
)
def test_a_bucket_that_cannot_be_read_any_more_ends_the_job(draft, publisher, source, change, code):
    job = create(draft, publisher, source)
    StorageConnection.objects.filter(pk=source.pk).update(**change)
    run(job, publisher)
    assert (job.state, job.errors[0]["code"], draft.assets.count()) == ("ERROR", code, 0)


def test_a_store_that_is_away_is_asked_again(draft, publisher, source, settings):
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, "127.0.0.1:1"]
    job = create(draft, publisher, source)
    endpoint = source.endpoint_url
    StorageConnection.objects.filter(pk=source.pk).update(endpoint_url="http://127.0.0.1:1")
    assert run(job, publisher).state == "IN_PROGRESS"
    assert WorkItem.objects.get(task="jobs.run_job").state == "PENDING"
    StorageConnection.objects.filter(pk=source.pk).update(endpoint_url=endpoint)
    again()
    job.refresh_from_db()
    assert job.state == "COMPLETED"


def test_the_type_the_state_and_the_number_are_checked(draft, publisher, source, draft_revision, settings):
    with pytest.raises(AssetTypeDiffers):
        create(draft_revision, publisher, source)
    settings.QUOTAS = settings.QUOTAS | {"Amazon S3 data access assets per revision": 1}
    late = create(draft, publisher, source)
    run(create(draft, publisher, source), publisher)
    with pytest.raises(LimitExceeded, match="Amazon S3 data access assets per revision"):
        create(draft, publisher, source)
    run(late, publisher)
    assert (late.state, late.errors[0]["limit_name"]) == ("ERROR", "Amazon S3 data access assets per revision")
    shown = Caller(publisher).ok("GetJob", JobId=late.pk)["Errors"][0]
    assert (shown["Code"], shown["LimitName"], shown["LimitValue"]) == (
        "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
        "Amazon S3 data access assets per revision",
        1.0,
    )
    revisions.finalize_revision(revision=draft, actor=actor_of(publisher), at=timezone.now())
    draft.refresh_from_db()
    with pytest.raises(RevisionIsFinalized):
        create(draft, publisher, source)


def test_a_second_run_changes_nothing(draft, publisher, source):
    job = run(create(draft, publisher, source), publisher)
    before = list(Asset.objects.values())
    Job.objects.filter(pk=job.pk).update(state="IN_PROGRESS", objects_done=0)
    job.transfers.update(state="PENDING", asset=None)
    run_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.objects_done, list(Asset.objects.values())) == ("COMPLETED", 1, before)
    assert before[0]["id"] == asset_id_of(job, 0)


def test_over_the_api_from_the_job_to_the_reader(draft, publisher, subscriber, source):
    owner, reader = Caller(publisher), Caller(subscriber)
    ids = {"DataSetId": draft.data_set_id, "RevisionId": draft.pk}
    place = {"Bucket": source.bucket, "KeyPrefixes": ["in/"], "KmsKeysToGrant": [{"KmsKeyArn": "arn:aws:kms:1"}]}
    wanted = {"AssetSource": place, **ids}
    kind = "CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET"
    made = owner.ok("CreateJob", Type=kind, Details={"CreateS3DataAccessFromS3Bucket": wanted})
    assert made["Details"] == {"CreateS3DataAccessFromS3Bucket": wanted}
    owner.ok("StartJob", JobId=made["Id"])
    work.run_due()
    done = owner.ok("GetJob", JobId=made["Id"])
    assert done["State"] == "COMPLETED"
    (asset_id,) = done["Details"]["CreateS3DataAccessFromS3Bucket"]["AssetIds"]
    for wrong, refusal in (
        ({"AssetSource": place | {"Bucket": "not-connected"}}, (404, "ResourceNotFound")),
        ({"AssetSource": place | {"KmsKeysToGrant": [{"KmsKeyArn": f"{n}"} for n in range(11)]}}, (400, "Validation")),
        ({"AssetSource": place | {"KeyPrefixes": [""]}}, (400, "Validation")),
        ({"RevisionId": "0" * 32}, (404, "ResourceNotFound")),
    ):
        details = {"CreateS3DataAccessFromS3Bucket": wanted | wrong}
        assert owner.refused("CreateJob", Type=kind, Details=details) == refusal, wrong
    owner.ok("UpdateRevision", Finalized=True, **ids)
    entry = accept(give_data_grant(publisher, subscriber, draft.data_set), subscriber)
    seen = reader.ok("GetAsset", DataSetId=entry.pk, RevisionId=draft.pk, AssetId=asset_id)
    access = seen["AssetDetails"]["S3DataAccessAsset"]
    assert (seen["AssetType"], access["Bucket"], access["KeyPrefixes"]) == ("S3_DATA_ACCESS", source.bucket, ["in/"])
    assert source.pk not in str(seen)
