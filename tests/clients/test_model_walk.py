"""Every operation of the dataexchange model by boto3: one accepted and one refused call, each answer read against the model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from marketplace.awsapi import registry
from marketplace.awsapi.openapi import COMMON_ERRORS
from tests.clients.stage import Stage, client_of
from tests.clients.wire import Answer, Recorder, problems_of, problems_of_refusal, service_model

MODEL = service_model("dataexchange")
OPERATIONS = sorted(MODEL.operation_names)
#: refusals of the client itself, which every operation may answer; and those that only some operations model
COMMON = {code for codes in COMMON_ERRORS.values() for code in codes} | {"ResourceNotFoundException"}
NOBODYS = "0" * 32
Scenario = Callable[[Stage, Any, Any], None]

ACCEPTED: dict[str, Scenario] = {}
#: operation -> (errors of which one is expected, scenario)
REFUSED: dict[str, tuple[set[str], Scenario]] = {}


def accepted(function: Scenario) -> Scenario:
    """Register a scenario under the operation that its name says; it gets the stage and both parties' clients."""
    ACCEPTED[operation_of(function)] = function
    return function


def refused(*errors: str) -> Callable[[Scenario], Scenario]:
    """Register a scenario whose call is answered by one of the errors."""

    def register(function: Scenario) -> Scenario:
        REFUSED[operation_of(function)] = ({f"{error}Exception" for error in errors}, function)
        return function

    return register


def operation_of(function: Scenario) -> str:
    """Return `GetDataSet` for `get_data_set` and `get_data_set_refused`."""
    words = function.__name__.removesuffix("_refused").split("_")
    return "".join(word.capitalize() for word in words)


# --- data sets ----------------------------------------------------------------------------------------------------------
@accepted
def create_data_set(stage, publisher, subscriber):
    made = publisher.create_data_set(
        AssetType="S3_SNAPSHOT", Name="Ünïcode ≠ ASCII", Description="A\nb", Tags={"team": "tides", "empty": ""}
    )
    assert made["Tags"] == {"team": "tides", "empty": ""}
    assert (made["Origin"], made["Name"]) == ("OWNED", "Ünïcode ≠ ASCII")
    assert made["Arn"].split(":")[4] == stage.publisher.credentials["account_id"]


@refused("Validation")
def create_data_set_refused(stage, publisher, subscriber):
    publisher.create_data_set(AssetType="NONE_SUCH", Name="x", Description="y")


@accepted
def get_data_set(stage, publisher, subscriber):
    assert publisher.get_data_set(DataSetId=stage.data_set)["Id"] == stage.data_set
    entitled = subscriber.get_data_set(DataSetId=stage.entitled)
    assert entitled["OriginDetails"] == {"ProductId": stage.product["id"]}
    assert entitled["Arn"].split(":")[4] == ""
    assert "Tags" not in entitled


@refused("ResourceNotFound")
def get_data_set_refused(stage, publisher, subscriber):
    subscriber.get_data_set(DataSetId=stage.data_set)


@accepted
def list_data_sets(stage, publisher, subscriber):
    assert stage.data_set in [row["Id"] for page in pages(publisher, "list_data_sets") for row in page["DataSets"]]
    entitled = [row for page in pages(subscriber, "list_data_sets", Origin="ENTITLED") for row in page["DataSets"]]
    assert stage.entitled in [row["Id"] for row in entitled] or stage.entitled
    assert all("Tags" not in row for row in entitled)


def pages(client: Any, name: str, **arguments: Any) -> list[dict[str, Any]]:
    """Return all pages of a list, two rows each."""
    return list(client.get_paginator(name).paginate(PaginationConfig={"PageSize": 2}, **arguments))


@refused("Validation")
def list_data_sets_refused(stage, publisher, subscriber):
    publisher.list_data_sets(MaxResults=201)


