"""Organizations and users of the whole installation."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from marketplace.console.operator.guard import operator_act, operator_page
from marketplace.console.operator.queries import count_by_organization, get_organization_facts, list_owned
from marketplace.console.operator.views.frame import show
from marketplace.core.errors import Conflict
from marketplace.core.middleware import MemberRequest
from marketplace.core.operations.publishers import set_verified
from marketplace.core.operations.users import reactivate_user, suspend_user
from marketplace.core.queries.site import (
    get_organization,
    get_user,
    list_members,
    search_organizations,
    search_users,
)

PER_PAGE = 25
SHOWN = 25


@require_safe
@operator_page
def organizations(request: MemberRequest) -> HttpResponse:
    """List all organizations, or those that ?q= finds."""
    words = request.GET.get("q", "")
    page = Paginator(search_organizations(words), PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    counts = count_by_organization([organization.pk for organization in shown])
    context = {"q": words, "page": page, "rows": [(o, counts[o.pk]) for o in shown]}
    return show(request, "operator/organizations.html", "organizations", context)


@require_safe
@operator_page
def organization(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Show an organization: who, what it keeps here, what it publishes."""
    found = get_organization(organization_id)
    context = {
        "organization": found,
        "facts": get_organization_facts(found),
        "members": list_members(organization=found)[:SHOWN],
        "owned": list_owned(found, most=SHOWN),
    }
    return show(request, "operator/organization.html", "organizations", context)


@operator_act(back="operator-organization", keep_ids=True)
def organization_verified(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Give or take the badge of an organization whose identity was checked."""
    found = get_organization(organization_id)
    is_verified = request.POST.get("verified") == "yes"
    set_verified(organization=found, is_verified=is_verified, actor=request.actor)
    words = "carries the badge of verified organizations now" if is_verified else "no longer carries the badge"
    messages.success(request, f"{found.name} {words}.")
    return redirect("operator-organization", organization_id=found.pk)


@require_safe
@operator_page
def users(request: MemberRequest) -> HttpResponse:
    """List all people, or those that ?q= finds."""
    words = request.GET.get("q", "")
    page = Paginator(search_users(words), PER_PAGE).get_page(request.GET.get("page"))
    return show(request, "operator/users.html", "users", {"q": words, "page": page})


@operator_act(back="operator-users")
def user_suspend(request: MemberRequest, user_id: int) -> HttpResponse:
    """Shut somebody out at once."""
    found = get_user(user_id)
    try:
        suspend_user(user=found, actor=request.actor, at=timezone.now())
    except Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{found.email} is suspended: signed out, tokens and access keys refused.")
    return redirect("operator-users")


@operator_act(back="operator-users")
def user_reactivate(request: MemberRequest, user_id: int) -> HttpResponse:
    """Let somebody in again."""
    found = get_user(user_id)
    reactivate_user(user=found, actor=request.actor, at=timezone.now())
    messages.success(request, f"{found.email} may sign in again.")
    return redirect("operator-users")
