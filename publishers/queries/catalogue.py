"""Catalogue search over the narrow search table: page, total and facet counts, each facet counted without its own filter.

With words it is one statement: the matches (at most MATCHES_COUNTED), of these the best MATCHES_RANKED by the key of the
order, of these the page; the counts come from the same matches. Without words the page is read off an index, and the counts
are kept for a minute once counting takes noticeable time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

from django.db import connection, transaction

from publishers.models import Product
from publishers.models.facets import FACETS, PUBLISHER, Facet
from publishers.queries.kept import Kept

MATCHES_COUNTED = 50_000
MATCHES_RANKED = 1_000
#: of more matches than that, those in whose name or summary the words stand are candidates whatever their popularity
NAMES_RANKED = 300
PAGE = 18
#: publishers that are counted for the facet, those with most matches first
PUBLISHERS_COUNTED = 500
#: how alike a name must be, of 1; two swapped letters score about 0.33, which takes ten times as long to look for
SIMILARITIES = (0.5, 0.3)
NAMES_COMPARED, WORDS_COMPARED = 20, 6
#: how well the letters of the words must be found in a name, of 1
LIKENESS = 0.6
#: order -> (key by which candidates are chosen, order of the page)
SORTS: dict[str, tuple[str, str]] = {
    "relevant": ("popularity DESC", "b.rank DESC, b.popularity DESC, b.refreshed_at DESC NULLS LAST, b.id"),
    "newest": ("listed_at DESC", "b.listed_at DESC, b.id"),
    "popular": ("popularity DESC", "b.popularity DESC, b.rank DESC, b.id"),
    "updated": ("refreshed_at DESC NULLS LAST", "b.refreshed_at DESC NULLS LAST, b.id"),
    "name": ("sort_name", "b.sort_name, p.name, b.id"),
}
_QUERY = "(websearch_to_tsquery('english', %(text)s) || entrepot_prefix_query(%(text)s))"
#: words first; popular products before others; what was refreshed lately before what was left alone, by at most a quarter
_RANK = (
    f"ts_rank(s.head, {_QUERY}) * ln(2 + s.popularity)"
    " * (0.75 + 0.25 * exp(coalesce(least(date_part('epoch', s.refreshed_at - now()), 0) / 15552000, -10)))"
)
_GROUPS = (
    "((category_code, frequency_code, misses), (price_bits, delivery_bits, misses), (format_bits, misses),"
    " (region_bits, misses), (publisher, misses))"
)
#: what GROUPING() says of each of the groups -> the facets in it, in the order of the numbers
_GROUP_FACETS = {
    0b01111: ("category", "frequency"),
    0b10111: ("price", "delivery"),
    0b11011: ("format",),
    0b11101: ("region",),
    0b11110: ("publisher",),
}
_OF_REGION, _OF_PUBLISHER = 0b11101, 0b11110
_COUNTED = f"""
    counted AS MATERIALIZED (
        SELECT grouping(category_code, price_bits, format_bits, region_bits, publisher) AS kind,
               coalesce(category_code, price_bits, format_bits, region_bits, publisher)::bigint AS a,
               coalesce(frequency_code, delivery_bits, 0)::bigint AS b, misses, count(*) AS n
        FROM (%s) AS m GROUP BY GROUPING SETS {_GROUPS}
    )"""
_FACETS_BY_NAME = {facet.name: facet for facet in FACETS}
_BITS = {facet.name: 1 << number for number, facet in enumerate(FACETS)}
_PUBLISHER_BIT = _BITS[PUBLISHER.name]
_COUNTS = f"""
    array(SELECT array[kind::bigint, a, b, misses, n] FROM counted WHERE kind <> {_OF_PUBLISHER}) || array(
        SELECT array[{_OF_PUBLISHER}, a, 0, 0, sum(n)::bigint] FROM counted
        WHERE kind = {_OF_PUBLISHER} AND misses & ~{_PUBLISHER_BIT} = 0
        GROUP BY a ORDER BY sum(n) DESC, a LIMIT {PUBLISHERS_COUNTED})"""
_CODES = "s.category_code, s.frequency_code, s.price_bits, s.delivery_bits, s.format_bits, s.region_bits, s.publisher"
#: what a list shows of a product; the long texts stay where they are
_SHOWN = (
    "name",
    "short_description",
    "category",
    "logo",
    "logo_width",
    "logo_height",
    "update_frequency",
    "frequency",
    "regions",
    "state",
    "visibility",
    "published_at",
    "owner",
    *(f"search__{name}" for name in ("popularity", "size_bytes", "revision_count", "refreshed_at")),
    *(f"search__{name}" for name in ("format_bits", "delivery_bits", "price_bits")),
)


@dataclass(frozen=True)
class Search:
    """What somebody looks for; comes from the URL. publishers: account ids."""

    text: str = ""
    categories: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    deliveries: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    frequencies: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    sort: str = "relevant"
    page: int = 1
    size: int = PAGE

    def at_page(self, page: int) -> "Search":
        """Return the same search at another page."""
        return replace(self, page=page)

    @property
    def chosen(self) -> dict[str, tuple[str, ...]]:
        """Return facet -> the words chosen of it, for facets of which something is chosen."""
        values = {
            "category": self.categories,
            "price": self.prices,
            "delivery": self.deliveries,
            "format": self.formats,
            "frequency": self.frequencies,
            "region": self.regions,
            "publisher": self.publishers,
        }
        return {name: words for name, words in values.items() if words}

    def filters(self) -> "Search":
        """Return only what it is narrowed by, which is what the counts depend on."""
        return replace(self, text="", sort="relevant", page=1, size=PAGE)


@dataclass
class Counts:
    """How many products there are.

    facets: facet -> word -> count, each facet without its own filter. without: facet -> total if its filter were taken off.
    is_capped: there are more than were counted.
    """

    total: int = 0
    facets: dict[str, dict[str, int]] = field(default_factory=lambda: {facet.name: {} for facet in FACETS})
    without: dict[str, int] = field(default_factory=dict)
    is_capped: bool = False


@dataclass
class Found(Counts):
    """A page of products with what is needed around it. suggestion: a title that the words may have meant."""

    products: list[Product] = field(default_factory=list)
    suggestion: str = ""

    def has_more(self, page: int, *, size: int = PAGE) -> bool:
        """Return True when another page of ranked matches follows."""
        return page * size < min(self.total, MATCHES_RANKED)


_kept: Kept[Counts] = Kept()


def forget_counts() -> None:
    """Count anew at the next question; for whoever writes many products at once."""
    _kept.clear()


def _is_one_of(facet: Facet, words: Sequence[str]) -> str:
    """Return the condition that a row has one of the words of a facet; numbers only, so it needs no parameters."""
    if facet is PUBLISHER:
        numbers = [str(int(word)) for word in words if word.isascii() and word.isdigit() and len(word) <= 12]
    else:
        numbers = [str(facet.code(word)) for word in words if facet.code(word)]
    if not numbers:
        return "false"
    if facet.is_set:
        return f"s.{facet.column} & {facet.bits(words)} <> 0"
    return f"s.{facet.column} IN ({', '.join(sorted(set(numbers)))})"


def _filters(search: Search) -> dict[str, str]:
    return {name: _is_one_of(_FACETS_BY_NAME[name], words) for name, words in search.chosen.items()}


def conditions_of(search: Search) -> tuple[str, dict[str, Any]]:
    """Return the condition over a row `s` of the search table that a search makes, and its parameters."""
    words = list(_filters(search).values())
    if search.text:
        # websearch_to_tsquery never raises, whatever people type; the prefix query finds a word while it is typed
        words.insert(0, f"s.full_text @@ {_QUERY}")
    return " AND ".join(words) or "true", {"text": search.text}


def _misses(filters: dict[str, str]) -> str:
    """Return the expression for which of the filters a row fails, as bits."""
    return " + ".join(f"CASE WHEN {rule} THEN 0 ELSE {_BITS[name]} END" for name, rule in filters.items()) or "0"


def search_catalogue(search: Search) -> Found:
    """Return one page of products in the catalogue with facet counts (each facet without its own filter).

    Of a search with words at most MATCHES_COUNTED matches are counted. Only products that everybody may find are found.
    """
    counts, ids = _find(search) if search.text else _browse(search)
    found = Found(**vars(counts), products=_in_order(ids))
    if search.text and not counts.total:
        found.suggestion = _suggest(search.text)
    return found


def whole_counts() -> Counts:
    """Return the counts over the whole catalogue; of a large one they may be a minute old."""
    return _kept.get(Search(), lambda: _count(Search()), size=lambda counts: counts.total)


def _in_order(ids: Sequence[str]) -> list[Product]:
    if not ids:
        return []
    by_id = Product.objects.listed().select_related("owner", "search").only(*_SHOWN).in_bulk(ids)
    return [by_id[i] for i in ids if i in by_id]


def _find(search: Search) -> tuple[Counts, list[str]]:
    filters = _filters(search)
    narrowed = " AND ".join(filters.values()) or "true"
    key, order = SORTS.get(search.sort, SORTS["relevant"])
    column = key.split()[0]
    by_key = key.replace(column, "key", 1)
    misses = _misses(filters)
    # a row that fails two filters is counted nowhere
    counted = f" AND ({misses}) & (({misses}) - 1) = 0" if len(filters) > 1 else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH matches AS MATERIALIZED (
                SELECT s.ctid AS place, s.{column} AS key, {_CODES}, {misses} AS misses
                FROM publishers_productsearch s WHERE s.full_text @@ {_QUERY}{counted} LIMIT {MATCHES_COUNTED}
            ), best AS (
                SELECT place FROM matches WHERE misses = 0 ORDER BY {by_key} LIMIT {MATCHES_RANKED}
            ), named AS (
                SELECT place FROM (
                    SELECT s.ctid AS place, s.{column} AS key FROM publishers_productsearch s
                    WHERE (SELECT count(*) FROM matches WHERE misses = 0) > {MATCHES_RANKED} AND s.head @@ {_QUERY} AND {narrowed}
                    OFFSET 0
                ) AS n ORDER BY {by_key} LIMIT {NAMES_RANKED}
            ), ranked AS (
                SELECT s.product_id AS id, s.popularity, s.refreshed_at, s.listed_at, s.sort_name, {_RANK} AS rank
                FROM publishers_productsearch s
                WHERE s.ctid = ANY (array(SELECT place FROM best UNION SELECT place FROM named))
            ), {_COUNTED % "SELECT * FROM matches"}
            SELECT array(SELECT b.id FROM ranked b {"JOIN publishers_product p ON p.id = b.id" if "p." in order else ""}
                         ORDER BY {order} LIMIT %(size)s OFFSET %(offset)s), {_COUNTS}
            """,
            {"text": search.text, "size": search.size, "offset": (search.page - 1) * search.size},
        )
        ids, rows = cursor.fetchone() or ([], [])
    return _read(rows, filters, most=MATCHES_COUNTED), list(ids)


