"""Export one asset to a URL of ours that lives an hour. Source: dataexchange 2017-07-25, ExportAssetToSignedUrl."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from jobs.models import Job, JobState, JobType, Transfer
from jobs.operations import lifecycle
from jobs.operations.exports import create_job, may_still_read, refused, write_transfers
from marketplace.core import storage, work
from marketplace.core.actors import Actor
from marketplace.core.errors import NotFound
from marketplace.core.models import Organization
from marketplace.core.storage import StorageFault
from publishers.models import Asset, PublishedDataSet, Revision

EXPORT_URL_LIFE = timedelta(hours=1)
EXPORT_URL_SALT = "jobs.export-url"
#: of a token; the job's own end decides before
MOST_TOKEN_AGE_S = 2 * 3600


@transaction.atomic
def create_signed_url_export(
    *,
    organization: Organization,
    published_data_set: PublishedDataSet | None,
    revision: Revision,
    asset_id: str,
    actor: Actor,
    at: datetime,
) -> Job:
    """Create a WAITING export of one asset to a URL, which `export_url` returns once the job is done.

    Raises NotFound, HoldsNoFiles, Invalid for a draft revision.
    """
    asset = Asset.objects.filter(revision=revision, pk=asset_id).first()
    if asset is None:
        raise NotFound("ASSET", asset_id)
    job = create_job(
        JobType.EXPORT_ASSET_TO_SIGNED_URL,
        organization=organization,
        published_data_set=published_data_set,
        revision=revision,
        request={"asset_id": asset_id},
        connection=None,
        actor=actor,
        at=at,
    )
    write_transfers(job, [(asset, None, asset.name)])
    return job


def export_url(job: Job, *, at: datetime) -> tuple[str, datetime] | None:
    """Return the URL that an asset can be fetched from and when it expires; None before the job is done or too late.

    The URL leads to our own door, which asks on each request whether the asset may still be read: it can live an hour
    although a revocation must work at once.
    """
    if job.type != JobType.EXPORT_ASSET_TO_SIGNED_URL or job.state != JobState.COMPLETED or job.finished_at is None:
        return None
    expires_at = job.finished_at + EXPORT_URL_LIFE
    if at >= expires_at:
        return None
    path = reverse("signed-export", args=[signing.dumps(job.pk, salt=EXPORT_URL_SALT)])
    return f"{settings.PUBLIC_URL}{path}", expires_at


def asset_of_export_url(token: str, *, at: datetime) -> tuple[Asset, Job]:
    """Return the asset that an export URL leads to, and its job. Raises NotFound for a forged, expired or revoked one."""
    gone = NotFound("EXPORT", "", "This link has expired. Ask for the job again, or export once more.")
    try:
        job_id = signing.loads(token, salt=EXPORT_URL_SALT, max_age=MOST_TOKEN_AGE_S)
    except signing.BadSignature:
        raise gone from None
    job = Job.objects.select_related("organization", "data_set").filter(pk=job_id).first()
    if job is None or export_url(job, at=at) is None or not may_still_read(job):
        raise gone
    asset = Asset.objects.filter(pk=job.request["asset_id"]).first()
    if asset is None:
        raise gone
    return asset, job


def run_signed_export(*, job: Job) -> None:
    """Show that the asset's bytes are there; the URL is made whenever the job is looked at. Raises TemporaryFailure."""
    if job.state != JobState.IN_PROGRESS:
        return
    if not may_still_read(job):
        lifecycle.finish_job(job=job, at=timezone.now(), errors=[refused(job)])
        return
    asset = Asset.objects.filter(pk=job.request["asset_id"]).first()
    try:
        found = storage.vault().find(asset.vault_key) if asset is not None else None
    except StorageFault as fault:
        raise work.TemporaryFailure(str(fault)) from fault
    if asset is None or found is None:
        error = {"code": lifecycle.NOT_FOUND, "message": "The asset is gone."}
        lifecycle.finish_job(job=job, at=timezone.now(), errors=[error])
        return
    transfer = Transfer.objects.get(job=job, job_created_at=job.created_at, number=0)
    lifecycle.record_transfer(job=job, transfer=transfer, at=timezone.now(), etag=asset.etag, method="url")
    lifecycle.finish_job(job=job, at=timezone.now())
