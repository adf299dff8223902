"""How often an owner's products were looked at, and by how many: counts, never who."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

#: what looks are counted by: its name -> the expressions, over values of the period
_GROUPS = {
    "step": "(day - %(first)s::date) / %(step_days)s, kind",
    "half": "day >= %(middle)s, kind",
    "product": "product_id, kind",
    "day": "day, product_id, kind",
}


@dataclass(frozen=True)
class Looks:
    """How often, by how many organizations, and by how many anonymous browsers, each of which is new every day."""

    count: int = 0
    members: int = 0
    visitors: int = 0


def _looks(by: str, *, product_ids: Iterable[str], first: date, until: date, **values: Any) -> dict[Any, Looks]:
    bound: dict[str, Any] = {"products": list(product_ids), "first": first, "until": until, **values}
    places = ", ".join(str(place) for place, _ in enumerate(_GROUPS[by].split(", "), start=1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {_GROUPS[by]}, sum(count), count(DISTINCT visitor) FILTER (WHERE is_member),
                count(DISTINCT visitor) FILTER (WHERE NOT is_member)
            FROM publishers_productactivity
            WHERE product_id = ANY (%(products)s::text[]) AND day >= %(first)s AND day < %(until)s
            GROUP BY {places}
            """,
            bound,
        )
        return {tuple(row[:-3]): Looks(int(row[-3]), row[-2], row[-1]) for row in cursor.fetchall()}


def looks_by_step(
    *, product_ids: Iterable[str], first: date, until: date, step_days: int
) -> dict[tuple[int, str], Looks]:
    """Return looks in the half-open period [first, until) by (step of so many days, from 0 on, and kind)."""
    return _looks("step", product_ids=product_ids, first=first, until=until, step_days=step_days)


def looks_by_half(
    *, product_ids: Iterable[str], first: date, middle: date, until: date
) -> dict[tuple[bool, str], Looks]:
    """Return looks of two periods, [first, middle) and [middle, until), by (whether it is the later one, kind)."""
    return _looks("half", product_ids=product_ids, first=first, until=until, middle=middle)


def looks_by_product(*, product_ids: Iterable[str], first: date, until: date) -> dict[tuple[str, str], Looks]:
    """Return looks in the half-open period [first, until) by (product id, kind)."""
    return _looks("product", product_ids=product_ids, first=first, until=until)


def looks_by_day(*, product_ids: Iterable[str], first: date, until: date) -> dict[tuple[date, str, str], Looks]:
    """Return looks in the half-open period [first, until) by (day, product id, kind)."""
    return _looks("day", product_ids=product_ids, first=first, until=until)
