"""How often a data set is promised to be renewed, and which are late: one rule, as SQL over any number of data sets.

The promise is the `frequency` among the service levels of the contract in force, else the strictest frequency of the
published products that hold the data set; irregular and once promise nothing. Only data sets of files are held to it: what
is read live changes without revisions. Source: Open Data Contract Standard 3.1.0, slaProperties.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from publishers.models import Frequency

HOUR_S, DAY_S = 3_600, 86_400
#: what a frequency promises: (ISO 8601 duration, its length in seconds); months and years are nominal
FREQUENCIES: dict[str, tuple[str, int]] = {
    Frequency.HOURLY: ("PT1H", HOUR_S),
    Frequency.DAILY: ("P1D", DAY_S),
    Frequency.WEEKLY: ("P7D", 7 * DAY_S),
    Frequency.MONTHLY: ("P1M", 30 * DAY_S),
    Frequency.QUARTERLY: ("P3M", 90 * DAY_S),
    Frequency.YEARLY: ("P1Y", 365 * DAY_S),
}
#: designators of ISO 8601 -> (length in seconds, how contracts spell the unit)
_UNITS: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {
    ("PT", "S"): (1, ("s", "sec", "second", "seconds")),
    ("PT", "M"): (60, ("m", "min", "minute", "minutes")),
    ("PT", "H"): (HOUR_S, ("h", "hr", "hour", "hours")),
    ("P", "D"): (DAY_S, ("d", "day", "days")),
    ("P", "W"): (7 * DAY_S, ("w", "wk", "week", "weeks")),
    ("P", "M"): (30 * DAY_S, ("mo", "mon", "month", "months")),
    ("P", "Y"): (365 * DAY_S, ("y", "yr", "year", "years")),
}
_DURATION = re.compile(r"(PT(?=[0-9.]+[SMH])|P(?=[0-9.]+[DWMY]))([0-9.]+)([SMHDWY])")
#: shorter or longer than that is no service level
_LEAST_S, _MOST_S = 60, 100 * 365 * DAY_S
#: so many of the newest revisions are looked at before all are
_NEWEST = 20
_UNIT_ROWS = ", ".join(
    f"('{name}', '{prefix}', '{letter}', {seconds})"
    for (prefix, letter), (seconds, names) in _UNITS.items()
    for name in names
)
_FREQUENCY_ROWS = ", ".join(f"('{name}', '{text}', {seconds})" for name, (text, seconds) in FREQUENCIES.items())

#: the service levels of a contract `c`: every, every_s, latency_s, retention_s; null where it says nothing that is understood
LEVELS = f"""
    LATERAL (
        SELECT (array_agg(level.text ORDER BY level.seconds) FILTER (WHERE level.property = 'frequency'))[1] AS every,
            min(level.seconds) FILTER (WHERE level.property = 'frequency') AS every_s,
            max(level.seconds) FILTER (WHERE level.property = 'latency') AS latency_s,
            max(level.seconds) FILTER (WHERE level.property = 'retention') AS retention_s
        FROM (
            SELECT said.property, unit.prefix || trim_scale(said.n) || unit.letter AS text,
                (said.n * unit.seconds)::float AS seconds
            FROM (
                SELECT lower(sla ->> 'property') AS property,
                    CASE WHEN sla ->> 'unit' = 'M' THEN 'mo' ELSE lower(sla ->> 'unit') END AS unit,
                    CASE WHEN sla ->> 'value' ~ '^[0-9]{{1,6}}([.][0-9]{{1,3}})?$'
                        THEN (sla ->> 'value')::numeric END AS n
                FROM jsonb_array_elements(CASE jsonb_typeof(c.document -> 'slaProperties')
                    WHEN 'array' THEN c.document -> 'slaProperties' ELSE '[]' END) AS sla
            ) AS said
            JOIN (VALUES {_UNIT_ROWS}) AS unit (name, prefix, letter, seconds) ON unit.name = said.unit
        ) AS level
        WHERE level.seconds BETWEEN {_LEAST_S} AND {_MOST_S}
    ) AS levels
