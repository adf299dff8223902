"""Turns one file into pieces: what holds rows, in a form that DuckDB reads, with its columns named."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from . import columns, depth, scanning, sheets, texts
from .engine import Refused, connect, explain, identifier, literal
from .unpacking import Room, start_of, unpacked

TEXT, STAGED, PARQUET = "text", "staged", "parquet"
#: the number of the row in the file that it came from, in what was staged
LINE = "entrepot line"
MOST_JSON_OBJECT = 16 << 20
#: Rows of these many columns and more cells than a file of this size can mean are refused before they are made.
MOST_CELLS, MOST_CELLS_PER_BYTE, CELLS_FROM = 10**10, 2_000, 10**8
_TABLES = (".csv", ".tsv", ".tab", ".psv")
_EXCEL = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
_ARROW = (".arrow", ".arrows", ".feather", ".ipc", ".ftr")
_JSON = (".json", ".ndjson", ".jsonl", ".geojson")
_ARROW_FILE = b"ARROW1"
_ARROW_STREAM = b"\xff\xff\xff\xff"


@dataclass(frozen=True)
class Piece:
    """Rows of one file. file: its name, for people. source: the file of the revision that it came out of.

    hints: the kinds that a column of texts may have; empty for Parquet, which knows its types. kept: a sheet is a table of
    its own, whatever its columns are.
    """

    file: str
    source: str
    path: str
    family: str
    names: tuple[str, ...]
    format: str
    delimiter: str = ""
    skip: int = 0
    hints: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    kept: bool = False
    types: tuple[str, ...] = ()
    rejected: tuple[int, tuple[tuple[int, str], ...]] = (0, ())
    remark: str = ""


@dataclass(frozen=True)
class Note:
    """Why a file, or a part of it, is in no table. is_partial: its rows are missing, because of damage or of a limit."""

    file: str
    reason: str
    is_partial: bool


def pieces_of(path: str, source: str, room: Room) -> Iterator[Piece | Note]:
    """Yield what of a file has rows, and notes of what has not."""
    for found in unpacked(path, source, room):
        if isinstance(found, Refused):
            yield Note(source, found.sentence, True)
            continue
        made, name = found
        try:
            kept = [replace(piece, source=source) for piece in _read(made, name, room)]
            yield from kept
            yield from (Note(name, f"{name}: {piece.remark}.", False) for piece in kept if piece.remark)
            if all(piece.path != made for piece in kept):
                room.give_back(made)
        except _NoTable as reason:
            room.give_back(made)
            yield Note(name, str(reason), False)
        except Refused as refusal:
            room.give_back(made)
            yield Note(name, refusal.sentence, True)
        except duckdb.Error as error:
            room.give_back(made)
            yield Note(name, explain(error, name).sentence, True)


class _NoTable(Exception):
    """The file is no table; nothing is missing."""


def _read(path: str, name: str, room: Room) -> list[Piece]:
    start = start_of(path)
    ending = os.path.splitext(name.lower())[1]
    if not start:
        raise _NoTable(f"{name} is empty.")
    if start.startswith(b"PAR1"):
        return [_parquet(path, name)]
    if start.startswith(_ARROW_FILE) or (ending in _ARROW and start.startswith(_ARROW_STREAM)):
        return [_arrow(path, name, room)]
    if ending in _EXCEL:
        return [
            Piece(sheet.name, "", sheet.path, STAGED, sheet.names, "sheet", hints=sheet.hints, kept=True)
            for sheet in sheets.read(path, name, room)
        ]
    if ending in _JSON:
        return [_json(path, name, room)]
    if ending in {".parquet", ".pq", *_ARROW}:
        raise Refused("NotThat", f"{name} is {scanning.kind_of(start) or 'something else'}, not what its name says.")
    return _text(path, name, ending, room)


def _text(path: str, name: str, ending: str, room: Room) -> list[Piece]:
    is_named_table = ending in _TABLES
    kind = scanning.kind_of(start_of(path))
    if kind and kind != "UTF-16 text":
        raise _NoTable(f"{name} is {kind}, not a table.")
    if not is_named_table and ending not in {"", ".txt", ".dat", ".data"}:
        raise _NoTable(f"{name} is not of a format that holds tables.")
    try:
        made, changed = texts.as_utf8(path, name, room)
        delimiter = {".tsv": "\t", ".tab": "\t", ".psv": "|"}.get(ending)
        dialect = texts.dialect_of(made, name, delimiter=delimiter)
    except Refused as refusal:
        if is_named_table:
            raise
        raise _NoTable(refusal.sentence) from None
    if not is_named_table and not dialect.is_table:
        raise _NoTable(f"{name} is text without columns.")
    kinds: tuple[str, ...] = columns.KINDS
    if dialect.delimiter == ";":  # where a comma may be a decimal one, 1,234 could mean two numbers
        kinds = tuple(kind for kind in kinds if not kind.startswith("GROUPED"))
    hints = dict.fromkeys(dialect.names, kinds)
    return [
        Piece(name, "", made, TEXT, dialect.names, "text", dialect.delimiter, dialect.skip, hints, remark=changed),
    ]


def _parquet(path: str, name: str) -> Piece:
    scanning.check_parquet(path, name)
    connection = connect(":memory:", files=[path], read_only=False)
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(path)})").fetchall()
        (rows,) = connection.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({literal(path)})").fetchall()[0]
    except duckdb.Error as error:
        raise explain(error, name) from None
    finally:
        connection.close()
    cells = int(rows or 0) * len(described)
    if len(described) > scanning.MOST_COLUMNS:
        raise Refused(
            "TooManyColumns", f"{name} has {len(described):,} columns; {scanning.MOST_COLUMNS:,} are the most."
        )
    if cells > MOST_CELLS or (cells > CELLS_FROM and cells > MOST_CELLS_PER_BYTE * os.path.getsize(path)):
        raise Refused("TableTooLarge", f"{name} says that it holds {cells:,} values, too many for a file of its size.")
    names, types = tuple(row[0] for row in described), tuple(row[1] for row in described)
    return Piece(name, "", path, PARQUET, names, "parquet", types=types)


class _Arrow:
    """An Arrow file as a stream; DuckDB asks for it more than once, and each time gets it from the start."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        """Return the stream as a capsule."""
        import nanoarrow  # type: ignore[import-untyped]  # 20 MB that only Arrow files need

        file = open(self.path, "rb")  # noqa: SIM115 - the stream closes it
        if not file.read(8).startswith(_ARROW_FILE):
            file.seek(0)
        return nanoarrow.ArrayStream.from_readable(file).__arrow_c_stream__(requested_schema)


def _arrow(path: str, name: str, room: Room) -> Piece:
    target = room.path()
    connection = connect(":memory:", files=[target], read_only=False)
    try:
        connection.register("given", _Arrow(path))
        options = "FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false"
        connection.execute(f"COPY (SELECT * FROM given) TO {literal(target)} ({options})")
    except Exception:  # noqa: BLE001 - nanoarrow raises errors of its own through DuckDB
        raise Refused("NotArrow", f"{name} is damaged, cut off or of a kind of Arrow that cannot be read.") from None
    finally:
        connection.close()
    room.take(os.path.getsize(target), name)
    return replace(_parquet(target, name), format="arrow")


def _json(path: str, name: str, room: Room) -> Piece:
    """Stage the objects of a JSON array or of lines: each member's JSON text, and the number of the row."""
    made, _ = texts.as_utf8(path, name, room)
    form = depth.form_of(made, name)
    if not form:
        raise _NoTable(f"{name} is JSON, but neither an array of objects nor objects in lines.")
    is_lines = form == "newline_delimited"
    source = (
        f"read_json_objects({literal(made)}, format = '{form}', maximum_object_size = {MOST_JSON_OBJECT},"
        f" ignore_errors = {str(is_lines).lower()}, compression = 'uncompressed')"
    )
    target = room.path()
    connection = connect(":memory:", files=[made, target], read_only=False)
    try:
        names = _members(connection, source, name)
        shape = literal(json.dumps(dict.fromkeys(names, "JSON")))
        values = ", ".join(f"nullif(o[{literal(column)}]::VARCHAR, 'null') AS {identifier(column)}" for column in names)
        numbered = f"(SELECT json, row_number() OVER () AS line FROM {source})"
        is_row = "json_type(json) IS NOT DISTINCT FROM 'OBJECT'"
        connection.execute(
            f"COPY (SELECT {values}, line AS {identifier(LINE)} FROM (SELECT json_transform(json, {shape}) AS o, line"
            f" FROM {numbered} WHERE {is_row})) TO {literal(target)}"
            " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
        )
        hints = _json_hints(connection, target, names)
        bad = connection.execute(
            f"SELECT line, count(*) OVER () FROM {numbered} WHERE NOT {is_row} LIMIT 100"
        ).fetchall()
    except duckdb.Error as error:
        if "maximum_object_size" in str(error):
            raise Refused("LineTooLong", f"{name} has an object longer than 16 MB.") from None
        raise Refused("NotJson", f"{name} cannot be read: it is not well-formed JSON.") from None
    finally:
        connection.close()
    if made != path:
        room.give_back(made)
    room.take(os.path.getsize(target), name)
    lost = (bad[0][1] if bad else 0, tuple((line, "is no JSON object") for line, _ in bad))
    return Piece(name, "", target, STAGED, tuple(names), "json", hints=hints, rejected=lost)


