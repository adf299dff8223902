"""Writes the rows of a table as typed Parquet, and says which lines could not be taken."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import duckdb

from . import columns
from .engine import identifier, literal
from .grouping import Group
from .readers import LINE, PARQUET, TEXT, Piece, value_of
from .scanning import CHUNK

ROW_GROUP = 122_880
#: The newer encodings pack numbers before they are compressed: smaller and a third faster than level 3 without them.
_PARQUET = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, USE_TMP_FILE false"
#: A row group is held in memory until it is written: wide tables have fewer rows in each.
_ROW_GROUP_CELLS, _LEAST_ROW_GROUP = 4_000_000, 2_048
#: Columns that are tested and cast in one statement; each holds some dozen vectors while it runs.
WIDE = 100
#: lines that cannot be taken, recorded of one table; more of them and what comes after is not looked at
MOST_REJECTED = 1_000_000
SHOWN_REJECTED = 100
FILE = "entrepot file"
#: a whole buffer is parsed for the first rows of it; it has to hold the longest line
_SAMPLE_BUFFER = 4 << 20
_REASONS = {
    "UNQUOTED VALUE": "a quoted value is not closed, or text follows the closing quote",
    "LINE SIZE OVER MAXIMUM": "is longer than 2 MB",
    "INVALID ENCODING": "is not UTF-8 text",
    "INVALID STATE": "breaks the quoting of the file",
}


@dataclass
class Written:
    """What became of a table's rows."""

    rows: int = 0
    by_file: dict[str, int] = field(default_factory=dict)
    rejected_count: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    is_partial: bool = False


