"""The ends of auto-export jobs as events for the subscriber. Source: reference section (c), AWS Data Exchange events."""

from jobs.models import Job, JobState
from marketplace.core.operations.notices import send_event
from subscriptions.events import entry_detail, revision_detail

DETAIL_TYPES = {JobState.COMPLETED: "Auto-export Job Completed", JobState.ERROR: "Auto-export Job Failed"}


def announce_auto_export(*, job: Job) -> None:
    """Tell the subscriber how an auto-export job ended; a job of another kind, or one that runs again, is not told of.

    resources: the product; the entitled data set where it came by a data grant.
    """
    entry = job.published_data_set
    detail_type = DETAIL_TYPES.get(JobState(job.state))
    if job.event_action_id is None or entry is None or detail_type is None or job.finished_at is None:
        return
    send_event(
        detail_type=detail_type,
        source_key=f"job:{job.pk}:{job.run}",
        occurred_at=job.finished_at,
        resources=[entry.product_id or entry.pk],
        detail=entry_detail(entry) if job.revision is None else revision_detail(entry, job.revision),
        receivers=[job.organization_id],
    )
