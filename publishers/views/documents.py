"""Files on a product's page, and the dictionary that is made from them: add, move, describe, take away."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.core.media import attachment_url
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page
from publishers.models import DocumentKind, Product
from publishers.operations import documents, drafts, products
from publishers.product_forms import DictionaryDocumentForm, DictionaryField, DictionaryFileForm, ImageForm, SampleForm
from publishers.queries.documents import get_owned_document
from publishers.queries.products import get_owned_product
from publishers.views.editing import act, editor

#: what stands in the path -> (kind, form, its name in the page, beginning of its ids)
KINDS: dict[str, tuple[str, type[Any], str, str]] = {
    "sample": (DocumentKind.SAMPLE, SampleForm, "sample_form", "sample_%s"),
    "dictionary": (DocumentKind.DICTIONARY, DictionaryDocumentForm, "document_form", "document_%s"),
    "image": (DocumentKind.IMAGE, ImageForm, "image_form", "image_%s"),
}


def _by(request: MemberRequest) -> dict[str, Any]:
    return {"actor": request.actor, "at": timezone.now()}


@require_POST
@member_page("publish:write")
def product_document_add(request: MemberRequest, product_id: str) -> HttpResponse:
    """Put a file on the product's page; `kind` is sample, dictionary or image."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    kind, form_class, name, auto_id = KINDS.get(request.POST.get("kind", ""), KINDS["sample"])
    form = form_class(request.POST, request.FILES, auto_id=auto_id)
    if not form.is_valid():
        return editor(request, found, status=422, **{name: form})
    file, by = form.cleaned_data["file"], _by(request)
    caption = form.cleaned_data.get("caption", "")

    def work() -> None:
        documents.add_document(product=found, kind=kind, name=file.name, stream=file, caption=caption, **by)

    return act(request, found, work, said="File added.", anchor="#media", **{name: form})


@require_POST
@member_page("publish:write")
def product_sample_make(request: MemberRequest, product_id: str) -> HttpResponse:
    """Make a sample of the first rows of the newest revision."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    by = _by(request)
    work = lambda: documents.make_sample(product=found, **by)  # noqa: E731
    return act(request, found, work, said="Sample made from the newest revision.", anchor="#media")


@require_safe
@member_page("publish:read")
def product_document(request: MemberRequest, product_id: str, document_id: str) -> HttpResponse:
    """Lead to a download of the file, which lives for five minutes."""
    found = get_owned_document(owner=request.organization, product_id=product_id, document_id=document_id)
    answer = redirect(attachment_url(str(found.file.name), filename=found.name))
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@member_page("publish:write")
def product_document_change(request: MemberRequest, product_id: str, document_id: str) -> HttpResponse:
    """Move a file among those of its kind (`move` is a place, from 1), or write another caption."""
    document = get_owned_document(owner=request.organization, product_id=product_id, document_id=document_id)
    found = get_owned_product(owner=request.organization, product_id=product_id)
    place = request.POST.get("move", "")
    by = _by(request)

    def work() -> None:
        documents.change_document(
            document=document,
            caption=request.POST.get("caption"),
            position=int(place) if place.isdecimal() and len(place) < 4 else None,
            **by,
        )

    return act(request, found, work, said="Saved.", anchor="#media")


@require_POST
@member_page("publish:write")
def product_document_remove(request: MemberRequest, product_id: str, document_id: str) -> HttpResponse:
    """Take a file off the product's page."""
    document = get_owned_document(owner=request.organization, product_id=product_id, document_id=document_id)
    found = get_owned_product(owner=request.organization, product_id=product_id)
    work = lambda: documents.remove_document(document=document, actor=request.actor)  # noqa: E731
    return act(request, found, work, said=f"{document.name} removed.", anchor="#media")


@require_POST
@member_page("publish:write")
def product_dictionary_fill(request: MemberRequest, product_id: str) -> HttpResponse:
    """Add the columns of the samples that the dictionary lacks: to what was typed, where something was typed."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    at = timezone.now()
    written = _typed_dictionary(found)
    rows = documents.missing_columns(product=found, dictionary=found.dictionary if written is None else written)
    words = f"{len(rows)} column{'' if len(rows) == 1 else 's'} added. Now write what each means."
    said = words if rows else "The dictionary has every column of the samples already."

    def work() -> None:
        if rows:
            _write(request, found, [*(found.dictionary if written is None else written), *rows], at)

    return act(request, found, work, said=said, anchor="#dictionary")


@require_POST
@member_page("publish:write")
def product_dictionary_import(request: MemberRequest, product_id: str) -> HttpResponse:
    """Take the dictionary from a CSV file."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    form = DictionaryFileForm(request.POST, request.FILES, auto_id="columns_%s")
    if not form.is_valid():
        return editor(request, found, dictionary_form=form, status=422)
    content, at = form.cleaned_data["file"].read(documents.MIB + 1), timezone.now()
    work = lambda: _write(request, found, documents.read_dictionary(content), at)  # noqa: E731
    return act(request, found, work, said="Dictionary taken over.", anchor="#dictionary", dictionary_form=form)


def _typed_dictionary(found: Product) -> list[dict[str, str]] | None:
    """Return the dictionary that was typed and not saved, None where there is none or it cannot be read."""
    lines = found.draft.get("dictionary")
    if not lines:
        return None
    try:
        rows: list[dict[str, str]] = DictionaryField(required=False).clean(lines[0])
    except ValidationError:
        return None
    return rows


def _write(request: MemberRequest, found: Product, rows: list[dict[str, str]], at: Any) -> None:
    """Save a dictionary, and have a draft show it as well."""
    products.update_product(product=found, dictionary=rows, actor=request.actor, at=at)
    if found.draft:
        lines = str(DictionaryField().prepare_value(rows))
        drafts.save_draft(product=found, values=found.draft | {"dictionary": [lines]}, token="", at=at)