class Writer:
    """Types and writes one table. target: the Parquet file that is made."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        group: Group,
        *,
        target: str,
        declared: dict[str, str],
        sorted_by: list[str],
    ) -> None:
        self.connection, self.group, self.target = connection, group, target
        self.names = list(group.pieces[0].names)
        self.declared = declared
        by_name = {name.casefold(): name for name in self.names}
        self.sorted_by = [by_name[name.casefold()] for name in sorted_by if name.casefold() in by_name]
        self.files = {piece.path: piece.file for piece in group.pieces}
        self.is_text = group.pieces[0].family == TEXT
        self._scans = 0

    def write(self) -> Written:
        """Write the Parquet file and return what was taken. Raises duckdb.Error."""
        if self.group.pieces[0].family == PARQUET:
            result = self._copy(None, checked=False)
        elif len(self.names) > WIDE:
            result = self._write_wide()
        else:
            result = self._write_typed()
        for piece in self.group.pieces:
            count, lines = piece.rejected
            result.rejected_count += count
            result.rejected += [{"file": piece.file, "line": line, "reason": reason} for line, reason in lines]
        result.rejected = sorted(result.rejected, key=lambda r: (r["file"], r["line"] or 0))[:SHOWN_REJECTED]
        return result

    def _write_typed(self) -> Written:
        typing = self._typing()
        try:
            return self._copy(typing, checked=True)
        except duckdb.Error as error:
            if not columns.is_misfit(error):
                raise
        # the first rows promised what a later one does not keep: now all rows are asked
        typing = columns.Typing(self._hints())
        columns.decide(self.connection, self._source(), typing, set(typing.fitting))
        return self._copy(typing, checked=False)

    def _write_wide(self) -> Written:
        """Write all columns as texts, type them slice by slice, and put the slices side by side."""
        texts, *slices = scratch_of(self.target, len(self.names))
        result = self._copy(None, checked=False, target=texts)
        hints = self._hints()
        for number, path in enumerate(slices):
            names = self.names[number * WIDE : (number + 1) * WIDE]
            source = f"(SELECT {', '.join(map(identifier, names))} FROM read_parquet({literal(texts)}))"
            given = {name: tuple(hints[name]) for name in names if name in hints}
            typing = columns.guess(self.connection, source, given)
            columns.decide(self.connection, source, typing, set(typing.fitting))
            self._copy_to(path, f"SELECT * FROM {columns.typed(source, typing, names, checked=False)}")
        os.remove(texts)
        joined = " POSITIONAL JOIN ".join(f"read_parquet({literal(path)})" for path in slices)
        self._copy_to(self.target, f"SELECT * FROM {joined}")
        for path in slices:
            os.remove(path)
        return result

    def _copy_to(self, path: str, rows: str) -> None:
        group = max(_LEAST_ROW_GROUP, min(ROW_GROUP, _ROW_GROUP_CELLS // len(self.names) // 2048 * 2048))
        self.connection.execute(f"COPY ({rows}) TO {literal(path)} ({_PARQUET}, ROW_GROUP_SIZE {group})")

    def _hints(self) -> dict[str, list[str]]:
        return {
            name: [
                kind for kind in columns.KINDS if all(kind in piece.hints.get(name, ()) for piece in self.group.pieces)
            ]
            for name in self.names
            if name not in self.declared
        }

    def _typing(self) -> columns.Typing:
        hints = {name: tuple(kinds) for name, kinds in self._hints().items()}
        typing = columns.guess(self.connection, self._source(is_sample=True), hints)
        if typing.unseen:
            columns.decide(self.connection, self._source(), typing, set(typing.unseen))
        return typing

    # --- statements -------------------------------------------------------------------------------------------------
    def _source(self, *, recorded: str = "", is_sample: bool = False) -> str:
        """Return the relation of all rows, texts where the files do not know their types. recorded: names the rejects."""
        first = self.group.pieces[0]
        paths = ", ".join(literal(piece.path) for piece in self.group.pieces)
        if self.is_text:
            return self._csv(first, paths, recorded, buffer=_SAMPLE_BUFFER if is_sample else 0)
        if first.family == PARQUET:
            return f"read_parquet([{paths}], union_by_name = true, filename = {literal(FILE)}, file_row_number = true)"
        values = ", ".join(f"{value_of(first, name)} AS {identifier(name)}" for name in self.names)
        read = f"read_parquet([{paths}], union_by_name = true, filename = {literal(FILE)})"
        return f"(SELECT {values}, {identifier(LINE)}, {identifier(FILE)} FROM {read})"

    def _csv(self, first: Piece, paths: str, recorded: str, *, buffer: int) -> str:
        fields = ", ".join(f"{literal(name)}: {literal(self.declared.get(name, 'VARCHAR'))}" for name in self.names)
        rejects = (
            f", store_rejects = true, rejects_table = '{recorded}_e', rejects_scan = '{recorded}_s',"
            f" rejects_limit = {MOST_REJECTED}"
            if recorded
            else ""
        )
        size = f", buffer_size = {buffer}" if buffer else ""
        return (
            f"read_csv([{paths}], auto_detect = false, header = true, skip = {first.skip},"
            f" delim = {literal(first.delimiter)}, quote = '\"', escape = '\"', strict_mode = true, null_padding = false,"
            f" ignore_errors = true, nullstr = '', allow_quoted_nulls = false, compression = 'none',"
            f" filename = {literal(FILE)}, columns = {{{fields}}}{rejects}{size})"
        )

    def _copy(self, typing: columns.Typing | None, *, checked: bool, target: str = "") -> Written:
        target = target or self.target
        self._scans += 1
        recorded = f"rejects_{self._scans}"
        source = self._source(recorded=recorded if self.is_text else "")
        fields = ", ".join(f"{self._value(name)} AS {identifier(name)}" for name in self.names)
        rows = source if typing is None else columns.typed(source, typing, self.names, checked=checked)
        failing = "" if self.is_text else self._failing()
        where = f" WHERE NOT ({failing})" if failing else ""  # of the texts: declared columns are not typed below
        order = f" ORDER BY {', '.join(map(identifier, self.sorted_by))}" if self.sorted_by else ""
        self._copy_to(target, f"SELECT {fields} FROM {rows}{where}{order}")
        result = Written()
        counted = f"SELECT num_rows FROM parquet_file_metadata({literal(target)})"
        ((result.rows,),) = self.connection.execute(counted).fetchall()
        if self.is_text:
            self._take_rejects(recorded, result)
        elif failing:
            self._take_failing(source, failing, result)
        if len(self.files) == 1:
            result.by_file = {self.group.pieces[0].file: result.rows}
        else:
            by_file = f"SELECT {identifier(FILE)}, count(*) FROM {self._source()}{where} GROUP BY 1"
            counts = dict(self.connection.execute(by_file).fetchall())
            result.by_file = {file: counts.get(path, 0) for path, file in self.files.items()}
        return result

    def _value(self, name: str) -> str:
        column = identifier(name)
        return f"CAST({column} AS {self.declared[name]})" if name in self.declared and not self.is_text else column

    # --- rows that are not taken --------------------------------------------------------------------------------------
    def _failing(self) -> str:
        return " OR ".join(self._fails(name, kind) for name, kind in self.declared.items())

    @staticmethod
    def _fails(name: str, kind: str) -> str:
        column = identifier(name)
        return f"({column} IS NOT NULL AND TRY_CAST({column} AS {kind}) IS NULL)"

    def _take_failing(self, source: str, failing: str, result: Written) -> None:
        line = "file_row_number + 1" if self.group.pieces[0].family == PARQUET else identifier(LINE)
        reasons = " ".join(
            f"WHEN {self._fails(name, kind)} THEN {literal(_not_declared(name, kind))}"
            for name, kind in self.declared.items()
        )
        counted = f"SELECT count(*) FROM {source} WHERE {failing}"
        ((result.rejected_count,),) = self.connection.execute(counted).fetchall()
        found = self.connection.execute(
            f"SELECT {identifier(FILE)}, {line}, CASE {reasons} END FROM {source} WHERE {failing} LIMIT {SHOWN_REJECTED}"
        ).fetchall()
        result.rejected = [{"file": self.files[path], "line": at, "reason": reason} for path, at, reason in found]

    def _take_rejects(self, recorded: str, result: Written) -> None:
        rows = self.connection.execute(
            f"SELECT s.file_path, e.line, min(e.line_byte_position), any_value(e.error_type),"
            " any_value(e.error_message), any_value(e.column_name)"
            f" FROM {recorded}_e e JOIN {recorded}_s s USING (scan_id, file_id) GROUP BY 1, 2 ORDER BY 1, 2"
            f" LIMIT {SHOWN_REJECTED}"
        ).fetchall()
        counted = f"SELECT count(*) FROM (SELECT DISTINCT file_id, line FROM {recorded}_e)"
        ((result.rejected_count,),) = self.connection.execute(counted).fetchall()
        result.is_partial = result.rejected_count >= MOST_REJECTED
        first = self.group.pieces[0]
        places: dict[str, list[int]] = {}
        for path, _, place, *_ in rows:
            places.setdefault(path, []).append(place or 0)
        lines = {path: _lines_at(path, found) for path, found in places.items()}
        result.rejected = [
            {
                "file": self.files[path],
                "line": lines[path][place] if place is not None else line,
                "reason": self._reason(kind, message, column, first),
            }
            for path, line, place, kind, message, column in rows
        ]
        self.connection.execute(f"DROP TABLE {recorded}_e; DROP TABLE {recorded}_s")

    def _reason(self, kind: str, message: str, column: str | None, first: Piece) -> str:
        if kind == "CAST" and column in self.declared:
            return _not_declared(column, self.declared[column])
        if kind in {"MISSING COLUMNS", "TOO MANY COLUMNS"}:
            found = message.partition("Found: ")[2].split("\n", 1)[0].strip()
            if found.isdigit():
                values = "1 value" if found == "1" else f"{found} values"
                return f"has {values}, the first line names {len(first.names)} columns"
            more = "fewer" if kind == "MISSING COLUMNS" else "more"
            return f"has {more} values than the first line names columns"
        return _REASONS.get(kind, "does not fit the format")


def _not_declared(column: str, kind: str) -> str:
    return f"{column}: the value is no {kind}, as declared"


def _lines_at(path: str, places: list[int]) -> dict[int, int]:
    """Return the number of the line of each place in a file, from 1; DuckDB counts rows, and one may go over many lines."""
    found: dict[int, int] = {}
    line, at = 1, 0
    with open(path, "rb") as file:
        mark = b"\n" if b"\n" in file.read(CHUNK) else b"\r"
        file.seek(0)
        for place in sorted(set(places)):
            while at < place:
                part = file.read(min(CHUNK, place - at))
                if not part:
                    break
                line += part.count(mark)
                at += len(part)
            found[place] = line
    return found


def scratch_of(target: str, count: int) -> list[str]:
    """Return the files that writing a wide table needs beside it."""
    slices = -(-count // WIDE) if count > WIDE else -1
    return [f"{target}.{number}" for number in range(slices + 1)]


def size_of(path: str) -> int:
    """Return the bytes of a file."""
    return os.path.getsize(path)
