"""Pages of revisions: a draft with its files and uploads, finalize, edit again, delete, revoke."""

import json
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.core import audit, scopes, storage
from marketplace.core.errors import Conflict, DomainError
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse, status_of
from publishers.forms import RevisionForm, RevokeForm
from publishers.models import Revision, UploadState
from publishers.operations import revisions as operations
from publishers.operations import uploads
from publishers.operations.files import require_file
from publishers.queries.data_sets import (
    get_owned_asset,
    get_owned_data_set,
    get_owned_revision,
    list_assets,
    list_holding_products,
    published_among,
)

FILES_PER_PAGE = 100
FAILED_SHOWN = 20


@require_POST
@member_page("publish:write")
def revision_create(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Open a draft revision."""
    data_set = get_owned_data_set(owner=request.organization, data_set_id=data_set_id)
    made = operations.create_revision(data_set=data_set, comment="", actor=request.actor, at=timezone.now())
    return redirect("revision", data_set_id=data_set.pk, revision_id=made.pk)


def _get(request: MemberRequest, data_set_id: str, revision_id: str) -> Revision:
    return get_owned_revision(owner=request.organization, data_set_id=data_set_id, revision_id=revision_id)


@require_safe
@member_page("publish:read")
def revision(request: MemberRequest, data_set_id: str, revision_id: str) -> HttpResponse:
    """Show a revision: its files, for a draft also what is on its way."""
    return _page(request, _get(request, data_set_id, revision_id))


def _page(request: MemberRequest, found: Revision, *, status: int = 200, **more: Any) -> HttpResponse:
    assets = list_assets(revision=found).order_by("name", "pk")
    sizes = list(assets.values_list("size_bytes", flat=True))
    checking = list(found.uploads.filter(state=UploadState.CHECKING).order_by("created_at"))
    open_uploads = found.uploads.filter(state=UploadState.OPEN).exists()
    published = published_among(revision_ids=[found.pk]).get(found.pk, 0)
    holders = [entry for entry in list_holding_products(data_set=found.data_set) if not entry.closed_at]
    entries = [entry for entry in holders if entry.product is not None]
    context = {
        "revision": found,
        "data_set": found.data_set,
        "page": Paginator(assets, FILES_PER_PAGE).get_page(request.GET.get("page")),
        "file_count": len(sizes),
        "size_bytes": sum(sizes),
        "checking": checking,
        "failed": found.uploads.filter(state=UploadState.FAILED).order_by("-updated_at")[:FAILED_SHOWN],
        "entries": entries,
        "reached_count": sum(1 for entry in entries if entry.product is not None and entry.product.published_at),
        "grant_count": len(holders) - len(entries),
        "published": published,
        "can_reopen": found.is_finalized and not found.revoked_at and not published,
        "can_delete": not published,
        "hindrance": _hindrance(len(sizes), bool(checking), open_uploads, found.data_set.asset_noun),
        "can_change": "publish:write" in scopes.allowed(request.membership),
        "form": RevisionForm(initial={"comment": found.comment}),
        "revoke_form": RevokeForm(),
    }
    # Polls ask for the list of files; what can be resumed is read from the store only when the page is opened.
    if not found.is_finalized and found.data_set.holds_files and context["can_change"] and not request.htmx:  # type: ignore[attr-defined]
        context["unfinished"] = json.dumps(uploads.unfinished(found))
    return render(request, "publishers/revision.html", context | more, status=status)


def _hindrance(file_count: int, checking: bool, open_uploads: bool, noun: str) -> str:
    """Return why the draft cannot be finalized yet; empty when it can."""
    if checking:
        return "Files are being checked. Finalize when that is done."
    if open_uploads:
        return "An upload is not finished. Let it finish, or cancel it."
    if not file_count:
        return f"Add at least one {noun}."
    return ""


@require_POST
@member_page("publish:write")
def revision_edit(request: MemberRequest, data_set_id: str, revision_id: str) -> HttpResponse:
    """Change the comment of a draft."""
    found = _get(request, data_set_id, revision_id)
    form = RevisionForm(request.POST)
    if form.is_valid():
        try:
            operations.update_revision_comment(
                revision=found, comment=form.cleaned_data["comment"], actor=request.actor, at=timezone.now()
            )
        except DomainError as error:
            refuse(form, error)
            return _page(request, found, status=status_of(error), form=form)
        messages.success(request, "Comment saved.")
        return redirect("revision", data_set_id=data_set_id, revision_id=revision_id)
    return _page(request, found, status=422, form=form)


@require_POST
@member_page("publish:write")
def revision_finalize(request: MemberRequest, data_set_id: str, revision_id: str) -> HttpResponse:
    """Close the draft to further change; products publish it and auto-exports start."""
    found = _get(request, data_set_id, revision_id)
    try:
        operations.finalize_revision(revision=found, actor=request.actor, at=timezone.now())
    except DomainError as error:
        return _page(request, found, status=status_of(error), refusal=error)
    messages.success(request, "Finalized. Products and data grants that hold the data set publish it now.")
    return redirect("revision", data_set_id=data_set_id, revision_id=revision_id)


@require_POST
@member_page("publish:write")
def revision_reopen(request: MemberRequest, data_set_id: str, revision_id: str) -> HttpResponse:
    """Make a finalized revision that nobody has yet a draft again."""
    found = _get(request, data_set_id, revision_id)
    try:
        operations.reopen_revision(revision=found, actor=request.actor, at=timezone.now())
    except Conflict as error:
        return _page(request, found, status=status_of(error), refusal=error)
    messages.success(request, "Opened again. Finalize it when it is right.")
    return redirect("revision", data_set_id=data_set_id, revision_id=revision_id)


@require_POST
@member_page("publish:write")
def revision_delete(request: MemberRequest, data_set_id: str, revision_id: str) -> HttpResponse:
    """Delete a revision that is not published, with its files."""
    found = _get(request, data_set_id, revision_id)
    try:
        operations.delete_revision(revision=found, actor=request.actor, at=timezone.now())
    except Conflict as error:
        return _page(request, found, status=status_of(error), refusal=error)
    messages.success(request, f"Revision {found.pk[:8]} deleted.")
    return redirect("data-set", data_set_id=data_set_id)


@require_POST
@member_page("publish:write")
def revision_revoke(request: MemberRequest, data_set_id: str, revision_id: str) -> HttpResponse:
    """Take a revision away from every reader, with the reason."""
    found = _get(request, data_set_id, revision_id)
    form = RevokeForm(request.POST)
    if form.is_valid():
        try:
            operations.revoke_revision(
                revision=found, comment=form.cleaned_data["comment"], actor=request.actor, at=timezone.now()
            )
        except DomainError as error:
            refuse(form, error)
            return _page(request, found, status=status_of(error), revoke_form=form)
        messages.success(request, "Revoked. Nobody can read or export this revision any more.")
        return redirect("revision", data_set_id=data_set_id, revision_id=revision_id)
    return _page(request, found, status=422, revoke_form=form)


@require_safe
@member_page("publish:read")
def asset_download(request: MemberRequest, data_set_id: str, revision_id: str, asset_id: str) -> HttpResponse:
    """Send the browser to the file by a link that is good for five minutes."""
    asset = get_owned_asset(
        owner=request.organization, data_set_id=data_set_id, revision_id=revision_id, asset_id=asset_id
    )
    require_file(asset)
    audit.record("asset.downloaded", actor=request.actor, subject=asset)
    url = storage.public_vault().presign_get(asset.vault_key, filename=asset.name)
    response = HttpResponseRedirect(url)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@require_POST
@member_page("publish:write")
def asset_delete(request: MemberRequest, data_set_id: str, revision_id: str, asset_id: str) -> HttpResponse:
    """Take a file out of a draft."""
    asset = get_owned_asset(
        owner=request.organization, data_set_id=data_set_id, revision_id=revision_id, asset_id=asset_id
    )
    try:
        operations.remove_asset(asset=asset, actor=request.actor)
    except DomainError as error:
        return _page(request, asset.revision, status=status_of(error), refusal=error)
    messages.success(request, f"{asset.name} deleted.")
    return redirect("revision", data_set_id=data_set_id, revision_id=revision_id)
