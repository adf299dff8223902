"""Values of the JSON protocols: JSON to Python by a shape, and back. Bindings to HTTP are in parser and serializer."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from marketplace.awsapi.service import Shape

_INTEGER_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
#: A list of wrong values must not become a list of answers without end.
MOST_PROBLEMS = 20
DEEPEST_DOCUMENT = 32


class Unreadable(Exception):
    """A value that cannot be of its shape; `path` is the member path on the wire."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class BadResponse(TypeError):
    """A handler answered what the model does not allow: a fault in our code."""


def member_path(parent: str, name: str) -> str:
    """Return a path as AWS writes it: members start in lower case, joined by dots."""
    name = name[:1].lower() + name[1:]
    return f"{parent}.{name}" if parent else name


def from_json(shape: Shape, value: Any, path: str) -> Any:
    """Return the Python value of a JSON value: nested structures keep the model's member names.

    Unknown members are dropped, as AWS does; null members are absent. Raises Unreadable.
    """
    if shape.is_document:
        return document(value, path)
    if shape.kind == "structure":
        if not isinstance(value, dict):
            raise Unreadable(path, "must be an object")
        return structure_from_json(shape, value, path)
    if shape.kind == "list":
        if not isinstance(value, list):
            raise Unreadable(path, "must be a list")
        return [from_json(shape.item, item, f"{path}.{n}.member") for n, item in enumerate(value, start=1)]
    if shape.kind == "map":
        if not isinstance(value, dict):
            raise Unreadable(path, "must be an object")
        return {
            _text(key, f"{path} key"): from_json(shape.value, item, f"{path}.{key[:64]}.member")
            for key, item in value.items()
        }
    return _scalar_from_json(shape, value, path)


