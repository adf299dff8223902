"""Import assets into a draft revision: from connected buckets, from a URL, or from one signed upload."""

import base64
import binascii
import hashlib
from datetime import datetime, timedelta
from typing import Any

import requests
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from jobs.models import Job, JobState, JobType, Transfer, TransferState
from jobs.operations import lifecycle
from marketplace.core import audit, egress, storage, work
from marketplace.core.actors import Actor
from marketplace.core.errors import DomainError, Invalid, LimitExceeded, NotFound
from marketplace.core.models import Organization
from marketplace.core.queries.storage import get_storage_connection_by_bucket
from marketplace.core.storage import Bucket, Digests, StorageFault
from publishers.models import Asset, Revision
from publishers.operations import revisions

SIGNED_URL_LIFE = timedelta(hours=1)
SIGNED_URL_GB = 5


def _create(
    *,
    organization: Organization,
    revision: Revision,
    kind: str,
    request: dict[str, Any],
    entries: list[tuple[str, str]],
    actor: Actor,
    at: datetime,
) -> Job:
    """entries: (key at the other side, asset name) per object."""
    if revision.is_finalized:
        raise revisions.RevisionIsFinalized("REVISION", revision.pk)
    names = [name for _, name in entries]
    if len(set(names)) != len(names):
        raise Invalid("Two of the objects would become assets of the same name.", field="asset_sources")
    for name in names:
        revisions.check_new_asset(revision=revision, name=name, size_bytes=0)
    job = Job.objects.create(
        organization=organization,
        type=kind,
        request=request,
        data_set=revision.data_set,
        revision=revision,
        objects_total=len(entries),
        created_by_id=actor.user_id,
        created_at=at,
        updated_at=at,
    )
    Transfer.objects.bulk_create(
        Transfer(job=job, job_created_at=at, number=number, key=key, name=name)
        for number, (key, name) in enumerate(entries)
    )
    audit.record("job.created", actor=actor, subject=job, detail={"type": kind})
    return job


@transaction.atomic
def create_import_from_s3(
    *, organization: Organization, revision: Revision, sources: list[dict[str, str]], actor: Actor, at: datetime
) -> Job:
    """Create a WAITING import. sources: {"bucket", "key"}; the asset takes the object's key as its name.

    Raises RevisionIsFinalized, NotFound for a bucket that is not connected, AssetNameTaken, Invalid,
    LimitExceeded "Assets per import job from Amazon S3".
    """
    limit = settings.QUOTAS["Assets per import job from Amazon S3"]
    if len(sources) > limit:
        raise LimitExceeded("Assets per import job from Amazon S3", limit)
    if not sources:
        raise Invalid("Name at least one object.", field="asset_sources")
    for bucket in {source["bucket"] for source in sources}:
        get_storage_connection_by_bucket(organization=organization, bucket=bucket)
    return _create(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSETS_FROM_S3,
        request={"sources": [{"bucket": s["bucket"], "key": s["key"]} for s in sources]},
        # the bucket is part of the transfer's key, since two buckets may hold the same key
        entries=[(f"{s['bucket']}/{s['key']}", s["key"]) for s in sources],
        actor=actor,
        at=at,
    )


@transaction.atomic
def create_import_from_url(
    *, organization: Organization, revision: Revision, url: str, name: str, actor: Actor, at: datetime
) -> Job:
    """Create a WAITING import of one public https URL. Raises AddressRefused, RevisionIsFinalized, AssetNameTaken, Invalid."""
    if len(url) > 2000:
        raise Invalid("Use a URL of at most 2,000 characters.", field="url")
    egress.check_url(url)
    name = name.strip() or url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    return _create(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSET_FROM_URL,
        request={"url": url, "name": name},
        entries=[("url", name)],
        actor=actor,
        at=at,
    )


