"""Service models: the one description of each AWS-shaped API, read once, with our deviations as named patches."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.loaders import Loader  # type: ignore[import-untyped,unused-ignore]

from marketplace.awsapi import patches

#: service name, by which clients find it -> (name of the model's directory, API version)
MODELS: Mapping[str, tuple[str, str]] = {
    "dataexchange": ("dataexchange", "2017-07-25"),
    "marketplace-catalog": ("marketplace-catalog", "2018-09-17"),
    "marketplace-agreement": ("marketplace-agreement", "2020-03-01"),
}
#: Protocols that the engine speaks; of several that a model names, the first of these, as botocore chooses too. JSON 1.0
#: and 1.1 route by X-Amz-Target, carry all members in the body and tell the type of an error there.
PROTOCOLS = ("json", "rest-json")
_READING_VERBS = ("BatchDescribe", "Describe", "Get", "List", "Search")


@dataclass(slots=True, eq=False)
class Shape:
    """A shape of the model; `kind` is the model's `type`. Members are filled after all shapes exist: shapes recurse."""

    name: str
    kind: str
    members: dict[str, Member] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    payload: str = ""
    enum: tuple[str, ...] = ()
    pattern: str = ""
    expression: re.Pattern[str] | None = None
    least: float | None = None
    most: float | None = None
    timestamp_format: str = ""
    is_union: bool = False
    is_sensitive: bool = False
    #: a document: any JSON value, which the model says nothing about
    is_document: bool = False
    error_code: str = ""
    error_status: int = 400
    #: of lists, and of maps; unset on other kinds
    item: Shape = field(init=False)
    key: Shape = field(init=False)
    value: Shape = field(init=False)


@dataclass(slots=True, eq=False)
class Member:
    """A member of a structure: `location` is empty for the body, else uri, querystring, header, headers, statusCode."""

    name: str
    wire_name: str
    shape: Shape
    location: str = ""
    is_sensitive: bool = False
    #: SDKs fill it by themselves, so that a call that they repeat is known again
    is_idempotency_token: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An operation of the model."""

    service: str
    name: str
    method: str
    request_uri: str
    status: int
    input: Shape | None
    output: Shape | None
    errors: tuple[Shape, ...]
    host_prefix: str
    #: X-Amz-Target of the JSON protocols; empty where method and path tell the operation
    target: str = ""
    content_type: str = "application/json"

    @property
    def is_mutation(self) -> bool:
        """Return True unless the HTTP method is a safe one, or the name says that a POST only reads."""
        return self.method not in {"GET", "HEAD"} and not self.name.startswith(_READING_VERBS)


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A service as served: model plus patches."""

    name: str
    signing_name: str
    api_version: str
    protocol: str
    content_type: str
    shapes: Mapping[str, Shape]
    operations: Mapping[str, Operation]

    def error(self, code: str) -> Shape | None:
        """Return the modelled exception of this name, whichever operation declares it."""
        shape = self.shapes.get(code)
        return shape if shape is not None and shape.error_code else None


class UnsupportedModel(Exception):
    """The model uses something that the engine does not speak."""


def read_model(directory: str, version: str) -> dict[str, Any]:
    """Return the vendor's model without patches; models in a user's home directory are ignored."""
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    model: dict[str, Any] = loader.load_service_model(directory, "service-2", version)
    return model


@cache
def load_service(name: str) -> Service:
    """Return a served service by its name in MODELS. Raises KeyError for an unknown one, UnsupportedModel."""
    directory, version = MODELS[name]
    model = copy.deepcopy(read_model(directory, version))
    for patch in patches.PATCHES.get(name, ()):
        patch.apply(model)
    return build_service(name, model)


def build_service(name: str, model: dict[str, Any]) -> Service:
    """Turn a model document into a Service. Raises UnsupportedModel for a protocol that is not spoken."""
    metadata = model["metadata"]
    offered = metadata.get("protocols") or [metadata["protocol"]]
    protocol = next((spoken for spoken in PROTOCOLS if spoken in offered), None)
    if protocol is None:
        raise UnsupportedModel(f"{name}: none of the protocols {', '.join(offered)} is spoken")
    is_rpc = protocol == "json"
    content_type = f"application/x-amz-json-{metadata['jsonVersion']}" if is_rpc else "application/json"
    # Without a format of its own, a timestamp in a body is a number in the JSON protocols.
    times = "unixTimestamp" if is_rpc else ""
    shapes = {shape_name: _shape(shape_name, raw, times) for shape_name, raw in model["shapes"].items()}
    for shape_name, raw in model["shapes"].items():
        _link(shapes[shape_name], raw, shapes)
    operations = {
        operation_name: _operation(
            name,
            operation_name,
            raw,
            shapes.__getitem__,
            target=f"{metadata['targetPrefix']}.{operation_name}" if is_rpc else "",
            content_type=content_type,
        )
        for operation_name, raw in model["operations"].items()
    }
    signing_name = metadata.get("signingName") or metadata.get("endpointPrefix", name)
    return Service(name, signing_name, metadata["apiVersion"], protocol, content_type, shapes, operations)


def _shape(name: str, raw: dict[str, Any], times: str) -> Shape:
    pattern = raw.get("pattern", "")
    error = raw.get("error", {})
    return Shape(
        name=name,
        kind=raw["type"],
        required=tuple(raw.get("required", ())),
        payload=raw.get("payload", ""),
        enum=tuple(raw.get("enum", ())),
        pattern=pattern,
        # AWS matches whole values, and its \d and \w are ASCII.
        expression=re.compile(pattern, re.ASCII) if pattern else None,
        least=raw.get("min"),
        most=raw.get("max"),
        timestamp_format=raw.get("timestampFormat", times),
        is_union=bool(raw.get("union")),
        is_sensitive=bool(raw.get("sensitive")),
        is_document=bool(raw.get("document")),
        error_code=(error.get("code") or name) if raw.get("exception") else "",
        error_status=error.get("httpStatusCode", 500 if raw.get("fault") else 400),
    )


def _link(shape: Shape, raw: dict[str, Any], shapes: Mapping[str, Shape]) -> None:
    for name, member in raw.get("members", {}).items():
        shape.members[name] = Member(
            name=name,
            # "" is a name too: the prefix of a map that takes all headers.
            wire_name=member.get("locationName", name),
            shape=shapes[member["shape"]],
            location=member.get("location", ""),
            is_sensitive=bool(member.get("sensitive")) or shapes[member["shape"]].is_sensitive,
            is_idempotency_token=bool(member.get("idempotencyToken")),
        )
    if shape.kind == "list":
        shape.item = shapes[raw["member"]["shape"]]
    if shape.kind == "map":
        shape.key, shape.value = shapes[raw["key"]["shape"]], shapes[raw["value"]["shape"]]


def _operation(
    service: str, name: str, raw: dict[str, Any], find: Callable[[str], Shape], *, target: str, content_type: str
) -> Operation:
    return Operation(
        service=service,
        name=name,
        method=raw["http"]["method"],
        request_uri=raw["http"]["requestUri"],
        status=raw["http"].get("responseCode", 200),
        input=find(raw["input"]["shape"]) if "input" in raw else None,
        output=find(raw["output"]["shape"]) if "output" in raw else None,
        errors=tuple(find(error["shape"]) for error in raw.get("errors", ())),
        host_prefix=raw.get("endpoint", {}).get("hostPrefix", ""),
        target=target,
        content_type=content_type,
    )
