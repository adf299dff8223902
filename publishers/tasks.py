"""Work of publishing: ids in, load, one operation."""

from django.utils import timezone

from marketplace.core import storage, work
from marketplace.core.actors import SYSTEM, Actor
from publishers.models import ChangeSet, Product, Revision, Upload, UploadState
from publishers.operations import change_sets, revisions, search, uploads


@work.task("publishers.publish_revision")
def publish_revision(*, revision_id: str, **_: object) -> None:
    """Publish a finalized revision to whoever gets its data set; one that was deleted since is nobody's."""
    revision = Revision.objects.filter(pk=revision_id).first()
    if revision is not None:
        revisions.publish_revision(revision=revision, at=timezone.now())


@work.task("publishers.index_product")
def index_product(*, product_id: str, **_: object) -> None:
    """Write the search row of a product."""
    search.refresh(product=Product.objects.select_related("owner").get(pk=product_id))


@work.task("publishers.index_products_of")
def index_products_of(*, owner_id: str, **_: object) -> None:
    """Write the search rows of all products of an owner anew: they hold its name."""
    for product in Product.objects.select_related("owner").filter(owner=owner_id).iterator(chunk_size=500):
        search.refresh(product=product)


@work.task("publishers.remove_bytes")
def remove_bytes(*, keys: list[str], **_: object) -> None:
    """Remove objects of the vault whose assets were deleted, and uploads of them that are still open."""
    vault = storage.vault()
    for key in keys:
        vault.abort_open_uploads(key, of=lambda found, key=key: found == key)  # type: ignore[misc]
        vault.delete(key)


def _upload_failed(*, upload_id: str, reason: str, **_: object) -> None:
    uploads.fail_upload(upload=Upload.objects.get(pk=upload_id), reason=reason, at=timezone.now())


@work.task("publishers.verify_upload", on_parked=_upload_failed)
def verify_upload(*, upload_id: str, **_: object) -> None:
    """Read an uploaded file back and make it an asset."""
    upload = Upload.objects.select_related("revision__data_set").get(pk=upload_id)
    actor = Actor(kind="system", user_id=upload.user_id, organization_id=upload.revision.data_set.owner_id)
    uploads.verify_upload(upload=upload, actor=actor, at=timezone.now())


@work.task("publishers.abort_stale_uploads")
def abort_stale_uploads(**_: object) -> None:
    """Cancel uploads that nobody went on with for a week."""
    limit = timezone.now() - uploads.STALE_AFTER
    for upload in Upload.objects.filter(state=UploadState.OPEN, updated_at__lt=limit)[:500]:
        uploads.abort_upload(upload=upload, actor=SYSTEM, at=timezone.now())


def _change_set_failed(*, change_set_id: str, **_: object) -> None:
    change_set = ChangeSet.objects.filter(pk=change_set_id).first()
    if change_set is not None:
        change_sets.fail_change_set(change_set=change_set, at=timezone.now())


@work.task("publishers.apply_change_set", on_parked=_change_set_failed)
def apply_change_set(*, change_set_id: str, **_: object) -> None:
    """Apply a change set, whole or not at all."""
    change_sets.apply_change_set(change_set=ChangeSet.objects.get(pk=change_set_id), at=timezone.now())


@work.task("publishers.forget_change_sets")
def forget_change_sets(**_: object) -> None:
    """Delete change sets that can be looked up no more."""
    change_sets.forget_change_sets(at=timezone.now())
