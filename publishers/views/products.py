"""Pages of products: the list, a new one, publish and unpublish, logo, data sets and viewers. The editor: editing.py."""

from datetime import datetime
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
from publishers.models import DataSet, Product, ProductState, Visibility
from publishers.operations import documents, drafts
from publishers.operations import products as operations
from publishers.operations.products import LOGO_BYTES
from publishers.product_forms import LogoForm, NewProductForm, ProductDataSetForm, ProductForm, ViewerForm, as_data
from publishers.queries.data_sets import get_owned_data_set
from publishers.queries.products import get_owned_product, list_owned_products
from publishers.views.editing import DATA_SETS_OFFERED, act, editor

PRODUCTS_PER_PAGE = 25
#: written into a new product, so that nobody starts from nothing
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


# --- a new one --------------------------------------------------------------------------------------------------------
@member_page("publish:write")
def product_create(request: MemberRequest) -> HttpResponse:
    """Name a product; ?data_set= lists that data set in it and takes over its words. It stays a draft until published."""
    given = request.POST if request.method == "POST" else request.GET
    listed = _listed_first(request, str(given.get("data_set", "")))
    initial: dict[str, Any] = {"category": request.GET.get("category")}
    if listed is not None:
        initial |= {"name": listed.name[:72], "data_set": listed.pk, "has_sample": True}
    lists_files = listed is not None and listed.holds_files
    form = NewProductForm(request.POST if request.method == "POST" else None, initial=initial, lists_data=lists_files)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made = _create(request, form.cleaned_data, listed, timezone.now())
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
            else:
                return redirect("product-edit", product_id=made.pk)
    context = {"form": form, "data_set": listed}
    return render(request, "publishers/product/new.html", context, status=status)


def _listed_first(request: MemberRequest, data_set_id: str) -> DataSet | None:
    if not data_set_id:
        return None
    return get_owned_data_set(owner=request.organization, data_set_id=data_set_id[:32].replace("\x00", ""))


def _create(request: MemberRequest, wanted: dict[str, Any], listed: DataSet | None, at: datetime) -> Product:
    by: dict[str, Any] = {"actor": request.actor, "at": at}
    words: dict[str, Any] = {}
    if listed is not None:
        words = {"description": listed.description, "short_description": _first_lines(listed)}
    made = operations.create_product(
        owner=request.organization,
        name=wanted["name"],
        category=wanted["category"],
        terms=FIRST_TERMS,
        support_contact=request.organization.support_contact or request.user.email,
        **words,
        **by,
    )
    if listed is not None:
        operations.add_data_set(product=made, data_set=listed, **by)
        if wanted.get("has_sample"):
            try:
                documents.make_sample(product=made, **by)
                documents.fill_dictionary(product=made, **by)
            except Conflict as error:
                messages.warning(request, error.message)
    return made


def _first_lines(data_set: DataSet) -> str:
    text = " ".join(data_set.description.split())
    return text if len(text) <= 300 else f"{text[:300].rsplit(' ', 1)[0]} …"


# --- into the catalogue and out of it ---------------------------------------------------------------------------------
@require_POST
@member_page("publish:write")
def product_publish(request: MemberRequest, product_id: str) -> HttpResponse:
    """Save what was typed and put the product into the catalogue, or before the operator who approves it."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    by: dict[str, Any] = {"actor": request.actor, "at": timezone.now()}
    if found.draft:
        form = ProductForm(as_data(found.draft))
        if not form.is_valid():
            return editor(request, found, form=form, status=422)
        try:
            drafts.apply_draft(product=found, changes=form.changes(), token="", **by)
        except DomainError as error:
            refuse(form, error)
            return editor(request, found, form=form, status=status_of(error))
        found = get_owned_product(owner=request.organization, product_id=product_id)
    try:
        done = operations.publish_product(product=found, **by)
    except DomainError as error:
        return editor(request, found, status=status_of(error), refusal=error)
    if done.state != ProductState.PUBLISHED:
        said = f"{done.name} waits for the operator. You are told when it was looked at."
    elif done.visibility == Visibility.PUBLIC:
        said = f"{done.name} is in the catalogue."
    else:
        said = (
            f"{done.name} is published. It is {done.get_visibility_display().lower()}: the catalogue does not show it."
        )
    messages.success(request, said)
    return redirect("product-edit", product_id=found.pk)


@require_POST
@member_page("publish:write")
def product_withdraw(request: MemberRequest, product_id: str) -> HttpResponse:
    """Take a submitted product back from the operator."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    operations.withdraw_product(product=found, actor=request.actor, at=timezone.now())
    messages.success(request, f"{found.name} is a draft again.")
    return redirect("product-edit", product_id=found.pk)


