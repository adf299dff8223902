"""Import assets into a draft revision: from connected buckets, from a URL, or from one signed upload."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from jobs.models import Job, JobState, JobType, Transfer, TransferState
from jobs.operations import lifecycle, listing
from jobs.operations.moving import Progress, move_all
from marketplace.core import audit, egress, storage, work
from marketplace.core.actors import Actor
from marketplace.core.errors import DomainError, Invalid, LimitExceeded, NotFound
from marketplace.core.models import Organization, StorageConnection
from marketplace.core.operations.tags import check_tags
from marketplace.core.queries.storage import get_storage_connection_by_bucket
from marketplace.core.storage import Bucket, Digests, StorageFault
from publishers.models import Asset, AssetType, Revision
from publishers.operations import revisions

SIGNED_URL_LIFE = timedelta(hours=1)
SIGNED_URL_GB = 5
UNKNOWN_TYPE = "application/octet-stream"


def create_import(
    *,
    organization: Organization,
    revision: Revision,
    kind: str,
    request: dict[str, Any],
    entries: list[tuple[str, str]],
    actor: Actor,
    at: datetime,
    asset_type: str = AssetType.S3_SNAPSHOT,
) -> Job:
    """Create a WAITING import of any type. entries: (key at the other side, asset name) per asset it will make.

    Raises RevisionIsFinalized, AssetTypeDiffers, AssetNameTaken, LimitExceeded, Invalid.
    """
    if revision.is_finalized:
        raise revisions.RevisionIsFinalized("REVISION", revision.pk)
    revisions.check_asset_type(revision, asset_type)
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
    *,
    organization: Organization,
    revision: Revision,
    sources: list[dict[str, str]],
    actor: Actor,
    at: datetime,
    asset_tags: dict[str, str] | None = None,
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
    return create_import(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSETS_FROM_S3,
        request={
            "sources": [{"bucket": s["bucket"], "key": s["key"]} for s in sources],
            "asset_tags": check_tags(asset_tags),
        },
        # the bucket is part of the transfer's key, since two buckets may hold the same key
        entries=[(f"{s['bucket']}/{s['key']}", s["key"]) for s in sources],
        actor=actor,
        at=at,
    )


@transaction.atomic
def create_import_from_listing(
    *,
    organization: Organization,
    revision: Revision,
    connection: StorageConnection,
    actor: Actor,
    at: datetime,
    prefix: str = "",
    manifest_key: str = "",
    asset_tags: dict[str, str] | None = None,
) -> Job:
    """Create a WAITING import of everything below a prefix of a connected bucket, or of what a manifest in it names.

    What there is to import is found when the job runs, up to as many objects as a revision may hold: AWS ends at 100 a
    job. Each asset takes its object's key as its name. For manifests see `listing.read_manifest`.
    Raises RevisionIsFinalized, AssetTypeDiffers, Invalid.
    """
    if max(len(prefix.encode()), len(manifest_key.encode())) > 1024 or (prefix and manifest_key):
        raise Invalid("Name a prefix or the key of a manifest, of at most 1,024 bytes.", field="prefix")
    if "\x00" in prefix + manifest_key:
        raise Invalid("A NUL character cannot be stored.", field="prefix")
    return create_import(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSETS_FROM_S3,
        request={
            "bucket": connection.bucket,
            "prefix": prefix,
            "manifest_key": manifest_key,
            "asset_tags": check_tags(asset_tags),
        },
        entries=[],
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
    return create_import(
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
    *,
    organization: Organization,
    revision: Revision,
    name: str,
    md5: str,
    actor: Actor,
    at: datetime,
    asset_tags: dict[str, str] | None = None,
) -> Job:
    """Create a WAITING import of one file of up to 5 GB that the client puts to `signed_url` before the start.

    md5: base64 of the MD5 digest, 24 characters. Raises Invalid, RevisionIsFinalized, AssetNameTaken.
    """
    check_md5(md5, field="Md5Hash")
    return create_import(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSET_FROM_SIGNED_URL,
        request={"name": name, "md5": md5, "asset_tags": check_tags(asset_tags)},
        entries=[("upload", name)],
        actor=actor,
        at=at,
    )


def check_md5(md5: str, *, field: str) -> None:
    """Raise Invalid naming the field unless the text is the base64 of an MD5 digest."""
    try:
        is_md5 = len(base64.b64decode(md5, validate=True)) == 16
    except ValueError:
        is_md5 = False
    if not is_md5:
        raise Invalid(f"{field} must be the base64 of a 16-byte MD5 digest.", field=field)


def signed_url(job: Job, *, at: datetime) -> tuple[str, datetime]:
    """Return the URL to put the file to and when it expires; once the job has started it is good for a second only."""
    expires_at = job.created_at + SIGNED_URL_LIFE
    is_open = job.state == JobState.WAITING and at < expires_at
    seconds = max(1, int((expires_at - at).total_seconds())) if is_open else 1
    return storage.public_vault().presign_put(incoming(job), md5=job.request["md5"], seconds=seconds), expires_at


def incoming(job: Job) -> str:
    """Return where the client puts the file. The URL stays valid after the start, so the asset is a copy under another key."""
    return f"incoming/{job.pk}"


def asset_id_of(job: Job, number: int) -> str:
    """Return the same id for the same object of a job, so that a second run finds the first one's asset."""
    return hashlib.sha256(f"{job.pk}:{number}".encode()).hexdigest()[:32]


