"""Requests that wait for something. Few threads answer all pages of the site, so few of them in each process may wait.

One waits for something of ours (`long_wait`), one for somebody else's server (`slow_call`); of two threads that would be all,
so the first ends early when the second begins.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from marketplace.core.errors import Invalid
from marketplace.core.limits import TooManyRequests

LONGEST_S = 30
SHORT_S = 1.0
POLL_S = 0.25
_place = threading.BoundedSemaphore(1)
_slow_place = threading.BoundedSemaphore(1)
_is_calling = threading.Event()


class TooManySlowCalls(TooManyRequests):
    """The process already waits for another server; SDKs ask again after a second."""

    def __init__(self) -> None:
        super().__init__("Calls to other servers at once", 1, "Another call is being made. Try again in a second.")


@contextmanager
def slow_call() -> Iterator[None]:
    """Take the process's one place for a call to somebody else's server. Raises TooManySlowCalls when it is taken."""
    if not _slow_place.acquire(blocking=False):
        raise TooManySlowCalls
    _is_calling.set()
    try:
        yield
    finally:
        _is_calling.clear()
        _slow_place.release()


@contextmanager
def long_wait() -> Iterator[bool]:
    """Give the process's one place for a long wait: True when it is ours, False when another request has it."""
    is_ours = _place.acquire(blocking=False)
    try:
        yield is_ours
    finally:
        if is_ours:
            _place.release()


def wait_until(is_done: Callable[[], bool], *, seconds: str) -> bool:
    """Wait until something is done, at most so many seconds, and return whether it is. Raises Invalid for bad seconds.

    While another request of the process waits, this one waits SHORT_S only, and no longer than a slow call lets it: its
    client asks again.
    """
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 4 and 1 <= int(seconds) <= LONGEST_S):
        raise Invalid(f"wait must be a whole number of seconds from 1 to {LONGEST_S}.", field="wait")
    with long_wait() as may_wait:
        deadline = time.monotonic() + (int(seconds) if may_wait else SHORT_S)
        while not is_done():
            if time.monotonic() >= deadline or _is_calling.is_set():
                return False
            if not connection.in_atomic_block:
                connection.close()  # others may use it meanwhile
            time.sleep(POLL_S)
    return True
