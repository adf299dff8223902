"""Looks over a JSON text before it is parsed: what form it has, and how deep it goes."""

from __future__ import annotations

import re

from .engine import Refused
from .scanning import CHUNK

MOST_DEPTH = 64
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_LONGEST_STRING = 16 << 20


def form_of(path: str, name: str) -> str:
    """Return "array" or "newline_delimited", or nothing for another JSON value.

    Raises Refused for what is nested deeper than MOST_DEPTH: parsers hold a frame for each level.
    """
    with open(path, "rb") as file:
        head = file.read(CHUNK).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"["):
        check_depth(path, name)
        return "array" if head[1:].lstrip()[:1] == b"{" else ""
    if not head.startswith(b"{"):
        return ""
    check_depth(path, name)
    first = head.split(b"\n", 1)[0].strip()
    # an object over many lines is one value; one in a line is a row
    return "newline_delimited" if _is_balanced(first) or (b"\n" not in head.strip() and len(head) >= CHUNK) else ""


def _is_balanced(text: bytes) -> bool:
    return text.endswith(b"}") and not _reduced(_STRING.sub(b"", text).translate(None, _NOT_BRACKETS))


def check_depth(path: str, name: str) -> None:
    """Raise Refused for a text that is nested deeper than MOST_DEPTH."""
    opened, rest = b"", b""
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            text = _STRING.sub(b"", rest + chunk)
            quote = text.find(b'"')  # a string that goes on in the next chunk
            text, rest = (text, b"") if quote < 0 else (text[:quote], text[quote:])
            if len(rest) > _LONGEST_STRING:
                raise Refused("LineTooLong", f"{name} has a text longer than 16 MB.")
            opened = _reduced(opened + text.translate(None, _NOT_BRACKETS))
            if len(opened) > MOST_DEPTH:
                raise Refused("TooDeep", f"{name} is nested deeper than {MOST_DEPTH} levels.")


def _reduced(brackets: bytes) -> bytes:
    """Return brackets without the pairs: what is still open. Deeper than MOST_DEPTH comes out longer than that."""
    for _ in range(MOST_DEPTH):
        shorter = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return brackets