"""
#: Begins with WITH; <scope> chooses the data sets. `promised` has a row for each that others get and that is promised to be
#: renewed: data_set_id, every, every_s, latency_s, retention_s, slack_s (what may pass beyond every_s), is_contract.
_PROMISED = f"""
    WITH held AS MATERIALIZED (
        SELECT d.data_set_id, (array_agg(f.text ORDER BY (p.visibility = 'PUBLIC') DESC, f.seconds)
                FILTER (WHERE f.text IS NOT NULL))[1] AS every,
            (array_agg(f.seconds ORDER BY (p.visibility = 'PUBLIC') DESC, f.seconds)
                FILTER (WHERE f.text IS NOT NULL))[1] AS every_s
        FROM publishers_publisheddataset d
        JOIN publishers_dataset s ON s.id = d.data_set_id AND s.asset_type = 'S3_SNAPSHOT'
        LEFT JOIN publishers_product p ON p.id = d.product_id
        LEFT JOIN (VALUES {_FREQUENCY_ROWS}) AS f (name, text, seconds) ON f.name = p.frequency
        WHERE d.closed_at IS NULL AND <scope>
        GROUP BY d.data_set_id
    ), in_force AS MATERIALIZED (
        SELECT DISTINCT ON (c.data_set_id) c.data_set_id, c.document
        FROM publishers_contract c JOIN held ON held.data_set_id = c.data_set_id
        WHERE c.effective_at <= %(at)s
        ORDER BY c.data_set_id, c.effective_at DESC, c.major DESC, c.minor DESC, c.patch DESC
    ), agreed AS MATERIALIZED (
        SELECT c.data_set_id, levels.* FROM in_force c, {LEVELS}
    ), promised AS MATERIALIZED (
        SELECT held.data_set_id, coalesce(agreed.every, held.every) AS every,
            coalesce(agreed.every_s, held.every_s) AS every_s,
            CASE WHEN agreed.every IS NOT NULL THEN agreed.latency_s END AS latency_s, agreed.retention_s,
            coalesce(CASE WHEN agreed.every IS NOT NULL THEN agreed.latency_s END, 0)
                + greatest(coalesce(agreed.every_s, held.every_s) * %(grace)s, %(least_grace)s) AS slack_s,
            agreed.every IS NOT NULL AS is_contract
        FROM held LEFT JOIN agreed ON agreed.data_set_id = held.data_set_id
        WHERE coalesce(agreed.every, held.every) IS NOT NULL
    )
"""
_ALL = "(d.product_id IS NULL OR p.state = 'PUBLISHED')"
#: what a page shows must not tell of a private product's promise on another product's page
_OF_PRODUCTS = """
    d.data_set_id IN (SELECT data_set_id FROM publishers_publisheddataset WHERE product_id = ANY(%(products)s)
        AND closed_at IS NULL)
    AND (d.product_id IS NULL OR p.id = ANY(%(products)s) OR (p.state = 'PUBLISHED' AND p.visibility = 'PUBLIC'))
