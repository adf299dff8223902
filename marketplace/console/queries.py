"""What the console's pages read across applications: what waits for somebody, and a publisher's figures."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDate

from jobs.models import EventAction, Job, JobState
from jobs.queries import list_deliveries, list_deliveries_of_publisher, list_event_actions, list_imports
from marketplace.core.models import Organization, StorageConnection
from marketplace.core.queries.storage import list_storage_connections
from publishers.models import Asset, DataSet, Product, ProductState, PublishedRevision, Revision
from subscriptions.models import Agreement, DataGrant, Entitlement
from subscriptions.queries import list_received_data_grants, list_subscribers, readable_revisions

FAILED = (JobState.ERROR, JobState.TIMED_OUT)


def _asset_count(revision: str) -> Coalesce:
    """Count the files of a row's revision by a subquery: only the few rows that a page shows pay for it, not all before."""
    counted = Asset.objects.filter(revision=OuterRef(revision)).order_by().values("revision").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)


# --- what waits for somebody ----------------------------------------------------------------------------------------------
def list_failed_deliveries(*, organization: Organization, since: datetime) -> QuerySet[Job]:
    """Return the deliveries that ended without arriving and were not retried, newest first."""
    return list_deliveries(organization=organization).filter(state__in=FAILED, created_at__gte=since)


def list_failed_imports(*, organization: Organization, since: datetime) -> QuerySet[Job]:
    """Return the failed imports into revisions that are still drafts, newest first."""
    drafts = Revision.objects.filter(pk=OuterRef("revision_id"), finalized_at=None)
    return list_imports(organization=organization).filter(Exists(drafts), state__in=FAILED, created_at__gte=since)


def list_failing_connections(*, organization: Organization) -> QuerySet[StorageConnection]:
    """Return the buckets whose last test write failed."""
    return list_storage_connections(organization=organization).filter(
        Q(proved_at=None) | Q(failed_at__gte=F("proved_at"))
    )


def list_stranded_auto_exports(*, organization: Organization) -> QuerySet[EventAction]:
    """Return the auto-exports whose bucket was taken away."""
    return list_event_actions(organization=organization).filter(connection__removed_at__isnull=False)


def list_draft_revisions(*, owner: Organization) -> QuerySet[Revision]:
    """Return the drafts that hold files and only wait to be finalized, newest first, with `asset_count`."""
    return (
        Revision.objects.owned_by(owner)
        .filter(Exists(Asset.objects.filter(revision=OuterRef("pk"))), finalized_at=None)
        .annotate(asset_count=_asset_count("pk"))
        .select_related("data_set")
        .order_by("-updated_at", "-pk")
    )


def list_shareable_data_sets(*, owner: Organization) -> QuerySet[DataSet]:
    """Return the data sets of which a receiver would get something: those with a finalized revision, by name."""
    finalized = Revision.objects.filter(data_set=OuterRef("pk"), finalized_at__isnull=False, revoked_at=None)
    return DataSet.objects.owned_by(owner).filter(Exists(finalized)).order_by("name", "pk")


def list_draft_products(*, owner: Organization) -> QuerySet[Product]:
    """Return the products that are not listed yet, newest first."""
    return Product.objects.owned_by(owner).filter(state=ProductState.DRAFT).order_by("-updated_at", "-pk")


def list_new_revisions(*, organization: Organization, at: datetime) -> QuerySet[PublishedRevision]:
    """Return what the organization may read, newest first, with `asset_count`."""
    return (
        readable_revisions(organization=organization, at=at)
        .annotate(asset_count=_asset_count("revision"))
        .order_by("-published_at", "-pk")
    )


def count_auto_exports_by_connection(*, organization: Organization) -> dict[str, int]:
    """Return how many auto-exports deliver to each bucket."""
    rows = (
        EventAction.objects.filter(organization=organization, deleted_at=None)
        .values_list("connection")
        .annotate(n=Count("pk"))
        .order_by("connection")
    )
    return dict(rows)


@dataclass(frozen=True)
class Beginnings:
    """Which first steps an organization has taken."""

    has_access: bool
    has_connected: bool
    has_automated: bool
    has_received: bool
    has_data_set: bool
    has_finalized: bool
    has_listed: bool

    @property
    def publishes(self) -> bool:
        return self.has_data_set

    @property
    def is_complete(self) -> bool:
        """Return True when one of the two ways was walked to its end."""
        return self.has_received or self.has_listed


def get_beginnings(*, organization: Organization) -> Beginnings:
    """Return which first steps an organization has taken, whether or not they still hold."""
    return Beginnings(
        has_access=Entitlement.objects.filter(organization=organization).exists(),
        has_connected=list_storage_connections(organization=organization).exists(),
        has_automated=list_event_actions(organization=organization).exists(),
        has_received=list_deliveries(organization=organization).filter(state=JobState.COMPLETED).exists(),
        has_data_set=DataSet.objects.owned_by(organization).exists(),
        has_finalized=Revision.objects.owned_by(organization).filter(finalized_at__isnull=False).exists(),
        has_listed=Product.objects.owned_by(organization).filter(published_at__isnull=False).exists(),
    )


