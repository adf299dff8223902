"""Which files can be read as rows, what their tables are, and what stands in the way; no bytes are touched here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketplace.core.errors import Invalid
from publishers.models import Asset

#: ending -> (format, delimiter); None lets the first line decide
_FORMATS: dict[str, tuple[str, str | None]] = {
    ".csv": ("csv", None),
    ".csv.gz": ("csv", None),
    ".tsv": ("csv", "\t"),
    ".tsv.gz": ("csv", "\t"),
    ".tab": ("csv", "\t"),
    ".parquet": ("parquet", None),
    ".pq": ("parquet", None),
}


class NotTabular(Invalid):
    """Rows can be read of CSV, TSV and Parquet files only."""


class UnreadableTable(Invalid):
    """The bytes are not what the name says, or break the format; trying again changes nothing."""

    def __init__(self, message: str, *, code: str, line: int | None, asset_id: str) -> None:
        super().__init__(message, resource_type="ASSET", resource_id=asset_id)
        self.reason = code
        self.line = line


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is read."""

    kind: str
    delimiter: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was built from a file: where it is, and what is in it."""

    path: Path
    columns: tuple[Mapping[str, str], ...]
    row_count: int


def format_of(asset: Asset) -> Format:
    """Return the format that a file's name says. Raises NotTabular."""
    name = asset.name.lower()
    for ending in sorted(_FORMATS, key=len, reverse=True):
        if name.endswith(ending):
            return Format(*_FORMATS[ending])
    raise NotTabular(
        f"Rows of {asset.name} cannot be read: only CSV, TSV and Parquet files have rows here. Download the file instead.",
        resource_type="ASSET",
        resource_id=asset.pk,
    )


def is_tabular(asset: Asset) -> bool:
    """Return True when the file's name says that it has rows."""
    return asset.name.lower().endswith(tuple(_FORMATS))


def unreadable(refused: Mapping[str, Any], asset: Asset) -> UnreadableTable:
    """Return the refusal for what the jailed process found."""
    line = refused.get("line")
    return UnreadableTable(
        str(refused.get("sentence", "The file cannot be read."))[:1000],
        code=str(refused.get("code", "Unreadable"))[:40],
        line=line if isinstance(line, int) else None,
        asset_id=asset.pk,
    )
