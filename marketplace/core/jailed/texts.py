"""Makes a text file one that DuckDB reads: UTF-8, its delimiter known, its columns named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import scanning
from .engine import Refused
from .unpacking import Room

HEAD = 1 << 18
MOST_LINE = 2_000_000
_LINES_LOOKED_AT = 50


@dataclass(frozen=True)
class Dialect:
    """How a text file is split. skip: lines above the one that names the columns."""

    delimiter: str
    skip: int
    names: tuple[str, ...]
    is_table: bool


def as_utf8(path: str, name: str, room: Room) -> tuple[str, str]:
    """Return the path of the file as UTF-8, itself when it is, and a note of what was changed.

    UTF-16 is known by its first two bytes. A line that is not UTF-8 is read as Windows-1252, the others stay as they are.
    Raises Refused for what is not text.
    """
    with open(path, "rb") as file:
        start = file.read(4)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16-le" if start.startswith(b"\xff\xfe") else "utf-16-be"
        return _rewritten(_decoded(path, name, encoding), name, room), ""
    is_utf8, is_mixed = _survey(path, name)
    if is_utf8:
        return (_rewritten(_with_one_break(path), name, room) if is_mixed else path), ""
    count = [0]
    target = _rewritten(_lines_as_utf8(path, name, count), name, room)
    lines = "1 line" if count[0] == 1 else f"{count[0]:,} lines"
    return target, f"{lines} not in UTF-8, read as Windows-1252"


def _survey(path: str, name: str) -> tuple[bool, bool]:
    """Return whether a text is UTF-8, and whether it mixes kinds of line ends.

    Raises Refused for binary content and for lines beyond all measure.
    """
    tail, last, since_break, is_utf8 = b"", b"", 0, True
    kinds: set[bytes] = set()
    with open(path, "rb") as file:
        while chunk := file.read(scanning.CHUNK):
            if b"\0" in chunk:
                raise Refused("NotText", f"{name} holds NUL bytes: it is not text.")
            found = chunk.rfind(b"\n")
            since_break = since_break + len(chunk) if found < 0 else len(chunk) - found - 1
            if since_break > 32 * MOST_LINE and b"\r" not in chunk:
                raise Refused("LineTooLong", f"{name} has a line longer than 2 MB.")
            kinds |= _breaks_of(last + chunk)
            last = b"\r" if chunk.endswith(b"\r") else b""
            if is_utf8 and (tail or not chunk.isascii()):
                is_utf8, tail = _valid(tail + chunk)
    return is_utf8 and not tail, len(kinds) > 1


def _breaks_of(chunk: bytes) -> set[bytes]:
    """Return the kinds of line ends in a part of a text; a carriage return at its end is left to the next part."""
    if b"\r" not in chunk:
        return {b"\n"} if b"\n" in chunk else set()
    both, feeds = chunk.count(b"\r\n"), chunk.count(b"\n")
    returns = chunk.count(b"\r") - chunk.endswith(b"\r")
    found = ((b"\r\n", both), (b"\n", feeds - both), (b"\r", returns - both))
    return {kind for kind, count in found if count > 0}


def _valid(content: bytes) -> tuple[bool, bytes]:
    """Return whether the bytes are UTF-8, and the beginning of a character at their end."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or len(content) - error.start > 3:
            return False, b""
        return True, content[error.start :]
    return True, b""


def _with_one_break(path: str) -> Iterator[bytes]:
    """Yield a text with all its line ends as line feeds: DuckDB takes one kind in a file only."""
    with open(path, encoding="utf-8", newline=None) as file:
        while text := file.read(scanning.CHUNK):
            yield text.encode()


def _rewritten(texts: Iterable[bytes], name: str, room: Room) -> str:
    target = room.path()
    try:
        with open(target, "wb") as file:
            for content in texts:
                room.take(len(content), name)
                file.write(content)
    except Refused:
        room.give_back(target)
        raise
    return target


def _decoded(path: str, name: str, encoding: str) -> Iterator[bytes]:
    with open(path, encoding=encoding, newline=None, errors="replace") as file:
        file.read(1)
        while text := file.read(scanning.CHUNK):
            if "\0" in text:
                raise Refused("NotText", f"{name} holds NUL characters: it is not text.")
            yield text.encode("utf-8", "replace")


def _lines_as_utf8(path: str, name: str, count: list[int]) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while line := file.readline(MOST_LINE + 1):
            if len(line) > MOST_LINE:
                raise Refused("LineTooLong", f"{name} has a line longer than 2 MB.")
            try:
                line.decode()
            except UnicodeDecodeError:
                count[0] += 1
                # the five bytes that Windows-1252 leaves open are what Latin-1 says
                line = "".join(_WINDOWS[byte] for byte in line).encode()
            yield line.replace(b"\r\n", b"\n")


_WINDOWS = [bytes([byte]).decode("cp1252", "ignore") or bytes([byte]).decode("latin-1") for byte in range(256)]


def dialect_of(path: str, name: str, *, delimiter: str | None) -> Dialect:
    """Return how a text file is split and what its first line with content names. Raises Refused."""
    with open(path, "rb") as file:
        content = file.read(HEAD)
        is_whole = not file.read(1)
    if not content.strip():
        raise Refused("EmptyFile", f"{name} is empty.")
    head = content.decode("utf-8-sig", "ignore")
    if len(head.split("\n", 1)[0]) >= len(head) and not is_whole and "\r" not in head:
        raise Refused("NotCsv", f"The first line of {name} is too long to name columns.")
    lines = io.StringIO(head, newline=None).read().split("\n")
    skip = next(number for number, line in enumerate(lines) if line.strip() or number == len(lines) - 1)
    rest = "\n".join(lines[skip:])
    found = delimiter or _delimiter_of(rest)
    _, names = scanning.header_of(rest, name, delimiter=found)
    rows = _rows(rest, found)
    fitting = sum(len(row) == len(names) for row in rows)
    is_table = len(names) > 1 and len(rows) > 1 and fitting * 10 >= len(rows) * 8
    return Dialect(found, skip, tuple(names), is_table)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(scanning.CHUNK)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > _LINES_LOOKED_AT:
                break
    except csv.Error:
        pass
    return rows


def _delimiter_of(text: str) -> str:
    """Return the delimiter that splits most of the first rows into as many fields as the first one, and into most."""

    def score(mark: str) -> tuple[int, int]:
        rows = _rows(text, mark)
        width = len(rows[0]) if rows else 0
        return (sum(len(row) == width for row in rows) if width > 1 else 0, width)

    return max(scanning.DELIMITERS, key=score)
