"""Exports and their receipts, from both sides, and imports."""

from typing import Any

from django.db.models import Q, QuerySet

from jobs.models import Job, Transfer, TransferState
from jobs.operations import exports, imports, lifecycle
from jobs.queries import (
    get_delivery,
    get_delivery_of_publisher,
    get_import,
    list_deliveries,
    list_deliveries_of_publisher,
    list_imports,
    list_transfers,
)
from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, PageQuery, page_of
from marketplace.console.api.serializers.deliveries import (
    Delivery,
    DeliveryQuery,
    Import,
    ImportQuery,
    NewExport,
    NewImport,
    PublishedDelivery,
    ReceiptLine,
    Retried,
)
from marketplace.core import scopes
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.queries.storage import get_storage_connection
from publishers.models import PublishedDataSet
from publishers.queries.data_sets import get_owned_revision
from subscriptions.queries import get_entitled_data_set, get_entitled_revision

NEWEST_FIRST = ("-created_at", "-pk")


def _page(rows: QuerySet[Job], which: str, caller: Caller, query: dict[str, Any]) -> Page:
    state, data_set_id = query.get("state"), query.get("data_set_id")
    if state:
        rows = rows.filter(state=state)
    if data_set_id:
        rows = rows.filter(Q(published_data_set=data_set_id) | Q(published_data_set=None, data_set=data_set_id))
    binding = [which, caller.organization.pk, state, data_set_id]
    return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=binding)


def _receipt(job: Job, query: dict[str, Any]) -> Page:
    delivered: QuerySet[Transfer] = list_transfers(job=job).filter(state=TransferState.DONE)
    return page_of(delivered, order_by=("number",), query=query, binding=["receipt", job.pk])


class DeliveriesView(ApiView):
    tag = "Deliveries"

    @operation("list_deliveries", scope="subscriptions:read", asks=DeliveryQuery, lists=Delivery)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List your exports, newest first."""
        return _page(list_deliveries(organization=caller.organization), "deliveries", caller, query)


class DeliveryView(ApiView):
    tag = "Deliveries"

    @operation("get_delivery", scope="subscriptions:read", gives=Delivery)
    def get(self, caller: Caller, delivery_id: str) -> Job:
        """Read an export with its progress."""
        return get_delivery(organization=caller.organization, job_id=delivery_id)


class ReceiptView(ApiView):
    tag = "Deliveries"

    @operation("get_delivery_receipt", scope="subscriptions:read", asks=PageQuery, lists=ReceiptLine)
    def get(self, caller: Caller, delivery_id: str, query: dict[str, Any]) -> Page:
        """List the objects that arrived, with checksums.

        While the export runs it grows.
        """
        return _receipt(get_delivery(organization=caller.organization, job_id=delivery_id), query)


class DeliveryRetryView(ApiView):
    tag = "Deliveries"

    @operation("retry_delivery", scope="subscriptions:write", gives=Delivery)
    def post(self, caller: Caller, delivery_id: str) -> Job:
        """Run a failed export again; what arrived is not sent again."""
        job = get_delivery(organization=caller.organization, job_id=delivery_id)
        return lifecycle.retry_job(job=job, actor=caller.actor, at=caller.at)


class DeliveriesRetryView(ApiView):
    tag = "Deliveries"

    @operation("retry_failed_deliveries", scope="subscriptions:write", gives=Retried)
    def post(self, caller: Caller) -> dict[str, int]:
        """Run all failed exports of the last 90 days again, 500 a call; what arrived is not sent again."""
        retried, left = lifecycle.retry_failed_deliveries(
            organization=caller.organization, actor=caller.actor, at=caller.at
        )
        return {"retried": retried, "left": left}


class PublishedDeliveriesView(ApiView):
    tag = "Deliveries"

    @operation("list_published_deliveries", scope="publish:read", asks=DeliveryQuery, lists=PublishedDelivery)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the exports of your data to subscribers, newest first."""
        rows = list_deliveries_of_publisher(owner=caller.organization)
        return _page(rows, "published-deliveries", caller, query)


