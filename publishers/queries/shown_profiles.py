"""A profile as pages show it: some tables, some columns of each, every figure in words."""

from dataclasses import dataclass
from typing import Any

from publishers.models import Profile, ProfiledTable

TABLES_SHOWN, COLUMNS_SHOWN, REJECTED_SHOWN, NOTES_SHOWN = 8, 60, 20, 20
_LONGEST = 40


@dataclass(frozen=True)
class ColumnRow:
    """A column in words. histogram: counts of equal bins, or of the top values; label: the same in words."""

    name: str
    type: str
    nulls: int
    rows: int
    distinct: str
    least: str
    greatest: str
    histogram: list[int]
    label: str


@dataclass(frozen=True)
class TableRow:
    """A table with those of its columns that are shown."""

    table: ProfiledTable
    columns: list[ColumnRow]
    more_columns: int
    rejected: list[dict[str, Any]]
    keys: list[str]


def profile_context(profile: Profile | None) -> dict[str, Any]:
    """Return what publishers/_profile.html needs; its tables were read with the profile."""
    if profile is None:
        return {"profile": None}
    tables, left = [], COLUMNS_SHOWN
    found = list(profile.tables.all())
    for table in found[:TABLES_SHOWN]:
        tables.append(_table(table, left))
        left -= len(tables[-1].columns)
    return {
        "profile": profile,
        "profile_tables": tables,
        "profile_more": len(found) - len(tables),
        "profile_notes": profile.notes[:NOTES_SHOWN],
        "profile_more_notes": max(0, len(profile.notes) - NOTES_SHOWN),
    }


def _table(table: ProfiledTable, left: int) -> TableRow:
    shown = table.columns[: max(left, 0)]
    return TableRow(
        table,
        [_column(column, table.row_count) for column in shown],
        len(table.columns) - len(shown),
        table.rejected[:REJECTED_SHOWN],
        [" + ".join(key) for key in table.keys[:3]],
    )


def _column(column: dict[str, Any], rows: int) -> ColumnRow:
    counts = (column.get("histogram") or {}).get("counts") or [top["count"] for top in column.get("top", ())]
    least, greatest = _text(column.get("least")), _text(column.get("greatest"))
    distinct = f"{column['distinct']:,}" if "distinct" in column else ""
    return ColumnRow(
        name=column["name"],
        type=column["type"],
        nulls=column["nulls"],
        rows=rows,
        distinct=f"about {distinct}" if column.get("distinct_is_estimate") else distinct,
        least=least,
        greatest=greatest,
        histogram=counts if sum(counts) > 1 else [],
        label=f"{column['name']}: {least} to {greatest}" if least else column["name"],
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
