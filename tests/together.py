"""Two real connections at once: for the races that a single transaction cannot show."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


class Call(threading.Thread):
    """A call in a thread of its own, over a connection of its own; `outcome()` returns or raises what it did."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error
        finally:
            connection.close()

    def outcome(self, timeout_s: float = 30) -> Any:
        """Wait for the end; return what the call returned or raise what it raised."""
        self.join(timeout_s)
        assert not self.is_alive(), "the call did not end"
        if self._error is not None:
            raise self._error
        return self._result


def outcomes(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same moment and return, in order, what each returned or the exception that it raised."""
    gate = threading.Barrier(len(calls))

    def behind_gate(call: Callable[[], Any]) -> Callable[[], Any]:
        def go() -> Any:
            gate.wait(10)
            return call()

        return go

    running = [Call(behind_gate(call)) for call in calls]
    for call in running:
        call.start()
    found: list[Any] = []
    for call in running:
        try:
            found.append(call.outcome())
        except Exception as error:
            found.append(error)
    return found


def wait_until_blocked(timeout_s: float = 10) -> None:
    """Return when another connection to this database waits for a lock."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            # in an own snapshot: pg_stat_activity is frozen for the length of a transaction
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for a lock")


@contextmanager
def blocked(call: Callable[[], Any]) -> Iterator[Call]:
    """Start a call that must wait for a lock which the caller's open transaction holds; yields once it waits."""
    running = Call(call)
    running.start()
    wait_until_blocked()
    yield running
