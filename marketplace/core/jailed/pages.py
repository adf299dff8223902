"""Reads pages of a table that we built, as JSON text; runs until it is closed, killed or not asked any more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import duckdb

from .engine import connect, identifier
from .pipe import answer

_STEP = 250
#: A page ends early beyond this, so that wide rows do not fill the memory of whoever asks.
ENOUGH_BYTES = 8 << 20
_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")


def main(data: str, requests: Iterable[dict[str, Any]]) -> None:
    """Answer each {"start", "limit"} with a line of JSON {"count"} and the rows below it, separated by commas."""
    connection = connect(data, files=[], read_only=True)
    described = connection.execute("DESCRIBE t").fetchall()
    columns = [(row[0], row[1]) for row in described]
    fields = ", ".join(f"{identifier(name)} := {rendered(name, kind)}" for name, kind in columns)
    statement = f"SELECT to_json(struct_pack({fields}))::VARCHAR FROM t WHERE rowid >= ? AND rowid < ? ORDER BY rowid"
    again = any(kind.startswith(_NESTED) or kind.endswith("]") for _, kind in columns)
    for request in requests:
        rows = page(connection, statement, request["start"], request["limit"], again=again)
        answer(json.dumps({"count": len(rows)}).encode() + b"\n" + ",".join(rows).encode())


def page(connection: duckdb.DuckDBPyConnection, statement: str, start: int, limit: int, *, again: bool) -> list[str]:
    """Return up to `limit` rows as JSON objects, fewer when they are long; at least one when there is one."""
    rows: list[str] = []
    size, step = 0, _STEP
    while len(rows) < limit and size < ENOUGH_BYTES:
        first = start + len(rows)
        try:
            found = connection.execute(statement, [first, first + min(step, limit - len(rows))]).fetchall()
        except duckdb.OutOfMemoryException:
            if step == 1:
                raise
            step = max(1, step // 8)
            continue
        if not found:
            break
        for (text,) in found:
            rows.append(finite(text) if again else text)
            size += len(rows[-1])
            if size >= ENOUGH_BYTES:
                break
    return rows


def finite(text: str) -> str:
    """Return a row whose nested numbers are JSON: what JSON has no word for (NaN, Infinity) becomes null."""
    if "NaN" not in text and "Infinity" not in text:
        return text
    return json.dumps(json.loads(text, parse_constant=lambda _: None), ensure_ascii=False, separators=(",", ":"))


def rendered(name: str, kind: str) -> str:
    """Return the expression that gives a value its JSON form.

    Integers and floats are numbers (NaN and the infinities null), decimals are texts so that no digit is lost, instants are
    ISO 8601, bytes are Base64.
    """
    column = identifier(name)
    if kind.endswith("]"):
        return column
    if kind in {"DOUBLE", "FLOAT"}:
        return f"CASE WHEN isfinite({column}) THEN {column} END"
    if kind.startswith("DECIMAL") or kind in {"INTERVAL", "BIGNUM", "BIT", "UUID", "TIME WITH TIME ZONE"}:
        return f"{column}::VARCHAR"
    if kind == "BLOB":
        return f"to_base64({column})"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"replace(replace({column}::VARCHAR, ' ', 'T'), '+00', 'Z')"
    if kind.startswith("TIMESTAMP"):
        return f"replace({column}::VARCHAR, ' ', 'T')"
    return column