class PublishedDeliveryView(ApiView):
    tag = "Deliveries"

    @operation("get_published_delivery", scope="publish:read", gives=PublishedDelivery)
    def get(self, caller: Caller, delivery_id: str) -> Job:
        """Read an export of your data to a subscriber."""
        return get_delivery_of_publisher(owner=caller.organization, job_id=delivery_id)


class PublishedReceiptView(ApiView):
    tag = "Deliveries"

    @operation("get_published_delivery_receipt", scope="publish:read", asks=PageQuery, lists=ReceiptLine)
    def get(self, caller: Caller, delivery_id: str, query: dict[str, Any]) -> Page:
        """List the objects of your data that arrived at a subscriber, with checksums."""
        return _receipt(get_delivery_of_publisher(owner=caller.organization, job_id=delivery_id), query)


class ExportsView(ApiView):
    tag = "Deliveries"

    @operation("create_export", scope="subscriptions:write", takes=NewExport, gives=Delivery, status=201)
    def post(self, caller: Caller, body: dict[str, Any]) -> Job:
        """Export one revision once.

        Of a data set of your own it needs the scope `publish:write` too.
        """
        organization, data_set_id, revision_id = caller.organization, body["data_set_id"], body["revision_id"]
        entry: PublishedDataSet | None = None
        try:
            entry = get_entitled_data_set(organization=organization, data_set_id=data_set_id, at=caller.at)
        except NotFound:
            revision = get_owned_revision(owner=organization, data_set_id=data_set_id, revision_id=revision_id)
            scopes.require(caller.scopes, "publish:write")
        else:
            revision = get_entitled_revision(
                organization=organization, data_set_id=data_set_id, revision_id=revision_id, at=caller.at
            ).revision
        job = exports.create_export(
            organization=organization,
            published_data_set=entry,
            revision=revision,
            connection=get_storage_connection(organization=organization, connection_id=body["storage_connection_id"]),
            key_pattern=body["key_pattern"],
            actor=caller.actor,
            at=caller.at,
        )
        return lifecycle.start_job(job=job, actor=caller.actor, at=caller.at)


class ImportsView(ApiView):
    tag = "Imports"

    @operation("list_imports", scope="publish:read", asks=ImportQuery, lists=Import)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List your imports of every kind, newest first."""
        return _page(list_imports(organization=caller.organization), "imports", caller, query)

    @operation("create_import", scope="publish:write", takes=NewImport, gives=Import, status=201)
    def post(self, caller: Caller, body: dict[str, Any]) -> Job:
        """Import a file from a public https URL, or any number of objects of a connected bucket, and start at once.

        Imports of single objects and by signed upload are jobs of the AWS-shaped API (`POST /v1/jobs`).
        """
        revision = get_owned_revision(
            owner=caller.organization, data_set_id=body["data_set_id"], revision_id=body["revision_id"]
        )
        common: dict[str, Any] = {
            "organization": caller.organization,
            "revision": revision,
            "actor": caller.actor,
            "at": caller.at,
        }
        if bool(body["url"]) == bool(body["storage_connection_id"]):
            raise Invalid("Give either url or storage_connection_id.", field="url")
        if body["url"]:
            job = imports.create_import_from_url(url=body["url"], name=body["asset_name"], **common)
        else:
            job = imports.create_import_from_listing(
                connection=get_storage_connection(
                    organization=caller.organization, connection_id=body["storage_connection_id"]
                ),
                prefix=body["prefix"],
                manifest_key=body["manifest_key"],
                **common,
            )
        return lifecycle.start_job(job=job, actor=caller.actor, at=caller.at)


class ImportView(ApiView):
    tag = "Imports"

    @operation("get_import", scope="publish:read", gives=Import)
    def get(self, caller: Caller, import_id: str) -> Job:
        """Read an import with its progress."""
        return get_import(organization=caller.organization, job_id=import_id)
