"""Read a small table into the preview of a sample: first rows, and what each column holds. Nothing else is opened.

Source of the shape: publishers.models.ProductDocument.preview. Bounded in bytes, rows, cells and columns, whatever is sent.
"""

import csv
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from publishers.operations.names import extension_of

#: a sample that is unpacked may have at most so many bytes, and at most so many for each packed one
UNPACKED_BYTES = 25 * 1024 * 1024
MOST_RATIO = 100
SHOWN_ROWS = 500
COLUMNS = 100
CELL = 200
BINS = 12
#: cells of which distribution and range are told; a wider or longer table is told by its first rows
MEASURED_CELLS = 200_000
#: one JSON value of a row; longer ones make a file that is no table
ROW_CHARACTERS = 1024 * 1024
_CSV, _JSON, _LINES = ("csv", "tsv", "txt"), ("json",), ("ndjson", "jsonl")
_NOTHING = {"", "NA", "N/A", "NaN", "nan", "NULL", "null"}
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}[-/]\d\d[-/]\d\d")
_TIMESTAMP = re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?")
_SPACE = re.compile(r"[ \t\r\n]*")
_BOOLEANS = {"true": 1.0, "false": 0.0}


class NoTable(Exception):
    """The content is not one of the tables that are read here."""


def is_table_name(name: str) -> bool:
    """Tell by its name whether a file may be a table that `parse` reads."""
    return extension_of(name) in {*_CSV, *_JSON, *_LINES}


def parse(content: bytes, name: str) -> dict[str, Any]:
    """Return the preview of a CSV, TSV, JSON (array of objects) or NDJSON file, packed by gzip or not; {} for all else.

    row_count: rows of the file; is_whole: `rows` holds all of them. Statistics are over the first rows, up to
    MEASURED_CELLS cells. A cell is None where nothing stands in it; in columns that are no text, NA and NULL are nothing.
    """
    if not is_table_name(name):
        return {}
    try:
        if name.lower().endswith(".gz"):
            content = _unpack(content)
        encoding = _encoding_of(content)
        text = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
        kind = extension_of(name)
        if kind in _CSV:
            return _measure_lists(_csv_rows(text, "\t" if kind == "tsv" else ""))
        return _measure_objects(_json_objects(text) if kind in _JSON else _line_objects(text))
    except (NoTable, csv.Error, ValueError, RecursionError):  # of JSON too, and of texts in another encoding
        return {}


def first_lines(content: bytes, name: str, *, is_cut: bool, most: int = SHOWN_ROWS) -> bytes:
    """Return the head of a line-based file: whole lines only, and of CSV at most `most` rows besides the header.

    is_cut: `content` is the beginning of a longer file, so that its last line may be a part of one. Raises ValueError
    when no whole row is among it. Quoted line breaks are kept together. A JSON array is written as NDJSON.
    """
    kind = extension_of(name)
    if name.lower().endswith(".gz"):
        content, is_cut = _unpack_start(content)
    encoding = _encoding_of(content, is_cut=is_cut)
    text = content.decode(encoding, "ignore" if is_cut else "strict")
    if kind in _JSON:
        objects = islice(_json_objects(io.StringIO(text), tolerates_end=is_cut), most)
        lines = [json.dumps(entry, ensure_ascii=False) + "\n" for entry in objects]
    elif kind in _LINES:
        lines = [line + "\n" for line in _whole_lines(text, is_cut) if line.strip()][:most]
    else:
        lines = _csv_records(text, is_cut)[: most + 1]
        if len(lines) < 2:
            lines = []
    if not lines:
        raise ValueError("no whole row")
    return "".join(lines).encode()


def columns_of(preview: dict[str, Any]) -> list[dict[str, str]]:
    """Return a dictionary of what a preview found: column and type, the meaning still to be written."""
    return [
        {"column": column["name"], "type": column["type"], "meaning": ""}
        for column in preview.get("columns", [])
        if column["name"].strip()
    ]


# --- bytes ----------------------------------------------------------------------------------------------------------
def _unpack(content: bytes) -> bytes:
    """Return what a gzip file holds. Raises NoTable beyond the limits, before more than those are unpacked."""
    unpacked, is_cut = _unpack_start(content)
    if is_cut or len(unpacked) > MOST_RATIO * max(len(content), 1024):
        raise NoTable
    return unpacked


