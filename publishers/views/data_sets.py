"""Pages of data sets: the list, one with its revisions, create, describe and delete."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.core import scopes
from marketplace.core.errors import Conflict, DomainError
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse, status_of
from publishers.forms import DataSetForm, NewDataSetForm
from publishers.models import DataSet
from publishers.operations import data_sets as operations
from publishers.queries.data_sets import (
    get_owned_data_set,
    list_holding_products,
    list_owned_data_sets,
    list_revisions,
    published_among,
)

DATA_SETS_PER_PAGE = 25
REVISIONS_PER_PAGE = 20


@require_safe
@member_page("publish:read")
def data_sets(request: MemberRequest) -> HttpResponse:
    """List the organization's data sets; ?q= looks in their names."""
    everything = list_owned_data_sets(owner=request.organization)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    found = everything.filter(name__icontains=text) if text else everything
    context = {
        "page": Paginator(found, DATA_SETS_PER_PAGE).get_page(request.GET.get("page")),
        "text": text,
        "has_any": everything.exists(),
        "can_change": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "publishers/data_sets.html", context)


@require_safe
@member_page("publish:read")
def data_set(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Show a data set: its revisions as a timeline, which products list it and who has it by a data grant."""
    return _page(request, get_owned_data_set(owner=request.organization, data_set_id=data_set_id))


def _page(request: MemberRequest, found: DataSet, *, status: int = 200, **more: Any) -> HttpResponse:
    page = Paginator(list_revisions(data_set=found), REVISIONS_PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    published = published_among(revision_ids=[revision.pk for revision in shown])
    holders = list(list_holding_products(data_set=found))
    context = {
        "data_set": found,
        "page": page,
        "revisions": [(revision, published.get(revision.pk, 0)) for revision in shown],
        "entries": [entry for entry in holders if entry.product_id and not entry.closed_at],
        "grant_count": sum(1 for entry in holders if not entry.product_id and not entry.closed_at),
        "is_held": bool(holders),
        "can_change": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "publishers/data_set.html", context | more, status=status)


@member_page("publish:write")
def data_set_create(request: MemberRequest) -> HttpResponse:
    """Create a data set."""
    form = NewDataSetForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made = operations.create_data_set(
                    owner=request.organization, actor=request.actor, at=timezone.now(), **form.cleaned_data
                )
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
            else:
                messages.success(request, f"{made.name} created. Add its first revision.")
                return redirect("data-set", data_set_id=made.pk)
    return render(request, "publishers/data_set_form.html", {"form": form}, status=status)


@member_page("publish:write")
def data_set_edit(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Change the name and the description of a data set."""
    found = get_owned_data_set(owner=request.organization, data_set_id=data_set_id)
    form = DataSetForm(request.POST or None, initial={"name": found.name, "description": found.description})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                operations.update_data_set(data_set=found, actor=request.actor, at=timezone.now(), **form.cleaned_data)
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
            else:
                messages.success(request, "Saved.")
                return redirect("data-set", data_set_id=found.pk)
    return render(request, "publishers/data_set_form.html", {"form": form, "data_set": found}, status=status)


@require_POST
@member_page("publish:write")
def data_set_delete(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Delete a data set that nothing holds, with its revisions."""
    found = get_owned_data_set(owner=request.organization, data_set_id=data_set_id)
    try:
        operations.delete_data_set(data_set=found, actor=request.actor, at=timezone.now())
    except Conflict as error:
        return _page(request, found, status=status_of(error), refusal=error)
    messages.success(request, f"{found.name} deleted.")
    return redirect("data-sets")
