"""A product's page, and the documents on it."""

from collections.abc import Sequence

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dataapi.tables import is_tabular
from marketplace.core import brand, media, scopes
from marketplace.core.errors import NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.storefront import product_page
from marketplace.storefront.samples import sample_table
from marketplace.storefront.snippets import snippets
from marketplace.storefront.standing import standing_of
from publishers.models import Asset, DocumentKind, OfferVersion, Product, ProductState, PublishedRevision
from publishers.queries.product_pages import get_page_document, list_page_documents, list_related, page_figures
from publishers.queries.products import current_offer_version, list_product_data_sets
from publishers.queries.publications import first_assets, list_publications
from subscriptions.queries import get_shown_product

REVISIONS_PER_PAGE = 10
FILES_PER_REVISION = 4
RELATED = 4


def _offer_of(product: Product) -> OfferVersion | None:
    try:
        return current_offer_version(product=product)
    except NotFound:
        return None


def _table_to_read(shown: Sequence[PublishedRevision], files: dict[str, list[Asset]]) -> str:
    """Return the name of the first table of the newest revision, where that has more files than one."""
    newest = next((p for p in shown if p.revision.revoked_at is None), None)
    if newest is None or getattr(newest, "asset_count", 0) < 2:
        return ""
    return next((asset.name for asset in files.get(newest.revision_id, []) if is_tabular(asset)), "")


@require_safe
def product(request: MemberRequest, product_id: str) -> HttpResponse:
    """Show everything a reader judges a product by; the owner sees a draft as others will."""
    viewer = request.organization if request.membership else None
    found = get_shown_product(product_id=product_id, viewer=viewer)
    now = timezone.now()
    documents = list_page_documents(product=found, sample_id=request.GET.get("sample", "").replace("\0", ""))
    sample = next((document for document in documents if document.shown), None)
    preview = sample.shown if sample is not None else None
    standing = standing_of(product=found, organization=viewer, at=now)
    entries = list(list_product_data_sets(product=found))
    figures = page_figures(product=found)
    paginator = Paginator(list_publications(product=found), REVISIONS_PER_PAGE)
    paginator.count = figures.publications  # counted already, in the one statement of the figures
    page = paginator.get_page(request.GET.get("revisions"))
    shown = list(page.object_list)
    files = first_assets(
        revision_ids=[p.revision_id for p in shown if p.revision.revoked_at is None], each=FILES_PER_REVISION
    )
    offer = _offer_of(found)
    product_page.count_look(request, found, at=now)
    is_own = viewer is not None and viewer.pk == found.owner_id
    is_listed = found.state == ProductState.PUBLISHED
    can_subscribe = request.membership is None or "subscriptions:write" in scopes.allowed(request.membership)
    context = {
        "product": found,
        "figures": figures,
        "formats": product_page.formats_of(figures),
        "frequency": product_page.frequency_of(found),
        "regions": product_page.regions_of(found),
        "personal_data": product_page.personal_data_of(found),
        "history": product_page.history_of(entries, figures),
        "ways": product_page.ways_of(entries),
        "promises": found.frequency in product_page.DUE,
        "is_late": product_page.is_late(found, newest_at=figures.last_at, now=now),
        "is_listed": is_listed,
        "is_findable": product_page.is_findable(found),
        "is_own": is_own,
        "standing": standing,
        "offer": offer,
        "can_subscribe": can_subscribe,
        "can_take": can_subscribe and is_listed and offer is not None and not is_own,
        "entries": entries,
        "only_files": all(entry.data_set.holds_files for entry in entries),
        "samples": [document for document in documents if document.has_table],
        "sample": sample,
        "table": sample_table(preview, request.GET) if preview else None,
        "sample_files": [d for d in documents if d.kind == DocumentKind.SAMPLE and not d.has_table],
        "dictionary": product_page.dictionary_of(found, preview=preview, params=request.GET),
        "dictionary_files": [d for d in documents if d.kind == DocumentKind.DICTIONARY],
        "images": product_page.images_of(documents),
        "rights": product_page.rights_of(found),
        "revisions": [(p, files.get(p.revision_id, [])) for p in shown],
        "revision_page": page,
        "snippets": snippets(
            data_set_id=entries[0].pk if standing.has_access and entries else "",
            holds_files=entries[0].data_set.holds_files if entries else True,
            file_name=_table_to_read(shown, files),
        ),
        "related": list_related(product=found, most=RELATED),
        "address": product_page.address_of(found),
        "schema": product_page.schema_of(found, offer=offer, figures=figures, site_name=brand.current().name),
    }
    return render(request, "storefront/product.html", context)


@require_safe
def document_download(request: MemberRequest, product_id: str, document_id: str) -> HttpResponse:
    """Send the browser to a sample or a dictionary at the store, by a URL that lives five minutes."""
    viewer = request.organization if request.membership else None
    found = get_shown_product(product_id=product_id, viewer=viewer)
    document = get_page_document(product=found, document_id=document_id)
    if document.kind == DocumentKind.SAMPLE:
        product_page.count_look(request, found, at=timezone.now(), is_sample=True)
    response = HttpResponseRedirect(media.attachment_url(document.file.name or "", filename=document.name))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
