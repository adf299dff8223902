"""Create, finalize, publish and revoke revisions, and put assets into drafts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from marketplace.core import audit, work
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.events import publish_on_commit
from marketplace.core.operations.tags import check_tags
from marketplace.core.storage import Digests
from publishers.models import (
    LIMITS,
    Asset,
    AssetType,
    DataSet,
    HistoryRule,
    Product,
    PublishedDataSet,
    PublishedRevision,
    Revision,
    UploadState,
)
from publishers.operations import search
from publishers.operations.locking import lock_data_set, lock_revision
from publishers.operations.texts import check_text

#: objects of the vault that one task removes
BYTES_AT_ONCE = 500


class RevisionAlreadyFinalized(Conflict):
    message = "This revision is already finalized."


class RevisionIsFinalized(Conflict):
    message = "This revision is finalized, so it cannot be changed. Create a new revision for new data."


class RevisionIsEmpty(Invalid):
    message = "This revision has no assets. Add at least one file before you finalize it."


class RevisionHasUploads(Conflict):
    message = (
        "Files of this revision are still being uploaded or checked. Wait for them, or cancel them, then finalize."
    )


class RevisionNotFinalized(Conflict):
    message = "Only a finalized revision can be revoked."


class RevisionAlreadyRevoked(Conflict):
    message = "This revision is already revoked."


class RevisionIsPublished(Conflict):
    message = "This revision is published, so it can be neither opened again nor deleted. Revoke it instead."


class RevisionIsRevoked(Conflict):
    message = "This revision is revoked, for good. Create a new revision."


class AssetTypeDiffers(Invalid):
    message = "The data set holds assets of another type."


class AssetNameTaken(Conflict):
    message = "The revision already has an asset of this name."


@transaction.atomic
def create_revision(
    *, data_set: DataSet, comment: str, actor: Actor, at: datetime, tags: dict[str, str] | None = None
) -> Revision:
    """Open a draft revision. Raises Invalid, NotFound, or LimitExceeded "Revisions per data set" or per its asset type."""
    comment = check_text(comment, field="comment", longest=16_384, needed=False)
    data_set = lock_data_set(data_set.pk)
    name = LIMITS[data_set.asset_type][0]
    if data_set.revisions.count() >= settings.QUOTAS[name]:
        raise LimitExceeded(name, settings.QUOTAS[name])
    revision = Revision.objects.create(
        data_set=data_set, comment=comment, tags=check_tags(tags), created_at=at, updated_at=at
    )
    audit.record("revision.created", actor=actor, subject=revision)
    return revision


@transaction.atomic
def update_revision_comment(*, revision: Revision, comment: str, actor: Actor, at: datetime) -> Revision:
    """Change the comment of a draft. Raises RevisionIsFinalized, Invalid."""
    revision = lock_revision(revision.pk)
    if revision.is_finalized:
        raise RevisionIsFinalized("REVISION", revision.pk)
    revision.comment = check_text(comment, field="comment", longest=16_384, needed=False)
    revision.updated_at = at
    revision.save(update_fields=["comment", "updated_at"])
    audit.record("revision.updated", actor=actor, subject=revision)
    return revision


@transaction.atomic
def add_asset(
    *,
    revision: Revision,
    asset_id: str,
    name: str,
    digests: Digests,
    etag: str,
    vault_key: str,
    content_type: str,
    actor: Actor,
    at: datetime,
    tags: dict[str, str] | None = None,
) -> Asset:
    """Put a file whose bytes stand in the vault into a draft. Adding the same `asset_id` again returns it unchanged.

    Raises RevisionIsFinalized, AssetNameTaken, LimitExceeded; the bytes then belong to nobody and the caller drops them.
    """
    revision = lock_revision(revision.pk)
    existing = Asset.objects.filter(pk=asset_id).first()
    if existing is not None:
        return existing
    if revision.is_finalized:
        raise RevisionIsFinalized("REVISION", revision.pk)
    check_new_asset(revision=revision, name=name, size_bytes=digests.size_bytes)
    check_asset_type(revision, AssetType.S3_SNAPSHOT)
    try:
        with transaction.atomic():
            asset = Asset.objects.create(
                id=asset_id,
                revision=revision,
                name=name,
                size_bytes=digests.size_bytes,
                sha256=digests.sha256,
                md5=digests.md5,
                etag=etag,
                content_type=content_type,
                vault_key=vault_key,
                tags=check_tags(tags),
                created_at=at,
                updated_at=at,
            )
    except IntegrityError:
        raise AssetNameTaken("ASSET", name, f"The revision already has an asset named {name}.") from None
    audit.record(
        "asset.added", actor=actor, subject=asset, detail={"size_bytes": asset.size_bytes, "sha256": asset.sha256}
    )
    return asset


@transaction.atomic
def add_described_asset(
    *,
    revision: Revision,
    asset_id: str,
    name: str,
    details: dict[str, Any],
    actor: Actor,
    at: datetime,
    content_type: str = "application/json",
    tags: dict[str, str] | None = None,
) -> Asset:
    """Put an asset that has no bytes of its own into a draft: an API, a database's tables, a bucket, tables of a lake.

    details: AssetDetails by the model's names, and what readers of the asset need. The same `asset_id` again returns it
    unchanged. Raises RevisionIsFinalized, AssetNameTaken, LimitExceeded.
    """
    revision = lock_revision(revision.pk)
    existing = Asset.objects.filter(pk=asset_id).first()
    if existing is not None:
        return existing
    check_new_asset(revision=revision, name=name, size_bytes=0)
    try:
        with transaction.atomic():
            asset = Asset.objects.create(
                id=asset_id,
                revision=revision,
                name=name,
                size_bytes=0,
                details=details,
                content_type=content_type,
                tags=check_tags(tags),
                created_at=at,
                updated_at=at,
            )
    except IntegrityError:
        raise AssetNameTaken("ASSET", name, f"The revision already has an asset named {name}.") from None
    audit.record("asset.added", actor=actor, subject=asset, detail={"asset_type": revision.data_set.asset_type})
    return asset


def check_asset_type(revision: Revision, asset_type: str) -> None:
    """Raise AssetTypeDiffers unless the revision's data set holds assets of this type."""
    found = revision.data_set.asset_type
    if found != asset_type:
        message = f"The data set holds assets of type {found}; this makes assets of type {asset_type}."
        raise AssetTypeDiffers(message, resource_type="DATA_SET", resource_id=revision.data_set_id)


