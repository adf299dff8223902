"""What an operator's pages read across applications."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Q, QuerySet, Sum

from marketplace.core.errors import NotFound
from marketplace.core.models import AuditRecord, Organization
from publishers.models import DataSet, OfferVersion, Product, ProductState, PublishedDataSet, Revision
from subscriptions.models import Agreement


@dataclass(frozen=True)
class Figures:
    """The installation in numbers. requests, submissions: publishers and products that wait for an operator."""

    organizations: int
    users: int
    products_listed: int
    subscriptions: int
    requests: int
    submissions: int

    @property
    def waiting(self) -> int:
        """Return how much waits for approval."""
        return self.requests + self.submissions


def get_figures() -> Figures:
    """Return the installation's figures by one statement: every operator's page shows what waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM core_organization), (SELECT count(*) FROM core_user WHERE is_active),"
            " (SELECT count(*) FROM publishers_product WHERE state = 'PUBLISHED'),"
            " (SELECT count(*) FROM subscriptions_agreement WHERE ended_at IS NULL),"
            " (SELECT count(*) FROM core_organization WHERE publisher_state = 'REQUESTED'),"
            " (SELECT count(*) FROM publishers_product WHERE state = 'DRAFT' AND submitted_at IS NOT NULL)"
        )
        return Figures(*(cursor.fetchone() or (0,) * 6))


def list_request_times(organizations: list[Organization]) -> dict[str, datetime]:
    """Return when each of these organizations asked to publish last."""
    asked = AuditRecord.objects.filter(scope__in=[o.pk for o in organizations], action="publisher.requested")
    return dict(asked.order_by().values_list("scope").annotate(last=Max("recorded_at")))


def list_publishing_organization_ids() -> list[str]:
    """Return the ids of the organizations that have a product in the catalogue."""
    listed = Product.objects.filter(state=ProductState.PUBLISHED)
    return list(listed.order_by("owner").values_list("owner", flat=True).distinct())


def list_submitted_products() -> QuerySet[Product]:
    """Return the products that wait for an operator's approval, the longest waiting first."""
    waiting = Product.objects.filter(submitted_at__isnull=False, state=ProductState.DRAFT)
    return waiting.select_related("owner").order_by("submitted_at", "pk")


def get_submitted_product(product_id: str) -> Product:
    """Raise NotFound for a product that does not wait for approval."""
    try:
        return list_submitted_products().get(pk=product_id)
    except Product.DoesNotExist:
        raise NotFound("PRODUCT", product_id) from None


@dataclass(frozen=True)
class ProductFacts:
    """What of a product stands outside its own row: its data sets, each with `file_count` and `size_bytes`, its terms."""

    entries: list[PublishedDataSet]
    terms: str
    revision_count: int


def get_product_facts(product: Product) -> ProductFacts:
    """Return what an operator judges a product by."""
    living = Q(data_set__revisions__revoked_at=None)
    entries = (
        PublishedDataSet.objects.filter(product=product)
        .select_related("data_set")
        .annotate(
            file_count=Count("data_set__revisions__assets", filter=living),
            size_bytes=Sum("data_set__revisions__assets__size_bytes", filter=living, default=0),
        )
        .order_by("added_at", "pk")
    )
    newest = (
        OfferVersion.objects.filter(offer__product=product, offer__is_public=True, offer__withdrawn_at=None)
        .order_by("-number")
        .first()
    )
    finalized = Revision.objects.filter(
        data_set__published_data_sets__product=product, finalized_at__isnull=False, revoked_at=None
    )
    return ProductFacts(list(entries), newest.terms if newest else "", finalized.count())


@dataclass(frozen=True)
class OrganizationFacts:
    """Figures of an organization. size_bytes: of all files it keeps in the vault."""

    members: int
    data_sets: int
    products_listed: int
    products: int
    size_bytes: int
    subscriptions: int
    subscribers: int
    last_published_at: datetime | None


def get_organization_facts(organization: Organization) -> OrganizationFacts:
    """Return the figures of an organization by one statement."""
    sets = "(SELECT id FROM publishers_dataset WHERE owner_id = %(id)s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT (SELECT count(*) FROM core_membership WHERE organization_id = %(id)s),
                   (SELECT count(*) FROM publishers_dataset WHERE owner_id = %(id)s),
                   (SELECT count(*) FROM publishers_product WHERE owner_id = %(id)s AND state = 'PUBLISHED'),
                   (SELECT count(*) FROM publishers_product WHERE owner_id = %(id)s),
                   (SELECT coalesce(sum(a.size_bytes), 0)::bigint FROM publishers_asset a
                    JOIN publishers_revision r ON r.id = a.revision_id WHERE r.data_set_id IN {sets}),
                   (SELECT count(*) FROM subscriptions_agreement WHERE organization_id = %(id)s AND ended_at IS NULL),
                   (SELECT count(DISTINCT g.organization_id) FROM subscriptions_agreement g
                    JOIN publishers_product p ON p.id = g.product_id
                    WHERE p.owner_id = %(id)s AND g.ended_at IS NULL),
                   (SELECT max(finalized_at) FROM publishers_revision WHERE data_set_id IN {sets})
            """,
            {"id": organization.pk},
        )
        return OrganizationFacts(*(cursor.fetchone() or (0, 0, 0, 0, 0, 0, 0, None)))


def list_owned(organization: Organization, *, most: int) -> dict[str, list[Any]]:
    """Return the newest products and data sets of an organization, at most so many of each."""
    return {
        "products": list(Product.objects.filter(owner=organization).order_by("-updated_at", "-pk")[:most]),
        "data_sets": list(
            DataSet.objects.filter(owner=organization)
            .annotate(revision_count=Count("revisions"))
            .order_by("-updated_at", "-pk")[:most]
        ),
    }


def count_by_organization(ids: list[str]) -> dict[str, dict[str, int]]:
    """Return {organization: {"members", "products", "subscriptions"}} for a page of a list, by three statements."""
    found: dict[str, dict[str, int]] = {pk: {"members": 0, "products": 0, "subscriptions": 0} for pk in ids}
    counted: list[tuple[str, str, QuerySet[Any]]] = [
        ("members", "pk", Organization.objects.filter(pk__in=ids, memberships__isnull=False)),
        ("products", "owner", Product.objects.filter(owner__in=ids, state=ProductState.PUBLISHED)),
        ("subscriptions", "organization", Agreement.objects.filter(organization__in=ids, ended_at=None)),
    ]
    for name, key, rows in counted:
        what = "memberships" if name == "members" else "pk"
        for pk, n in rows.order_by().values_list(key).annotate(n=Count(what)):
            found[pk][name] = n
    return found
