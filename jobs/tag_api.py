"""Handlers of the AWS Data Exchange API for tags: the one place that knows every kind of resource that has some.

Sources: dataexchange 2017-07-25, TagResource; user guide, ARN formats.
"""

import re
from collections.abc import Callable
from typing import Any

from django.db.models import Model

from jobs.queries import get_event_action
from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.registry import handler
from marketplace.core import scopes
from marketplace.core.errors import Denied, Invalid, NotFound
from marketplace.core.operations.tags import change_tags
from publishers.queries.data_sets import get_owned_asset, get_owned_data_set, get_owned_revision
from publishers.shapes import Shape
from subscriptions.queries import get_data_grant

_ARN = re.compile(r"arn:aws:dataexchange:([a-z0-9-]+):([0-9]{12})?:([^\s:]+)")
_ID = "([a-zA-Z0-9]{30,40})"


class EntitledHasNoTags(Denied):
    message = "Entitled data sets carry no tags: the owner's are not shown, and yours cannot be set on them."


def _data_set(context: ApiContext, data_set_id: str) -> Model:
    return get_owned_data_set(owner=context.organization, data_set_id=data_set_id)


def _revision(context: ApiContext, data_set_id: str, revision_id: str) -> Model:
    return get_owned_revision(owner=context.organization, data_set_id=data_set_id, revision_id=revision_id)


def _asset(context: ApiContext, data_set_id: str, revision_id: str, asset_id: str) -> Model:
    return get_owned_asset(
        owner=context.organization, data_set_id=data_set_id, revision_id=revision_id, asset_id=asset_id
    )


def _event_action(context: ApiContext, event_action_id: str) -> Model:
    return get_event_action(organization=context.organization, event_action_id=event_action_id)


def _data_grant(context: ApiContext, data_grant_id: str) -> Model:
    return get_data_grant(owner=context.organization, data_grant_id=data_grant_id)


#: (resource part of an ARN, type, who needs to write, what finds it)
_KINDS: tuple[tuple[re.Pattern[str], str, str, Callable[..., Model]], ...] = (
    (re.compile(f"data-sets/{_ID}"), "DATA_SET", "publish", _data_set),
    (re.compile(f"data-sets/{_ID}/revisions/{_ID}"), "REVISION", "publish", _revision),
    (re.compile(f"data-sets/{_ID}/revisions/{_ID}/assets/{_ID}"), "ASSET", "publish", _asset),
    (re.compile(f"event-actions/{_ID}"), "EVENT_ACTION", "subscriptions", _event_action),
    (re.compile(f"data-grants/{_ID}"), "DATA_GRANT", "publish", _data_grant),
)


def _find(context: ApiContext, arn: str, right: str) -> tuple[Model, str]:
    """Return the resource and its type. Raises Invalid for what is no ARN, NotFound, EntitledHasNoTags, Denied."""
    parts = _ARN.fullmatch(arn)
    kinds = [(kind, found) for kind in _KINDS if parts is not None and (found := kind[0].fullmatch(parts[3]))]
    if parts is None or not kinds:
        raise Invalid(
            "resourceArn must name a data set, revision, asset, event action or data grant, such as "
            f"{context.arn('data-sets/ID')}.",
            field="resourceArn",
        )
    (_, resource_type, side, find), found = kinds[0]
    scopes.require(context.scopes, f"{side}:{right}")
    region, account = parts[1], parts[2]
    if account is None:
        raise EntitledHasNoTags(resource_type=resource_type, resource_id=found[found.lastindex or 0])
    if region != context.region or account != context.organization.account_id:
        raise NotFound(resource_type, arn)
    return find(context, *found.groups()), resource_type


@handler("ListTagsForResource")
def list_tags_for_resource(context: ApiContext, *, resource_arn: str) -> Shape:
    row: Any = _find(context, resource_arn, "read")[0]
    return {"Tags": row.tags}


@handler("TagResource")
def tag_resource(context: ApiContext, *, resource_arn: str, tags: dict[str, str]) -> None:
    row, resource_type = _find(context, resource_arn, "write")
    change_tags(row=row, resource_type=resource_type, add=tags, actor=context.actor, at=context.now)


@handler("UntagResource")
def untag_resource(context: ApiContext, *, resource_arn: str, tag_keys: list[str]) -> None:
    row, resource_type = _find(context, resource_arn, "write")
    change_tags(row=row, resource_type=resource_type, remove=tag_keys, actor=context.actor, at=context.now)
