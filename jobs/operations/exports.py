"""Export a revision to a bucket: plan one transfer per asset, move, verify, write the receipt."""

from concurrent.futures import Future
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from jobs import key_patterns
from jobs.models import Encryption, Job, JobState, JobType, Transfer, TransferState
from jobs.operations import lifecycle
from jobs.operations.moving import Progress, move_all
from marketplace.core import audit, storage, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid
from marketplace.core.models import Organization, StorageConnection
from marketplace.core.operations.storage import prove_storage_connection
from marketplace.core.storage import Bucket, StorageFault
from publishers.models import Asset, DataSet, PublishedDataSet, Revision
from subscriptions.queries import may_read


class KeysCollide(Invalid):
    """Two assets would land on one key."""


class BytesDiffer(Exception):
    """What stands at the destination is not what the publisher finalized."""


@transaction.atomic
def create_export(
    *,
    organization: Organization,
    data_set: DataSet,
    published_data_set: PublishedDataSet | None,
    revision: Revision,
    connection: StorageConnection,
    key_pattern: str,
    actor: Actor,
    at: datetime,
    encryption: str = Encryption.NONE,
) -> Job:
    """Create a WAITING export of one revision. published_data_set: the entitled data set; None for the owner's own.

    Raises KeyPatternRefused, KeysCollide, Invalid for a draft revision.
    """
    pattern = key_patterns.check(key_pattern or key_patterns.DEFAULT_FOR_JOBS)
    if not revision.is_finalized:
        raise Invalid("Only a finalized revision can be exported.", resource_type="REVISION", resource_id=revision.pk)
    job = Job.objects.create(
        organization=organization,
        type=JobType.EXPORT_REVISIONS_TO_S3,
        request={"key_pattern": pattern, "encryption": encryption},
        data_set=data_set,
        published_data_set=published_data_set,
        revision=revision,
        connection=connection,
        created_by_id=actor.user_id,
        created_at=at,
        updated_at=at,
    )
    plan(job=job)
    audit.record("job.created", actor=actor, subject=job, detail={"type": job.type})
    return job


@transaction.atomic
def plan(*, job: Job) -> None:
    """Write one transfer per asset, and the totals. Raises KeysCollide; nothing is written then."""
    pattern = job.request["key_pattern"]
    revision = job.living_revision
    transfers, seen = [], set()
    assets = Asset.objects.filter(revision=revision).order_by("name", "pk")
    for number, asset in enumerate(assets.iterator(chunk_size=2000)):
        key = key_patterns.render(
            pattern, asset_id=asset.pk, asset_name=asset.name, revision_id=revision.pk, created_at=revision.created_at
        )
        if key in seen or len(key.encode()) > 1024:
            raise KeysCollide(
                f"The key pattern gives no usable key of its own for {asset.name}: {key[:200]}.", field="key_pattern"
            )
        seen.add(key)
        transfers.append(
            Transfer(
                job=job,
                job_created_at=job.created_at,
                number=number,
                asset=asset,
                key=key,
                name=asset.name,
                size_bytes=asset.size_bytes,
                sha256=asset.sha256,
            )
        )
    Transfer.objects.bulk_create(transfers, batch_size=2000)
    job.objects_total = len(transfers)
    job.bytes_total = sum(transfer.size_bytes for transfer in transfers)
    job.save(update_fields=["objects_total", "bytes_total"])


def start(*, job: Job, actor: Actor, at: datetime) -> Job:
    """Start a planned export."""
    return lifecycle.start_job(job=job, actor=actor, at=at)


def _refused(job: Job) -> dict[str, str]:
    return {
        "code": lifecycle.ACCESS_DENIED,
        "message": "Your organization may not read this revision any more: it was revoked, or the subscription has ended.",
        "resource_type": "REVISION",
        "resource_id": job.revision_id or "",
    }


def _may_still_read(job: Job) -> bool:
    if job.published_data_set_id is None:
        return job.data_set is not None and job.data_set.owner_id == job.organization_id
    return may_read(
        organization=job.organization,
        data_set_id=job.published_data_set_id,
        revision_id=job.revision_id or "",
        at=timezone.now(),
    )


def run_export(*, job: Job) -> None:
    """Deliver what is still pending. Harmless to run again: delivered objects are recognised, not written twice.

    Raises TemporaryFailure when an object may arrive later; anything final ends the job.
    """
    if job.state != JobState.IN_PROGRESS or job.connection is None:
        return
    if not _may_still_read(job):
        lifecycle.finish_job(job=job, at=timezone.now(), errors=[_refused(job)])
        return
    if not job.objects_total:
        try:
            plan(job=job)
        except KeysCollide as error:
            _end_with_fault(job, StorageFault("rejected", error.message))
            return
    if job.connection.removed_at is not None:
        _end_with_fault(
            job, StorageFault("removed", "The storage connection was removed. Set up a new one, then export again.")
        )
        return
    try:
        prove_storage_connection(connection=job.connection, at=timezone.now())
    except StorageFault as fault:
        if fault.is_temporary:
            raise work.TemporaryFailure(str(fault)) from fault
        _end_with_fault(job, fault)
        return
    source, destination = storage.vault(), storage.bucket_of(job.connection)
    pending = Transfer.objects.filter(job=job, job_created_at=job.created_at, state=TransferState.PENDING)
    later = _deliver(job, source, destination, pending.select_related("asset").order_by("number"))
    if later:
        raise work.TemporaryFailure(later)
    _close(job)


