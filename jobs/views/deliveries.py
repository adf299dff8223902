"""Pages of deliveries: the list, one delivery live and its receipt, retry, and a one-off export."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from jobs import key_patterns
from jobs.forms import ExportForm, pattern_variables
from jobs.models import Job, JobState, TransferState
from jobs.operations import exports, lifecycle
from jobs.progress import progress_of
from jobs.queries import get_job, list_deliveries, list_transfers, waiting_attempt
from jobs.receipts import manifest
from jobs.views.auto_exports import example_key
from marketplace.core import scopes
from marketplace.core.errors import Conflict, Invalid, NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse
from marketplace.core.queries.storage import get_storage_connection, list_storage_connections
from publishers.models import AssetType
from publishers.operations.files import require_files
from subscriptions.queries import (
    get_entitled_data_set,
    get_entitled_revision,
    list_entitled_data_sets,
    list_entitled_revisions,
)

DELIVERIES_PER_PAGE = 25
OBJECTS_PER_PAGE = 100
#: while a delivery runs its page is fetched each second, so it shows what happened last instead of the whole receipt
OBJECTS_WHILE_RUNNING = 15
REVISIONS_OFFERED = 200
#: ?state= -> (label, states)
FILTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "running": ("Running", (JobState.WAITING, JobState.IN_PROGRESS)),
    "completed": ("Completed", (JobState.COMPLETED,)),
    "failed": ("Failed", (JobState.ERROR, JobState.TIMED_OUT)),
    "cancelled": ("Cancelled", (JobState.CANCELLED,)),
}


@require_safe
@member_page("subscriptions:read")
def deliveries(request: MemberRequest) -> HttpResponse:
    """List the organization's deliveries, newest first."""
    now = timezone.now()
    everything = list_deliveries(organization=request.organization)
    counts = dict(everything.order_by().values_list("state").annotate(n=Count("pk")))
    chosen = request.GET.get("state", "")
    shown = everything.filter(state__in=FILTERS[chosen][1]) if chosen in FILTERS else everything
    page = Paginator(shown, DELIVERIES_PER_PAGE).get_page(request.GET.get("page"))
    rows = [(job, progress_of(job, at=now)) for job in page.object_list]
    filters = [("", "All", sum(counts.values()))]
    filters += [(name, label, sum(counts.get(s, 0) for s in states)) for name, (label, states) in FILTERS.items()]
    context = {
        "rows": rows,
        "page": page,
        "filters": filters,
        "chosen": chosen if chosen in FILTERS else "",
        "total": filters[0][2],
        "failed": counts.get(JobState.ERROR, 0),
        "live": any(job.state == JobState.IN_PROGRESS for job, _ in rows),
        "can_change": "subscriptions:write" in scopes.allowed(request.membership),
    }
    return render(request, "jobs/deliveries.html", context)


@require_POST
@member_page("subscriptions:write")
def deliveries_retry(request: MemberRequest) -> HttpResponse:
    """Run all failed deliveries of the last 90 days again: what arrived stays, the rest is tried anew."""
    retried, left = lifecycle.retry_failed_deliveries(
        organization=request.organization, actor=request.actor, at=timezone.now()
    )
    if not retried:
        messages.info(request, "Nothing can be retried: no delivery of the last 90 days has failed.")
    else:
        more = f" {left:,} more have failed; retry again for them." if left else ""
        noun = "delivery" if retried == 1 else "deliveries"
        messages.success(request, f"Retrying {retried:,} {noun}. What arrived before is not sent again.{more}")
    return redirect("deliveries")


def _get_delivery(request: MemberRequest, job_id: str) -> Job:
    job = get_job(organization=request.organization, job_id=job_id)
    if not job.is_export:
        raise NotFound("JOB", job_id)
    return job


@require_safe
@member_page("subscriptions:read")
def delivery(request: MemberRequest, job_id: str) -> HttpResponse:
    """Show one delivery: live while it runs, then its receipt; ?format=json downloads the receipt."""
    job = _get_delivery(request, job_id)
    if request.GET.get("format") == "json":
        answer = JsonResponse(manifest(job), json_dumps_params={"indent": 2})
        answer.headers["Content-Disposition"] = f'attachment; filename="receipt-{job.pk}.json"'
        answer.headers["Cache-Control"] = "no-store"
        return answer
    return render(request, "jobs/delivery.html", delivery_context(request, job, at=timezone.now()))


