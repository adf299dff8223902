"""A publisher's overview: figures, what waits, who subscribes, and the publisher's side of the receipts."""

from datetime import datetime, timedelta

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs.models import Job, JobState
from jobs.operations import lifecycle
from jobs.progress import progress_of
from jobs.queries import get_delivery_of_publisher, list_deliveries_of_publisher, list_transfers
from marketplace.console.queries import (
    FAILED,
    count_publishing,
    count_subscribers,
    last_deliveries_to,
    list_delivery_days,
    list_draft_products,
    list_draft_revisions,
    summarize_deliveries,
)
from marketplace.core import scopes
from marketplace.core.csv_text import csv_line
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page
from marketplace.core.templatetags.ui import bytes_, compact
from publishers.models import ProductState
from publishers.queries.products import list_owned_products
from subscriptions.models import Agreement
from subscriptions.request_queries import list_subscribed_products, requests_by_agreement, search_subscribers

DAYS = 30
#: the last 30 times 24 hours touch 31 days of the calendar
CALENDAR_DAYS = DAYS + 1
DRAFTS_SHOWN = 6
RECENT = 8
SUBSCRIBERS_PER_PAGE = 50
DELIVERIES_PER_PAGE = 25
OBJECTS_PER_PAGE = 100
#: ?state= -> (label, states)
FILTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "running": ("Running", (JobState.WAITING, JobState.IN_PROGRESS)),
    "completed": ("Completed", (JobState.COMPLETED,)),
    "failed": ("Failed", FAILED),
    "cancelled": ("Cancelled", (JobState.CANCELLED,)),
}
#: A job's own sentence names the subscriber's bucket and store; a publisher is told the kind of trouble and no more.
CAUSES = {
    lifecycle.ACCESS_DENIED: "The subscriber may not read the revision any more, or their bucket refused the write.",
    lifecycle.NOT_FOUND: "The subscriber's bucket does not exist any more.",
    lifecycle.VALIDATION: "The subscriber's storage did not take every file.",
}
OTHER_CAUSE = "The delivery failed on the side of the exchange. Its operator can see why."


def cause_for_publisher(job: Job) -> str:
    """Return why a delivery failed without naming anything of the subscriber's; empty when it did not."""
    return CAUSES.get(str(job.errors[0].get("code", "")), OTHER_CAUSE) if job.errors else ""


@require_safe
@member_page("publish:read")
def publish(request: MemberRequest) -> HttpResponse:
    """Show a publisher's figures, drafts and newest deliveries."""
    owner, now = request.organization, timezone.now()
    days = list_delivery_days(owner=owner, at=now, days=CALENDAR_DAYS)
    deliveries = list_deliveries_of_publisher(owner=owner)
    month = summarize_deliveries(deliveries, since=now - timedelta(days=DAYS))
    counted = count_publishing(owner=owner)
    rate = month.success_rate
    context = {
        "figures": [
            ("Data sets", compact(counted.data_sets)),
            ("Products listed", compact(counted.listed)),
            ("Subscribers", compact(counted.subscribers)),
            ("Delivered, 30 days", compact(month.completed)),
            ("Sent, 30 days", bytes_(month.size_bytes)),
            # Rounded down: 100 % must mean that nothing failed.
            ("Success rate, 30 days", "–" if rate is None else f"{int(rate * 10) / 10:g} %"),
        ],
        "has_data_sets": counted.data_sets > 0,
        "days": days,
        "busy_days": [day for day in reversed(days) if day.figures.completed or day.figures.failed],
        "values": [day.figures.completed for day in days],
        "labels": [f"{day.date.day} {day.date:%b}" for day in days],
        "draft_revisions": list_draft_revisions(owner=owner)[:DRAFTS_SHOWN],
        "draft_products": list_draft_products(owner=owner)[:DRAFTS_SHOWN],
        "recent": deliveries[:RECENT],
        "can_change": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "console/publish.html", context)


