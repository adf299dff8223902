"""SendDataSetNotification: who may send what to whom, and that nobody is told twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.awsapi.registry import served
from marketplace.core import work
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, Event
from publishers.models import AssetType, DataSet, Product, ProductState
from subscriptions.models import DataSetNotification
from subscriptions.notifications import ClientTokenReused, DataSetReachesNobody, send_notification
from subscriptions.operations import end_agreement
from subscriptions.tasks import announce_notification
from tests.api.conftest import Program, token_of
from tests.conftest import actor_of
from tests.together import outcomes

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC).replace(microsecond=250_000) + timedelta(minutes=5)
SOON, BEFORE = NOW + timedelta(days=30), NOW - timedelta(hours=1)


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def send(member, data_set, type="DATA_DELAY", **members: Any) -> DataSetNotification:
    return send_notification(data_set=data_set, type=type, actor=actor_of(member), at=NOW, **members)


def told(member) -> list[Event]:
    found = Event.objects.filter(organization=member.organization, source_key__startswith="notification:")
    return list(found.order_by("sequence"))


VALID: list[tuple[str, str, dict[str, Any] | None]] = [
    ("DATA_DELAY", "Data Set Update Delayed", None),
    ("DATA_DELAY", "Data Set Update Delayed", {}),
    ("DATA_UPDATE", "Data Updated in Data Set", None),
    ("DATA_UPDATE", "Data Updated in Data Set", {"DataUpdate": {}}),
    ("DATA_UPDATE", "Data Updated in Data Set", {"DataUpdate": {"DataUpdatedAt": BEFORE}}),
    ("DEPRECATION", "Deprecation Planned for Data Set", {"Deprecation": {"DeprecationAt": SOON}}),
    ("SCHEMA_CHANGE", "Schema Change Planned for Data Set", {"SchemaChange": {"SchemaChangeAt": SOON}}),
    (
        "SCHEMA_CHANGE",
        "Schema Change Planned for Data Set",
        {
            "SchemaChange": {
                "SchemaChangeAt": SOON,
                "Changes": [{"Name": "n" * 255, "Type": "ADD", "Description": "d" * 512}] * 100,
            }
        },
    ),
]


@pytest.mark.parametrize(("type", "detail_type", "details"), VALID)
def test_each_type_reaches_the_entitled_as_its_event(
    publisher, subscriber, stranger, entitled_data_set, data_set, product, type, detail_type, details
):
    Product.objects.update(support_contact="help@example.org")
    notification = send(publisher, data_set, type, comment="Sorry, later.", details=details)
    work.run_due()
    (event,) = told(subscriber)
    assert event.detail_type == detail_type
    assert event.resources == [f"arn:aws:dataexchange:{settings.S3_REGION}::data-sets/{entitled_data_set.pk}"]
    assert event.occurred_at == NOW
    said = event.detail.pop("Notification")
    assert event.detail == {
        "DataSet": {"Id": entitled_data_set.pk, "Name": data_set.name, "AssetType": "S3_SNAPSHOT"},
        "Product": {"Id": product.pk, "Name": product.name, "ProviderContact": "help@example.org"},
    }
    wanted: dict[str, Any] = {"Type": type, "Comment": "Sorry, later."}
    if details:
        wanted["Details"] = {
            member: {k: iso(v) if isinstance(v, datetime) else v for k, v in inner.items()}
            for member, inner in details.items()
        }
    assert said == wanted
    assert told(stranger) == told(publisher) == []
    for _ in range(2):
        announce_notification(notification_id=notification.pk)
    assert len(told(subscriber)) == 1
    row = AuditRecord.objects.get(action="data_set.notified")
    assert (row.scope, row.subject_id) == (publisher.organization_id, notification.pk)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("TIDE", {}, "Type must be one of"),
    ("DATA_DELAY", {"comment": "x" * 4097}, "at most 4,096 characters"),
    ("DATA_DELAY", {"comment": "a\x00b"}, "no NUL"),
    ("DATA_DELAY", {"details": {"DataUpdate": {}}}, "DATA_DELAY has no Details; it was given DataUpdate"),
    ("DATA_UPDATE", {"details": {"Deprecation": {"DeprecationAt": SOON}}}, "only Details.DataUpdate"),
    ("DATA_UPDATE", {"details": {"DataUpdate": {"DataUpdatedAt": NOW + timedelta(seconds=1)}}}, "in the past"),
    ("DEPRECATION", {}, "needs Details.Deprecation"),
    ("DEPRECATION", {"details": {"Deprecation": {}}}, "DeprecationAt is needed"),
    ("DEPRECATION", {"details": {"Deprecation": {"DeprecationAt": NOW}}}, "DeprecationAt must lie in the future"),
    (
        "DEPRECATION",
        {"details": {"Deprecation": {"DeprecationAt": SOON}, "DataUpdate": {}}},
        "only Details.Deprecation; it was given DataUpdate",
    ),
    ("SCHEMA_CHANGE", {}, "needs Details.SchemaChange"),
    ("SCHEMA_CHANGE", {"details": {"SchemaChange": {}}}, "SchemaChangeAt is needed"),
    ("SCHEMA_CHANGE", {"details": {"SchemaChange": {"SchemaChangeAt": BEFORE}}}, "must lie in the future"),
    *[
        ("SCHEMA_CHANGE", {"details": {"SchemaChange": {"SchemaChangeAt": SOON, "Changes": changes}}}, words)
        for changes, words in (
            ([{"Name": "x", "Type": "ADD"}] * 101, "at most 100 changes"),
            ([{"Name": "x" * 256, "Type": "ADD"}], "Change 1: a name has 1 to 255"),
            ([{"Name": "", "Type": "ADD"}], "Change 1: a name has 1 to 255"),
            ([{"Name": "x", "Type": "ADD", "Description": "x" * 513}], "at most 512"),
            ([{"Name": "x", "Type": "DROP"}], "ADD, REMOVE or MODIFY"),
            ([{"Name": "a\x00", "Type": "ADD"}], "NUL"),
        )
    ],
    ("DATA_DELAY", {"scope": {"S3DataAccesses": []}}, "S3_SNAPSHOT has no Scope; it was given S3DataAccesses"),
]


@pytest.mark.parametrize(("type", "members", "words"), REFUSED)
def test_what_breaks_a_rule_is_refused_and_sends_nothing(
    publisher, subscriber, entitled_data_set, data_set, type, members, words
):
    with pytest.raises(Invalid) as caught:
        send(publisher, data_set, type, **members)
    assert words in caught.value.message
    work.run_due()
    assert DataSetNotification.objects.count() == 0
    assert told(subscriber) == []


SCOPES = {
    AssetType.S3_DATA_ACCESS: ("S3DataAccesses", [{"Keys": ["k"] * 50, "KeyPrefixes": ["p"] * 50}]),
    AssetType.REDSHIFT_DATA_SHARE: ("RedshiftDataShares", [{"Arn": "a", "Database": "d", "Table": "t"}]),
    AssetType.LAKE_FORMATION_DATA_PERMISSION: ("LakeFormationTagPolicies", [{"Database": "d", "Table": "t"}]),
}


@pytest.mark.parametrize("asset_type", SCOPES)
def test_a_scope_fits_the_asset_type(publisher, subscriber, entitled_data_set, data_set, asset_type):
    DataSet.objects.update(asset_type=asset_type)
    data_set.refresh_from_db()
    member, entries = SCOPES[asset_type]
    send(publisher, data_set, scope={member: entries})
    work.run_due()
    (event,) = told(subscriber)
    assert event.detail["Notification"] == {"Type": "DATA_DELAY", "Scope": {member: entries}}
    for other, (name, strange) in SCOPES.items():
        if other != asset_type:
            with pytest.raises(Invalid, match=f"only Scope.{member}; it was given {name}"):
                send(publisher, data_set, scope={name: strange})
    with pytest.raises(Invalid, match="at most 100 entries"):
        send(publisher, data_set, scope={member: entries * 101})
    assert DataSetNotification.objects.count() == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"Keys": ["k"] * 51}, "Keys has at most 50"),
        ({"KeyPrefixes": ["k"] * 51}, "KeyPrefixes has at most 50"),
        ({"Keys": ["k" * 2000] * 40}, "longer than 65,536 bytes"),
    ],
)
def test_a_scope_is_bounded(publisher, entitled_data_set, data_set, entry, words):
    DataSet.objects.update(asset_type=AssetType.S3_DATA_ACCESS)
    data_set.refresh_from_db()
    with pytest.raises(Invalid, match=words):
        send(publisher, data_set, scope={"S3DataAccesses": [entry]})


# --- whom it reaches --------------------------------------------------------------------------------------------------
def test_a_data_set_that_is_published_nowhere_is_refused_in_aws_words(publisher, data_set, finalized_revision):
    with pytest.raises(DataSetReachesNobody, match="not configured for AWS Marketplace"):
        send(publisher, data_set)


def test_a_draft_product_is_not_enough(publisher, product, data_set):
    Product.objects.update(state=ProductState.DRAFT, published_at=None)
    with pytest.raises(DataSetReachesNobody):
        send(publisher, data_set)
    assert DataSetNotification.objects.count() == 0


def test_who_keeps_access_to_a_product_that_left_the_catalogue_is_still_told(
    publisher, subscriber, entitled_data_set, product, data_set
):
    from publishers.operations.products import unpublish_product

    unpublish_product(product=product, actor=actor_of(publisher), at=timezone.now())
    send(publisher, data_set, "DEPRECATION", details={"Deprecation": {"DeprecationAt": SOON}})
    work.run_due()
    assert len(told(subscriber)) == 1


def test_a_published_product_without_subscribers_takes_a_notification(publisher, product, data_set):
    send(publisher, data_set)
    work.run_due()
    assert DataSetNotification.objects.count() == 1
    assert not Event.objects.filter(source_key__startswith="notification:").exists()


def test_who_is_no_longer_entitled_is_not_told(publisher, subscriber, agreement, data_set):
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    send(publisher, data_set)
    work.run_due()
    assert told(subscriber) == []


def test_an_accepted_data_grant_is_enough_until_it_ends(publisher, subscriber, data_set, finalized_revision):
    from subscriptions.operations import accept_data_grant, create_data_grant, delete_data_grant

    grant = create_data_grant(
        sender=publisher.organization,
        receiver_account_id=subscriber.organization.account_id,
        data_set=data_set,
        name="For our partner",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    with pytest.raises(DataSetReachesNobody):
        send(publisher, data_set)
    receiver = {"receiver": subscriber.organization, "actor": actor_of(subscriber)}
    accept_data_grant(data_grant=grant, at=timezone.now(), **receiver)
    send(publisher, data_set)
    work.run_due()
    (event,) = told(subscriber)
    assert event.detail["DataSet"]["Id"] == grant.published_data_set_id
    assert "Product" not in event.detail
    delete_data_grant(data_grant=grant, actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(DataSetReachesNobody):
        send(publisher, data_set)


# --- once -------------------------------------------------------------------------------------------------------------
def test_the_same_request_with_the_same_token_sends_nothing_again_even_when_its_time_has_come(
    publisher, subscriber, entitled_data_set, data_set
):
    members: dict[str, Any] = {
        "type": "DEPRECATION",
        "comment": "c",
        "details": {"Deprecation": {"DeprecationAt": NOW + timedelta(minutes=1)}},
        "client_token": "t1",
    }
    first = send(publisher, data_set, **members)
    later = send_notification(data_set=data_set, actor=actor_of(publisher), at=NOW + timedelta(days=2), **members)
    assert later.pk == first.pk
    work.run_due()
    assert len(told(subscriber)) == 1
    for change in ({"comment": "d"}, {"details": {"Deprecation": {"DeprecationAt": SOON}}}):
        with pytest.raises(ClientTokenReused):
            send(publisher, data_set, **(members | change))
    with pytest.raises(ClientTokenReused):
        send(publisher, data_set, client_token="t1", comment="c")
    send(publisher, data_set, **(members | {"client_token": "t2"}))
    assert DataSetNotification.objects.count() == 2


def test_without_a_token_each_request_is_its_own(publisher, subscriber, entitled_data_set, data_set):
    send(publisher, data_set)
    send(publisher, data_set)
    work.run_due()
    assert len(told(subscriber)) == 2


def test_the_database_refuses_a_token_twice(publisher, product, data_set):
    send(publisher, data_set, client_token="t1")
    with pytest.raises(IntegrityError, match="notification_once_per_token"), transaction.atomic():
        DataSetNotification.objects.create(data_set=data_set, type="DATA_DELAY", client_token="t1")


@pytest.mark.django_db(transaction=True)
def test_one_token_raced_sends_once(publisher, subscriber, entitled_data_set, data_set):
    found = outcomes(*[lambda: send(publisher, data_set, client_token="t1").pk] * 4)
    assert len(set(found)) == 1
    assert DataSetNotification.objects.count() == 1
    work.run_due()
    assert len(told(subscriber)) == 1


# --- over the wire ----------------------------------------------------------------------------------------------------
def call(member, data_set_id: str, **members: Any):
    return Program(token_of(member)).call("POST", f"/v1/data-sets/{data_set_id}/notification", members)


def test_the_operation_answers_202_and_says_nothing(publisher, subscriber, entitled_data_set, data_set):
    assert "SendDataSetNotification" in served("dataexchange")
    details = {"SchemaChange": {"SchemaChangeAt": iso(SOON), "Changes": [{"Name": "gate", "Type": "ADD"}]}}
    for _ in range(2):
        answer = call(publisher, data_set.pk, Type="SCHEMA_CHANGE", Comment="c", Details=details, ClientToken="t1")
        assert (answer.status_code, answer.content) == (202, b"{}")
    work.run_due()
    (event,) = told(subscriber)
    assert event.detail["Notification"] == {"Type": "SCHEMA_CHANGE", "Comment": "c", "Details": details}
    other = call(publisher, data_set.pk, Type="DATA_DELAY", ClientToken="t1")
    assert (other.status_code, other.headers["x-amzn-errortype"]) == (409, "ConflictException")


def test_a_refusal_is_a_validation_exception_in_aws_words(publisher, data_set, finalized_revision):
    for members, words in (
        ({"Type": "DATA_DELAY"}, "not configured for AWS Marketplace"),
        ({"Type": "DEPRECATION"}, "needs Details.Deprecation"),
        ({"Type": "SCHEMA_CHANGE", "Details": {"SchemaChange": {}}}, "details.schemaChange.schemaChangeAt"),
        ({"Type": "DATA_DELAY", "ClientToken": "a b"}, "clientToken"),
    ):
        answer = call(publisher, data_set.pk, **members)
        assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
        assert words in answer.content.decode()
    assert DataSetNotification.objects.count() == 0


def test_only_the_owner_may_send(publisher, subscriber, stranger, entitled_data_set, data_set):
    for member, data_set_id in ((stranger, data_set.pk), (subscriber, data_set.pk), (stranger, "0" * 32)):
        answer = call(member, data_set_id, Type="DATA_DELAY")
        assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert call(subscriber, entitled_data_set.pk, Type="DATA_DELAY").status_code == 403
    narrow = Program(token_of(publisher, ["publish:read"]))
    path = f"/v1/data-sets/{data_set.pk}/notification"
    assert narrow.call("POST", path, {"Type": "DATA_DELAY"}).status_code == 403
    assert DataSetNotification.objects.count() == 0
