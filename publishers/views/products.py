"""Pages of products: the list, the editor with preview and checklist, publish and unpublish."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.core import scopes
from marketplace.core.errors import DomainError, NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse, status_of
from publishers.forms import LogoForm, ProductDataSetForm, ProductForm
from publishers.models import Product, ProductState
from publishers.operations import products as operations
from publishers.operations.products import LOGO_BYTES
from publishers.queries.data_sets import get_owned_data_set, list_owned_data_sets
from publishers.queries.products import (
    current_offer_version,
    get_owned_product,
    list_owned_products,
    list_product_data_sets,
)

PRODUCTS_PER_PAGE = 25
DATA_SETS_OFFERED = 500
#: shown in a new form, so that nobody starts from nothing
FIRST_TERMS = (
    "You may use this data inside your organization, for any purpose. You may not pass it on. It is provided as it is,"
    " without warranty."
)


@require_safe
@member_page("publish:read")
def products(request: MemberRequest) -> HttpResponse:
    """List the organization's products."""
    context = {
        "page": Paginator(list_owned_products(owner=request.organization), PRODUCTS_PER_PAGE).get_page(
            request.GET.get("page")
        ),
        "can_change": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "publishers/products.html", context)


def _is_preview(request: MemberRequest) -> bool:
    """Tell a form that only wants to be seen; nothing is kept."""
    return request.method == "POST" and "preview" in request.POST


@member_page("publish:write")
def product_create(request: MemberRequest) -> HttpResponse:
    """Write a product; it stays a draft until it is published."""
    form = ProductForm(request.POST or None, initial={"terms": FIRST_TERMS, "category": request.GET.get("category")})
    status = 200
    if request.method == "POST" and not _is_preview(request):
        status = 422
        if form.is_valid():
            try:
                made = operations.create_product(
                    owner=request.organization, actor=request.actor, at=timezone.now(), **form.cleaned_data
                )
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
            else:
                messages.success(request, "Draft saved. Add a data set, then publish.")
                return redirect("product-edit", product_id=made.pk)
    return render(request, "publishers/product_edit.html", {"form": form, "preview": _preview(form)}, status=status)


@member_page("publish:read")
def product_edit(request: MemberRequest, product_id: str) -> HttpResponse:
    """Change a product; what it still lacks for publishing stands beside the form."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    if request.method != "POST":
        return _page(request, found)
    scopes.require(scopes.allowed(request.membership), "publish:write")
    form = ProductForm(request.POST)
    if _is_preview(request):
        return _page(request, found, form=form)
    if not form.is_valid():
        return _page(request, found, form=form, status=422)
    try:
        operations.update_product(product=found, actor=request.actor, at=timezone.now(), **form.cleaned_data)
    except DomainError as error:
        refuse(form, error)
        return _page(request, found, form=form, status=status_of(error))
    messages.success(request, "Saved.")
    return redirect("product-edit", product_id=found.pk)


def _terms_of(product: Product) -> str:
    try:
        return current_offer_version(product=product).terms
    except NotFound:
        return ""


def _preview(form: ProductForm, product: Product | None = None) -> dict[str, Any]:
    """Return what the card and the description show, saved or not."""
    names = ("name", "short_description", "description", "category")
    shown = {name: form[name].value() or "" for name in names}
    return shown | {"slug": product.slug if product else "new", "logo": product.logo if product else None}


def _page(request: MemberRequest, found: Product, *, status: int = 200, **more: Any) -> HttpResponse:
    form = more.pop("form", None) or ProductForm(initial=ProductForm.initial_of(found, _terms_of(found)))
    entries = list(list_product_data_sets(product=found))
    listed = {entry.data_set_id for entry in entries}
    offered = [
        data_set
        for data_set in list_owned_data_sets(owner=request.organization)[:DATA_SETS_OFFERED]
        if data_set.pk not in listed
    ]
    context = {
        "product": found,
        "form": form,
        "preview": _preview(form, found),
        "entries": entries,
        "offered": offered,
        "add_form": ProductDataSetForm(data_sets=offered, auto_id="add_%s"),
        "logo_form": LogoForm(),
        "blockers": operations.blockers(found) if found.state == ProductState.DRAFT else [],
        "can_change": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "publishers/product_edit.html", context | more, status=status)


@require_POST
@member_page("publish:write")
def product_publish(request: MemberRequest, product_id: str) -> HttpResponse:
    """Put a product into the catalogue."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    try:
        operations.publish_product(product=found, actor=request.actor, at=timezone.now())
    except DomainError as error:
        return _page(request, found, status=status_of(error), refusal=error)
    messages.success(request, f"{found.name} is in the catalogue.")
    return redirect("product-edit", product_id=found.pk)


@require_POST
@member_page("publish:write")
def product_unpublish(request: MemberRequest, product_id: str) -> HttpResponse:
    """Take a product out of the catalogue for good."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    operations.unpublish_product(product=found, actor=request.actor, at=timezone.now())
    messages.success(request, f"{found.name} was taken out of the catalogue. Who subscribed keeps access.")
    return redirect("product-edit", product_id=found.pk)


@require_POST
@member_page("publish:write")
def product_logo(request: MemberRequest, product_id: str) -> HttpResponse:
    """Set the picture of a product."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    form = LogoForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, found, logo_form=form, status=422)
    try:
        content = form.cleaned_data["logo"].read(LOGO_BYTES + 1)
        operations.set_logo(product=found, content=content, actor=request.actor, at=timezone.now())
    except DomainError as error:
        refuse(form, error)
        return _page(request, found, logo_form=form, status=status_of(error))
    messages.success(request, "Logo saved.")
    return redirect("product-edit", product_id=found.pk)


@require_POST
@member_page("publish:write")
def product_data_set_add(request: MemberRequest, product_id: str) -> HttpResponse:
    """List a data set in the product."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    form = ProductDataSetForm(
        request.POST, data_sets=list_owned_data_sets(owner=request.organization)[:DATA_SETS_OFFERED], auto_id="add_%s"
    )
    if not form.is_valid():
        return _page(request, found, add_form=form, status=422)
    rules = form.cleaned_data
    data_set = get_owned_data_set(owner=request.organization, data_set_id=rules.pop("data_set"))
    try:
        operations.add_data_set(product=found, data_set=data_set, actor=request.actor, at=timezone.now(), **rules)
    except DomainError as error:
        refuse(form, error)
        return _page(request, found, add_form=form, status=status_of(error))
    messages.success(request, f"{data_set.name} added.")
    return redirect("product-edit", product_id=found.pk)


@require_POST
@member_page("publish:write")
def product_data_set_remove(request: MemberRequest, product_id: str, data_set_id: str) -> HttpResponse:
    """Take a data set out of a draft product."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    data_set = get_owned_data_set(owner=request.organization, data_set_id=data_set_id)
    try:
        operations.remove_data_set(product=found, data_set=data_set, actor=request.actor)
    except DomainError as error:
        return _page(request, found, status=status_of(error), refusal=error)
    messages.success(request, f"{data_set.name} removed from the product.")
    return redirect("product-edit", product_id=found.pk)
