"""Who may read what: every read of bytes asks `readable_revisions`, nothing else decides."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Max, Q, QuerySet

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization
from publishers.models import Asset, DataSet, Product, PublishedDataSet, PublishedRevision
from publishers.queries.products import get_listed_product
from subscriptions.models import Agreement, DataGrant, Entitlement


def active_entitlements(*, organization: Organization, at: datetime) -> QuerySet[Entitlement]:
    """Return the entitlements whose period holds the instant `at`."""
    return Entitlement.objects.filter(organization=organization, valid_from__lte=at).filter(
        Q(valid_until=None) | Q(valid_until__gt=at)
    )


def list_entitled_organization_ids(*, published_data_set: PublishedDataSet, at: datetime) -> Iterator[str]:
    """Yield the id of each organization that is entitled to a published data set at the instant `at`, once each."""
    entitled = Entitlement.objects.filter(published_data_set=published_data_set, valid_from__lte=at).filter(
        Q(valid_until=None) | Q(valid_until__gt=at)
    )
    return entitled.order_by("organization_id").values_list("organization_id", flat=True).distinct().iterator()


def list_living_publications(*, data_set: DataSet, at: datetime) -> QuerySet[PublishedDataSet]:
    """Return where a data set can have readers at the instant `at`: in products that were published, in accepted data grants."""
    living_grant = Q(data_grant__accepted_at__isnull=False, data_grant__deleted_at=None) & (
        Q(data_grant__ends_at=None) | Q(data_grant__ends_at__gt=at)
    )
    return (
        PublishedDataSet.objects.filter(data_set=data_set, closed_at=None)
        .filter(Q(product__published_at__isnull=False) | living_grant)
        .select_related("product")
        .order_by("pk")
    )


def visible_revisions(*, organization: Organization, at: datetime) -> QuerySet[PublishedRevision]:
    """Return the published revisions that the organization may know of at the instant `at`, revoked ones included."""
    return PublishedRevision.objects.filter(
        published_data_set__in=active_entitlements(organization=organization, at=at).values("published_data_set"),
        published_at__lte=at,
    ).select_related("revision__data_set", "published_data_set__data_set__owner", "published_data_set__product")


def readable_revisions(*, organization: Organization, at: datetime) -> QuerySet[PublishedRevision]:
    """Return the published revisions whose bytes the organization may read at the instant `at`.

    One row per (product's data set, revision); revoked revisions are never among them.
    """
    return visible_revisions(organization=organization, at=at).filter(revision__revoked_at=None)


def list_entitled_data_sets(*, organization: Organization, at: datetime) -> QuerySet[PublishedDataSet]:
    """Return the data sets that the organization may read, newest entitlement first, with `newest_at`, `revision_count`."""
    return (
        PublishedDataSet.objects.filter(entitlements__in=active_entitlements(organization=organization, at=at))
        .annotate(
            revision_count=Count(
                "published_revisions", filter=Q(published_revisions__revision__revoked_at=None), distinct=True
            ),
            newest_at=Max("published_revisions__published_at"),
            entitled_from=Max("entitlements__valid_from"),
        )
        .select_related("data_set__owner", "product__owner", "product__search", "data_grant")
        .order_by("-entitled_from", "pk")
    )


def get_entitled_data_set(*, organization: Organization, data_set_id: str, at: datetime) -> PublishedDataSet:
    """Raise NotFound alike for an entitled data set that is missing, lapsed or somebody else's."""
    try:
        return list_entitled_data_sets(organization=organization, at=at).get(pk=data_set_id)
    except PublishedDataSet.DoesNotExist:
        raise NotFound("DATA_SET", data_set_id) from None


def get_shown_data_set(*, organization: Organization, data_set_id: str, at: datetime) -> PublishedDataSet:
    """Return an entitled data set, or what others get of one's own: its publisher sees what they see. Raises NotFound."""
    try:
        return get_entitled_data_set(organization=organization, data_set_id=data_set_id, at=at)
    except NotFound:
        is_given = Q(product__published_at__isnull=False) | Q(data_grant__accepted_at__isnull=False)
        own = PublishedDataSet.objects.filter(is_given, pk=data_set_id, data_set__owner=organization)
        found = own.select_related("data_set", "data_grant").first()
        if found is None:
            raise
        return found


def list_entitled_revisions(
    *, organization: Organization, data_set_id: str, at: datetime, newest_first: bool = True
) -> QuerySet[PublishedRevision]:
    """Return the readable revisions of one entitled data set."""
    order = "-published_at" if newest_first else "published_at"
    return (
        readable_revisions(organization=organization, at=at)
        .filter(published_data_set_id=data_set_id)
        .annotate(asset_count=Count("revision__assets"))
        .order_by(order, "-pk")
    )


def list_revoked_revisions(
    *, organization: Organization, data_set_id: str, at: datetime
) -> QuerySet[PublishedRevision]:
    """Return the revisions of an entitled data set that were taken back, newest first: named with the reason, unreadable."""
    return (
        visible_revisions(organization=organization, at=at)
        .filter(published_data_set_id=data_set_id, revision__revoked_at__isnull=False)
        .order_by("-revision__revoked_at", "-pk")
    )


def get_visible_revision(
    *, organization: Organization, data_set_id: str, revision_id: str, at: datetime
) -> PublishedRevision:
    """Return a revision whose existence the organization may know of; its bytes are another question. Raises NotFound."""
    found = visible_revisions(organization=organization, at=at).filter(
        published_data_set_id=data_set_id, revision_id=revision_id
    )
    publication = found.first()
    if publication is None:
        raise NotFound("REVISION", revision_id)
    return publication


def shown_revisions(*, organization: Organization, data_set_id: str, at: datetime) -> QuerySet[PublishedRevision]:
    """Return what was published of a data set that `get_shown_data_set` returns, revoked revisions included."""
    entitled = active_entitlements(organization=organization, at=at).filter(published_data_set=data_set_id)
    is_shown = Q(published_data_set__data_set__owner=organization) | Q(
        published_data_set__in=entitled.values("published_data_set")
    )
    found = PublishedRevision.objects.filter(is_shown, published_data_set_id=data_set_id, published_at__lte=at)
    return found.select_related("revision__data_set", "published_data_set__data_set__owner")


def get_shown_revision(
    *, organization: Organization, data_set_id: str, revision_id: str, at: datetime
) -> PublishedRevision:
    """Return a revision as readers see it, to one of them or to its publisher. Raises NotFound."""
    found = shown_revisions(organization=organization, data_set_id=data_set_id, at=at)
    publication = found.filter(revision_id=revision_id).first()
    if publication is None:
        raise NotFound("REVISION", revision_id)
    return publication


def get_entitled_revision(
    *, organization: Organization, data_set_id: str, revision_id: str, at: datetime
) -> PublishedRevision:
    """Raise NotFound alike for a revision that is missing, revoked, not published to us or somebody else's."""
    found = readable_revisions(organization=organization, at=at).filter(
        published_data_set_id=data_set_id, revision_id=revision_id
    )
    publication = found.first()
    if publication is None:
        raise NotFound("REVISION", revision_id)
    return publication


def get_entitled_asset(
    *, organization: Organization, data_set_id: str, revision_id: str, asset_id: str, at: datetime
) -> Asset:
    """Raise NotFound alike for an asset that is missing and for one that may not be read."""
    publication = get_entitled_revision(
        organization=organization, data_set_id=data_set_id, revision_id=revision_id, at=at
    )
    asset = Asset.objects.select_related("revision").filter(revision=publication.revision_id, pk=asset_id).first()
    if asset is None:
        raise NotFound("ASSET", asset_id)
    return asset


def may_read(*, organization: Organization, data_set_id: str, revision_id: str, at: datetime) -> bool:
    """Return True while the organization may read the revision; asked again right before each irreversible step."""
    return (
        readable_revisions(organization=organization, at=at)
        .filter(published_data_set_id=data_set_id, revision_id=revision_id)
        .exists()
    )


def list_agreements(*, organization: Organization) -> QuerySet[Agreement]:
    """Return the agreements of an organization, newest first."""
    return (
        Agreement.objects.filter(organization=organization)
        .select_related("product__owner", "offer_version", "accepted_by")
        .order_by("-accepted_at", "pk")
    )


def get_agreement(*, organization: Organization, agreement_id: str) -> Agreement:
    """Raise NotFound alike for an agreement that is missing and for one that is somebody else's."""
    try:
        return list_agreements(organization=organization).get(pk=agreement_id)
    except Agreement.DoesNotExist:
        raise NotFound("AGREEMENT", agreement_id) from None


def living_agreement(*, organization: Organization, product: Product) -> Agreement | None:
    """Return the agreement under which the organization subscribes to the product now."""
    return (
        Agreement.objects.filter(organization=organization, product=product, ended_at=None)
        .select_related("offer_version", "accepted_by")
        .first()
    )


def get_shown_product(*, product_id: str, viewer: Organization | None) -> Product:
    """Return a product that the viewer may see or subscribes to: to a subscriber it stays when it is hidden. Raises NotFound."""
    try:
        return get_listed_product(product_id=product_id, viewer=viewer)
    except NotFound:
        living = Agreement.objects.filter(organization=viewer, product=product_id.replace("\0", ""), ended_at=None)
        agreement = living.select_related("product__owner", "product__search").first() if viewer else None
        if agreement is None:
            raise
        return agreement.product


def list_subscribers(*, owner: Organization) -> QuerySet[Agreement]:
    """Return the living agreements on an owner's products, newest first, with the subscriber's name."""
    return (
        Agreement.objects.filter(product__owner=owner, ended_at=None)
        .select_related("organization", "product")
        .annotate(subscriber_name=F("organization__name"))
        .order_by("-accepted_at")
    )


def _data_grants() -> QuerySet[DataGrant]:
    return (
        DataGrant.objects.filter(deleted_at=None)
        .select_related("receiver", "published_data_set__data_set__owner")
        .order_by("-created_at", "-pk")
    )


def list_data_grants(*, owner: Organization) -> QuerySet[DataGrant]:
    """Return the data grants that an organization has given, newest first."""
    return _data_grants().filter(published_data_set__data_set__owner=owner)


def get_data_grant(*, owner: Organization, data_grant_id: str) -> DataGrant:
    """Raise NotFound alike for a data grant that is missing, deleted or somebody else's."""
    found = list_data_grants(owner=owner).filter(pk=data_grant_id).first()
    if found is None:
        raise NotFound("DATA_GRANT", data_grant_id)
    return found


def list_received_data_grants(*, receiver: Organization) -> QuerySet[DataGrant]:
    """Return the data grants that an organization was given, accepted or not, newest first."""
    return _data_grants().filter(receiver=receiver)


def get_received_data_grant(*, receiver: Organization, data_grant_id: str) -> DataGrant:
    """Raise NotFound alike for a data grant that is missing, deleted or for somebody else."""
    found = list_received_data_grants(receiver=receiver).filter(pk=data_grant_id).first()
    if found is None:
        raise NotFound("DATA_GRANT", data_grant_id)
    return found


def count_subscribing_organizations(*, owner: Organization) -> int:
    """Return how many organizations have a living agreement on a product of an owner that everybody sees."""
    living = Agreement.objects.filter(ended_at=None, product__in=Product.objects.listed().filter(owner=owner))
    return living.values("organization").distinct().count()
