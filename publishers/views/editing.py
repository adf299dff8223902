"""The editor of a product: what it shows, what was typed and not saved, saving and discarding."""

import copy
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from marketplace.core import scopes
from marketplace.core.errors import Conflict, DomainError, NotFound
from marketplace.core.media import image_url
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse, status_of
from publishers.models import DataSet, DocumentKind, Product, ProductState, Visibility
from publishers.operations import drafts
from publishers.operations.drafts import ChangedMeanwhile
from publishers.operations.products import blockers
from publishers.product_forms import (
    QUESTION_KINDS,
    DictionaryDocumentForm,
    DictionaryFileForm,
    ImageForm,
    LogoForm,
    ProductDataSetForm,
    ProductForm,
    SampleForm,
    ViewerForm,
    as_data,
    change_questions,
    numbered,
    shown_of,
    typed_values,
)
from publishers.queries.documents import list_documents, list_viewers
from publishers.queries.products import current_offer_version, get_owned_product, list_product_data_sets

DATA_SETS_OFFERED = 500
#: sections of the editor: anchor, title, icon
SECTIONS = (
    ("basics", "Basics", "tag"),
    ("about", "About the data", "file-text"),
    ("data", "Data sets", "database"),
    ("media", "Sample and files", "file-spreadsheet"),
    ("dictionary", "Dictionary", "table"),
    ("licence", "Licence and terms", "scale"),
    ("audience", "Audience", "eye"),
    ("approval", "Approval", "clipboard-check"),
)
#: what publishing needs: field of a blocker -> (its name, where it is mended)
NEEDED = {
    "short_description": ("Short description", "#id_short_description"),
    "description": ("Description", "#id_description"),
    "support_contact": ("Support contact", "#id_support_contact"),
    "data_sets": ("Data set with a finalized revision", "#data"),
    "dictionary": ("Data dictionary", "#dictionary"),
    "samples": ("Sample", "#media"),
    "publisher": ("Approval to publish", "/publish/approval"),
}
_ONLY_PUBLIC = {"dictionary", "samples"}
_COMPARED = 400


@member_page("publish:read")
def product_edit(request: MemberRequest, product_id: str) -> HttpResponse:
    """Change a product; what it still lacks for publishing stands beside the form."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    if request.method != "POST":
        return editor(request, found)
    scopes.require(scopes.allowed(request.membership), "publish:write")
    form, token = ProductForm(request.POST), request.POST.get("version", "")
    if not form.is_valid():
        return editor(request, _kept(found, request, token), form=form, status=422)
    try:
        drafts.apply_draft(product=found, changes=form.changes(), token=token, actor=request.actor, at=timezone.now())
    except ChangedMeanwhile as error:
        return conflict(request, found, ProductForm(initial=_typed(request, found)), error)
    except DomainError as error:
        refuse(form, error)
        return editor(request, _kept(found, request, token), form=form, status=status_of(error))
    messages.success(request, "Saved.")
    return redirect("product-edit", product_id=found.pk)


def _kept(found: Product, request: MemberRequest, token: str) -> Product:
    """Keep what was refused as a draft, unless somebody else was quicker, so that leaving the page loses nothing."""
    try:
        drafts.save_draft(product=found, values=typed_values(request.POST), token=token, at=timezone.now())
    except DomainError:
        return found
    return get_owned_product(owner=request.organization, product_id=found.pk)


@require_POST
@member_page("publish:write")
def product_draft(request: MemberRequest, product_id: str) -> HttpResponse:
    """Keep what was typed without saving it; `act` adds, moves or takes out a question on the way.

    The page's script sends X-Autosave and takes the parts that changed from the page that is answered.
    """
    found = get_owned_product(owner=request.organization, product_id=product_id)
    values, act = typed_values(request.POST), request.POST.get("act", "")
    if act:
        values = change_questions(values, act)
    try:
        drafts.save_draft(product=found, values=values, token=request.POST.get("version", ""), at=timezone.now())
    except Conflict as error:
        return conflict(request, found, ProductForm(initial=_typed(request, found)), error)
    except DomainError as error:
        form = ProductForm(initial=_typed(request, found))
        return editor(request, found, form=form, refusal=error, status=status_of(error))
    if "X-Autosave" in request.headers:
        return editor(request, get_owned_product(owner=request.organization, product_id=product_id))
    if not act:
        messages.success(request, "Draft kept. Save to change the product.")
    return redirect(f"{reverse('product-edit', args=[found.pk])}{'#questions' if act else ''}")


def _typed(request: MemberRequest, found: Product) -> dict[str, Any]:
    return shown_of(typed_values(request.POST), ProductForm.initial_of(found, _terms_of(found)))


@require_POST
@member_page("publish:write")
def product_draft_discard(request: MemberRequest, product_id: str) -> HttpResponse:
    """Forget what was typed and not saved."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    drafts.discard_draft(product=found, actor=request.actor, at=timezone.now())
    messages.success(request, "Unsaved changes discarded.")
    return redirect("product-edit", product_id=found.pk)


