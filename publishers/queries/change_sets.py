"""Change sets, products and offers as their owner's programs see them."""

from datetime import datetime

from django.db.models import CharField, DateTimeField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Concat, NullIf

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization
from publishers.models import ChangeSet, Offer, OfferVersion, PublishedDataSet, PublishedRevision
from publishers.models.change_sets import HISTORY


def list_change_sets(*, organization: Organization, at: datetime) -> QuerySet[ChangeSet]:
    """Return the change sets of the last 60 days."""
    return ChangeSet.objects.filter(organization=organization, created_at__gt=at - HISTORY).prefetch_related("entities")


def get_change_set(*, organization: Organization, change_set_id: str, at: datetime) -> ChangeSet:
    """Raise NotFound alike for a change set that is missing, too old, or somebody else's."""
    try:
        return list_change_sets(organization=organization, at=at).get(pk=change_set_id)
    except ChangeSet.DoesNotExist:
        raise NotFound("CHANGE_SET", change_set_id) from None


def list_owned_offers(*, owner: Organization) -> QuerySet[Offer]:
    """Return the offers of an organization's products, with `title`, `version_id`, `version_number`, `terms`, `modified_at`.

    title: the name of the offer, or one made from that of its product.
    """
    newest = OfferVersion.objects.filter(offer=OuterRef("pk")).order_by("-number")
    named = Concat(Value("Public offer of "), "product__name", output_field=CharField())
    return (
        Offer.objects.filter(product__owner=owner)
        .select_related("product")
        .annotate(
            title=Coalesce(NullIf("name", Value("")), named, output_field=CharField()),
            version_id=Subquery(newest.values("pk")[:1]),
            version_number=Coalesce(Subquery(newest.values("number")[:1]), Value(0)),
            terms=Subquery(newest.values("terms")[:1]),
            modified_at=Coalesce(Subquery(newest.values("created_at")[:1]), "created_at", output_field=DateTimeField()),
        )
    )


def get_owned_offer(*, owner: Organization, offer_id: str) -> Offer:
    """Raise NotFound alike for an offer that is missing and for one that is somebody else's."""
    try:
        return list_owned_offers(owner=owner).get(pk=offer_id)
    except Offer.DoesNotExist:
        raise NotFound("OFFER", offer_id) from None


def list_entries_with_last_revision(*, product_id: str) -> QuerySet[PublishedDataSet]:
    """Return the data sets of a product in the order they were added, with `last_revision_at`, None before the first one."""
    newest = PublishedRevision.objects.filter(published_data_set=OuterRef("pk")).order_by("-published_at")
    return (
        PublishedDataSet.objects.filter(product_id=product_id)
        .select_related("data_set")
        .annotate(last_revision_at=Subquery(newest.values("published_at")[:1]))
        .order_by("added_at", "pk")
    )