@require_POST
@member_page("publish:write")
def product_unpublish(request: MemberRequest, product_id: str) -> HttpResponse:
    """Take a product out of the catalogue for good."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    operations.unpublish_product(product=found, actor=request.actor, at=timezone.now())
    messages.success(request, f"{found.name} was taken out of the catalogue. Who subscribed keeps access.")
    return redirect("product-edit", product_id=found.pk)


# --- logo, data sets, viewers -----------------------------------------------------------------------------------------
@require_POST
@member_page("publish:write")
def product_logo(request: MemberRequest, product_id: str) -> HttpResponse:
    """Set the picture of a product."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    form = LogoForm(request.POST, request.FILES, auto_id="logo_%s")
    if not form.is_valid():
        return editor(request, found, logo_form=form, status=422)
    content = form.cleaned_data["logo"].read(LOGO_BYTES + 1)
    by: dict[str, Any] = {"actor": request.actor, "at": timezone.now()}
    work = lambda: operations.set_logo(product=found, content=content, **by)  # noqa: E731
    return act(request, found, work, said="Logo saved.", anchor="#media", logo_form=form)


@require_POST
@member_page("publish:write")
def product_data_set_add(request: MemberRequest, product_id: str) -> HttpResponse:
    """List a data set in the product."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    owned = DataSet.objects.owned_by(request.organization).order_by("-created_at", "-pk")[:DATA_SETS_OFFERED]
    form = ProductDataSetForm(request.POST, data_sets=owned, auto_id="add_%s")
    if not form.is_valid():
        return editor(request, found, add_form=form, status=422)
    rules = dict(form.cleaned_data)
    data_set = get_owned_data_set(owner=request.organization, data_set_id=rules.pop("data_set"))
    by: dict[str, Any] = {"actor": request.actor, "at": timezone.now()}
    work = lambda: operations.add_data_set(product=found, data_set=data_set, **rules, **by)  # noqa: E731
    return act(request, found, work, said=f"{data_set.name} added.", anchor="#data", add_form=form)


@require_POST
@member_page("publish:write")
def product_data_set_remove(request: MemberRequest, product_id: str, data_set_id: str) -> HttpResponse:
    """Take a data set out of a draft product."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    data_set = get_owned_data_set(owner=request.organization, data_set_id=data_set_id)
    work = lambda: operations.remove_data_set(product=found, data_set=data_set, actor=request.actor)  # noqa: E731
    return act(request, found, work, said=f"{data_set.name} removed from the product.", anchor="#data")


@require_POST
@member_page("publish:write")
def product_viewer_add(request: MemberRequest, product_id: str) -> HttpResponse:
    """Let an organization see the product while it is private."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    form = ViewerForm(request.POST, auto_id="viewer_%s")
    if not form.is_valid():
        return editor(request, found, viewer_form=form, status=422)
    by: dict[str, Any] = {"actor": request.actor, "at": timezone.now()}
    account_id = form.cleaned_data["account_id"]
    work = lambda: operations.add_viewer(product=found, account_id=account_id, **by)  # noqa: E731
    return act(request, found, work, said="Organization added.", anchor="#audience", viewer_form=form)


@require_POST
@member_page("publish:write")
def product_viewer_remove(request: MemberRequest, product_id: str, account_id: str) -> HttpResponse:
    """Hide a private product from an organization again."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    by: dict[str, Any] = {"actor": request.actor, "at": timezone.now()}
    work = lambda: operations.remove_viewer(product=found, account_id=account_id, **by)  # noqa: E731
    return act(
        request, found, work, said="Organization removed. If it subscribed, it keeps access.", anchor="#audience"
    )
