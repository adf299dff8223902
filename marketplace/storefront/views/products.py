"""A product's page, and subscribing to it."""

from collections.abc import Sequence

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from marketplace.core import scopes
from marketplace.core.errors import Conflict, Invalid, NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page
from marketplace.storefront.forms import AcceptForm
from marketplace.storefront.snippets import snippets
from publishers.models import AssetType, OfferVersion, Product, ProductState, PublishedDataSet
from publishers.queries.products import current_offer_version, get_listed_product, list_product_data_sets
from publishers.queries.publications import first_assets, list_publications, publication_figures
from publishers.queries.shelves import list_products_of
from subscriptions import operations
from subscriptions.queries import living_agreement

REVISIONS_PER_PAGE = 10
FILES_PER_REVISION = 4
RELATED = 3


def _offer_of(product: Product) -> OfferVersion | None:
    try:
        return current_offer_version(product=product)
    except NotFound:
        return None


def _dictionary(product: Product) -> list[dict[str, str]]:
    """Return the rows with the name that a deep link to a column carries."""
    rows, taken = [], set()
    for number, row in enumerate(product.dictionary, start=1):
        anchor = slugify(row.get("column", "")) or str(number)
        anchor = anchor if anchor not in taken else f"{anchor}-{number}"
        taken.add(anchor)
        rows.append(row | {"anchor": f"col-{anchor}"})
    return rows


def _ways(entries: Sequence[PublishedDataSet]) -> list[str]:
    """Return how the data reaches a subscriber, in a few words."""
    kinds = {entry.data_set.asset_type for entry in entries} or {AssetType.S3_SNAPSHOT.value}
    files = ["S3 export, rows by token"] if AssetType.S3_SNAPSHOT in kinds else []
    return files + [kind.label for kind in AssetType if kind in kinds and kind != AssetType.S3_SNAPSHOT]


@require_safe
def product(request: MemberRequest, product_id: str) -> HttpResponse:
    """Show everything a reader judges a product by; the owner sees a draft as others will."""
    viewer = request.organization if request.membership else None
    found = get_listed_product(product_id=product_id, viewer=viewer)
    agreement = living_agreement(organization=viewer, product=found) if viewer else None
    entries = list(list_product_data_sets(product=found))
    page = Paginator(list_publications(product=found), REVISIONS_PER_PAGE).get_page(request.GET.get("revisions"))
    shown = list(page.object_list)
    files = first_assets(
        revision_ids=[p.revision_id for p in shown if p.revision.revoked_at is None], each=FILES_PER_REVISION
    )
    context = {
        "product": found,
        "formats": found.search.formats if hasattr(found, "search") else [],
        "refreshed_at": found.search.refreshed_at if hasattr(found, "search") else None,
        "is_listed": found.state == ProductState.PUBLISHED,
        "is_own": viewer is not None and viewer.pk == found.owner_id,
        "offer": _offer_of(found),
        "agreement": agreement,
        "entries": entries,
        "figures": publication_figures(product=found),
        "ways": _ways(entries),
        "dictionary": _dictionary(found),
        "revisions": [(p, files.get(p.revision_id, [])) for p in shown],
        "revision_page": page,
        "only_files": all(entry.data_set.holds_files for entry in entries),
        "snippets": snippets(
            data_set_id=entries[0].pk if agreement and entries else "",
            holds_files=entries[0].data_set.holds_files if entries else True,
        ),
        "related": list_products_of(owner=found.owner).exclude(pk=found.pk)[:RELATED],
        "can_subscribe": request.membership is None or "subscriptions:write" in scopes.allowed(request.membership),
    }
    return render(request, "storefront/product.html", context)


@member_page("subscriptions:write")
def subscribe(request: MemberRequest, product_id: str) -> HttpResponse:
    """Read the terms, accept them, have the data."""
    found = get_listed_product(product_id=product_id)
    organization = request.organization
    if request.method != "POST":
        if living_agreement(organization=organization, product=found) is not None:
            messages.info(request, f"{organization.name} already subscribes to {found.name}.")
            return redirect("product", product_id=found.pk)
        return _subscribe_page(request, found, None, 200)
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return _subscribe_page(request, found, form, 422)
    try:
        operations.accept_offer(
            organization=organization,
            product=found,
            offer_version_id=form.cleaned_data["offer_version"],
            terms_accepted=form.cleaned_data["terms"],
            user=request.user,
            actor=request.actor,
            at=timezone.now(),
        )
    except Invalid as error:
        form.add_error("terms", error.message)
        return _subscribe_page(request, found, form, 422)
    except Conflict as error:
        # The form is drawn anew: what changed must be read, and ticked, again.
        return _subscribe_page(request, found, None, 409, refusal=error)
    messages.success(request, f"Subscribed to {found.name}. Your organization has access now.")
    entries = list(list_product_data_sets(product=found)[:2])
    if len(entries) == 1:
        return redirect("my-data-set", data_set_id=entries[0].pk)
    return redirect("my-data")


def _subscribe_page(
    request: MemberRequest, found: Product, form: AcceptForm | None, status: int, *, refusal: Conflict | None = None
) -> HttpResponse:
    offer = _offer_of(found)
    context = {
        "product": found,
        "offer": offer,
        "form": form or AcceptForm(initial={"offer_version": offer.pk if offer else ""}),
        "refusal": refusal,
        "agreement": living_agreement(organization=request.organization, product=found),
        "entries": list_product_data_sets(product=found),
        "figures": publication_figures(product=found),
        "back": reverse("product", args=[found.pk]),
    }
    return render(request, "storefront/subscribe.html", context, status=status)
