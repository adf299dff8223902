"""The OpenAPI document as what a page shows: sections of operations, their fields, a call of each to paste."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Any

from django.conf import settings
from django.utils.text import slugify

from marketplace.awsapi import registry
from marketplace.awsapi.scopes import OPERATION_SCOPES
from marketplace.awsapi.service import MODELS, load_service, read_model
from marketplace.console.api.schema import TAGS, document

Document = dict[str, Any]
#: values of examples, where the name of a member says more than its type
_EXAMPLES: dict[str, Any] = {
    "name": "Harbour tides",
    "category": "Weather",
    "terms": "Use it as you like.",
    "accept_terms": True,
    "endpoint_url": "https://s3.example.com",
    "bucket": "field-lab",
    "url": "https://example.com/tides.csv",
    "scopes": ["data:read"],
    "is_enabled": False,
}


@dataclass(frozen=True)
class Field:
    """A parameter of a request, or a member of a body or an answer."""

    name: str
    kind: str
    text: str
    is_required: bool
    where: str = ""


@dataclass(frozen=True)
class Shape:
    """The members of an answer."""

    name: str
    anchor: str
    text: str
    fields: list[Field]


@dataclass(frozen=True)
class Described:
    """An operation as its section shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    parameters: list[Field]
    members: list[Field]
    status: str
    shape: str
    shape_anchor: str
    is_page: bool
    curl: str

    @property
    def call_label(self) -> str:
        """Return the name of the example, told apart from the operation's own."""
        return f"call: {self.summary}"


@dataclass(frozen=True)
class Section:
    """The operations below one heading, and the shapes that they answer."""

    name: str
    slug: str
    text: str
    operations: list[Described]
    shapes: list[Shape]


@dataclass(frozen=True)
class AwsOperation:
    """An operation of the AWS-shaped API."""

    name: str
    method: str
    path: str
    text: str
    scopes: list[str]
    is_served: bool


@cache
def sections() -> list[Section]:
    """Return the sections in the order of the headings."""
    made = document()
    found: dict[str, list[Described]] = {name: [] for name in TAGS}
    used: dict[str, list[str]] = {name: [] for name in TAGS}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            (tag,) = operation["tags"]
            found[tag].append(_describe(made, path, method, operation))
            shape = found[tag][-1].shape
            if shape and shape not in used[tag]:
                used[tag].append(shape)
    return [
        Section(name, slugify(name), text, found[name], [_shape(made, shape) for shape in used[name]])
        for name, text in TAGS.items()
    ]


def _describe(made: Document, path: str, method: str, operation: Document) -> Described:
    body = operation.get("requestBody", {}).get("content", {})
    schema = body.get("application/json", {}).get("schema", {})
    members = list(_fields(made, schema)) if schema else []
    if body and not schema:
        kinds = ", ".join(body)
        members = [Field("logo", kinds, "The image, as the whole body or as this field of a form.", True)]
    # ids stand in the path itself
    parameters = [_parameter(p) for p in operation.get("parameters", []) if p["in"] != "path"]
    status = next(code for code in operation["responses"] if code != "default")
    answer = operation["responses"][status].get("content", {}).get("application/json", {}).get("schema", {})
    shape = _name(answer)
    is_page = shape.endswith("Page")
    shape = shape.removesuffix("Page")
    return Described(
        anchor=slugify(operation["operationId"].replace("_", "-")),
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        text=operation.get("description", ""),
        parameters=parameters,
        members=members,
        status=status,
        shape=shape,
        shape_anchor=_anchor(shape),
        is_page=is_page,
        curl=_curl(made, path, method, operation, schema),
    )


def _name(schema: Document) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _anchor(shape: str) -> str:
    return f"shape-{slugify(shape)}" if shape else ""


def _resolve(made: Document, schema: Document) -> Document:
    """Follow one reference; allOf and oneOf around it say a text or null beside it."""
    for around in ("allOf", "oneOf", "anyOf"):
        inner = next((s for s in schema.get(around, []) if "$ref" in s), None)
        if inner is not None:
            return _resolve(made, inner)
    if "$ref" not in schema:
        return schema
    found: Document = made["components"]["schemas"][_name(schema)]
    return found


