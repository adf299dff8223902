"""DuckDB as it is opened in the jail, and the words for its refusals."""

from __future__ import annotations

import re

import duckdb

_MEMORY = "640MB"  # below RLIMIT_AS, so that a query that wants too much ends as an error and not as a crash
_FIRST = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "enable_external_file_cache": "false",
    "threads": "1",
    "memory_limit": _MEMORY,
    "temp_directory": "",
}


class Refused(Exception):
    """The file cannot be read as rows; `code` is a stable word, the text is a sentence for people."""

    def __init__(self, code: str, sentence: str, line: int | None = None) -> None:
        self.code = code
        self.sentence = sentence
        self.line = line
        super().__init__(sentence)


def connect(database: str, *, files: list[str], read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open a database, allow exactly these files beside it, and lock the door."""
    connection = duckdb.connect(database, read_only=read_only, config=dict(_FIRST))
    allowed = ", ".join(literal(path) for path in files)
    # The order matters: after the last line nothing of this can be changed any more.
    for statement in (
        "SET enable_progress_bar = false",
        "SET preserve_insertion_order = true",
        "SET TimeZone = 'UTC'",
        f"SET allowed_paths = [{allowed}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)
    return connection


def literal(text: str) -> str:
    """Return a string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a quoted name."""
    return '"' + name.replace('"', '""') + '"'


def explain(error: duckdb.Error, name: str) -> Refused:
    """Return the refusal that an error of DuckDB means; nothing of the file's content is in the sentence."""
    text = str(error)
    found = re.search(r"CSV Error on Line: (\d+)", text)
    line = int(found[1]) if found else None
    where = f"Line {line} of {name}" if line else name
    if "No space left" in text:
        return Refused("StorageFull", "The disk is full.")
    if "File too large" in text:
        return Refused("TableTooLarge", f"{name} holds more than rows are kept for here. Download the file instead.")
    if isinstance(error, duckdb.OutOfMemoryException) or "bad alloc" in text or "bad_alloc" in text:
        return Refused("TableTooLarge", f"{name} needs more memory to read than one file may use here.")
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if counts:
        wanted, got = int(counts[1]), int(counts[2])
        values = "1 value" if got == 1 else f"{got} values"
        return Refused("RaggedLine", f"{where} has {values}, the first line names {wanted} columns.", line)
    if "unterminated quote" in text:
        return Refused("BadQuoting", f"{where} has a quoted value that is not closed before the next delimiter.", line)
    if "Maximum line size" in text:
        return Refused("LineTooLong", f"{where} is longer than 2 MB.", line)
    if "not utf-8" in text or "unicode" in text.lower():
        return Refused("NotUtf8", f"{where} is not UTF-8 text. Save the file as UTF-8 and publish it again.", line)
    if "state machine" in text:
        return Refused("NotCsv", f"{name} mixes kinds of line ends or quotes values in more than one way.", line)
    return Refused("Unreadable", f"{where} cannot be read: the content does not fit the format.", line)
