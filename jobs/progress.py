"""How far a job is: the figures that its page, its row in a list and its title show."""

from dataclasses import dataclass
from datetime import datetime

from jobs.models import Job, JobState


@dataclass(frozen=True)
class Progress:
    """rate: bytes a second over the whole run; None where a retry makes the average meaningless."""

    percent: int
    bytes_seen: int
    rate: float | None
    elapsed_s: float | None
    left_s: float | None


def progress_of(job: Job, *, at: datetime) -> Progress:
    """Return the figures of a job at the instant `at`."""
    if job.state == JobState.COMPLETED:
        percent = 100
    elif job.bytes_total:
        percent = min(99, job.bytes_seen * 100 // job.bytes_total)
    else:
        percent = min(99, job.objects_done * 100 // job.objects_total) if job.objects_total else 0
    if job.started_at is None:
        return Progress(percent, job.bytes_seen, None, None, None)
    elapsed = max(0.0, ((job.finished_at or at) - job.started_at).total_seconds())
    seen = job.bytes_done if job.is_final else job.bytes_seen
    rate = seen / elapsed if job.run == 1 and elapsed >= 0.5 and seen else None
    left = (job.bytes_total - seen) / rate if rate and not job.is_final else None
    return Progress(percent, job.bytes_seen, rate, elapsed, left)
