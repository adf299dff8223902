"""How punctual a product's data was in the last twelve months, measured against what was promised at each time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from django.db.models import TextChoices

from publishers.queries.measured import KnownDelay, Measured
from publishers.queries.promises import Promise

#: of one data set
PERIODS_SHOWN, DELAYS_SHOWN = 26, 100
#: periods without a revision that are told apart after one gap; an hourly promise that was left for a year has 8,760
_MOST_MISSING = 10_000


class PeriodState(TextChoices):
    """How the revision of a period came."""

    ON_TIME = "ON_TIME", "On time"
    LATE = "LATE", "Late"
    MISSING = "MISSING", "Missing"


@dataclass(frozen=True)
class Period:
    """A time for which one revision was promised. lateness: of a late one, how long after it was due."""

    state: PeriodState
    due_at: datetime
    came_at: datetime | None = None

    @property
    def lateness(self) -> timedelta | None:
        """Return how long after its time a late revision came."""
        if self.state != PeriodState.LATE or self.came_at is None:
            return None
        return self.came_at - self.due_at


@dataclass(frozen=True)
class History:
    """How punctual a data set is. late_since: when it was due, while it is late. due_at: of the next revision."""

    entry_id: str
    name: str
    promise: Promise | None
    newest_at: datetime | None
    due_at: datetime | None
    late_since: datetime | None
    periods: list[Period] = field(default_factory=list)
    delays: list[KnownDelay] = field(default_factory=list)

    @property
    def is_late(self) -> bool:
        return self.late_since is not None

    @property
    def on_time(self) -> int:
        """Return how many periods had their revision in time."""
        return sum(1 for period in self.periods if period.state == PeriodState.ON_TIME)

    @property
    def recent(self) -> list[Period]:
        """Return the last periods, oldest first."""
        return self.periods[-PERIODS_SHOWN:]

    @property
    def newest_delays(self) -> list[KnownDelay]:
        """Return the last delays, newest first."""
        return self.delays[:DELAYS_SHOWN]

    @property
    def share(self) -> float | None:
        """Return the share of periods that had their revision in time, 0 to 1; None before the first period."""
        return self.on_time / len(self.periods) if self.periods else None


@dataclass(frozen=True)
class Freshness:
    """The histories of a product's data sets, and what is true of all of them together.

    lateness: of every revision that came late, and of what is late now, at the instant `at`.
    """

    at: datetime
    data_sets: list[History]

    @property
    def is_promised(self) -> bool:
        return any(history.promise for history in self.data_sets)

    @property
    def is_late(self) -> bool:
        return any(history.is_late for history in self.data_sets)

    @property
    def periods(self) -> int:
        return sum(len(history.periods) for history in self.data_sets)

    @property
    def on_time(self) -> int:
        return sum(history.on_time for history in self.data_sets)

    @property
    def share(self) -> float | None:
        """Return the share of periods on time over all data sets, 0 to 1; None while there was none."""
        return self.on_time / self.periods if self.periods else None

    @property
    def lateness(self) -> list[timedelta]:
        late = [period.lateness for history in self.data_sets for period in history.periods]
        open_ = [self.at - history.late_since for history in self.data_sets if history.late_since]
        return sorted([each for each in late if each is not None] + open_)

    @property
    def median_lateness(self) -> timedelta | None:
        found = self.lateness
        return timedelta(seconds=median(each.total_seconds() for each in found)) if found else None

    @property
    def worst_lateness(self) -> timedelta | None:
        return max(self.lateness, default=None)


def freshness_of(measured: Sequence[Measured], *, at: datetime) -> Freshness:
    """Return how punctual the data sets of a product were in the twelve months before the instant `at`."""
    return Freshness(at=at, data_sets=[_history(data_set, at=at) for data_set in measured])


def _history(data_set: Measured, *, at: datetime) -> History:
    periods, last = _periods_until_newest(data_set)
    due_at = late_since = None
    if last is not None and data_set.promise is not None:
        due_at = last + data_set.promise.allowed
        if due_at < at:
            late_since = due_at
            periods += _missing(last, until=at, promise=data_set.promise, first=1)
    first = data_set.before or (data_set.came[0] if data_set.came else None)
    return History(
        entry_id=data_set.entry_id,
        name=data_set.name,
        promise=data_set.promise,
        newest_at=last,
        due_at=due_at,
        late_since=late_since,
        periods=periods if first is not None else [],
        delays=data_set.delays if data_set.promise is not None else [],
    )


def _periods_until_newest(data_set: Measured) -> tuple[list[Period], datetime | None]:
    """Return the periods that revisions ended, oldest first, and when the newest revision came.

    A period begins with a revision. What comes before half of the promise has passed, such as a correction, belongs to the
    period that has begun, so that many revisions a day do not make a daily promise look kept for weeks.
    """
    came = [data_set.before, *data_set.came] if data_set.before is not None else list(data_set.came)
    periods: list[Period] = []
    if not came:
        return periods, None
    start = last = came[0]
    for instant in came[1:]:
        promise = _promise_at(data_set, instant)
        if promise is None:
            start = last = instant
            continue
        due_at = last + promise.allowed
        if instant > due_at:
            periods.append(Period(PeriodState.LATE, due_at, instant))
            periods += _missing(last, until=instant, promise=promise, first=2)
        elif instant - start >= timedelta(seconds=promise.every_s / 2):
            periods.append(Period(PeriodState.ON_TIME, due_at, instant))
        else:
            last = instant
            continue
        start = last = instant
    return periods, last


def _missing(last: datetime, *, until: datetime, promise: Promise, first: int) -> list[Period]:
    """Return the periods after a revision, from the `first` on, whose time was over when the next one came."""
    due_at = last + promise.allowed
    count = int((until - due_at) / timedelta(seconds=promise.every_s)) + 1
    return [
        Period(PeriodState.MISSING, due_at + timedelta(seconds=promise.every_s * (number - 1)))
        for number in range(first, min(count, _MOST_MISSING) + 1)
    ]


def _promise_at(data_set: Measured, at: datetime) -> Promise | None:
    """Return what was promised at an instant: by the contract in force, else by the product as it is today."""
    promise = None
    for change in data_set.changes:
        if change.effective_at <= at:
            promise = change.promise
    return promise or data_set.promised_by_product
