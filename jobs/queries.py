"""Jobs, auto-exports and receipts, as the organization that made them and as the publisher sees them."""

from collections.abc import Iterable

from django.db.models import QuerySet

from jobs.models import DELIVERIES, EXPORTS, EventAction, Job, Transfer
from marketplace.core.errors import NotFound
from marketplace.core.models import Organization, WorkItem

_RELATED = (
    "data_set",
    "published_data_set__product",
    "published_data_set__data_grant",
    "published_data_set__data_set__owner",
    "revision",
    "connection",
    "event_action",
    "organization",
)


def list_jobs(*, organization: Organization) -> QuerySet[Job]:
    """Return an organization's jobs, newest first."""
    return Job.objects.filter(organization=organization).select_related(*_RELATED).order_by("-created_at", "-pk")


def get_job(*, organization: Organization, job_id: str) -> Job:
    """Raise NotFound alike for a job that is missing and for one that is somebody else's."""
    try:
        return list_jobs(organization=organization).get(pk=job_id)
    except Job.DoesNotExist:
        raise NotFound("JOB", job_id) from None


def list_deliveries(*, organization: Organization) -> QuerySet[Job]:
    """Return an organization's exports, newest first."""
    return list_jobs(organization=organization).filter(type__in=DELIVERIES)


def get_delivery(*, organization: Organization, job_id: str) -> Job:
    """Raise NotFound alike for an export that is missing, somebody else's, or no export."""
    try:
        return list_deliveries(organization=organization).get(pk=job_id)
    except Job.DoesNotExist:
        raise NotFound("JOB", job_id) from None


def list_imports(*, organization: Organization) -> QuerySet[Job]:
    """Return an organization's imports of every kind, newest first."""
    return list_jobs(organization=organization).exclude(type__in=EXPORTS)


def get_import(*, organization: Organization, job_id: str) -> Job:
    """Raise NotFound alike for an import that is missing, somebody else's, or no import."""
    try:
        return list_imports(organization=organization).get(pk=job_id)
    except Job.DoesNotExist:
        raise NotFound("JOB", job_id) from None


def list_deliveries_of_publisher(*, owner: Organization) -> QuerySet[Job]:
    """Return the exports of an owner's data by others, newest first: the publisher's side of the receipts."""
    return (
        Job.objects.filter(type__in=DELIVERIES, published_data_set__data_set__owner=owner)
        .select_related(*_RELATED)
        .order_by("-created_at", "-pk")
    )


def get_delivery_of_publisher(*, owner: Organization, job_id: str) -> Job:
    """Raise NotFound alike for a delivery that is missing and for one of somebody else's data."""
    try:
        return list_deliveries_of_publisher(owner=owner).get(pk=job_id)
    except Job.DoesNotExist:
        raise NotFound("JOB", job_id) from None


def list_transfers(*, job: Job) -> QuerySet[Transfer]:
    """Return the objects of a job in their order; with state DONE they are its receipt."""
    return Transfer.objects.filter(job=job, job_created_at=job.created_at).select_related("asset").order_by("number")


def assets_of_import(*, job: Job) -> list[str]:
    """Return the ids of the assets that an import made and that are still there, in the order of its sources."""
    transfers = Transfer.objects.filter(job=job, job_created_at=job.created_at, asset__isnull=False)
    return list(transfers.order_by("number").values_list("asset_id", flat=True))


def list_event_actions(*, organization: Organization) -> QuerySet[EventAction]:
    """Return an organization's auto-exports, newest first."""
    return (
        EventAction.objects.filter(organization=organization, deleted_at=None)
        .select_related(
            "published_data_set__data_set__owner",
            "published_data_set__product",
            "published_data_set__data_grant",
            "connection",
        )
        .order_by("-created_at", "-pk")
    )


def get_event_action(*, organization: Organization, event_action_id: str) -> EventAction:
    """Raise NotFound alike for an auto-export that is missing and for one that is somebody else's."""
    try:
        return list_event_actions(organization=organization).get(pk=event_action_id)
    except EventAction.DoesNotExist:
        raise NotFound("EVENT_ACTION", event_action_id) from None


def latest_of_auto_exports(event_action_ids: Iterable[str]) -> dict[str, Job]:
    """Return the newest job of each auto-export that has started one."""
    newest = Job.objects.filter(event_action__in=list(event_action_ids)).order_by("event_action_id", "-created_at")
    return {str(job.event_action_id): job for job in newest.select_related("revision").distinct("event_action_id")}


def latest_of_data_sets(*, organization: Organization, data_set_ids: Iterable[str]) -> dict[str, Job]:
    """Return an organization's newest delivery of each entitled data set that it had delivered."""
    newest = Job.objects.filter(
        organization=organization, type__in=DELIVERIES, published_data_set__in=list(data_set_ids)
    ).order_by("published_data_set_id", "-created_at")
    return {str(job.published_data_set_id): job for job in newest.distinct("published_data_set_id")}


def waiting_attempt(*, job: Job) -> WorkItem | None:
    """Return the work row of a job that failed for a reason that may pass, and when it is tried again; else None."""
    return (
        WorkItem.objects.filter(task="jobs.run_job", key=f"{job.pk}:{job.run}", state="PENDING")
        .exclude(last_error="")
        .first()
    )
