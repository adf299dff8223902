"""Saved searches: list, save, open, rename, switch alerts, delete."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.core.errors import Conflict, DomainError
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse, status_of
from marketplace.storefront.request_forms import SavedSearchForm
from marketplace.storefront.saved import Kept, read_queries, read_query
from subscriptions import saved_searches
from subscriptions.models import SavedSearch

PER_PAGE = 25


def _get(request: MemberRequest, saved_search_id: str) -> SavedSearch:
    return saved_searches.get_saved_search(
        organization=request.organization, user=request.user, saved_search_id=saved_search_id
    )


@require_safe
@member_page("catalogue:read")
def searches(request: MemberRequest) -> HttpResponse:
    """List the searches that a member saved, with how much is new in each."""
    found = saved_searches.list_saved_searches(organization=request.organization, user=request.user)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    kept = read_queries([saved.query for saved in page.object_list])
    pairs = [(saved, each.search) for saved, each in zip(page.object_list, kept, strict=True)]
    new = saved_searches.count_new_matches(rows=pairs, membership=request.membership, at=timezone.now())
    rows = list(zip(page.object_list, kept, new, strict=True))
    return render(request, "storefront/searches.html", {"page": page, "rows": rows, "most": saved_searches.MOST})


@member_page("catalogue:read")
def saved_search_create(request: MemberRequest) -> HttpResponse:
    """Save the search that the address stands for."""
    kept = read_query(request.META.get("QUERY_STRING", "")[:4000])
    form = SavedSearchForm(request.POST or None, initial={"name": kept.name, "alerts": True})
    status, known = 200, None
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                saved = saved_searches.save_search(
                    organization=request.organization,
                    user=request.user,
                    query=kept.query,
                    actor=request.actor,
                    at=timezone.now(),
                    **form.cleaned_data,
                )
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
                known = error.resource_id if isinstance(error, Conflict) else None
            else:
                told = " You are told when a new product matches." if saved.alerts else ""
                messages.success(request, f"Saved “{saved.name}”.{told}")
                return redirect("searches")
    return _form_page(request, form, kept, status, known=known)


def _form_page(request: MemberRequest, form: SavedSearchForm, kept: Kept, status: int, **more: Any) -> HttpResponse:
    context = {"form": form, "kept": kept, "saved": None} | more
    return render(request, "storefront/saved_search_form.html", context, status=status)


@require_safe
@member_page("catalogue:read")
def saved_search(request: MemberRequest, saved_search_id: str) -> HttpResponse:
    """Open the catalogue at what matches; from now on that has been seen."""
    saved = _get(request, saved_search_id)
    saved_searches.see_saved_search(saved_search=saved, membership=request.membership, at=timezone.now())
    return redirect(read_query(saved.query).url)


@member_page("catalogue:read")
def saved_search_edit(request: MemberRequest, saved_search_id: str) -> HttpResponse:
    """Rename a search, or switch its alerts."""
    saved = _get(request, saved_search_id)
    form = SavedSearchForm(request.POST or None, initial={"name": saved.name, "alerts": saved.alerts})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                saved_searches.change_saved_search(saved_search=saved, actor=request.actor, **form.cleaned_data)
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
            else:
                messages.success(request, "Changes saved.")
                return redirect("searches")
    return _form_page(request, form, read_query(saved.query), status, saved=saved)


@require_POST
@member_page("catalogue:read")
def saved_search_alerts(request: MemberRequest, saved_search_id: str) -> HttpResponse:
    """Switch the alerts of a search on (alerts=on) or off."""
    saved = saved_searches.change_saved_search(
        saved_search=_get(request, saved_search_id), alerts=request.POST.get("alerts") == "on", actor=request.actor
    )
    messages.success(request, f"Alerts for “{saved.name}” are {'on' if saved.alerts else 'off'}.")
    return redirect("searches")


@require_POST
@member_page("catalogue:read")
def saved_search_delete(request: MemberRequest, saved_search_id: str) -> HttpResponse:
    """Forget a search."""
    saved = _get(request, saved_search_id)
    saved_searches.delete_saved_search(saved_search=saved, actor=request.actor)
    messages.success(request, f"Saved search “{saved.name}” deleted.")
    return redirect("searches")
