"""Subscribing to a product, or asking its publisher for access; what an organization has asked for."""

from datetime import datetime, timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.core import scopes
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, status_of
from marketplace.storefront.asking import RequestForm
from marketplace.storefront.forms import AcceptForm
from publishers.models import OfferVersion, Product, ProductState
from publishers.queries.products import current_offer_version, get_listed_product, list_product_data_sets, may_see
from publishers.queries.publications import publication_figures
from subscriptions import operations, requests
from subscriptions.answers import in_words
from subscriptions.models import RequestState, SubscriptionRequest
from subscriptions.queries import living_agreement
from subscriptions.request_queries import (
    deadline_of,
    email_domain_of,
    get_request,
    list_requests,
    state_at,
    usual_time_to_decide,
    waiting_request,
)

REQUESTS_PER_PAGE = 50


def _offer_of(product: Product) -> OfferVersion | None:
    try:
        return current_offer_version(product=product)
    except NotFound:
        return None


@member_page("subscriptions:write")
def subscribe(request: MemberRequest, product_id: str) -> HttpResponse:
    """Read the terms, accept them, have the data; or answer the publisher's questions and ask for it."""
    organization, now = request.organization, timezone.now()
    found = get_listed_product(product_id=product_id, viewer=organization)
    if found.state != ProductState.PUBLISHED:
        raise NotFound("PRODUCT", product_id)
    if request.method != "POST":
        if living_agreement(organization=organization, product=found) is not None:
            messages.info(request, f"{organization.name} already subscribes to {found.name}.")
            return redirect("product", product_id=found.pk)
        waiting = waiting_request(organization=organization, product=found, at=now)
        if waiting is not None and found.requires_approval:
            messages.info(request, f"{organization.name} has asked for {found.name} already.")
            return redirect("my-request", request_id=waiting.pk)
        return _page(request, found, None, 200)
    if found.requires_approval:
        return _ask(request, found, at=now)
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, 422)
    try:
        operations.accept_offer(
            organization=organization,
            product=found,
            offer_version_id=form.cleaned_data["offer_version"],
            terms_accepted=form.cleaned_data["terms"],
            user=request.user,
            actor=request.actor,
            at=now,
        )
    except Invalid as error:
        form.add_error("terms", error.message)
        return _page(request, found, form, 422)
    except Conflict as error:
        # The form is drawn anew: what changed must be read, and ticked, again.
        return _page(request, found, None, 409, refusal=error)
    messages.success(request, f"Subscribed to {found.name}. Your organization has access now.")
    return _to_the_data(found)


def _to_the_data(product: Product) -> HttpResponse:
    entries = list(list_product_data_sets(product=product)[:2])
    if len(entries) == 1:
        return redirect("my-data-set", data_set_id=entries[0].pk)
    return redirect("my-data")


def _ask(request: MemberRequest, found: Product, *, at: datetime) -> HttpResponse:
    form = RequestForm(request.POST, product=found)
    if not form.is_valid():
        return _page(request, found, form, 422)
    try:
        made = requests.create_request(
            organization=request.organization,
            product=found,
            offer_version_id=form.cleaned_data["offer_version"],
            terms_accepted=form.cleaned_data["terms"],
            answers=form.answers,
            read_questions=form.cleaned_data["questions"],
            user=request.user,
            actor=request.actor,
            at=at,
        )
    except (Conflict, LimitExceeded) as error:
        # Drawn anew with what was typed: the terms or questions that changed must be read, and ticked, again.
        found.refresh_from_db()
        again = None
        if found.requires_approval:
            version = _offer_of(found)
            again = RequestForm(product=found, initial=form.kept() | {"offer_version": version.pk if version else ""})
        return _page(request, found, again, status_of(error), refusal=error)
    if made.state == RequestState.APPROVED:
        messages.success(request, f"Approved at once. Your organization has access to {found.name} now.")
        return _to_the_data(found)
    messages.success(request, f"Asked {found.owner.name} for {found.name}.")
    return redirect("my-request", request_id=made.pk)


