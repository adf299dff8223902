"""Auto-exports over the AWS-shaped API: on entitled data sets only, tested at the bucket, the event fixed for good."""

import pytest
from django.utils import timezone

from jobs.models import EventAction
from marketplace.core import storage
from marketplace.core.models import StorageConnection
from subscriptions.operations import end_agreement
from tests.callers import Caller
from tests.conftest import actor_of, connect
from tests.jobs.parties import contents

pytestmark = pytest.mark.django_db
MISSING = "0f" * 16


def event(data_set_id: str) -> dict:
    return {"RevisionPublished": {"DataSetId": data_set_id}}


def action(bucket: str, pattern: str = "", **export) -> dict:
    destination = {"Bucket": bucket} | ({"KeyPattern": pattern} if pattern else {})
    return {"ExportRevisionToS3": {"RevisionDestination": destination} | export}


@pytest.fixture
def reader(subscriber, agreement) -> Caller:
    return Caller(subscriber)


def test_an_auto_export_is_made_shown_changed_and_removed(
    reader, subscriber, entitled_data_set, connection, make_revision, bucket_name
):
    made = reader.ok(
        "CreateEventAction",
        Event=event(entitled_data_set.pk),
        Action=action(connection.bucket, Encryption={"Type": "AES256"}),
        Tags={"a": "1"},
    )
    assert made["Arn"].endswith(f":{subscriber.organization.account_id}:event-actions/{made['Id']}")
    assert made["Action"] == action(
        connection.bucket, "${Revision.CreatedAt}/${Asset.Name}", Encryption={"Type": "AES256"}
    )
    assert (made["Event"], made["Tags"]) == (event(entitled_data_set.pk), {"a": "1"})
    assert reader.ok("GetEventAction", EventActionId=made["Id"]) == made
    (listed,) = reader.ok("ListEventActions", EventSourceId=entitled_data_set.pk)["EventActions"]
    assert listed == {name: value for name, value in made.items() if name != "Tags"}
    assert reader.ok("ListEventActions", EventSourceId=MISSING)["EventActions"] == []
    assert reader.ok("UpdateEventAction", EventActionId=made["Id"])["UpdatedAt"] == made["UpdatedAt"]
    other = f"{bucket_name}-2"
    storage.vault().make_sibling(other)
    changed = reader.ok(
        "UpdateEventAction",
        EventActionId=made["Id"],
        Action=action(connect(subscriber, other).bucket, "x/${Asset.Name}"),
    )
    assert (changed["Action"], changed["Event"], "Tags" in changed) == (
        action(other, "x/${Asset.Name}"),
        event(entitled_data_set.pk),
        False,
    )
    make_revision({"a.csv": b"1"})
    assert contents(StorageConnection.objects.get(bucket=other)) == {"x/a.csv": b"1"}
    assert contents(connection) == {}
    assert reader.call("DeleteEventAction", EventActionId=made["Id"]).status == 204
    for operation in ("GetEventAction", "UpdateEventAction", "DeleteEventAction"):
        assert reader.refused(operation, EventActionId=made["Id"]) == (404, "ResourceNotFound")
    make_revision({"b.csv": b"2"})
    assert "x/b.csv" not in contents(StorageConnection.objects.get(bucket=other))


def test_it_needs_an_entitled_data_set(
    reader, publisher, stranger, entitled_data_set, data_set, connection, bucket_name
):
    owner = Caller(publisher)
    connect(publisher, bucket_name)
    owned = owner.call("CreateEventAction", Event=event(data_set.pk), Action=action(bucket_name))
    assert (owned.status, owned.error, "your own" in owned.message) == (400, "Validation", True)
    wanted = {"Event": event(entitled_data_set.pk), "Action": action(connection.bucket)}
    for program, data_set_id in ((Caller(stranger), entitled_data_set.pk), (reader, data_set.pk), (reader, MISSING)):
        refused = program.refused("CreateEventAction", **(wanted | {"Event": event(data_set_id)}))
        assert refused[0] in {400, 404}, refused
    assert not EventAction.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"Event": {}},
        {"Action": {}},
        {"Action": action("not-connected")},
        {"Action": {"ExportRevisionToS3": {"RevisionDestination": {}}}},
    ],
)
def test_what_is_missing_is_refused(reader, entitled_data_set, connection, changes):
    wanted = {"Event": event(entitled_data_set.pk), "Action": action(connection.bucket)} | changes
    assert reader.refused("CreateEventAction", **wanted)[0] in {400, 404}
    assert not EventAction.objects.exists()


@pytest.mark.parametrize("pattern", ["constant", "${Asset.Size}", "/${Asset.Name}", "../${Asset.Name}", "${Asset.Name"])
def test_a_pattern_that_cannot_be_used_is_refused(reader, entitled_data_set, connection, pattern):
    wanted = {"Event": event(entitled_data_set.pk), "Action": action(connection.bucket, pattern)}
    assert reader.refused("CreateEventAction", **wanted) == (400, "Validation")


def test_kms_keys_are_not_offered(reader, entitled_data_set, connection):
    for encryption in ({"Type": "aws:kms", "KmsKeyArn": "arn:aws:kms:x"}, {"Type": "AES256", "KmsKeyArn": "x"}):
        wanted = {
            "Event": event(entitled_data_set.pk),
            "Action": action(connection.bucket, Encryption=encryption),
        }
        assert reader.refused("CreateEventAction", **wanted) == (400, "Validation")


def test_a_bucket_without_the_right_is_named_as_the_cause_and_nothing_is_stored(reader, entitled_data_set, connection):
    StorageConnection.objects.filter(pk=connection.pk).update(access_key_id="NOBODY")
    refused = reader.call("CreateEventAction", Event=event(entitled_data_set.pk), Action=action(connection.bucket))
    assert (refused.status, refused.error, refused.body.get("ExceptionCause")) == (400, "Validation", "S3AccessDenied")
    refused = reader.call("CreateEventAction", Event=event(entitled_data_set.pk), Action=action("not-connected"))
    cause = refused.body.get("ExceptionCause")
    assert (refused.status, refused.error, cause) == (400, "Validation", "InsufficientS3BucketPolicy")
    assert not EventAction.objects.exists()


def test_the_same_place_may_be_named_again_until_the_limit(reader, entitled_data_set, connection):
    wanted = {"Event": event(entitled_data_set.pk), "Action": action(connection.bucket)}
    made = [reader.ok("CreateEventAction", **wanted)["Id"] for _ in range(5)]
    sixth = reader.call("CreateEventAction", **wanted)
    assert (sixth.status, sixth.body["LimitName"]) == (402, "Auto export event actions per data set")
    assert [row["Id"] for row in reader.ok("ListEventActions")["EventActions"]] == made[::-1]


def test_a_foreign_auto_export_is_not_found(reader, publisher, entitled_data_set, connection):
    made = reader.ok("CreateEventAction", Event=event(entitled_data_set.pk), Action=action(connection.bucket))
    other = Caller(publisher)
    for operation in ("GetEventAction", "UpdateEventAction", "DeleteEventAction"):
        assert other.refused(operation, EventActionId=made["Id"]) == (404, "ResourceNotFound")
    assert other.ok("ListEventActions")["EventActions"] == []


def test_no_auto_export_after_the_end(reader, subscriber, agreement, entitled_data_set, connection):
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    wanted = {"Event": event(entitled_data_set.pk), "Action": action(connection.bucket)}
    assert reader.refused("CreateEventAction", **wanted)[0] in {400, 404}
    assert not EventAction.objects.exists()
