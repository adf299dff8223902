"""Exact quantiles of any number of values in bounded memory: ranks are narrowed down pass by pass."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import duckdb

_PARTS = 4096
_HELD = 1_000_000


def quantiles_of(shares: Sequence[float], count: int, at: Callable[[int], Any]) -> list[float]:
    """Return quantiles with linear interpolation between neighbours, as pandas and NumPy do by default.

    at: the value of a rank, 0 for the least.
    """
    found = []
    for share in shares:
        place = share * (count - 1)
        low = math.floor(place)
        below = at(low)
        above = at(low + 1) if place > low else below
        found.append(float(below + (above - below) * (place - low)))
    return found


def ranks_of(shares: Sequence[float], count: int) -> list[int]:
    """Return the ranks that quantiles_of asks for."""
    lows = [math.floor(share * (count - 1)) for share in shares]
    return sorted({min(rank, count - 1) for low in lows for rank in (low, low + 1)})


def selected(
    connection: duckdb.DuckDBPyConnection, source: str, axis: str, ranks: list[int], least: Any, greatest: Any
) -> dict[int, Any]:
    """Return the values of ranks, 0 for the least, of the values from `least` to `greatest`.

    A pass counts the values in equal parts; the parts that hold a rank are fetched, or narrowed the same way while they hold
    too many. The part is a function that never falls as values grow, so that rounding moves a border but no value past its
    neighbours.
    """
    low, width = float(least), float(greatest) - float(least)
    within = f"FROM (SELECT {axis} AS v FROM {source}) WHERE v BETWEEN {_number(least)} AND {_number(greatest)}"
    if width <= 0 or not math.isfinite(width):
        return {rank: _directly(connection, within, rank) for rank in ranks}
    part = f"least({_PARTS - 1}, floor((v::DOUBLE - ({_number(low)})) / {_number(width)} * {_PARTS}))::INTEGER"
    rows = connection.execute(f"SELECT {part}, count(*), min(v), max(v) {within} GROUP BY 1 ORDER BY 1").fetchall()
    upto = list(accumulate(row[1] for row in rows))
    wanted: dict[int, list[int]] = {}
    for rank in ranks:
        wanted.setdefault(bisect.bisect_right(upto, rank), []).append(rank)
    values: dict[int, Any] = {}
    few: list[int] = []
    for place, inside in wanted.items():
        number, count, first, last = rows[place]
        before = upto[place] - count
        if first == last:
            values |= dict.fromkeys(inside, first)
        elif count > _HELD and len(rows) > 1:
            deeper = selected(connection, source, axis, [rank - before for rank in inside], first, last)
            values |= {rank + before: value for rank, value in deeper.items()}
        else:
            few.append(number)
    if few:
        asked = (
            f"SELECT {part}, v, count(*) {within} AND {part} IN ({', '.join(map(str, few))}) GROUP BY 1, 2 ORDER BY 2"
        )
        values |= _from_rows(connection.execute(asked).fetchall(), rows, upto, wanted, few)
    return values


def _from_rows(
    found: list[Any], rows: list[Any], upto: list[int], wanted: dict[int, list[int]], few: list[int]
) -> dict[int, Any]:
    values: dict[int, Any] = {}
    for place, inside in wanted.items():
        number, count, *_ = rows[place]
        if number in few:
            mine = [row for row in found if row[0] == number]
            counts = list(accumulate(row[2] for row in mine))
            before = upto[place] - count
            values |= {rank: mine[bisect.bisect_right(counts, rank - before)][1] for rank in inside}
    return values


def _number(value: Any) -> str:
    """Return a number as SQL; without the cast 0.1 would be a decimal."""
    return f"{value!r}::DOUBLE" if isinstance(value, float) else str(value)


def _directly(connection: duckdb.DuckDBPyConnection, within: str, rank: int) -> Any:
    return connection.execute(f"SELECT v {within} ORDER BY v LIMIT 1 OFFSET {rank}").fetchall()[0][0]
