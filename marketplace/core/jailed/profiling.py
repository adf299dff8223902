"""Profiles the files of one revision: finds the tables, types them over all rows, writes Parquet, measures every column.

One request comes in: {"files": [{"path", "name"}], "declared": {table: {column: type}}, "sorted_by": {table: [column]},
"free_bytes", "left_out": {name: reason}}. `path` is below `data`. Answers go out: {"progress": {"file", "files", "bytes",
"rows"}} any number of times (the file that is being read, and what is done of files, bytes and rows), then one
{"result": {"tables", "notes"}}. Of each table: what ProfiledTable holds, `parquet` naming files below OUT/tables.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import duckdb

from . import columns
from .axes import WHOLE
from .detecting import SHORTEST, findings
from .engine import Refused, connect, explain
from .grouping import Group, tables_of
from .measuring import Measurer, coverage_of, source_of
from .naming import kind_of_name
from .pipe import answer
from .readers import PARQUET, Note, Piece, pieces_of
from .unpacking import Room
from .writing import Writer, scratch_of, size_of

THREADS = 2
#: digits of the shortest number that is personal data whatever its column is called, the Brazilian CPF
_SHORTEST_NUMBER = 11
MOST_TABLES = 500
MOST_NOTES = 500
STAGED, TABLES, SPILL = "staged", "tables", "spill"


def main(data: str, out: str, requests: Iterator[dict[str, Any]]) -> None:
    """Answer one request."""
    profiler = Profiler(data, out, next(requests))
    answer(json.dumps({"result": profiler.run()}, allow_nan=False).encode())


class Profiler:
    """One run over the files of a revision."""

    def __init__(self, data: str, out: str, request: dict[str, Any]) -> None:
        self.data, self.out, self.request = data, out, request
        self.room = Room(os.path.join(out, STAGED), int(request["free_bytes"]))
        self.notes: list[Note] = []
        self.sizes: dict[str, int] = {}
        self.files = self.bytes = self.rows = 0

    def run(self) -> dict[str, Any]:
        """Return {"tables", "notes"}."""
        pieces = list(self._pieces())
        groups = tables_of(pieces)
        for group in groups[MOST_TABLES:]:
            self.notes.append(
                Note(group.pieces[0].file, f"More than {MOST_TABLES} tables; this one is not read.", True)
            )
        waiting = self._waiting(groups)
        tables = []
        for position, group in enumerate(groups[:MOST_TABLES]):
            made = self._table(group, position)
            if made is not None:
                tables.append(made)
            for piece in group.pieces:
                self.room.give_back(piece.path)
                waiting[piece.source] -= 1
                if not waiting[piece.source]:
                    self._count(piece.source)
        by_name = {(note.file, note.reason): note for note in self.notes}
        notes = [{"file": n.file, "reason": n.reason, "is_partial": n.is_partial} for n in by_name.values()]
        partial = {note.file for note in self.notes if note.is_partial}
        for table in tables:
            table["is_partial"] = table["is_partial"] or any(_belongs(name, table) for name in partial)
        return {"tables": tables, "notes": notes[:MOST_NOTES], "is_partial": bool(partial)}

    def _pieces(self) -> Iterator[Piece]:
        for file in self.request["files"]:
            path, name = os.path.join(self.data, file["path"]), file["name"]
            self.sizes[name] = size_of(path)
            self._tell(name)
            if name in self.request["left_out"]:
                self.notes.append(Note(name, self.request["left_out"][name], True))
                self._count(name)
                continue
            found = 0
            for piece in pieces_of(path, name, self.room):
                if isinstance(piece, Note):
                    self.notes.append(piece)
                else:
                    found += 1
                    yield piece
            if not found:
                self._count(name)

    def _waiting(self, groups: list[Group]) -> dict[str, int]:
        waiting: dict[str, int] = {}
        for group in groups:
            for piece in group.pieces:
                waiting[piece.source] = waiting.get(piece.source, 0) + 1
        return waiting

    def _count(self, name: str) -> None:
        self.files += 1
        self.bytes += self.sizes.get(name, 0)
        self._tell(None)

    def _tell(self, file: str | None) -> None:
        told = {"file": file, "files": self.files, "bytes": self.bytes, "rows": self.rows}
        answer(json.dumps({"progress": told}).encode())

    def _table(self, group: Group, position: int) -> dict[str, Any] | None:
        first = group.pieces[0]
        self._tell(first.source)
        target = os.path.join(self.out, TABLES, f"{position:04}.parquet")
        try:
            return self._made(group, target)
        except duckdb.Error as error:
            refusal = explain(error, first.file)
        except MemoryError:
            refusal = Refused(
                "TableTooLarge", f"{first.file} needs more memory to measure than one table may use here."
            )
        except Refused as found:
            refusal = found
        for path in (target, *scratch_of(target, len(first.names))):
            if os.path.exists(path):
                os.remove(path)
        self.notes += [Note(piece.file, refusal.sentence, True) for piece in group.pieces]
        return None

    def _made(self, group: Group, target: str) -> dict[str, Any]:
        declared = self._wanted("declared", group.name)
        taken, unknown = columns.declared_types(declared or {}, list(group.pieces[0].names))
        for column in unknown:
            self.notes.append(Note(group.pieces[0].file, f"The declared type of {column} is not known here.", False))
        files = [*(piece.path for piece in group.pieces), target, *scratch_of(target, len(group.pieces[0].names))]
        spill = os.path.join(self.out, SPILL)
        connection = connect(":memory:", files=files, read_only=False, threads=THREADS, spill=spill)
        try:
            sorted_by = self._wanted("sorted_by", group.name) or []
            writer = Writer(connection, group, target=target, declared=taken, sorted_by=sorted_by)
            written = writer.write()
            self.room.take(size_of(target), group.name)
            before = self.rows
            source = source_of(target)
            count = len(group.pieces[0].names)

            def step(number: int) -> None:
                self.rows = before + written.rows * number // max(count, 1)
                self._tell(group.pieces[0].source)

            measurer = Measurer(connection, source, written.rows, step)
            told = measurer.measure()
            keys = measurer.keys(told)
            personal = findings(connection, source, _worth_checking(told))
        finally:
            connection.close()
        if written.is_partial:
            reason = f"More than {written.rejected_count - 1:,} lines are rejected."
            self.notes.append(Note(group.pieces[0].file, reason, True))
        by_source = {piece.file: piece.source for piece in group.pieces}
        return {
            "name": group.name,
            "format": group.pieces[0].format,
            "is_typed": group.pieces[0].family == PARQUET or bool(taken),
            "row_count": written.rows,
            "rejected_count": written.rejected_count,
            "rejected": written.rejected,
            "columns": told,
            "keys": keys,
            "coverage": coverage_of(told),
            "files": [
                {"source": by_source[file], "name": file, "rows": rows}
                for file, rows in sorted(written.by_file.items())
            ],
            "findings": personal,
            "parquet": [{"file": os.path.basename(target), "bytes": size_of(target), "rows": written.rows}],
            "is_partial": written.is_partial,
        }

    def _wanted(self, member: str, table: str) -> Any:
        """Return what the request says of a table; names differ in capitals only, and a single one means any."""
        given = self.request.get(member) or {}
        by_name = {name.casefold(): value for name, value in given.items()}
        return by_name.get(table.casefold()) or (next(iter(given.values())) if len(given) == 1 else None)


def _worth_checking(told: list[dict[str, Any]]) -> list[str]:
    """Return the columns that may hold personal data: all but those whose values are too short, and whose names say nothing."""
    return [
        column["name"]
        for column in told
        if kind_of_name(column["name"])
        or (
            column.get("longest", SHORTEST) >= SHORTEST
            and not (column["type"] in WHOLE and _digits(column) < _SHORTEST_NUMBER)
        )
    ]


def _digits(column: dict[str, Any]) -> int:
    return max(len(str(column.get(end, ""))) for end in ("least", "greatest"))


def _belongs(name: str, table: dict[str, Any]) -> bool:
    return any(file["name"] == name or file["name"].startswith(f"{name}/") for file in table["files"])