def check_asset_name(name: str) -> None:
    """Raise Invalid for a name that could not be an object's key."""
    check_text(name, field="name", longest=1024)
    if (
        name.startswith("/")
        or any(part in {"", ".", ".."} for part in name.split("/"))
        or any(ord(c) < 32 or ord(c) == 127 for c in name)
    ):
        raise Invalid(
            f"The name {name!r} cannot be used: no empty, `.` or `..` parts, no control characters.", field="name"
        )


def check_new_asset(*, revision: Revision, name: str, size_bytes: int) -> None:
    """Check what can be known before any byte moves. Raises Invalid, AssetNameTaken, LimitExceeded, RevisionIsFinalized."""
    if revision.is_finalized:
        raise RevisionIsFinalized("REVISION", revision.pk)
    check_asset_name(name)
    most_gb = settings.QUOTAS["Asset size in GB"]
    if size_bytes > most_gb * 10**9:
        raise LimitExceeded("Asset size in GB", most_gb)
    limit = LIMITS[revision.data_set.asset_type][1]
    if revision.assets.count() >= settings.QUOTAS[limit]:
        raise LimitExceeded(limit, settings.QUOTAS[limit])
    if revision.assets.filter(name=name).exists():
        raise AssetNameTaken("ASSET", name, f"The revision already has an asset named {name}.")


@transaction.atomic
def rename_asset(*, asset: Asset, name: str, actor: Actor, at: datetime) -> Asset:
    """Change the name of an asset of a draft. Raises Invalid, AssetNameTaken, RevisionIsFinalized, NotFound."""
    revision = lock_revision(asset.revision_id)
    found = Asset.objects.filter(pk=asset.pk).first()
    if found is None:
        raise NotFound("ASSET", asset.pk)
    if revision.is_finalized:
        raise RevisionIsFinalized("REVISION", revision.pk)
    if name != found.name:
        check_asset_name(name)
        before, found.name, found.updated_at = found.name, name, at
        try:
            with transaction.atomic():
                found.save(update_fields=["name", "updated_at"])
        except IntegrityError:
            raise AssetNameTaken("ASSET", asset.pk, f"The revision already has an asset named {name}.") from None
        audit.record("asset.renamed", actor=actor, subject=found, detail={"from": before, "to": name})
    return found


@transaction.atomic
def remove_asset(*, asset: Asset, actor: Actor) -> None:
    """Take an asset out of a draft, or out of a revision that was revoked, and have its bytes removed.

    Raises RevisionIsFinalized, NotFound. Source: dataexchange 2017-07-25, RevokeRevision: assets stay until DeleteAsset.
    """
    revision = lock_revision(asset.revision_id)
    if not Asset.objects.filter(pk=asset.pk).exists():
        raise NotFound("ASSET", asset.pk)
    if revision.is_finalized and revision.revoked_at is None:
        raise RevisionIsFinalized("REVISION", revision.pk)
    audit.record("asset.removed", actor=actor, subject=asset, detail={"name": asset.name})
    _remove_bytes([asset], key=asset.pk)
    Asset.objects.filter(pk=asset.pk).delete()