def _members(connection: duckdb.DuckDBPyConnection, source: str, name: str) -> list[str]:
    """Return the names of all members of all objects, in the order of the first rows. Raises Refused, _NoTable."""
    first = connection.execute(f"SELECT json_keys(json) FROM {source} LIMIT 1000").fetchall()
    order = dict.fromkeys(key for (keys,) in first for key in keys or ())
    found = connection.execute(f"SELECT DISTINCT unnest(json_keys(json)) AS k FROM {source} ORDER BY k").fetchall()
    order |= dict.fromkeys(key for (key,) in found)
    if not order:
        raise _NoTable(f"{name} holds no objects with members.")
    if len(order) > scanning.MOST_COLUMNS:
        raise Refused("TooManyColumns", f"{name} has {len(order):,} members; {scanning.MOST_COLUMNS:,} are the most.")
    if len({key.casefold() for key in order}) < len(order):
        raise Refused("NamesCollide", f"{name} has members whose names differ in capitals only.")
    return list(order)


def _json_hints(connection: duckdb.DuckDBPyConnection, path: str, names: list[str]) -> dict[str, tuple[str, ...]]:
    """Return what a member may be: a text stays one unless all of them are times, and nothing nested is a value."""
    counts = ", ".join(
        f"{{'all': count({c}), 'texts': count(*) FILTER (WHERE starts_with({c}, '\"')),"
        f" 'nested': count(*) FILTER (WHERE starts_with({c}, '{{') OR starts_with({c}, '['))}}"
        for c in map(identifier, names)
    )
    found = connection.execute(f"SELECT {counts} FROM read_parquet({literal(path)})").fetchall()[0]
    hints: dict[str, tuple[str, ...]] = {}
    for name, count in zip(names, found, strict=True):
        if count["texts"] and count["texts"] == count["all"]:
            hints[name] = columns.TIMES
        else:
            hints[name] = () if count["texts"] or count["nested"] else columns.NUMBERS
    return hints


def value_of(piece: Piece, name: str) -> str:
    """Return the expression of a staged column's text: JSON strings without their quotes."""
    column = identifier(name)
    if piece.format != "json":
        return column
    return f"CASE WHEN starts_with({column}, '\"') THEN json_extract_string({column}, '$') ELSE {column} END"
