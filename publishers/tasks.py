"""Work of publishing: ids in, load, one operation."""

from django.utils import timezone

from marketplace.core import work
from marketplace.core.actors import SYSTEM, Actor
from publishers.models import Product, Revision, Upload, UploadState
from publishers.operations import revisions, search, uploads


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
