"""What holds for a row that breaks a rule, as an expression of DuckDB's SQL. Values stand in it as literals only."""

from __future__ import annotations

from typing import Any

from .engine import literal

_INTEGERS = {
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
}
_NUMBERS = {"DOUBLE", "FLOAT", "DECIMAL"}
#: logical type -> (types of DuckDB that are of it, the type that a text has to become)
_FAMILIES: dict[str, tuple[set[str], str]] = {
    "integer": (_INTEGERS, "HUGEINT"),
    "number": (_INTEGERS | _NUMBERS, "DOUBLE"),
    "boolean": ({"BOOLEAN"}, "BOOLEAN"),
    "date": ({"DATE"}, "DATE"),
    "timestamp": (
        {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE"},
        "TIMESTAMP WITH TIME ZONE",
    ),
    "time": ({"TIME", "TIME WITH TIME ZONE", "TIME_NS"}, "TIME"),
}
_COMPARED = {"minimum": "<", "maximum": ">", "exclusiveMinimum": "<=", "exclusiveMaximum": ">="}
_OCTET = r"(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_FORMATS: dict[str, str] = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$",
    "ipv4": rf"^{_OCTET}(\.{_OCTET}){{3}}$",
    "date": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
    "date-time": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    "hostname": rf"^{_LABEL}(\.{_LABEL})*$",
}


class Unreadable(Exception):
    """The rule does not fit the type of the column."""


def base_type(kind: str) -> str:
    """Return a type of DuckDB without what stands in brackets."""
    return kind.split("(")[0].strip()


def duplicate_columns(rule: dict[str, Any]) -> list[str]:
    """Return the columns whose values a rule wants only once; empty for a rule of another kind."""
    if rule["rule"] == "key":
        return list(rule["columns"])
    if rule["rule"] == "duplicateValues":
        return [rule["column"]] if rule["column"] else list(rule["arguments"]["properties"])
    return [rule["column"]] if rule["rule"] == "unique" else []


def breaking(rule: dict[str, Any], column: str, kind: str, *, is_typed: bool) -> str:
    """Return the condition. column: quoted; kind: its type in the file. An empty value breaks only what forbids it.

    is_typed: the publisher's file knew its types; in text any value is text, whatever it was found to be.
    """
    name = rule["rule"]
    if name in {"required", "nullValues"}:
        return f"{column} IS NULL"
    if name == "missingValues":
        texts = ", ".join(_text(value) for value in rule["arguments"]["missingValues"] if value is not None)
        return f"({column} IS NULL OR {column}::VARCHAR IN ({texts}))" if texts else f"{column} IS NULL"
    return f"({column} IS NOT NULL AND ({_of_value(rule, column, kind, is_typed=is_typed)}))"


def _of_value(rule: dict[str, Any], column: str, kind: str, *, is_typed: bool) -> str:
    name: str = rule["rule"]
    value: Any = rule.get("value")
    if name == "type":
        return _of_type(rule["type"], column, kind, is_typed=is_typed)
    if name in _COMPARED:
        return _of_range(rule.get("type", ""), column, kind, _COMPARED[name], value)
    if name == "multipleOf":
        number, step = f"TRY_CAST({column} AS DOUBLE)", float(value)
        return f"abs({number} / {step!r} - round({number} / {step!r})) > 1e-9"
    if name in {"minLength", "maxLength"}:
        return f"length({column}::VARCHAR) {'<' if name == 'minLength' else '>'} {int(value)}"
    if name == "pattern":
        return f"NOT regexp_matches({column}::VARCHAR, {literal(value)})"
    if name == "format":
        return _of_format(column, str(value))
    if name == "enum":
        return _not_among(column, kind, value)
    if name == "invalidValues":
        return _of_validity(column, kind, rule["arguments"])
    raise Unreadable(name)


def _of_type(wanted: str, column: str, kind: str, *, is_typed: bool) -> str:
    found = base_type(kind)
    if wanted == "string":
        return "true" if is_typed and found not in {"VARCHAR", "UUID", "ENUM"} else "false"
    family, target = _FAMILIES[wanted]
    if found in family:
        return "false"
    if found == "VARCHAR" and not is_typed:
        return f"TRY_CAST({column} AS {target}) IS NULL"
    if wanted == "integer" and found in _NUMBERS:
        return f"NOT isfinite({column}::DOUBLE) OR {column}::DOUBLE <> trunc({column}::DOUBLE)"
    if wanted == "boolean" and found in _INTEGERS and not is_typed:
        return f"{column} NOT IN (0, 1)"
    if wanted == "date" and found.startswith("TIMESTAMP"):
        return f"{column}::TIMESTAMP <> date_trunc('day', {column}::TIMESTAMP)"
    return "true"


def _of_range(wanted: str, column: str, kind: str, sign: str, value: Any) -> str:
    found = base_type(kind)
    if isinstance(value, str):
        target = wanted if wanted in {"date", "timestamp", "time"} else "timestamp"
        target = {"date": "DATE", "timestamp": "TIMESTAMP WITH TIME ZONE", "time": "TIME"}[target]
        return f"TRY_CAST({column} AS {target}) {sign} CAST({literal(value)} AS {target})"
    if found not in _INTEGERS | _NUMBERS | {"VARCHAR"}:
        raise Unreadable(kind)
    number = column if found != "VARCHAR" else f"TRY_CAST({column} AS DOUBLE)"
    if isinstance(value, int) and abs(value) < 10**37:
        return f"{number} {sign} {value}"
    return f"{number} {sign} CAST({literal(repr(float(value)))} AS DOUBLE)"


def _of_format(column: str, value: str) -> str:
    if value in _FORMATS:
        return f"NOT regexp_matches({column}::VARCHAR, {literal(_FORMATS[value])})"
    bits, is_signed = int(value[1:]), value[0] == "i"
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    if bits == 128:  # the greatest of them is beyond every literal; a value that is such a number casts
        return f"TRY_CAST({column} AS {'HUGEINT' if is_signed else 'UHUGEINT'}) IS NULL"
    return f"TRY_CAST({column} AS HUGEINT) NOT BETWEEN {least} AND {most}"


def _of_validity(column: str, kind: str, arguments: dict[str, Any]) -> str:
    tests = []
    if arguments.get("validValues"):
        tests.append(_not_among(column, kind, arguments["validValues"]))
    if arguments.get("pattern"):
        tests.append(f"NOT regexp_matches({column}::VARCHAR, {literal(arguments['pattern'])})")
    return " OR ".join(tests)


def _not_among(column: str, kind: str, values: list[Any]) -> str:
    given = [value for value in values if value is not None]
    if base_type(kind) in _INTEGERS | _NUMBERS:
        numbers = [f"CAST({literal(str(value))} AS DOUBLE)" for value in given if _is_number(value)]
        return f"{column}::DOUBLE NOT IN ({', '.join(numbers)})" if numbers else "true"
    return f"{column}::VARCHAR NOT IN ({', '.join(_text(value) for value in given)})" if given else "true"


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(value, bool)


def _text(value: Any) -> str:
    """Return a value as the text that DuckDB makes of it."""
    return literal(str(value).lower() if isinstance(value, bool) else str(value))