def _browse(search: Search) -> tuple[Counts, list[str]]:
    whole, filters = whole_counts(), search.filters()
    counts = whole
    if filters.chosen:
        counts = _kept.get(filters, lambda: _count(filters, whole), size=lambda _: whole.total)
    offset = (search.page - 1) * search.size
    if not counts.total or offset >= min(counts.total, MATCHES_RANKED):
        return counts, []
    condition, values = conditions_of(search)
    key, _ = SORTS.get(search.sort, SORTS["relevant"])
    # An index by the order is walked until the page is full. Where few rows pass the filters that is longer than to look
    # at all of them, and the planner does not know how rare a bit is: OFFSET 0 keeps it from the index.
    walked = (offset + search.size) * whole.total / counts.total
    fence = "OFFSET 0" if walked * 5 > whole.total else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.product_id FROM (SELECT s.product_id, s.{key.split()[0]} FROM publishers_productsearch s"
            f" WHERE {condition} {fence}) s ORDER BY s.{key}, s.product_id LIMIT %(size)s OFFSET %(offset)s",
            values | {"size": search.size, "offset": offset},
        )
        return counts, [row[0] for row in cursor.fetchall()]


def _count(search: Search, whole: Counts | None = None) -> Counts:
    """Return the counts of a search without words. whole: those of the whole catalogue, where something is chosen."""
    filters = _filters(search)
    misses, where = _misses(filters), "true"
    if len(filters) == 1:  # its own facet is that of the whole catalogue; the others need its rows only
        misses, where = "0", next(iter(filters.values()))
    elif filters:
        where = f"({misses}) & (({misses}) - 1) = 0"
    rows_of = f"SELECT {_CODES}, {misses} AS misses FROM publishers_productsearch s WHERE {where}"
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {_COUNTED % rows_of} SELECT {_COUNTS}")
        (rows,) = cursor.fetchone() or ([],)
    counts = _read(rows, filters)
    if len(filters) == 1 and whole is not None:
        (name,) = filters
        counts.facets[name] = whole.facets[name]
        counts.without[name] = whole.total
    return counts


