"""Looks at bytes before DuckDB does: what kind of file it is, whether it is text, and how it names its columns."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from .engine import Refused

CHUNK = 1 << 20
MOST_COLUMNS = 4096
#: A compressed file may grow this much; beyond the first bytes, which may be one long run of zeros in honest data.
MOST_RATIO, RATIO_FROM = 50, 64 << 20
DELIMITERS = (",", ";", "\t", "|")
GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (_PARQUET, "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


def kind_of(start: bytes) -> str:
    """Return in words what the first bytes say, empty when they say nothing."""
    return next((words for magic, words in _KINDS if start.startswith(magic)), "")


def check_parquet(path: str, name: str) -> None:
    """Raise Refused unless the file begins and ends as Parquet does."""
    with open(path, "rb") as file:
        start = file.read(16)
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 4))
        end = file.read(4)
    if not size:
        raise Refused("EmptyFile", f"{name} is empty.")
    if not start.startswith(_PARQUET):
        raise Refused("NotParquet", f"{name} is {kind_of(start) or 'something else'}, not Parquet.")
    if end != _PARQUET or size < 12:
        raise Refused("NotParquet", f"{name} is cut off: the end of the Parquet file is missing.")


def check_text(path: str, name: str) -> tuple[bool, str]:
    """Return whether the file is compressed, and its first MiB as text. Raises Refused for what is no plain text."""
    with open(path, "rb") as file:
        start = file.read(16)
        compressed = start.startswith(GZIP)
        if not start:
            raise Refused("EmptyFile", f"{name} is empty.")
        if not compressed:
            _refuse_kind(start, name)
            if name.lower().endswith(".gz"):
                raise Refused("NotGzip", f"{name} is not compressed with gzip, although its name says so.")
        file.seek(0)
        head = bytearray()
        lines, tail = 1, b""
        for chunk in _inflated(file, name) if compressed else iter(lambda: file.read(CHUNK), b""):
            if not head:
                _refuse_kind(bytes(chunk[:16]), name)
            if len(head) < CHUNK:
                head += chunk[: CHUNK - len(head)]
            lines, tail = _check_utf8(tail + chunk, lines, name)
        if tail:
            raise _not_utf8(name, lines)
    if not head:
        raise Refused("EmptyFile", f"{name} is empty.")
    return compressed, bytes(head).decode("utf-8-sig", "ignore")


def _refuse_kind(start: bytes, name: str) -> None:
    kind = kind_of(start)
    if kind:
        raise Refused("NotCsv", f"{name} is {kind}, not CSV. Publish the table itself as CSV or Parquet.")


def _check_utf8(chunk: bytes, lines: int, name: str) -> tuple[int, bytes]:
    """Return the line reached and the bytes of a character that the chunk cuts."""
    zero = chunk.find(b"\0")
    if zero >= 0:
        line = lines + chunk.count(b"\n", 0, zero)
        raise Refused("NotCsv", f"Line {line} of {name} holds a NUL byte: the file is binary, or UTF-16 text.", line)
    try:
        chunk.decode()
    except UnicodeDecodeError as error:
        # 3 bytes at most can be the start of a character that goes on in the next chunk
        if error.reason != "unexpected end of data" or len(chunk) - error.start > 3:
            raise _not_utf8(name, lines + chunk.count(b"\n", 0, error.start)) from None
        return lines + chunk.count(b"\n", 0, error.start), chunk[error.start :]
    return lines + chunk.count(b"\n"), b""


def _not_utf8(name: str, line: int) -> Refused:
    return Refused(
        "NotUtf8", f"Line {line} of {name} is not UTF-8 text. Save the file as UTF-8 and publish it again.", line
    )


def _inflated(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield what a gzip file holds, member after member. Raises Refused for a bomb and for damage."""
    read = written = 0
    engine, is_open = zlib.decompressobj(31), False
    rest = b""
    while data := rest or file.read(CHUNK):
        read += 0 if rest else len(data)
        try:
            out = engine.decompress(data, CHUNK)
        except zlib.error:
            raise Refused("NotGzip", f"{name} is damaged: it cannot be unpacked.") from None
        written += len(out)
        if written > RATIO_FROM and written > MOST_RATIO * read:
            raise Refused("GrowsTooMuch", f"{name} grows more than {MOST_RATIO} times when it is unpacked.")
        if out:
            yield out
        rest, is_open = engine.unconsumed_tail, True
        if engine.eof:
            rest = engine.unused_data
            engine, is_open = zlib.decompressobj(31), False
            if not GZIP.startswith(rest[:2]):
                raise Refused("NotGzip", f"{name} is damaged: something follows the packed data.")
    if is_open:
        yield engine.flush()
        if not engine.eof:
            raise Refused("NotGzip", f"{name} is cut off: it cannot be unpacked to its end.")


def header_of(head: str, name: str, *, delimiter: str | None) -> tuple[str, list[str]]:
    """Return the delimiter and the column names of the first line; names come out unique and not empty.

    delimiter: known from the file's kind; None lets the first line decide, by what stands in it most often.
    """
    if delimiter is None:
        delimiter = _delimiter_of(head)
    csv.field_size_limit(CHUNK)
    try:
        names = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
    except csv.Error:
        raise Refused("NotCsv", f"The first line of {name} cannot be read as names of columns.", 1) from None
    if not names or not any(text.strip() for text in names):
        raise Refused("NotCsv", f"The first line of {name} is empty; it must name the columns.", 1)
    if len(names) > MOST_COLUMNS:
        raise Refused("TooManyColumns", f"{name} has {len(names)} columns; {MOST_COLUMNS} are the most.", 1)
    return delimiter, unique_names(names)


def _delimiter_of(head: str) -> str:
    counts = dict.fromkeys(DELIMITERS, 0)
    quoted = False
    for character in head:
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "\r\n":
            break
        elif not quoted and character in counts:
            counts[character] += 1
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def unique_names(names: list[str]) -> list[str]:
    """Return names that differ in more than case; a repeated one gets a number, an empty one its place."""
    taken: set[str] = set()
    given = {text.strip().casefold() for text in names}
    result = []
    for place, text in enumerate(names, start=1):
        wanted = text.strip() or f"column_{place}"
        name, number = wanted, 2
        while name.casefold() in taken or (name != wanted and name.casefold() in given):
            name, number = f"{wanted}_{number}", number + 1
        taken.add(name.casefold())
        result.append(name)
    return result
