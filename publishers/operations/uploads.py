"""Browser uploads: parts go straight to the store by presigned URLs; the file becomes an asset once it was read back."""

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db import IntegrityError, transaction

from marketplace.core import audit, storage
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, DomainError, Invalid
from marketplace.core.events import publish_on_commit
from marketplace.core.ids import new_id
from marketplace.core.models import User
from marketplace.core.storage import MIB, StorageFault
from marketplace.core.work import TemporaryFailure, current_lease
from publishers.models import Revision, Upload, UploadState
from publishers.operations import revisions

SIGN_AT_ONCE = 100
STALE_AFTER = timedelta(days=7)


class UploadIsOver(Conflict):
    message = "This upload is over. Start it again."


class UploadIsIncomplete(Conflict):
    message = "Parts of the file are missing. Upload them, then complete."


def part_bytes(size_bytes: int) -> int:
    """Return the part size: 8 MiB, or as much as keeps the file under 9,000 parts (S3 allows 10,000)."""
    return max(8 * MIB, ceil(size_bytes / 9000))


def part_count(upload: Upload) -> int:
    """Return into how many parts a file is cut; an empty file is one empty part."""
    return max(1, ceil(upload.size_bytes / upload.part_bytes))


def open_upload(
    *,
    revision: Revision,
    user: User,
    name: str,
    size_bytes: int,
    content_type: str,
    modified_ms: int,
    actor: Actor,
    at: datetime,
) -> tuple[Upload, list[int]]:
    """Start an upload, or find the one of the same file, and return it with the numbers of the parts that have arrived.

    Raises Invalid, AssetNameTaken, LimitExceeded, RevisionIsFinalized; StorageFault when the store is away.
    """
    if size_bytes < 0:
        raise Invalid("The size cannot be negative.", field="size")
    revisions.check_new_asset(revision=revision, name=name, size_bytes=size_bytes)
    known = Upload.objects.filter(
        revision=revision, name=name, state__in=[UploadState.OPEN, UploadState.CHECKING]
    ).first()
    if known is not None:
        same = (known.size_bytes, known.modified_ms) == (size_bytes, modified_ms)
        if known.state == UploadState.CHECKING:
            raise UploadIsOver("UPLOAD", known.pk, f"{name} has arrived and is being checked.")
        if same:
            try:
                arrived = _whole_parts(known)
                Upload.objects.filter(pk=known.pk).update(updated_at=at)  # somebody goes on with it
                return known, arrived
            except StorageFault as fault:
                if fault.cause != "no_object":
                    raise
        abort_upload(upload=known, actor=actor, at=at)
    upload = Upload(
        id=new_id(),
        revision=revision,
        user=user,
        name=name,
        size_bytes=size_bytes,
        modified_ms=modified_ms,
        content_type=content_type[:120] or "application/octet-stream",
        part_bytes=part_bytes(size_bytes),
        created_at=at,
        updated_at=at,
    )
    upload.vault_key = f"assets/{upload.pk}"
    upload.upload_id = storage.vault().create_upload(upload.vault_key, content_type=upload.content_type)
    try:
        with transaction.atomic():
            upload.save(force_insert=True)
            audit.record("upload.opened", actor=actor, subject=upload, detail={"name": name, "size_bytes": size_bytes})
    except IntegrityError:
        storage.vault().abort_upload(upload.vault_key, upload.upload_id)
        raise Conflict("UPLOAD", name, f"Another upload of {name} has just begun.") from None
    return upload, []


def _expected_size(upload: Upload, number: int) -> int:
    return min(upload.part_bytes, upload.size_bytes - (number - 1) * upload.part_bytes)


def _whole_parts(upload: Upload) -> list[int]:
    parts = storage.vault().uploaded_parts(upload.vault_key, upload.upload_id)
    return [p["PartNumber"] for p in parts if p["Size"] == _expected_size(upload, p["PartNumber"])]


def sign_parts(*, upload: Upload, numbers: list[int]) -> dict[int, str]:
    """Return a URL per part, each good for one hour. Raises UploadIsOver, Invalid."""
    if upload.state != UploadState.OPEN:
        raise UploadIsOver("UPLOAD", upload.pk)
    last = part_count(upload)
    if not 1 <= len(numbers) <= SIGN_AT_ONCE or any(not 1 <= n <= last for n in numbers):
        raise Invalid(f"Ask for 1 to {SIGN_AT_ONCE} parts, numbered 1 to {last}.", field="parts")
    bucket = storage.public_vault()
    return {n: bucket.presign_part(upload.vault_key, upload.upload_id, n) for n in numbers}


