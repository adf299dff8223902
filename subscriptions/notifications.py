"""What a publisher tells everybody who has a data set: it is late, was updated, will be withdrawn or will change."""

import json
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.events import publish_on_commit
from publishers.models import AssetType, DataSet
from subscriptions.models import DataSetNotification, NotificationType
from subscriptions.queries import list_living_publications

LONGEST_COMMENT = 4096
LONGEST_TOKEN = 64
MOST_CHANGES = 100
LONGEST_CHANGE_NAME, LONGEST_CHANGE_DESCRIPTION = 255, 512
#: of KeyPrefixes and of Keys in one entry
MOST_KEYS = 50
MOST_SCOPE_ENTRIES = 100
#: as JSON; the model bounds neither the lists of a scope nor the texts in them
MOST_SCOPE_BYTES = 65_536
#: type -> (the only member of Details that it may have, whether it must have it)
DETAILS: dict[str, tuple[str, bool]] = {
    NotificationType.DATA_DELAY: ("", False),
    NotificationType.DATA_UPDATE: ("DataUpdate", False),
    NotificationType.DEPRECATION: ("Deprecation", True),
    NotificationType.SCHEMA_CHANGE: ("SchemaChange", True),
}
#: asset type -> the only member of Scope that it may have; what others contain has no names of its own
SCOPES: dict[str, str] = {
    AssetType.REDSHIFT_DATA_SHARE: "RedshiftDataShares",
    AssetType.S3_DATA_ACCESS: "S3DataAccesses",
    AssetType.LAKE_FORMATION_DATA_PERMISSION: "LakeFormationTagPolicies",
}


class DataSetReachesNobody(Invalid):
    # "not configured for AWS Marketplace" is what AWS says, and what programs look for
    message = (
        "This data set is not configured for AWS Marketplace: it is in no published product and in no accepted data grant,"
        " so there is nobody to notify. Publish a product with it first."
    )


class ClientTokenReused(Conflict):
    message = "Another notification with other content was sent with this ClientToken. Use a new token for a new one."


def send_notification(
    *,
    data_set: DataSet,
    type: str,
    actor: Actor,
    at: datetime,
    comment: str = "",
    details: dict[str, Any] | None = None,
    scope: dict[str, Any] | None = None,
    client_token: str | None = None,
) -> DataSetNotification:
    """Keep a notification and have it sent to everybody who is entitled to the data set.

    details, scope: by the member names of NotificationDetails and ScopeDetails, instants as aware datetimes.
    client_token: the same request again returns the first notification and sends nothing, however much later.
    Raises Invalid naming the member, DataSetReachesNobody, ClientTokenReused.
    Source: dataexchange 2017-07-25, SendDataSetNotification.
    """
    if type not in NotificationType.values:
        raise Invalid(f"Type must be one of {', '.join(NotificationType.values)}.", field="Type")
    if len(comment) > LONGEST_COMMENT or "\x00" in comment:
        raise Invalid(f"A comment has at most {LONGEST_COMMENT:,} characters, and no NUL.", field="Comment")
    if client_token is not None and not (1 <= len(client_token) <= LONGEST_TOKEN):
        raise Invalid(f"A client token has 1 to {LONGEST_TOKEN} characters.", field="ClientToken")
    _check_details(type, details or {})
    _check_scope(data_set, scope or {})
    notification = DataSetNotification(
        data_set=data_set,
        type=type,
        comment=comment,
        details=_as_json(details or {}),
        scope=_as_json(scope or {}),
        client_token=client_token,
        created_at=at,
    )
    before = _sent_before(notification)
    if before is not None:
        return before
    _check_times(details or {}, at=at)
    if not list_living_publications(data_set=data_set, at=at).exists():
        raise DataSetReachesNobody(resource_type="DATA_SET", resource_id=data_set.pk)
    try:
        with transaction.atomic():
            notification.save(force_insert=True)
            audit.record("data_set.notified", actor=actor, subject=notification, detail={"type": type})
            publish_on_commit("data_set.notified", organization_id=data_set.owner_id, notification_id=notification.pk)
    except IntegrityError:  # the same token at the same moment: who was first has sent it
        first = _sent_before(notification)
        if first is None:
            raise
        return first
    return notification


