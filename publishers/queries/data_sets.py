"""Data sets, revisions and assets as their owner sees them."""

from collections.abc import Iterable

from django.db.models import Count, Max, Q, QuerySet, Sum

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization
from publishers.models import Asset, DataSet, PublishedDataSet, PublishedRevision, Revision, Upload


def list_owned_data_sets(*, owner: Organization) -> QuerySet[DataSet]:
    """Return an organization's data sets, newest first, with `revision_count`, `newest_at`, `product_count`."""
    return (
        DataSet.objects.owned_by(owner)
        .annotate(
            revision_count=Count("revisions", distinct=True),
            finalized_count=Count("revisions", filter=Q(revisions__finalized_at__isnull=False), distinct=True),
            product_count=Count("published_data_sets__product", distinct=True),
            newest_at=Max("revisions__finalized_at"),
        )
        .order_by("-created_at", "-pk")
    )


def get_owned_data_set(*, owner: Organization, data_set_id: str) -> DataSet:
    """Raise NotFound alike for a data set that is missing and for one that is somebody else's."""
    try:
        return DataSet.objects.owned_by(owner).get(pk=data_set_id)
    except DataSet.DoesNotExist:
        raise NotFound("DATA_SET", data_set_id) from None


def list_revisions(*, data_set: DataSet) -> QuerySet[Revision]:
    """Return the revisions of a data set, newest first, with `asset_count` and `size_bytes`."""
    return (
        Revision.objects.filter(data_set=data_set)
        .annotate(asset_count=Count("assets"), size_bytes=Sum("assets__size_bytes"))
        .order_by("-created_at", "-pk")
    )


def get_owned_revision(*, owner: Organization, data_set_id: str, revision_id: str) -> Revision:
    """Raise NotFound alike for a revision that is missing and for one that is somebody else's."""
    try:
        return Revision.objects.owned_by(owner).select_related("data_set").get(data_set_id=data_set_id, pk=revision_id)
    except Revision.DoesNotExist:
        raise NotFound("REVISION", revision_id) from None


def list_assets(*, revision: Revision) -> QuerySet[Asset]:
    """Return the assets of a revision, by name descending. Source: dataexchange 2017-07-25, ListRevisionAssets."""
    return Asset.objects.filter(revision=revision).order_by("-name", "-pk")


def get_owned_asset(*, owner: Organization, data_set_id: str, revision_id: str, asset_id: str) -> Asset:
    """Raise NotFound alike for an asset that is missing and for one that is somebody else's."""
    revision = get_owned_revision(owner=owner, data_set_id=data_set_id, revision_id=revision_id)
    try:
        return Asset.objects.select_related("revision__data_set").get(revision=revision, pk=asset_id)
    except Asset.DoesNotExist:
        raise NotFound("ASSET", asset_id) from None


def get_upload(*, revision: Revision, upload_id: str) -> Upload:
    """Raise NotFound when the revision has no such upload."""
    try:
        return Upload.objects.select_related("revision").get(revision=revision, pk=upload_id)
    except Upload.DoesNotExist:
        raise NotFound("UPLOAD", upload_id) from None


def list_holding_products(*, data_set: DataSet) -> QuerySet[PublishedDataSet]:
    """Return where a data set is listed, in the order it was added."""
    return PublishedDataSet.objects.filter(data_set=data_set).select_related("product").order_by("added_at", "pk")


def published_among(*, revision_ids: Iterable[str]) -> dict[str, int]:
    """Return in how many products and data grants each revision is published; those in none are left out."""
    rows = PublishedRevision.objects.filter(revision__in=list(revision_ids)).values_list("revision")
    return dict(rows.annotate(n=Count("pk")).order_by("revision"))