def _shape(made: Document, name: str) -> Shape:
    schema = made["components"]["schemas"][name]
    fields = list(_fields(made, {"$ref": f"#/components/schemas/{name}"}))
    return Shape(name, _anchor(name), schema.get("description", ""), fields)


def _fields(made: Document, schema: Document, prefix: str = "") -> Iterator[Field]:
    """Yield the members of an object, and those of objects in it as `offer.terms` and `data_sets[].name`."""
    found = _resolve(made, schema)
    for name, member in found.get("properties", {}).items():
        inner = _resolve(made, member)
        item = _resolve(made, inner.get("items", {}))
        full = f"{prefix}{name}"
        yield Field(full, _kind(made, member), member.get("description", ""), name in found.get("required", []))
        if inner.get("properties"):
            yield from _fields(made, inner, f"{full}.")
        elif item.get("properties"):
            yield from _fields(made, item, f"{full}[].")


def _kind(made: Document, member: Document) -> str:
    inner = _resolve(made, member)
    kind = inner.get("type", "object")
    is_nullable = isinstance(kind, list) or any(s.get("type") == "null" for s in member.get("oneOf", []))
    kind = next(k for k in kind if k != "null") if isinstance(kind, list) else kind
    if inner.get("enum"):
        words = ", ".join(str(word) for word in inner["enum"] if word is not None)
    elif kind == "array":
        words = f"list of {_kind(made, inner.get('items', {}))}"
    elif inner.get("format") == "date-time":
        words = "time"
    else:
        words = str(kind)
    return f"{words} or null" if is_nullable else words


def _parameter(parameter: Document) -> Field:
    schema = parameter["schema"]
    kind = _kind({}, schema)
    text = parameter.get("description", "")
    if "default" in schema and schema["default"] != "":
        text = f"{text} {schema['default']} when left out.".strip()
    return Field(parameter["name"], kind, text, parameter.get("required", False), parameter["in"])


def _curl(made: Document, path: str, method: str, operation: Document, schema: Document) -> str:
    address = re.sub(r"\{([a-z_]+)\}", lambda found: f"${found.group(1).upper()}", path)
    lines = [f'curl "{settings.PUBLIC_URL}{address}"']
    if method != "get":
        lines[0] = f'curl -X {method.upper()} "{settings.PUBLIC_URL}{address}"'
    if {} not in operation.get("security", []):
        lines.append('  -H "Authorization: Bearer $TOKEN"')
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
        lines.append('  -H "Idempotency-Key: $(uuidgen)"')
    if schema:
        found = _resolve(made, schema)
        names = found.get("required") or list(found["properties"])[:1]
        example = {name: _example(name, found["properties"][name]) for name in names}
        lines += ['  -H "Content-Type: application/json"', f"  -d '{json.dumps(example)}'"]
    elif "requestBody" in operation:
        lines += ['  -H "Content-Type: image/png"', "  --data-binary @logo.png"]
    return " \\\n".join(lines)


def _example(name: str, member: Document) -> Any:
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    kind = member.get("type")
    return {"boolean": True, "integer": 1, "array": []}.get(str(kind), f"YOUR-{name.upper().replace('_', '-')}")


@cache
def aws_operations() -> list[AwsOperation]:
    """Return the operations of the AWS-shaped APIs, the served ones first."""
    found = []
    for name in MODELS:
        service = load_service(name)
        texts = read_model(*MODELS[name])["operations"]
        for operation in service.operations.values():
            scopes = OPERATION_SCOPES.get(name, {}).get(operation.name, frozenset())
            found.append(
                AwsOperation(
                    name=operation.name,
                    method=operation.method,
                    path=operation.request_uri.partition("?")[0],
                    text=_first_sentence(texts[operation.name].get("documentation", "")),
                    scopes=sorted(scopes),
                    is_served=registry.find(operation) is not None,
                )
            )
    return sorted(found, key=lambda operation: (not operation.is_served, operation.path, operation.method))


def _first_sentence(html: str) -> str:
    text = " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split()).removeprefix("This operation ")
    sentence, stop, _ = text.partition(". ")
    return sentence[:1].upper() + sentence[1:] + stop.strip()
