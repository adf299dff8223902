"""A few jailed readers, each over one table and nothing else: the next page of a file costs milliseconds, not a start.

One reader sees one table. A file that broke out of DuckDB would find itself in a process without network, without any
other file, and with nothing in memory but its own rows.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from dataapi.cache import NotNow
from dataapi.tables import Table
from marketplace.core import jail

MOST_READERS = 4
PAGE_S = 20
_LARGEST_PAGE = 96 * jail.MIB
_LIMITS = jail.Limits(cpu_s=300, file_bytes=0)
_RUN = "from jailed.pages import main; main(data, requests())"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as JSON objects, separated by commas."""

    count: int
    rows: bytes


@dataclass(slots=True)
class _Reader:
    path: Path
    process: jail.Jailed
    used_at: float
    is_busy: bool = True


class TableDamaged(Exception):
    """A reader could not read a table that we built."""


_readers: list[_Reader] = []
_free = threading.Condition()


def read_page(table: Table, *, start: int, limit: int) -> Page:
    """Return up to `limit` rows from `start` on. Raises NotNow when all readers stay busy, TableDamaged, jail.NoJail."""
    for attempt in (1, 2):
        reader = _take(table.path, deadline=time.monotonic() + PAGE_S)
        try:
            reader.process.send({"start": start, "limit": limit})
            answer = reader.process.receive(within_s=PAGE_S, most_bytes=_LARGEST_PAGE)
        except jail.JailFailed as failure:
            _drop(reader)
            # An idle reader may just have ended by itself, or with the thread that had started it.
            if failure.reason != "died" or attempt == 2:
                raise TableDamaged(failure.reason) from failure
            continue
        except BaseException:
            _drop(reader)
            raise
        _give_back(reader)
        head, _, rows = answer.partition(b"\n")
        return Page(int(json.loads(head)["count"]), rows)
    raise AssertionError("unreachable")


def _take(path: Path, *, deadline: float) -> _Reader:
    with _free:
        while True:
            for reader in [reader for reader in _readers if not reader.is_busy and not reader.process.is_alive]:
                _readers.remove(reader)
                reader.process.kill()
            idle = sorted((r for r in _readers if not r.is_busy), key=lambda r: r.used_at)
            same = next((reader for reader in idle if reader.path == path), None)
            if same is not None:
                same.is_busy = True
                return same
            if len(_readers) >= MOST_READERS and idle:
                _readers.remove(idle[0])
                idle[0].process.kill()
            if len(_readers) < MOST_READERS:
                reader = _Reader(path, jail.start(run=_RUN, limits=_LIMITS, data=path), time.monotonic())
                _readers.append(reader)
                return reader
            if not _free.wait(max(0.0, deadline - time.monotonic())):
                raise NotNow("TooManyReaders", "Many rows are being read. Try again in a moment.", 1)


def _give_back(reader: _Reader) -> None:
    with _free:
        reader.is_busy, reader.used_at = False, time.monotonic()
        _free.notify()


def _drop(reader: _Reader) -> None:
    reader.process.kill()
    with _free:
        if reader in _readers:
            _readers.remove(reader)
        _free.notify()
