"""Calls to the APIs of publishers, on behalf of those who are entitled to them.

Source: dataexchange 2017-07-25, SendApiAsset; user guide, API data sets: what of a request reaches the provider.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from jobs.operations.apis import key_place
from marketplace.core import crypto, egress
from marketplace.core.errors import Invalid
from publishers.models import Asset

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
LARGEST_BODY = 10 * 1024 * 1024
#: of an answer: what may come over the wire in all, the handshake and the headers included
LARGEST_ANSWER = LARGEST_BODY + 1024 * 1024
#: for everything, from the look-up of the name to the last byte
ANSWER_S = 29.0
CHUNK = 64 * 1024
TOO_LONG = "The publisher's API answered more than 10 MB."
#: of a request: what frames it, what proves who the caller is here, and what we say ourselves
_NOT_SENT = frozenset(
    {
        "authentication",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-api-key",
        "x-real-ip",
    }
)
_NOT_SENT_PREFIXES = ("proxy-", "x-amz", "x-forwarded-")
#: of an answer
_NOT_RETURNED = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8192}")


class UpstreamFailed(Exception):
    """The publisher's API did not answer, or not so that it can be passed on; the message is a sentence."""


class UpstreamTimedOut(UpstreamFailed):
    """It may have done what was asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered; names of headers as they came, those that frame a message left out."""

    status: int
    headers: dict[str, str]
    body: bytes


def call(
    asset: Asset,
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
    about: Mapping[str, str],
) -> Answer:
    """Call an API asset and return its answer, whatever its status. about: headers that we add, `x-amz…`.

    Redirects are handed to the caller. Raises Invalid for a request that cannot be sent, AddressRefused, UpstreamFailed.
    """
    if method not in METHODS:
        raise Invalid(f"The method must be one of {', '.join(METHODS)}.", field="Method")
    url = asset.details["Upstream"].rstrip("/") + _checked_path(path)
    egress.check_url(url)
    sent = _checked_headers(headers) | dict(about)
    if "SealedApiKey" in asset.details:
        sealed = base64.b64decode(asset.details["SealedApiKey"])
        sent["x-api-key"] = crypto.unseal(sealed, **key_place(asset))
    with egress.watched(seconds=ANSWER_S, most_bytes=LARGEST_ANSWER) as watch:
        try:
            with (
                egress.session() as session,
                session.request(
                    method,
                    url,
                    params=list(query.items()),
                    headers={"Accept-Encoding": "identity", "User-Agent": "entrepot"} | sent,
                    data=body or None,
                    stream=True,
                    allow_redirects=False,
                    timeout=(egress.CONNECT_S, ANSWER_S),
                ) as response,
            ):
                content = _read(response)
        # HTTPError: what breaks while the body is read comes from below requests.
        except (requests.RequestException, HTTPError, OSError) as failure:
            is_late = isinstance(failure, requests.exceptions.ReadTimeout | ReadTimeoutError)
            raise _failure(watch, is_late=is_late) from None
        if watch.exceeded:  # what was cut may look complete
            raise _failure(watch)
    if not 200 <= response.status_code <= 599:
        raise UpstreamFailed(f"The publisher's API answered with the status {response.status_code}.")
    returned = {name: value for name, value in response.headers.items() if _is_returned(name, value)}
    if content and "Content-Type" not in response.headers:
        returned["Content-Type"] = "application/octet-stream"
    return Answer(response.status_code, returned, content)


def _failure(watch: egress.Watch, *, is_late: bool = False) -> UpstreamFailed:
    if watch.exceeded == "size":
        return UpstreamFailed(TOO_LONG)
    if watch.exceeded == "time" or is_late:
        return UpstreamTimedOut(f"The publisher's API did not answer within {ANSWER_S:g} s.")
    return UpstreamFailed("The publisher's API cannot be reached, or broke off its answer.")


def _checked_path(path: str) -> str:
    """Return a path below the API's address. Raises Invalid for one that would lead above it or to another host."""
    path = path or "/"
    plain = unquote(path)
    if (
        not path.startswith("/")
        or len(path) > 4096
        or {".", ".."} & set(plain.replace("\\", "/").split("/"))
        or any(ord(c) < 33 or ord(c) == 127 for c in path)
        or any(ord(c) < 32 or ord(c) == 127 for c in plain)
        or "?" in path
        or "#" in path
    ):
        raise Invalid(
            "The path starts with / and has no `.` or `..` part, no space, control character, ? or #. Parameters go into "
            "the query string.",
            field="Path",
        )
    return path


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    sent = {}
    for name, value in headers.items():
        if name.lower() in _NOT_SENT or name.lower().startswith(_NOT_SENT_PREFIXES):
            continue
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise Invalid(f"The header {name[:60]!r} cannot be sent.", field="RequestHeaders")
        sent[name] = value.strip()
    return sent


def _read(response: requests.Response) -> bytes:
    """Return the body as it came, compressed or not. Raises UpstreamFailed beyond 10 MB."""
    content = bytearray()
    while chunk := response.raw.read(CHUNK, decode_content=False):
        content += chunk
        if len(content) > LARGEST_BODY:
            raise UpstreamFailed(TOO_LONG)
    return bytes(content)


def _is_returned(name: str, value: str) -> bool:
    lower = name.lower()
    return (
        lower not in _NOT_RETURNED
        and not lower.startswith(("x-amz", "access-control-"))
        and bool(_HEADER_NAME.fullmatch(name))
        and bool(_HEADER_VALUE.fullmatch(value))
    )
