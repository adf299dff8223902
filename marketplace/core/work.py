"""The work engine: rows with lease and fence in PostgreSQL. Celery only says "look, something is due".

A row is claimed by one compare-and-set (lease 60 s by the database clock, renewed every 20 s) and finished only by
the holder of the newest fence. A worker that dies leaves a row whose lease runs out; it is then claimed again.
"""

import json
import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction

from marketplace.core import hints
from marketplace.core.errors import DomainError
from marketplace.core.models.work import WorkState

logger = logging.getLogger(__name__)

LEASE_S = 60
RENEW_S = 20
#: Runs that may fail before a person has to look. A worker that was killed is no failure of the row,
ATTEMPTS = 10
#: but a row that takes every worker down with it must end too.
CLAIMS = 50


class LeaseLost(Exception):
    """Somebody else holds the row now; stop without recording anything."""


class TemporaryFailure(Exception):
    """It did not work now and may work later: the row is retried with back-off."""


@dataclass(frozen=True)
class Task:
    name: str
    run: Callable[..., None]
    on_parked: Callable[..., None] | None


_tasks: dict[str, Task] = {}


def task(
    name: str, *, on_parked: Callable[..., None] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a task. It must be harmless when it runs twice with the same arguments.

    on_parked: called once with the same arguments and `reason` when the row ends without success.
    """

    def register(run: Callable[..., None]) -> Callable[..., None]:
        if name in _tasks and _tasks[name].run.__qualname__ != run.__qualname__:
            raise ValueError(f"Two tasks are named {name}.")
        _tasks[name] = Task(name, run, on_parked)
        return run

    return register


def enqueue(name: str, *, key: str, organization_id: str = "", delay_s: float = 0, **arguments: Any) -> None:
    """Add a work row in the caller's transaction; the same (name, key) again changes nothing.

    Raises KeyError for a task that does not exist, so that a typo fails in the test and not in the worker.
    """
    _tasks[name]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_workitem (task, key, arguments, organization_id, state, due_at, attempts, failures, fence, worker,
                                       last_error, created_at)
            VALUES (%s, %s, %s::jsonb, %s, 'PENDING', now() + make_interval(secs => %s), 0, 0, 0, '', '', now())
            ON CONFLICT (task, key) DO NOTHING
            """,
            [name, key, json.dumps(arguments), organization_id, delay_s],
        )
    _hint_on_commit()


def enqueue_many(name: str, rows: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
    """Add many rows of one task at once, in the caller's transaction. rows: (key, organization_id, arguments) of each."""
    _tasks[name]
    if not rows:
        return
    keys, organizations, arguments = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_workitem (task, key, arguments, organization_id, state, due_at, attempts, failures, fence, worker,
                                       last_error, created_at)
            SELECT %s, given.key, given.arguments::jsonb, given.organization_id, 'PENDING', now(), 0, 0, 0, '', '', now()
            FROM unnest(%s::text[], %s::text[], %s::text[]) AS given (key, organization_id, arguments)
            ON CONFLICT (task, key) DO NOTHING
            """,
            [name, list(keys), list(organizations), [json.dumps(each) for each in arguments]],
        )
    _hint_on_commit()


def _hint_on_commit() -> None:
    if not any(callback is _hint for _, callback, *_ in connection.run_on_commit):
        transaction.on_commit(_hint)  # one hint for however many rows the transaction adds


def _hint() -> None:
    hints.send_soon()


@dataclass
class Lease:
    """The right to work on one row; renewed by the keeper thread until it is finished or lost."""

    item_id: int
    task: str
    arguments: dict[str, Any]
    attempts: int
    failures: int
    fence: int
    lost: threading.Event = field(default_factory=threading.Event)

    def ensure(self) -> None:
        """Raise LeaseLost when the row is no longer ours: call it before each irreversible step."""
        if self.lost.is_set():
            raise LeaseLost(f"work row {self.item_id}")


_current: ContextVar[Lease | None] = ContextVar("lease", default=None)
_held: dict[int, Lease] = {}
_held_lock = threading.Lock()


def current_lease() -> Lease | None:
    """Return the lease under which the running task works; None outside the engine (tests call tasks directly)."""
    return _current.get()


def worker_name() -> str:
    """Return the name that this process claims rows under."""
    return settings.WORKER_NAME or "unnamed"


def claim() -> Lease | None:
    """Take the due row whose organization has the fewest rows running; None when nothing is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH busy AS (
                SELECT organization_id, count(*) AS n FROM core_workitem WHERE state = 'RUNNING' GROUP BY 1
            ), next AS (
                SELECT w.id FROM core_workitem w LEFT JOIN busy ON busy.organization_id = w.organization_id
                WHERE (w.state = 'PENDING' AND w.due_at <= now()) OR (w.state = 'RUNNING' AND w.lease_until < now())
                ORDER BY CASE WHEN w.organization_id = '' THEN 0 ELSE coalesce(busy.n, 0) END, w.due_at
                LIMIT 1 FOR UPDATE OF w SKIP LOCKED
            )
            UPDATE core_workitem w
            SET state = 'RUNNING', fence = w.fence + 1, attempts = w.attempts + 1, worker = %s,
                lease_until = now() + make_interval(secs => %s)
            FROM next WHERE w.id = next.id
            RETURNING w.id, w.task, w.arguments, w.attempts, w.failures, w.fence
            """,
            [worker_name(), LEASE_S],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    # Django's cursors hand out jsonb as text
    return Lease(
        item_id=row[0], task=row[1], arguments=json.loads(row[2]), attempts=row[3], failures=row[4], fence=row[5]
    )


def renew_held() -> None:
    """Renew every lease of this process; mark the lost ones."""
    with _held_lock:
        held = list(_held.values())
    for lease in held:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE core_workitem SET lease_until = now() + make_interval(secs => %s)"
                " WHERE id = %s AND fence = %s AND state = 'RUNNING'",
                [LEASE_S, lease.item_id, lease.fence],
            )
            if cursor.rowcount == 0:
                lease.lost.set()


def is_busy() -> bool:
    """Return True while this process works on a row."""
    return bool(_held)


def release_leases(name: str) -> int:
    """Make the rows of a worker that died due at once; its name has just been taken over by a new process."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_workitem SET lease_until = now() WHERE state = 'RUNNING' AND worker = %s AND lease_until > now()",
            [name],
        )
        return int(cursor.rowcount)