@accepted
def update_data_set(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    changed = publisher.update_data_set(DataSetId=data_set, Name="Renamed")
    assert (changed["Name"], "Tags" in changed) == ("Renamed", False)
    assert publisher.update_data_set(DataSetId=data_set)["Name"] == "Renamed"


@refused("AccessDenied", "Validation")
def update_data_set_refused(stage, publisher, subscriber):
    subscriber.update_data_set(DataSetId=stage.entitled, Name="Mine now")


@accepted
def delete_data_set(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    stage.finalized_revision(data_set)
    publisher.delete_data_set(DataSetId=data_set)
    with pytest.raises(publisher.exceptions.ResourceNotFoundException):
        publisher.get_data_set(DataSetId=data_set)


@refused("Conflict")
def delete_data_set_refused(stage, publisher, subscriber):
    assert stage.product
    publisher.delete_data_set(DataSetId=stage.data_set)


# --- revisions ----------------------------------------------------------------------------------------------------------
@accepted
def create_revision(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    assert publisher.create_revision(DataSetId=data_set)["Finalized"] is False
    assert publisher.create_revision(DataSetId=data_set, Comment="c", Tags={"a": "b"})["Tags"] == {"a": "b"}


@refused("ResourceNotFound")
def create_revision_refused(stage, publisher, subscriber):
    publisher.create_revision(DataSetId=NOBODYS)


@accepted
def get_revision(stage, publisher, subscriber):
    assert publisher.get_revision(DataSetId=stage.data_set, RevisionId=stage.revision)["Finalized"] is True
    revision = subscriber.get_revision(DataSetId=stage.entitled, RevisionId=stage.revision)
    assert (revision["DataSetId"], "Tags" in revision) == (stage.entitled, False)


@refused("ResourceNotFound")
def get_revision_refused(stage, publisher, subscriber):
    publisher.get_revision(DataSetId=stage.data_set, RevisionId=NOBODYS)


@accepted
def list_data_set_revisions(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    made = [publisher.create_revision(DataSetId=data_set)["Id"] for _ in range(3)]
    found = [
        row["Id"]
        for page in pages(publisher, "list_data_set_revisions", DataSetId=data_set)
        for row in page["Revisions"]
    ]
    assert found == made[::-1]
    assert subscriber.list_data_set_revisions(DataSetId=stage.entitled)["Revisions"]


@refused("Validation")
def list_data_set_revisions_refused(stage, publisher, subscriber):
    publisher.list_data_set_revisions(DataSetId="not-an-id")


@accepted
def update_revision(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    revision = stage.draft_revision(data_set)
    assert publisher.update_revision(DataSetId=data_set, RevisionId=revision, Comment="c")["Comment"] == "c"
    assert publisher.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)["Finalized"] is True
    assert publisher.update_revision(DataSetId=data_set, RevisionId=revision)["Finalized"] is True
    assert publisher.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=False)["Finalized"] is False


@refused("Validation")
def update_revision_refused(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    empty = publisher.create_revision(DataSetId=data_set)["Id"]
    publisher.update_revision(DataSetId=data_set, RevisionId=empty, Finalized=True)


@accepted
def revoke_revision(stage, publisher, subscriber):
    revision = stage.published_revision()
    made = publisher.revoke_revision(DataSetId=stage.data_set, RevisionId=revision, RevocationComment="Wrong by a day.")
    assert (made["Finalized"], made["Revoked"], made["RevokedAt"]) == (True, True, made["UpdatedAt"])
    seen = subscriber.get_revision(DataSetId=stage.entitled, RevisionId=revision)
    assert (seen["Revoked"], seen["RevocationComment"]) == (True, "Wrong by a day.")


@refused("Conflict", "Validation")
def revoke_revision_refused(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    draft = publisher.create_revision(DataSetId=data_set)["Id"]
    publisher.revoke_revision(DataSetId=data_set, RevisionId=draft, RevocationComment="Never was published.")


@accepted
def delete_revision(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    draft, finalized = stage.draft_revision(data_set), stage.finalized_revision(data_set)
    for revision in (draft, finalized):
        publisher.delete_revision(DataSetId=data_set, RevisionId=revision)
    assert publisher.list_data_set_revisions(DataSetId=data_set)["Revisions"] == []


@refused("Conflict")
def delete_revision_refused(stage, publisher, subscriber):
    publisher.delete_revision(DataSetId=stage.data_set, RevisionId=stage.published_revision())


# --- assets -------------------------------------------------------------------------------------------------------------
@accepted
def get_asset(stage, publisher, subscriber):
    place = {"RevisionId": stage.revision, "AssetId": stage.asset}
    owned = publisher.get_asset(DataSetId=stage.data_set, **place)
    assert owned["AssetDetails"] == {"S3SnapshotAsset": {"Size": 4.0}}
    entitled = subscriber.get_asset(DataSetId=stage.entitled, **place)
    assert (entitled["Name"], entitled["DataSetId"]) == ("a.csv", stage.entitled)


@refused("ResourceNotFound")
def get_asset_refused(stage, publisher, subscriber):
    publisher.get_asset(DataSetId=stage.data_set, RevisionId=stage.revision, AssetId=NOBODYS)


@accepted
def list_revision_assets(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    revision = publisher.create_revision(DataSetId=data_set)["Id"]
    for name in ("b.csv", "a.csv", "c.csv"):
        stage.publisher.import_by_signed_url(data_set, revision, name, b"x\n1\n")
    listed = pages(publisher, "list_revision_assets", DataSetId=data_set, RevisionId=revision)
    assert [row["Name"] for page in listed for row in page["Assets"]] == ["c.csv", "b.csv", "a.csv"]
    assert subscriber.list_revision_assets(DataSetId=stage.entitled, RevisionId=stage.revision)["Assets"]


@refused("ResourceNotFound")
def list_revision_assets_refused(stage, publisher, subscriber):
    subscriber.list_revision_assets(DataSetId=stage.data_set, RevisionId=stage.revision)


@accepted
def update_asset(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    revision = stage.draft_revision(data_set)
    asset = stage.asset_of(data_set, revision)
    changed = publisher.update_asset(DataSetId=data_set, RevisionId=revision, AssetId=asset, Name="folder/z.csv")
    assert changed["Name"] == "folder/z.csv"


@refused("Conflict")
def update_asset_refused(stage, publisher, subscriber):
    publisher.update_asset(DataSetId=stage.data_set, RevisionId=stage.revision, AssetId=stage.asset, Name="z.csv")


@accepted
def delete_asset(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    revision = stage.draft_revision(data_set)
    publisher.delete_asset(DataSetId=data_set, RevisionId=revision, AssetId=stage.asset_of(data_set, revision))
    assert publisher.list_revision_assets(DataSetId=data_set, RevisionId=revision)["Assets"] == []


@refused("Conflict")
def delete_asset_refused(stage, publisher, subscriber):
    publisher.delete_asset(DataSetId=stage.data_set, RevisionId=stage.revision, AssetId=stage.asset)


# --- jobs ---------------------------------------------------------------------------------------------------------------
@accepted
def create_job(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    draft = publisher.create_revision(DataSetId=data_set)["Id"]
    place = {"DataSetId": data_set, "RevisionId": draft}
    read = {"DataSetId": stage.entitled, "RevisionId": stage.revision}
    to_bucket = {"AssetId": stage.asset, "Bucket": stage.bucket, "Key": "one.csv"}
    sources = {"AssetSources": [{"Bucket": stage.source, "Key": "b.csv"}]}
    upload = {"AssetName": "a", "Md5Hash": "A" * 22 + "=="}
    revisions = {"RevisionDestinations": [{"RevisionId": stage.revision, "Bucket": stage.bucket}]}
    jobs = [
        (publisher, "IMPORT_ASSETS_FROM_S3", "ImportAssetsFromS3", place | sources),
        (publisher, "IMPORT_ASSET_FROM_SIGNED_URL", "ImportAssetFromSignedUrl", place | upload),
        (subscriber, "EXPORT_ASSETS_TO_S3", "ExportAssetsToS3", read | {"AssetDestinations": [to_bucket]}),
        (subscriber, "EXPORT_ASSET_TO_SIGNED_URL", "ExportAssetToSignedUrl", read | {"AssetId": stage.asset}),
        (subscriber, "EXPORT_REVISIONS_TO_S3", "ExportRevisionsToS3", {"DataSetId": stage.entitled} | revisions),
    ]
    for client, kind, member, details in jobs:
        job = client.create_job(Type=kind, Details={member: details})
        assert (job["Type"], job["State"], list(job["Details"])) == (kind, "WAITING", [member])
        client.cancel_job(JobId=job["Id"])


@refused("Validation")
def create_job_refused(stage, publisher, subscriber):
    details = {"AssetId": stage.asset, "DataSetId": stage.entitled, "RevisionId": stage.revision}
    subscriber.create_job(Type="IMPORT_ASSETS_FROM_S3", Details={"ExportAssetToSignedUrl": details})


@accepted
def start_job(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    draft = publisher.create_revision(DataSetId=data_set)["Id"]
    stage.publisher.import_from_s3(data_set, draft, stage.source, ["b.csv"])
    details = {"AssetId": stage.asset, "DataSetId": stage.entitled, "RevisionId": stage.revision}
    job = subscriber.create_job(Type="EXPORT_ASSET_TO_SIGNED_URL", Details={"ExportAssetToSignedUrl": details})
    subscriber.start_job(JobId=job["Id"])
    assert stage.subscriber.wait_for_job(job["Id"])["State"] == "COMPLETED"
    publisher.start_job(JobId=stage.import_job(data_set, draft))


@refused("Conflict")
def start_job_refused(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    job = stage.import_job(data_set, publisher.create_revision(DataSetId=data_set)["Id"])
    publisher.cancel_job(JobId=job)
    publisher.start_job(JobId=job)


@accepted
def get_job(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    waiting = stage.import_job(data_set, publisher.create_revision(DataSetId=data_set)["Id"])
    details = publisher.get_job(JobId=waiting)["Details"]["ImportAssetFromSignedUrl"]
    assert {"SignedUrl", "SignedUrlExpiresAt"} <= set(details)
    # an upload that never came ends the job, with its reason
    publisher.start_job(JobId=waiting)
    assert stage.publisher.wait_for_job(waiting, state="ERROR")["Errors"]


@refused("ResourceNotFound")
def get_job_refused(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    subscriber.get_job(JobId=stage.import_job(data_set, publisher.create_revision(DataSetId=data_set)["Id"]))


@accepted
def list_jobs(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    draft = publisher.create_revision(DataSetId=data_set)["Id"]
    made = [stage.import_job(data_set, draft) for _ in range(3)]
    assert [row["Id"] for page in pages(publisher, "list_jobs", DataSetId=data_set) for row in page["Jobs"]] == made[
        ::-1
    ]
    assert len(publisher.list_jobs(RevisionId=draft)["Jobs"]) == 3


@refused("Validation")
def list_jobs_refused(stage, publisher, subscriber):
    publisher.list_jobs(NextToken="made up")


@accepted
def cancel_job(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    job = stage.import_job(data_set, publisher.create_revision(DataSetId=data_set)["Id"])
    publisher.cancel_job(JobId=job)
    assert publisher.get_job(JobId=job)["State"] == "CANCELLED"


@refused("Conflict")
def cancel_job_refused(stage, publisher, subscriber):
    data_set = stage.new_data_set()
    job = stage.import_job(data_set, publisher.create_revision(DataSetId=data_set)["Id"])
    publisher.cancel_job(JobId=job)
    publisher.cancel_job(JobId=job)


# --- auto-exports -------------------------------------------------------------------------------------------------------
@accepted
def create_event_action(stage, publisher, subscriber):
    made = subscriber.create_event_action(**stage.event_action_request(), Tags={"cost": "lab"})
    assert made["Tags"] == {"cost": "lab"}
    subscriber.delete_event_action(EventActionId=made["Id"])


@refused("Validation")
def create_event_action_refused(stage, publisher, subscriber):
    publisher.create_event_action(**stage.event_action_request(stage.data_set))


@accepted
def get_event_action(stage, publisher, subscriber):
    made = stage.new_event_action()
    assert subscriber.get_event_action(EventActionId=made["Id"])["Arn"] == made["Arn"]
    subscriber.delete_event_action(EventActionId=made["Id"])


@refused("ResourceNotFound")
def get_event_action_refused(stage, publisher, subscriber):
    subscriber.get_event_action(EventActionId=NOBODYS)


@accepted
def list_event_actions(stage, publisher, subscriber):
    made = stage.new_event_action()["Id"]
    found = subscriber.list_event_actions(EventSourceId=stage.entitled)["EventActions"]
    assert made in [row["Id"] for row in found]
    assert all("Tags" not in row for row in found)
    subscriber.delete_event_action(EventActionId=made)


@refused("Validation")
def list_event_actions_refused(stage, publisher, subscriber):
    subscriber.list_event_actions(MaxResults=1000)


@accepted
def update_event_action(stage, publisher, subscriber):
    made = stage.new_event_action()["Id"]
    destination = {"Bucket": stage.bucket, "KeyPattern": "in/${Revision.Id}/${Asset.Name}"}
    changed = subscriber.update_event_action(
        EventActionId=made, Action={"ExportRevisionToS3": {"RevisionDestination": destination}}
    )
    assert changed["Action"]["ExportRevisionToS3"]["RevisionDestination"] == destination
    subscriber.delete_event_action(EventActionId=made)


@refused("Validation", "ResourceNotFound")
def update_event_action_refused(stage, publisher, subscriber):
    made = stage.new_event_action()["Id"]
    destination = {"Bucket": "a-bucket-of-somebody-else"}
    try:
        subscriber.update_event_action(
            EventActionId=made, Action={"ExportRevisionToS3": {"RevisionDestination": destination}}
        )
    finally:
        subscriber.delete_event_action(EventActionId=made)


@accepted
def delete_event_action(stage, publisher, subscriber):
    made = stage.new_event_action()["Id"]
    subscriber.delete_event_action(EventActionId=made)
    assert made not in [row["Id"] for row in subscriber.list_event_actions()["EventActions"]]


@refused("ResourceNotFound")
def delete_event_action_refused(stage, publisher, subscriber):
    subscriber.delete_event_action(EventActionId=NOBODYS)


# --- notifications and proxied calls ------------------------------------------------------------------------------------
@accepted
def send_data_set_notification(stage, publisher, subscriber):
    at = datetime.now(UTC)
    publisher.send_data_set_notification(**stage.notify())
    publisher.send_data_set_notification(
        **stage.notify(Type="DATA_UPDATE", Details={"DataUpdate": {"DataUpdatedAt": at - timedelta(hours=1)}})
    )
    publisher.send_data_set_notification(
        **stage.notify(Type="DEPRECATION", Details={"Deprecation": {"DeprecationAt": at + timedelta(days=30)}})
    )
    change = {"Name": "height", "Type": "MODIFY", "Description": "In metres."}
    schema_change = {"SchemaChangeAt": at + timedelta(days=30), "Changes": [change]}
    publisher.send_data_set_notification(**stage.notify(Type="SCHEMA_CHANGE", Details={"SchemaChange": schema_change}))


@refused("Validation")
def send_data_set_notification_refused(stage, publisher, subscriber):
    publisher.send_data_set_notification(**stage.notify(DataSetId=stage.new_data_set()))


@accepted
def send_api_asset(stage, publisher, subscriber):
    answer = subscriber.send_api_asset(
        **stage.api_asset,
        Method="GET",
        Path="/healthz",
        QueryStringParameters={"q": "a b"},
        RequestHeaders={"x-lab": "1"},
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseHeaders"]


@refused("ResourceNotFound", "AccessDenied")
def send_api_asset_refused(stage, publisher, subscriber):
    subscriber.send_api_asset(DataSetId=NOBODYS, RevisionId=NOBODYS, AssetId=NOBODYS, Method="GET", Path="/healthz")


# --- data grants --------------------------------------------------------------------------------------------------------
@accepted
def create_data_grant(stage, publisher, subscriber):
    ends_at = datetime.now(UTC) + timedelta(days=30)
    made = publisher.create_data_grant(**stage.grant_request(EndsAt=ends_at, Description="d", Tags={"a": "b"}))
    assert (made["AcceptanceState"], made["Tags"]) == ("PENDING_RECEIVER_ACCEPTANCE", {"a": "b"})
    assert made["ReceiverPrincipal"] == stage.receiver_account


@refused("Validation", "Conflict")
def create_data_grant_refused(stage, publisher, subscriber):
    publisher.create_data_grant(**stage.grant_request(SourceDataSetId=stage.new_data_set()))


@accepted
def get_data_grant(stage, publisher, subscriber):
    made = stage.new_grant()
    assert publisher.get_data_grant(DataGrantId=made["Id"])["Arn"] == made["Arn"]
    assert publisher.get_data_grant(DataGrantId=made["Arn"])["Id"] == made["Id"]


@refused("ResourceNotFound")
def get_data_grant_refused(stage, publisher, subscriber):
    subscriber.get_data_grant(DataGrantId=stage.new_grant()["Id"])


@accepted
def list_data_grants(stage, publisher, subscriber):
    made = stage.new_grant()["Id"]
    assert made in [row["Id"] for page in pages(publisher, "list_data_grants") for row in page["DataGrantSummaries"]]


@refused("Validation")
def list_data_grants_refused(stage, publisher, subscriber):
    publisher.list_data_grants(NextToken="made up")


@accepted
def delete_data_grant(stage, publisher, subscriber):
    made = stage.new_grant()["Id"]
    publisher.delete_data_grant(DataGrantId=made)


@refused("ResourceNotFound")
def delete_data_grant_refused(stage, publisher, subscriber):
    subscriber.delete_data_grant(DataGrantId=stage.new_grant()["Id"])


@accepted
def accept_data_grant(stage, publisher, subscriber):
    grant = stage.new_grant()
    accepted_grant = subscriber.accept_data_grant(DataGrantArn=grant["Arn"])
    assert accepted_grant["AcceptanceState"] == "ACCEPTED"
    entitled = subscriber.get_data_set(DataSetId=accepted_grant["DataSetId"])
    assert entitled["OriginDetails"] == {"DataGrantId": grant["Id"]}
    assert subscriber.list_data_set_revisions(DataSetId=entitled["Id"])["Revisions"]
    publisher.delete_data_grant(DataGrantId=grant["Id"])
    with pytest.raises(subscriber.exceptions.ResourceNotFoundException):
        subscriber.get_data_set(DataSetId=entitled["Id"])


@refused("Conflict")
def accept_data_grant_refused(stage, publisher, subscriber):
    arn = stage.new_grant()["Arn"]
    subscriber.accept_data_grant(DataGrantArn=arn)
    subscriber.accept_data_grant(DataGrantArn=arn)


@accepted
def get_received_data_grant(stage, publisher, subscriber):
    grant = stage.new_grant()
    assert subscriber.get_received_data_grant(DataGrantArn=grant["Arn"])["Id"] == grant["Id"]


@refused("ResourceNotFound")
def get_received_data_grant_refused(stage, publisher, subscriber):
    publisher.get_received_data_grant(DataGrantArn=stage.new_grant()["Arn"])


@accepted
def list_received_data_grants(stage, publisher, subscriber):
    made = stage.new_grant()["Id"]
    pending = pages(subscriber, "list_received_data_grants", AcceptanceState=["PENDING_RECEIVER_ACCEPTANCE"])
    rows = [row for page in pending for row in page["DataGrantSummaries"]]
    assert made in [row["Id"] for row in rows]
    assert {row["AcceptanceState"] for row in rows} == {"PENDING_RECEIVER_ACCEPTANCE"}


@refused("Validation")
def list_received_data_grants_refused(stage, publisher, subscriber):
    subscriber.list_received_data_grants(AcceptanceState=["PERHAPS"])


# --- tags ---------------------------------------------------------------------------------------------------------------
@accepted
def tag_resource(stage, publisher, subscriber):
    arn = publisher.get_data_set(DataSetId=stage.new_data_set())["Arn"]
    publisher.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
    publisher.tag_resource(ResourceArn=arn, Tags={"b": "3"})
    assert publisher.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"a": "1", "b": "3"}


@refused("Validation", "AccessDenied", "ResourceNotFound")
def tag_resource_refused(stage, publisher, subscriber):
    subscriber.tag_resource(ResourceArn=subscriber.get_data_set(DataSetId=stage.entitled)["Arn"], Tags={"a": "1"})


@accepted
def list_tags_for_resource(stage, publisher, subscriber):
    revision = publisher.create_revision(DataSetId=stage.new_data_set(), Tags={"a": "1"})
    assert publisher.list_tags_for_resource(ResourceArn=revision["Arn"])["Tags"] == {"a": "1"}


@refused("ResourceNotFound", "Validation")
def list_tags_for_resource_refused(stage, publisher, subscriber):
    arn = publisher.get_data_set(DataSetId=stage.data_set)["Arn"]
    subscriber.list_tags_for_resource(ResourceArn=arn)


@accepted
def untag_resource(stage, publisher, subscriber):
    made = publisher.create_data_set(AssetType="S3_SNAPSHOT", Name="x", Description="y", Tags={"a": "1", "b c": "2"})
    publisher.untag_resource(ResourceArn=made["Arn"], TagKeys=["b c", "never there"])
    assert publisher.get_data_set(DataSetId=made["Id"])["Tags"] == {"a": "1"}


@refused("ResourceNotFound", "Validation")
def untag_resource_refused(stage, publisher, subscriber):
    publisher.untag_resource(
        ResourceArn=f"arn:aws:dataexchange:us-east-1:123456789012:data-sets/{NOBODYS}", TagKeys=["a"]
    )


# --- the walk -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def recorded(stage) -> tuple[Any, Any, Callable[[], list[Answer]]]:
    """Clients of publisher and subscriber, and what both were answered."""
    clients = [client_of(stage.publisher), client_of(stage.subscriber)]
    recorders = [Recorder(client) for client in clients]
    return clients[0], clients[1], lambda: [answer for recorder in recorders for answer in recorder.answers]


def check(answers: list[Answer]) -> None:
    """Assert that every answer is what the model says, whichever operation gave it."""
    for answer in answers:
        model = MODEL.operation_model(answer.operation)
        found = problems_of_refusal(answer, model, COMMON) if answer.error else problems_of(answer, model)
        assert found == [], f"{answer.operation}: {found}"


def test_every_operation_of_the_model_is_served_and_walked() -> None:
    assert len(OPERATIONS) == 37
    assert sorted(registry.served("dataexchange")) == OPERATIONS
    assert sorted(ACCEPTED) == OPERATIONS
    assert sorted(REFUSED) == OPERATIONS


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_accepted_call_is_answered_as_modelled(operation, stage, recorded) -> None:
    publisher, subscriber, answers = recorded
    ACCEPTED[operation](stage, publisher, subscriber)
    assert any(answer.operation == operation and not answer.error for answer in answers())
    check(answers())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refused_call_is_answered_as_modelled(operation, stage, recorded) -> None:
    publisher, subscriber, answers = recorded
    expected, scenario = REFUSED[operation]
    with pytest.raises(ClientError) as caught:
        scenario(stage, publisher, subscriber)
    assert caught.value.operation_name == operation
    assert caught.value.response["Error"]["Code"] in expected, caught.value
    assert len(caught.value.response["Error"]["Message"]) > 10
    check(answers())
