"""Jobs over the AWS-shaped API: what can be asked for, who sees it, and each state it can be moved to."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job
from jobs.operations import lifecycle
from jobs.operations.lifecycle import RETENTION, JobExpired
from marketplace.core import storage, waiting, work
from publishers.operations import revisions
from tests.callers import Caller
from tests.conftest import actor_of, connect
from tests.jobs.apis import md5_of
from tests.jobs.parties import auto_export, contents
from tests.together import Call

pytestmark = pytest.mark.django_db
MISSING = "0f" * 16


@pytest.fixture
def owner(publisher) -> Caller:
    return Caller(publisher)


@pytest.fixture
def reader(subscriber, agreement) -> Caller:
    return Caller(subscriber)


def upload(revision, name="signed.csv", content=b"x", **changes):
    details = {
        "AssetName": name,
        "DataSetId": revision.data_set_id,
        "RevisionId": revision.pk,
        "Md5Hash": md5_of(content),
    }
    return {"Type": "IMPORT_ASSET_FROM_SIGNED_URL", "Details": {"ImportAssetFromSignedUrl": details | changes}}


def url_export(revision, data_set_id=None):
    details = {
        "AssetId": revision.assets.get().pk,
        "DataSetId": data_set_id or revision.data_set_id,
        "RevisionId": revision.pk,
    }
    return {"Type": "EXPORT_ASSET_TO_SIGNED_URL", "Details": {"ExportAssetToSignedUrl": details}}


def revision_export(revision, bucket, data_set_id=None, **changes):
    destination = {"RevisionId": revision.pk, "Bucket": bucket}
    details = {"DataSetId": data_set_id or revision.data_set_id, "RevisionDestinations": [destination]}
    return {"Type": "EXPORT_REVISIONS_TO_S3", "Details": {"ExportRevisionsToS3": details | changes}}


# --- creating -----------------------------------------------------------------------------------------------------------
def test_a_job_is_created_waiting_and_mirrors_the_request(owner, draft_revision, publisher):
    made = owner.ok("CreateJob", **upload(draft_revision))
    assert (made["State"], made["Type"]) == ("WAITING", "IMPORT_ASSET_FROM_SIGNED_URL")
    assert made["Arn"].endswith(f":{publisher.organization.account_id}:jobs/{made['Id']}")
    details = made["Details"]["ImportAssetFromSignedUrl"]
    wanted = upload(draft_revision)["Details"]["ImportAssetFromSignedUrl"]
    assert {name: details[name] for name in wanted} == wanted
    assert details["SignedUrl"].startswith("http")
    assert "Errors" not in made
    seen = owner.ok("GetJob", JobId=made["Id"])
    assert seen["Details"]["ImportAssetFromSignedUrl"]["AssetName"] == "signed.csv"


def test_details_must_hold_the_member_of_the_type_and_no_other(owner, draft_revision, finalized_revision):
    right = upload(draft_revision)["Details"]
    other = url_export(finalized_revision)["Details"]
    for details in ({}, other, right | other):
        refused = owner.call("CreateJob", Type="IMPORT_ASSET_FROM_SIGNED_URL", Details=details)
        assert (refused.status, refused.error) == (400, "Validation"), refused.body
        assert "ImportAssetFromSignedUrl" in refused.message
    assert owner.refused("CreateJob", Type="EXPORT_EVERYTHING", Details=right) == (400, "Validation")
    assert owner.refused("CreateJob", Type="IMPORT_ASSET_FROM_URL", Details=right) == (400, "Validation")
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"Md5Hash": "x" * 24},
        {"Md5Hash": "A" * 23 + "="},
        {"Md5Hash": "short"},
        {"AssetName": ""},
        {"AssetName": "../x"},
        {"AssetName": "a\x00"},
        {"AssetName": "x" * 1025},
        {"RevisionId": "nope"},
    ],
)
def test_details_that_make_no_sense_are_refused(owner, draft_revision, changes):
    assert owner.refused("CreateJob", **upload(draft_revision, **changes)) == (400, "Validation")
    assert Job.objects.count() == 0


def test_a_target_must_be_ones_own_draft(owner, reader, draft_revision, finalized_revision, entitled_data_set):
    assert owner.refused("CreateJob", **upload(finalized_revision)) == (409, "Conflict")
    assert owner.refused("CreateJob", **upload(draft_revision, "departures.csv")) == (409, "Conflict")
    for wrong in ({"RevisionId": MISSING}, {"DataSetId": MISSING}):
        assert owner.refused("CreateJob", **upload(draft_revision, **wrong)) == (404, "ResourceNotFound")
    assert reader.refused("CreateJob", **upload(draft_revision)) == (404, "ResourceNotFound")
    entitled = upload(finalized_revision, DataSetId=entitled_data_set.pk)
    assert reader.refused("CreateJob", **entitled) == (403, "AccessDenied")


def test_what_a_job_makes_is_tagged(owner, draft_revision):
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    made = owner.ok("CreateJob", AssetConfiguration={"Tags": tags}, **upload(draft_revision))
    assert made["AssetConfiguration"] == {"Tags": tags}
    storage.vault().put(f"incoming/{made['Id']}", b"x")
    owner.ok("StartJob", JobId=made["Id"])
    work.run_due()
    done = owner.ok("GetJob", JobId=made["Id"])
    assert done["State"] == "COMPLETED"
    (asset_id,) = done["Details"]["ImportAssetFromSignedUrl"]["AssetIds"]
    ids = {"DataSetId": draft_revision.data_set_id, "RevisionId": draft_revision.pk, "AssetId": asset_id}
    assert owner.ok("GetAsset", **ids)["Tags"] == {"a": "1", "b": ""}


def test_tags_of_a_job_are_checked_and_belong_to_imports(owner, draft_revision, finalized_revision):
    for tags in (
        [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
        [{"Key": "aws:a", "Value": "1"}],
        [{"Key": str(n), "Value": ""} for n in range(51)],
    ):
        refused = owner.refused("CreateJob", AssetConfiguration={"Tags": tags}, **upload(draft_revision))
        assert refused == (400, "Validation")
    tagged = {"AssetConfiguration": {"Tags": [{"Key": "a", "Value": "1"}]}}
    assert owner.refused("CreateJob", **tagged, **url_export(finalized_revision)) == (400, "Validation")
    assert owner.ok("CreateJob", AssetConfiguration={}, **url_export(finalized_revision))["State"] == "WAITING"


def test_importing_and_exporting_need_different_scopes(
    publisher, subscriber, draft_revision, finalized_revision, entitled_data_set
):
    entitled = url_export(finalized_revision, entitled_data_set.pk)
    cases = (
        (publisher, "publish:write", upload(draft_revision), True),
        (publisher, "subscriptions:write", upload(draft_revision), False),
        (publisher, "publish:write", url_export(finalized_revision), True),
        (publisher, "subscriptions:write", url_export(finalized_revision), False),
        (subscriber, "subscriptions:write", entitled, True),
        (subscriber, "publish:write", entitled, False),
        (publisher, "publish:read", upload(draft_revision), False),
    )
    for member, scope, wanted, is_allowed in cases:
        answer = Caller(member, scope).call("CreateJob", **wanted)
        assert (answer.status, answer.error) == ((201, "") if is_allowed else (403, "AccessDenied")), (scope, wanted)
    ours = Job.objects.get(published_data_set__isnull=False)
    for operation in ("StartJob", "CancelJob"):
        assert Caller(subscriber, "publish:write").refused(operation, JobId=ours.pk) == (403, "AccessDenied")
    assert Caller(subscriber, "subscriptions:write").call("StartJob", JobId=ours.pk).status == 202


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Encryption": {"Type": "aws:kms", "KmsKeyArn": "arn:aws:kms:x"}}, "not offered"),
        ({"Encryption": {"Type": "AES256", "KmsKeyArn": "arn:aws:kms:x"}}, "goes with"),
        ({"RevisionDestinations": []}, "exactly one"),
    ],
)
def test_an_export_that_cannot_be_is_refused(owner, publisher, finalized_revision, bucket_name, changes, sentence):
    connect(publisher, bucket_name)
    refused = owner.call("CreateJob", **revision_export(finalized_revision, bucket_name, **changes))
    assert (refused.status, refused.error) == (400, "Validation")
    assert sentence in refused.message
    assert Job.objects.count() == 0


def test_an_export_names_one_revision_and_a_connected_bucket(owner, publisher, finalized_revision, bucket_name):
    two = [
        {"RevisionId": finalized_revision.pk, "Bucket": bucket_name, "KeyPattern": f"{n}/${{Asset.Name}}"} for n in "ab"
    ]
    wanted = revision_export(finalized_revision, bucket_name)
    assert owner.call("CreateJob", **wanted).status in {400, 404}
    connect(publisher, bucket_name)
    refused = owner.call("CreateJob", **revision_export(finalized_revision, bucket_name, RevisionDestinations=two))
    assert (refused.status, refused.error) == (400, "Validation")
    details = owner.ok("CreateJob", **wanted)["Details"]["ExportRevisionsToS3"]
    assert details["RevisionDestinations"] == [
        {"RevisionId": finalized_revision.pk, "Bucket": bucket_name, "KeyPattern": "${Asset.Name}"}
    ]
    assert not {"Encryption", "EventActionArn"} & set(details)
    encrypted = revision_export(finalized_revision, bucket_name, Encryption={"Type": "AES256"})
    assert owner.ok("CreateJob", **encrypted)["Details"]["ExportRevisionsToS3"]["Encryption"] == {"Type": "AES256"}


def test_a_draft_is_not_exported(owner, draft_revision):
    assert owner.refused("CreateJob", **url_export(draft_revision)) == (400, "Validation")


def test_what_was_revoked_is_not_exported(owner, reader, publisher, finalized_revision, entitled_data_set):
    revisions.revoke_revision(
        revision=finalized_revision, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    refused = reader.call("CreateJob", **url_export(finalized_revision, entitled_data_set.pk))
    assert (refused.status, refused.error) == (403, "AccessDenied")
    assert "The figures were wrong." in refused.message


# --- moving -------------------------------------------------------------------------------------------------------------
def test_only_a_waiting_job_is_started_or_cancelled(owner, finalized_revision):
    job, other = (owner.ok("CreateJob", **url_export(finalized_revision))["Id"] for _ in range(2))
    assert owner.call("StartJob", JobId=job).status == 202
    for operation in ("StartJob", "CancelJob"):
        assert owner.refused(operation, JobId=job) == (409, "Conflict")
    assert owner.call("CancelJob", JobId=other).status == 204
    for operation in ("StartJob", "CancelJob"):
        refused = owner.call(operation, JobId=other)
        assert (refused.status, refused.body["ResourceType"], refused.body["ResourceId"]) == (409, "JOB", other)
    work.run_due()
    assert [owner.ok("GetJob", JobId=each)["State"] for each in (job, other)] == ["COMPLETED", "CANCELLED"]
    assert owner.refused("CancelJob", JobId=job) == (409, "Conflict")


def test_a_foreign_job_is_not_found(owner, stranger, finalized_revision):
    job = owner.ok("CreateJob", **url_export(finalized_revision))["Id"]
    other = Caller(stranger)
    for operation in ("GetJob", "StartJob", "CancelJob"):
        assert other.refused(operation, JobId=job) == (404, "ResourceNotFound")
        assert other.refused(operation, JobId=MISSING) == (404, "ResourceNotFound")
    assert other.ok("ListJobs")["Jobs"] == []
    assert Job.objects.get().state == "WAITING"


def test_a_job_is_shown_for_90_days(owner, publisher, finalized_revision):
    job = owner.ok("CreateJob", **url_export(finalized_revision))["Id"]
    now = timezone.now()
    Job.objects.filter(pk=job).update(created_at=now - RETENTION + timedelta(minutes=5))
    assert owner.ok("GetJob", JobId=job)["Id"] == job
    assert [row["Id"] for row in owner.ok("ListJobs")["Jobs"]] == [job]
    Job.objects.filter(pk=job).update(created_at=now - RETENTION)
    for operation in ("GetJob", "StartJob", "CancelJob"):
        assert owner.refused(operation, JobId=job) == (404, "ResourceNotFound")
    assert owner.ok("ListJobs")["Jobs"] == []
    with pytest.raises(JobExpired):
        lifecycle.start_job(job=Job.objects.get(pk=job), actor=actor_of(publisher), at=now)
    assert Job.objects.get(pk=job).state == "WAITING"


def test_a_job_outlives_its_revision(owner, publisher, make_revision, bucket_name):
    connection = connect(publisher, bucket_name)
    revision = make_revision()
    waits = owner.ok("CreateJob", **revision_export(revision, bucket_name))["Id"]
    running = owner.ok("CreateJob", **revision_export(revision, bucket_name))["Id"]
    cancelled = owner.ok("CreateJob", **revision_export(revision, bucket_name))["Id"]
    owner.ok("StartJob", JobId=running)
    owner.ok("DeleteRevision", DataSetId=revision.data_set_id, RevisionId=revision.pk)
    owner.ok("DeleteDataSet", DataSetId=revision.data_set_id)
    assert owner.call("StartJob", JobId=waits).status == 202
    assert owner.call("CancelJob", JobId=cancelled).status == 204
    work.run_due()
    for job in (waits, running):
        seen = owner.ok("GetJob", JobId=job)
        assert (seen["State"], seen["Errors"][0]["Code"]) == ("ERROR", "RESOURCE_NOT_FOUND_EXCEPTION")
        destination = seen["Details"]["ExportRevisionsToS3"]["RevisionDestinations"][0]
        assert destination["RevisionId"] == revision.id
    assert len(owner.ok("ListJobs", DataSetId=revision.data_set_id)["Jobs"]) == 3
    assert contents(connection) == {}


def test_an_import_into_a_deleted_revision_ends_and_is_shown(owner, draft_revision):
    job = owner.ok("CreateJob", **upload(draft_revision))["Id"]
    owner.ok("DeleteRevision", DataSetId=draft_revision.data_set_id, RevisionId=draft_revision.pk)
    owner.ok("StartJob", JobId=job)
    work.run_due()
    seen = owner.ok("GetJob", JobId=job)
    assert (seen["State"], seen["Errors"][0]["Code"]) == ("ERROR", "RESOURCE_NOT_FOUND_EXCEPTION")
    assert seen["Details"]["ImportAssetFromSignedUrl"]["RevisionId"] == draft_revision.id


# --- listing ------------------------------------------------------------------------------------------------------------
def test_jobs_are_listed_newest_first_and_narrowed(
    owner, publisher, reader, make_revision, entitled_data_set, draft_revision
):
    first, second = make_revision(), make_revision()
    a = owner.ok("CreateJob", **url_export(first))["Id"]
    b = owner.ok("CreateJob", **url_export(second))["Id"]
    c = owner.ok("CreateJob", **upload(draft_revision))["Id"]
    d = reader.ok("CreateJob", **url_export(second, entitled_data_set.pk))["Id"]
    owner.ok("CancelJob", JobId=b)

    def listed(program, options=None, **members):
        answer = program.call("ListJobs", options, **members)
        assert answer.status == 200, answer.body
        return [row["Id"] for row in answer.body["Jobs"]]

    source = first.data_set_id
    assert listed(owner) == listed(owner, DataSetId=source) == [c, b, a]
    assert listed(owner, RevisionId=second.pk) == [b]
    assert listed(owner, DataSetId=source, RevisionId=first.pk) == [a]
    assert listed(owner, DataSetId=MISSING) == []
    assert listed(owner, {"type": "EXPORT_ASSET_TO_SIGNED_URL"}) == [b, a]
    assert listed(owner, {"state": "WAITING"}) == [c, a]
    assert listed(owner, {"state": "WAITING", "type": "EXPORT_ASSET_TO_SIGNED_URL"}) == [a]
    assert listed(reader) == listed(reader, DataSetId=entitled_data_set.pk) == [d]
    assert listed(reader, DataSetId=source) == []
    for options in ({"type": "NONE"}, {"state": "waiting"}, {"type": "IMPORT_ASSET_FROM_URL"}, {"state": ""}):
        assert owner.call("ListJobs", options).status == 400
    page = owner.ok("ListJobs", MaxResults=2)
    assert [row["Id"] for row in page["Jobs"]] == [c, b]
    rest = owner.ok("ListJobs", MaxResults=2, NextToken=page["NextToken"])
    assert ([row["Id"] for row in rest["Jobs"]], rest.get("NextToken")) == ([a], None)
    assert owner.refused("ListJobs", NextToken=page["NextToken"], DataSetId=source) == (400, "Validation")
    assert reader.refused("ListJobs", NextToken=page["NextToken"]) == (400, "Validation")


def test_a_job_of_an_auto_export_names_it(reader, subscriber, entitled_data_set, connection, make_revision):
    action = auto_export(subscriber, entitled_data_set, connection)
    make_revision()
    (job,) = reader.ok("ListJobs")["Jobs"]
    details = job["Details"]["ExportRevisionsToS3"]
    assert (job["State"], details["DataSetId"]) == ("COMPLETED", entitled_data_set.pk)
    assert details["EventActionArn"].endswith(f":event-actions/{action.pk}")


# --- waiting ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seconds", ["0", "31", "x", "", "-1", "1.5", "9" * 5000])
def test_seconds_that_are_none_are_refused_in_every_state(owner, finalized_revision, seconds):
    job = owner.ok("CreateJob", **url_export(finalized_revision))["Id"]
    for _ in range(2):
        answer = owner.call("GetJob", {"wait": seconds}, JobId=job)
        assert (answer.status, answer.error) == (400, "Validation")
        if Job.objects.get().state == "WAITING":
            owner.ok("StartJob", JobId=job)


def test_a_job_that_does_not_run_is_answered_at_once(owner, finalized_revision, monkeypatch):
    monkeypatch.setattr(waiting.time, "sleep", lambda _: pytest.fail("it slept"))
    job = owner.ok("CreateJob", **url_export(finalized_revision))["Id"]
    assert owner.call("GetJob", {"wait": "30"}, JobId=job).body["State"] == "WAITING"
    owner.ok("CancelJob", JobId=job)
    assert owner.call("GetJob", {"wait": "30"}, JobId=job).body["State"] == "CANCELLED"


@pytest.mark.django_db(transaction=True)
def test_waiting_ends_when_the_job_does(owner, finalized_revision):
    job = owner.ok("CreateJob", **url_export(finalized_revision))["Id"]
    owner.ok("StartJob", JobId=job)
    answered = threading.Event()

    def ask():
        answer = owner.call("GetJob", {"wait": "30"}, JobId=job)
        answered.set()
        return answer

    waiter = Call(ask)
    waiter.start()
    time.sleep(0.5)
    assert not answered.is_set()
    work.run_due()
    assert waiter.outcome().body["State"] == "COMPLETED"


@pytest.mark.django_db(transaction=True)
def test_waiting_gives_up_and_answers_what_is(owner, finalized_revision):
    job = owner.ok("CreateJob", **url_export(finalized_revision))["Id"]
    owner.ok("StartJob", JobId=job)
    assert owner.call("GetJob", {"wait": "1"}, JobId=job).body["State"] == "IN_PROGRESS"