def _remove_bytes(assets: Iterable[Asset], *, key: str) -> None:
    """Have the bytes of assets removed once the transaction has committed."""
    keys = [vault_key for asset in assets for vault_key in asset.vault_keys]
    for start in range(0, len(keys), BYTES_AT_ONCE):
        work.enqueue("publishers.remove_bytes", key=f"{key}:{start}", keys=keys[start : start + BYTES_AT_ONCE])


@transaction.atomic
def reopen_revision(*, revision: Revision, actor: Actor, at: datetime) -> Revision:
    """Make a finalized revision a draft again, until it is published. A draft stays as it is.

    Raises RevisionIsPublished, RevisionIsRevoked, NotFound. Source: dataexchange 2017-07-25, UpdateRevision, Finalized.
    """
    lock_data_set(revision.data_set_id)  # publishing takes it too
    revision = lock_revision(revision.pk)
    if revision.finalized_at is None:
        return revision
    if revision.revoked_at is not None:
        raise RevisionIsRevoked("REVISION", revision.pk)
    if _is_published(revision):
        raise RevisionIsPublished("REVISION", revision.pk)
    revision.finalized_at, revision.updated_at = None, at
    revision.save(update_fields=["finalized_at", "updated_at"])
    audit.record("revision.reopened", actor=actor, subject=revision)
    return revision


@transaction.atomic
def delete_revision(*, revision: Revision, actor: Actor, at: datetime) -> None:
    """Delete a revision that is not published, with its assets and uploads; jobs and receipts stay.

    Raises RevisionIsPublished, NotFound.
    """
    lock_data_set(revision.data_set_id)
    revision = lock_revision(revision.pk)
    if _is_published(revision):
        raise RevisionIsPublished("REVISION", revision.pk)
    audit.record("revision.deleted", actor=actor, subject=revision, at=at)
    remove(revision)


def remove(revision: Revision) -> None:
    """Delete a locked revision that is not published, with everything in it."""
    uploads = list(revision.uploads.filter(state__in=[UploadState.OPEN, UploadState.CHECKING]))
    if uploads:
        keys = [upload.vault_key for upload in uploads]
        work.enqueue("publishers.remove_bytes", key=f"{revision.pk}:uploads", keys=keys)
    _remove_bytes(revision.assets.iterator(chunk_size=1000), key=revision.pk)
    if revision.finalized_at is not None and revision.revoked_at is None:
        Revision.objects.filter(pk=revision.pk).update(finalized_at=None)  # assets leave drafts and revoked ones only
    revision.assets.all().delete()
    revision.delete()


def _is_published(revision: Revision) -> bool:
    """Return True when somebody may have it, or will in a moment: finalizing publishes by itself."""
    if revision.publications.exists():
        return True
    if revision.finalized_at is None or revision.revoked_at is not None:
        return False
    entries = _open_entries(revision.data_set_id).select_related("product")
    return any(_is_for_readers(entry, revision) for entry in entries)


@transaction.atomic
def finalize_revision(*, revision: Revision, actor: Actor, at: datetime) -> Revision:
    """Close a revision to further change and announce it; every product that holds the data set publishes it.

    at: aware UTC instant, stored as finalized_at; the caller reads the clock.
    Raises RevisionAlreadyFinalized, RevisionIsEmpty, RevisionHasUploads; the row is then unchanged.
    Source: dataexchange 2017-07-25, UpdateRevision, member Finalized.
    """
    revision = lock_revision(revision.pk)
    if revision.finalized_at is not None:
        raise RevisionAlreadyFinalized("REVISION", revision.pk)
    if revision.uploads.filter(state__in=[UploadState.OPEN, UploadState.CHECKING]).exists():
        raise RevisionHasUploads("REVISION", revision.pk)
    if not revision.assets.exists():
        raise RevisionIsEmpty(resource_type="REVISION", resource_id=revision.pk)
    revision.finalized_at = revision.updated_at = at
    revision.save(update_fields=["finalized_at", "updated_at"])
    audit.record("revision.finalized", actor=actor, subject=revision)
    publish_on_commit(
        "revision.finalized",
        organization_id=revision.data_set.owner_id,
        revision_id=revision.pk,
        data_set_id=revision.data_set_id,
    )
    return revision


