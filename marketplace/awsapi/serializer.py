"""A handler's answer to a response, by the output shape."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from marketplace.awsapi.service import Operation, Shape
from marketplace.awsapi.values import BadResponse, check_members, timestamp_text, to_json

JSON_TYPE = "application/json"
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
#: Headers that frame the message or set state for the whole host; a map of headers never carries them.
_FRAMING = frozenset(
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


@dataclass(frozen=True, slots=True)
class WireResponse:
    """Status, headers and body; an empty body has no Content-Type."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def respond(operation: Operation, answer: Mapping[str, Any] | None) -> WireResponse:
    """Return the HTTP answer of an operation. Raises BadResponse for what the model does not describe."""
    shape, answer = operation.output, answer or {}
    if shape is None:
        if answer:
            raise BadResponse(f"{operation.name} has no output")
        return WireResponse(operation.status, b"")
    check_members(shape, answer, operation.name)
    status, headers = _status_and_headers(operation, shape, answer)
    if shape.payload:
        payload, value = shape.members[shape.payload], answer.get(shape.payload)
        if payload.shape.kind == "blob" and isinstance(value, bytes | None):
            return WireResponse(status, value or b"", headers)
        if payload.shape.kind == "string" and isinstance(value, str | None):
            return WireResponse(status, (value or "").encode(), headers)
        document = to_json(payload.shape, {} if value is None else value, f"{operation.name}.{shape.payload}")
    else:
        document = to_json(shape, answer, operation.name)
    if status == HTTPStatus.NO_CONTENT:
        return WireResponse(status, b"", headers)
    return WireResponse(status, dump(document), {"Content-Type": operation.content_type} | headers)


def _status_and_headers(operation: Operation, shape: Shape, answer: Mapping[str, Any]) -> tuple[int, dict[str, str]]:
    status, headers = operation.status, dict[str, str]()
    for name, member in shape.members.items():
        value, path = answer.get(name), f"{operation.name}.{name}"
        if value is None:
            continue
        if member.location == "statusCode":
            status = int(value)
        elif member.location == "header":
            headers[member.wire_name] = _header_text(value, path)
        elif member.location == "headers":
            for header, text in value.items():
                if header.lower() not in _FRAMING:
                    headers[_header_name(f"{member.wire_name}{header}")] = _header_text(text, path)
    return status, headers


def dump(document: Any) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise BadResponse(f"{name!r} is not a header name")
    return name


def _header_text(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str | int | float) else timestamp_text(value, "rfc822")
    if not re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", str(text)):
        raise BadResponse(f"{path}: a header value must be one line of Latin-1")
    return str(text)
