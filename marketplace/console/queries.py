"""What the console's pages read across applications: what waits for somebody, and a publisher's figures."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Aggregate, Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncDate

from jobs.models import DELIVERIES, EXPORTS, EventAction, Job, JobState
from jobs.queries import list_deliveries, list_deliveries_of_publisher, list_event_actions, list_jobs
from marketplace.core.models import Organization, StorageConnection
from marketplace.core.queries.storage import list_storage_connections
from publishers.models import Asset, DataSet, Product, ProductState, PublishedRevision, Revision
from subscriptions.models import DataGrant, Entitlement
from subscriptions.queries import active_entitlements, list_received_data_grants, list_subscribers, readable_revisions

FAILED = (JobState.ERROR, JobState.TIMED_OUT)


def _asset_count(revision: str) -> Coalesce:
    """Count the files of a row's revision by a subquery: only the few rows that a page shows pay for it, not all before."""
    counted = Asset.objects.filter(revision=OuterRef(revision)).order_by().values("revision").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)


# --- what waits for somebody ----------------------------------------------------------------------------------------------
def list_failures(
    *, organization: Organization, since: datetime, most_deliveries: int, most_imports: int
) -> tuple[list[Job], list[Job]]:
    """Return deliveries that did not arrive, and failed imports into revisions that are still drafts, the newest first.

    What was retried is not among them.
    """
    drafts = Revision.objects.filter(pk=OuterRef("revision_id"), finalized_at=None)
    failed = list_jobs(organization=organization).filter(state__in=FAILED, created_at__gte=since)
    deliveries = failed.filter(type__in=DELIVERIES).values("pk")[:most_deliveries]
    imports = failed.exclude(type__in=EXPORTS).filter(Exists(drafts)).values("pk")[:most_imports]
    jobs = list(failed.filter(Q(pk__in=deliveries) | Q(pk__in=imports)))
    return [job for job in jobs if job.type in DELIVERIES], [job for job in jobs if job.type not in DELIVERIES]


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
    """Which first steps an organization has taken, whether or not they still hold."""

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


@dataclass(frozen=True)
class HomeFigures:
    """What an organization has, and what came to it and went from it in a period."""

    entitled_data_sets: int
    auto_exports: int
    received: int
    received_bytes: int
    listed: int
    subscribers: int
    sent: int
    sent_bytes: int


def _number(rows: QuerySet[Any], counted: Aggregate) -> Coalesce:
    """Return one number over all rows as a subquery, so that many of them make one statement."""
    return Coalesce(Subquery(rows.order_by().annotate(all=Value(1)).values("all").annotate(n=counted).values("n")), 0)


def _one_row(organization: Organization, expressions: dict[str, Any]) -> dict[str, Any]:
    named = {f"asked_{name}": expression for name, expression in expressions.items()}
    row = Organization.objects.filter(pk=organization.pk).annotate(**named).values(*named).get()
    return {name: row[f"asked_{name}"] for name in expressions}


def get_standing(*, organization: Organization, at: datetime, since: datetime) -> tuple[Beginnings, HomeFigures]:
    """Return how far an organization has come and its figures, those of deliveries since an instant, in one statement."""
    received, sent = list_deliveries(organization=organization), list_deliveries_of_publisher(owner=organization)
    owned = Product.objects.owned_by(organization)
    entitled = active_entitlements(organization=organization, at=at)
    begun = {
        "has_access": Exists(Entitlement.objects.filter(organization=organization)),
        "has_connected": Exists(list_storage_connections(organization=organization)),
        "has_automated": Exists(list_event_actions(organization=organization)),
        "has_received": Exists(received.filter(state=JobState.COMPLETED)),
        "has_data_set": Exists(DataSet.objects.owned_by(organization)),
        "has_finalized": Exists(Revision.objects.owned_by(organization).filter(finalized_at__isnull=False)),
        "has_listed": Exists(owned.filter(published_at__isnull=False)),
    }
    arrived, lately = Q(state=JobState.COMPLETED), {"created_at__gte": since}
    figures = {
        "entitled_data_sets": _number(entitled, Count("published_data_set", distinct=True)),
        "auto_exports": _number(list_event_actions(organization=organization).filter(is_enabled=True), Count("pk")),
        "received": _number(received.filter(arrived, **lately), Count("pk")),
        "received_bytes": _number(received.filter(**lately), Sum("bytes_done")),
        "listed": _number(owned.filter(state=ProductState.PUBLISHED), Count("pk")),
        "subscribers": _number(list_subscribers(owner=organization), Count("organization", distinct=True)),
        "sent": _number(sent.filter(arrived, **lately), Count("pk")),
        "sent_bytes": _number(sent.filter(**lately), Sum("bytes_done")),
    }
    row = _one_row(organization, begun | figures)
    return Beginnings(**{name: row[name] for name in begun}), HomeFigures(**{name: row[name] for name in figures})


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

    row = _one_row(
        owner,
        {
            "data_sets": _number(DataSet.objects.owned_by(owner), Count("pk")),
            "listed": _number(Product.objects.owned_by(owner).filter(state=ProductState.PUBLISHED), Count("pk")),
            "subscribers": _number(list_subscribers(owner=owner), Count("organization", distinct=True)),
        },
    )
    return PublishingFigures(**row)


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
