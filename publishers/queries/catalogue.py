"""Catalogue search: page, total and facet counts in two statements over the narrow search table."""

from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection, transaction

from publishers.models import Product

MATCHES_COUNTED = 50_000
MATCHES_RANKED = 1_000
PAGE = 18
SORTS = {
    "relevant": "b.rank DESC, b.popularity DESC, b.id",
    "updated": "b.refreshed_at DESC NULLS LAST, b.id",
    "popular": "b.popularity DESC, b.rank DESC, b.id",
    "name": "p.name, b.id",
}


@dataclass(frozen=True)
class Search:
    """What somebody looks for; comes from the URL."""

    text: str = ""
    categories: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    sort: str = "relevant"
    page: int = 1
    size: int = PAGE

    def at_page(self, page: int) -> "Search":
        """Return the same search at another page."""
        return replace(self, page=page)


@dataclass
class Found:
    """A page of products with what is needed around it. suggestion: a title that the words may have meant."""

    products: list[Product]
    total: int
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    suggestion: str = ""

    def has_more(self, page: int, *, size: int = PAGE) -> bool:
        """Return True when another page of ranked matches follows."""
        return page * size < min(self.total, MATCHES_RANKED)


def _conditions(search: Search, *, without: str = "") -> tuple[str, dict[str, Any]]:
    words = ["true"]
    values: dict[str, Any] = {"text": search.text}
    if search.text:
        # websearch_to_tsquery never raises, whatever people type; the prefix query finds a word while it is typed
        words.append("s.full_text @@ (websearch_to_tsquery('english', %(text)s) || entrepot_prefix_query(%(text)s))")
    if search.categories and without != "category":
        words.append("s.category = ANY(%(categories)s)")
        values["categories"] = list(search.categories)
    if search.formats and without != "format":
        words.append("s.formats ?| %(formats)s")
        values["formats"] = list(search.formats)
    if search.publishers and without != "publisher":
        words.append("s.owner_id = ANY(%(publishers)s)")
        values["publishers"] = list(search.publishers)
    return " AND ".join(words), values


def search_catalogue(search: Search) -> Found:
    """Return one page of products in the catalogue with facet counts (each facet without its own filter)."""
    condition, values = _conditions(search)
    order = SORTS.get(search.sort, SORTS["relevant"])
    rank = (
        "ts_rank(m.head, websearch_to_tsquery('english', %(text)s) || entrepot_prefix_query(%(text)s))"
        if search.text
        else "0"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH matches AS MATERIALIZED (
                SELECT s.product_id AS id, s.head, s.popularity, s.refreshed_at FROM publishers_productsearch s
                WHERE {condition} LIMIT {MATCHES_COUNTED}
            ), best AS (
                SELECT m.*, {rank} * ln(2 + m.popularity) AS rank
                FROM (SELECT * FROM matches ORDER BY popularity DESC, id LIMIT {MATCHES_RANKED}) m
            )
            SELECT (SELECT count(*) FROM matches),
                   array(SELECT b.id FROM best b JOIN publishers_product p ON p.id = b.id
                         ORDER BY {order} LIMIT %(size)s OFFSET %(offset)s)
            """,
            values | {"size": search.size, "offset": (search.page - 1) * search.size},
        )
        total, ids = cursor.fetchone() or (0, [])
    by_id = Product.objects.select_related("owner", "search").in_bulk(ids)
    found = Found(products=[by_id[i] for i in ids if i in by_id], total=int(total), facets=_facets(search))
    if search.text and not total:
        found.suggestion = _suggest(search.text)
    return found


def _facets(search: Search) -> dict[str, dict[str, int]]:
    parts: list[str] = []
    values: dict[str, Any] = {}
    for name, column in (
        ("category", "s.category"),
        ("format", "jsonb_array_elements_text(s.formats)"),
        ("publisher", "s.owner_id"),
    ):
        condition, given = _conditions(search, without=name)
        values |= given
        parts.append(
            f"SELECT '{name}', value, count(*) FROM (SELECT {column} AS value FROM publishers_productsearch s"
            f" WHERE {condition} LIMIT {MATCHES_COUNTED}) f GROUP BY value"
        )
    facets: dict[str, dict[str, int]] = {"category": {}, "format": {}, "publisher": {}}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        for name, value, count in cursor.fetchall():
            facets[name][value] = count
    return facets


def _suggest(text: str) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL pg_trgm.word_similarity_threshold = 0.3")  # two swapped letters score about 0.33
        cursor.execute(
            "SELECT p.name FROM publishers_product p JOIN publishers_productsearch s ON s.product_id = p.id"
            " WHERE %s <%% p.name ORDER BY word_similarity(%s, p.name) DESC, p.id LIMIT 1",
            [text, text],
        )
        row = cursor.fetchone()
    return str(row[0]) if row else ""
