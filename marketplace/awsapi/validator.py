"""Constraints of the model that SDKs do not check: bounds, patterns, enums, unions. All problems in one message."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from marketplace.awsapi.service import Operation, Shape
from marketplace.awsapi.values import MOST_PROBLEMS, member_path

#: Longer values are not repeated in messages: they end up in logs of clients.
_LONGEST_ECHO = 64
_SECRET_WORDS = ("apikey", "credential", "password", "secret", "token")
_NUMBERS = frozenset({"byte", "short", "integer", "long", "float", "double"})


def validate(operation: Operation, members: dict[str, Any]) -> str:
    """Return AWS's sentence about everything that is wrong with the members, or an empty string."""
    if operation.input is None:
        return ""
    found = problems(operation.input, members, "")
    shown = list(islice(found, MOST_PROBLEMS))
    if not shown:
        return ""
    count = len(shown) + sum(1 for _ in found)
    return f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(shown)}"


def problems(shape: Shape, value: Any, path: str, *, is_secret: bool = False) -> Iterator[str]:
    """Yield a sentence for each constraint that a value breaks."""
    if shape.is_document:
        return
    if shape.kind == "structure":
        yield from _structure_problems(shape, value, path)
    elif shape.kind == "list":
        yield from _size_problems(shape, len(value), value, path, is_secret=True)
        for n, item in enumerate(value, start=1):
            yield from problems(shape.item, item, f"{path}.{n}.member", is_secret=is_secret)
    elif shape.kind == "map":
        yield from _size_problems(shape, len(value), value, path, is_secret=True)
        for key, item in value.items():
            yield from problems(shape.key, key, path, is_secret=is_secret)
            yield from problems(shape.value, item, f"{path}.{key[:_LONGEST_ECHO]}.member", is_secret=is_secret)
    elif shape.kind in {"string", "blob"}:
        yield from _text_problems(shape, value, path, is_secret)
    elif shape.kind in _NUMBERS:
        if shape.least is not None and value < shape.least:
            yield _sentence(value, path, f"Member must have value greater than or equal to {shape.least}", is_secret)
        if shape.most is not None and value > shape.most:
            yield _sentence(value, path, f"Member must have value less than or equal to {shape.most}", is_secret)


def _structure_problems(shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required:
        if name not in value:
            yield f"Value null at '{member_path(path, name)}' failed to satisfy constraint: Member must not be null"
    if shape.is_union and len(value) != 1:
        choices = ", ".join(shape.members)
        yield f"Value at '{path}' failed to satisfy constraint: Exactly one member of [{choices}] must be set"
    for name, item in value.items():
        member = shape.members[name]
        is_secret = member.is_sensitive or any(word in name.lower() for word in _SECRET_WORDS)
        yield from problems(member.shape, item, member_path(path, name), is_secret=is_secret)


def _text_problems(shape: Shape, value: str | bytes, path: str, is_secret: bool) -> Iterator[str]:
    is_secret = is_secret or shape.is_sensitive
    yield from _size_problems(shape, len(value), value, path, is_secret=is_secret)
    if shape.enum and value not in shape.enum:
        yield _sentence(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]", is_secret)
    if shape.expression is not None and isinstance(value, str) and not shape.expression.fullmatch(value):
        yield _sentence(value, path, f"Member must satisfy regular expression pattern: {shape.pattern}", is_secret)


def _size_problems(shape: Shape, size: int, value: Any, path: str, *, is_secret: bool) -> Iterator[str]:
    if shape.least is not None and size < shape.least:
        yield _sentence(value, path, f"Member must have length greater than or equal to {shape.least}", is_secret)
    if shape.most is not None and size > shape.most:
        yield _sentence(value, path, f"Member must have length less than or equal to {shape.most}", is_secret)


def _sentence(value: Any, path: str, constraint: str, is_secret: bool) -> str:
    text = "" if is_secret or isinstance(value, bytes) else str(value)
    echo = f" '{text}'" if not is_secret and not isinstance(value, bytes) and len(text) <= _LONGEST_ECHO else ""
    return f"Value{echo} at '{path}' failed to satisfy constraint: {constraint}"