def run_due(*, limit: int = 1000) -> int:
    """Claim and run due rows until none is left; return how many ran."""
    done = 0
    while done < limit:
        if not connection.in_atomic_block:  # closing would break the caller's transaction
            close_old_connections()
        lease = claim()
        if lease is None:
            break
        run(lease)
        done += 1
    return done


def run(lease: Lease) -> None:
    """Run one claimed row and record the outcome under its fence."""
    found = _tasks.get(lease.task)
    with _held_lock:
        _held[lease.item_id] = lease
    token = _current.set(lease)
    try:
        if lease.attempts > CLAIMS:
            _end(lease, WorkState.PARKED, f"The worker was lost {CLAIMS} times while it worked on this.", found)
            return
        if found is None:
            raise LookupError(f"There is no task {lease.task}; it was renamed or its application is not installed.")
        found.run(**lease.arguments)
    except LeaseLost:
        logger.warning("work lease lost", extra={"fields": {"task": lease.task, "item_id": lease.item_id}})
    except DomainError as error:
        _end(lease, WorkState.FAILED, error.message, found)
    except TemporaryFailure as error:
        logger.warning("work put off", extra={"fields": {"task": lease.task, "item_id": lease.item_id}})
        _try_later(lease, str(error), found)
    except Exception as error:  # whatever went wrong may heal; after ten attempts a person looks
        logger.exception("work failed", extra={"fields": {"task": lease.task, "item_id": lease.item_id}})
        _try_later(lease, f"{type(error).__name__}: {error}"[:2000], found)
    else:
        _finish(lease, WorkState.DONE, "")
    finally:
        _current.reset(token)
        with _held_lock:
            if _held.get(lease.item_id) is lease:  # else it was lost, and another thread of ours works on the row
                del _held[lease.item_id]


def backoff_s(failures: int) -> float:
    """Return seconds to wait after the given number of failures: min(2^n x 5 s, 1 h), +-25 % jitter."""
    return float(min(2 ** (failures - 1) * 5.0, 3600.0)) * random.uniform(0.75, 1.25)  # noqa: S311


def _finish(lease: Lease, state: WorkState, error: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_workitem SET state = %s, lease_until = NULL, finished_at = now(), last_error = %s"
            " WHERE id = %s AND fence = %s AND state = 'RUNNING'",
            [state, error, lease.item_id, lease.fence],
        )
        return bool(cursor.rowcount == 1)


def _end(lease: Lease, state: WorkState, error: str, found: Task | None) -> None:
    with transaction.atomic():
        if not _finish(lease, state, error) or found is None or found.on_parked is None:
            return
        try:
            with transaction.atomic():
                found.on_parked(**lease.arguments, reason=error)
        except (OperationalError, InterfaceError):
            raise  # the database may be restarting: the row keeps its lease and is ended by the next claim
        except Exception:  # what it belonged to is gone; the row must not come back every minute for ever
            logger.exception("nobody to tell", extra={"fields": {"task": lease.task, "item_id": lease.item_id}})


def _try_later(lease: Lease, error: str, found: Task | None) -> None:
    if lease.failures + 1 >= ATTEMPTS:
        _end(lease, WorkState.PARKED, error, found)
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_workitem SET state = 'PENDING', lease_until = NULL, failures = failures + 1, last_error = %s,"
            " due_at = now() + make_interval(secs => %s) WHERE id = %s AND fence = %s AND state = 'RUNNING'",
            [error, backoff_s(lease.failures + 1), lease.item_id, lease.fence],
        )


def due_count() -> int:
    """Return how many rows could be claimed now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM core_workitem WHERE (state = 'PENDING' AND due_at <= now())"
            " OR (state = 'RUNNING' AND lease_until < now())"
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0
