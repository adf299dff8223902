"""Facts of publishing as the events that organizations are told. Source: reference section (c), AWS Data Exchange events.

Each function may run twice for one fact: keys and instants come from the rows of the fact, never from a clock.
"""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from marketplace.core.operations.notices import send_event
from publishers.models import AssetType, DataSet, Product, PublishedDataSet, PublishedRevision, Revision
from subscriptions.models import DataGrant, DataSetNotification, NotificationType
from subscriptions.queries import list_entitled_organization_ids, list_living_publications

DATA_SETS_PUBLISHED = {
    AssetType.S3_SNAPSHOT: "Data Sets Published To Product",
    AssetType.API_GATEWAY_API: "API Gateway API Data Sets Published To Product",
    AssetType.REDSHIFT_DATA_SHARE: "Redshift Data Shares Data Sets Published To Product",
    AssetType.S3_DATA_ACCESS: "S3 Data Access Data Set(s) Published to Product(s)",
    AssetType.LAKE_FORMATION_DATA_PERMISSION: "Lake Formation Data Permission Data Sets Published To Product",
}
REVISION_PUBLISHED = {
    AssetType.S3_SNAPSHOT: "Revision Published To Data Set",
    AssetType.API_GATEWAY_API: "Revision Published To API Gateway API Data Set",
    AssetType.REDSHIFT_DATA_SHARE: "Revision Published To Redshift Data Shares Data Set",
    AssetType.S3_DATA_ACCESS: "Revision Published to S3 Data Access Data Set(s)",
    AssetType.LAKE_FORMATION_DATA_PERMISSION: "Revision Published To Lake Formation Data Permission Data Set",
}
REVISION_REVOKED = dict.fromkeys(AssetType.values, "Revision Revoked") | {
    AssetType.S3_DATA_ACCESS: "Revision Revoked from S3 Data Access Data Set(s)"
}
NOTIFIED = {
    NotificationType.DATA_DELAY: "Data Set Update Delayed",
    NotificationType.DATA_UPDATE: "Data Updated in Data Set",
    NotificationType.DEPRECATION: "Deprecation Planned for Data Set",
    NotificationType.SCHEMA_CHANGE: "Schema Change Planned for Data Set",
}


def _named(pk: str, name: str) -> dict[str, str]:
    return {"Id": pk, "Name": name}


def _product(product: Product | None) -> dict[str, Any]:
    return {} if product is None else {"Product": _named(product.pk, product.name)}


def _arn(suffix: str, *, account_id: str = "") -> str:
    return f"arn:aws:dataexchange:{settings.S3_REGION}:{account_id}:{suffix}"


def entry_detail(entry: PublishedDataSet) -> dict[str, Any]:
    """Return what an event says about a data set as its readers know it, and about the product that holds it."""
    return {
        "DataSetIds": [entry.pk],
        "DataSets": [_named(entry.pk, entry.data_set.name)],
    } | _product(entry.product)


def revision_detail(entry: PublishedDataSet, revision: Revision) -> dict[str, Any]:
    """Return what an event says about a revision in a data set."""
    return {
        "RevisionIds": [revision.pk],
        "Revisions": [{"Id": revision.pk, "Comment": revision.comment}],
    } | entry_detail(entry)


# --- to the owner -----------------------------------------------------------------------------------------------------
def announce_product(*, product: Product) -> None:
    """Tell the owner which data sets a product was published with: one event for each asset type among them."""
    if product.published_at is None:
        return
    found = DataSet.objects.filter(
        published_data_sets__product=product, published_data_sets__added_at__lte=product.published_at
    )
    by_type: dict[str, list[DataSet]] = {}
    for data_set in found.order_by("published_data_sets__added_at", "pk"):
        by_type.setdefault(data_set.asset_type, []).append(data_set)
    for asset_type, data_sets in by_type.items():
        _tell_owner(
            product, asset_type, data_sets, key=f"product-published:{product.pk}:{asset_type}", at=product.published_at
        )


def announce_data_set(*, entry: PublishedDataSet) -> None:
    """Tell the owner that a data set was added to a published product."""
    if entry.product is not None:
        data_set = entry.data_set
        _tell_owner(entry.product, data_set.asset_type, [data_set], key=f"data-set-added:{entry.pk}", at=entry.added_at)


def _tell_owner(product: Product, asset_type: str, data_sets: list[DataSet], *, key: str, at: datetime) -> None:
    send_event(
        detail_type=DATA_SETS_PUBLISHED[AssetType(asset_type)],
        source_key=key,
        occurred_at=at,
        resources=[product.pk],
        detail={
            "DataSetIds": [data_set.pk for data_set in data_sets],
            "DataSets": [_named(data_set.pk, data_set.name) for data_set in data_sets],
        }
        | _product(product),
        receivers=[product.owner_id],
    )