@transaction.atomic
def publish_revision(*, revision: Revision, at: datetime) -> int:
    """Publish a finalized revision wherever its data set is published; return how many are new. Twice adds nothing.

    A revision that was opened again or deleted since, or revoked, is published nowhere.
    """
    # A product that is being published right now either sees this revision, or has committed when we go on.
    lock_data_set(revision.data_set_id)
    found = Revision.objects.filter(pk=revision.pk, finalized_at__isnull=False, revoked_at=None).first()
    if found is None:
        return 0
    # Products in one order, and audit rows last: whoever changes rows of several takes them the same way.
    entries = _open_entries(found.data_set_id).select_related("product__owner", "data_set").order_by("product", "pk")
    new = [entry for entry in entries if _is_for_readers(entry, found) and _publish(entry, found, at)]
    for entry in new:
        _announce(entry, found)
    return len(new)


def _open_entries(data_set_id: str) -> QuerySet[PublishedDataSet]:
    """Return where the data set is published: in products that were, and in data grants that live."""
    return PublishedDataSet.objects.filter(data_set_id=data_set_id, closed_at=None).filter(
        Q(product=None) | Q(product__published_at__isnull=False)
    )


def _is_for_readers(entry: PublishedDataSet, revision: Revision) -> bool:
    """Return what the access rules say, however late the question is asked; a data grant gives everything."""
    if entry.product is None:
        return True
    since = max(entry.added_at, entry.product.published_at or entry.added_at)
    if revision.finalized_at is None or revision.finalized_at > since:
        return entry.future_rule
    if entry.history_rule != HistoryRule.LAST:
        return entry.history_rule == HistoryRule.ALL
    past = Revision.objects.filter(data_set_id=entry.data_set_id, finalized_at__lte=since, revoked_at=None)
    newest = past.order_by("-finalized_at", "-pk").values_list("pk", flat=True)
    return revision.pk in newest[: entry.history_count]


def publish_history(*, entry: PublishedDataSet, at: datetime) -> None:
    """Publish what was finalized before the data set came here, under the entry's history rule."""
    lock_data_set(entry.data_set_id)  # see publish_revision
    finalized = Revision.objects.filter(
        data_set=entry.data_set_id, finalized_at__isnull=False, revoked_at=None
    ).order_by("-finalized_at", "-pk")
    if entry.history_rule == HistoryRule.NONE:
        chosen: list[Revision] = []
    elif entry.history_rule == HistoryRule.LAST:
        chosen = list(finalized[: entry.history_count])
    else:
        chosen = list(finalized)
    for revision in reversed(chosen):
        publish_to(entry=entry, revision=revision, at=at)


def publish_to(*, entry: PublishedDataSet, revision: Revision, at: datetime) -> int:
    """Publish one revision to one place; return 1, or 0 when it was there already."""
    if not _publish(entry, revision, at):
        return 0
    _announce(entry, revision)
    return 1


def _publish(entry: PublishedDataSet, revision: Revision, at: datetime) -> bool:
    _, is_new = PublishedRevision.objects.get_or_create(
        published_data_set=entry, revision=revision, defaults={"published_at": at}
    )
    if is_new and entry.product is not None:
        search.refresh(product=entry.product)
    return is_new


def _announce(entry: PublishedDataSet, revision: Revision) -> None:
    owner_id = entry.data_set.owner_id
    audit.record(
        "revision.published",
        actor=SYSTEM,
        subject=revision,
        organization_id=owner_id,
        detail={"published_data_set_id": entry.pk, "product_id": entry.product_id},
    )
    publish_on_commit(
        "revision.published", organization_id=owner_id, published_data_set_id=entry.pk, revision_id=revision.pk
    )


@transaction.atomic
def revoke_revision(*, revision: Revision, comment: str, actor: Actor, at: datetime) -> Revision:
    """Take a finalized revision away from every reader, for good. comment: 10 to 512 characters, shown to subscribers.

    Raises Invalid, RevisionNotFinalized, RevisionAlreadyRevoked.
    """
    comment = comment.strip()
    if not 10 <= len(comment) <= 512:
        raise Invalid("Tell subscribers why, in 10 to 512 characters.", field="comment")
    revision = lock_revision(revision.pk)
    if not revision.is_finalized:
        raise RevisionNotFinalized("REVISION", revision.pk)
    if revision.revoked_at is not None:
        raise RevisionAlreadyRevoked("REVISION", revision.pk)
    revision.revoked_at = revision.updated_at = at
    revision.revocation_comment = comment
    revision.save(update_fields=["revoked_at", "updated_at", "revocation_comment"])
    products = Product.objects.filter(published_data_sets__published_revisions__revision=revision).distinct()
    for product in products.order_by("pk"):
        search.refresh(product=product)
    audit.record("revision.revoked", actor=actor, subject=revision)
    publish_on_commit("revision.revoked", organization_id=revision.data_set.owner_id, revision_id=revision.pk)
    return revision
