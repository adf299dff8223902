"""Reads YAML and JSON that others wrote into plain values, within bounds. Refusals name the place and the reason."""

import json
import math
import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

from marketplace.core.errors import Invalid

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 32
#: values of a document once its aliases are written out
MOST_VALUES = 100_000


class DocumentUnreadable(Invalid):
    """The document cannot be read; the sentence says where and why."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="document")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2's core schema: a date stays text, `no` is no boolean, 12:30 is no number, and no tag makes an object."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping; a key that stands twice is refused instead of the last one winning."""
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise DocumentUnreadable(f"Line {line}: a name must be text. Put it in quotes.")
            if key in found:
                raise DocumentUnreadable(f"Line {line}: “{key[:100]}” stands twice in the same place. Keep one.")
            found[key] = self.construct_object(value_node, deep=True)
        return found


def _construct_map(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    return loader.construct_mapping(node)


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_map)
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]{1,300}|0x[0-9a-fA-F]{1,60}", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    """Return an integer; a zero in front means nothing, as YAML 1.2 has it."""
    text = str(node.value).replace("+", "")
    return int(text, 16) if "x" in text else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def read(content: bytes, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Return a document of YAML or JSON as JSON has it. Raises DocumentUnreadable; nothing but plain values comes out."""
    if len(content) > most_bytes:
        raise DocumentUnreadable(f"The document has more than {most_bytes:,} bytes. Split it, or leave examples out.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentUnreadable("The document is not UTF-8 text. Save it as UTF-8.") from None
    if not text.strip():
        raise DocumentUnreadable("The document is empty.")
    found = _read_json(text) if text.lstrip().startswith("{") else _read_yaml(text)
    if not isinstance(found, dict):
        raise DocumentUnreadable("The document must be one mapping, with version, kind, id and schema.")
    check_plain(found)
    return found


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise DocumentUnreadable(f"Line {error.lineno}: this is not JSON: {error.msg}.") from None
    except (RecursionError, ValueError):
        raise DocumentUnreadable(
            f"The document is nested more than {MOST_DEPTH} deep, or has a number too long."
        ) from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DocumentUnreadable(f"“{key[:100]}” stands twice in the same place. Keep one.")
        found[key] = value
    return found


def _read_yaml(text: str) -> Any:
    try:
        _measure(yaml.parse(text, Loader=_Loader))
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a loader of plain values only
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"Line {mark.line + 1}: " if mark else ""
        if isinstance(error, yaml.constructor.ConstructorError):
            raise DocumentUnreadable(f"{where}tags such as !!python are refused. Write plain values.") from None
        raise DocumentUnreadable(f"{where}this is not YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError:
        raise DocumentUnreadable("The document holds characters that YAML forbids.") from None
    except (RecursionError, ValueError):
        raise DocumentUnreadable("The document holds a value that cannot be read.") from None


def _measure(events: Iterator[yaml.Event]) -> None:
    """Raise DocumentUnreadable when the document would grow beyond the bounds; nothing is built to find out."""
    anchors: dict[str, tuple[int, int]] = {}  # name -> (values, depth) of what it stands for
    open_nodes: list[tuple[str | None, int, int]] = []  # anchor, values so far, deepest so far
    values, documents = 0, 0

    def add(count: int, depth: int) -> None:
        nonlocal values
        values = values + count if not open_nodes else values
        if open_nodes:
            anchor, had, deepest = open_nodes[-1]
            open_nodes[-1] = (anchor, had + count, max(deepest, depth))
        if (open_nodes[-1][1] if open_nodes else values) > MOST_VALUES:
            raise DocumentUnreadable(
                f"The document has more than {MOST_VALUES:,} values once its aliases are written out."
            )
        if len(open_nodes) + depth > MOST_DEPTH:
            raise DocumentUnreadable(f"The document is nested more than {MOST_DEPTH} deep.")

    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise DocumentUnreadable("The file holds more than one document. Keep one.")
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise DocumentUnreadable(f"The alias *{event.anchor} stands for nothing that is complete.")
            add(*anchors[event.anchor])
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor:
                anchors[event.anchor] = (1, 0)
            add(1, 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 1, 0))
            if len(open_nodes) > MOST_DEPTH:
                raise DocumentUnreadable(f"The document is nested more than {MOST_DEPTH} deep.")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, count, deepest = open_nodes.pop()
            if anchor:
                anchors[anchor] = (count, deepest + 1)
            add(count, deepest + 1)


def check_plain(value: Any, path: str = "$", depth: int = 0) -> None:
    """Raise DocumentUnreadable for what JSON in a database cannot hold: NUL, half characters, infinite numbers, depth."""
    if depth > MOST_DEPTH:
        raise DocumentUnreadable(f"{path[:200]}: the document is nested more than {MOST_DEPTH} deep.")
    if isinstance(value, dict):
        for key, each in value.items():
            check_plain(key, path, depth)
            check_plain(each, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            check_plain(each, f"{path}[{number}]", depth + 1)
    elif isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise DocumentUnreadable(f"{path[:200]}: the text holds characters that cannot be stored.")
    elif isinstance(value, float) and not math.isfinite(value):
        raise DocumentUnreadable(f"{path[:200]}: infinite numbers and NaN are refused.")
    elif not isinstance(value, int | float | None):
        raise DocumentUnreadable(f"{path[:200]}: only text, numbers, true, false, lists and mappings are read.")
