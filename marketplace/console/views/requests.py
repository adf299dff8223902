"""A publisher's inbox of subscription requests: who asks, what they answered, approve or decline, then the next."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.console.request_forms import DeclineForm
from marketplace.core import scopes
from marketplace.core.errors import Conflict, DomainError, Invalid, NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, status_of
from publishers.models import ProductState
from publishers.queries.products import current_offer_version, list_owned_products
from subscriptions import requests
from subscriptions.answers import in_words
from subscriptions.models import RequestState, SubscriptionRequest
from subscriptions.request_queries import (
    count_by_state,
    count_requests_of,
    deadline_of,
    email_domain_of,
    get_received_request,
    list_asked_products,
    list_reasons,
    list_received_requests,
    list_subscriptions_of,
    next_waiting_request,
    place_of,
    rule_in_words,
    state_at,
)

REQUESTS_PER_PAGE = 50
REASONS_SHOWN = 5
SUBSCRIPTIONS_SHOWN = 10
#: ?state= -> (label, state)
FILTERS: dict[str, tuple[str, str]] = {
    "waiting": ("Waiting", RequestState.PENDING),
    "approved": ("Approved", RequestState.APPROVED),
    "declined": ("Declined", RequestState.DECLINED),
    "withdrawn": ("Withdrawn", RequestState.CANCELLED),
    "expired": ("Expired", RequestState.EXPIRED),
}


@require_safe
@member_page("publish:read")
def received_requests(request: MemberRequest) -> HttpResponse:
    """List the requests for the publisher's products: those that wait first, the next deadline on top."""
    owner, now = request.organization, timezone.now()
    products = list(list_asked_products(owner=owner).values_list("pk", "name"))
    product_id = request.GET.get("product", "")
    product_id = product_id if product_id in {pk for pk, _ in products} else ""
    chosen = request.GET.get("state", "")
    chosen = chosen if chosen in FILTERS else ""
    counts = count_by_state(owner=owner, product_id=product_id)
    rows = list_received_requests(owner=owner)
    if product_id:
        rows = rows.filter(product=product_id)
    if chosen:
        rows = rows.filter(state=FILTERS[chosen][1])
    page = Paginator(rows, REQUESTS_PER_PAGE).get_page(request.GET.get("page"))
    shown = [(row, state_at(row, at=now), deadline_of(row, at=now)) for row in page.object_list]
    can_decide = "publish:write" in scopes.allowed(request.membership)
    context = {
        "page": page,
        "rows": shown,
        "filters": [("", "All", sum(counts.values()))]
        + [(name, label, counts.get(state, 0)) for name, (label, state) in FILTERS.items()],
        "chosen": chosen,
        "products": products,
        "product_id": product_id,
        "total": bool(products),
        "can_decide": can_decide,
        "can_pick": can_decide and any(deadline for _, _, deadline in shown),
        "asks": products or list_owned_products(owner=owner).filter(requires_approval=True).exists(),
    }
    return render(request, "console/requests.html", context)


@require_POST
@member_page("publish:write")
def received_requests_approve(request: MemberRequest) -> HttpResponse:
    """Approve every request that was ticked; one that cannot be is named and keeps its state."""
    owner, now = request.organization, timezone.now()
    approved, refused = 0, []
    for request_id in request.POST.getlist("request")[:REQUESTS_PER_PAGE]:
        found = get_received_request(owner=owner, request_id=request_id.replace("\x00", ""))
        try:
            requests.approve_request(request=found, user=request.user, actor=request.actor, at=now)
            approved += 1
        except Conflict as error:
            refused.append(f"{found.organization.name}: {error.message}")
    if approved:
        messages.success(request, f"Approved {approved} request{'' if approved == 1 else 's'}.")
    if refused:
        messages.warning(request, f"Not approved: {' '.join(refused)}")
    if not approved and not refused:
        messages.info(request, "Tick the requests to approve first.")
    return redirect("received-requests")