def _within(span: timedelta | None) -> str:
    """Say a time to decide, rounded up; empty when it is not known."""
    if span is None:
        return ""
    length, unit = (timedelta(days=1), "day") if span > timedelta(hours=20) else (timedelta(hours=1), "hour")
    amount = max(1, -(-span // length))
    return f"{amount} {unit}{'' if amount == 1 else 's'}"


def _page(
    request: MemberRequest,
    found: Product,
    form: AcceptForm | None,
    status: int,
    *,
    refusal: Conflict | LimitExceeded | None = None,
) -> HttpResponse:
    offer, organization = _offer_of(found), request.organization
    asks = found.requires_approval
    if form is None:
        initial = {"offer_version": offer.pk if offer else ""}
        form = RequestForm(product=found, initial=initial) if asks else AcceptForm(initial=initial)
    domain, is_verified = email_domain_of(request.user) if asks else ("", False)
    context = {
        "product": found,
        "offer": offer,
        "form": form,
        "refusal": refusal,
        "agreement": living_agreement(organization=organization, product=found),
        "waiting": waiting_request(organization=organization, product=found, at=timezone.now()) if asks else None,
        "entries": list_product_data_sets(product=found),
        "figures": publication_figures(product=found),
        "back": reverse("product", args=[found.pk]),
        "within": _within(usual_time_to_decide(owner=found.owner)) if asks else "",
        "days": requests.LIFE.days,
        "email_domain": domain,
        "email_is_verified": is_verified,
    }
    return render(request, "storefront/subscribe.html", context, status=status)


# --- what was asked for ---------------------------------------------------------------------------------------------------
@require_safe
@member_page("subscriptions:read")
def my_requests(request: MemberRequest) -> HttpResponse:
    """List what the organization asked for, newest first."""
    now = timezone.now()
    page = Paginator(list_requests(organization=request.organization), REQUESTS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "rows": [(row, state_at(row, at=now), deadline_of(row, at=now)) for row in page.object_list],
    }
    return render(request, "storefront/my_requests.html", context)


@require_safe
@member_page("subscriptions:read")
def my_request(request: MemberRequest, request_id: str) -> HttpResponse:
    """Show a request: where it stands, until when, what was answered."""
    return _receipt(request, get_request(organization=request.organization, request_id=request_id))


@require_POST
@member_page("subscriptions:write")
def my_request_withdraw(request: MemberRequest, request_id: str) -> HttpResponse:
    """Withdraw a request that the publisher has not decided."""
    found = get_request(organization=request.organization, request_id=request_id)
    try:
        requests.cancel_request(request=found, user=request.user, actor=request.actor, at=timezone.now())
    except Conflict as error:
        found = get_request(organization=request.organization, request_id=request_id)
        return _receipt(request, found, status=status_of(error), refusal=error)
    messages.success(request, f"Withdrew the request for {found.product.name}.")
    return redirect("my-request", request_id=found.pk)


def _receipt(
    request: MemberRequest, found: SubscriptionRequest, *, status: int = 200, refusal: Conflict | None = None
) -> HttpResponse:
    now, organization = timezone.now(), request.organization
    state = state_at(found, at=now)
    is_open = state in {RequestState.PENDING, RequestState.APPROVED}
    may_ask = not is_open and may_see(product=found.product, organization=organization)
    waiting = waiting_request(organization=organization, product=found.product, at=now) if may_ask else None
    agreement = living_agreement(organization=organization, product=found.product)
    context = {
        "asked": found,
        "state": state,
        "deadline": deadline_of(found, at=now),
        "answers": [(row["label"], in_words(row)) for row in found.answers],
        "refusal": refusal,
        "agreement": agreement,
        "waiting": waiting,
        "may_ask": may_ask and waiting is None and agreement is None,
        "within": _within(usual_time_to_decide(owner=found.product.owner)) if state == RequestState.PENDING else "",
        "can_change": "subscriptions:write" in scopes.allowed(request.membership),
    }
    return render(request, "storefront/my_request.html", context, status=status)
