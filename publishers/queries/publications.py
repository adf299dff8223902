"""What has been published of a product: its timeline and its totals, without regard to who may read the bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from publishers.models import Asset, Product, PublishedRevision


@dataclass(frozen=True)
class PublicationFigures:
    """Totals over the published revisions of a product; None where nothing was published."""

    revisions: int
    files: int
    size_bytes: int
    first_at: datetime | None
    last_at: datetime | None


def list_publications(*, product: Product) -> QuerySet[PublishedRevision]:
    """Return a product's published revisions, newest first, revoked ones among them, with `asset_count`, `size_bytes`."""
    return (
        PublishedRevision.objects.filter(published_data_set__product=product)
        .select_related("revision", "published_data_set__data_set")
        .annotate(asset_count=Count("revision__assets"), size_bytes=Sum("revision__assets__size_bytes", default=0))
        .order_by("-published_at", "-pk")
    )


def publication_figures(*, product: Product) -> PublicationFigures:
    """Return the totals over what is published and not revoked."""
    published = PublishedRevision.objects.filter(published_data_set__product=product, revision__revoked_at=None)
    span = published.aggregate(
        revisions=Count("pk"), first_at=Min("revision__finalized_at"), last_at=Max("revision__finalized_at")
    )
    assets = Asset.objects.filter(revision__in=published.values("revision"))
    return PublicationFigures(**span, **assets.aggregate(files=Count("pk"), size_bytes=Sum("size_bytes", default=0)))


def first_assets(*, revision_ids: Iterable[str], each: int) -> dict[str, list[Asset]]:
    """Return up to `each` files per revision, by name: what a list of revisions shows of them."""
    place = Window(RowNumber(), partition_by="revision", order_by="name")
    found: dict[str, list[Asset]] = {}
    ranked = Asset.objects.filter(revision__in=list(revision_ids)).annotate(place=place).filter(place__lte=each)
    for asset in ranked.order_by("revision_id", "name"):
        found.setdefault(asset.revision_id, []).append(asset)
    return found
