"""Writes contracts: as YAML, from what was measured of a revision, and with what a form changed."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import yaml

#: name of a type in the profile, up to a bracket -> logical type
LOGICAL_BY_MEASURED: dict[str, str] = {
    **dict.fromkeys(
        (
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "HUGEINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "UHUGEINT",
        ),
        "integer",
    ),
    **dict.fromkeys(("DOUBLE", "FLOAT", "DECIMAL"), "number"),
    "BOOLEAN": "boolean",
    "DATE": "date",
    **dict.fromkeys(
        ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),
        "timestamp",
    ),
    **dict.fromkeys(("TIME", "TIME WITH TIME ZONE"), "time"),
    **dict.fromkeys(("STRUCT", "MAP", "JSON", "UNION"), "object"),
}
#: the order of members; those that are not named come after them, by name
_ORDER = (
    *("apiVersion", "kind", "id", "name", "version", "status", "tenant", "domain", "dataProduct"),
    *("physicalName", "businessName", "logicalType", "physicalType", "purpose", "usage", "limitations", "description"),
    *("required", "unique", "primaryKey", "primaryKeyPosition", "classification", "logicalTypeOptions"),
    *("type", "metric", "property", "value", "unit", "element", "server", "servers"),
    *("schema", "properties", "quality", "slaProperties"),
)
_PLACES = {name: place for place, name in enumerate(_ORDER)}
#: what the form of a column may change in its logicalTypeOptions
FORM_OPTIONS = ("minimum", "maximum", "pattern")


def to_yaml(raw: Mapping[str, Any]) -> str:
    """Return a document as YAML text that reads back the same, its members in the order in which the standard has them."""
    return yaml.safe_dump(_in_order(raw), sort_keys=False, allow_unicode=True, width=120)


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        names = sorted(value, key=lambda name: (_PLACES.get(name, len(_PLACES)), name))
        return {name: _in_order(value[name]) for name in names}
    return [_in_order(each) for each in value] if isinstance(value, list) else value


def logical_of(measured: str) -> str:
    """Return the logical type of a column that was measured as a DuckDB type."""
    if measured.endswith("]"):
        return "array"
    return LOGICAL_BY_MEASURED.get(measured.split("(")[0].strip().upper(), "string")


def from_tables(
    tables: Iterable[Mapping[str, Any]],
    *,
    id: str,
    name: str,
    description: str = "",
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a contract that promises what was measured: types, required where nothing is empty, the keys found.

    tables: {"name", "columns": [{"name", "type", "nulls"}], "keys": [[…]]}, as ProfiledTable has them. base: a document
    whose other members, descriptions and rules are kept for what is still there.
    """
    made: dict[str, Any] = deepcopy(dict(base)) if base else {}
    made |= {"apiVersion": "v3.1.0", "kind": "DataContract", "id": made.get("id") or id}
    made.setdefault("version", "1.0.0")
    made.setdefault("status", "active")
    made["name"] = made.get("name") or name
    if description and "description" not in made:
        made["description"] = {"purpose": description}
    known = {str(table.get("name", "")).casefold(): table for table in made.get("schema") or []}
    made["schema"] = [_table(table, known.get(str(table["name"]).casefold(), {})) for table in tables]
    return made


def _table(measured: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    columns = {str(column.get("name", "")).casefold(): column for column in known.get("properties") or []}
    key: list[str] = next(iter(measured.get("keys") or []), [])
    alone = {names[0] for names in measured.get("keys") or [] if len(names) == 1}
    table = {**known, "name": measured["name"], "logicalType": "object"}
    table["properties"] = [
        _column(column, columns.get(str(column["name"]).casefold(), {}), key, alone) for column in measured["columns"]
    ]
    return table


def _column(measured: Mapping[str, Any], known: Mapping[str, Any], key: list[str], alone: set[str]) -> dict[str, Any]:
    name = str(measured["name"])
    logical = logical_of(str(measured["type"]))
    column = {**known, "name": name, "logicalType": logical, "physicalType": str(measured["type"])}
    if known.get("logicalType") not in {None, logical}:
        column.pop("logicalTypeOptions", None)  # they belong to the type that it had
    column["required"] = not measured.get("nulls", 0)
    column["unique"] = name in alone
    column.pop("primaryKey", None)
    column.pop("primaryKeyPosition", None)
    if name in key:
        column |= {"primaryKey": True, "primaryKeyPosition": key.index(name) + 1}
    return column


def with_form(raw: Mapping[str, Any], form: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with what the form of the portal says.

    form: {"tables": {table: {"least_rows": int | None, "columns": {column: {"required", "unique", "key", "description",
    "minimum", "maximum", "pattern"}}}}, "frequency": (value, unit) | None}. What it does not name stays.
    """
    made = deepcopy(dict(raw))
    for table in made.get("schema") or []:
        given = form["tables"].get(table["name"])
        if given is not None:
            _set_least_rows(table, given.get("least_rows"))
            _set_columns(table.get("properties") or [], given["columns"])
    _set_frequency(made, form.get("frequency"))
    return made


def _set_columns(columns: list[dict[str, Any]], given: Mapping[str, Mapping[str, Any]]) -> None:
    in_key = sorted(
        (column for column in columns if column.get("primaryKey")),
        key=lambda column: int(column.get("primaryKeyPosition") or 1),
    )
    names = [column["name"] for column in in_key if given.get(column["name"], {"key": True})["key"]]
    names += [
        column["name"] for column in columns if given.get(column["name"], {}).get("key") and column["name"] not in names
    ]
    for column in columns:
        wanted = given.get(column["name"])
        if wanted is not None:
            _set_column(column, wanted)
        if column["name"] in names:
            column |= {"primaryKey": True, "primaryKeyPosition": names.index(column["name"]) + 1}
        elif column.get("primaryKey"):
            column.pop("primaryKey")
            column.pop("primaryKeyPosition", None)


def _set_column(column: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in ("required", "unique"):
        if bool(column.get(name)) != bool(wanted[name]):
            column[name] = bool(wanted[name])
    _set_or_drop(column, "description", wanted.get("description"))
    options = dict(column.get("logicalTypeOptions") or {})
    for name in FORM_OPTIONS:
        _set_or_drop(options, name, wanted.get(name))
    _set_or_drop(column, "logicalTypeOptions", options)


def _set_or_drop(target: dict[str, Any], name: str, value: Any) -> None:
    if value in ("", None, {}, []):
        target.pop(name, None)
    else:
        target[name] = value


def _set_least_rows(table: dict[str, Any], least: int | None) -> None:
    rules = list(table.get("quality") or [])
    ours = [rule for rule in rules if rule.get("metric") == "rowCount" and "mustBeGreaterOrEqualTo" in rule]
    if [rule["mustBeGreaterOrEqualTo"] for rule in ours] == ([] if least is None else [least]):
        return
    rules = [rule for rule in rules if rule not in ours]
    if least is not None:
        rules.append({"type": "library", "metric": "rowCount", "mustBeGreaterOrEqualTo": least})
    _set_or_drop(table, "quality", rules)


def _set_frequency(made: dict[str, Any], frequency: tuple[int, str] | None) -> None:
    levels = list(made.get("slaProperties") or [])
    ours = [level for level in levels if str(level.get("property")).lower() == "frequency"]
    if [(level.get("value"), level.get("unit")) for level in ours[:1]] == ([frequency] if frequency else []):
        return
    levels = [level for level in levels if level not in ours]
    if frequency:
        levels.append({"property": "frequency", "value": frequency[0], "unit": frequency[1]})
    _set_or_drop(made, "slaProperties", levels)
