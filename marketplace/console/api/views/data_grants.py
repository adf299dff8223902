"""Data sets shared directly with one organization, from both sides."""

from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.data_grants import (
    PENDING,
    DataGrantChange,
    DataGrantShape,
    NewDataGrant,
    ReceivedDataGrant,
    ReceivedQuery,
)
from publishers.queries.data_sets import get_owned_data_set
from subscriptions import operations
from subscriptions.models import DataGrant
from subscriptions.queries import (
    get_data_grant,
    get_received_data_grant,
    list_data_grants,
    list_received_data_grants,
)

NEWEST_FIRST = ("-created_at", "-pk")


class DataGrantsView(ApiView):
    tag = "Data grants"

    @operation("list_data_grants", scope="publish:read", lists=DataGrantShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the data grants that you gave, newest first."""
        rows = list_data_grants(owner=caller.organization)
        return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=["data-grants", caller.organization.pk])

    @operation("create_data_grant", scope="publish:write", takes=NewDataGrant, gives=DataGrantShape, status=201)
    def post(self, caller: Caller, body: dict[str, Any]) -> DataGrant:
        """Share a data set with one organization, without a product.

        Nothing is read until the receiver accepts it.
        """
        data_set = get_owned_data_set(owner=caller.organization, data_set_id=body.pop("data_set_id"))
        return operations.create_data_grant(
            sender=caller.organization, data_set=data_set, actor=caller.actor, at=caller.at, **body
        )


class DataGrantView(ApiView):
    tag = "Data grants"

    @operation("get_data_grant", scope="publish:read", gives=DataGrantShape)
    def get(self, caller: Caller, data_grant_id: str) -> DataGrant:
        """Read a data grant that you gave."""
        return get_data_grant(owner=caller.organization, data_grant_id=data_grant_id)

    @operation("extend_data_grant", scope="publish:write", takes=DataGrantChange, gives=DataGrantShape)
    def patch(self, caller: Caller, data_grant_id: str, body: dict[str, Any]) -> DataGrant:
        """Extend a data grant that has not ended.

        It cannot be shortened: delete it to end it earlier.
        """
        grant = get_data_grant(owner=caller.organization, data_grant_id=data_grant_id)
        return operations.extend_data_grant(data_grant=grant, actor=caller.actor, at=caller.at, **body)

    @operation("delete_data_grant", scope="publish:write")
    def delete(self, caller: Caller, data_grant_id: str) -> None:
        """End a data grant now: nothing is read or delivered under it any more; what was delivered stays."""
        grant = get_data_grant(owner=caller.organization, data_grant_id=data_grant_id)
        operations.delete_data_grant(data_grant=grant, actor=caller.actor, at=caller.at)


class ReceivedDataGrantsView(ApiView):
    tag = "Data grants"

    @operation("list_received_data_grants", scope="subscriptions:read", asks=ReceivedQuery, lists=ReceivedDataGrant)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the data grants that you were given, newest first."""
        rows = list_received_data_grants(receiver=caller.organization)
        state = query.get("state")
        if state:
            rows = rows.filter(accepted_at__isnull=state == PENDING)
        binding = ["received-data-grants", caller.organization.pk, state]
        return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=binding)


class ReceivedDataGrantView(ApiView):
    tag = "Data grants"

    @operation("get_received_data_grant", scope="subscriptions:read", gives=ReceivedDataGrant)
    def get(self, caller: Caller, data_grant_id: str) -> DataGrant:
        """Read a data grant that you were given."""
        return get_received_data_grant(receiver=caller.organization, data_grant_id=data_grant_id)


class ReceivedDataGrantAcceptView(ApiView):
    tag = "Data grants"

    @operation("accept_data_grant", scope="subscriptions:write", gives=ReceivedDataGrant)
    def post(self, caller: Caller, data_grant_id: str) -> DataGrant:
        """Accept a data grant.

        Its data set may be read at once, until the grant ends.
        """
        grant = get_received_data_grant(receiver=caller.organization, data_grant_id=data_grant_id)
        return operations.accept_data_grant(
            data_grant=grant, receiver=caller.organization, actor=caller.actor, at=caller.at
        )
