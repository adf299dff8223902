"""What a product's page says about how punctual and how good its data is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marketplace.core.templatetags.ui import duration
from publishers.models import Product
from publishers.queries.freshness import Freshness, History, Period, PeriodState, freshness_of
from publishers.queries.measured import Measured
from publishers.queries.quality import quality_of

_TONES = {PeriodState.ON_TIME: "ok", PeriodState.LATE: "warn", PeriodState.MISSING: "bad"}


@dataclass(frozen=True)
class Strip:
    """The last periods of one data set, oldest first, and how many of each kind. label: the same in words."""

    history: History
    periods: list[Period]
    tones: list[str]
    on_time: int
    late: int
    missing: int

    @property
    def label(self) -> str:
        """Return what the strip shows, for who does not see it."""
        return (
            f"The last {len(self.periods)} periods of {self.history.name}: {self.on_time} on time, {self.late} late,"
            f" {self.missing} missing"
        )


def trust_of(
    product: Product, *, measured: Sequence[Measured], params: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """Return the context of freshness and quality on a product's page.

    params: ?freshness= names the data set whose periods are shown, in a table too; without it the one that needs a look most
    is shown by its strip, so that the page stays short.
    """
    freshness = freshness_of(measured, at=at)
    return {
        "freshness": freshness,
        "freshness_facts": _facts(freshness),
        "promised": [history for history in freshness.data_sets if history.promise],
        "strip": _strip(_chosen(freshness, str(params.get("freshness", "")))),
        "has_periods": bool(params.get("freshness")),
        "is_late": freshness.is_late,
        "quality": quality_of(measured, freshness=freshness, dictionary=product.dictionary),
    }


def _facts(freshness: Freshness) -> list[tuple[str, str]]:
    if freshness.share is None:
        return []
    facts = [
        ("On time in 12 months", f"{int(100 * freshness.share)} %, {freshness.on_time:,} of {freshness.periods:,}"),
        ("Median lateness", duration(freshness.median_lateness)),
        ("Worst lateness", duration(freshness.worst_lateness)),
    ]
    return [(name, value) for name, value in facts if value]


def _chosen(freshness: Freshness, entry_id: str) -> History | None:
    promised = [history for history in freshness.data_sets if history.promise]
    asked = next((history for history in promised if history.entry_id == entry_id), None)
    return asked or min(promised, key=lambda h: (not h.is_late, 1 if h.share is None else h.share), default=None)


def _strip(history: History | None) -> Strip | None:
    if history is None or not history.periods:
        return None
    periods = history.recent
    return Strip(
        history=history,
        periods=periods,
        tones=[_TONES[period.state] for period in periods],
        on_time=_count(periods, PeriodState.ON_TIME),
        late=_count(periods, PeriodState.LATE),
        missing=_count(periods, PeriodState.MISSING),
    )


def _count(periods: Iterable[Period], state: PeriodState) -> int:
    return sum(1 for period in periods if period.state == state)
