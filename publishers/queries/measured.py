"""What is kept of a product's data sets from which freshness and quality are computed, read in one statement."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from publishers.models import Product
from publishers.queries.promises import LEVELS, PROMISED_BY_PRODUCTS, Promise, at_instant, promise_of

#: how far back the history of a product goes
WINDOW = timedelta(days=365)
#: columns of a profile whose names are looked up in the dictionary; what is beyond is not described either
_NAMES = 2_000


@dataclass(frozen=True)
class Change:
    """A contract with a promise of its own, or, with None, one that leaves it to the product."""

    effective_at: datetime
    promise: Promise | None


@dataclass(frozen=True)
class KnownDelay:
    """A Delay as it is kept."""

    due_at: datetime
    ended_at: datetime | None
    promise: str

    @property
    def lateness(self) -> timedelta | None:
        """Return how long it lasted; None while it does."""
        return None if self.ended_at is None else self.ended_at - self.due_at


@dataclass(frozen=True)
class Newest:
    """What is known of the newest revision that is not revoked; None where nothing was measured or checked.

    rules: how many were checked, and how many passed. cells: of all tables that were profiled, and how many are empty.
    columns: names of all of them. files: assets with bytes; digested: those of them whose SHA-256 is kept.
    """

    revision_id: str
    finalized_at: datetime
    files: int
    digested: int
    rules: int | None
    rules_passed: int | None
    is_overridden: bool
    cells: int | None
    empty_cells: int | None
    columns: list[str] | None
    is_partial: bool


@dataclass(frozen=True)
class Measured:
    """A data set of a product. promise: now; changes: what was promised before, oldest first.

    promised_by_product: what holds where no contract says it. came: instants at which revisions that are not revoked were
    finalized, oldest first, of the last twelve months; before: the last one before those.
    """

    entry_id: str
    data_set_id: str
    name: str
    promise: Promise | None
    promised_by_product: Promise | None
    changes: list[Change]
    came: list[datetime]
    before: datetime | None
    delays: list[KnownDelay]
    newest: Newest | None


#: an expression: what is known of each data set, as JSON that `read_measured` reads; it takes `measured_parameters`
MEASURED = f"""(SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.place), '[]') FROM (
    {PROMISED_BY_PRODUCTS}
    SELECT row_number() OVER (ORDER BY d.added_at, d.id) AS place, d.id AS entry_id, d.data_set_id, s.name,
        (SELECT jsonb_build_object('every', p.every, 'every_s', p.every_s, 'slack_s', p.slack_s, 'latency_s', p.latency_s,
            'retention_s', p.retention_s, 'is_contract', p.is_contract) FROM promised p WHERE p.data_set_id = s.id)
            AS promise,
        (SELECT jsonb_build_array(h.every, h.every_s) FROM held h WHERE h.data_set_id = s.id AND h.every IS NOT NULL)
            AS held,
        (SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM c.effective_at), levels.every, levels.every_s,
                levels.latency_s, levels.retention_s) ORDER BY c.effective_at, c.major, c.minor, c.patch)
            FROM publishers_contract c, {LEVELS} WHERE c.data_set_id = s.id AND c.effective_at <= %(at)s) AS changes,
        came.instants AS came, extract(epoch FROM came.before) AS before,
        (SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM l.due_at), extract(epoch FROM l.ended_at), l.promise)
                ORDER BY l.due_at DESC)
            FROM publishers_delay l WHERE l.data_set_id = s.id AND l.due_at <= %(at)s
                AND coalesce(l.ended_at, %(at)s) >= %(since)s) AS delays,
        (SELECT to_jsonb(newest) FROM (
            SELECT r.id AS revision_id, extract(epoch FROM r.finalized_at) AS finalized_at, files.n AS files, files.digested,
                checked.rules, checked.rules_passed, coalesce(checked.is_overridden, false) AS is_overridden, profile.*
            FROM publishers_revision r
            CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE a.vault_key <> '') AS n,
                    count(*) FILTER (WHERE a.vault_key <> '' AND a.sha256 <> '') AS digested
                FROM publishers_asset a WHERE a.revision_id = r.id
            ) AS files
            LEFT JOIN LATERAL (
                SELECT jsonb_array_length(k.results) AS rules, k.override_reason <> '' AS is_overridden,
                    (SELECT count(*) FROM jsonb_array_elements(k.results) AS result
                        WHERE result -> 'passed' = 'true') AS rules_passed
                FROM publishers_contractcheck k WHERE k.revision_id = r.id AND k.state IN ('PASSED', 'FAILED')
                ORDER BY k.finished_at DESC NULLS LAST, k.created_at DESC LIMIT 1
            ) AS checked ON TRUE
            LEFT JOIN LATERAL (
                SELECT sum(t.row_count) AS cells, sum(coalesce((col ->> 'nulls')::bigint, 0)) AS empty_cells,
                    (array_agg(DISTINCT col ->> 'name'))[:{_NAMES}] AS columns,
                    coalesce(bool_or(f.is_partial OR t.is_partial), false) AS is_partial
                FROM publishers_profile f JOIN publishers_profiledtable t ON t.profile_id = f.revision_id,
                    jsonb_array_elements(t.columns) AS col
                WHERE f.revision_id = r.id AND f.state = 'DONE'
            ) AS profile ON TRUE
            WHERE r.data_set_id = s.id AND r.revoked_at IS NULL AND r.finalized_at <= %(at)s
            ORDER BY r.finalized_at DESC, r.id DESC LIMIT 1
        ) AS newest) AS newest
    FROM publishers_publisheddataset d
    JOIN publishers_dataset s ON s.id = d.data_set_id AND s.asset_type = 'S3_SNAPSHOT'
    CROSS JOIN LATERAL (
        SELECT array_agg(extract(epoch FROM r.finalized_at)::float ORDER BY r.finalized_at)
                FILTER (WHERE r.finalized_at >= %(since)s) AS instants,
            max(r.finalized_at) FILTER (WHERE r.finalized_at < %(since)s) AS before
        FROM publishers_revision r WHERE r.data_set_id = s.id AND r.revoked_at IS NULL AND r.finalized_at <= %(at)s
    ) AS came
    WHERE d.product_id = %(product)s AND d.closed_at IS NULL
) AS m)"""


def measured_parameters(*, product: Product, at: datetime) -> dict[str, Any]:
    """Return the parameters of MEASURED for what is known at the instant `at`."""
    return at_instant(at) | {"product": product.pk, "products": [product.pk], "since": at - WINDOW}


def list_measured(*, product: Product, at: datetime) -> list[Measured]:
    """Return what is known at the instant `at` of the data sets of files that a product holds, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {MEASURED}", measured_parameters(product=product, at=at))
        row: Any = cursor.fetchone()
    return read_measured(row[0])


