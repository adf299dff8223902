"""Reads the sheets of a workbook, each as a table of texts with the number of its row."""

from __future__ import annotations

import csv
import os
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import duckdb
from python_calamine import CalamineError, CalamineWorkbook

from . import columns, scanning
from .engine import Refused, connect, explain, identifier, literal
from .unpacking import MOST_MEMBERS, Room

MOST_CELLS = 5_000_000
#: The reader holds a sheet in memory, many times the size of its text.
MOST_BYTES = 100 << 20
MOST_SHEETS = 256


@dataclass(frozen=True)
class Sheet:
    """A sheet as a Parquet file of texts."""

    name: str
    path: str
    names: tuple[str, ...]
    hints: dict[str, tuple[str, ...]]


def read(path: str, name: str, room: Room) -> list[Sheet]:
    """Return the sheets that have rows. Raises Refused beyond the limits and for what is no workbook."""
    _check_size(path, name)
    try:
        workbook = CalamineWorkbook.from_path(path)
        titles = workbook.sheet_names
        if len(titles) > MOST_SHEETS:
            raise Refused("TooManySheets", f"{name} has {len(titles)} sheets; {MOST_SHEETS} are the most.")
        made, cells = [], 0
        for title in titles:
            sheet = workbook.get_sheet_by_name(title)
            cells += sheet.height * sheet.width
            if cells > MOST_CELLS:
                raise Refused(
                    "TooManyCells", f"{name} has more than {MOST_CELLS:,} cells. Publish it as CSV or Parquet."
                )
            first = (sheet.start or (0, 0))[0]
            rows = sheet.to_python()
            table = _table(rows, first, f"{name}/{title}", room)
            if table is not None:
                made.append(table)
    except (CalamineError, OSError, ValueError) as error:
        raise Refused(
            "NotExcel", f"{name} cannot be read as a workbook: it is damaged, encrypted or another kind."
        ) from error
    if not made:
        raise Refused("NoRows", f"{name} has no sheet with rows.")
    return made


def _check_size(path: str, name: str) -> None:
    size = os.path.getsize(path)
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise Refused("NotExcel", f"{name} is damaged: it cannot be unpacked.") from None
        size = sum(member.file_size for member in members)
        if len(members) > MOST_MEMBERS:
            raise Refused("TooManyMembers", f"{name} holds too many parts for a workbook.")
    if size > MOST_BYTES:
        raise Refused("TooManyCells", f"{name} is larger than 100 MB unpacked. Publish it as CSV or Parquet.")


def _table(rows: list[list[Any]], first: int, name: str, room: Room) -> Sheet | None:
    """Write the rows below the first one that is not empty; None where there are none."""
    head = next((number for number, row in enumerate(rows) if any(cell != "" for cell in row)), None)
    if head is None or not any(any(cell != "" for cell in row) for row in rows[head + 1 :]):
        return None
    if len(rows[head]) > scanning.MOST_COLUMNS:
        raise Refused("TooManyColumns", f"{name} has more than {scanning.MOST_COLUMNS:,} columns.")
    names = scanning.unique_names([_text(cell, False) or "" for cell in rows[head]])
    body = [(first + head + 2 + n, row) for n, row in enumerate(rows[head + 1 :]) if any(cell != "" for cell in row)]
    kinds = [{type(row[place]) for _, row in body if row[place] != ""} for place in range(len(names))]
    whole = [datetime in found for found in kinds]
    hints = {column: _hint(found) for column, found in zip(names, kinds, strict=True)}
    plain = room.path()
    with open(plain, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for line, row in body:
            writer.writerow([*(_text(cell, at) for cell, at in zip(row, whole, strict=True)), line])
    room.take(os.path.getsize(plain), name)
    return Sheet(name, _as_parquet(plain, names, name, room), tuple(names), hints)


def _as_parquet(plain: str, names: list[str], name: str, room: Room) -> str:
    target = room.path()
    connection = connect(":memory:", files=[plain, target], read_only=False)
    fields = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in [*names, "entrepot line"])
    number = f"CAST({identifier('entrepot line')} AS BIGINT)"
    try:
        connection.execute(
            f"COPY (SELECT * REPLACE ({number} AS {identifier('entrepot line')}) FROM read_csv({literal(plain)},"
            f" auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', nullstr = '',"
            f" columns = {{{fields}}})) TO {literal(target)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
        )
    except duckdb.Error as error:
        raise explain(error, name) from None
    finally:
        connection.close()
    room.give_back(plain)
    room.take(os.path.getsize(target), name)
    return target


def _hint(kinds: set[type]) -> tuple[str, ...]:
    """Return what a column may be by the kinds of its cells: a text that looks like a number stays a text."""
    if kinds <= {datetime, date}:
        return columns.TIMES
    if kinds <= {str}:
        return columns.TIMES
    if kinds <= {int, float}:
        return ("BIGINT", "DOUBLE")
    return ("BOOLEAN",) if kinds == {bool} else ()


def _text(cell: Any, has_times: bool) -> str | None:
    """Return a cell as text, None for nothing; a whole number has no decimals, as people see it."""
    if cell == "" or cell is None:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    if isinstance(cell, date):
        return f"{cell.isoformat()} 00:00:00" if has_times else cell.isoformat()
    if isinstance(cell, (time, timedelta)):
        return str(cell)
    return str(cell)
