"""What of a data set's contract everybody may read: what the data is and what is promised, not where it lies or who made it."""

from typing import Any

from publishers.standards.described import Column, File, Table
from publishers.standards.words import type_of

_OBJECT = frozenset(
    {"name", "physicalName", "physicalType", "logicalType", "description", "businessName", "tags", "properties"}
    | {"dataGranularityDescription", "quality", "relationships"}
)
_PROPERTY = frozenset(
    {"name", "physicalName", "physicalType", "logicalType", "logicalTypeOptions", "description", "businessName", "tags"}
    | {
        "primaryKey",
        "primaryKeyPosition",
        "required",
        "unique",
        "partitioned",
        "partitionKeyPosition",
        "classification",
    }
    | {"criticalDataElement", "properties", "items", "quality", "relationships"}
)
_SLA = frozenset({"property", "value", "valueExt", "unit", "element", "driver", "description"})
_DEPTH = 12


def public_part(document: dict[str, Any]) -> dict[str, Any]:
    """Return schema, service levels, words and tags of a contract; queries and vendors' settings are left out of its rules."""
    kept: dict[str, Any] = {
        "schema": [_pick(each, _OBJECT, _DEPTH) for each in _dicts(document.get("schema")) if each.get("name")],
        "slaProperties": [
            {name: each[name] for name in each if name in _SLA}
            for each in _dicts(document.get("slaProperties"))
            if "property" in each and "value" in each
        ],
        "tags": [tag for tag in document.get("tags") or [] if isinstance(tag, str)],
    }
    told = document.get("description")
    if isinstance(told, dict):
        kept["description"] = {
            name: told[name] for name in ("purpose", "usage", "limitations") if isinstance(told.get(name), str)
        }
    return {name: value for name, value in kept.items() if value}


def tables_of_contract(document: dict[str, Any], *, data_set_id: str, files: list[File]) -> list[Table]:
    """Return the tables that the public part of a contract describes; one alone is in the only file with rows."""
    rows = [file for file in files if file.is_table]
    schema = document.get("schema", [])
    only = rows if len(rows) == 1 and len(schema) == 1 else []
    return [
        Table(
            name=str(each["name"]),
            data_set_id=data_set_id,
            columns=[_column(row) for row in each.get("properties", [])],
            files=only,
            key=[str(row["name"]) for row in sorted(each.get("properties", []), key=_place) if row.get("primaryKey")],
        )
        for each in schema
    ]


def _column(row: dict[str, Any]) -> Column:
    kind = type_of(str(row.get("logicalType") or row.get("physicalType") or ""))
    return Column(str(row["name"]), kind, str(row.get("description", "")), is_key=bool(row.get("primaryKey")))


def _place(row: dict[str, Any]) -> int:
    place = row.get("primaryKeyPosition")
    return place if isinstance(place, int) else 0


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _pick(row: dict[str, Any], known: frozenset[str], depth: int) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name in known and value is not None}
    if "quality" in kept:
        kept["quality"] = [rule for rule in map(_rule, _dicts(kept["quality"])) if rule]
    if "properties" in kept:
        inner = _dicts(kept["properties"]) if depth else []
        kept["properties"] = [_pick(each, _PROPERTY, depth - 1) for each in inner if each.get("name")]
    if "items" in kept:
        kept["items"] = _pick(kept["items"], _PROPERTY, depth - 1) if isinstance(kept["items"], dict) and depth else {}
    if "relationships" in kept:
        kept["relationships"] = [
            {name: each[name] for name in ("type", "from", "to") if name in each}
            for each in _dicts(kept["relationships"])
        ]
    return kept


def _rule(rule: dict[str, Any]) -> dict[str, Any] | None:
    if rule.get("type", "library") not in {"library", "text"}:
        return None
    return {name: value for name, value in rule.items() if name not in {"customProperties", "schedule", "scheduler"}}
