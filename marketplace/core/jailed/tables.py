"""Builds the table of one file: a DuckDB file with the rows in their order, typed over all of them."""

from __future__ import annotations

import json
import os
from typing import Any

import duckdb

from . import scanning
from .engine import Refused, connect, explain, identifier, literal
from .pipe import answer

TABLE = "rows.duckdb"
_SAMPLE = 20_480
MOST_CELLS = 10**10
#: In a typed column these stand for "no value"; in a text column they stay what they are.
_NO_VALUE = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "\\N")
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
#: type -> test of one text. A type is taken only where no information is lost: 007 and 12345678901234567890 stay text,
#: and so do dates that could mean two days (01/02/2013).
_TESTS: dict[str, str] = {
    "BOOLEAN": "{c} IN ('true', 'false', 'True', 'False', 'TRUE', 'FALSE')",
    "BIGINT": "TRY_CAST({c} AS BIGINT)::VARCHAR = {c}",
    "DOUBLE": (
        r"regexp_full_match({c}, '[+-]?(0|[1-9][0-9]*)?(\.[0-9]+)?([eE][+-]?[0-9]{{1,3}})?')"
        r" AND NOT regexp_full_match({c}, '[+-]?[0-9]{{16,}}') AND isfinite(TRY_CAST({c} AS DOUBLE))"
    ),
    "DATE": "regexp_full_match({c}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') AND TRY_CAST({c} AS DATE) IS NOT NULL",
    "TIMESTAMP": f"regexp_full_match({{c}}, '{_STAMP.replace('{', '{{').replace('}', '}}')}')"
    " AND TRY_CAST({c} AS TIMESTAMP) IS NOT NULL",
    "TIMESTAMP WITH TIME ZONE": (
        f"regexp_full_match({{c}}, '{_STAMP.replace('{', '{{').replace('}', '}}')}(Z|[+-][0-9]{{{{2}}}}(:?[0-9]{{{{2}}}})?)')"
        " AND TRY_CAST({c} AS TIMESTAMPTZ) IS NOT NULL"
    ),
}


def main(data: str, out: str, request: dict[str, Any]) -> None:
    """Build the table and answer {"columns", "row_count"}, or {"refused": {"code", "sentence", "line"}}."""
    try:
        result = build(data, out, request)
    except Refused as refusal:
        result = {"refused": {"code": refusal.code, "sentence": refusal.sentence, "line": refusal.line}}
    except MemoryError:
        sentence = f"{request['name']} needs more memory to read than one file may use here."
        result = {"refused": {"code": "TableTooLarge", "sentence": sentence, "line": None}}
    answer(json.dumps(result).encode())


def build(data: str, out: str, request: dict[str, Any]) -> dict[str, Any]:
    """Write OUT/rows.duckdb. Raises Refused.

    request: name (for sentences), format (csv or parquet), delimiter (None: the first line decides).
    """
    name = request["name"]
    if request["format"] == "parquet":
        scanning.check_parquet(data, name)
        source = f"read_parquet({literal(data)})"
        names: list[str] = []
    else:
        compressed, head = scanning.check_text(data, name)
        delimiter, names = scanning.header_of(head, name, delimiter=request["delimiter"])
        source = _csv(data, delimiter, names, compressed=compressed)
    path = os.path.join(out, TABLE)
    connection = connect(path, files=[data], read_only=False)
    try:
        columns = _text_columns(connection, source, names) if names else _typed_columns(connection, source, data, name)
        selected = ", ".join(f"{expression} AS {identifier(column)}" for column, expression in columns)
        connection.execute(f"CREATE TABLE t AS SELECT {selected} FROM {source}")
        (count,) = connection.execute("SELECT count(*) FROM t").fetchall()[0]
        described = connection.execute("DESCRIBE t").fetchall()
        connection.execute("CHECKPOINT")
    except duckdb.Error as error:
        raise explain(error, name) from None
    finally:
        connection.close()
    return {"columns": [{"name": row[0], "type": row[1]} for row in described], "row_count": count}


def _csv(data: str, delimiter: str, names: list[str], *, compressed: bool) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({literal(data)}, auto_detect = false, header = true, delim = {literal(delimiter)}, quote = '\"', "
        f"escape = '\"', strict_mode = true, null_padding = false, ignore_errors = false, nullstr = '', "
        f"allow_quoted_nulls = false, compression = '{'gzip' if compressed else 'none'}', columns = {{{columns}}})"
    )


def _text_columns(connection: duckdb.DuckDBPyConnection, source: str, names: list[str]) -> list[tuple[str, str]]:
    """Return (column, expression): each with the narrowest type that all its values have."""
    fitting = {name: list(_TESTS) for name in names}
    # A sample drops most candidates, so that the pass over all rows has few tests left.
    for rows in (f"(SELECT * FROM {source} LIMIT {_SAMPLE})", source):
        tests = [(name, kind) for name, kinds in fitting.items() for kind in kinds]
        if not tests:
            break
        asked = ", ".join(_test(name, kind) for name, kind in tests)
        values = connection.execute(f"SELECT {asked} FROM {rows}").fetchall()[0]
        for (name, kind), (fits, seen) in zip(tests, ((value["fits"], value["seen"]) for value in values), strict=True):
            if fits is False or (rows is source and not seen):
                fitting[name].remove(kind)
    return [(name, _cast(name, fitting[name][0] if fitting[name] else "VARCHAR")) for name in names]


def _present(name: str) -> str:
    return f"{identifier(name)} NOT IN ({', '.join(literal(word) for word in _NO_VALUE)})"


def _test(name: str, kind: str) -> str:
    test = _TESTS[kind].format(c=identifier(name))
    # A test of a text that is no such value may be NULL, and bool_and skips those.
    return (
        f"{{'fits': bool_and(coalesce({test}, false)) FILTER (WHERE {_present(name)}), "
        f"'seen': count(*) FILTER (WHERE {_present(name)})}}"
    )


def _cast(name: str, kind: str) -> str:
    if kind == "VARCHAR":
        return identifier(name)
    return f"CASE WHEN {_present(name)} THEN CAST({identifier(name)} AS {kind}) END"


def _typed_columns(connection: duckdb.DuckDBPyConnection, source: str, data: str, name: str) -> list[tuple[str, str]]:
    """Return (column, expression) of a file that knows its types."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    if len(described) > scanning.MOST_COLUMNS:
        raise Refused("TooManyColumns", f"{name} has {len(described)} columns; {scanning.MOST_COLUMNS} are the most.")
    (rows,) = connection.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({literal(data)})").fetchall()[0]
    if (rows or 0) * len(described) > MOST_CELLS:
        raise Refused("TableTooLarge", f"{name} holds more than {MOST_CELLS:,} values.")
    return [(column, identifier(column)) for column, *_ in described]
