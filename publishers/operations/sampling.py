"""How many rows a sample may hold, and which rows of a file are taken: every n-th over the whole of it, never its head.

Of a file every n-th row is kept, n being the least power of two that brings the rows within the budget; the first one taken is
drawn by the revision's id. The same revision so gives the same sample, and nobody chooses what it shows.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from marketplace.core.errors import Invalid
from publishers.models import DataSet
from publishers.operations.names import extension_of
from publishers.operations.samples import ROW_CHARACTERS, NoTable, encoding_of, json_objects
from publishers.queries.findings import rows_of_newest

MIB = 1024 * 1024
#: unpacked bytes of a file that are looked at; of a longer one the rule goes over its beginning, and the sample says so
READ_BYTES = 64 * MIB
#: bytes that a made sample has at most, whatever its rows hold
KEPT_BYTES = 8 * MIB
#: rows that a sample may have however small the revision is
LEAST_ROWS = 10
_HEAD = 64 * 1024


@dataclass(frozen=True)
class Budget:
    """most: rows that one sample may hold. of: rows of the newest revision, None where they were not counted yet."""

    most: int
    of: int | None


@dataclass(frozen=True)
class Thinned:
    """What was taken of a file: every `step`-th of `rows` rows; is_cut: the file goes on behind those."""

    content: bytes
    rows: int
    step: int
    is_cut: bool

    def told(self, file_name: str) -> dict[str, Any]:
        """Return the rule as the preview of a sample keeps it."""
        return {"file": file_name, "rows": self.rows, "every": self.step, "is_whole": not self.is_cut}


def budget_of(data_sets: Iterable[DataSet]) -> Budget:
    """Return what a sample of data sets may hold: SAMPLE_ROWS, and SAMPLE_SHARE of the rows of their newest revisions."""
    of = rows_of_newest(data_sets=data_sets)
    if of is None:
        return Budget(settings.SAMPLE_ROWS, None)
    return Budget(min(settings.SAMPLE_ROWS, max(LEAST_ROWS, int(of * settings.SAMPLE_SHARE))), of)


def check_budget(*, rows: int, budget: Budget) -> None:
    """Raise Invalid (field file) for a sample that holds more rows than the budget."""
    if rows <= budget.most:
        return
    of = f" of the {budget.of:,} rows of the newest revision" if budget.of is not None else ""
    raise Invalid(
        f"This sample has {rows:,} rows; it may show at most {budget.most:,}{of}."
        " Take rows out, or let one be made from the newest revision.",
        field="file",
    )


def seed_of(revision_id: str) -> int:
    """Return the number that a revision's id draws."""
    return int.from_bytes(hashlib.sha256(revision_id.encode()).digest()[:8], "big")


def thin(chunks: Iterable[bytes], name: str, *, most: int, seed: int) -> Thinned:
    """Keep every n-th row of a CSV, TSV, JSON or NDJSON file, packed by gzip or not, at most `most` of them.

    Of CSV the first line is kept as well. A JSON array is written as NDJSON. Raises NoTable for what cannot be read, and
    where no whole row is found.
    """
    try:
        stream = _Limited(_unpacked(chunks) if name.lower().endswith(".gz") else iter(chunks))
        buffered = io.BufferedReader(stream, _HEAD)
        encoding = encoding_of(buffered.peek(_HEAD), is_cut=True)
        text = io.TextIOWrapper(buffered, encoding=encoding, errors="replace", newline="")
        records = _records(text, extension_of(name), stream)
        header = "" if extension_of(name) in {"json", "ndjson", "jsonl"} else next(records, "")
        kept, rows, step = _every(records, most=most, seed=seed)
    except (zlib.error, gzip.BadGzipFile, ValueError, RecursionError):
        raise NoTable from None
    if not kept:
        raise NoTable
    return Thinned((header + "".join(kept)).encode(), rows, step, stream.is_cut)


def _every(records: Iterator[str], *, most: int, seed: int) -> tuple[list[str], int, int]:
    """Return the rows taken, how many there were, and the step; holds no more than the budget at any time."""
    kept: list[tuple[int, str]] = []
    rows, step, size = 0, 1, 0
    for number, record in enumerate(records):
        rows += 1
        if number % step == seed % step:
            kept.append((number, record))
            size += len(record)
        while len(kept) > most or (size > KEPT_BYTES and len(kept) > 1):
            step *= 2
            kept = [(n, each) for n, each in kept if n % step == seed % step]
            size = sum(len(each) for _, each in kept)
    return [each for _, each in kept], rows, step


# --- bytes ----------------------------------------------------------------------------------------------------------
class _Limited(io.RawIOBase):
    """Pieces of bytes as a file that ends after READ_BYTES; is_cut: it would go on there."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._rest, self._left = pieces, b"", READ_BYTES
        self.is_cut = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        if not self._left:
            self.is_cut = True
            return 0
        part = self._rest[: min(len(buffer), self._left)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        self._left -= len(part)
        return len(part)


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._pieces, b"")
        part = self._rest[: len(buffer)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packed = gzip.GzipFile(fileobj=io.BufferedReader(_Pieces(iter(chunks))))
    try:
        while piece := packed.read1(MIB):
            yield piece
    except EOFError:  # cut off within: what came before it is whole
        return


# --- rows -----------------------------------------------------------------------------------------------------------
def _records(text: io.TextIOWrapper, kind: str, stream: _Limited) -> Iterator[str]:
    """Yield the rows as they stand there; the last one of a cut file only when its end is there too."""
    if kind == "json":
        for entry in json_objects(text, tolerates_end=True):
            yield json.dumps(entry, ensure_ascii=False) + "\n"
        return
    record, size, is_quoted = [], 0, False
    keeps_breaks = kind not in {"ndjson", "jsonl"}
    while line := text.readline(ROW_CHARACTERS):
        record.append(line)
        size += len(line)
        if size > ROW_CHARACTERS:
            raise NoTable
        is_quoted ^= keeps_breaks and line.count('"') % 2 == 1
        if not is_quoted and line.endswith(("\n", "\r")):
            if line.strip() or len(record) > 1:
                yield "".join(record)
            record, size = [], 0
    if record and not stream.is_cut and "".join(record).strip():
        yield "".join(record)
