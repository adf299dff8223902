"""The life of a job: start, progress, the final states, retry. Every move is a compare-and-set."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef

from jobs.models import DELIVERIES, Job, JobState, JobType, Transfer, TransferState
from marketplace.core import audit, work
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.errors import Conflict, DomainError, LimitExceeded, NotFound
from marketplace.core.events import publish_on_commit
from marketplace.core.models import Organization
from publishers.models import Revision

ACCESS_DENIED = "ACCESS_DENIED_EXCEPTION"
INTERNAL = "INTERNAL_SERVER_EXCEPTION"
NOT_FOUND = "RESOURCE_NOT_FOUND_EXCEPTION"
QUOTA = "SERVICE_QUOTA_EXCEEDED_EXCEPTION"
VALIDATION = "VALIDATION_EXCEPTION"


#: after which a job is no longer shown by the AWS-shaped API; receipts stay
RETENTION = timedelta(days=90)
#: how many failed deliveries are retried at once; who has more asks again
MOST_RETRIED = 500
#: what its moves change; the rows beside it stay as they were read, since they may be gone
CHANGING = ["state", "started_at", "updated_at", "finished_at", "run", "errors"]
LIMIT_REACHED = "Wait until a running job has ended, or ask the operator for a higher limit."
#: job type -> LimitName of the jobs that may run at once
CONCURRENCY: dict[str, str] = {
    JobType.IMPORT_ASSETS_FROM_S3: "Concurrent in progress jobs to import assets from Amazon S3",
    JobType.IMPORT_ASSET_FROM_SIGNED_URL: "Concurrent in progress jobs to import assets from a signed URL",
    JobType.IMPORT_ASSET_FROM_API_GATEWAY_API: "Concurrent in progress jobs to import assets from an API Gateway API",
    JobType.IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES: (
        "Concurrent in progress jobs to import assets from Amazon Redshift datashares"
    ),
    JobType.IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY: (
        "Concurrent in progress jobs to import assets from an AWS Lake Formation tag policy"
    ),
    JobType.CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET: (
        "Concurrent in progress jobs to create Amazon S3 data access assets from S3 buckets"
    ),
    JobType.EXPORT_ASSETS_TO_S3: "Concurrent in progress jobs to export assets to Amazon S3",
    JobType.EXPORT_ASSET_TO_SIGNED_URL: "Concurrent in progress jobs to export assets to a signed URL",
    JobType.EXPORT_REVISIONS_TO_S3: "Concurrent in progress jobs to export revisions to Amazon S3",
}


class JobNotWaiting(Conflict):
    message = "This job was started or cancelled before."


class JobExpired(Conflict):
    message = "This job is too old to be started. Create a new one."


class JobNotFailed(Conflict):
    message = "Only a failed job can be retried."


@transaction.atomic
def start_job(*, job: Job, actor: Actor, at: datetime) -> Job:
    """Move a job from WAITING to IN_PROGRESS; a worker takes it from there.

    Raises JobNotWaiting, JobExpired, LimitExceeded "Concurrent in progress jobs …". Auto-exports start whatever runs.
    """
    if at >= job.created_at + RETENTION:
        raise JobExpired("JOB", job.pk)
    changed = Job.objects.filter(pk=job.pk, state=JobState.WAITING).update(
        state=JobState.IN_PROGRESS, started_at=at, updated_at=at, run=1
    )
    if not changed:
        raise JobNotWaiting("JOB", job.pk)
    audit.record("job.started", actor=actor, subject=job, organization_id=job.organization_id)
    # Counted behind the audit row, which lets in one start of an organization after the other.
    limit = CONCURRENCY.get(job.type)
    if limit is not None and job.event_action_id is None:
        running = Job.objects.filter(organization=job.organization_id, type=job.type, state=JobState.IN_PROGRESS)
        if running.filter(event_action=None).count() > settings.QUOTAS[limit]:
            raise LimitExceeded(limit, settings.QUOTAS[limit], f"{LIMIT_REACHED} {limit}: {settings.QUOTAS[limit]}.")
    job.refresh_from_db(fields=CHANGING)
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
    job.refresh_from_db(fields=CHANGING)
    return job


@transaction.atomic
def retry_job(*, job: Job, actor: Actor, at: datetime) -> Job:
    """Run a failed job again: what was delivered stays, the rest is tried anew. Raises JobNotFailed."""
    changed = Job.objects.filter(pk=job.pk, state=JobState.ERROR).update(
        state=JobState.IN_PROGRESS, updated_at=at, finished_at=None, errors=[], run=F("run") + 1
    )
    if not changed:
        raise JobNotFailed("JOB", job.pk)
    job.refresh_from_db(fields=CHANGING)
    Transfer.objects.filter(job=job, job_created_at=job.created_at, state=TransferState.FAILED).update(
        state=TransferState.PENDING, error=""
    )
    audit.record("job.retried", actor=actor, subject=job)
    work.enqueue("jobs.run_job", key=f"{job.pk}:{job.run}", organization_id=job.organization_id, job_id=job.pk)
    return job


@transaction.atomic
def retry_failed_deliveries(*, organization: Organization, actor: Actor, at: datetime) -> tuple[int, int]:
    """Run an organization's failed deliveries of the last 90 days again, the oldest first and at most MOST_RETRIED of them.

    Return (retried, how many more have failed). What was delivered stays; those whose revision was deleted are left out.
    """
    failed = Job.objects.filter(
        Exists(Revision.objects.filter(pk=OuterRef("revision_id"))),
        organization=organization,
        type__in=DELIVERIES,
        state=JobState.ERROR,
        created_at__gt=at - RETENTION,
    )
    chosen = failed.order_by("created_at", "pk").select_for_update(of=("self",), skip_locked=True)
    jobs = list(chosen[:MOST_RETRIED])
    if jobs:
        ids = [job.pk for job in jobs]
        Job.objects.filter(pk__in=ids).update(
            state=JobState.IN_PROGRESS, updated_at=at, finished_at=None, errors=[], run=F("run") + 1
        )
        Transfer.objects.filter(
            job__in=ids, job_created_at__in={job.created_at for job in jobs}, state=TransferState.FAILED
        ).update(state=TransferState.PENDING, error="")
        audit.record("jobs.retried", actor=actor, subject=organization, detail={"job_ids": ids})
        work.enqueue_many(
            "jobs.run_job", [(f"{job.pk}:{job.run + 1}", organization.pk, {"job_id": job.pk}) for job in jobs]
        )
    return len(jobs), failed.count()


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
def finish_job(*, job: Job, at: datetime, errors: list[dict[str, Any]] | None = None) -> bool:
    """Move a running job to COMPLETED, or to ERROR when there are errors; False when it had ended before.

    errors: {"code", "message", and perhaps "resource_type", "resource_id", "limit_name", "limit_value", "sources":
    [{"bucket", "key"}], "asset_name"}; codes as in JobError of the service model.
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
        if errors:
            publish_on_commit("job.failed", organization_id=job.organization_id, job_id=job.pk)
        else:
            publish_on_commit("job.completed", organization_id=job.organization_id, job_id=job.pk)
    return bool(changed)


def error_of(error: DomainError) -> dict[str, Any]:
    """Return a refusal of the domain as an error of a job."""
    if isinstance(error, LimitExceeded):
        limit = {"limit_name": error.limit_name, "limit_value": error.limit_value}
        return {"code": QUOTA, "message": error.message} | limit
    code = NOT_FOUND if isinstance(error, NotFound) else VALIDATION
    named = {"resource_type": error.resource_type, "resource_id": error.resource_id} if error.resource_id else {}
    return {"code": code, "message": error.message} | named
