"""Names of files that people send: what is kept of them, and what they say about the content."""

import re
import unicodedata

from marketplace.core.errors import Invalid

LONGEST = 120
_SEPARATORS = re.compile(r"[/\\]+")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
#: what some systems would open as a device or hide
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def clean_name(name: str, *, field: str = "file") -> str:
    """Return a file's own name: no folder, no control or direction character, at most LONGEST characters.

    Raises Invalid when nothing is left.
    """
    name = unicodedata.normalize("NFC", _SEPARATORS.split(name)[-1] if name else "")
    kept = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    kept = " ".join(_FORBIDDEN.sub("", kept).split()).strip(". ")
    if len(kept) > LONGEST:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[: LONGEST - len(suffix) - 1]}{dot}{suffix}" if dot and len(suffix) < 12 else kept[:LONGEST]
    if not kept or _DEVICES.fullmatch(kept):
        raise Invalid("The file needs a name.", field=field)
    return kept


def extension_of(name: str) -> str:
    """Return the ending of a name in lower case, below a packing ending such as .gz; empty without one."""
    parts = name.rsplit("/", 1)[-1].lower().split(".")
    if len(parts) > 2 and parts[-1] == "gz":
        parts = parts[:-1]
    return parts[-1] if len(parts) > 1 else ""


_MAGIC: list[tuple[bytes, str]] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"%PDF-", "application/pdf"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"\x1f\x8b", "application/gzip"),
    (b"PK\x03\x04", "application/zip"),
]
_TYPES = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "jsonl": "application/x-ndjson",
    "md": "text/markdown",
    "txt": "text/plain",
}


def content_type_of(content: bytes, name: str) -> str:
    """Return what the content looks like; a hint for people, on which no permission rests."""
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    if b"\x00" not in content[:4096]:
        return _TYPES.get(extension_of(name), "application/octet-stream")
    return "application/octet-stream"
