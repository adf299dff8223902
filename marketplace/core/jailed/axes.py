"""A column as it is measured: on which axis its values stand, and how they are told as JSON."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .engine import identifier

BINS = 20
LONGEST_VALUE = 200
EXACT_INTEGER = 2**53
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
LARGE = ("UBIGINT", "HUGEINT", "UHUGEINT")
FLOATS = ("FLOAT", "DOUBLE")
_NO_ORDER = ("STRUCT", "MAP", "UNION", "VARIANT", "JSON", "GEOMETRY", "INTERVAL", "BIT")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Column:
    """A column with the axis on which it is measured. axis: an expression of a number, empty where there is none."""

    name: str
    kind: str
    axis: str = ""
    values: str = ""  # what is counted as a value
    is_time: bool = False
    plain: str = ""  # the axis of a column without NaN and infinities

    @property
    def quoted(self) -> str:
        """Return the name as SQL."""
        return identifier(self.name)


def column_of(name: str, kind: str) -> Column:
    """Return how a column of a type is measured."""
    quoted = identifier(name)
    if kind in FLOATS:
        finite = f"CASE WHEN isfinite({quoted}) THEN {quoted}::DOUBLE END"
        values = f"CASE WHEN NOT isnan({quoted}) THEN {quoted} END"
        return Column(name, kind, finite, values, plain=f"{quoted}::DOUBLE")
    if kind in WHOLE:
        return Column(name, kind, f"{quoted}::BIGINT", quoted)
    if kind in LARGE or kind.startswith("DECIMAL"):
        return Column(name, kind, f"{quoted}::DOUBLE", quoted)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        stamp = f"{quoted}::TIMESTAMPTZ" if kind == "TIMESTAMP WITH TIME ZONE" else f"{quoted}::TIMESTAMP"
        axis = f"CASE WHEN isfinite({stamp}) THEN epoch_us({stamp}) END"
        return Column(name, kind, axis, quoted, is_time=True, plain=f"epoch_us({stamp})")
    return Column(name, kind, "", quoted)


def json_value(value: Any) -> Any:
    """Return a value as JSON: numbers that no float can hold as text, bytes as Base64, all of it at most 200 characters."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < EXACT_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(bytes(value[:150])).decode()
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE]


def has_order(kind: str) -> bool:
    """Return False for kinds whose values are not compared."""
    return not kind.startswith(_NO_ORDER) and not kind.endswith("]")


def has_top(column: Column) -> bool:
    """Return True where the most frequent values are told."""
    return column.kind in {"VARCHAR", "BOOLEAN", *WHOLE} or column.kind.startswith("ENUM")


def shown(column: Column) -> str:
    """Return the expression by which a value of a group is told: as text, but for bytes."""
    if column.kind == "BLOB":
        return f"to_base64({column.quoted})"
    return f"{column.quoted}::VARCHAR"


def value_of(column: Column, text: str, place: Any) -> Any:
    """Return a value of a group as JSON. place: where it stands on the axis."""
    if column.kind == "BOOLEAN":
        return text == "true"
    if place is not None and not column.kind.startswith("DECIMAL") and column.kind not in LARGE:
        return placed(column, place)
    return text[:LONGEST_VALUE]


def placed(column: Column, place: Any) -> Any:
    """Return a place on the axis as JSON: a number, or for times an ISO 8601 text."""
    if not column.is_time:
        return json_value(place)
    moment = _EPOCH + timedelta(microseconds=round(place)) if abs(place) < 6 * 10**16 else None
    if moment is None:
        return f"{round(place) // 1_000_000} s"
    text = moment.replace(tzinfo=None).isoformat()
    if column.kind == "DATE":
        return text.removesuffix("T00:00:00")
    return f"{text}Z" if column.kind == "TIMESTAMP WITH TIME ZONE" else text


def odd(nans: int, infinite: int) -> dict[str, int]:
    """Return the counts of NaN and infinities, those that there are."""
    return {name: count for name, count in (("nan", nans), ("infinite", infinite)) if count}


def can_bin(least: Any, greatest: Any) -> bool:
    """Return True where values spread over an axis that has bins."""
    return greatest > least and math.isfinite(float(greatest) - float(least))


def edges_of(column: Column, least: Any, greatest: Any) -> list[Any]:
    """Return the borders of the bins; whole microseconds for times."""
    if column.is_time:
        return [least + (greatest - least) * n // BINS for n in range(BINS)] + [greatest]
    low, high = float(least), float(greatest)
    return [low + (high - low) * n / BINS for n in range(BINS)] + [high]
