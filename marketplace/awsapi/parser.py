"""A request to members keyed by the model's names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from marketplace.awsapi.service import Member, Operation, Shape
from marketplace.awsapi.sigv4 import PRESIGNED_NAMES
from marketplace.awsapi.target import query_pairs
from marketplace.awsapi.values import Unreadable, from_text, member_path, structure_from_json

#: Parameters of a presigned request belong to the signature, never to the operation.
_SIGNATURE_PARAMETERS = frozenset({*(name.lower() for name in PRESIGNED_NAMES), "x-amz-security-token"})


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What of an HTTP request can carry members; header names are in lower case."""

    labels: Mapping[str, str]
    query: str
    headers: Mapping[str, str]
    body: bytes


def bind(operation: Operation, request: WireRequest) -> dict[str, Any]:
    """Return the members that the request carries, not yet validated. Raises Unreadable naming the member."""
    if operation.input is None:
        return {}
    shape = operation.input
    if operation.target:
        return structure_from_json(shape, json_object(request.body), "") if request.body.strip() else {}
    members: dict[str, Any] = {}
    pairs = _pairs(request.query) if any(m.location == "querystring" for m in shape.members.values()) else []
    for name, member in shape.members.items():
        path = member_path("", name)
        if member.location == "uri":
            members[name] = from_text(member.shape, request.labels[member.wire_name], path)
        elif member.location == "header":
            if member.wire_name.lower() in request.headers:
                members[name] = from_text(member.shape, request.headers[member.wire_name.lower()].strip(), path)
        elif member.location == "headers":
            members[name] = _prefixed_headers(member, request.headers)
        elif member.location == "querystring":
            found = _from_query(shape, member, pairs, path)
            if found is not None:
                members[name] = found
    return members | _from_body(operation, shape, request.body)


def options(operation: Operation, query: str) -> dict[str, str]:
    """Return the query parameters that the operation's model does not have, the first of repeated ones. Raises Unreadable."""
    members = operation.input.members.values() if operation.input is not None else ()
    bound = [member for member in members if member.location == "querystring"]
    if any(member.shape.kind == "map" for member in bound):
        return {}  # it takes whatever is there
    names = {member.wire_name for member in bound}
    found: dict[str, str] = {}
    for name, value in _pairs(query):
        if name not in names:
            found.setdefault(name, value)
    return found


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return [(name, value) for name, value in query_pairs(query) if name.lower() not in _SIGNATURE_PARAMETERS]
    except UnicodeDecodeError:
        raise Unreadable("query string", "must be UTF-8") from None


def _prefixed_headers(member: Member, headers: Mapping[str, str]) -> dict[str, str]:
    prefix = member.wire_name.lower()
    return {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}


def _from_query(shape: Shape, member: Member, pairs: list[tuple[str, str]], path: str) -> Any:
    if member.shape.kind == "map":
        others = (other for other in shape.members.values() if other.location == "querystring" and other is not member)
        bound = {other.wire_name for other in others}
        collected: dict[str, str] = {}
        for name, value in pairs:
            if name not in bound:
                # Of repeated parameters a map keeps the first (Smithy, httpQueryParams).
                collected.setdefault(name, from_text(member.shape.value, value, path))
        return collected
    values = [value for name, value in pairs if name == member.wire_name]
    if not values:
        return None
    if member.shape.kind == "list":
        return [from_text(member.shape.item, value, f"{path}.{n}.member") for n, value in enumerate(values, start=1)]
    if len(values) > 1:
        raise Unreadable(path, "must be given once")
    return from_text(member.shape, values[0], path)


def _from_body(operation: Operation, shape: Shape, body: bytes) -> dict[str, Any]:
    if operation.method in {"GET", "HEAD"}:
        return {}  # a body has no meaning here
    if shape.payload:
        payload = shape.members[shape.payload]
        return {payload.name: _payload(payload, body)} if body else {}
    if all(member.location for member in shape.members.values()) or not body.strip():
        return {}
    return structure_from_json(shape, json_object(body), "")


def _payload(member: Member, body: bytes) -> Any:
    path = member_path("", member.name)
    if member.shape.kind == "blob":
        return body
    if member.shape.kind == "structure":
        return structure_from_json(member.shape, json_object(body), path)
    try:
        return from_text(member.shape, body.decode(), path)
    except UnicodeDecodeError:
        raise Unreadable(path, "must be UTF-8") from None


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body. Raises Unreadable for anything else, NaN and Infinity included."""

    def refuse_constant(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        document = json.loads(body.decode("utf-8"), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise Unreadable("request body", "must be valid JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise Unreadable("request body", "must be a JSON object")
    return document
