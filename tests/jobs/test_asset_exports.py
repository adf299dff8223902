"""Exports of chosen assets: to one bucket or several, and to a URL; each asset where it was asked to go, or nowhere."""

import pytest
from django.utils import timezone

from jobs.key_patterns import KeyPatternRefused
from jobs.models import Job, Transfer
from jobs.operations import exports, lifecycle, signed_exports
from jobs.operations.exports import AssetDestination, KeysCollide
from jobs.tasks import run_job
from marketplace.core import storage, work
from marketplace.core.errors import Invalid, LimitExceeded, NotFound
from marketplace.core.models import StorageConnection
from publishers.operations import revisions
from publishers.operations.files import HoldsNoFiles
from subscriptions.operations import end_agreement
from tests.callers import Caller
from tests.conftest import actor_of, connect
from tests.grants import accept, give_data_grant, make_api_revision
from tests.jobs.parties import FILES, contents, receipts

pytestmark = pytest.mark.django_db
MISSING = "0f" * 16


@pytest.fixture
def revision(make_revision, agreement):
    """A revision of three files that the subscriber may read."""
    return make_revision(FILES)


@pytest.fixture
def second(subscriber, bucket_name) -> StorageConnection:
    """Another bucket of the subscriber."""
    name = f"{bucket_name}-2"
    storage.vault().make_sibling(name)
    return connect(subscriber, name)


def asset_of(revision, name: str) -> str:
    return str(revision.assets.get(name=name).pk)


def create(member, entry, revision, *destinations: AssetDestination, **changes) -> Job:
    return exports.create_asset_export(
        organization=member.organization,
        published_data_set=entry,
        revision=revision,
        destinations=list(destinations),
        actor=actor_of(member),
        at=timezone.now(),
        **changes,
    )


def create_url(member, entry, revision, asset_id: str) -> Job:
    return signed_exports.create_signed_url_export(
        organization=member.organization,
        published_data_set=entry,
        revision=revision,
        asset_id=asset_id,
        actor=actor_of(member),
        at=timezone.now(),
    )