"""
PROMISED_BY_ALL = _PROMISED.replace("<scope>", _ALL)
PROMISED_BY_PRODUCTS = _PROMISED.replace("<scope>", _OF_PRODUCTS)
#: goes on after `promised`: `past_due` has the data sets that are late at the instant `at`, with due_at. A data set is due
#: when the promise, its latency and a grace have passed since the newest revision that is not revoked; what had come in
#: time and was revoked later is missing from its revocation on. A data set of which none was ever finalized is not late.
PAST_DUE = f"""
    , past_due AS MATERIALIZED (
        SELECT promised.data_set_id, promised.every,
            greatest(newest.at + make_interval(secs => promised.every_s + promised.slack_s), revoked.at) AS due_at
        FROM promised
        CROSS JOIN LATERAL (
            SELECT max(r.finalized_at) AS at FROM publishers_revision r
            WHERE r.data_set_id = promised.data_set_id AND r.revoked_at IS NULL AND r.finalized_at <= %(at)s
        ) AS newest
        CROSS JOIN LATERAL (
            SELECT max(r.revoked_at) AS at FROM publishers_revision r
            WHERE r.data_set_id = promised.data_set_id AND r.finalized_at > newest.at AND r.revoked_at <= %(at)s
        ) AS revoked
        WHERE NOT EXISTS (
            -- most are in time, and the index says so without reading all their revisions
            SELECT 1 FROM (
                SELECT r.finalized_at, r.revoked_at FROM publishers_revision r
                WHERE r.data_set_id = promised.data_set_id ORDER BY r.created_at DESC, r.id DESC LIMIT {_NEWEST}
            ) AS recent
            WHERE recent.revoked_at IS NULL AND recent.finalized_at <= %(at)s
                AND recent.finalized_at >= %(at)s - make_interval(secs => promised.every_s + promised.slack_s)
        )
        AND newest.at + make_interval(secs => promised.every_s + promised.slack_s) < %(at)s
    )
"""


@dataclass(frozen=True)
class Promise:
    """How often new data comes. every: ISO 8601 duration, as Delay.promise holds it.

    latency_s: how long after its time a revision may come; retention_s: how long revisions are kept; both of contracts.
    """

    every: str
    every_s: float
    slack_s: float
    latency_s: float | None = None
    retention_s: float | None = None
    is_contract: bool = False

    @property
    def allowed(self) -> timedelta:
        """Return how long after a revision the next one is late."""
        return timedelta(seconds=self.every_s + self.slack_s)

    @property
    def words(self) -> str:
        """Return how often, in words: "every day"."""
        return in_words(self.every)


_NOUNS = {"PTS": "second", "PTM": "minute", "PTH": "hour", "PD": "day", "PW": "week", "PM": "month", "PY": "year"}


def in_words(every: str) -> str:
    """Return an ISO 8601 duration as promises have it in words: P1D is "every day", PT6H "every 6 hours"."""
    found = _DURATION.fullmatch("P1W" if every == "P7D" else every)
    if found is None:
        return f"every {every}"
    prefix, count, letter = found.groups()
    noun = _NOUNS[prefix + letter]
    return f"every {noun}" if count == "1" else f"every {count} {noun}s"


def at_instant(at: datetime) -> dict[str, Any]:
    """Return the parameters that every statement over `promised` takes."""
    return {
        "at": at,
        "grace": settings.DELAY_GRACE_PERCENT / 100,
        "least_grace": settings.DELAY_GRACE_MINUTES * 60,
    }


def promise_of(*, every: str, every_s: float, latency_s: float | None, **rest: Any) -> Promise:
    """Return the promise that a contract makes, with the grace of this installation."""
    grace_s = max(every_s * settings.DELAY_GRACE_PERCENT / 100, settings.DELAY_GRACE_MINUTES * 60)
    return Promise(every=every, every_s=every_s, slack_s=(latency_s or 0) + grace_s, latency_s=latency_s, **rest)


def list_late_product_ids(*, product_ids: Collection[str], at: datetime) -> set[str]:
    """Return which of the products hold a data set that is late at the instant `at`, in one statement."""
    if not product_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            PROMISED_BY_PRODUCTS
            + PAST_DUE
            + """
            SELECT DISTINCT d.product_id FROM publishers_publisheddataset d
            JOIN past_due ON past_due.data_set_id = d.data_set_id
            WHERE d.product_id = ANY(%(products)s) AND d.closed_at IS NULL
            """,
            at_instant(at) | {"products": list(product_ids)},
        )
        return {row[0] for row in cursor.fetchall()}
