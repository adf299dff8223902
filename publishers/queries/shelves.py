"""What the front of the catalogue needs beside a search: shelves, figures, newest products, marked words."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, QuerySet, Sum

from marketplace.core.models import Organization
from publishers.models import Product, ProductSearch
from publishers.models.facets import CATEGORY
from publishers.queries.catalogue import whole_counts
from publishers.queries.kept import Kept

#: Around a marked word in what the database answers; neither can stand in a text that goes in.
MARK_BEGIN, MARK_END = "\x02", "\x03"
_HEADLINE = f'HighlightAll=true, StartSel="{MARK_BEGIN}", StopSel="{MARK_END}"'


@dataclass(frozen=True)
class CatalogueFigures:
    """How much the catalogue holds."""

    products: int
    publishers: int
    revisions: int
    size_bytes: int


_kept: Kept[CatalogueFigures] = Kept()


def catalogue_figures() -> CatalogueFigures:
    """Return the totals over all listed products; of a large catalogue they may be a minute old."""
    return _kept.get("figures", _figures, size=lambda figures: figures.products)


def _figures() -> CatalogueFigures:
    found = ProductSearch.objects.aggregate(
        products=Count("pk"),
        publishers=Count("publisher", distinct=True),
        revisions=Sum("revision_count", default=0),
        size_bytes=Sum("size_bytes", default=0),
    )
    return CatalogueFigures(**found)


def shelf_counts() -> dict[str, int]:
    """Return how many products stand on each category's shelf; empty shelves are left out."""
    return whole_counts().facets[CATEGORY.name]


def list_newest_products() -> QuerySet[Product]:
    """Return the listed products, newest first."""
    return Product.objects.listed().select_related("owner", "search").order_by("-published_at", "pk")


def list_products_of(*, owner: Organization) -> QuerySet[Product]:
    """Return the listed products of one publisher, newest first."""
    return list_newest_products().filter(owner=owner)


def mark_words(*, texts: Sequence[str], words: str) -> list[str]:
    """Return the texts with every word that the search matches between MARK_BEGIN and MARK_END, in the same order."""
    if not texts or not words:
        return list(texts)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT array_agg(ts_headline('english', translate(t.words, %(marks)s, ''), q.query, %(options)s) ORDER BY t.n)
            FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS t(words, n),
                 (SELECT websearch_to_tsquery('english', %(words)s) || entrepot_prefix_query(%(words)s) AS query) q
            """,
            {"texts": list(texts), "words": words, "marks": MARK_BEGIN + MARK_END, "options": _HEADLINE},
        )
        row = cursor.fetchone()
    return list(row[0]) if row and row[0] else list(texts)


def publisher_figures(*, owner: Organization) -> CatalogueFigures:
    """Return the totals over one publisher's listed products."""
    found = ProductSearch.objects.filter(product__in=Product.objects.listed().filter(owner=owner)).aggregate(
        products=Count("pk"),
        revisions=Sum("revision_count", default=0),
        size_bytes=Sum("size_bytes", default=0),
    )
    return CatalogueFigures(publishers=1, **found)
