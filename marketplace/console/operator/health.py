"""How the parts of the installation are: measured when an operator looks, and for programs that watch."""

import platform
import shutil
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import django
from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Now

from marketplace.console.health import BEAT_S, CHECKS
from marketplace.core import brand, storage
from marketplace.core.models import WorkerHeartbeat, WorkItem
from marketplace.core.queries.site import list_parked_work
from marketplace.core.templatetags.ui import duration
from publishers.models import Asset

PARKED_SHOWN = 25
#: a volume with less than this share free is marked; below the second it is a fault
LOW_DISK, FULL_DISK = 0.15, 0.05
#: work that has waited this long although it was due is marked
LATE_S = 60.0
#: how long the sum of all assets is kept: it reads the whole table
BYTES_KEPT_S = 60.0
#: an open transaction of this age keeps PostgreSQL from cleaning up
OLD_TRANSACTION_S = 300.0
#: a process that has been silent for so long was taken away on purpose
FORGOTTEN = timedelta(days=1)
T = TypeVar("T")


@dataclass(frozen=True)
class Database:
    """version: of PostgreSQL. oldest_transaction_s: age of the oldest one that is open, besides the one that asks."""

    version: str
    size_bytes: int
    connections: int
    connections_most: int
    oldest_transaction_s: float

    @property
    def state(self) -> str:
        """Return ok or warn."""
        crowded = self.connections > 0.8 * self.connections_most
        return "warn" if crowded or self.oldest_transaction_s > OLD_TRANSACTION_S else "ok"


@dataclass(frozen=True)
class TaskWork:
    """Work rows of one task. due: could be claimed now. done, failed: within the last hour."""

    task: str
    pending: int
    due: int
    running: int
    parked: int
    failed: int
    done: int


@dataclass(frozen=True)
class Process:
    """A worker or scheduler by its heartbeat; silent_s: since the last one."""

    name: str
    beat_at: datetime
    silent_s: float

    @property
    def is_silent(self) -> bool:
        """Return True when it counts as dead."""
        return self.silent_s > BEAT_S


@dataclass(frozen=True)
class Store:
    """write_s, read_s: of a small object. vault_bytes: of all files that publishers keep here."""

    write_s: float
    read_s: float
    vault_bytes: int


@dataclass(frozen=True)
class Disk:
    """The volume under a directory."""

    label: str
    path: str
    free_bytes: int
    total_bytes: int

    @property
    def state(self) -> str:
        """Return ok, warn or bad by the share that is free."""
        share = self.free_bytes / self.total_bytes if self.total_bytes else 0
        return "bad" if share < FULL_DISK else "warn" if share < LOW_DISK else "ok"

    @property
    def used_percent(self) -> int:
        """Return how full it is, 0 to 100."""
        return round(100 * (1 - self.free_bytes / self.total_bytes)) if self.total_bytes else 100


@dataclass(frozen=True)
class Mail:
    """How mails go out. sends: False when they only go to the log."""

    sends: bool
    host: str
    sender: str


