"""Contracts as readers see them: of a product's data set, and of a data set that the organization has."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from marketplace.core.errors import NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page
from publishers.contracts.writing import to_yaml
from publishers.models import Contract, DataSet
from publishers.operations.contracts import changes_of
from publishers.queries.contracts import contract_state, get_contract, list_contracts
from publishers.queries.products import list_product_data_sets
from publishers.queries.shown_contracts import shown
from subscriptions.queries import get_entitled_data_set, get_shown_product

VERSIONS_SHOWN = 50


@require_safe
def product_contract(request: MemberRequest, product_id: str, data_set_id: str) -> HttpResponse:
    """Show what a data set of a product promises, to whoever may see the product."""
    viewer = request.organization if request.membership else None
    product = get_shown_product(product_id=product_id, viewer=viewer)
    entry = list_product_data_sets(product=product).filter(pk=data_set_id, closed_at=None).first()
    if entry is None:
        raise NotFound("DATA_SET", data_set_id)
    return _page(request, entry.data_set, {"product": product, "entry": entry})


@require_safe
@member_page("subscriptions:read")
def my_contract(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Show what a data set that the organization has promises."""
    entry = get_entitled_data_set(organization=request.organization, data_set_id=data_set_id, at=timezone.now())
    return _page(request, entry.data_set, {"entry": entry, "is_mine": True})


def _page(request: MemberRequest, data_set: DataSet, about: dict[str, Any]) -> HttpResponse:
    now = timezone.now()
    versions = list(list_contracts(data_set=data_set)[:VERSIONS_SHOWN])
    in_force = next((row for row in versions if row.effective_at <= now), None)
    chosen = _chosen(request.GET.get("version", ""), data_set, in_force, versions)
    context = about | {
        "data_set": data_set,
        "versions": [(row, contract_state(row, in_force=in_force, at=now)) for row in versions],
        "in_force": in_force,
        "announced": _announced(versions, now),
        "chosen": chosen,
        "changes": changes_of(chosen) if chosen else [],
    }
    context |= shown(chosen, table=request.GET.get("table", ""), page=request.GET.get("page", ""))
    return render(request, "storefront/contract.html", context)


def _chosen(version: str, data_set: DataSet, in_force: Contract | None, versions: list[Contract]) -> Contract | None:
    if version:
        return get_contract(data_set=data_set, version=version)
    return in_force or (versions[-1] if versions else None)


def _announced(versions: list[Contract], now: datetime) -> Contract | None:
    return next((row for row in reversed(versions) if row.effective_at > now), None)


@require_safe
@member_page("subscriptions:read")
def my_contract_download(request: MemberRequest, data_set_id: str, version: str) -> HttpResponse:
    """Send a version as a YAML file."""
    entry = get_entitled_data_set(organization=request.organization, data_set_id=data_set_id, at=timezone.now())
    found = get_contract(data_set=entry.data_set, version=version)
    headers = {"Content-Disposition": f'attachment; filename="contract-{found.version}.odcs.yaml"'}
    return HttpResponse(to_yaml(found.document), content_type="application/yaml", headers=headers)