def _sent_before(wanted: DataSetNotification) -> DataSetNotification | None:
    if wanted.client_token is None:
        return None
    found = DataSetNotification.objects.filter(data_set=wanted.data_set, client_token=wanted.client_token).first()
    if found is not None and any(
        getattr(found, name) != getattr(wanted, name) for name in ("type", "comment", "details", "scope")
    ):
        raise ClientTokenReused("DATA_SET", wanted.data_set_id)
    return found


def _check_details(type: str, details: dict[str, Any]) -> None:
    member, is_needed = DETAILS[type]
    others = sorted(set(details) - {member})
    if others:
        may = f"only Details.{member}" if member else "no Details"
        raise Invalid(
            f"A notification of the type {type} has {may}; it was given {', '.join(others)}.", field="Details"
        )
    if is_needed and member not in details:
        raise Invalid(f"A notification of the type {type} needs Details.{member}.", field="Details")
    if type == NotificationType.DEPRECATION and "DeprecationAt" not in details[member]:
        raise Invalid("Say when: Details.Deprecation.DeprecationAt is needed.", field="DeprecationAt")
    if type == NotificationType.SCHEMA_CHANGE:
        if "SchemaChangeAt" not in details[member]:
            raise Invalid("Say when: Details.SchemaChange.SchemaChangeAt is needed.", field="SchemaChangeAt")
        _check_changes(details[member].get("Changes", []))


def _check_changes(changes: list[dict[str, Any]]) -> None:
    if len(changes) > MOST_CHANGES:
        raise Invalid(f"A notification has at most {MOST_CHANGES} changes.", field="Changes")
    for number, change in enumerate(changes, start=1):
        if not 1 <= len(change["Name"]) <= LONGEST_CHANGE_NAME:
            raise Invalid(f"Change {number}: a name has 1 to {LONGEST_CHANGE_NAME} characters.", field="Name")
        if len(change.get("Description", "")) > LONGEST_CHANGE_DESCRIPTION:
            raise Invalid(
                f"Change {number}: a description has at most {LONGEST_CHANGE_DESCRIPTION} characters.",
                field="Description",
            )
        if change["Type"] not in {"ADD", "REMOVE", "MODIFY"}:
            raise Invalid(f"Change {number}: the type is ADD, REMOVE or MODIFY.", field="Type")


def _check_times(details: dict[str, Any], *, at: datetime) -> None:
    updated_at = details.get("DataUpdate", {}).get("DataUpdatedAt")
    if updated_at is not None and updated_at > at:
        raise Invalid("DataUpdatedAt must lie in the past.", field="DataUpdatedAt")
    for member, name in (("Deprecation", "DeprecationAt"), ("SchemaChange", "SchemaChangeAt")):
        planned_at = details.get(member, {}).get(name)
        if planned_at is not None and planned_at <= at:
            raise Invalid(f"{name} must lie in the future.", field=name)


def _check_scope(data_set: DataSet, scope: dict[str, Any]) -> None:
    fitting = SCOPES.get(data_set.asset_type, "")
    others = sorted(set(scope) - {fitting})
    if others:
        may = f"only Scope.{fitting}" if fitting else "no Scope"
        raise Invalid(
            f"A data set of the type {data_set.asset_type} has {may}; it was given {', '.join(others)}.", field="Scope"
        )
    entries = scope.get(fitting, [])
    if len(entries) > MOST_SCOPE_ENTRIES:
        raise Invalid(f"Scope.{fitting} has at most {MOST_SCOPE_ENTRIES} entries.", field="Scope")
    for entry in entries:
        for name in ("KeyPrefixes", "Keys"):
            if len(entry.get(name, [])) > MOST_KEYS:
                raise Invalid(f"{name} has at most {MOST_KEYS} entries.", field=name)
    if len(json.dumps(scope)) > MOST_SCOPE_BYTES:
        raise Invalid(f"The scope is longer than {MOST_SCOPE_BYTES:,} bytes as JSON. Name less.", field="Scope")


def _as_json(value: Any) -> Any:
    """Return the value as JSON holds it, with instants as `2026-01-31T12:00:00.000Z`. Raises Invalid for a NUL."""

    def plain(instant: datetime) -> str:
        return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    text = json.dumps(value, default=plain)
    if "\\u0000" in text:
        raise Invalid("Texts must not hold NUL characters.", field="Details")
    return json.loads(text)
