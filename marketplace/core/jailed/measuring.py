"""Measures the columns of a typed table, exactly: counts, extremes, mean and deviation, quantiles, histogram, top values.

A column of few values is grouped once, and everything follows from its values and their counts. Others are measured by one
more pass: distinct values by a set of bits where they are whole numbers close together, by a hash table (that spills) else.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, combinations
from typing import Any

import duckdb

from .axes import (
    BINS,
    EXACT_INTEGER,
    FLOATS,
    LARGE,
    Column,
    can_bin,
    column_of,
    edges_of,
    has_order,
    has_top,
    json_value,
    odd,
    placed,
    shown,
    value_of,
)
from .engine import identifier, literal
from .quantiles import quantiles_of, ranks_of, selected

FEW = 10_000
TOP, TOP_OF_DISTINCT = 10, 1_000
QUANTILES = (0.25, 0.5, 0.75)
PAIR_COLUMNS = 8
_SAMPLE = 122_880
#: values of which a quantile may hold all at once, 8 bytes each and more; beyond, ranks are narrowed down
_HELD = 20_000_000
_MOST_BITS = 1 << 28
_COUNT = '"entrepot count"'


class Measurer:
    """Measures one table. step: called after each column with its number, and may raise to stop."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, source: str, rows: int, step: Callable[[int], None]
    ) -> None:
        self.connection, self.source, self.rows, self.step = connection, source, rows, step
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        self.columns = [column_of(row[0], row[1]) for row in described]

    def _ask(self, expressions: list[str], source: str = "") -> tuple[Any, ...]:
        found: tuple[Any, ...] = ()
        for start in range(0, len(expressions), 200):
            part = ", ".join(expressions[start : start + 200])
            found += self.connection.execute(f"SELECT {part} FROM {source or self.source}").fetchall()[0]
        return found

    def measure(self) -> list[dict[str, Any]]:
        """Return what ProfiledTable.columns holds."""
        sample = f"(SELECT * FROM {self.source} LIMIT {_SAMPLE})"
        ordered = [column for column in self.columns if has_order(column.kind)]
        estimates = self._ask([f"approx_count_distinct({column.quoted})" for column in ordered], sample)
        few = {c.name for c, estimate in zip(ordered, estimates, strict=True) if estimate <= FEW // 2}
        told = []
        for number, column in enumerate(self.columns, start=1):
            told.append(self._measured(column, column.name in few))
            self.step(number)
        return told

    def _measured(self, column: Column, is_few: bool) -> dict[str, Any]:
        told: dict[str, Any] = {"name": column.name, "type": column.kind}
        if not has_order(column.kind):
            (present,) = self._ask([f"count({column.quoted})"])
            return told | {"nulls": self.rows - present}
        grouped = self._grouped(column) if is_few else None
        if grouped is not None:
            return told | self._of_few(column, grouped)
        return told | self._of_many(column)

    # --- few values ---------------------------------------------------------------------------------------------------
    def _grouped(self, column: Column) -> list[tuple[Any, Any, int]] | None:
        """Return (value as text, place on the axis, count), None when there are more than FEW."""
        axis = column.axis or "NULL"
        found = self.connection.execute(
            f"SELECT {shown(column)}, {axis}, {_COUNT} FROM (SELECT {column.quoted}, count(*) AS {_COUNT}"
            f" FROM {self.source} GROUP BY 1 LIMIT {FEW + 1}) ORDER BY {column.quoted}"
        ).fetchall()
        return found if len(found) <= FEW else None

    def _of_few(self, column: Column, grouped: list[tuple[Any, Any, int]]) -> dict[str, Any]:
        present = [row for row in grouped if row[0] is not None]
        counts: dict[str, Any] = {"nulls": self.rows - sum(row[2] for row in present)}
        told: dict[str, Any] = {}
        if column.kind in FLOATS:
            counts |= odd(sum(n for v, _, n in present if v == "nan"), sum(n for v, _, n in present if "inf" in v))
            present = [row for row in present if row[0] != "nan"]
        counts["distinct"] = len(present)
        placed = [row for row in present if row[1] is not None] if column.axis else present
        if placed:
            told = {"least": value_of(column, *placed[0][:2]), "greatest": value_of(column, *placed[-1][:2])}
        if column.axis and placed:
            axis, weights = [row[1] for row in placed], [row[2] for row in placed]
            moments = [None, None] if column.is_time else [self._moment(asked) for asked in _moments(column)]
            told |= _told_spread(column, moments, _weighted(axis, weights))
            told |= {"histogram": _histogram_of_few(column, axis, weights)} if can_bin(axis[0], axis[-1]) else {}
        if has_top(column) and present and len(present) <= TOP_OF_DISTINCT:
            most = sorted(present, key=lambda row: -row[2])[:TOP]
            told["top"] = [{"value": value_of(column, *row[:2]), "count": row[2]} for row in most]
        if column.kind == "VARCHAR" and present:
            told["longest"] = self._ask([f"max(length({column.quoted}))"])[0]
        return counts | told

    # --- many values --------------------------------------------------------------------------------------------------
    def _of_many(self, column: Column) -> dict[str, Any]:
        bare, axis = column.quoted, column.axis
        asked = [f"count({bare})", "NULL", "NULL", "0", "0", "NULL"]
        if axis:
            asked[1:3] = [f"min({axis})", f"max({axis})"]
        if column.kind in FLOATS:
            asked[3:5] = [f"count(*) FILTER (WHERE isnan({bare}))", f"count(*) FILTER (WHERE isinf({bare}))"]
        if column.is_time:
            asked[4] = f"count(*) FILTER (WHERE NOT isfinite({bare}))"
        if column.kind == "VARCHAR":
            asked[5] = f"max(length({bare}))"
        if not axis or column.kind in LARGE or column.kind.startswith("DECIMAL"):
            asked += [f"min({bare})", f"max({bare})"]
        found = self._ask(asked)
        present, least, greatest, nans, infinite, longest, *texts = found
        told: dict[str, Any] = {"nulls": self.rows - present}
        if column.plain and not nans and not infinite:
            column = replace(column, axis=column.plain, values=bare)
        if column.kind in FLOATS:
            told |= odd(nans, infinite)
        if texts and texts[0] is not None:
            told |= {"least": json_value(texts[0]), "greatest": json_value(texts[1])}
        elif least is not None:
            told |= {"least": placed(column, least), "greatest": placed(column, greatest)}
        if longest is not None:
            told["longest"] = longest
        if not axis or least is None:
            return told | self._distinct(column, present - nans)
        return told | self._placed_figures(column, least, greatest, present - nans, present - nans - infinite)

    def _distinct(self, column: Column, present: int) -> dict[str, Any]:
        try:
            return {"distinct": self._ask([f"count(DISTINCT {column.values})"])[0]}
        except duckdb.OutOfMemoryException:
            estimate = self._ask([f"approx_count_distinct({column.values})"])[0]
            return {"distinct": min(estimate, present), "distinct_is_estimate": True}

    def _placed_figures(self, column: Column, least: Any, greatest: Any, present: int, finite: int) -> dict[str, Any]:
        """Return what follows from places on an axis: one pass where all of it fits in memory, one for each figure else."""
        bits = self._bits(column, least, greatest, present)
        histogram = self._histogram(column, least, greatest) if can_bin(least, greatest) else "NULL"
        quantiles = f"quantile_cont({column.axis}, {list(QUANTILES)})" if finite <= _HELD else "NULL"
        moments = ("NULL", "NULL") if column.is_time else _moments(column)
        try:
            found = self._ask([*(bits or ("NULL", "false")), histogram, quantiles, *moments])
        except (duckdb.OutOfMemoryException, duckdb.OutOfRangeException):
            counted = self._ask(list(bits)) if bits else (None, False)
            found = (*counted, *self._ask([histogram]), None, *(self._moment(asked) for asked in moments))
        told: dict[str, Any] = {"distinct": int(found[0])} if found[1] else self._distinct(column, present)
        if found[3] is None:
            ranks = ranks_of(QUANTILES, finite)
            at = selected(self.connection, self.source, column.axis, ranks, least, greatest)
            places = quantiles_of(QUANTILES, finite, at.__getitem__)
        else:
            places = [float(value) for value in found[3]]
        told |= _told_spread(column, found[4:], places)
        if found[2] is not None:
            told["histogram"] = _told_histogram(column, least, greatest, found[2])
        return told

    def _moment(self, asked: str) -> float | None:
        """Return a mean or deviation, None for one that no float can hold."""
        try:
            value: float | None = self._ask([asked])[0]
        except duckdb.OutOfRangeException:
            return None
        return value

    def _bits(self, column: Column, least: Any, greatest: Any, present: int) -> tuple[str, str] | None:
        """Return how distinct values are counted by a bit for each that there may be, and the test that it is right.

        None where that does not do: the values are too far apart, or no whole numbers of some unit.
        """
        if column.kind in LARGE or column.kind.startswith("DECIMAL"):
            return None
        if column.kind in FLOATS:
            return self._scaled_bits(column, least, greatest, present)
        for unit in (86_400_000_000, 60_000_000, 1_000_000, 1000) if column.is_time else (1,):
            span = (greatest - least) // unit + 1
            if span > min(_MOST_BITS, 64 * present):
                return None
            even = f"bool_and(({column.axis} - {least}) % {unit} = 0)"
            if unit == 1 or self._ask([even], f"(SELECT * FROM {self.source} LIMIT {_SAMPLE})")[0]:
                return f"bit_count(bitstring_agg((({column.axis} - {least}) // {unit})::BIGINT, 0, {span}))", even
        return None

    def _scaled_bits(self, column: Column, least: Any, greatest: Any, present: int) -> tuple[str, str] | None:
        """Return the same for floats that are decimals of few places: each is a whole number of thousandths, or the like."""
        if column.kind != "DOUBLE" or column.axis != column.plain:
            return None
        sample = f"(SELECT {column.quoted} FROM {self.source} WHERE {column.quoted} IS NOT NULL LIMIT 5000)"
        for scale in (1, 10, 100, 1000, 10_000):
            low, high = round(least * scale), round(greatest * scale)
            if high - low + 1 > min(_MOST_BITS, 64 * present) or max(abs(low), abs(high)) >= EXACT_INTEGER:
                return None
            exact = f"bool_and(round({column.axis} * {scale}) / {scale} = {column.values})"
            if self._ask([exact], sample)[0]:
                place = f"round({column.axis} * {scale})::BIGINT - ({low})"
                return f"bit_count(bitstring_agg({place}, 0, {high - low + 1}))", exact
        return None

    @staticmethod
    def _histogram(column: Column, least: Any, greatest: Any) -> str:
        """Return the expression of a map from the upper ends of the bins to their counts."""
        axis = column.axis if column.is_time else f"({column.axis})::DOUBLE"
        ends = _upper_ends(column, least, greatest)
        bounds = ", ".join(str(end) if column.is_time else f"{end!r}::DOUBLE" for end in ends)
        return f"histogram({axis}, [{bounds}])"

    # --- keys ---------------------------------------------------------------------------------------------------------
    def keys(self, told: list[dict[str, Any]]) -> list[list[str]]:
        """Return the columns of which no two rows have the same value, or pairs of columns where no single one does."""
        if not self.rows:
            return []
        whole = [c for c in told if c["nulls"] == 0 and "distinct" in c and not c.get("nan")]
        sure = [c for c in whole if not c.get("distinct_is_estimate")]
        single = [[c["name"]] for c in sure if c["distinct"] == self.rows]
        if single or len(told) > PAIR_COLUMNS:
            return single
        return [
            [one["name"], other["name"]]
            for one, other in combinations(whole, 2)
            if one["distinct"] * other["distinct"] >= self.rows and self._is_key(one["name"], other["name"])
        ]

    def _is_key(self, *names: str) -> bool:
        columns = ", ".join(map(identifier, names))
        for rows in (f"(SELECT {columns} FROM {self.source} LIMIT {_SAMPLE})", self.source):
            total, distinct = self.connection.execute(
                f"SELECT (SELECT count(*) FROM {rows}), (SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {rows}))"
            ).fetchall()[0]
            if total != distinct:
                return False
        return True


def coverage_of(told: list[dict[str, Any]]) -> dict[str, str]:
    """Return from when to when the main time column goes: the first of those with the fewest nulls."""
    times = [c for c in told if c["type"] == "DATE" or c["type"].startswith("TIMESTAMP") if c.get("least")]
    if not times:
        return {}
    main = min(times, key=lambda c: c["nulls"])
    return {"column": main["name"], "from": main["least"], "to": main["greatest"]}


def _moments(column: Column) -> tuple[str, str]:
    """Return the expressions of mean and sample deviation."""
    mean = f"favg({column.axis})" if column.kind in FLOATS else f"avg({column.quoted})"
    return mean, f"stddev_samp({column.axis})"


def _told_spread(column: Column, moments: Sequence[Any], quantiles: list[float]) -> dict[str, Any]:
    named = zip(("mean", "deviation"), moments, strict=True)
    told: dict[str, Any] = {name: float(value) for name, value in named if value is not None and math.isfinite(value)}
    told["quantiles"] = {str(q): placed(column, value) for q, value in zip(QUANTILES, quantiles, strict=True)}
    return told


def _upper_ends(column: Column, least: Any, greatest: Any) -> list[Any]:
    """Return where DuckDB's bins end.

    They hold their upper end; the number just below an edge makes them hold the lower one instead, as others do.
    """
    inner = edges_of(column, least, greatest)[1:-1]
    if column.is_time:
        return [*(edge - 1 for edge in inner), greatest]
    return [*(math.nextafter(edge, -math.inf) for edge in inner), float(greatest)]


def _told_histogram(column: Column, least: Any, greatest: Any, found: dict[Any, int]) -> dict[str, Any]:
    left = dict(found)
    # where edges are the same number only the first of their bins has anything in it
    counts = [int(left.pop(end, 0)) for end in _upper_ends(column, least, greatest)]
    return {"edges": [placed(column, edge) for edge in edges_of(column, least, greatest)], "counts": counts}


def _histogram_of_few(column: Column, axis: list[Any], weights: list[int]) -> dict[str, Any]:
    edges = edges_of(column, axis[0], axis[-1])
    counts = [0] * BINS
    for place, weight in zip(axis, weights, strict=True):
        counts[min(BINS - 1, bisect.bisect_right(edges, place) - 1)] += weight
    return {"edges": [placed(column, edge) for edge in edges], "counts": counts}


def _weighted(axis: list[Any], weights: list[int]) -> list[float]:
    upto = list(accumulate(weights))
    return quantiles_of(QUANTILES, upto[-1], lambda rank: axis[bisect.bisect_right(upto, rank)])


def source_of(path: str) -> str:
    """Return the relation of a Parquet file."""
    return f"read_parquet({literal(path)})"
