"""What is on offer, for everybody."""

from dataclasses import dataclass
from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import PUBLIC, ApiView, operation
from marketplace.console.api.paging import Page, cursor_of, number_of
from marketplace.console.api.serializers.products import CatalogueItem, CatalogueProduct, CatalogueQuery
from marketplace.core.errors import NotFound
from marketplace.core.queries.organizations import list_organizations
from publishers.models import OfferVersion, Product, PublishedDataSet
from publishers.queries.catalogue import Search, search_catalogue
from publishers.queries.products import current_offer_version, get_listed_product, list_product_data_sets


def offer_of(product: Product) -> OfferVersion | None:
    """Return the newest version of the public offer, None when there is none."""
    try:
        return current_offer_version(product=product)
    except NotFound:
        return None


def logo_url_of(product: Product) -> str | None:
    """Return a short-lived address of the logo, None without one."""
    return product.logo.url if product.logo else None


@dataclass(frozen=True)
class ProductPage:
    """A product with what its page shows besides; anything else is asked of the product itself."""

    product: Product
    offer: OfferVersion | None
    data_sets: list[PublishedDataSet]
    logo_url: str | None
    missing: list[dict[str, str]]

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
    )


class CatalogueView(ApiView):
    tag = "Catalogue"

    @operation("search_catalogue", scope=PUBLIC, asks=CatalogueQuery, lists=CatalogueItem)
    def get(self, caller: Caller | None, query: dict[str, Any]) -> Page:
        """Search the catalogue.

        Values of one filter widen the search, different filters narrow it. The first 1,000 matches can be paged through.
        A cursor goes with the same `limit`.
        """
        accounts = query.get("publisher", [])
        search = Search(
            text=" ".join(query["q"].split()),
            categories=tuple(query.get("category", [])),
            formats=tuple(query.get("format", [])),
            publishers=tuple(o.pk for o in list_organizations(account_ids=accounts)) if accounts else (),
            sort=query["sort"],
            size=query["limit"],
        )
        if accounts and not search.publishers:
            return Page([], None)
        binding = [search.text, *sorted(search.categories), *sorted(search.formats), *sorted(accounts), search.sort]
        binding.append(str(search.size))
        number = number_of(query.get("cursor"), binding=binding)
        found = search_catalogue(search.at_page(number))
        more = found.has_more(number, size=search.size)
        return Page(found.products, cursor_of(number + 1, binding=binding) if more else None)


class CatalogueProductView(ApiView):
    tag = "Catalogue"

    @operation("get_catalogue_product", scope=PUBLIC, gives=CatalogueProduct)
    def get(self, caller: Caller | None, product_id: str) -> ProductPage:
        """Read a product's page: offer, data sets, publisher.

        `offer.offer_version_id` is what a subscription accepts.
        """
        return page_of_product(get_listed_product(product_id=product_id))