def conflict(request: MemberRequest, found: Product, form: ProductForm, error: Conflict) -> HttpResponse:
    """Show what was typed beside what somebody else has saved; saving once more is then a decision."""
    now = get_owned_product(owner=request.organization, product_id=found.pk)
    theirs = _stored(now)
    differing = [
        (field.label, _words(theirs.get(field.name)))
        for field in form
        if field.name != "questions" and _words(theirs.get(field.name)) != _words(field.value())
    ]
    return editor(request, now, form=form, refusal=error, differing=differing, status=409)


def _words(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(str(row.get("column", row)) if isinstance(row, dict) else str(row) for row in value)
    text = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
    return " ".join(str(text or "").split())[:_COMPARED]


def _terms_of(product: Product) -> str:
    try:
        return current_offer_version(product=product).terms
    except NotFound:
        return ""


def _stored(product: Product) -> dict[str, Any]:
    """Return what the form shows of a product: as it is saved, or as it was typed since."""
    saved = ProductForm.initial_of(product, _terms_of(product))
    return shown_of(product.draft, saved) if product.draft else saved


def _as_typed(product: Product, form: ProductForm) -> Product:
    """Return the product as it would be if what was typed were saved: for the preview and what is still missing."""
    bound = form if form.is_bound else ProductForm(as_data(product.draft)) if product.draft else None
    if bound is None:
        return product
    bound.is_valid()
    typed = copy.copy(product)
    for name, value in bound.changes().items():
        setattr(typed, name, value)
    return typed


def _checklist(product: Product) -> list[dict[str, Any]]:
    missing = dict(reversed(blockers(product)))
    asked = [
        field
        for field in NEEDED
        if field in missing
        or (field != "publisher" and (field not in _ONLY_PUBLIC or product.visibility == Visibility.PUBLIC))
    ]
    return [
        {"label": NEEDED[field][0], "href": NEEDED[field][1], "sentence": missing.get(field, "")} for field in asked
    ]


def _documents(product: Product) -> dict[str, list[Any]]:
    rows = list(list_documents(product=product))
    for row in rows:
        if row.kind == DocumentKind.IMAGE:
            row.url = image_url(str(row.file.name), content_type=row.content_type)  # type: ignore[attr-defined]
    return {
        "samples": [row for row in rows if row.kind == DocumentKind.SAMPLE],
        "dictionary_documents": [row for row in rows if row.kind == DocumentKind.DICTIONARY],
        "images": [row for row in rows if row.kind == DocumentKind.IMAGE],
    }


def editor(request: MemberRequest, found: Product, *, status: int = 200, **more: Any) -> HttpResponse:
    """Render the editor; `more` replaces its forms by those that were refused."""
    can_change = "publish:write" in scopes.allowed(request.membership)
    form = more.pop("form", None) or ProductForm(initial=_stored(found), is_read_only=not can_change)
    typed = _as_typed(found, form)
    entries = list(list_product_data_sets(product=found))
    listed = {entry.data_set_id for entry in entries}
    owned = DataSet.objects.owned_by(request.organization).order_by("-created_at", "-pk")[:DATA_SETS_OFFERED]
    offered = [data_set for data_set in owned if data_set.pk not in listed] if can_change else []
    checklist = _checklist(typed) if found.state == ProductState.DRAFT else []
    shown = {name: form[name].value() or "" for name in ("name", "short_description", "description", "category")}
    context = {
        "product": found,
        "form": form,
        "sections": SECTIONS,
        "token": drafts.token_of(found),
        "preview": shown | {"slug": found.slug, "logo": found.logo, "frequency": typed.get_frequency_display()},
        "questions": numbered(form["questions"].value()),
        "question_kinds": QUESTION_KINDS,
        "rights": [field for field in form if field.name.startswith("right_")],
        "entries": entries,
        "offered": offered,
        "add_form": ProductDataSetForm(data_sets=offered, auto_id="add_%s"),
        "logo_form": LogoForm(auto_id="logo_%s"),
        "sample_form": SampleForm(auto_id="sample_%s"),
        "document_form": DictionaryDocumentForm(auto_id="document_%s"),
        "image_form": ImageForm(auto_id="image_%s"),
        "dictionary_form": DictionaryFileForm(auto_id="columns_%s"),
        "viewer_form": ViewerForm(auto_id="viewer_%s"),
        "viewers": list(list_viewers(product=found)),
        "checklist": checklist,
        "missing": sum(1 for entry in checklist if entry["sentence"]),
        "can_change": can_change,
        "shows_preview": request.GET.get("view") == "preview",
    }
    return render(request, "publishers/product_edit.html", context | _documents(found) | more, status=status)


def act(
    request: MemberRequest, found: Product, work: Callable[[], Any], *, said: str, anchor: str = "", **form: Any
) -> HttpResponse:
    """Do something about a product and come back to its place in the editor; a refusal is shown there.

    form: the small form, by its name in the page, that a refusal is told at; without one it stands above the page.
    """
    try:
        work()
    except DomainError as error:
        for name, each in form.items():
            refuse(each, error)
            return editor(request, found, status=status_of(error), **{name: each})
        return editor(request, found, status=status_of(error), refusal=error)
    messages.success(request, said)
    return redirect(f"{reverse('product-edit', args=[found.pk])}{anchor}")
