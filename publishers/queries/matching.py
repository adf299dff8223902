"""Which listed products match a search, the newest of them first: for alerts and feeds, where nothing is ranked or counted."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Min, QuerySet

from publishers.models import Product
from publishers.queries.catalogue import Search, conditions_of

#: how many new products one look takes; the next look takes the rest
MOST_NEW = 1_000
#: how many popular matches are ranked by their words
CANDIDATES = 300
_PARAMETER = re.compile(r"%\((\w+)\)s")


def list_new_products(*, since: datetime, until: datetime) -> QuerySet[Product]:
    """Return the products that everybody sees and that were published in (since, until], oldest first; id, name, instant."""
    return (
        Product.objects.listed()
        .only("name", "published_at")
        .filter(published_at__gt=since, published_at__lte=until)
        .order_by("published_at", "pk")
    )


def first_unindexed_at(*, since: datetime) -> datetime | None:
    """Return when the oldest listed product was published that no search finds yet, of those published after an instant."""
    waiting = Product.objects.listed().filter(published_at__gt=since, search=None)
    found: datetime | None = waiting.aggregate(at=Min("published_at"))["at"]
    return found


def match_products(*, searches: Sequence[Search], product_ids: Iterable[str]) -> list[list[str]]:
    """Return for each search, in their order, which of the products match; one statement for all of them."""
    ids = list(product_ids)
    found: list[list[str]] = [[] for _ in searches]
    if not ids or not searches:
        return found
    parts: list[str] = []
    values: dict[str, Any] = {"ids": ids}
    for number, search in enumerate(searches):
        condition, given = _condition(search, number)
        parts.append(
            f"SELECT {number}, s.product_id FROM publishers_productsearch s"
            f" WHERE s.product_id = ANY(%(ids)s) AND ({condition})"
        )
        values |= given
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        for number, product_id in cursor.fetchall():
            found[number].append(product_id)
    return found


def list_newest_matches(*, search: Search, most: int) -> list[Product]:
    """Return the products that match a search and that everybody sees, the last published first."""
    condition, values = _condition(search, 0)
    return _products(
        f"SELECT s.product_id FROM publishers_productsearch s WHERE {condition}"
        " ORDER BY s.listed_at DESC, s.product_id LIMIT %(most)s",
        values | {"most": most},
    )


def list_best_matches(*, text: str, most: int) -> list[Product]:
    """Return the products that some words match best, of the CANDIDATES most popular ones; nothing is counted or suggested."""
    condition, values = _condition(Search(text=text), 0)
    return _products(
        f"SELECT m.product_id FROM (SELECT s.product_id, s.head, s.popularity FROM publishers_productsearch s"
        f" WHERE {condition} ORDER BY s.popularity DESC, s.product_id LIMIT {CANDIDATES}) m"
        " ORDER BY ts_rank(m.head, websearch_to_tsquery('english', %(text)s) || entrepot_prefix_query(%(text)s)) DESC,"
        " m.popularity DESC, m.product_id LIMIT %(most)s",
        values | {"text": text, "most": most},
    )


def _products(statement: str, values: dict[str, Any]) -> list[Product]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        ids = [row[0] for row in cursor.fetchall()]
    by_id = Product.objects.listed().select_related("owner").defer("description", "dictionary").in_bulk(ids)
    return [by_id[i] for i in ids if i in by_id]


def _condition(search: Search, number: int) -> tuple[str, dict[str, Any]]:
    """Return the catalogue's own condition over `s`, its parameters numbered so that several fit into one statement."""
    condition, values = conditions_of(search)
    numbered = _PARAMETER.sub(lambda m: f"%({m[1]}_{number})s", condition)
    return numbered, {f"{name}_{number}": value for name, value in values.items()}
