"""Handlers of the AWS Data Exchange API for data grants, as their sender and as their receiver."""

from datetime import datetime

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.paging import page
from marketplace.awsapi.registry import handler
from marketplace.core.errors import NotFound
from publishers.shapes import Shape
from subscriptions import operations
from subscriptions.doors import own_data_set
from subscriptions.models import DataGrant
from subscriptions.queries import (
    get_data_grant,
    get_received_data_grant,
    list_data_grants,
    list_received_data_grants,
)
from subscriptions.shapes import data_grant, data_grant_arn, received_data_grant

NEWEST_FIRST = ("-created_at", "-pk")


def _received(context: ApiContext, arn: str) -> DataGrant:
    """Return the data grant of an ARN, all of whose parts must fit. Raises NotFound."""
    found = get_received_data_grant(receiver=context.organization, data_grant_id=arn.rpartition("/")[2])
    if data_grant_arn(context, found) != arn:
        raise NotFound("DATA_GRANT", arn)
    return found


def _given(context: ApiContext, id_or_arn: str) -> DataGrant:
    found = get_data_grant(owner=context.organization, data_grant_id=id_or_arn.rpartition("/")[2])
    if "/" in id_or_arn and data_grant_arn(context, found) != id_or_arn:
        raise NotFound("DATA_GRANT", id_or_arn)
    return found


@handler("CreateDataGrant")
def create_data_grant(
    context: ApiContext,
    *,
    name: str,
    grant_distribution_scope: str,
    receiver_principal: str,
    source_data_set_id: str,
    ends_at: datetime | None = None,
    description: str = "",
    tags: dict[str, str] | None = None,
) -> Shape:
    grant = operations.create_data_grant(
        sender=context.organization,
        receiver_account_id=receiver_principal,
        data_set=own_data_set(context, source_data_set_id),
        name=name,
        description=description,
        distribution_scope=grant_distribution_scope,
        ends_at=ends_at,
        tags=tags,
        actor=context.actor,
        at=context.now,
    )
    return data_grant(context, grant, in_full=True)


@handler("GetDataGrant")
def get_one(context: ApiContext, *, data_grant_id: str) -> Shape:
    return data_grant(context, _given(context, data_grant_id), in_full=True)


@handler("ListDataGrants")
def list_given(context: ApiContext, *, max_results: int | None = None, next_token: str | None = None) -> Shape:
    rows, token = page(
        list_data_grants(owner=context.organization),
        order_by=NEWEST_FIRST,
        context=context,
        max_results=max_results,
        next_token=next_token,
    )
    return {"DataGrantSummaries": [data_grant(context, row) for row in rows], "NextToken": token}


@handler("DeleteDataGrant")
def delete_data_grant(context: ApiContext, *, data_grant_id: str) -> None:
    operations.delete_data_grant(data_grant=_given(context, data_grant_id), actor=context.actor, at=context.now)


@handler("AcceptDataGrant")
def accept_data_grant(context: ApiContext, *, data_grant_arn: str) -> Shape:
    grant = operations.accept_data_grant(
        data_grant=_received(context, data_grant_arn),
        receiver=context.organization,
        actor=context.actor,
        at=context.now,
    )
    return received_data_grant(context, grant, in_full=True)


@handler("GetReceivedDataGrant")
def get_received(context: ApiContext, *, data_grant_arn: str) -> Shape:
    return received_data_grant(context, _received(context, data_grant_arn), in_full=True)


@handler("ListReceivedDataGrants")
def list_received(
    context: ApiContext,
    *,
    max_results: int | None = None,
    next_token: str | None = None,
    acceptance_state: list[str] | None = None,
) -> Shape:
    found = list_received_data_grants(receiver=context.organization)
    if acceptance_state and len(set(acceptance_state)) == 1:  # both states are no filter
        found = found.filter(accepted_at__isnull="ACCEPTED" not in acceptance_state)
    rows, token = page(found, order_by=NEWEST_FIRST, context=context, max_results=max_results, next_token=next_token)
    return {"DataGrantSummaries": [received_data_grant(context, row) for row in rows], "NextToken": token}