@require_safe
@member_page("publish:read")
def received_request(request: MemberRequest, request_id: str) -> HttpResponse:
    """Show a request with what speaks for and against it."""
    return _page(request, get_received_request(owner=request.organization, request_id=request_id))


def _page(
    request: MemberRequest,
    found: SubscriptionRequest,
    *,
    form: DeclineForm | None = None,
    status: int = 200,
    refusal: DomainError | None = None,
) -> HttpResponse:
    owner, now = request.organization, timezone.now()
    reasons = list_reasons(owner=owner, most=REASONS_SHOWN)
    domain, is_verified = email_domain_of(found.requested_by)
    state = state_at(found, at=now)
    has = list_subscriptions_of(owner=owner, organization=found.organization)
    context: dict[str, Any] = {
        "asked": found,
        "state": state,
        "deadline": deadline_of(found, at=now),
        "answers": [(row["label"], in_words(row)) for row in found.answers],
        "who": found.organization,
        "email_domain": domain,
        "email_is_verified": is_verified,
        "has": list(has.select_related("product")[:SUBSCRIPTIONS_SHOWN]),
        "asked_before": count_requests_of(owner=owner, organization=found.organization) - 1,
        "rule": rule_in_words(found.rule),
        "newest_terms": _newest_terms(found),
        "is_listed": found.product.state == ProductState.PUBLISHED,
        "place": place_of(found, owner=owner, at=now),
        "form": form or DeclineForm(reasons=reasons),
        "refusal": refusal,
        "can_decide": "publish:write" in scopes.allowed(request.membership) and state == RequestState.PENDING,
        "may_decide": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "console/request.html", context, status=status)


def _newest_terms(found: SubscriptionRequest) -> int | None:
    """Return the number of the newest offer version where it is not the one that was accepted."""
    try:
        newest = current_offer_version(product=found.product)
    except NotFound:
        return None
    return newest.number if newest.pk != found.offer_version_id else None


@require_POST
@member_page("publish:write")
def received_request_approve(request: MemberRequest, request_id: str) -> HttpResponse:
    """Approve a request, then show the next one."""
    owner, now = request.organization, timezone.now()
    found = get_received_request(owner=owner, request_id=request_id)
    try:
        requests.approve_request(request=found, user=request.user, actor=request.actor, at=now)
    except Conflict as error:
        found = get_received_request(owner=owner, request_id=request_id)
        return _page(request, found, status=status_of(error), refusal=error)
    return _to_next(request, found, f"Approved. {found.organization.name} has access now.", at=now)


@require_POST
@member_page("publish:write")
def received_request_decline(request: MemberRequest, request_id: str) -> HttpResponse:
    """Decline a request with a reason, then show the next one."""
    owner, now = request.organization, timezone.now()
    found = get_received_request(owner=owner, request_id=request_id)
    form = DeclineForm(request.POST, reasons=list_reasons(owner=owner, most=REASONS_SHOWN))
    if not form.is_valid():
        return _page(request, found, form=form, status=422)
    try:
        requests.decline_request(
            request=found, reason=form.cleaned_data["reason"], user=request.user, actor=request.actor, at=now
        )
    except Invalid as error:
        form.add_error("reason", error.message)
        return _page(request, found, form=form, status=422)
    except Conflict as error:
        found = get_received_request(owner=owner, request_id=request_id)
        return _page(request, found, form=form, status=status_of(error), refusal=error)
    return _to_next(request, found, f"Declined. {found.organization.name} is told why.", at=now)


def _to_next(request: MemberRequest, found: SubscriptionRequest, done: str, *, at: datetime) -> HttpResponse:
    after = next_waiting_request(found, owner=request.organization, at=at)
    if after is None:
        messages.success(request, f"{done} Nothing else waits.")
        return redirect("received-requests")
    messages.success(request, f"{done} Next: {after.organization.name}.")
    return redirect("received-request", request_id=after.pk)
