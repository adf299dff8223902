"""The OpenAPI document as what a page shows: sections of operations, their fields, a call of each to paste."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.text import slugify

from marketplace.awsapi import openapi, registry
from marketplace.awsapi.plaintext import markdown
from marketplace.awsapi.registry import snake_case
from marketplace.awsapi.scopes import OPERATION_SCOPES
from marketplace.awsapi.service import MODELS, Operation, Service, load_service, read_model
from marketplace.console.api.schema import TAGS, described_services, document

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
class Refusal:
    """An error of an AWS-shaped operation; `code` is its name."""

    status: int
    code: str


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
    is_raw: bool
    curl: str
    refusals: list[Refusal]

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
    """An operation of an AWS-shaped API; `text` is its first sentence, `refusals` are those that its model names."""

    name: str
    method: str
    path: str
    status: int
    text: str
    scopes: list[str]
    refusals: list[Refusal]
    is_served: bool


@dataclass(frozen=True)
class AwsService:
    """An AWS-shaped API; `described` and `shapes` are empty for one whose operations share a path."""

    title: str
    slug: str
    text: str
    client: str
    signing_name: str
    api_version: str
    protocol: str
    operations: list[AwsOperation]
    described: list[Described]
    shapes: list[Shape]
    common: list[Refusal]
    example: str

    @property
    def served(self) -> list[AwsOperation]:
        """Return the operations that this installation answers."""
        return [operation for operation in self.operations if operation.is_served]

    @property
    def others(self) -> list[AwsOperation]:
        """Return the operations that this installation refuses."""
        return [operation for operation in self.operations if not operation.is_served]


@cache
def sections() -> list[Section]:
    """Return the sections in the order of the headings."""
    found = _by_tag()
    return [Section(name, slugify(name), text, *found[name]) for name, text in TAGS.items()]


@cache
def _by_tag() -> dict[str, tuple[list[Described], list[Shape]]]:
    """Return the operations below each heading, and the shapes that they answer in the order of first use."""
    made = document()
    found: dict[str, tuple[list[Described], list[Shape]]] = {tag["name"]: ([], []) for tag in made["tags"]}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            if operation.get("x-served") is False:
                continue
            (tag,) = operation["tags"]
            operations, shapes = found[tag]
            described = _describe(made, path, method, operation)
            operations.append(described)
            if described.shape and described.shape not in [shape.name for shape in shapes]:
                shapes.append(_shape(made, described.shape))
    return found


def _describe(made: Document, path: str, method: str, operation: Document) -> Described:
    body = operation.get("requestBody", {}).get("content", {})
    schema = body.get("application/json", {}).get("schema", {})
    members = list(_fields(made, schema)) if schema else []
    if "*/*" in body:
        members = [Field("", "any", "The body as it is.", False)]
    elif body and not schema:
        kinds = ", ".join(body)
        members = [Field("logo", kinds, "The image, as the whole body or as this field of a form.", True)]
    # ids stand in the path itself
    parameters = [_parameter(made, p) for p in operation.get("parameters", []) if p["in"] != "path"]
    status = next(code for code in operation["responses"] if code != "default")
    content = operation["responses"][status].get("content", {})
    shape = _name(content.get("application/json", {}).get("schema", {}))
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
        is_raw="*/*" in content,
        curl=_curl(made, path, method, operation, schema),
        refusals=list(_refusals(made, operation)),
    )


def _refusals(made: Document, operation: Document) -> Iterator[Refusal]:
    """Yield the errors of an AWS-shaped operation that not every operation has."""
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            found = made["components"]["responses"][_name(answer)]
            codes = found["headers"]["x-amzn-errortype"]["schema"]["enum"]
            common = openapi.common_errors(load_service(operation["operationId"].partition(".")[0])).get(
                int(status), ()
            )
            yield from (Refusal(int(status), code) for code in codes if code not in common)


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


def _fields(made: Document, schema: Document, prefix: str = "", seen: tuple[int, ...] = ()) -> Iterator[Field]:
    """Yield the members of an object, and those of objects in it as `offer.terms` and `data_sets[].name`."""
    found = _resolve(made, schema)
    seen = (*seen, id(found))  # shapes may hold themselves
    needed = found.get("required", [])
    for name, member in found.get("properties", {}).items():
        inner = _resolve(made, member)
        item = _resolve(made, inner.get("items", {}))
        full = f"{prefix}{name}"
        yield Field(full, _kind(made, member), member.get("description", ""), name in needed)
        if inner.get("properties") and id(inner) not in seen:
            yield from _fields(made, inner, f"{full}.", seen)
        elif item.get("properties") and id(item) not in seen:
            yield from _fields(made, item, f"{full}[].", seen)


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


def _parameter(made: Document, parameter: Document) -> Field:
    schema = parameter["schema"]
    kind = _kind(made, schema)
    text = parameter.get("description", "")
    if "default" in schema and schema["default"] != "":
        text = f"{text} {schema['default']} when left out.".strip()
    return Field(parameter["name"], kind, text, parameter.get("required", False), parameter["in"])


def _curl(made: Document, path: str, method: str, operation: Document, schema: Document) -> str:
    parameters = operation.get("parameters", [])
    needed = [p for p in parameters if p.get("required")]
    address = re.sub(r"\{([A-Za-z_]+)\}", lambda found: f"${snake_case(found.group(1)).upper()}", path)
    query = "&".join(f"{p['name']}=${snake_case(p['name']).upper()}" for p in needed if p["in"] == "query")
    address = f"{address}?{query}" if query else address
    lines = [f'curl "{settings.PUBLIC_URL}{address}"']
    if method != "get":
        lines[0] = f'curl -X {method.upper()} "{settings.PUBLIC_URL}{address}"'
    if {} not in operation.get("security", []):
        lines.append('  -H "Authorization: Bearer $TOKEN"')
    if any(parameter["name"] == "Idempotency-Key" for parameter in parameters):
        lines.append('  -H "Idempotency-Key: $(uuidgen)"')
    lines += [f'  -H "{p["name"]}: ${_variable(p["name"])}"' for p in needed if p["in"] == "header"]
    if schema:
        example = _example_object(made, schema, least=1)
        lines += ['  -H "Content-Type: application/json"', f"  -d '{json.dumps(example)}'"]
    elif "image/png" in operation.get("requestBody", {}).get("content", {}):
        lines += ['  -H "Content-Type: image/png"', "  --data-binary @logo.png"]
    return " \\\n".join(lines)


def _variable(header: str) -> str:
    return header.lower().removeprefix("x-amzn-dataexchange-").replace("-", "_").upper()


def _example_object(made: Document, schema: Document, *, least: int = 0) -> Document:
    """Return an object with its required members; of one without, the first `least`."""
    found = _resolve(made, schema)
    members = found.get("properties", {})
    choice = [names["required"][0] for names in found.get("oneOf", [])[:1] if "required" in names]
    names = found.get("required") or choice or list(members)[:least]
    example = {name: _example(made, name, members[name]) for name in names}
    if isinstance(example.get("Details"), dict) and "Type" in example:
        # The type of a job is the name of its details in other letters.
        (detail, *_) = example["Details"]
        words = _resolve(made, members["Type"])["enum"]
        fitting = (word for word in words if word.replace("_", "").lower() == detail.lower())
        example["Type"] = next(fitting, example["Type"])
    return example


def _example(made: Document, name: str, member: Document) -> Any:
    word = snake_case(name)
    if word in _EXAMPLES:
        return _EXAMPLES[word]
    found = _resolve(made, member)
    kind = found.get("type")
    if found.get("properties"):
        return _example_object(made, found, least=1)
    if found.get("enum") and found is not member:
        return found["enum"][0]
    if found.get("format") == "date-time":
        return "2030-01-31T12:00:00.000Z"
    if kind == "array" and _resolve(made, found.get("items", {})).get("properties"):
        return [_example_object(made, found["items"], least=1)]
    return {"boolean": True, "integer": 1, "array": []}.get(str(kind), f"YOUR-{word.upper().replace('_', '-')}")


@cache
def aws_services() -> list[AwsService]:
    """Return the AWS-shaped APIs, their operations by path."""
    return [_aws_service(load_service(name), read_model(*MODELS[name])) for name in MODELS]


def _aws_service(service: Service, model: Document) -> AwsService:
    title = openapi.title(model)
    described, shapes = _by_tag()[title] if service.name in described_services() else ([], [])
    operations = [_aws_operation(operation, model) for operation in service.operations.values()]
    client, _ = MODELS[service.name]
    return AwsService(
        title=title,
        slug=slugify(title),
        text=markdown(model.get("documentation", "")),
        client=client,
        signing_name=service.signing_name,
        api_version=service.api_version,
        protocol=service.protocol,
        operations=sorted(operations, key=lambda operation: (operation.path, operation.method, operation.name)),
        described=sorted(described, key=lambda operation: (operation.path, operation.method)),
        shapes=shapes,
        common=[Refusal(status, code) for status, codes in openapi.common_errors(service).items() for code in codes],
        example=_boto3(client, service),
    )


def _aws_operation(operation: Operation, model: Document) -> AwsOperation:
    refusals = [Refusal(shape.error_status, shape.error_code) for shape in operation.errors]
    text = markdown(model["operations"][operation.name].get("documentation", ""))
    return AwsOperation(
        name=operation.name,
        method=operation.method,
        path=openapi.template(operation),
        status=operation.status,
        text=_first_sentence(text),
        scopes=sorted(OPERATION_SCOPES[operation.service][operation.name]),
        refusals=sorted(refusals, key=lambda refusal: (refusal.status, refusal.code)),
        is_served=registry.find(operation) is not None,
    )


def _boto3(client: str, service: Service) -> str:
    """Return a program that makes the first served call which needs nothing, for want of one the client alone."""
    lines = [
        "import boto3",
        "",
        "exchange = boto3.client(",
        f'    "{client}",',
        f'    endpoint_url="{settings.PUBLIC_URL}",',
        f'    region_name="{settings.S3_REGION}",',
        '    aws_access_key_id="YOUR-ACCESS-KEY-ID",',
        '    aws_secret_access_key="YOUR-SECRET-ACCESS-KEY",',
        ")",
    ]
    for operation in service.operations.values():
        is_free = operation.input is None or not operation.input.required
        if operation.name.startswith("List") and is_free and registry.find(operation) is not None:
            lines.append(f"print(exchange.{snake_case(operation.name)}())")
            break
    return "\n".join(lines)


def _first_sentence(text: str) -> str:
    text = " ".join(text.split()).removeprefix("This operation ")
    sentence, stop, _ = text.partition(". ")
    return sentence[:1].upper() + sentence[1:] + stop.strip()