def complete_upload(*, upload: Upload, actor: Actor, at: datetime) -> Upload:
    """Put the parts together and have the file checked. Completing twice returns the same.

    Raises UploadIsIncomplete naming how many parts are missing, UploadIsOver for one that was cancelled or failed.
    """
    if upload.state in {UploadState.CHECKING, UploadState.DONE}:
        return upload
    if upload.state != UploadState.OPEN:
        raise UploadIsOver("UPLOAD", upload.pk)
    bucket = storage.vault()
    try:
        parts = bucket.uploaded_parts(upload.vault_key, upload.upload_id)
        good = [p for p in parts if p["Size"] == _expected_size(upload, p["PartNumber"])]
        missing = part_count(upload) - len(good)
        if missing:
            raise UploadIsIncomplete(
                "UPLOAD", upload.pk, f"{missing} of {part_count(upload)} parts have not arrived yet."
            )
        bucket.complete_upload(upload.vault_key, upload.upload_id, good)
    except StorageFault as fault:
        # Completed before, and the answer was lost: the object stands there.
        if fault.cause != "no_object" or bucket.find(upload.vault_key) is None:
            raise
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if locked.state == UploadState.OPEN:
            locked.state = UploadState.CHECKING
            locked.updated_at = at
            locked.save(update_fields=["state", "updated_at"])
            audit.record("upload.completed", actor=actor, subject=locked)
            publish_on_commit("upload.completed", organization_id=actor.organization_id or "", upload_id=locked.pk)
    return locked


def verify_upload(*, upload: Upload, actor: Actor, at: datetime) -> None:
    """Read the file back, keep its digests, and make it an asset. Running it twice changes nothing."""
    if upload.state != UploadState.CHECKING:
        return
    bucket = storage.vault()
    lease = current_lease()
    reported = 0

    def progress(count: int) -> None:
        nonlocal reported
        if lease is not None:
            lease.ensure()
        if count - reported >= 32 * MIB:
            reported = count
            Upload.objects.filter(pk=upload.pk).update(checked_bytes=count)

    try:
        info = bucket.head(upload.vault_key)
        digests = bucket.digest(upload.vault_key, progress=progress)
    except StorageFault as fault:
        if fault.is_temporary:
            raise TemporaryFailure(str(fault)) from fault
        _fail(upload, str(fault), at)
        return
    if digests.size_bytes != upload.size_bytes:
        _fail(
            upload,
            f"The file has {digests.size_bytes:,} bytes; {upload.size_bytes:,} were announced. Upload it again.",
            at,
        )
        bucket.delete(upload.vault_key)
        return
    try:
        with transaction.atomic():
            # The asset takes the upload's id, so that a second run finds it.
            asset = revisions.add_asset(
                revision=upload.revision,
                asset_id=upload.pk,
                name=upload.name,
                digests=digests,
                etag=info.etag,
                vault_key=upload.vault_key,
                content_type=upload.content_type,
                actor=actor,
                at=at,
            )
            Upload.objects.filter(pk=upload.pk).update(
                state=UploadState.DONE, checked_bytes=digests.size_bytes, asset=asset, updated_at=at
            )
    except DomainError as error:
        _fail(upload, error.message, at)
        bucket.delete(upload.vault_key)


def _fail(upload: Upload, reason: str, at: datetime) -> None:
    Upload.objects.filter(pk=upload.pk).update(state=UploadState.FAILED, error=reason[:500], updated_at=at)


def fail_upload(*, upload: Upload, reason: str, at: datetime) -> None:
    """Record that a file could not be checked."""
    if upload.state == UploadState.CHECKING:
        _fail(upload, reason, at)


def abort_upload(*, upload: Upload, actor: Actor, at: datetime) -> None:
    """Cancel an upload and drop its parts. Cancelling twice changes nothing; one that arrived stays."""
    with transaction.atomic():
        changed = Upload.objects.filter(pk=upload.pk, state__in=[UploadState.OPEN, UploadState.FAILED]).update(
            state=UploadState.ABORTED, updated_at=at
        )
        if changed:
            audit.record("upload.aborted", actor=actor, subject=upload)
    if changed:
        storage.vault().abort_upload(upload.vault_key, upload.upload_id)


def unfinished(revision: Revision) -> list[dict[str, Any]]:
    """Return the uploads that can be resumed, with the bytes that have arrived; none when the store is away."""
    found = []
    for upload in revision.uploads.filter(state=UploadState.OPEN).order_by("created_at"):
        try:
            received = sum(_expected_size(upload, n) for n in _whole_parts(upload))
        except StorageFault:
            received = 0
        found.append({"id": upload.pk, "name": upload.name, "size": upload.size_bytes, "received_bytes": received})
    return found