def _unpack_start(content: bytes) -> tuple[bytes, bool]:
    """Return the beginning of what a gzip file holds, and whether it goes on."""
    engine = zlib.decompressobj(wbits=31)
    try:
        unpacked = engine.decompress(content, UNPACKED_BYTES)
    except zlib.error:
        raise NoTable from None
    return unpacked, not engine.eof


def _encoding_of(content: bytes, *, is_cut: bool = False) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in content[:65_536]:
        raise NoTable
    try:
        content[:-4].decode() if is_cut else content.decode()
    except UnicodeDecodeError as error:
        if not (is_cut and error.start >= len(content) - 8):
            return "latin-1"
    return "utf-8-sig"


# --- rows -----------------------------------------------------------------------------------------------------------
def _csv_rows(text: io.TextIOBase, delimiter: str) -> Iterator[list[str]]:
    head = list(islice(text, 50))
    if not head or len(head[0]) > ROW_CHARACTERS:
        raise NoTable
    reader = csv.reader(_chained(head, text), delimiter=delimiter or _delimiter_of(head))
    yield from (row for row in reader if row)


def _chained(head: list[str], rest: io.TextIOBase) -> Iterator[str]:
    yield from head
    yield from rest


def _delimiter_of(lines: list[str]) -> str:
    """Return the separator that splits most of the first lines into as many fields as the first one."""

    def score(mark: str) -> tuple[int, int]:
        rows = [row for row in csv.reader(lines, delimiter=mark) if row][:20]
        width = len(rows[0]) if rows else 0
        return (sum(len(row) == width for row in rows) if width > 1 else 0, width)

    return max((",", ";", "\t", "|"), key=score)


def _csv_records(text: str, is_cut: bool) -> list[str]:
    """Return the records of a CSV text as they stand there, line breaks in quotes kept; of a cut one without the last."""
    records: list[str] = []
    current = ""
    for line in text.splitlines(keepends=True):
        current += line
        if current.count('"') % 2 == 0:
            if current.strip():
                records.append(current)
            current = ""
    if current.strip() and not is_cut:
        records.append(current)
    if is_cut and records and not current and not records[-1].endswith(("\n", "\r")):
        records.pop()
    return records


def _whole_lines(text: str, is_cut: bool) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if is_cut else lines


def _line_objects(text: io.TextIOBase) -> Iterator[dict[str, Any]]:
    while line := text.readline(ROW_CHARACTERS):
        if line.strip():
            yield _object(json.loads(line))


