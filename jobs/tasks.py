"""Work of jobs: ids in, load, one operation."""

from collections.abc import Callable

from django.utils import timezone

from jobs import events, tellings
from jobs.models import DELIVERIES, Job, JobState, JobType
from jobs.operations import (
    apis,
    bucket_access,
    data_shares,
    event_actions,
    exports,
    imports,
    left_overs,
    lifecycle,
    signed_exports,
    tag_policies,
)
from marketplace.core import work
from publishers.models import PublishedDataSet, Revision
from publishers.operations import activity


@work.task("jobs.start_auto_exports")
def start_auto_exports(*, published_data_set_id: str, revision_id: str, **_: object) -> None:
    """Start one export per auto-export of the data set."""
    event_actions.start_auto_exports(
        published_data_set=PublishedDataSet.objects.get(pk=published_data_set_id),
        revision=Revision.objects.get(pk=revision_id),
        at=timezone.now(),
    )


#: job type -> what its run does
RUNNERS: dict[str, Callable[..., None]] = {
    JobType.IMPORT_ASSETS_FROM_S3: imports.run_import,
    JobType.IMPORT_ASSET_FROM_SIGNED_URL: imports.run_import,
    JobType.IMPORT_ASSET_FROM_URL: imports.run_import,
    JobType.IMPORT_ASSET_FROM_API_GATEWAY_API: apis.run_import_of_api,
    JobType.IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES: data_shares.run_data_shares,
    JobType.IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY: tag_policies.run_tag_policy,
    JobType.CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET: bucket_access.run_bucket_access,
    JobType.EXPORT_REVISIONS_TO_S3: exports.run_export,
    JobType.EXPORT_ASSETS_TO_S3: exports.run_export,
    JobType.EXPORT_ASSET_TO_SIGNED_URL: signed_exports.run_signed_export,
}


def _job_parked(*, job_id: str, reason: str, **_: object) -> None:
    job = Job.objects.get(pk=job_id)
    lifecycle.finish_job(job=job, at=timezone.now(), errors=[{"code": lifecycle.INTERNAL, "message": reason}])


@work.task("jobs.run_job", on_parked=_job_parked)
def run_job(*, job_id: str, **_: object) -> None:
    """Move the bytes of a job."""
    job = Job.objects.select_related(
        "organization", "data_set", "published_data_set", "revision__data_set", "connection__organization"
    ).get(pk=job_id)
    if job.revision is None and job.state == JobState.IN_PROGRESS:
        error = {"code": lifecycle.NOT_FOUND, "message": "The revision was deleted."}
        lifecycle.finish_job(job=job, at=timezone.now(), errors=[error])
    else:
        RUNNERS[job.type](job=job)


@work.task("jobs.announce_auto_export")
def announce_auto_export(*, job_id: str, **_: object) -> None:
    """Tell the subscriber how an auto-export ended."""
    job = Job.objects.select_related("published_data_set__data_set", "published_data_set__product", "revision").get(
        pk=job_id
    )
    events.announce_auto_export(job=job)


@work.task("jobs.tell_of_delivery")
def tell_of_delivery(*, job_id: str, **_: object) -> None:
    """Tell the members of an organization how a delivery ended."""
    job = Job.objects.select_related("published_data_set", "data_set", "connection").get(pk=job_id)
    tellings.tell_of_delivery(job=job, at=timezone.now())


@work.task("jobs.record_use")
def record_use(*, job_id: str, **_: object) -> None:
    """Note that an organization received data of a product, on the day when the delivery was complete."""
    job = Job.objects.get(pk=job_id)
    if job.type in DELIVERIES and job.published_data_set_id is not None and job.finished_at is not None:
        activity.record_use(
            published_data_set_id=job.published_data_set_id, organization_id=job.organization_id, at=job.finished_at
        )


@work.task("jobs.remove_left_overs")
def remove_left_overs(**_: object) -> None:
    """Remove what jobs have left in the vault."""
    left_overs.remove_left_overs(at=timezone.now())
