"""A publisher's figures of a period: looks, subscriptions, deliveries, the way from a look to weekly use."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Sum
from django.db.models.functions import TruncDate

from jobs.models import DELIVERIES, Job, JobState
from publishers.models import ActivityKind, Product
from publishers.queries.activity import Looks, looks_by_day, looks_by_half, looks_by_product, looks_by_step
from subscriptions.models import Agreement

KINDS = (ActivityKind.VIEW.value, ActivityKind.SAMPLE.value, ActivityKind.USE.value)
#: days -> (name, days that are one point of a chart); twelve months are 52 whole weeks
PERIODS: dict[int, tuple[str, int]] = {7: ("7 days", 1), 30: ("30 days", 1), 90: ("90 days", 1), 364: ("12 months", 7)}
DEFAULT_DAYS = 30
#: in the last so many days, the last step of the funnel
RECENT_DAYS = 7
PRODUCTS_SHOWN, SUBSCRIBERS_SHOWN = 20, 10
_NO_LOOKS = Looks()


@dataclass(frozen=True)
class Period:
    """Days in UTC, the half-open [first, until), and the equally long one before, which begins at `before`."""

    days: int
    step_days: int
    before: date
    first: date
    until: date

    @property
    def last(self) -> date:
        """Return the last day."""
        return self.until - timedelta(days=1)


@dataclass(frozen=True)
class Figures:
    """Totals of a period. viewers, samplers, users: distinct organizations; visitors: anonymous browsers, new each day."""

    views: int = 0
    viewers: int = 0
    visitors: int = 0
    samplers: int = 0
    sample_visitors: int = 0
    subscriptions: int = 0
    users: int = 0
    deliveries: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Step:
    """One point of the charts: the days from first to last."""

    first: date
    last: date
    figures: Figures

    @property
    def is_quiet(self) -> bool:
        """Return True when nothing happened."""
        return self.figures == Figures()


@dataclass(frozen=True)
class Stage:
    """A step of the funnel. of_previous: how many of its organizations were in the step before too; None in the first."""

    name: str
    organizations: int
    of_previous: int | None
    previous: int


@dataclass(frozen=True)
class ProductUsage:
    """What a period was for one product."""

    product: Product
    figures: Figures


@dataclass(frozen=True)
class SubscriberUsage:
    """What an organization had delivered in a period."""

    name: str
    account_id: str
    deliveries: int
    size_bytes: int
    last_at: datetime


@dataclass(frozen=True)
class Usage:
    """Everything that the page and the API say of a period."""

    period: Period
    now: Figures
    before: Figures
    steps: list[Step]
    funnel: list[Stage]
    products: list[ProductUsage]
    subscribers: list[SubscriberUsage]

    @property
    def is_empty(self) -> bool:
        """Return True when nothing happened in the period and in the one before."""
        return self.now == self.before == Figures()


def period_of(*, days: int, at: datetime) -> Period:
    """Return the period of so many days that ends with the day of `at` in UTC; DEFAULT_DAYS for an unknown number."""
    days = days if days in PERIODS else DEFAULT_DAYS
    until = at.astimezone(UTC).date() + timedelta(days=1)
    first = until - timedelta(days=days)
    return Period(days, PERIODS[days][1], first - timedelta(days=days), first, until)


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


@dataclass(frozen=True)
class _Done:
    """What is written in other tables than looks, by (day, product id)."""

    subscriptions: dict[tuple[date, str], int]
    deliveries: dict[tuple[date, str], tuple[int, int]]

    def between(self, first: date, until: date, product_id: str = "") -> tuple[int, int, int]:
        """Return subscriptions, deliveries and bytes of the half-open period, of one product or of all."""

        def is_meant(key: tuple[date, str]) -> bool:
            return first <= key[0] < until and product_id in {"", key[1]}

        moved = [value for key, value in self.deliveries.items() if is_meant(key)]
        joined = sum(n for key, n in self.subscriptions.items() if is_meant(key))
        return joined, sum(n for n, _ in moved), sum(size for _, size in moved)


def _done(product_ids: Sequence[str], first: date, until: date) -> _Done:
    joined = (
        Agreement.objects.filter(product__in=product_ids, accepted_at__gte=_start(first), accepted_at__lt=_start(until))
        .order_by()
        .annotate(day=TruncDate("accepted_at", tzinfo=UTC))
        .values_list("day", "product_id")
        .annotate(n=Count("pk"))
    )
    moved = (
        Job.objects.filter(
            type__in=DELIVERIES,
            state=JobState.COMPLETED,
            published_data_set__product__in=product_ids,
            finished_at__gte=_start(first),
            finished_at__lt=_start(until),
        )
        .order_by()
        .annotate(day=TruncDate("finished_at", tzinfo=UTC))
        .values_list("day", "published_data_set__product_id")
        .annotate(n=Count("pk"), size=Sum("bytes_done", default=0))
    )
    return _Done(
        {(day, product_id): n for day, product_id, n in joined},
        {(day, str(product_id)): (n, size) for day, product_id, n, size in moved},
    )


def _figures(looks: Sequence[Looks], done: tuple[int, int, int]) -> Figures:
    """Return the figures of looks by KINDS, and of (subscriptions, deliveries, bytes)."""
    view, sample, use = looks
    return Figures(
        views=view.count,
        viewers=view.members,
        visitors=view.visitors,
        samplers=sample.members,
        sample_visitors=sample.visitors,
        subscriptions=done[0],
        users=use.members,
        deliveries=done[1],
        size_bytes=done[2],
    )


def usage_of(*, products: Sequence[Product], days: int, at: datetime) -> Usage:
    """Return the figures of some products of one owner. days: one of PERIODS. Eight statements, however many products."""
    period = period_of(days=days, at=at)
    ids = [product.pk for product in products]
    whole: dict[str, Any] = {"product_ids": ids, "first": period.first, "until": period.until}
    by_step = looks_by_step(**whole, step_days=period.step_days)
    by_half = looks_by_half(product_ids=ids, first=period.before, middle=period.first, until=period.until)
    by_product = looks_by_product(**whole)
    done = _done(ids, period.before, period.until)
    steps = []
    for number in range(period.days // period.step_days):
        first = period.first + timedelta(days=number * period.step_days)
        after = first + timedelta(days=period.step_days)
        looks = [by_step.get((number, kind), _NO_LOOKS) for kind in KINDS]
        steps.append(Step(first, after - timedelta(days=1), _figures(looks, done.between(first, after))))
    halves = []
    for is_later, first, until in ((True, period.first, period.until), (False, period.before, period.first)):
        looks = [by_half.get((is_later, kind), _NO_LOOKS) for kind in KINDS]
        halves.append(_figures(looks, done.between(first, until)))
    used = []
    for product in products:
        looks = [by_product.get((product.pk, kind), _NO_LOOKS) for kind in KINDS]
        used.append(ProductUsage(product, _figures(looks, done.between(period.first, period.until, product.pk))))
    busy = [each for each in used if each.figures != Figures()]
    busy.sort(key=lambda each: (-each.figures.views, -each.figures.size_bytes, each.product.name))
    return Usage(
        period=period,
        now=halves[0],
        before=halves[1],
        steps=steps,
        funnel=_funnel(ids, period),
        products=busy[:PRODUCTS_SHOWN],
        subscribers=_subscribers(ids, period),
    )


def _subscribers(product_ids: Sequence[str], period: Period) -> list[SubscriberUsage]:
    rows = (
        Job.objects.filter(
            type__in=DELIVERIES,
            state=JobState.COMPLETED,
            published_data_set__product__in=product_ids,
            finished_at__gte=_start(period.first),
            finished_at__lt=_start(period.until),
        )
        .order_by()
        .values("organization__name", "organization__account_id")
        .annotate(n=Count("pk"), size=Sum("bytes_done", default=0), last_at=Max("finished_at"))
        .order_by("-size", "-n", "organization__name")[:SUBSCRIBERS_SHOWN]
    )
    return [
        SubscriberUsage(
            row["organization__name"], row["organization__account_id"], row["n"], row["size"], row["last_at"]
        )
        for row in rows
    ]


def _funnel(product_ids: Sequence[str], period: Period) -> list[Stage]:
    """Count distinct organizations on their way. The last two steps are of those that subscribed in the period."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH looked AS (
                SELECT visitor AS id, bool_or(kind = 'SAMPLE') AS sampled FROM publishers_productactivity
                WHERE product_id = ANY (%(products)s::text[]) AND day >= %(first)s AND day < %(until)s
                    AND is_member AND kind IN ('VIEW', 'SAMPLE')
                GROUP BY visitor
            ), joined AS (
                SELECT j.organization_id AS id, max(a.day) AS used_on
                FROM subscriptions_agreement j LEFT JOIN publishers_productactivity a
                    ON a.product_id = j.product_id AND a.visitor = j.organization_id AND a.kind = 'USE'
                    AND a.day >= (j.accepted_at AT TIME ZONE 'UTC')::date AND a.day < %(until)s
                WHERE j.product_id = ANY (%(products)s::text[])
                    AND j.accepted_at >= %(start)s AND j.accepted_at < %(end)s
                GROUP BY j.organization_id
            )
            SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM looked WHERE sampled), count(j.id),
                count(j.id) FILTER (WHERE l.sampled), count(j.used_on),
                count(j.used_on) FILTER (WHERE j.used_on >= %(recent)s)
            FROM joined j LEFT JOIN looked l ON l.id = j.id
            """,
            {
                "products": list(product_ids),
                "first": period.first,
                "until": period.until,
                "start": _start(period.first),
                "end": _start(period.until),
                "recent": period.until - timedelta(days=RECENT_DAYS),
            },
        )
        row = cursor.fetchone() or (0,) * 6
    viewed, sampled, subscribed, subscribed_after_sample, used, recent = (int(n) for n in row)
    return [
        Stage("Viewed a product page", viewed, None, 0),
        Stage("Looked at the sample", sampled, sampled, viewed),
        Stage("Subscribed", subscribed, subscribed_after_sample, sampled),
        Stage("First delivery or read", used, used, subscribed),
        Stage(f"Used in the last {RECENT_DAYS} days", recent, recent, used),
    ]


def daily_rows(*, products: Sequence[Product], days: int, at: datetime) -> Iterable[tuple[date, Product, Figures]]:
    """Yield the figures of each day and product on which something happened, oldest first."""
    period = period_of(days=days, at=at)
    by_id = {product.pk: product for product in products}
    looks = looks_by_day(product_ids=list(by_id), first=period.first, until=period.until)
    done = _done(list(by_id), period.first, period.until)
    keys: defaultdict[date, set[str]] = defaultdict(set)
    for day, product_id in [(key[0], key[1]) for key in looks] + [*done.subscriptions, *done.deliveries]:
        keys[day].add(product_id)
    for day in sorted(keys):
        for product_id in sorted(keys[day], key=lambda each: by_id[each].name):
            seen = [looks.get((day, product_id, kind), _NO_LOOKS) for kind in KINDS]
            joined = done.subscriptions.get((day, product_id), 0)
            yield day, by_id[product_id], _figures(seen, (joined, *done.deliveries.get((day, product_id), (0, 0))))
