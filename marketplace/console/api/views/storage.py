"""Storage connections and auto-exports of the caller's organization."""

from contextlib import suppress
from typing import Any

from jobs.models import EventAction
from jobs.operations import event_actions
from jobs.queries import get_event_action, list_event_actions
from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.deliveries import (
    AutoExport,
    AutoExportChange,
    NewAutoExport,
    NewStorageConnection,
    StorageConnectionShape,
)
from marketplace.core.models import StorageConnection
from marketplace.core.operations import storage
from marketplace.core.queries.storage import get_storage_connection, list_storage_connections
from marketplace.core.storage import StorageFault
from publishers.operations.files import require_files
from subscriptions.queries import get_entitled_data_set


class StorageConnectionsView(ApiView):
    tag = "Storage connections"

    @operation("list_storage_connections", scope="subscriptions:read", lists=StorageConnectionShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List your connected buckets, newest first."""
        rows = list_storage_connections(organization=caller.organization)
        return page_of(rows, order_by=("-created_at", "pk"), query=query, binding=["storage", caller.organization.pk])

    # One living connection per bucket is a constraint: a repetition whose first answer was lost finds it taken.
    @operation(
        "create_storage_connection",
        scope="subscriptions:write",
        takes=NewStorageConnection,
        gives=StorageConnectionShape,
        status=201,
        in_transaction=False,
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> StorageConnection:
        """Connect a bucket.

        It is tested by writing and deleting a small object; when that fails nothing is stored.
        """
        return storage.create_storage_connection(
            organization=caller.organization, actor=caller.actor, at=caller.at, **body
        )


class StorageConnectionView(ApiView):
    tag = "Storage connections"

    @operation("get_storage_connection", scope="subscriptions:read", gives=StorageConnectionShape)
    def get(self, caller: Caller, connection_id: str) -> StorageConnection:
        """Read a connection."""
        return get_storage_connection(organization=caller.organization, connection_id=connection_id)

    @operation("remove_storage_connection", scope="subscriptions:write")
    def delete(self, caller: Caller, connection_id: str) -> None:
        """Disconnect a bucket: nothing is written there any more; what was delivered stays."""
        connection = get_storage_connection(organization=caller.organization, connection_id=connection_id)
        storage.remove_storage_connection(connection=connection, actor=caller.actor, at=caller.at)


class StorageConnectionTestView(ApiView):
    tag = "Storage connections"

    @operation(
        "test_storage_connection", scope="subscriptions:write", gives=StorageConnectionShape, in_transaction=False
    )
    def post(self, caller: Caller, connection_id: str) -> StorageConnection:
        """Write and delete a small object now.

        The answer tells how it went in `is_proved` and `failure`; a failed test is no error of this request.
        """
        connection = get_storage_connection(organization=caller.organization, connection_id=connection_id)
        with suppress(StorageFault):  # recorded on the connection, which is what we answer
            storage.prove_storage_connection(connection=connection, at=caller.at)
        return get_storage_connection(organization=caller.organization, connection_id=connection_id)


class AutoExportsView(ApiView):
    tag = "Auto-exports"

    @operation("list_auto_exports", scope="subscriptions:read", lists=AutoExport)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List your auto-exports, newest first."""
        rows = list_event_actions(organization=caller.organization)
        return page_of(
            rows, order_by=("-created_at", "-pk"), query=query, binding=["auto-exports", caller.organization.pk]
        )

    # (data set, connection, key pattern) is unique: a repetition whose first answer was lost finds it taken.
    @operation(
        "create_auto_export",
        scope="subscriptions:write",
        takes=NewAutoExport,
        gives=AutoExport,
        status=201,
        in_transaction=False,
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> EventAction:
        """Deliver each revision that is published from now on.

        The bucket is tested first.
        """
        organization = caller.organization
        entry = get_entitled_data_set(organization=organization, data_set_id=body["data_set_id"], at=caller.at)
        require_files(entry.data_set)
        return event_actions.create_event_action(
            organization=organization,
            published_data_set=entry,
            connection=get_storage_connection(organization=organization, connection_id=body["storage_connection_id"]),
            key_pattern=body["key_pattern"],
            actor=caller.actor,
            at=caller.at,
        )


class AutoExportView(ApiView):
    tag = "Auto-exports"

    @operation("get_auto_export", scope="subscriptions:read", gives=AutoExport)
    def get(self, caller: Caller, auto_export_id: str) -> EventAction:
        """Read an auto-export."""
        return get_event_action(organization=caller.organization, event_action_id=auto_export_id)

    @operation("update_auto_export", scope="subscriptions:write", takes=AutoExportChange, gives=AutoExport)
    def patch(self, caller: Caller, auto_export_id: str, body: dict[str, Any]) -> EventAction:
        """Pause or resume an auto-export.

        Revisions that are published during a pause are not delivered later.
        """
        action = get_event_action(organization=caller.organization, event_action_id=auto_export_id)
        event_actions.set_enabled(event_action=action, actor=caller.actor, at=caller.at, **body)
        return get_event_action(organization=caller.organization, event_action_id=auto_export_id)

    @operation("delete_auto_export", scope="subscriptions:write")
    def delete(self, caller: Caller, auto_export_id: str) -> None:
        """Stop an auto-export for good; its deliveries and receipts stay."""
        action = get_event_action(organization=caller.organization, event_action_id=auto_export_id)
        event_actions.delete_event_action(event_action=action, actor=caller.actor, at=caller.at)
