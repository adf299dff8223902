"""A publisher's data grants: data sets shared directly with one organization."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.console.forms import DataGrantForm
from marketplace.console.queries import list_shareable_data_sets
from marketplace.core import scopes
from marketplace.core.errors import DomainError
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse, status_of
from publishers.queries.data_sets import get_owned_data_set, list_owned_data_sets
from subscriptions import operations
from subscriptions.queries import get_data_grant, list_data_grants

GRANTS_PER_PAGE = 25
DATA_SETS_OFFERED = 500


@require_safe
@member_page("publish:read")
def data_grants(request: MemberRequest) -> HttpResponse:
    """List the data grants that the organization gave, with their state: pending, accepted or ended."""
    now = timezone.now()
    page = Paginator(list_data_grants(owner=request.organization), GRANTS_PER_PAGE).get_page(request.GET.get("page"))
    rows = [
        (grant, "ended" if grant.has_ended(now) else "accepted" if grant.accepted_at else "pending")
        for grant in page.object_list
    ]
    context = {
        "page": page,
        "rows": rows,
        "can_change": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "console/data_grants.html", context)


@member_page("publish:write")
def data_grant_create(request: MemberRequest) -> HttpResponse:
    """Share a data set with one organization."""
    offered = list(list_shareable_data_sets(owner=request.organization)[:DATA_SETS_OFFERED])
    form = DataGrantForm(request.POST or None, initial={"data_set": request.GET.get("data_set", "")}, data_sets=offered)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            wanted = form.cleaned_data
            data_set = get_owned_data_set(owner=request.organization, data_set_id=wanted.pop("data_set"))
            try:
                grant = operations.create_data_grant(
                    sender=request.organization, data_set=data_set, actor=request.actor, at=timezone.now(), **wanted
                )
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
            else:
                messages.success(request, f"Shared. {grant.receiver.name} can accept it now.")
                return redirect("data-grants")
    has_data_sets = bool(offered) or list_owned_data_sets(owner=request.organization).exists()
    context = {"form": form, "offered": offered, "has_data_sets": has_data_sets}
    return render(request, "console/data_grant_create.html", context, status=status)


@require_POST
@member_page("publish:write")
def data_grant_delete(request: MemberRequest, data_grant_id: str) -> HttpResponse:
    """End a data grant at once; what was delivered stays with its receiver."""
    grant = get_data_grant(owner=request.organization, data_grant_id=data_grant_id)
    operations.delete_data_grant(data_grant=grant, actor=request.actor, at=timezone.now())
    messages.success(request, f"Data grant {grant.name} deleted.")
    return redirect("data-grants")