def structure_from_json(shape: Shape, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the body members of a structure that are present."""
    return {
        name: from_json(member.shape, value[member.wire_name], member_path(path, name))
        for name, member in shape.members.items()
        if not member.location and value.get(member.wire_name) is not None
    }


def document(value: Any, path: str, *, depth: int = 0) -> Any:
    """Return a JSON value whose texts can be stored; nested at most DEEPEST_DOCUMENT levels."""
    if depth > DEEPEST_DOCUMENT:
        raise Unreadable(path, f"must not be nested deeper than {DEEPEST_DOCUMENT} levels")
    if isinstance(value, dict):
        return {_text(key, path): document(item, path, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [document(item, path, depth=depth + 1) for item in value]
    if isinstance(value, float):
        return _double(value, path)
    return _text(value, path) if isinstance(value, str) else value


def _text(value: str, path: str) -> str:
    # PostgreSQL stores no NUL, and a lone surrogate is not text; refused here, they cannot fail later.
    if "\x00" in value:
        raise Unreadable(path, "must not hold the character U+0000")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unreadable(path, "must be valid Unicode") from None
    return value


def _scalar_from_json(shape: Shape, value: Any, path: str) -> Any:
    kind = shape.kind
    if kind == "string" and isinstance(value, str):
        return _text(value, path)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in _INTEGER_BITS and isinstance(value, int) and not isinstance(value, bool):
        return _integer(kind, value, path)
    if kind in {"float", "double"} and isinstance(value, int | float) and not isinstance(value, bool):
        return _double(value, path)
    if kind == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable(path, "must be base64") from None
    if kind == "timestamp" and isinstance(value, str | int | float) and not isinstance(value, bool):
        return _timestamp(value, path)
    raise Unreadable(path, f"must be of type {kind}")


def _integer(kind: str, value: int, path: str) -> int:
    bound = 1 << (_INTEGER_BITS[kind] - 1)
    if not -bound <= value < bound:
        raise Unreadable(path, f"must fit into {_INTEGER_BITS[kind]} bits")
    return value


def _double(value: float, path: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unreadable(path, "must be a finite number")
    return number


def _timestamp(value: str | float, path: str) -> datetime:
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value) if value[:4].isdigit() else parsedate_to_datetime(value)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable(path, "must be a timestamp such as 2030-01-31T12:00:00.000Z") from None


def from_text(shape: Shape, text: str, path: str) -> Any:
    """Return the value of a label, header or query parameter. Raises Unreadable."""
    if shape.kind == "boolean":
        if text not in {"true", "false"}:
            raise Unreadable(path, "must be true or false")
        return text == "true"
    if shape.kind in _INTEGER_BITS:
        # More digits fit no shape, and int() would also take spaces, underscores and other scripts' digits.
        if not re.fullmatch(r"-?[0-9]{1,20}", text):
            raise Unreadable(path, "must be a whole number")
        return _integer(shape.kind, int(text), path)
    if shape.kind in {"float", "double"}:
        try:
            return _double(float(text), path)
        except ValueError:
            raise Unreadable(path, "must be a number") from None
    if shape.kind == "timestamp":
        return _timestamp(text, path)
    return _scalar_from_json(shape, text, path)


def to_json(shape: Shape, value: Any, path: str) -> Any:
    """Return the JSON value of a handler's value. Raises BadResponse for anything that the model does not describe."""
    if shape.is_document:
        return value
    if shape.kind == "structure":
        return structure_to_json(shape, value, path)
    if shape.kind == "list":
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
            raise BadResponse(f"{path} must be a list")
        return [to_json(shape.item, item, f"{path}[{n}]") for n, item in enumerate(value)]
    if shape.kind == "map":
        if not isinstance(value, Mapping):
            raise BadResponse(f"{path} must be a mapping")
        return {str(key): to_json(shape.value, item, f"{path}[{key!r}]") for key, item in value.items()}
    return _scalar_to_json(shape, value, path)


def structure_to_json(shape: Shape, value: Any, path: str) -> dict[str, Any]:
    """Return the body members of a structure; None is left out. Raises BadResponse for unknown and missing members."""
    if not isinstance(value, Mapping):
        raise BadResponse(f"{path} must be a mapping")
    check_members(shape, value, path)
    return {
        member.wire_name: to_json(member.shape, value[name], f"{path}.{name}")
        for name, member in shape.members.items()
        if not member.location and value.get(name) is not None
    }


def check_members(shape: Shape, value: Mapping[str, Any], path: str) -> None:
    """Raise BadResponse unless all members are known and all required ones present."""
    unknown = sorted(set(value) - set(shape.members))
    if unknown:
        raise BadResponse(f"{path}: {shape.name} has no members {', '.join(map(str, unknown))}")
    missing = [name for name in shape.required if value.get(name) is None]
    if missing:
        raise BadResponse(f"{path}: {shape.name} lacks {', '.join(missing)}")


def _scalar_to_json(shape: Shape, value: Any, path: str) -> Any:
    kind = shape.kind
    if kind == "string" and isinstance(value, str):
        if shape.enum and value not in shape.enum:
            raise BadResponse(f"{path}: {value!r} is not a {shape.name}")
        return str(value)  # a TextChoices member becomes its plain text
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in _INTEGER_BITS and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind in {"float", "double"} and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise BadResponse(f"{path} is not finite")
        return value
    if kind == "blob" and isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if kind == "timestamp" and isinstance(value, datetime) and value.tzinfo is not None:
        return timestamp_text(value, shape.timestamp_format or "iso8601")
    raise BadResponse(f"{path}: {type(value).__name__} is not a {kind}")


def timestamp_text(at: datetime, form: str = "iso8601") -> str | float:
    """Return `2019-10-11T14:12:24.640Z`, or the other two forms of the protocol: rfc822, unixTimestamp."""
    at = at.astimezone(UTC)
    if form == "unixTimestamp":
        return round(at.timestamp(), 3)
    if form == "rfc822":
        return format_datetime(at.replace(microsecond=0), usegmt=True)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