def run(job: Job, member) -> Job:
    lifecycle.start_job(job=job, actor=actor_of(member), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    return job


# --- to buckets ---------------------------------------------------------------------------------------------------------
def test_chosen_assets_go_to_several_buckets_under_keys_of_their_own(
    subscriber, entitled_data_set, revision, connection, second
):
    a, c = asset_of(revision, "a.csv"), asset_of(revision, "b/c.csv")
    job = create(
        subscriber,
        entitled_data_set,
        revision,
        AssetDestination(a, connection, "new/é name.csv"),
        AssetDestination(a, second),
        AssetDestination(c, second, "c.csv"),
    )
    assert (job.connection, job.objects_total, job.bytes_total) == (None, 3, 15)
    assert contents(connection) == contents(second) == {}
    run(job, subscriber)
    assert (job.state, job.errors, job.objects_done) == ("COMPLETED", [], 3)
    assert contents(connection) == {"new/é name.csv": FILES["a.csv"]}
    assert contents(second) == {"a.csv": FILES["a.csv"], "c.csv": FILES["b/c.csv"]}
    assert [(line.key, line.connection_id, line.state) for line in receipts(job)] == [
        ("new/é name.csv", connection.pk, "DONE"),
        ("a.csv", second.pk, "DONE"),
        ("c.csv", second.pk, "DONE"),
    ]


def test_with_one_bucket_the_job_names_it(subscriber, entitled_data_set, revision, connection):
    job = create(subscriber, entitled_data_set, revision, AssetDestination(asset_of(revision, "a.csv"), connection))
    assert job.connection == connection
    run(job, subscriber)
    assert contents(connection) == {"a.csv": FILES["a.csv"]}
    assert receipts(job)[0].connection_id is None


def test_the_same_key_in_two_buckets_is_two_places_and_in_one_bucket_a_collision(
    subscriber, entitled_data_set, revision, connection, second
):
    a, c = asset_of(revision, "a.csv"), asset_of(revision, "b/c.csv")
    two = [AssetDestination(a, connection, "x"), AssetDestination(c, second, "x")]
    assert run(create(subscriber, entitled_data_set, revision, *two), subscriber).state == "COMPLETED"
    before = (Job.objects.count(), Transfer.objects.count())
    with pytest.raises(KeysCollide):
        create(subscriber, entitled_data_set, revision, *two, AssetDestination(a, second, "x"))
    with pytest.raises(KeysCollide):
        create(
            subscriber,
            entitled_data_set,
            revision,
            AssetDestination(a, connection),
            AssetDestination(c, connection, "a.csv"),
        )
    assert (Job.objects.count(), Transfer.objects.count()) == before


@pytest.mark.parametrize("key", ["/x", "x/", "a//b", "..", "a/../b", "./a", "a\nb", "a\x7f", "é" * 513])
def test_a_key_that_leads_astray_is_refused(subscriber, entitled_data_set, revision, connection, key):
    with pytest.raises(KeyPatternRefused):
        create(subscriber, entitled_data_set, revision, AssetDestination(asset_of(revision, "a.csv"), connection, key))
    assert Job.objects.count() == 0


def test_what_cannot_be_exported_is_refused(subscriber, entitled_data_set, revision, connection, make_revision):
    other, draft = make_revision({"other.csv": b"1"}), make_revision(finalize=False)
    foreign = AssetDestination(asset_of(other, "other.csv"), connection)
    with pytest.raises(NotFound):
        create(subscriber, entitled_data_set, revision, foreign)
    with pytest.raises(NotFound):
        create_url(subscriber, entitled_data_set, revision, foreign.asset_id)
    with pytest.raises(Invalid, match="at least one"):
        create(subscriber, entitled_data_set, revision)
    with pytest.raises(Invalid, match="finalized"):
        create(subscriber, entitled_data_set, draft, AssetDestination(draft.assets.get().pk, connection))
    with pytest.raises(Invalid, match="finalized"):
        create_url(subscriber, entitled_data_set, draft, draft.assets.get().pk)
    with pytest.raises(LimitExceeded, match="Asset per export job"):
        places = [AssetDestination(asset_of(revision, "a.csv"), connection, f"{n}") for n in range(101)]
        create(subscriber, entitled_data_set, revision, *places)
    assert Job.objects.count() == 0


def test_a_hundred_destinations_are_allowed(subscriber, entitled_data_set, revision, connection):
    places = [AssetDestination(asset_of(revision, "a.csv"), connection, f"{n}") for n in range(100)]
    job = run(create(subscriber, entitled_data_set, revision, *places), subscriber)
    assert (job.state, job.objects_done, len(contents(connection))) == ("COMPLETED", 100, 100)


def test_what_holds_no_files_is_not_exported(publisher, subscriber, connection):
    revision = make_api_revision(publisher)
    entry = accept(give_data_grant(publisher, subscriber, revision.data_set), subscriber)
    asset_id = revision.assets.get().pk
    with pytest.raises(HoldsNoFiles):
        create(subscriber, entry, revision, AssetDestination(asset_id, connection))
    with pytest.raises(HoldsNoFiles):
        create_url(subscriber, entry, revision, asset_id)
    assert Job.objects.count() == 0


def test_one_bucket_that_is_lost_ends_the_job_before_anything_is_written(
    subscriber, entitled_data_set, revision, connection, second
):
    a = asset_of(revision, "a.csv")
    job = create(subscriber, entitled_data_set, revision, AssetDestination(a, connection), AssetDestination(a, second))
    StorageConnection.objects.filter(pk=second.pk).update(removed_at=timezone.now())
    run(job, subscriber)
    assert (job.state, job.errors[0]["code"], job.objects_done) == ("ERROR", "VALIDATION_EXCEPTION", 0)
    assert contents(connection) == {}
    StorageConnection.objects.filter(pk=second.pk).update(removed_at=None)
    lifecycle.retry_job(job=job, actor=actor_of(subscriber), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.objects_done) == ("COMPLETED", 2)


def test_a_second_run_finds_what_the_first_delivered_in_each_bucket(
    subscriber, entitled_data_set, revision, connection, second
):
    a = asset_of(revision, "a.csv")
    job = create(subscriber, entitled_data_set, revision, AssetDestination(a, connection), AssetDestination(a, second))
    run(job, subscriber)
    Job.objects.filter(pk=job.pk).update(state="IN_PROGRESS", objects_done=0, bytes_done=0)
    Transfer.objects.filter(job=job).update(state="PENDING", method="", verified_by="")
    run_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.objects_done, job.bytes_done) == ("COMPLETED", 2, 10)
    assert {line.method for line in receipts(job)} == {"found"}


@pytest.mark.parametrize("how", ["revoked", "ended"])
def test_who_may_not_read_any_more_gets_nothing(
    subscriber, publisher, agreement, entitled_data_set, revision, connection, how
):
    a = asset_of(revision, "a.csv")
    to_bucket = create(subscriber, entitled_data_set, revision, AssetDestination(a, connection))
    to_url = create_url(subscriber, entitled_data_set, revision, a)
    if how == "revoked":
        revisions.revoke_revision(
            revision=revision, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
        )
    else:
        end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    for job in (to_bucket, to_url):
        run(job, subscriber)
        assert (job.state, job.errors[0]["code"]) == ("ERROR", "ACCESS_DENIED_EXCEPTION")
        assert signed_exports.export_url(job, at=timezone.now()) is None
    assert contents(connection) == {}