def _end_with_fault(job: Job, fault: StorageFault) -> None:
    code = {"unauthorized": lifecycle.ACCESS_DENIED, "no_bucket": lifecycle.NOT_FOUND}.get(
        fault.cause, lifecycle.VALIDATION
    )
    lifecycle.finish_job(job=job, at=timezone.now(), errors=[{"code": code, "message": str(fault)}])


def _deliver(job: Job, source: Bucket, destination: Bucket, pending: Any) -> str:
    """Move the pending transfers; return the last reason to try again later, or nothing."""
    operator = storage.as_operator(destination) if source.shares_store_with(destination) else None
    progress, lease, encryption = Progress(job), work.current_lease(), job.request.get("encryption", Encryption.NONE)

    def may_take() -> bool:
        if _may_still_read(job):
            return True
        lifecycle.finish_job(job=job, at=timezone.now(), errors=[_refused(job)])
        return False

    return move_all(
        pending.iterator(chunk_size=500),
        job=job,
        progress=progress,
        may_take=may_take,
        move=lambda transfer: _move(transfer, source, destination, operator, encryption, lease, progress),
        record=lambda transfer, future: _record(job, transfer, future),
    )


def _record(job: Job, transfer: Transfer, future: Future[dict[str, Any]]) -> str:
    """Write the outcome of one object; return why it should be tried later, or nothing."""
    at = timezone.now()
    try:
        receipt = future.result()
    except StorageFault as fault:
        lifecycle.fail_transfer(job=job, transfer=transfer, reason=str(fault), at=at, is_final=not fault.is_temporary)
        return str(fault) if fault.is_temporary else ""
    except BytesDiffer as error:
        lifecycle.fail_transfer(job=job, transfer=transfer, reason=str(error), at=at, is_final=False)
        return str(error)
    lifecycle.record_transfer(job=job, transfer=transfer, at=at, **receipt)
    return ""


def _move(
    transfer: Transfer,
    source: Bucket,
    destination: Bucket,
    operator: Bucket | None,
    encryption: str,
    lease: work.Lease | None,
    progress: Progress,
) -> dict[str, Any]:
    """Bring one object to its place and prove that it is the right one. Runs in a thread and touches no row.

    Raises StorageFault, BytesDiffer, LeaseLost.
    """
    asset = transfer.asset
    if asset is None:
        raise StorageFault("rejected", "The asset is gone.")
    ensure = lease.ensure if lease is not None else None
    receipt: dict[str, Any] = {"size_bytes": asset.size_bytes, "sha256": asset.sha256}
    if transfer.attempts > 0:
        # A run before this one may have ended between the write and the receipt: look before writing again.
        found = destination.find(transfer.key)
        if found is not None and found.size_bytes == asset.size_bytes:
            verified = _verify(destination, transfer.key, asset, found.etag, found.sha256)
            if verified:
                return receipt | {"etag": found.etag, "method": "found", "verified_by": verified}
        destination.abort_open_uploads(transfer.key, of=lambda key: key == transfer.key)
    if operator is not None:
        try:
            etag = operator.copy_from(
                source,
                asset.vault_key,
                transfer.key,
                size_bytes=asset.size_bytes,
                encryption=encryption,
                ensure=ensure,
            )
        except StorageFault as fault:
            if fault.cause != "unauthorized":
                raise
        else:
            verified = _verify(destination, transfer.key, asset, etag, "")
            if not verified:
                raise BytesDiffer("The copied object differs from the finalized file; it is written again.")
            return receipt | {"etag": etag, "method": "copy", "verified_by": verified}
    with progress.counted(source.read(asset.vault_key)) as chunks:
        etag, digests = destination.write(
            transfer.key,
            chunks,
            content_type=asset.content_type,
            size_bytes=asset.size_bytes,
            encryption=encryption,
            ensure=ensure,
        )
    if digests.sha256 != asset.sha256:
        raise BytesDiffer("The bytes that were read do not match the finalized file; it is written again.")
    return receipt | {"etag": etag, "method": "stream", "verified_by": "checksum"}


def _verify(bucket: Bucket, key: str, asset: Asset, etag: str, sha256: str) -> str:
    """Return how the object was shown to be the asset, or nothing when it is not."""
    if sha256:
        return "checksum" if sha256 == asset.sha256 else ""
    if etag in {asset.md5, asset.etag}:
        info = bucket.head(key)
        return "etag" if info.size_bytes == asset.size_bytes and info.etag == etag else ""
    return "read-back" if bucket.digest(key).sha256 == asset.sha256 else ""


def _close(job: Job) -> None:
    """End a job whose transfers are all decided."""
    transfers = Transfer.objects.filter(job=job, job_created_at=job.created_at)
    failed = transfers.filter(state=TransferState.FAILED)
    at = timezone.now()
    if failed.exists():
        count = failed.count()
        first = failed.order_by("number").first()
        reason = first.error if first is not None else ""
        lifecycle.finish_job(
            job=job,
            at=at,
            errors=[
                {"code": lifecycle.VALIDATION, "message": f"{count} of {job.objects_total} objects failed. {reason}"}
            ],
        )
    elif not transfers.exclude(state=TransferState.DONE).exists():
        total = transfers.aggregate(size=Sum("size_bytes"))["size"] or 0
        Job.objects.filter(pk=job.pk).update(objects_done=transfers.count(), bytes_done=total)
        lifecycle.finish_job(job=job, at=at)