def list_waiting_data_grants(*, organization: Organization, at: datetime) -> QuerySet[DataGrant]:
    """Return the data grants that an organization was given, has not accepted and still may, newest first."""
    living = Q(ends_at=None) | Q(ends_at__gt=at)
    return list_received_data_grants(receiver=organization).filter(living, accepted_at=None)


# --- figures --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class DeliveryFigures:
    """Deliveries of a period that came to an end, and the bytes that arrived."""

    completed: int
    failed: int
    size_bytes: int

    @property
    def success_rate(self) -> float | None:
        """Return the share that arrived, 0 to 100; None when nothing ended."""
        ended = self.completed + self.failed
        return 100 * self.completed / ended if ended else None


def summarize_deliveries(deliveries: QuerySet[Job], *, since: datetime) -> DeliveryFigures:
    """Return the figures of the deliveries that were created at or after an instant."""
    return DeliveryFigures(
        **deliveries.order_by()
        .filter(created_at__gte=since)
        .aggregate(
            completed=Count("pk", filter=Q(state=JobState.COMPLETED)),
            failed=Count("pk", filter=Q(state__in=FAILED)),
            size_bytes=Sum("bytes_done", default=0),
        )
    )


@dataclass(frozen=True)
class Day:
    """The deliveries of one day in UTC."""

    date: date
    figures: DeliveryFigures


def list_delivery_days(*, owner: Organization, at: datetime, days: int) -> list[Day]:
    """Return one entry for each of the last `days` days in UTC, the one of `at` last; quiet days hold zeros."""
    last = at.astimezone(UTC).date()
    first = last - timedelta(days=days - 1)
    rows = (
        list_deliveries_of_publisher(owner=owner)
        .order_by()
        .filter(created_at__gte=datetime(first.year, first.month, first.day, tzinfo=UTC))
        .annotate(day=TruncDate("created_at", tzinfo=UTC))
        .values("day")
        .annotate(
            completed=Count("pk", filter=Q(state=JobState.COMPLETED)),
            failed=Count("pk", filter=Q(state__in=FAILED)),
            size_bytes=Sum("bytes_done", default=0),
        )
    )
    counted = {row["day"]: DeliveryFigures(row["completed"], row["failed"], row["size_bytes"]) for row in rows}
    quiet = DeliveryFigures(0, 0, 0)
    return [Day(day, counted.get(day, quiet)) for day in (first + timedelta(days=n) for n in range(days))]


@dataclass(frozen=True)
class PublishingFigures:
    """How much an organization publishes, and to how many organizations."""

    data_sets: int
    listed: int
    subscribers: int


def count_publishing(*, owner: Organization) -> PublishingFigures:
    """Return an owner's data sets, products in the catalogue and subscribers, in one query."""

    def counted(rows: QuerySet[Any], what: str = "pk") -> Coalesce:
        """Count distinct values of rows of which each has the owner's id in `of`."""
        numbers = rows.order_by().values("of").annotate(n=Count(what, distinct=True)).values("n")
        return Coalesce(Subquery(numbers), 0)

    listed = Product.objects.filter(owner=OuterRef("pk"), state=ProductState.PUBLISHED).annotate(of=F("owner"))
    living = Agreement.objects.filter(product__owner=OuterRef("pk"), ended_at=None).annotate(of=F("product__owner"))
    row = (
        Organization.objects.filter(pk=owner.pk)
        .annotate(
            data_sets_n=counted(DataSet.objects.filter(owner=OuterRef("pk")).annotate(of=F("owner"))),
            listed_n=counted(listed),
            subscribers_n=counted(living, "organization"),
        )
        .values_list("data_sets_n", "listed_n", "subscribers_n")
        .get()
    )
    return PublishingFigures(*row)


def count_subscribers(*, owner: Organization) -> int:
    """Return how many organizations subscribe to at least one product of an owner."""
    return list_subscribers(owner=owner).order_by().values("organization").distinct().count()


def last_deliveries_to(*, owner: Organization, organization_ids: Iterable[str]) -> dict[tuple[str, str], datetime]:
    """Return when each (subscriber, product) last had something delivered; pairs without a delivery are left out."""
    rows = (
        list_deliveries_of_publisher(owner=owner)
        .order_by()
        .filter(
            organization__in=list(organization_ids),
            state=JobState.COMPLETED,
            published_data_set__product__isnull=False,
        )
        .values_list("organization", "published_data_set__product")
        .annotate(at=Max("finished_at"))
    )
    return {(organization, product): at for organization, product, at in rows}