def _read(rows: Sequence[Sequence[int]], filters: dict[str, str], *, most: int = 0) -> Counts:
    """Return the counts from rows of (group, number, number, failed filters, count)."""
    counts = Counts()
    seen, alone = 0, dict.fromkeys(filters, 0)
    sums: dict[str, dict[int, int]] = {facet.name: {} for facet in FACETS}
    for kind, a, b, misses, n in rows:
        for name, number in zip(_GROUP_FACETS[kind], (a, b), strict=False):
            if not misses & ~_BITS[name]:
                sums[name][number] = sums[name].get(number, 0) + n
        if kind == _OF_REGION:  # every row is in each group once
            seen += n
            if not misses:
                counts.total += n
            for name in filters:
                if misses == _BITS[name]:
                    alone[name] += n
    counts.without = {name: counts.total + n for name, n in alone.items()}
    counts.is_capped = bool(most) and seen >= most
    for facet in FACETS:
        words = counts.facets[facet.name]
        for number, n in sums[facet.name].items():
            for word in [str(number)] if facet is PUBLISHER else facet.read(number):
                words[word] = words.get(word, 0) + n
    return counts


def _suggest(text: str) -> str:
    """Return the name that resembles the text most; empty when none does, or when only filters keep the text from matching.

    Names are looked for by those words only that stand in no product at all: these are the ones mistyped.
    """
    words = [word for word in text.split() if len(word) > 2][:WORDS_COMPARED] or [text]
    with transaction.atomic(), connection.cursor() as cursor:
        # The planner takes one row to be found soon by reading the table; where nothing matches, that reads all of it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"""
            SELECT EXISTS (SELECT FROM publishers_productsearch s WHERE s.full_text @@ {_QUERY}),
                   array(SELECT w.word FROM unnest(%(words)s::text[]) AS w (word) WHERE NOT EXISTS (
                       SELECT FROM publishers_productsearch s WHERE s.full_text @@ {_QUERY.replace("%(text)s", "w.word")}))
            """,
            {"text": text, "words": words},
        )
        is_known, mistyped = cursor.fetchone() or (True, [])
        if is_known or not mistyped:
            return ""
        alike = " OR ".join(f"p.name %%> %(word{number})s" for number in range(len(mistyped)))
        values = {f"word{number}": word for number, word in enumerate(mistyped)}
        for least in SIMILARITIES:
            cursor.execute(f"SET LOCAL pg_trgm.word_similarity_threshold = {least}")
            cursor.execute(
                "SELECT p.name FROM publishers_product p JOIN publishers_productsearch s ON s.product_id = p.id"
                f" WHERE ({alike}) AND p.state = 'PUBLISHED' AND p.visibility = 'PUBLIC'"
                " ORDER BY word_similarity(%(text)s, p.name) DESC, s.popularity DESC, p.id LIMIT %(most)s",
                values | {"text": text, "most": NAMES_COMPARED},
            )
            names = [str(row[0]) for row in cursor.fetchall()]
            best = max(names, key=lambda name: _likeness(text, name), default="")
            if best and _likeness(text, best) >= LIKENESS:
                return best
    return ""


def _likeness(text: str, name: str) -> float:
    """Return how well the words of a text are found in a name, letter by letter: trigrams alone take "wheather" for wheat."""
    words = name.lower().split()
    typed = text.lower().split()
    return sum(max(SequenceMatcher(None, word, known).ratio() for known in words) for word in typed[:8]) / len(typed)