@dataclass(frozen=True)
class Health:
    """Everything. What could not be measured is None, and `problems` says why by the name of the part."""

    measured_at: datetime
    database: Database | None
    work: list[TaskWork]
    oldest_due_s: float
    processes: list[Process]
    broker_s: float | None
    store: Store | None
    disks: list[Disk]
    mail: Mail
    versions: list[tuple[str, str]]
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def parked(self) -> int:
        """Return how many work rows wait for a person."""
        return sum(row.parked for row in self.work)

    @property
    def workers(self) -> list[Process]:
        """Return the processes that do work."""
        return [process for process in self.processes if process.name != "scheduler"]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Return (bad or warn, sentence) for everything that a person should look at, the worst first."""
        found = [("bad", f"The {part} does not answer: {why}") for part, why in self.problems.items()]
        if not any(not process.is_silent for process in self.workers):
            found.append(("bad", "No worker gives a sign of life: nothing is delivered, checked or mailed."))
        if not any(process.name == "scheduler" and not process.is_silent for process in self.processes):
            found.append(("bad", "The scheduler gives no sign of life: regular work does not start."))
        found += [
            ("warn", f"Worker {process.name} has been silent for {duration(process.silent_s)}.")
            for process in self.workers
            if process.is_silent and any(not other.is_silent for other in self.workers)
        ]
        found += [
            (disk.state, f"{disk.label}: only {100 - disk.used_percent} % of the volume is free.")
            for disk in self.disks
            if disk.state != "ok"
        ]
        if self.parked:
            rows = "1 piece of work was" if self.parked == 1 else f"{self.parked} pieces of work were"
            found.append(("warn", f"{rows} given up after ten attempts and wait for you."))
        if self.oldest_due_s > LATE_S:
            found.append(
                ("warn", f"Work that is due has waited for {duration(self.oldest_due_s)}: workers fall behind.")
            )
        if self.database is not None and self.database.state != "ok":
            found.append(("warn", "The database is crowded, or a transaction has been open for minutes."))
        return sorted(found, key=lambda fault: fault[0] != "bad")

    @property
    def state(self) -> str:
        """Return bad, warn or ok: the worst of all parts."""
        return next((state for state, _ in self.faults), "ok")


def measure(*, at: datetime) -> Health:
    """Measure every part now. None of them fails the rest; takes some seconds when a part hangs."""
    problems: dict[str, str] = {}
    work, oldest_due_s = _work()
    return Health(
        measured_at=at,
        database=_try("database", _database, problems),
        work=work,
        oldest_due_s=oldest_due_s,
        processes=_processes(),
        broker_s=_try("broker", _broker, problems),
        store=_try("object store", _store, problems),
        disks=_disks(),
        mail=_mail(),
        versions=_versions(),
        problems=problems,
    )


def _try(part: str, measured: Callable[[], T], problems: dict[str, str]) -> T | None:
    try:
        return measured()
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the operator is told and the rest is measured
        problems[part] = f"{type(error).__name__}: {error}"[:300]
        return None


def _database() -> Database:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()),"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
            " current_setting('max_connections')::int,"
            " (SELECT coalesce(extract(epoch FROM max(now() - xact_start)), 0) FROM pg_stat_activity"
            "  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())"
        )
        row: tuple[Any, ...] = cursor.fetchone() or ("", 0, 0, 0, 0)
    return Database(str(row[0]).split(" ")[0], int(row[1]), int(row[2]), int(row[3]), max(0.0, float(row[4])))


def _work() -> tuple[list[TaskWork], float]:
    due = "(state = 'PENDING' AND due_at <= now() OR state = 'RUNNING' AND lease_until < now())"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT task, count(*) FILTER (WHERE state = 'PENDING'), count(*) FILTER (WHERE {due}),
                   count(*) FILTER (WHERE state = 'RUNNING'), count(*) FILTER (WHERE state = 'PARKED'),
                   count(*) FILTER (WHERE state = 'FAILED'), count(*) FILTER (WHERE state = 'DONE'),
                   coalesce(extract(epoch FROM max(now() - due_at) FILTER (WHERE {due})), 0)
            FROM core_workitem
            WHERE state IN ('PENDING', 'RUNNING', 'PARKED')
                OR (state IN ('DONE', 'FAILED') AND finished_at > now() - interval '1 hour')
            GROUP BY task ORDER BY task
            """
        )
        rows = cursor.fetchall()
    return [TaskWork(*row[:7]) for row in rows], max((float(row[7]) for row in rows), default=0.0)


def _processes() -> list[Process]:
    beats = WorkerHeartbeat.objects.annotate(now=Now()).filter(beat_at__gt=Now() - FORGOTTEN).order_by("name")
    return [Process(beat.name, beat.beat_at, max(0.0, (beat.now - beat.beat_at).total_seconds())) for beat in beats]


def _broker() -> float:
    started = time.monotonic()
    CHECKS["broker"]()
    return time.monotonic() - started


def _store() -> Store:
    write_s, read_s = storage.time_vault()
    return Store(write_s, read_s, _vault_bytes())


_counted: tuple[float, int] = (0.0, 0)


def _vault_bytes() -> int:
    global _counted
    at, counted = _counted
    if not at or time.monotonic() - at > BYTES_KEPT_S:
        counted = Asset.objects.aggregate(total=Sum("size_bytes", default=0))["total"]
        _counted = (time.monotonic(), counted)
    return counted


def _disks() -> list[Disk]:
    wanted: list[tuple[str, str | Path]] = [
        ("Data of this installation", settings.STATE_DIRECTORY),
        ("Cache of rows", settings.CACHE_DIRECTORY),
    ]
    disks: dict[tuple[int, int], Disk] = {}
    for label, name in wanted:
        if not name:
            continue
        path = Path(name)
        while not path.exists() and path != path.parent:
            path = path.parent
        usage = shutil.disk_usage(path)
        disks.setdefault((path.stat().st_dev, usage.total), Disk(label, str(name), usage.free, usage.total))
    return list(disks.values())


def _mail() -> Mail:
    sends = not settings.EMAIL_BACKEND.endswith((".console.EmailBackend", ".dummy.EmailBackend"))
    return Mail(sends=sends, host=settings.EMAIL_HOST if sends else "", sender=brand.sender())


def _versions() -> list[tuple[str, str]]:
    found = [("Python", platform.python_version()), ("Django", django.get_version()), ("Entrepot", _own_version())]
    return found + [(label, version(package)) for label, package in (("Celery", "celery"), ("DuckDB", "duckdb"))]


@cache
def _own_version() -> str:
    project = tomllib.loads(Path(settings.BASE_DIR, "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def parked_work() -> list[WorkItem]:
    """Return the newest parked work, as much as a page shows."""
    return list(list_parked_work()[:PARKED_SHOWN])