def delivery_context(request: MemberRequest, job: Job, *, at: datetime) -> dict[str, Any]:
    """Return what the page of a delivery shows."""
    transfers = list_transfers(job=job).select_related("asset", "connection")
    live = job.state == JobState.IN_PROGRESS
    failed = transfers.filter(state=TransferState.FAILED)
    only_failed = request.GET.get("objects") == "failed"
    page = None
    if live:
        objects = list(
            transfers.filter(finished_at__isnull=False).order_by("-finished_at", "number")[:OBJECTS_WHILE_RUNNING]
        )
    else:
        page = Paginator(failed if only_failed else transfers, OBJECTS_PER_PAGE).get_page(request.GET.get("page"))
        objects = list(page.object_list)
    return {
        "job": job,
        "progress": progress_of(job, at=at),
        "live": live,
        "attempt": waiting_attempt(job=job) if live else None,
        "objects": objects,
        "page": page,
        "failed_count": failed.count(),
        "only_failed": only_failed,
        "objects_left": max(0, job.objects_total - job.objects_done),
        "can_change": "subscriptions:write" in scopes.allowed(request.membership),
        "key_pattern": job.request.get("key_pattern", ""),
    }


@require_POST
@member_page("subscriptions:write")
def delivery_retry(request: MemberRequest, job_id: str) -> HttpResponse:
    """Run a failed delivery again: what arrived stays, the rest is tried anew."""
    job = _get_delivery(request, job_id)
    try:
        lifecycle.retry_job(job=job, actor=request.actor, at=timezone.now())
    except Conflict as error:
        context = delivery_context(request, job, at=timezone.now()) | {"refusal": error}
        return render(request, "jobs/delivery.html", context, status=409)
    messages.success(request, "Retrying. What arrived before is not sent again.")
    if request.POST.get("from") == "list":
        return redirect("deliveries")
    return redirect("delivery", job_id=job.pk)


@member_page("subscriptions:write")
def export_create(request: MemberRequest) -> HttpResponse:
    """Export one readable revision of an entitled data set once."""
    organization, now = request.organization, timezone.now()
    asked = request.POST if request.method == "POST" else request.GET
    data_sets = list(
        list_entitled_data_sets(organization=organization, at=now).filter(data_set__asset_type=AssetType.S3_SNAPSHOT)
    )
    chosen = request.GET.get("data_set", "") or request.POST.get("data_set", "")
    if not chosen and len(data_sets) == 1:
        chosen = data_sets[0].pk
    if not chosen:
        return render(request, "jobs/export_choose.html", {"data_sets": data_sets})
    entry = get_entitled_data_set(organization=organization, data_set_id=chosen, at=now)
    require_files(entry.data_set)
    revisions = list_entitled_revisions(organization=organization, data_set_id=entry.pk, at=now)
    wanted = asked.get("revision", "")
    publication = None
    if wanted:
        publication = get_entitled_revision(organization=organization, data_set_id=entry.pk, revision_id=wanted, at=now)
    offered = list(revisions[:REVISIONS_OFFERED])
    if publication is not None and publication not in offered:
        offered.append(publication)
    connections = list(list_storage_connections(organization=organization))
    status = 200
    if request.method == "POST":
        form = ExportForm(request.POST, revisions=offered, connections=connections)
        status = 422
        if form.is_valid() and publication is not None:
            connection = get_storage_connection(
                organization=organization, connection_id=form.cleaned_data["connection"]
            )
            try:
                with transaction.atomic():  # a job that could not be started is not left waiting
                    job = exports.create_export(
                        organization=organization,
                        published_data_set=entry,
                        revision=publication.revision,
                        connection=connection,
                        key_pattern=form.cleaned_data["key_pattern"],
                        actor=request.actor,
                        at=now,
                    )
                    lifecycle.start_job(job=job, actor=request.actor, at=now)
            except (Invalid, Conflict) as error:
                refuse(form, error)
                status = 422 if isinstance(error, Invalid) else 409
            else:
                messages.success(request, f"Export to {connection.bucket} started.")
                return redirect("delivery", job_id=job.pk)
    else:
        publication = publication or (offered[0] if offered else None)
        form = ExportForm(
            initial={
                "revision": publication.revision_id if publication else "",
                "connection": asked.get("connection", ""),
                "key_pattern": asked.get("key_pattern", key_patterns.DEFAULT_FOR_JOBS),
            },
            revisions=offered,
            connections=connections,
        )
    key, refusal = example_key(asked.get("key_pattern", key_patterns.DEFAULT_FOR_JOBS), publication)
    context = {
        "form": form,
        "entry": entry,
        "example": key,
        "example_refusal": refusal,
        "variables": pattern_variables(),
        "has_connections": bool(connections),
        "has_revisions": bool(offered),
    }
    return render(request, "jobs/export_create.html", context, status=status)