@transaction.atomic
def create_import_from_signed_url(
    *, organization: Organization, revision: Revision, name: str, md5: str, actor: Actor, at: datetime
) -> Job:
    """Create a WAITING import of one file of up to 5 GB that the client puts to `signed_url` before the start.

    md5: base64 of the MD5 digest, 24 characters. Raises Invalid, RevisionIsFinalized, AssetNameTaken.
    """
    try:
        is_md5 = len(base64.b64decode(md5, validate=True)) == 16
    except binascii.Error:
        is_md5 = False
    if not is_md5:
        raise Invalid("Md5Hash must be the base64 of a 16-byte MD5 digest.", field="Md5Hash")
    return _create(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSET_FROM_SIGNED_URL,
        request={"name": name, "md5": md5},
        entries=[("upload", name)],
        actor=actor,
        at=at,
    )


def signed_url(job: Job, *, at: datetime) -> tuple[str, datetime] | None:
    """Return the URL to put the file to and when it expires; None when the job has started or the hour is over."""
    expires_at = job.created_at + SIGNED_URL_LIFE
    if job.type != JobType.IMPORT_ASSET_FROM_SIGNED_URL or job.state != JobState.WAITING or at >= expires_at:
        return None
    seconds = max(1, int((expires_at - at).total_seconds()))
    return storage.public_vault().presign_put(_incoming(job), md5=job.request["md5"], seconds=seconds), expires_at


def _incoming(job: Job) -> str:
    """Return where the client puts the file. The URL stays valid after the start, so the asset is a copy under another key."""
    return f"incoming/{job.pk}"


def _asset_id(job: Job, number: int) -> str:
    """Return the same id for the same object of a job, so that a second run finds the first one's asset."""
    return hashlib.sha256(f"{job.pk}:{number}".encode()).hexdigest()[:32]


def run_import(*, job: Job) -> None:
    """Bring in what is still pending, one object after another. Harmless to run again.

    Raises TemporaryFailure when an object may come later; anything final ends the job.
    """
    if job.state != JobState.IN_PROGRESS:
        return
    if job.revision.is_finalized:
        error = {
            "code": lifecycle.VALIDATION,
            "message": revisions.RevisionIsFinalized.message,
            "resource_type": "REVISION",
            "resource_id": job.revision_id,
        }
        lifecycle.finish_job(job=job, at=timezone.now(), errors=[error])
        return
    actor = Actor(kind="system", user_id=job.created_by_id, organization_id=job.organization_id)
    for transfer in Transfer.objects.filter(
        job=job, job_created_at=job.created_at, state=TransferState.PENDING
    ).order_by("number"):
        Transfer.objects.filter(job_created_at=job.created_at, job=job, number=transfer.number).update(
            attempts=transfer.attempts + 1, started_at=timezone.now()
        )
        try:
            _bring_in(job, transfer, actor)
        except StorageFault as fault:
            if fault.is_temporary:
                lifecycle.fail_transfer(
                    job=job, transfer=transfer, reason=str(fault), at=timezone.now(), is_final=False
                )
                raise work.TemporaryFailure(str(fault)) from fault
            code = lifecycle.NOT_FOUND if fault.cause in {"no_object", "no_bucket"} else lifecycle.ACCESS_DENIED
            _end(job, transfer, code, str(fault))
            return
        except requests.RequestException as error:
            raise work.TemporaryFailure(f"The address cannot be reached: {type(error).__name__}.") from error
        except LimitExceeded as error:
            _end(job, transfer, lifecycle.QUOTA, error.message)
            return
        except NotFound as error:
            _end(job, transfer, lifecycle.NOT_FOUND, error.message)
            return
        except DomainError as error:
            _end(job, transfer, lifecycle.VALIDATION, error.message)
            return
    lifecycle.finish_job(job=job, at=timezone.now())


