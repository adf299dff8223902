"""Which files are one table: those of one format with the same columns, in one folder or with names alike."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from .readers import PARQUET, Piece

LONGEST_NAME = 255


@dataclass(frozen=True)
class Group:
    """The pieces of one table, in the order of their names."""

    name: str
    pieces: tuple[Piece, ...]


def tables_of(pieces: list[Piece]) -> list[Group]:
    """Return the tables, in the order of their first files; names differ in more than capitals."""
    by_columns: dict[tuple[object, ...], list[Piece]] = {}
    for number, piece in enumerate(pieces):
        columns = frozenset(piece.names) if piece.family != "text" else piece.names
        types = frozenset(zip(piece.names, piece.types, strict=True)) if piece.family == PARQUET else None
        key = (piece.format, columns, types, piece.delimiter, piece.skip, number if piece.kept else -1)
        by_columns.setdefault(key, []).append(piece)
    found = [sorted(part, key=lambda p: p.file) for like in by_columns.values() for part in _connected(like)]
    found.sort(key=lambda part: part[0].file)
    folders = [_folder(part[0].file) for part in found if len(part) > 1]
    taken: set[str] = set()
    return [Group(_unused(_name(part, folders), taken), tuple(part)) for part in found]


def _connected(pieces: list[Piece]) -> list[list[Piece]]:
    """Return the pieces in parts: two are together when they share a folder or a form of name, directly or over others."""
    part_of: dict[tuple[str, str], int] = {}
    parts: dict[int, list[Piece]] = {}
    for number, piece in enumerate(pieces):
        marks = (("folder", _folder(piece.file)), ("form", _form(piece.file)))
        merged = [piece]
        for other in {part_of[mark] for mark in marks if mark in part_of}:
            merged = parts.pop(other) + merged
            for mark, owner in part_of.items():
                if owner == other:
                    part_of[mark] = number
        parts[number] = merged
        part_of.update(dict.fromkeys(marks, number))
    return list(parts.values())


def _folder(file: str) -> str:
    return os.path.dirname(file)


def _stem(file: str) -> str:
    name = os.path.basename(file)
    while True:
        stem, ending = os.path.splitext(name)
        if not stem or not 1 < len(ending) <= 9 or ending[1:].isdigit():
            return name
        name = stem


def _form(file: str) -> str:
    """Return a name with its numbers taken out, folders too: year=2024/part-1 and year=2025/part-2 are alike."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+", "#", f"{_folder(file)}/{_stem(file)}".lower())


def _name(part: list[Piece], folders: list[str]) -> str:
    first = part[0]
    if first.kept:
        return first.file
    if len(part) == 1:
        return _stem(first.file)
    shared = {_folder(piece.file) for piece in part}
    if len(shared) == 1 and first.file.count("/") and folders.count(_folder(first.file)) == 1:
        return os.path.basename(_folder(first.file))
    stems = sorted({_stem(piece.file) for piece in part})
    common = os.path.commonprefix(stems) if len(stems) > 1 else stems[0]  # noqa: RUF071 - of names, not of paths
    common = re.sub(r"[\W_0-9]+$", "", common)
    above = os.path.basename(os.path.commonpath([_folder(piece.file) for piece in part]) or "")
    return common or above or "table"


def _unused(name: str, taken: set[str]) -> str:
    wanted = name[: LONGEST_NAME - 8] or "table"
    name, number = wanted, 2
    while name.casefold() in taken:
        name, number = f"{wanted} ({number})", number + 1
    taken.add(name.casefold())
    return name
