"""Calls made from the shapes of the vendor's model: mostly right, wrong in one place, or wrong throughout."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from botocore.model import OperationModel, Shape
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: member name -> value, of things that belong together
Place = Mapping[str, str]

#: members that name something which exists or not: they are taken from a place
NAMES = {
    "ArnOfDataShare",
    "AssetId",
    "Bucket",
    "DataGrantArn",
    "DataGrantId",
    "DataSetId",
    "EventActionId",
    "EventSourceId",
    "JobId",
    "NextToken",
    "ReceiverPrincipal",
    "ResourceArn",
    "RevisionId",
    "SourceDataSetId",
}
HOSTILE = [
    "",
    " ",
    ".",
    "..",
    "../../etc/passwd",
    "\x00",
    "a\x00b",
    "\ud800",
    "\ufeff",
    "\u202e",
    "İ",
    "𝒟" * 40,
    "'; DROP TABLE publishers_dataset; --",
    '" OR 1=1 --',
    "<script>alert(1)</script>",
    "${jndi:ldap://127.0.0.1/a}",
    "${Asset.Name}/${Nothing}",
    "{{7*7}}",
    "%s%s%n",
    "%00",
    "%2e%2e%2f",
    "a/b",
    "a\r\nx-injected: 1",
    "\t",
    "null",
    "true",
    "-1",
    "9" * 400,
    "1e999",
    "0x10",
    "2030-01-31",
    "2030-13-41T99:99:99Z",
    "9999-12-31T23:59:59.999Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "arn:aws:dataexchange:us-east-1:123456789012:data-sets/",
    "arn:aws:iam::123456789012:role/x",
    "f" * 32,
    "f" * 41,
    "F" * 30,
    "x" * 257,
    "x" * 20_000,
]
NUMBERS = [-1, 0, 1, 200, 201, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, 0.5, -0.0]
#: of any type but the right one
OTHERS: list[Any] = [None, True, False, 0, -1, 1.5, 2**70, "text", [], [None], [[]], {}, {"": None}, {"a": {"b": [1]}}]
TEXT = st.text(max_size=30)
HOSTILE_TEXT = st.one_of(st.sampled_from(HOSTILE), TEXT, st.text(min_size=300, max_size=400))
TAG_KEYS = st.sampled_from(["team", "a", "aws:reserved", "ü", "k" * 128, "k" * 129, "", "a b"])
BODIES = [
    b"",
    b" ",
    b"{",
    b"null",
    b"[]",
    b"0",
    b'"text"',
    b"{}",
    b"{}{}",
    b"\xff\xfe",
    b"\x00",
    b'{"Name": NaN}',
    b'{"Name": Infinity}',
    b'{"Name": "\\ud800"}',
    b"[" * 5000,
    b'{"a":' * 5000,
    b"<xml/>",
    b"Name=x&Description=y",
    b'{"Name": "x", "Name": "y"}',
    b'{"Name": ' + b"9" * 5000 + b"}",
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]


@dataclass
class Call:
    """A request; `path` is percent-encoded and holds the query."""

    operation: str
    method: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@st.composite
def calls(draw: Draw, model: OperationModel, places: Sequence[Place]) -> Call:
    """Draw a call of an operation. places: own, foreign, deleted and made-up things that its members may name."""
    maker = _Maker(draw, places)
    kind = draw(st.sampled_from(["right", "right", "wrong", "wrong", "wild", "body", "method"]))
    maker.wrong_in_20 = {"right": 0, "wrong": 2, "wild": 12}.get(kind, 0)
    members = maker.structure(model.input_shape, top=True) if model.input_shape is not None else {}
    call = _request(model, members if isinstance(members, dict) else {})
    if kind == "body" and call.method not in {"GET", "HEAD"}:
        call.body = draw(st.one_of(st.sampled_from(BODIES), st.binary(max_size=40)))
    if kind == "method":
        call.method = draw(st.sampled_from(METHODS))
        query = "&" if "?" in call.path else "?"
        call.path = draw(
            st.sampled_from([call.path, f"{call.path.partition('?')[0]}/", f"{call.path}{query}maxResults=x"])
        )
    return call


class _Maker:
    """Draws values of shapes; `wrong_in_20`: how many of twenty values are not what the model asks for."""

    def __init__(self, draw: Draw, places: Sequence[Place]) -> None:
        self.draw = draw
        self.places = places
        self.place = draw(st.sampled_from(places))
        self.wrong_in_20 = 0

    def chance(self, in_20: int) -> bool:
        return in_20 > 0 and self.draw(st.integers(1, 20)) <= in_20

    def structure(self, shape: Any, *, top: bool = False) -> Any:
        if not top and self.chance(self.wrong_in_20 // 2):
            return self.draw(st.sampled_from(OTHERS))
        names = list(shape.members)
        if shape.name == "RequestDetails" or shape.metadata.get("union"):
            count = self.draw(st.sampled_from([0, 2])) if self.chance(self.wrong_in_20) else 1
            names = self.draw(st.lists(st.sampled_from(names), min_size=count, max_size=count, unique=True))
        made: dict[str, Any] = {}
        for name in names:
            is_needed = name in shape.required_members or len(names) <= 2
            if not self.chance(self.wrong_in_20 // 3) if is_needed else self.chance(10):
                made[name] = self.value(shape.members[name], name)
        if top and "Details" in made and "Type" in names and isinstance(made["Details"], dict) and not self.chance(1):
            self._fit_type(shape, made)
        if self.chance(self.wrong_in_20):
            made[self.draw(st.sampled_from(["Unknown", "__proto__", "id", "OwnerId", "State"]))] = self.draw(
                st.sampled_from(OTHERS)
            )
        return made

    def _fit_type(self, shape: Any, made: dict[str, Any]) -> None:
        """Let the type of a job say what its details are."""
        words = {word.replace("_", "").lower(): word for word in shape.members["Type"].enum}
        made["Type"] = next(
            (words[name.lower()] for name in made["Details"] if name.lower() in words), made.get("Type")
        )

    def value(self, shape: Any, name: str) -> Any:
        if name in NAMES and shape.type_name == "string":
            return self._name(name)
        if shape.type_name == "structure":
            return self.structure(shape)
        if self.chance(self.wrong_in_20):
            return self._wrong(shape)
        if shape.type_name == "list":
            least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 3)
            size = self.draw(st.integers(max(least, 1), min(most, max(least, 1) + 2)))
            return [self.value(shape.member, name.removesuffix("s")) for _ in range(size)]
        if shape.type_name == "map":
            return {
                self.draw(TAG_KEYS if self.wrong_in_20 else st.sampled_from(["team", "a"])): self.draw(TEXT_OR_PLAIN)
            }
        return self.draw(right(shape))

    def _name(self, name: str) -> Any:
        if self.chance(self.wrong_in_20):
            return self.draw(st.one_of(HOSTILE_TEXT, st.sampled_from(OTHERS)))
        place = self.draw(st.sampled_from(self.places)) if self.chance(1 + self.wrong_in_20) else self.place
        return place.get(name, "")

    def _wrong(self, shape: Any) -> Any:
        if shape.type_name == "string":
            return self.draw(st.one_of(HOSTILE_TEXT, st.sampled_from(OTHERS)))
        if shape.type_name in {"integer", "long", "double", "float"}:
            return self.draw(st.one_of(st.sampled_from(NUMBERS), st.sampled_from(OTHERS)))
        if shape.type_name == "list":
            return self.draw(st.sampled_from([[], [None], [{}], [""] * 300, {}, "text", None]))
        if shape.type_name == "map":
            return self.draw(
                st.one_of(
                    st.dictionaries(TAG_KEYS, TEXT_OR_PLAIN, max_size=5),
                    st.sampled_from([{}, [], None, {"a": None}, {"a": 1}, {f"k{n}": "v" for n in range(60)}]),
                )
            )
        return self.draw(st.one_of(st.sampled_from(OTHERS), HOSTILE_TEXT))


TEXT_OR_PLAIN = st.one_of(TEXT, st.just("plain"))


def right(shape: Shape) -> st.SearchStrategy[Any]:
    """Return a strategy for values that the model accepts, kept per shape."""
    if shape.name not in _right:
        _right[shape.name] = _make_right(shape)
    return _right[shape.name]


_right: dict[str, st.SearchStrategy[Any]] = {}


def _make_right(shape: Any) -> st.SearchStrategy[Any]:
    kind, bounds = shape.type_name, shape.metadata
    if kind == "boolean":
        return st.booleans()
    if kind in {"integer", "long"}:
        return st.integers(bounds.get("min", 0), bounds.get("max", 2**31 - 1))
    if kind in {"double", "float"}:
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind == "timestamp":
        return st.sampled_from(["2020-01-01T00:00:00Z", "2099-01-31T12:00:00.000Z", "2099-01-31T12:00:00+02:00"])
    if kind == "blob":
        return st.binary(max_size=40)
    if shape.enum:
        return st.sampled_from(shape.enum)
    if bounds.get("pattern"):
        if "Za-z0-9+/" in bounds["pattern"]:
            return st.sampled_from(["A" * 22 + "==", "1B2M2Y8AsgTpgAmY7PhCfg=="])
        return st.from_regex(bounds["pattern"], fullmatch=True)
    least = bounds.get("min", 0)
    return st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=least, max_size=max(least, 20))


def _request(model: OperationModel, members: dict[str, Any]) -> Call:
    """Bind members to path, query, headers and body as the model says, whatever they are."""
    path, pairs, headers, body = model.http["requestUri"].partition("?")[0], [], {}, {}
    payload: bytes | None = None
    shape = model.input_shape
    known = shape.members if shape is not None else {}
    for name, value in members.items():
        member = known.get(name)
        wire_name = member.serialization.get("name", name) if member is not None else name
        location = member.serialization.get("location", "") if member is not None else ""
        if location == "uri":
            path = path.replace(f"{{{wire_name}}}", quote(_text(value), safe=""))
        elif location == "querystring":
            values = list(value.items()) if isinstance(value, dict) else [(wire_name, v) for v in _many(value)]
            pairs += [(str(key), _text(each)) for key, each in values]
        elif location == "header":
            headers[wire_name] = _header(value)
        elif location == "headers":
            headers |= (
                {f"{wire_name}{_token(key)}": _header(v) for key, v in value.items()} if isinstance(value, dict) else {}
            )
        elif shape is not None and shape.serialization.get("payload") == name:
            payload = _text(value).encode()
        else:
            body[wire_name] = value
    for name, member in known.items():
        if member.serialization.get("location") == "uri":
            path = path.replace(f"{{{member.serialization.get('name', name)}}}", "")
    query = "&".join(
        f"{quote(key.encode('utf-8', 'replace'), safe='')}={quote(value, safe='')}" for key, value in pairs
    )
    has_body = model.http["method"] in {"POST", "PATCH", "PUT"} and payload is None
    content = json.dumps(body, default=str).encode() if has_body else payload or b""
    return Call(model.name, model.http["method"], f"{path}?{query}" if query else path, content, headers)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Return a value as a path, a query or a payload can carry it: bytes that are no UTF-8 are replaced."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float) and not math.isfinite(value):
        text = "NaN"
    elif isinstance(value, int):
        text = hex(value) if abs(value) > 10**100 else str(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.encode("utf-8", "replace").decode()


def _header(value: Any) -> str:
    """Return a value as a header can carry it: one line of Latin-1."""
    return "".join(c for c in _text(value) if c == "\t" or " " <= c <= "ÿ" and c != "\x7f")


def _token(name: str) -> str:
    return "".join(c for c in name if c.isascii() and c.isalnum()) or "x"
