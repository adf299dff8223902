"""Who may publish, and what may be listed: what waits, everything to judge it by, and the decision."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from marketplace.console.operator.changes import change_approvals
from marketplace.console.operator.forms import ApprovalForm, ReasonForm
from marketplace.console.operator.guard import operator_form
from marketplace.console.operator.queries import (
    get_organization_facts,
    get_product_facts,
    get_submitted_product,
    list_owned,
    list_request_times,
    list_submitted_products,
)
from marketplace.console.operator.views.frame import show
from marketplace.core.errors import DomainError
from marketplace.core.middleware import MemberRequest
from marketplace.core.operations.publishers import approve_publisher, decline_publisher
from marketplace.core.pages import refuse, status_of
from marketplace.core.queries.site import get_organization, get_site_settings, list_members, list_publisher_requests
from publishers.operations.reviews import approve_product, refuse_product

PER_PAGE = 25
SHOWN = 10


@operator_form("approves_publishers", "approves_products")
def approvals(request: MemberRequest) -> HttpResponse:
    """List what waits for approval, and set what has to."""
    settings = get_site_settings()
    kept = {name: getattr(settings, name) for name in ("approves_publishers", "approves_products")}
    form = ApprovalForm(request.POST if request.method == "POST" else None, initial=kept)
    if request.method == "POST" and form.is_valid():
        change_approvals(actor=request.actor, at=timezone.now(), **form.cleaned_data)
        messages.success(request, "Saved. It holds from now on.")
        return redirect("approvals")
    requests = Paginator(list_publisher_requests(), PER_PAGE).get_page(request.GET.get("publishers"))
    waiting = list(requests.object_list)
    asked = list_request_times(waiting) if waiting else {}
    context = {
        "form": form,
        "settings": settings,
        "requests": requests,
        "rows": [(organization, asked.get(organization.pk)) for organization in waiting],
        "products": Paginator(list_submitted_products(), PER_PAGE).get_page(request.GET.get("products")),
    }
    return show(request, "operator/approvals.html", "approvals", context)


def _decide(
    request: MemberRequest, *, approve: Callable[[], Any], decline: Callable[[str], Any], done: tuple[str, str]
) -> tuple[HttpResponse | None, ReasonForm, DomainError | None, int]:
    """Do what the form says; return (where to go) or the form with what is wrong, the refusal and the status."""
    form = ReasonForm(initial={"reason": request.GET.get("reason", "")})
    if request.method != "POST":
        return None, form, None, 200
    try:
        if request.POST.get("decision") == "approve":
            approve()
            messages.success(request, done[0])
            return redirect("approvals"), form, None, 302
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return None, form, None, 422
        decline(form.cleaned_data["reason"])
    except DomainError as error:
        if getattr(error, "field", ""):
            refuse(form, error)
            return None, form, None, status_of(error)
        return None, form, error, status_of(error)
    messages.success(request, done[1])
    return redirect("approvals"), form, None, 302


@operator_form("reason")
def publisher_approval(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Show an organization that asks to publish, and decide."""
    found = get_organization(organization_id)
    by: dict[str, Any] = {"organization": found, "actor": request.actor, "at": timezone.now()}
    answer, form, refusal, status = _decide(
        request,
        approve=lambda: approve_publisher(**by),
        decline=lambda reason: decline_publisher(reason=reason, **by),
        done=(f"{found.name} may publish now and is told so.", f"{found.name} is told why it may not publish."),
    )
    if answer is not None:
        return answer
    context = {
        "organization": found,
        "asked_at": list_request_times([found]).get(found.pk),
        "facts": get_organization_facts(found),
        "members": list_members(organization=found)[:SHOWN],
        "owned": list_owned(found, most=SHOWN),
        "form": form,
        "refusal": refusal,
    }
    return show(request, "operator/publisher_approval.html", "approvals", context, status=status)


@operator_form("reason")
def product_approval(request: MemberRequest, product_id: str) -> HttpResponse:
    """Show a product that waits to be listed as the catalogue would, and decide."""
    found = get_submitted_product(product_id)
    by: dict[str, Any] = {"product": found, "actor": request.actor, "at": timezone.now()}
    answer, form, refusal, status = _decide(
        request,
        approve=lambda: approve_product(**by),
        decline=lambda reason: refuse_product(reason=reason, **by),
        done=(f"{found.name} is in the catalogue.", f"{found.owner.name} is told why {found.name} was declined."),
    )
    if answer is not None:
        return answer
    context = {
        "product": found,
        "facts": get_product_facts(found),
        "form": form,
        "refusal": refusal,
    }
    return show(request, "operator/product_approval.html", "approvals", context, status=status)
