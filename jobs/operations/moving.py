"""Move many objects side by side: threads talk to stores, rows are read and written by the job's own thread alone."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import TypeVar

from django.db.models import F
from django.utils import timezone

from jobs.models import Job, Transfer
from marketplace.core import work

#: Objects in flight per job.
PARALLEL = 8

T = TypeVar("T")


class Progress:
    """Bytes under way, counted by any thread and written to the job at most once a second by its own."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._lock = Lock()
        self._bytes = 0
        self._written_at = 0.0

    @contextmanager
    def counted(self, chunks: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
        """Count chunks while they pass; afterwards they are no longer under way, whether they arrived or not."""
        count = 0

        def passing() -> Iterator[bytes]:
            nonlocal count
            for chunk in chunks:
                count += len(chunk)
                self._add(len(chunk))
                yield chunk

        try:
            yield passing()
        finally:
            self._add(-count)

    def _add(self, count: int) -> None:
        with self._lock:
            self._bytes += count

    def write(self) -> None:
        """Show what is under way, unless that was done less than a second ago."""
        if monotonic() - self._written_at >= 1:
            self._written_at = monotonic()
            Job.objects.filter(pk=self._job.pk).update(bytes_moving=self._bytes)


def move_all(
    transfers: Iterable[Transfer],
    *,
    job: Job,
    progress: Progress,
    may_take: Callable[[], bool],
    move: Callable[[Transfer], T],
    record: Callable[[Transfer, Future[T]], str],
) -> str:
    """Move the transfers of a job, PARALLEL at a time; return the last reason to try some again later, or nothing.

    may_take: asked before each; False ends the taking. move: called in a thread, touches no row. record: told what came
    of each, returns why it must be tried later, or nothing. The taking ends as well when PARALLEL in a row must: then
    the store is away. What is under way by then is brought to its end and recorded. Raises LeaseLost.
    """
    lease = work.current_lease()
    waiting = iter(transfers)
    under_way: dict[Future[T], Transfer] = {}
    later, in_a_row = "", 0
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="move") as pool:
        try:
            while True:
                while len(under_way) < PARALLEL and in_a_row < PARALLEL and (transfer := next(waiting, None)):
                    if lease is not None:
                        lease.ensure()
                    if not may_take():
                        waiting = iter(())
                        break
                    Transfer.objects.filter(job_created_at=job.created_at, job=job, number=transfer.number).update(
                        attempts=F("attempts") + 1, started_at=timezone.now()
                    )
                    under_way[pool.submit(move, transfer)] = transfer
                if not under_way:
                    return later
                done, _ = wait(under_way, timeout=1, return_when=FIRST_COMPLETED)
                progress.write()
                for future in done:
                    reason = record(under_way.pop(future), future)
                    later = reason or later
                    in_a_row = in_a_row + 1 if reason else 0
        finally:
            for future in under_way:
                future.cancel()
