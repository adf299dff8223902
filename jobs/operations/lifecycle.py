"""The life of a job: start, progress, the final states, retry. Every move is a compare-and-set."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from jobs.models import Job, JobState, Transfer, TransferState
from marketplace.core import audit, work
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.errors import Conflict
from marketplace.core.events import publish_on_commit

ACCESS_DENIED = "ACCESS_DENIED_EXCEPTION"
INTERNAL = "INTERNAL_SERVER_EXCEPTION"
NOT_FOUND = "RESOURCE_NOT_FOUND_EXCEPTION"
QUOTA = "SERVICE_QUOTA_EXCEEDED_EXCEPTION"
VALIDATION = "VALIDATION_EXCEPTION"


class JobNotWaiting(Conflict):
    message = "This job was started or cancelled before."


class JobNotFailed(Conflict):
    message = "Only a failed job can be retried."


@transaction.atomic
def start_job(*, job: Job, actor: Actor, at: datetime) -> Job:
    """Move a job from WAITING to IN_PROGRESS; a worker takes it from there. Raises JobNotWaiting."""
    changed = Job.objects.filter(pk=job.pk, state=JobState.WAITING).update(
        state=JobState.IN_PROGRESS, started_at=at, updated_at=at, run=1
    )
    if not changed:
        raise JobNotWaiting("JOB", job.pk)
    job.refresh_from_db()
    audit.record("job.started", actor=actor, subject=job, organization_id=job.organization_id)
    work.enqueue("jobs.run_job", key=f"{job.pk}:{job.run}", organization_id=job.organization_id, job_id=job.pk)
    return job


@transaction.atomic
def cancel_job(*, job: Job, actor: Actor, at: datetime) -> Job:
    """Cancel a job that was not started. Raises JobNotWaiting."""
    if not Job.objects.filter(pk=job.pk, state=JobState.WAITING).update(
        state=JobState.CANCELLED, finished_at=at, updated_at=at
    ):
        raise JobNotWaiting("JOB", job.pk)
    audit.record("job.cancelled", actor=actor, subject=job)
    job.refresh_from_db()
    return job


@transaction.atomic
def retry_job(*, job: Job, actor: Actor, at: datetime) -> Job:
    """Run a failed job again: what was delivered stays, the rest is tried anew. Raises JobNotFailed."""
    changed = Job.objects.filter(pk=job.pk, state=JobState.ERROR).update(
        state=JobState.IN_PROGRESS, updated_at=at, finished_at=None, errors=[], run=F("run") + 1
    )
    if not changed:
        raise JobNotFailed("JOB", job.pk)
    job.refresh_from_db()
    Transfer.objects.filter(job=job, job_created_at=job.created_at, state=TransferState.FAILED).update(
        state=TransferState.PENDING, error=""
    )
    audit.record("job.retried", actor=actor, subject=job)
    work.enqueue("jobs.run_job", key=f"{job.pk}:{job.run}", organization_id=job.organization_id, job_id=job.pk)
    return job


@transaction.atomic
def record_transfer(*, job: Job, transfer: Transfer, at: datetime, **receipt: object) -> bool:
    """Write the receipt of one object and count it; False when it was there before."""
    work_lease = work.current_lease()
    if work_lease is not None:
        work_lease.ensure()
    done = (
        Transfer.objects.filter(job_created_at=job.created_at, job=job, number=transfer.number)
        .exclude(state=TransferState.DONE)
        .update(state=TransferState.DONE, finished_at=at, error="", **receipt)
    )
    if done:
        size = int(str(receipt.get("size_bytes", transfer.size_bytes)))
        Job.objects.filter(pk=job.pk).update(
            objects_done=F("objects_done") + 1, bytes_done=F("bytes_done") + size, updated_at=at
        )
    return bool(done)


def fail_transfer(*, job: Job, transfer: Transfer, reason: str, at: datetime, is_final: bool) -> None:
    """Record why an object did not arrive; is_final: trying again by ourselves cannot help."""
    Transfer.objects.filter(job_created_at=job.created_at, job=job, number=transfer.number).exclude(
        state=TransferState.DONE
    ).update(state=TransferState.FAILED if is_final else TransferState.PENDING, error=reason[:500], finished_at=at)


@transaction.atomic
def finish_job(*, job: Job, at: datetime, errors: list[dict[str, str]] | None = None) -> bool:
    """Move a running job to COMPLETED, or to ERROR when there are errors; False when it had ended before.

    errors: {"code", "message", and perhaps "resource_type", "resource_id"}; codes as in JobError of the service model.
    """
    state = JobState.ERROR if errors else JobState.COMPLETED
    changed = Job.objects.filter(pk=job.pk, state=JobState.IN_PROGRESS).update(
        state=state, finished_at=at, updated_at=at, errors=errors or [], bytes_moving=0
    )
    if changed:
        name = "job.failed" if errors else "job.completed"
        audit.record(
            name, actor=SYSTEM, subject=job, organization_id=job.organization_id, detail={"errors": errors or []}
        )
        publish_on_commit(name, organization_id=job.organization_id, job_id=job.pk)
    return bool(changed)
