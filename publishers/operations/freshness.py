"""Notice data sets that are late, and that they came after all. A Delay is one time of being late, and raises one alarm."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from marketplace.core import audit
from marketplace.core.actors import SYSTEM
from marketplace.core.events import publish_many_on_commit, publish_on_commit
from marketplace.core.models import Organization
from publishers.models import Delay, Revision
from publishers.queries.promises import PAST_DUE, PROMISED_BY_ALL, at_instant

#: held while delays are opened: of two runs at once the second sees what the first has opened
_LOCK = 731_004_002

#: What is open but no longer late: a revision came (and its event has not been heard yet), or nothing is promised or
#: published any more; then there is no revision that ended it.
_END = """
    UPDATE publishers_delay AS delay SET ended_at = coalesce(came.finalized_at, greatest(%(at)s, delay.due_at)),
        revision_id = came.id
    FROM publishers_delay AS open
    JOIN publishers_dataset s ON s.id = open.data_set_id
    LEFT JOIN LATERAL (
        SELECT r.id, greatest(r.finalized_at, open.due_at) AS finalized_at FROM publishers_revision r
        WHERE r.data_set_id = open.data_set_id AND r.revoked_at IS NULL
            -- one that was about to come when the delay was noticed may bear an instant shortly before it was due
            AND r.finalized_at > open.due_at - interval '5 minutes' AND r.finalized_at <= %(at)s
        ORDER BY r.finalized_at LIMIT 1
    ) AS came ON TRUE
    WHERE delay.id = open.id AND delay.ended_at IS NULL AND open.due_at <= %(at)s
        AND open.data_set_id NOT IN (SELECT data_set_id FROM past_due)
    RETURNING delay.id, delay.data_set_id, s.owner_id, delay.revision_id IS NOT NULL
"""
#: The same due time again is the same delay: what had promised it was away for a while, or the revision that ended it was
#: opened again. Only in the second case somebody was told that it is over, and is told anew.
_OPEN = """
    INSERT INTO publishers_delay AS delay (data_set_id, promise, due_at, noticed_at)
    SELECT late.data_set_id, late.every, late.due_at, %(at)s FROM past_due AS late
    WHERE late.data_set_id NOT IN (SELECT d.data_set_id FROM publishers_delay d WHERE d.ended_at IS NULL)
    ORDER BY late.data_set_id
    ON CONFLICT (data_set_id, due_at) DO UPDATE SET ended_at = NULL, revision_id = NULL,
        noticed_at = CASE WHEN delay.revision_id IS NULL THEN delay.noticed_at ELSE excluded.noticed_at END
        WHERE delay.ended_at IS NOT NULL
    RETURNING id, data_set_id, (SELECT owner_id FROM publishers_dataset s WHERE s.id = data_set_id), noticed_at = %(at)s
"""


@dataclass(frozen=True)
class _Row:
    """A delay that was just written. is_told: whoever has the data set is told."""

    delay_id: int
    data_set_id: str
    owner_id: str
    is_told: bool

    @property
    def fact(self) -> tuple[str, dict[str, Any]]:
        """Return what is published of it: (organization, payload)."""
        return self.owner_id, {"delay_id": self.delay_id, "data_set_id": self.data_set_id}


def notice_delays(*, at: datetime) -> int:
    """Open a delay for every data set that is late at the instant `at`, end those that are no longer; return how many opened.

    Each new one publishes data_set.late, each that a revision ended data_set.on_time. Twice, or two at once, adds nothing.
    The number of statements does not grow with the number of data sets.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        ended = _written(cursor, _END, at)
        opened = _written(cursor, _OPEN, at)
        publish_many_on_commit("data_set.on_time", [row.fact for row in ended if row.is_told])
        publish_many_on_commit("data_set.late", [row.fact for row in opened if row.is_told])
        _record("data_sets.on_time", ended, at)
        _record("data_sets.late", opened, at)
    return len(opened)


def _written(cursor: Any, statement: str, at: datetime) -> list[_Row]:
    cursor.execute(PROMISED_BY_ALL + PAST_DUE + statement, at_instant(at))
    return [_Row(*row) for row in cursor.fetchall()]


def _record(action: str, rows: Iterable[_Row], at: datetime) -> None:
    """Keep for each owner what was noticed of its data sets."""
    by_owner: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_owner[row.owner_id].append(row.data_set_id)
    for owner in Organization.objects.filter(pk__in=by_owner).order_by("pk"):
        audit.record(
            action,
            actor=SYSTEM,
            subject=owner,
            organization_id=owner.pk,
            detail={"data_set_ids": sorted(by_owner[owner.pk])},
            at=at,
        )


@transaction.atomic
def end_delay(*, revision: Revision) -> bool:
    """End the open delay of a data set for which a revision came; return whether there was one. Twice changes nothing."""
    if revision.finalized_at is None or revision.revoked_at is not None:
        return False
    delay = (
        Delay.objects.select_for_update(of=("self",))
        .select_related("data_set")
        .filter(data_set=revision.data_set_id, ended_at=None)
        .first()
    )
    if delay is None:
        return False
    # One that was on its way when the delay was noticed came in time, or nearly so: it ends when it was due.
    delay.ended_at, delay.revision = max(revision.finalized_at, delay.due_at), revision
    delay.save(update_fields=["ended_at", "revision"])
    owner_id = delay.data_set.owner_id
    audit.record("data_set.on_time", actor=SYSTEM, subject=delay.data_set, organization_id=owner_id)
    publish_on_commit("data_set.on_time", organization_id=owner_id, delay_id=delay.pk, data_set_id=delay.data_set_id)
    return True