def _json_objects(text: io.TextIOBase, *, tolerates_end: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON array one by one: the array is never held whole."""
    decode = json.JSONDecoder().raw_decode
    buffer, at, goes_on = text.read(ROW_CHARACTERS).lstrip(), 1, True
    if not buffer.startswith("["):
        raise NoTable
    while True:
        if goes_on and len(buffer) - at < ROW_CHARACTERS // 2:
            more = text.read(ROW_CHARACTERS)
            buffer, at, goes_on = buffer[at:] + more, 0, bool(more)
        at = _SPACE.match(buffer, at).end()  # type: ignore[union-attr]
        if buffer[at : at + 1] == "]":
            return
        try:
            found, at = decode(buffer, at)
        except ValueError:
            if tolerates_end:
                return
            raise
        yield _object(found)
        at = _SPACE.match(buffer, at).end()  # type: ignore[union-attr]
        if buffer[at : at + 1] != ",":
            if buffer[at : at + 1] == "]" or tolerates_end:
                return
            raise NoTable
        at += 1


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NoTable
    return value


# --- columns --------------------------------------------------------------------------------------------------------
@dataclass
class _Column:
    """What is gathered of one column. values: those measured, None for nothing."""

    name: str
    values: list[str | None] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """Return the column as the preview has it."""
        kind, numbers = self._kind()
        absent = {""} if kind == "string" else _NOTHING
        present = [value for value in self.values if value is not None and value not in absent]
        least = greatest = ""
        histogram: list[int] = []
        if present and kind == "string":
            least, greatest = min(present), max(present)
            counts = [count for _, count in Counter(present).most_common(BINS)]
            histogram = counts if counts[0] > 1 else []
        elif present:
            order = sorted(zip(numbers, present, strict=True), key=lambda pair: pair[0])
            least, greatest = order[0][1], order[-1][1]
            histogram = _histogram(numbers) if kind != "boolean" else [numbers.count(0.0), numbers.count(1.0)]
        return {
            "name": self.name,
            "type": kind,
            "nulls": len(self.values) - len(present),
            "distinct": len(set(present)),
            "least": least,
            "greatest": greatest,
            "histogram": histogram,
        }

    def _kind(self) -> tuple[str, list[float]]:
        """Return the narrowest type that every value has, and the values on one axis; none of them for text."""
        present = [value for value in self.values if value is not None and value not in _NOTHING]
        if not present:
            return "string", []
        for kind, read in (
            ("boolean", _boolean),
            ("integer", _integer),
            ("number", _number),
            ("date", _date),
            ("timestamp", _instant),
        ):
            numbers: list[float] = []
            for value in present:
                number = read(value)
                if number is None:
                    break
                numbers.append(number)
            else:
                return kind, numbers
        return "string", []


def _boolean(value: str) -> float | None:
    return _BOOLEANS.get(value.lower())


def _integer(value: str) -> float | None:
    return float(value) if _INTEGER.fullmatch(value) else None


def _number(value: str) -> float | None:
    if len(value) > 40 or not _NUMBER.fullmatch(value):
        return None
    number = float(value)
    return number if abs(number) < 1e300 else None


def _date(value: str) -> float | None:
    return _moment(value) if _DATE.fullmatch(value) else None


def _instant(value: str) -> float | None:
    return _moment(value) if _TIMESTAMP.fullmatch(value) else None


def _moment(value: str) -> float | None:
    try:
        moment = datetime.fromisoformat(value.replace("/", "-"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _histogram(numbers: list[float]) -> list[int]:
    least, greatest = min(numbers), max(numbers)
    if least == greatest:
        return []
    counts = [0] * BINS
    for number in numbers:
        counts[min(BINS - 1, int((number - least) / (greatest - least) * BINS))] += 1
    return counts


def _text(value: Any) -> str | None:
    """Return a cell as it is kept: a text that PostgreSQL takes, of at most CELL characters; None for nothing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:CELL].replace("\x00", "").encode("utf-8", "replace").decode()


def _measure_lists(rows: Iterator[list[str]]) -> dict[str, Any]:
    header = next(rows, [])
    if not header:
        return {}
    names = [(_text(name) or "").strip() or f"column {n}" for n, name in enumerate(header[:COLUMNS], start=1)]
    columns = [_Column(name) for name in names]
    width, count = len(columns), 0
    measured = max(SHOWN_ROWS, MEASURED_CELLS // width)
    for row in rows:
        if count < measured:
            for number, column in enumerate(columns):
                column.values.append(_text(row[number]) or None if number < len(row) else None)
        count += 1
    return _preview(columns, count)


def _measure_objects(objects: Iterator[dict[str, Any]]) -> dict[str, Any]:
    columns: dict[str, _Column] = {}
    count = 0
    measured = SHOWN_ROWS
    for entry in objects:
        if count < measured:
            for key in entry:
                name = _text(key) or ""
                if name not in columns and len(columns) < COLUMNS:
                    columns[name] = _Column(name, [None] * count)
                    measured = max(SHOWN_ROWS, MEASURED_CELLS // len(columns))
            row = {_text(key): value for key, value in entry.items()}
            for name, column in columns.items():
                column.values.append(_text(row.get(name)) or None)
        count += 1
    return _preview(list(columns.values()), count) if columns else {}


def _preview(columns: list[_Column], count: int) -> dict[str, Any]:
    told = [column.told() for column in columns]
    shown = min(count, SHOWN_ROWS)
    absent = [set() if column["type"] == "string" else _NOTHING for column in told]
    cells = [
        [None if value in nothing else value for value in column.values[:shown]]
        for column, nothing in zip(columns, absent, strict=True)
    ]
    return {
        "columns": told,
        "rows": [list(row) for row in zip(*cells, strict=True)],
        "row_count": count,
        "is_whole": shown == count,
    }