def run_import(*, job: Job) -> None:
    """Bring in what is still pending. Harmless to run again.

    Raises TemporaryFailure when an object may come later; anything final ends the job.
    """
    if job.state != JobState.IN_PROGRESS:
        return
    if job.living_revision.is_finalized:
        error = {
            "code": lifecycle.VALIDATION,
            "message": revisions.RevisionIsFinalized.message,
            "resource_type": "REVISION",
            "resource_id": job.revision_id or "",
        }
        lifecycle.finish_job(job=job, at=timezone.now(), errors=[error])
        return
    if not job.objects_total:
        try:
            _plan(job)
        except StorageFault as fault:
            if fault.is_temporary:
                raise work.TemporaryFailure(str(fault)) from fault
            lifecycle.finish_job(job=job, at=timezone.now(), errors=[_error_of_fault(fault)])
            return
        except DomainError as error:
            lifecycle.finish_job(job=job, at=timezone.now(), errors=[lifecycle.error_of(error)])
            return
    pending = Transfer.objects.filter(job=job, job_created_at=job.created_at, state=TransferState.PENDING)
    run = _Run(job)
    later = move_all(
        pending.order_by("number").iterator(chunk_size=500),
        job=job,
        progress=run.progress,
        may_take=lambda: not run.is_over,
        move=run.fetch,
        record=run.record,
    )
    if later and not run.is_over:
        raise work.TemporaryFailure(later)
    lifecycle.finish_job(job=job, at=timezone.now())


def _plan(job: Job) -> None:
    """Find what there is to import and write a transfer for each object. Raises StorageFault, DomainError."""
    request, revision = job.request, job.living_revision
    connection = get_storage_connection_by_bucket(organization=job.organization, bucket=request["bucket"])
    limit = "Assets per revision"
    most = max(0, settings.QUOTAS[limit] - revision.assets.count())
    found = listing.find(
        storage.bucket_of(connection), prefix=request["prefix"], manifest_key=request["manifest_key"], most=most + 1
    )
    if not found:
        raise Invalid("There is nothing to import at this place.")
    if len(found) > most:
        raise LimitExceeded(limit, settings.QUOTAS[limit])
    for key in found:
        revisions.check_asset_name(key)
    taken = set(revision.assets.values_list("name", flat=True)) & set(found)
    if taken:
        raise revisions.AssetNameTaken("ASSET", min(taken), f"The revision already has an asset named {min(taken)}.")
    with transaction.atomic():
        Transfer.objects.bulk_create(
            (
                Transfer(job=job, job_created_at=job.created_at, number=n, key=f"{request['bucket']}/{key}", name=key)
                for n, key in enumerate(found)
            ),
            batch_size=2000,
        )
        Job.objects.filter(pk=job.pk).update(objects_total=len(found))
    job.objects_total = len(found)


