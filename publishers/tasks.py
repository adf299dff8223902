"""Work of publishing: ids in, load, one operation."""

from django.utils import timezone

from marketplace.core import storage, work
from marketplace.core.actors import SYSTEM, Actor
from publishers.models import ChangeSet, CheckState, ContractCheck, Product, Revision, Upload, UploadState
from publishers.operations import (
    change_sets,
    contract_runs,
    findings,
    freshness,
    profile_runs,
    profiles,
    revisions,
    search,
    uploads,
)


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


@work.task("publishers.notice_delays")
def notice_delays(**_: object) -> None:
    """Find data sets that are late, and raise their alarms."""
    freshness.notice_delays(at=timezone.now())


@work.task("publishers.end_delay")
def end_delay(*, revision_id: str, **_: object) -> None:
    """End the delay of a data set for which a revision came; one that was deleted since came for nobody."""
    revision = Revision.objects.filter(pk=revision_id).first()
    if revision is not None:
        freshness.end_delay(revision=revision)


# --- contracts --------------------------------------------------------------------------------------------------------
def _check_failed(*, check_id: str, reason: str, **_: object) -> None:
    check = ContractCheck.objects.select_related("revision__data_set").filter(pk=check_id).first()
    if check is not None:
        contract_runs.end_check(check=check, state=CheckState.ERROR, error=reason, at=timezone.now())


@work.task("publishers.check_revision", on_parked=_check_failed)
def check_revision(*, check_id: str, look: int = 0, **_: object) -> None:
    """Hold a revision against its contract; a check that went with its revision is nobody's."""
    checks = ContractCheck.objects.select_related("revision__data_set", "contract")
    check = checks.filter(pk=check_id).first()
    if check is not None:
        contract_runs.run_check(check=check, at=timezone.now(), look=look)


@work.task("publishers.check_profiled")
def check_profiled(*, revision_id: str, **_: object) -> None:
    """Go on with the checks that waited until a revision was measured."""
    checks = ContractCheck.objects.select_related("revision__data_set", "contract")
    for check in checks.filter(revision=revision_id, state=CheckState.WAITING).order_by("created_at", "pk"):
        contract_runs.run_check(check=check, at=timezone.now())


@work.task("publishers.tell_of_check")
def tell_of_check(*, check_id: str, **_: object) -> None:
    """Tell the publisher that a revision broke its contract, or could not be checked."""
    checks = ContractCheck.objects.select_related("revision__data_set", "contract")
    check = checks.filter(pk=check_id).first()
    if check is not None:
        contract_runs.tell_of_check(check=check, at=timezone.now())


@work.task("publishers.tell_of_findings")
def tell_of_findings(*, revision_id: str, **_: object) -> None:
    """Tell the publisher what a measured revision holds that looks like personal data; a deleted one holds nothing."""
    revision = Revision.objects.select_related("data_set").filter(pk=revision_id).first()
    if revision is not None:
        findings.tell_of_findings(revision=revision, at=timezone.now())


# --- profiles ---------------------------------------------------------------------------------------------------------
def _profile_failed(*, revision_id: str, reason: str, token: str = "", **_: object) -> None:
    profiles.fail_profile(revision_id=revision_id, token=token, reason=reason, at=timezone.now())


@work.task("publishers.profile_revision", on_parked=_profile_failed)
def profile_revision(*, revision_id: str, token: str = "", **_: object) -> None:
    """Measure a revision; without a token see that its profile is asked for. One that was deleted since has none."""
    revision = Revision.objects.select_related("data_set").filter(pk=revision_id).first()
    if token:
        profile_runs.run_profile(revision_id=revision_id, token=token, at=timezone.now())
    elif revision is not None:
        profiles.ensure_profile(revision=revision, at=timezone.now())


@work.task("publishers.sweep_profile")
def sweep_profile(*, revision_id: str, **_: object) -> None:
    """Remove the measured rows of a revision that was deleted."""
    profile_runs.sweep_objects(revision_id=revision_id)