# --- to a URL -----------------------------------------------------------------------------------------------------------
def test_the_url_is_there_once_the_job_is_done_and_for_an_hour(subscriber, entitled_data_set, revision):
    job = create_url(subscriber, entitled_data_set, revision, asset_of(revision, "a.csv"))
    assert signed_exports.export_url(job, at=timezone.now()) is None
    run(job, subscriber)
    assert (job.state, job.objects_done, job.bytes_done) == ("COMPLETED", 1, 5)
    url, until = signed_exports.export_url(job, at=timezone.now())
    assert until == job.finished_at + signed_exports.EXPORT_URL_LIFE
    token = url.rsplit("/", 1)[1]
    asset, found = signed_exports.asset_of_export_url(token, at=timezone.now())
    assert (asset.name, found) == ("a.csv", job)
    assert signed_exports.export_url(job, at=until) is None
    with pytest.raises(NotFound):
        signed_exports.asset_of_export_url(token, at=until)


def test_the_url_ends_with_the_right_to_read(subscriber, publisher, entitled_data_set, revision):
    job = run(create_url(subscriber, entitled_data_set, revision, asset_of(revision, "a.csv")), subscriber)
    token = signed_exports.export_url(job, at=timezone.now())[0].rsplit("/", 1)[1]
    revisions.revoke_revision(
        revision=revision, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    with pytest.raises(NotFound):
        signed_exports.asset_of_export_url(token, at=timezone.now())


def test_an_asset_that_is_missing_in_the_vault_ends_the_job(subscriber, entitled_data_set, revision):
    storage.vault().delete(revision.assets.get(name="a.csv").vault_key)
    job = run(create_url(subscriber, entitled_data_set, revision, asset_of(revision, "a.csv")), subscriber)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "RESOURCE_NOT_FOUND_EXCEPTION")
    assert signed_exports.export_url(job, at=timezone.now()) is None


def test_the_run_of_a_finished_url_export_changes_nothing(subscriber, entitled_data_set, revision):
    job = run(create_url(subscriber, entitled_data_set, revision, asset_of(revision, "a.csv")), subscriber)
    before = (Job.objects.values().get(), list(Transfer.objects.values()))
    run_job(job_id=job.pk)
    assert (Job.objects.values().get(), list(Transfer.objects.values())) == before


# --- over the API -------------------------------------------------------------------------------------------------------
def test_both_kinds_over_the_api(subscriber, entitled_data_set, revision, connection, second):
    program = Caller(subscriber)
    ids = {"DataSetId": entitled_data_set.pk, "RevisionId": revision.pk}
    a, c = asset_of(revision, "a.csv"), asset_of(revision, "b/c.csv")
    places = [
        {"AssetId": a, "Bucket": connection.bucket},
        {"AssetId": c, "Bucket": second.bucket, "Key": "deep/c.csv"},
    ]
    wanted = {"AssetDestinations": places, "Encryption": {"Type": "AES256"}, **ids}
    made = program.ok("CreateJob", Type="EXPORT_ASSETS_TO_S3", Details={"ExportAssetsToS3": wanted})
    places[0]["Key"] = "a.csv"
    assert made["Details"] == {"ExportAssetsToS3": wanted}
    program.ok("StartJob", JobId=made["Id"])
    url = {"ExportAssetToSignedUrl": {"AssetId": a, **ids}}
    other = program.ok("CreateJob", Type="EXPORT_ASSET_TO_SIGNED_URL", Details=url)
    assert other["Details"] == url
    program.ok("StartJob", JobId=other["Id"])
    work.run_due()
    assert program.ok("GetJob", JobId=made["Id"])["State"] == "COMPLETED"
    assert (contents(connection), contents(second)) == (
        {"a.csv": FILES["a.csv"]},
        {"deep/c.csv": FILES["b/c.csv"]},
    )
    details = program.ok("GetJob", JobId=other["Id"])["Details"]["ExportAssetToSignedUrl"]
    assert details["SignedUrl"].startswith("http")
    assert details["SignedUrlExpiresAt"].endswith("Z")
    assert "AssetIds" not in details
    for wrong, refusal in (
        ({"AssetDestinations": [{"AssetId": MISSING, "Bucket": second.bucket}]}, (404, "ResourceNotFound")),
        ({"AssetDestinations": [{"AssetId": a, "Bucket": "not-connected"}]}, (404, "ResourceNotFound")),
        ({"AssetDestinations": [{"AssetId": a, "Bucket": second.bucket, "Key": "../x"}]}, (400, "Validation")),
        ({"AssetDestinations": []}, (400, "Validation")),
        ({"Encryption": {"Type": "aws:kms", "KmsKeyArn": "arn:aws:kms:x"}}, (400, "Validation")),
        ({"RevisionId": MISSING}, (404, "ResourceNotFound")),
    ):
        refused = program.refused("CreateJob", Type="EXPORT_ASSETS_TO_S3", Details={"ExportAssetsToS3": wanted | wrong})
        assert refused == refusal, wrong
    many = [{"AssetId": a, "Bucket": second.bucket, "Key": f"{n}"} for n in range(101)]
    over = program.call(
        "CreateJob", Type="EXPORT_ASSETS_TO_S3", Details={"ExportAssetsToS3": wanted | {"AssetDestinations": many}}
    )
    assert (over.status, over.body["LimitName"]) == (402, "Asset per export job from Amazon S3")
    assert Job.objects.count() == 2