def _error_of_fault(fault: StorageFault) -> dict[str, Any]:
    is_missing = fault.cause in {"no_object", "no_bucket"}
    return {"code": lifecycle.NOT_FOUND if is_missing else lifecycle.ACCESS_DENIED, "message": str(fault)}


@dataclass(frozen=True, slots=True)
class _Fetched:
    """Bytes that stand in the vault under a key of their own and belong to nobody yet."""

    vault_key: str
    digests: Digests
    etag: str
    content_type: str


class _Run:
    """One run of an import: threads fetch bytes into the vault, the job's own thread makes assets of them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.progress = Progress(job)
        self.is_over = False
        self._actor = Actor(kind="system", user_id=job.created_by_id, organization_id=job.organization_id)
        lease = work.current_lease()
        self._ensure = lease.ensure if lease is not None else None
        # Part of each key in the vault: a run that lost its lease and wakes up cannot write over what became an asset.
        self._fence = lease.fence if lease is not None else 0
        # What an earlier run made before it could write the receipt; what the source holds by now is another file.
        ids = [asset_id_of(job, number) for number in range(job.objects_total)]
        self._known: dict[str, Asset] = Asset.objects.in_bulk(ids)
        self._sources: dict[str, Bucket | DomainError] = {}
        request = job.request
        for name in {source["bucket"] for source in request.get("sources", [request] if "bucket" in request else [])}:
            try:
                connection = get_storage_connection_by_bucket(organization=job.organization, bucket=name)
                self._sources[name] = storage.bucket_of(connection)
            except NotFound as error:  # disconnected since: the objects that need it say so
                self._sources[name] = error

    def fetch(self, transfer: Transfer) -> _Fetched | None:
        """Bring one object into the vault; None when its asset exists. Runs in a thread and touches no row.

        Raises StorageFault, DomainError, requests.RequestException.
        """
        asset_id = asset_id_of(self.job, transfer.number)
        if asset_id in self._known:
            return None
        if transfer.attempts:
            self._remove_left_overs(f"assets/{asset_id}-")
        vault_key = f"assets/{asset_id}-{self._fence}"
        if self.job.type == JobType.IMPORT_ASSETS_FROM_S3:
            return self._from_bucket(_source_of(transfer), vault_key)
        if self.job.type == JobType.IMPORT_ASSET_FROM_URL:
            return self._from_url(vault_key)
        return self._from_signed_url(vault_key)

    def _remove_left_overs(self, prefix: str) -> None:
        """Remove what earlier runs left, never what a later one made: this run may have lost its lease without knowing."""

        def is_older(key: str) -> bool:
            fence = key.removeprefix(prefix)
            return fence.isdigit() and int(fence) < self._fence

        storage.vault().abort_open_uploads(prefix, of=is_older)
        for key in filter(is_older, storage.vault().list_keys(prefix)):
            storage.vault().delete(key)

    def _from_bucket(self, source: dict[str, str], vault_key: str) -> _Fetched:
        """The owner's own key must be able to read the object."""
        bucket = self._sources[source["bucket"]]
        if isinstance(bucket, DomainError):
            raise bucket
        info = bucket.head(source["key"])
        most = settings.QUOTAS["Asset size in GB"]
        if info.size_bytes > most * 10**9:
            raise LimitExceeded("Asset size in GB", most)
        content_type = info.content_type or UNKNOWN_TYPE
        with self.progress.counted(bucket.read(source["key"])) as chunks:
            etag, digests = storage.vault().write(
                vault_key, chunks, content_type=content_type, size_bytes=info.size_bytes, ensure=self._ensure
            )
        return _Fetched(vault_key, digests, etag, content_type)

    def _from_url(self, vault_key: str) -> _Fetched:
        most = settings.QUOTAS["Asset size in GB"] * 10**9
        with egress.open_url(self.job.request["url"]) as response:
            content_type = response.headers.get("Content-Type", UNKNOWN_TYPE).split(";")[0][:120]
            with self.progress.counted(_capped(response.iter_content(storage.CHUNK), most)) as chunks:
                etag, digests = storage.vault().write(vault_key, chunks, content_type=content_type, ensure=self._ensure)
        return _Fetched(vault_key, digests, etag, content_type)

    def _from_signed_url(self, vault_key: str) -> _Fetched:
        vault, put = storage.vault(), incoming(self.job)
        info = vault.find(put)
        if info is None:
            raise Invalid("No file was put to the signed URL. Create a new job, put the file, then start the job.")
        if info.size_bytes > SIGNED_URL_GB * 10**9:
            raise LimitExceeded("Asset size in GB", SIGNED_URL_GB)
        etag = vault.copy_from(vault, put, vault_key, size_bytes=info.size_bytes, ensure=self._ensure)
        digests = vault.digest(vault_key)
        if base64.b64encode(bytes.fromhex(digests.md5)).decode() != self.job.request["md5"]:
            vault.delete(vault_key)
            raise Invalid("The file does not match Md5Hash.")
        return _Fetched(vault_key, digests, etag, UNKNOWN_TYPE)

    def record(self, transfer: Transfer, future: Future[_Fetched | None]) -> str:
        """Make an asset of what was fetched, or end the job with the reason; return why to try again later."""
        try:
            fetched = future.result()
            asset = self._known.get(asset_id_of(self.job, transfer.number)) or self._add(transfer, fetched)
        except (StorageFault, requests.RequestException) as fault:
            reason = str(fault) if isinstance(fault, StorageFault) else "The address cannot be reached."
            if isinstance(fault, StorageFault) and not fault.is_temporary:
                return self._end(transfer, **_error_of_fault(fault))
            at = timezone.now()
            lifecycle.fail_transfer(job=self.job, transfer=transfer, reason=reason, at=at, is_final=False)
            return reason
        except DomainError as error:
            return self._end(transfer, **lifecycle.error_of(error))
        _receive(self.job, transfer, asset)
        return ""

    def _add(self, transfer: Transfer, fetched: _Fetched | None) -> Asset:
        if fetched is None:
            raise TypeError("an object without an asset was not fetched")
        try:
            asset = revisions.add_asset(
                revision=self.job.living_revision,
                asset_id=asset_id_of(self.job, transfer.number),
                name=transfer.name,
                digests=fetched.digests,
                etag=fetched.etag,
                vault_key=fetched.vault_key,
                content_type=fetched.content_type,
                tags=self.job.request.get("asset_tags"),
                actor=self._actor,
                at=timezone.now(),
            )
        except DomainError:
            storage.vault().delete(fetched.vault_key)
            raise
        if asset.vault_key != fetched.vault_key:  # another run was faster
            storage.vault().delete(fetched.vault_key)
        return asset

    def _end(self, transfer: Transfer, *, message: str, **error: Any) -> str:
        """End the job; the objects that are under way are still brought in."""
        self.is_over = True
        at = timezone.now()
        lifecycle.fail_transfer(job=self.job, transfer=transfer, reason=message, at=at, is_final=True)
        error["message"] = f"{transfer.name}: {message}"
        if self.job.type == JobType.IMPORT_ASSETS_FROM_S3:
            error["sources"] = [_source_of(transfer)]
        else:
            error["asset_name"] = transfer.name
        lifecycle.finish_job(job=self.job, at=at, errors=[error])
        return ""


def _source_of(transfer: Transfer) -> dict[str, str]:
    bucket, _, key = transfer.key.partition("/")
    return {"bucket": bucket, "key": key}


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
        storage.vault().delete(incoming(job))


def _capped(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise LimitExceeded("Asset size in GB", most / 10**9)
        yield chunk
