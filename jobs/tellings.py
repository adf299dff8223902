"""How deliveries ended, as sentences in the inboxes of those who get them."""

from datetime import datetime

from django.urls import reverse

from jobs.models import DELIVERIES, Job, JobState
from marketplace.core.operations.inbox import tell_members
from subscriptions.tellings import subject_of


def tell_of_delivery(*, job: Job, at: datetime) -> int:
    """Tell the members of an organization how a delivery ended; return how many are new.

    Of an automatic one everybody is told; a failed export by hand concerns who started it, and an arrived one nobody. A
    job that runs again since, or ended in another way, is not told of.
    """
    is_automatic = job.event_action_id is not None
    if job.type not in DELIVERIES or job.state not in {JobState.ERROR, JobState.COMPLETED}:
        return 0
    failed = job.state == JobState.ERROR
    if not failed and not is_automatic:
        return 0
    entry = job.published_data_set
    place = f" to {job.connection.bucket}" if job.connection is not None else ""
    if failed:
        text = f"The delivery of revision {str(job.revision_id)[:8]}{place} failed: {job.cause}"
    else:
        files = f"{job.objects_total:,} file{'' if job.objects_total == 1 else 's'}"
        text = (
            f"Revision {str(job.revision_id)[:8]} arrived{place.replace(' to ', ' in ')}: {files}, proved by checksum."
        )
    started_by = [] if job.created_by_id is None else [job.created_by_id]
    return tell_members(
        organization_ids=[job.organization_id],
        topic="delivery.failed" if failed else "delivery.completed",
        source_key=f"job:{job.pk}:{job.run}",
        subject_key=subject_of(entry) if entry is not None else f"own-data-set:{job.data_set_id}",
        subject_label=job.data_set_name,
        text=text,
        path=reverse("delivery", args=[job.pk]),
        at=at,
        user_ids=None if is_automatic else started_by,
    )