def read_measured(found: str) -> list[Measured]:
    """Return what the expression MEASURED gave."""
    return [_measured(**row) for row in json.loads(found)]


def _measured(
    *,
    promise: dict[str, Any] | None,
    held: list[Any] | None,
    changes: list[list[Any]] | None,
    came: list[float] | None,
    before: float | None,
    delays: list[list[Any]] | None,
    newest: dict[str, Any] | None,
    place: int,
    **names: str,
) -> Measured:
    return Measured(
        promise=Promise(**promise) if promise else None,
        promised_by_product=promise_of(every=held[0], every_s=held[1], latency_s=None) if held else None,
        changes=[_change(*change) for change in changes or []],
        came=[_instant(epoch) for epoch in came or []],
        before=None if before is None else _instant(before),
        delays=[
            KnownDelay(due_at=_instant(due), ended_at=None if ended is None else _instant(ended), promise=every)
            for due, ended, every in delays or []
        ],
        newest=Newest(**newest | {"finalized_at": _instant(newest["finalized_at"])}) if newest else None,
        **names,
    )


def _change(
    effective: float, every: str | None, every_s: float | None, latency_s: float | None, retention_s: float | None
) -> Change:
    if every is None or every_s is None:
        return Change(_instant(effective), None)
    promise = promise_of(every=every, every_s=every_s, latency_s=latency_s, retention_s=retention_s, is_contract=True)
    return Change(_instant(effective), promise)


def _instant(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
