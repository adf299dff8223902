"""Runs of imports that bring no bytes: a job looks at each source and keeps the description that others read it by."""

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from jobs.models import Job, JobState, Transfer, TransferState
from jobs.operations import lifecycle
from jobs.operations.imports import asset_id_of
from marketplace.core import work
from marketplace.core.actors import Actor
from marketplace.core.errors import DomainError
from marketplace.core.sources import SourceFault
from marketplace.core.storage import StorageFault
from publishers.models import Asset
from publishers.operations import revisions

#: cause of a SourceFault or StorageFault -> code of the job's error
_CODES = {
    "missing": lifecycle.NOT_FOUND,
    "no_bucket": lifecycle.NOT_FOUND,
    "no_object": lifecycle.NOT_FOUND,
    "unauthorized": lifecycle.ACCESS_DENIED,
}


def run(*, job: Job, describe: Callable[[Transfer], dict[str, Any]]) -> None:
    """Make an asset of each source that is still pending. Harmless to run again.

    describe: looks at the source and returns the details of its asset; raises SourceFault, StorageFault or DomainError.
    Raises TemporaryFailure when a source may answer later; anything final ends the job.
    """
    if job.state != JobState.IN_PROGRESS:
        return
    lease = work.current_lease()
    pending = Transfer.objects.filter(job=job, job_created_at=job.created_at, state=TransferState.PENDING)
    later = ""
    for transfer in pending.order_by("number"):
        if lease is not None:
            lease.ensure()
        Transfer.objects.filter(job_created_at=job.created_at, job=job, number=transfer.number).update(
            attempts=transfer.attempts + 1, started_at=timezone.now()
        )
        try:
            asset = _asset(job, transfer, describe)
        except (SourceFault, StorageFault) as fault:
            if fault.is_temporary:
                later = str(fault)
                lifecycle.fail_transfer(job=job, transfer=transfer, reason=later, at=timezone.now(), is_final=False)
                continue
            _end(job, transfer, code=_CODES.get(fault.cause, lifecycle.VALIDATION), message=str(fault))
            return
        except DomainError as error:
            _end(job, transfer, **lifecycle.error_of(error))
            return
        lifecycle.record_transfer(job=job, transfer=transfer, at=timezone.now(), asset=asset)
    if later:
        raise work.TemporaryFailure(later)
    lifecycle.finish_job(job=job, at=timezone.now())


def _asset(job: Job, transfer: Transfer, describe: Callable[[Transfer], dict[str, Any]]) -> Asset:
    asset_id = asset_id_of(job, transfer.number)
    # What an earlier run made before it could write the receipt stands as it is, whatever the source says by now.
    known = Asset.objects.filter(pk=asset_id).first()
    if known is not None:
        return known
    if job.living_revision.is_finalized:
        raise revisions.RevisionIsFinalized("REVISION", job.revision_id or "")
    return revisions.add_described_asset(
        revision=job.living_revision,
        asset_id=asset_id,
        name=transfer.name,
        details=describe(transfer),
        tags=job.request["asset_tags"],
        actor=Actor(kind="system", user_id=job.created_by_id, organization_id=job.organization_id),
        at=timezone.now(),
    )


def _end(job: Job, transfer: Transfer, *, message: str, **error: Any) -> None:
    at = timezone.now()
    lifecycle.fail_transfer(job=job, transfer=transfer, reason=message, at=at, is_final=True)
    error["message"] = f"{transfer.name}: {message}"
    lifecycle.finish_job(job=job, at=at, errors=[error])
