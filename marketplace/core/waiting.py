"""Requests that wait for something. Few threads answer all pages of the site, so only one of them in each process waits."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from marketplace.core.errors import Invalid

LONGEST_S = 30
SHORT_S = 1.0
POLL_S = 0.25
_place = threading.BoundedSemaphore(1)


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

    While another request of the process waits, this one waits SHORT_S only: its client asks again.
    """
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 4 and 1 <= int(seconds) <= LONGEST_S):
        raise Invalid(f"wait must be a whole number of seconds from 1 to {LONGEST_S}.", field="wait")
    with long_wait() as may_wait:
        deadline = time.monotonic() + (int(seconds) if may_wait else SHORT_S)
        while not is_done():
            if time.monotonic() >= deadline:
                return False
            if not connection.in_atomic_block:
                connection.close()  # others may use it meanwhile
            time.sleep(POLL_S)
    return True