# --- to whoever is entitled -------------------------------------------------------------------------------------------
def announce_revision(*, publication: PublishedRevision, at: datetime) -> None:
    """Tell everybody who is entitled at the instant `at` that a revision was published."""
    entry, revision = publication.published_data_set, publication.revision
    send_event(
        detail_type=REVISION_PUBLISHED[AssetType(entry.data_set.asset_type)],
        source_key=f"revision-published:{publication.pk}",
        occurred_at=publication.published_at,
        resources=[entry.pk],
        detail=revision_detail(entry, revision),
        receivers=list_entitled_organization_ids(published_data_set=entry, at=at),
    )


def announce_revocation(*, revision: Revision, at: datetime) -> None:
    """Tell everybody who is entitled at the instant `at`, wherever the revision was published, that it was taken back."""
    if revision.revoked_at is None:
        return
    publications = PublishedRevision.objects.filter(revision=revision).select_related(
        "published_data_set__data_set", "published_data_set__product"
    )
    for publication in publications.order_by("pk"):
        entry = publication.published_data_set
        send_event(
            detail_type=REVISION_REVOKED[entry.data_set.asset_type],
            source_key=f"revision-revoked:{publication.pk}",
            occurred_at=revision.revoked_at,
            resources=[entry.pk],
            detail=revision_detail(entry, revision) | {"RevocationComment": revision.revocation_comment},
            receivers=list_entitled_organization_ids(published_data_set=entry, at=at),
        )


def announce_notification(*, notification: DataSetNotification, at: datetime) -> None:
    """Pass a publisher's notification on to everybody who is entitled at the instant `at`."""
    said: dict[str, Any] = {"Type": notification.type}
    for name, value in (
        ("Comment", notification.comment),
        ("Details", notification.details),
        ("Scope", notification.scope),
    ):
        if value:
            said[name] = value
    data_set = notification.data_set
    for entry in list_living_publications(data_set=data_set, at=notification.created_at):
        detail: dict[str, Any] = {
            "DataSet": _named(entry.pk, data_set.name) | {"AssetType": data_set.asset_type},
            "Notification": said,
        }
        if entry.product is not None:
            contact = {"ProviderContact": entry.product.support_contact}
            detail["Product"] = _named(entry.product.pk, entry.product.name) | contact
        send_event(
            detail_type=NOTIFIED[NotificationType(notification.type)],
            source_key=f"notification:{notification.pk}:{entry.pk}",
            occurred_at=notification.created_at,
            resources=[_arn(f"data-sets/{entry.pk}")],
            detail=detail,
            receivers=list_entitled_organization_ids(published_data_set=entry, at=at),
        )


# --- data grants ------------------------------------------------------------------------------------------------------
def announce_grant_accepted(*, grant: DataGrant) -> None:
    """Tell the sender of a data grant that it was accepted."""
    if grant.accepted_at is not None:
        _tell_of_grant(grant, "Data Grant Accepted", at=grant.accepted_at, receiver_id=grant.sender.pk)


def announce_grant_extended(*, grant: DataGrant) -> None:
    """Tell the receiver of a data grant that it ends later now, or never."""
    ends_at = "never" if grant.ends_at is None else _instant(grant.ends_at)
    if grant.deleted_at is None:
        _tell_of_grant(
            grant, "Data Grant Extended", at=grant.updated_at, receiver_id=grant.receiver_id, key=f":{ends_at}"
        )


def announce_grant_revoked(*, grant: DataGrant) -> None:
    """Tell the receiver of a data grant that it was ended."""
    if grant.deleted_at is not None:
        _tell_of_grant(grant, "Data Grant Revoked", at=grant.deleted_at, receiver_id=grant.receiver_id)


def _tell_of_grant(grant: DataGrant, detail_type: str, *, at: datetime, receiver_id: str, key: str = "") -> None:
    entry = grant.published_data_set
    send_event(
        detail_type=detail_type,
        source_key=f"{detail_type}:{grant.pk}{key}",
        occurred_at=at,
        resources=[_arn(f"data-sets/{entry.pk}")],
        detail={
            "DataSets": [_named(entry.pk, entry.data_set.name)],
            "DataGrant": {
                "Arn": _arn(f"data-grants/{grant.pk}", account_id=grant.sender.account_id),
                "Name": grant.name,
            },
        },
        receivers=[receiver_id],
    )


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
