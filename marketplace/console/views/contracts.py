"""Pages of a data set's contract: what holds and what comes, its history, a new version by file, profile or form."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.console.contract_forms import (
    DocumentForm,
    PromiseForm,
    WhenForm,
    column_forms,
    edited,
    promises_of,
)
from marketplace.core import scopes
from marketplace.core.errors import DomainError, NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse, status_of
from publishers.contracts.model import Document, Table
from publishers.contracts.parsing import parse
from publishers.contracts.reading import read
from publishers.contracts.writing import to_yaml, with_form
from publishers.models import Contract, DataSet
from publishers.operations import contracts as operations
from publishers.queries.contracts import contract_state, get_contract, list_contracts
from publishers.queries.data_sets import get_owned_data_set
from publishers.queries.shown_contracts import shown
from subscriptions.queries import has_readers

VERSIONS_SHOWN = 50
COLUMNS_PER_PAGE = 40


def _own(request: MemberRequest, data_set_id: str) -> DataSet:
    return get_owned_data_set(owner=request.organization, data_set_id=data_set_id)


@require_safe
@member_page("publish:read")
def contract(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Show the contract of a data set; ?version= shows another than the newest, ?table= another of its tables."""
    return _page(request, _own(request, data_set_id))


def _page(request: MemberRequest, data_set: DataSet, *, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    versions = list(list_contracts(data_set=data_set)[:VERSIONS_SHOWN])
    in_force = next((row for row in versions if row.effective_at <= now), None)
    wanted = request.GET.get("version", "")
    chosen = get_contract(data_set=data_set, version=wanted) if wanted else next(iter(versions), None)
    context = {
        "data_set": data_set,
        "versions": [(row, contract_state(row, in_force=in_force, at=now)) for row in versions],
        "in_force": in_force,
        "announced": next((row for row in reversed(versions) if row.effective_at > now), None),
        "chosen": chosen,
        "changes": operations.changes_of(chosen) if chosen else [],
        "can_change": "publish:write" in scopes.allowed(request.membership),
        "form": DocumentForm(),
        "when_form": WhenForm(),
    }
    context |= shown(chosen, table=request.GET.get("table", ""), page=request.GET.get("page", ""))
    return render(request, "console/contract.html", context | more, status=status)


def _set(request: MemberRequest, data_set: DataSet, document: dict[str, Any], when: dict[str, Any]) -> Contract:
    now = timezone.now()
    return operations.set_contract(
        data_set=data_set,
        document=document,
        has_subscribers=has_readers(data_set=data_set, at=now),
        actor=request.actor,
        at=now,
        effective_at=when["effective_at"],
        notice=when["notice"],
    )


def _said(request: MemberRequest, made: Contract, data_set: DataSet) -> HttpResponse:
    is_now = made.effective_at <= timezone.now()
    words = "in force now" if is_now else f"announced, in force from {made.effective_at:%d %b %Y, %H:%M} UTC"
    messages.success(request, f"Contract {made.version} is {words}.")
    return redirect("contract", data_set_id=data_set.pk)


@require_POST
@member_page("publish:write")
def contract_upload(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Set a version from a document in YAML or JSON."""
    data_set = _own(request, data_set_id)
    form = DocumentForm(request.POST, request.FILES)
    status = 422
    if form.is_valid():
        try:
            return _said(request, _set(request, data_set, read(form.content()), form.cleaned_data), data_set)
        except DomainError as error:
            refuse(form, error)
            status = status_of(error)
    return _page(request, data_set, status=status, form=form)


@require_POST
@member_page("publish:write")
def contract_accept(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Set a version that promises what was measured of the newest revision."""
    data_set = _own(request, data_set_id)
    form = WhenForm(request.POST)
    status = 422
    if form.is_valid():
        now = timezone.now()
        try:
            made = operations.accept_measured(
                data_set=data_set,
                has_subscribers=has_readers(data_set=data_set, at=now),
                actor=request.actor,
                at=now,
                **form.cleaned_data,
            )
            return _said(request, made, data_set)
        except DomainError as error:
            refuse(form, error)
            status = status_of(error)
    return _page(request, data_set, status=status, when_form=form)


@require_POST
@member_page("publish:write")
def contract_withdraw(request: MemberRequest, data_set_id: str, version: str) -> HttpResponse:
    """Take back a version that is not in force yet."""
    data_set = _own(request, data_set_id)
    try:
        found = get_contract(data_set=data_set, version=version)
        operations.withdraw_contract(contract=found, actor=request.actor, at=timezone.now())
    except operations.ContractInForce as error:
        return _page(request, data_set, status=status_of(error), refusal=error)
    messages.success(request, f"Contract {version} withdrawn. Whoever was told of it is told again.")
    return redirect("contract", data_set_id=data_set.pk)


@require_safe
@member_page("publish:read")
def contract_download(request: MemberRequest, data_set_id: str, version: str) -> HttpResponse:
    """Send a version as a YAML file."""
    return as_download(get_contract(data_set=_own(request, data_set_id), version=version))


def as_download(found: Contract) -> HttpResponse:
    """Return the document of a contract as a file."""
    name = f"contract-{found.version}.odcs.yaml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(to_yaml(found.document), content_type="application/yaml", headers=headers)


@member_page("publish:write")
def contract_edit(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Change what the newest version promises, a table at a time, under the least version number that this needs."""
    data_set = _own(request, data_set_id)
    newest = list_contracts(data_set=data_set).first()
    if newest is None:
        raise NotFound("CONTRACT", "", "There is no contract to edit yet. Upload one, or accept one from a profile.")
    document = operations.document_of(newest)
    number = _number(request.GET.get("table"), len(document.tables))
    if not document.tables:
        raise NotFound("TABLE", "", "The contract has no table to edit. Upload a document with one.")
    table = document.tables[number]
    start = _number(request.GET.get("page"), -(-len(table.columns) // COLUMNS_PER_PAGE)) * COLUMNS_PER_PAGE
    posted = request.POST if request.method == "POST" else None
    columns = column_forms(table, start=start, most=COLUMNS_PER_PAGE, data=posted)
    form = PromiseForm(posted, initial=promises_of(document, table))
    status = 200
    if posted is not None:
        status = 422
        if all([form.is_valid(), *(each.is_valid() for each in columns)]):
            try:
                changed = with_form(newest.document, edited(table, columns, form.cleaned_data))
                parse(changed)
                changed = operations.with_least_version(changed, before=newest)
                return _said(request, _set(request, data_set, changed, form.cleaned_data), data_set)
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
    context = {"form": form, "columns": columns, "number": number, "start": start, **_frame(document, table)}
    return render(
        request, "console/contract_edit.html", context | {"data_set": data_set, "newest": newest}, status=status
    )


def _frame(document: Document, table: Table) -> dict[str, Any]:
    pages = range(-(-len(table.columns) // COLUMNS_PER_PAGE))
    return {"table": table, "tables": list(enumerate(document.tables)), "pages": pages if len(pages) > 1 else []}


def _number(text: str | None, count: int) -> int:
    """Return a number below `count` that a query names from 1; the first for anything else."""
    number = int(text) - 1 if text and text.isascii() and text.isdigit() and len(text) < 6 else 0
    return number if 0 <= number < count else 0
