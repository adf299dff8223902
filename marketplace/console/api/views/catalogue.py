"""What is on offer, for everybody."""

from dataclasses import dataclass
from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import PUBLIC, ApiView, operation
from marketplace.console.api.paging import cursor_of, number_of
from marketplace.console.api.serializers.products import CatalogueMatches, CatalogueProduct, CatalogueQuery
from marketplace.core import media
from marketplace.core.errors import NotFound
from marketplace.core.models import Organization
from publishers.models import OfferVersion, Product, ProductSearch, PublishedDataSet
from publishers.operations.search import row_of
from publishers.queries.catalogue import Search, search_catalogue
from publishers.queries.products import current_offer_version, get_listed_product, list_product_data_sets


def viewer_of(caller: Caller | None) -> Organization | None:
    """Return for whom the catalogue is shown: a caller without the scope sees what everybody sees."""
    return caller.organization if caller is not None and "catalogue:read" in caller.scopes else None


def offer_of(product: Product) -> OfferVersion | None:
    """Return the newest version of the public offer, None when there is none."""
    try:
        return current_offer_version(product=product)
    except NotFound:
        return None


def logo_url_of(product: Product) -> str | None:
    """Return a short-lived address of the logo, None without one."""
    return media.image_url(str(product.logo.name), content_type="image/png") if product.logo else None


def search_row_of(product: Product) -> ProductSearch:
    """Return the search row of a product; made up for one that is not in the search, and then not kept."""
    return product.search if hasattr(product, "search") else row_of(product)


@dataclass(frozen=True)
class ProductPage:
    """A product with what its page shows besides; anything else is asked of the product itself."""

    product: Product
    offer: OfferVersion | None
    data_sets: list[PublishedDataSet]
    logo_url: str | None
    missing: list[dict[str, str]]
    search: ProductSearch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.product, name)


def page_of_product(product: Product, *, missing: list[tuple[str, str]] | None = None) -> ProductPage:
    """Return a product as the API shows it."""
    return ProductPage(
        product=product,
        offer=offer_of(product),
        data_sets=list(list_product_data_sets(product=product)),
        logo_url=logo_url_of(product),
        missing=[{"field": field, "detail": detail} for field, detail in missing or []],
        search=search_row_of(product),
    )


class CatalogueView(ApiView):
    tag = "Catalogue"

    @operation("search_catalogue", scope=PUBLIC, asks=CatalogueQuery, gives=CatalogueMatches)
    def get(self, caller: Caller | None, query: dict[str, Any]) -> dict[str, Any]:
        """Search the catalogue.

        Values of one filter widen the search, different filters narrow it. The first 1,000 matches can be paged through.
        A cursor goes with the same `limit`. `facets` counts what each value of a filter would show, given the others.
        """
        search = Search(
            text=" ".join(query["q"].split()),
            categories=tuple(query.get("category", [])),
            prices=tuple(query.get("price", [])),
            deliveries=tuple(query.get("delivery", [])),
            formats=tuple(query.get("format", [])),
            frequencies=tuple(query.get("frequency", [])),
            regions=tuple(query.get("region", [])),
            publishers=tuple(query.get("publisher", [])),
            sort=query["sort"],
            size=query["limit"],
        )
        binding = [search.text, *(f"{name}={word}" for name, words in search.chosen.items() for word in sorted(words))]
        binding += [search.sort, str(search.size)]
        number = number_of(query.get("cursor"), binding=binding)
        found = search_catalogue(search.at_page(number))
        more = found.has_more(number, size=search.size)
        return {
            "items": found.products,
            "next_cursor": cursor_of(number + 1, binding=binding) if more else None,
            "total": found.total,
            "is_capped": found.is_capped,
            "facets": found.facets,
            "suggestion": found.suggestion,
        }


class CatalogueProductView(ApiView):
    tag = "Catalogue"

    @operation("get_catalogue_product", scope=PUBLIC, gives=CatalogueProduct)
    def get(self, caller: Caller | None, product_id: str) -> ProductPage:
        """Read a product's page: offer, data sets, publisher.

        `offer.offer_version_id` is what a subscription accepts. A private product is there for those who may see it.
        """
        return page_of_product(get_listed_product(product_id=product_id, viewer=viewer_of(caller)))
