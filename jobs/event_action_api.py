"""Handlers of the AWS Data Exchange API for event actions: auto-exports."""

from typing import Any

from jobs import shapes
from jobs.models import Encryption, EventAction
from jobs.operations import event_actions
from jobs.queries import get_event_action as find_event_action
from jobs.queries import list_event_actions as find_event_actions
from jobs.shapes import Shape
from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.paging import page
from marketplace.awsapi.registry import handler
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.queries.storage import get_storage_connection_by_bucket
from publishers.queries.data_sets import get_owned_data_set
from subscriptions.queries import get_entitled_data_set


class BucketNotConnected(Invalid):
    """The exchange has no right to the bucket: to AWS, the bucket's policy says nothing about it."""

    exception_cause = "InsufficientS3BucketPolicy"


def _destination(context: ApiContext, action: dict[str, Any]) -> dict[str, Any]:
    export = action.get("ExportRevisionToS3")
    if export is None:
        raise Invalid("Give Action.ExportRevisionToS3.", field="Action")
    destination = export["RevisionDestination"]
    bucket = destination["Bucket"]
    try:
        connection = get_storage_connection_by_bucket(organization=context.organization, bucket=bucket)
    except NotFound as error:
        raise BucketNotConnected(error.message, field="Bucket") from None
    return {
        "connection": connection,
        "key_pattern": destination.get("KeyPattern", ""),
        "encryption": encryption_of(export),
    }


def encryption_of(request: dict[str, Any]) -> str:
    """Return how objects are to be encrypted at rest. Raises Invalid for what this installation does not offer."""
    wanted = request.get("Encryption", {})
    kind = wanted.get("Type", Encryption.NONE)
    if kind not in Encryption.values:
        raise Invalid(f"Encryption by {kind} is not offered by this installation; AES256 is.", field="Encryption")
    if wanted.get("KmsKeyArn"):
        raise Invalid("A KMS key goes with encryption by aws:kms only.", field="Encryption")
    return str(kind)


@handler("CreateEventAction", is_atomic=False)
def create_event_action(
    context: ApiContext, *, action: dict[str, Any], event: dict[str, Any], tags: dict[str, str] | None = None
) -> Shape:
    published = event.get("RevisionPublished")
    if published is None:
        raise Invalid("Give Event.RevisionPublished.", field="Event")
    organization, data_set_id = context.organization, published["DataSetId"]
    try:
        entry = get_entitled_data_set(organization=organization, data_set_id=data_set_id, at=context.now)
    except NotFound:
        get_owned_data_set(owner=organization, data_set_id=data_set_id)
        raise Invalid("An event action needs an entitled data set; this one is your own.", field="DataSetId") from None
    row = event_actions.create_event_action(
        organization=organization,
        published_data_set=entry,
        tags=tags,
        may_repeat=True,
        actor=context.actor,
        at=context.now,
        **_destination(context, action),
    )
    return shapes.event_action(context, row, tags=True)


def _find(context: ApiContext, event_action_id: str) -> EventAction:
    return find_event_action(organization=context.organization, event_action_id=event_action_id)


@handler("GetEventAction")
def get_event_action(context: ApiContext, *, event_action_id: str) -> Shape:
    return shapes.event_action(context, _find(context, event_action_id), tags=True)


@handler("ListEventActions")
def list_event_actions(
    context: ApiContext,
    *,
    event_source_id: str | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Shape:
    found = find_event_actions(organization=context.organization)
    if event_source_id is not None:
        found = found.filter(published_data_set=event_source_id)
    rows, token = page(
        found, order_by=("-created_at", "-pk"), context=context, max_results=max_results, next_token=next_token
    )
    return {"EventActions": [shapes.event_action(context, row) for row in rows], "NextToken": token}


@handler("UpdateEventAction")
def update_event_action(context: ApiContext, *, event_action_id: str, action: dict[str, Any] | None = None) -> Shape:
    row = _find(context, event_action_id)
    if action:
        row = event_actions.update_event_action(
            event_action=row, actor=context.actor, at=context.now, **_destination(context, action)
        )
    return shapes.event_action(context, row)


@handler("DeleteEventAction")
def delete_event_action(context: ApiContext, *, event_action_id: str) -> None:
    event_actions.delete_event_action(event_action=_find(context, event_action_id), actor=context.actor, at=context.now)
