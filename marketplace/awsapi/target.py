"""The request target as the client sent it: SigV4 signs it, and ARNs in paths carry encoded slashes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from django.http import HttpRequest

#: What AWS SDKs leave as it is when they put a value into a path.
_UNRESERVED = "-_.~"
#: What other clients leave as it is too (RFC 3986, pchar).
_PATH_CHARACTERS = _UNRESERVED + "!$&'()*+,;=:@"
_ARN_SEGMENTS = 8


@dataclass(frozen=True, slots=True)
class Target:
    """Raw path and query string.

    `paths` has one entry when the server tells the raw target. Servers that only tell the decoded path (granian,
    wsgiref) cannot say whether a slash was encoded: then `paths` holds every spelling that an ARN in the path allows,
    and all of them decode to the same path.
    """

    paths: tuple[str, ...]
    query: str


def raw_target(environ: Mapping[str, Any]) -> Target:
    """Return the target of a WSGI request; RAW_URI and REQUEST_URI count only if they decode to PATH_INFO.

    The check keeps out a variable of the process environment, which granian mixes into every request.
    """
    decoded = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1", "replace") or b"/"
    query = _ascii(environ.get("QUERY_STRING", ""))
    for name in ("RAW_URI", "REQUEST_URI"):
        path, mark, raw_query = _ascii(environ.get(name, "")).partition("?")
        path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*", "", path)  # absolute form
        if path.startswith("/") and unquote_to_bytes(path) == decoded and (raw_query if mark else "") == query:
            return Target((path,), query)
    return Target(spellings(decoded), query)


def request_target(request: HttpRequest) -> Target:
    """Return the target of a request of Django, which puts the path as text where WSGI has its bytes as Latin-1."""
    bytes_of = {name: request.META.get(name, "").encode().decode("latin-1") for name in ("SCRIPT_NAME", "PATH_INFO")}
    return raw_target(request.META | bytes_of)


def _ascii(text: str) -> str:
    """Percent-encode bytes beyond ASCII, which WSGI hands over as Latin-1."""
    return re.sub(r"[^\x00-\x7f]+", lambda found: quote(found[0].encode("latin-1", "replace")), text)


def spellings(decoded: bytes) -> tuple[str, ...]:
    """Return the raw paths that a client may have sent for a decoded path, the likeliest first."""
    segments = decoded.split(b"/")
    start = next((i for i, segment in enumerate(segments) if segment.startswith(b"arn:")), len(segments))
    found: dict[str, None] = {}
    # An ARN swallows as many of the following segments as it can; the router takes the first spelling that it knows.
    for end in range(min(len(segments), start + _ARN_SEGMENTS), start, -1):
        joined = [*segments[:start], b"/".join(segments[start:end]), *segments[end:]]
        found["/".join(quote(segment, safe=_UNRESERVED) for segment in joined)] = None
    found["/".join(quote(segment, safe=_UNRESERVED) for segment in segments)] = None
    found["/".join(quote(segment, safe=_PATH_CHARACTERS) for segment in segments)] = None
    return tuple(found)


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Return the raw query string's pairs, percent-decoded. A plus sign stays one: SigV4 knows only %20 for a space.

    Raises UnicodeDecodeError for what is not UTF-8.
    """
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()))
    return pairs