def _end(job: Job, transfer: Transfer, code: str, reason: str) -> None:
    at = timezone.now()
    lifecycle.fail_transfer(job=job, transfer=transfer, reason=reason, at=at, is_final=True)
    error = {"code": code, "message": f"{transfer.name}: {reason}", "resource_type": "ASSET", "resource_id": ""}
    lifecycle.finish_job(job=job, at=at, errors=[error])


def _bring_in(job: Job, transfer: Transfer, actor: Actor) -> None:
    lease = work.current_lease()
    ensure = lease.ensure if lease is not None else None
    vault = storage.vault()
    asset_id = _asset_id(job, transfer.number)
    vault_key = f"assets/{asset_id}"
    known = Asset.objects.filter(pk=asset_id).first()
    if known is not None:
        # A run before this one ended between the asset and its receipt. What the source holds by now is another file.
        _receive(job, transfer, known)
        return
    content_type = "application/octet-stream"
    if job.type == JobType.IMPORT_ASSETS_FROM_S3:
        source = job.request["sources"][transfer.number]
        digests, etag, content_type = _copy_in(job, source["bucket"], source["key"], vault, vault_key, ensure)
    elif job.type == JobType.IMPORT_ASSET_FROM_URL:
        most = settings.QUOTAS["Asset size in GB"] * 10**9
        with egress.open_url(job.request["url"]) as response:
            content_type = response.headers.get("Content-Type", content_type).split(";")[0][:120]
            etag, digests = vault.write(
                vault_key, _capped(response.iter_content(storage.CHUNK), most), content_type=content_type, ensure=ensure
            )
    else:
        info = vault.find(_incoming(job))
        if info is None:
            raise Invalid("No file was put to the signed URL. Create a new job, put the file, then start the job.")
        if info.size_bytes > SIGNED_URL_GB * 10**9:
            raise LimitExceeded("Asset size in GB", SIGNED_URL_GB)
        etag = vault.copy_from(vault, _incoming(job), vault_key, size_bytes=info.size_bytes, ensure=ensure)
        digests = vault.digest(vault_key)
        if base64.b64encode(bytes.fromhex(digests.md5)).decode() != job.request["md5"]:
            vault.delete(vault_key)
            raise Invalid("The file does not match Md5Hash.")
    try:
        asset = revisions.add_asset(
            revision=job.revision,
            asset_id=asset_id,
            name=transfer.name,
            digests=digests,
            etag=etag,
            vault_key=vault_key,
            content_type=content_type,
            actor=actor,
            at=timezone.now(),
        )
    except DomainError:
        vault.delete(vault_key)
        raise
    _receive(job, transfer, asset)


def _receive(job: Job, transfer: Transfer, asset: Asset) -> None:
    """Write the receipt of an asset and drop what the client put."""
    lifecycle.record_transfer(
        job=job,
        transfer=transfer,
        at=timezone.now(),
        asset=asset,
        size_bytes=asset.size_bytes,
        sha256=asset.sha256,
        etag=asset.etag,
        verified_by="checksum",
    )
    if job.type == JobType.IMPORT_ASSET_FROM_SIGNED_URL:
        storage.vault().delete(_incoming(job))


def _capped(chunks: Any, most: int) -> Any:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise LimitExceeded("Asset size in GB", most / 10**9)
        yield chunk


def _copy_in(
    job: Job, bucket_name: str, key: str, vault: Bucket, vault_key: str, ensure: Any
) -> tuple[Digests, str, str]:
    """Bring an object of a connected bucket into the vault; the owner's own key must be able to read it."""
    connection = get_storage_connection_by_bucket(organization=job.organization, bucket=bucket_name)
    bucket = storage.bucket_of(connection)
    info = bucket.head(key)
    most = settings.QUOTAS["Asset size in GB"]
    if info.size_bytes > most * 10**9:
        raise LimitExceeded("Asset size in GB", most)
    content_type = info.content_type or "application/octet-stream"
    etag, digests = vault.write(vault_key, bucket.read(key), content_type=content_type, ensure=ensure)
    return digests, etag, content_type