def _csv_of(agreements: list[Agreement], last: dict[tuple[str, str], datetime]) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="subscribers.csv"'
    answer.headers["Cache-Control"] = "no-store"
    names = ["organization", "account_id", "product", "product_id", "subscribed_at", "terms_version"]
    answer.write(csv_line([*names, "last_delivery_at", "request_id"]))
    asked = requests_by_agreement(agreement_ids=[agreement.pk for agreement in agreements])
    for agreement in agreements:
        delivered_at = last.get((agreement.organization_id, agreement.product_id))
        row = (
            agreement.organization.name,
            agreement.organization.account_id,
            agreement.product.name,
            agreement.product_id,
            agreement.accepted_at.isoformat(timespec="seconds"),
            agreement.offer_version.number,
            delivered_at.isoformat(timespec="seconds") if delivered_at else "",
            asked.get(agreement.pk, ""),
        )
        answer.write(csv_line(row))
    return answer


@require_safe
@member_page("publish:read")
def subscribers(request: MemberRequest) -> HttpResponse:
    """List who subscribes to what, found by name, account id or product; ?format=csv downloads all that match."""
    owner = request.organization
    words = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:120]
    products = list(list_subscribed_products(owner=owner).values_list("pk", "name"))
    product_id = request.GET.get("product", "")
    product_id = product_id if product_id in {pk for pk, _ in products} else ""
    agreements = search_subscribers(owner=owner, words=words, product_id=product_id)
    if request.GET.get("format") == "csv":
        rows = list(agreements)
        return _csv_of(rows, last_deliveries_to(owner=owner, organization_ids={a.organization_id for a in rows}))
    page = Paginator(agreements, SUBSCRIBERS_PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    last = last_deliveries_to(owner=owner, organization_ids={a.organization_id for a in shown})
    asked = requests_by_agreement(agreement_ids=[a.pk for a in shown])
    context = {
        "page": page,
        "rows": [(a, last.get((a.organization_id, a.product_id)), asked.get(a.pk)) for a in shown],
        "organizations": count_subscribers(owner=owner) if products else 0,
        "words": words,
        "products": products,
        "product_id": product_id,
        "is_filtered": bool(words or product_id),
        "has_listed": bool(products) or list_owned_products(owner=owner).filter(state=ProductState.PUBLISHED).exists(),
    }
    return render(request, "console/subscribers.html", context)


@require_safe
@member_page("publish:read")
def publisher_deliveries(request: MemberRequest) -> HttpResponse:
    """List the deliveries of the organization's data to its subscribers, newest first."""
    everything = list_deliveries_of_publisher(owner=request.organization)
    chosen = request.GET.get("state", "")
    chosen = chosen if chosen in FILTERS else ""
    shown = everything.filter(state__in=FILTERS[chosen][1]) if chosen else everything
    page = Paginator(shown, DELIVERIES_PER_PAGE).get_page(request.GET.get("page"))
    filters = [("", "All", everything.count())]
    filters += [(name, label, everything.filter(state__in=states).count()) for name, (label, states) in FILTERS.items()]
    deliveries = list(page.object_list)
    context = {
        "deliveries": deliveries,
        "page": page,
        "filters": filters,
        "chosen": chosen,
        "total": filters[0][2],
        "live": any(job.state == JobState.IN_PROGRESS for job in deliveries),
    }
    return render(request, "console/publisher_deliveries.html", context)


@require_safe
@member_page("publish:read")
def publisher_delivery(request: MemberRequest, job_id: str) -> HttpResponse:
    """Show what arrived at a subscriber: files and checksums, never where or under which key."""
    job = get_delivery_of_publisher(owner=request.organization, job_id=job_id)
    page = Paginator(list_transfers(job=job), OBJECTS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "job": job,
        "progress": progress_of(job, at=timezone.now()),
        "live": job.state == JobState.IN_PROGRESS,
        "cause": cause_for_publisher(job),
        "page": page,
        "objects": page.object_list,
    }
    return render(request, "console/publisher_delivery.html", context)
