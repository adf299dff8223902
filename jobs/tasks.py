"""Work of jobs: ids in, load, one operation."""

from django.utils import timezone

from jobs.models import Job, JobState
from jobs.operations import event_actions, exports, imports, lifecycle
from marketplace.core import work
from publishers.models import PublishedDataSet, Revision


@work.task("jobs.start_auto_exports")
def start_auto_exports(*, published_data_set_id: str, revision_id: str, **_: object) -> None:
    """Start one export per auto-export of the data set."""
    event_actions.start_auto_exports(
        published_data_set=PublishedDataSet.objects.get(pk=published_data_set_id),
        revision=Revision.objects.get(pk=revision_id),
        at=timezone.now(),
    )


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
    elif job.is_export:
        exports.run_export(job=job)
    else:
        imports.run_import(job=job)
