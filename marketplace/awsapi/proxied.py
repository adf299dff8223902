"""The raw HTTP form of SendApiAsset: verb, path and headers of the request itself, on the operation's own host.

Source: AWS Data Exchange user guide, "Making API calls"; dataexchange 2017-07-25, SendApiAsset.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplace.awsapi.router import Match
from marketplace.awsapi.service import Operation

_OWN_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_OWN_PREFIXES = ("x-amz-", "x-amzn-", "x-forwarded-", "amz-sdk-")
_METHOD = "x-amzn-dataexchange-http-method"


def only_reads(operation: Operation, headers: Mapping[str, str]) -> bool:
    """Return True for a call that reads from the publisher's API: SDKs send it as a POST that names another verb.

    The header is among those that must be signed, so that nobody makes a change pass for a read.
    """
    return bool(operation.host_prefix) and headers.get(_METHOD, "").upper() in {"GET", "HEAD"}


def complete(members: dict[str, Any], *, match: Match, method: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return SendApiAsset's members with what the request says by itself; explicit members win."""
    plain = {
        name: value
        for name, value in headers.items()
        if name not in _OWN_HEADERS and not name.startswith(_OWN_PREFIXES) and name != "x-request-id"
    }
    own = {"Method": method, "Path": match.rest or "/"}
    return own | members | {"RequestHeaders": plain | members["RequestHeaders"]}
