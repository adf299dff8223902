"""Service models as OpenAPI 3.1: operations, shapes and errors of the AWS-shaped APIs. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from types import MappingProxyType
from typing import Any

from marketplace.awsapi.plaintext import markdown
from marketplace.awsapi.service import Member, Operation, Service, Shape

Document = dict[str, Any]

#: Names of the security schemes, which the document around the operations defines.
SECURITY = ("token", "signature")
#: status -> refusals that any operation may answer, whether or not its model names them; where a service models one with
#: another status, that one counts
COMMON_ERRORS: Mapping[int, tuple[str, ...]] = {
    400: ("RequestExpired", "ValidationException"),
    403: (
        "AccessDeniedException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    ),
    413: ("ValidationException",),
    429: ("ThrottlingException",),
    500: ("InternalServerException",),
    503: ("ServiceUnavailableException",),
}
#: what a service calls a refusal that it does not know by the name above
_SYNONYMS: Mapping[str, str] = {"InternalServerException": "InternalServiceException"}
#: refusals of calls that change something: a limit that has a name, and a repetition that came too early. The first that
#: the service has.
_OF_MUTATIONS: list[tuple[str, ...]] = [("ServiceLimitExceededException",)]
_OF_CREATES: list[tuple[str, ...]] = [("ConflictException", "ResourceInUseException")]
#: what an operation that passes a call on answers when the far side does not: it has a host of its own
OF_FAR_SIDES: Mapping[int, str] = {502: "BadGatewayException", 504: "GatewayTimeoutException"}
TOO_LARGE = 413
#: what a method or path that no operation has is answered with
UNKNOWN_OPERATION = "UnknownOperationException"
#: what an operation that this installation has no handler for is answered with
NOT_SERVED = "UnsupportedOperationException"
_INTEGERS = {"byte": "int32", "short": "int32", "integer": "int32", "long": "int64"}
_REFUSAL = "Refusal"
_IDEMPOTENCY_KEY: Document = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "Repeating the call with it within 24 hours has no second effect and the same answer. A `ClientToken` in "
    "the body does the same.",
}


class PathTaken(ValueError):
    """Two operations have the same method and path: a document could only describe one of them."""


def describe(
    service: Service,
    model: Mapping[str, Any],
    *,
    scopes: Mapping[str, frozenset[str]],
    served: frozenset[str],
    repeatable: frozenset[str] = frozenset(),
    beyond: Mapping[str, str] = MappingProxyType({}),
) -> Document:
    """Return `tags`, `paths` and `components` of a service that speaks rest-json.

    model: the vendor's document, whose texts are taken. scopes: operation -> scopes of which one is needed.
    served: operations that have a handler; the others are described by their refusal. repeatable: operations that take an
    Idempotency-Key. beyond: operation -> sentence about what it does that the model does not say.
    """
    writer = _Writer(service, model, repeatable, beyond)
    paths: Document = {}
    for operation in service.operations.values():
        path = template(operation)
        _put(paths, path, operation.method.lower(), writer.operation(operation, scopes[operation.name], served))
    tag = {"name": title(model), "description": markdown(str(model.get("documentation", "")))}
    components = {"schemas": dict(sorted(writer.schemas.items())), "responses": dict(sorted(writer.responses.items()))}
    return {"tags": [tag], "paths": paths, "components": components}


def merge(document: Document, part: Document) -> None:
    """Add a described service to a document, in place. Raises PathTaken; the document is then half changed."""
    document.setdefault("tags", []).extend(part["tags"])
    paths = document.setdefault("paths", {})
    for path, methods in part["paths"].items():
        for method, described in methods.items():
            _put(paths, path, method, described)
    for kind, components in part["components"].items():
        document.setdefault("components", {}).setdefault(kind, {}).update(components)


def _put(paths: Document, path: str, method: str, described: Document) -> None:
    methods = paths.setdefault(path, {})
    if method in methods:
        raise PathTaken(
            f"{method.upper()} {path} is both {methods[method]['operationId']} and {described['operationId']}"
        )
    methods[method] = described


def title(model: Mapping[str, Any]) -> str:
    """Return the name of a service as people say it."""
    metadata = model["metadata"]
    return str(metadata.get("serviceFullName") or metadata["serviceId"])


def template(operation: Operation) -> str:
    """Return the path of an operation with its labels in braces; a greedy label loses its plus sign."""
    return operation.request_uri.partition("?")[0].replace("+}", "}")


def common_errors(service: Service) -> dict[int, list[str]]:
    """Return the refusals that any operation of a service may answer, by status and name."""
    found: dict[int, set[str]] = {}
    for status, codes in COMMON_ERRORS.items():
        for code in codes:
            shape = service.error(code) or service.error(_SYNONYMS.get(code, ""))
            is_own = shape is not None and status != TOO_LARGE
            found.setdefault(shape.error_status if shape is not None and is_own else status, set()).add(
                shape.error_code if shape is not None else code
            )
    return {status: sorted(codes) for status, codes in sorted(found.items())}


def errors_by_status(operation: Operation, service: Service, *, is_repeatable: bool = False) -> dict[int, list[str]]:
    """Return the refusals of an operation, modelled and common ones, by status and name.

    is_repeatable: it takes an Idempotency-Key, so a repetition may come while the first call still runs.
    """
    found = {status: set(codes) for status, codes in common_errors(service).items()}
    shapes = list(operation.errors)
    # Operations that model no exception at all (tags) say by the service's own when something is not there.
    families: list[tuple[str, ...]] = [] if operation.errors else [("ResourceNotFoundException",)]
    families += _OF_MUTATIONS if operation.is_mutation else []
    families += _OF_CREATES if is_repeatable else []
    for codes in families:
        shapes += [shape for code in codes if (shape := service.error(code)) is not None][:1]
    for shape in shapes:
        found.setdefault(shape.error_status, set()).add(shape.error_code)
    for status, code in OF_FAR_SIDES.items() if operation.host_prefix else ():
        found.setdefault(status, set()).add(code)
    return {status: sorted(codes) for status, codes in sorted(found.items())}


@dataclass
class _Writer:
    service: Service
    model: Mapping[str, Any]
    repeatable: frozenset[str]
    beyond: Mapping[str, str]
    schemas: Document = field(default_factory=dict)
    responses: Document = field(default_factory=dict)

    # --- operations -------------------------------------------------------------------------------------------------
    def operation(self, operation: Operation, scopes: frozenset[str], served: frozenset[str]) -> Document:
        text = markdown(self.model["operations"].get(operation.name, {}).get("documentation", ""))
        is_served = operation.name in served
        made: Document = {
            "operationId": f"{self.service.name}.{operation.name}",
            "summary": operation.name,
            "description": "\n\n".join(filter(None, [text, *self._notes(operation, scopes, is_served=is_served)])),
            "tags": [title(self.model)],
            "security": [{name: []} for name in SECURITY],
        }
        parameters = list(self._parameters(operation.input)) if operation.input is not None else []
        if operation.name in self.repeatable:
            parameters.append(_IDEMPOTENCY_KEY)
        if parameters:
            made["parameters"] = parameters
        body = self._request_body(operation)
        if body:
            made["requestBody"] = body
        refusals = self._refusals(operation)
        if is_served:
            made["responses"] = {str(operation.status): self._answer(operation)} | refusals
        else:
            made["x-served"] = False
            status = HTTPStatus.NOT_IMPLEMENTED.value
            made["responses"] = refusals | {str(status): self._refusal(status, [NOT_SERVED])}
        return made

    def _notes(self, operation: Operation, scopes: frozenset[str], *, is_served: bool) -> Iterable[str]:
        if operation.host_prefix:
            yield (
                f"SDKs put `{operation.host_prefix}` before the host name. Both host names are answered; where the prefixed one "
                "does not resolve, switch the prefix off (`AWS_DISABLE_HOST_PREFIX_INJECTION=true`)."
            )
        for member in operation.input.members.values() if operation.input is not None else ():
            if member.location == "headers":
                yield f"`{member.name}`: each header whose name begins with `{member.wire_name}`, without that beginning."
        if operation.name in self.beyond:
            yield self.beyond[operation.name]
        yield f"Needs the scope {' or '.join(f'`{scope}`' for scope in sorted(scopes))}."
        if not is_served:
            yield f"Not served by this installation: it answers {HTTPStatus.NOT_IMPLEMENTED.value}."

    def _parameters(self, shape: Shape) -> Iterable[Document]:
        places = {"uri": "path", "querystring": "query", "header": "header"}
        for name, member in shape.members.items():
            if member.location not in places:
                continue
            # OpenAPI keeps these header names for its own keywords.
            if member.location == "header" and member.wire_name.lower() in {"accept", "content-type", "authorization"}:
                continue
            parameter: Document = {
                "name": member.wire_name or name,
                "in": places[member.location],
                "required": member.location == "uri" or name in shape.required,
                "schema": self.schema(member.shape),
            }
            text = self._member_text(shape, name)
            if text:
                parameter["description"] = text
            if member.location == "querystring" and member.shape.kind in {"list", "map"}:
                parameter |= {"style": "form", "explode": True}
            yield parameter

    def _request_body(self, operation: Operation) -> Document:
        shape = operation.input
        if shape is None or operation.method in {"GET", "HEAD"}:
            return {}
        if shape.payload:
            return {
                "content": self._payload(shape.members[shape.payload]),
                "required": shape.payload in shape.required,
            }
        body = [name for name, member in shape.members.items() if not member.location]
        if not body:
            return {}
        return {
            "content": {"application/json": {"schema": self.schema(shape)}},
            "required": any(name in shape.required for name in body),
        }

    def _payload(self, member: Member) -> Document:
        if member.shape.kind in {"blob", "string"}:
            return {"*/*": {"schema": {}}}
        return {"application/json": {"schema": self.schema(member.shape)}}

    def _answer(self, operation: Operation) -> Document:
        shape = operation.output
        answer: Document = {"description": HTTPStatus(operation.status).phrase}
        if shape is None:
            return answer
        headers = {
            member.wire_name: {"schema": self.schema(member.shape)}
            for member in shape.members.values()
            if member.location == "header"
        }
        if headers:
            answer["headers"] = headers
        if shape.payload:
            answer["content"] = self._payload(shape.members[shape.payload])
        elif operation.status != HTTPStatus.NO_CONTENT:
            answer["content"] = {"application/json": {"schema": self.schema(shape)}}
        return answer

    def _refusals(self, operation: Operation) -> Document:
        is_repeatable = operation.name in self.repeatable
        found = errors_by_status(operation, self.service, is_repeatable=is_repeatable)
        return {str(status): self._refusal(status, codes) for status, codes in found.items()}

    def _refusal(self, status: int, codes: list[str]) -> Document:
        """Return a reference to a response that all operations with the same refusals share."""
        made = self._refusal_response(codes)
        base = f"{self.service.name}.{status}"
        names = (base if number == 1 else f"{base}.{number}" for number in count(1))
        name = next(name for name in names if self.responses.setdefault(name, made) == made)
        return {"$ref": f"#/components/responses/{name}"}

    def _refusal_response(self, codes: list[str]) -> Document:
        bodies: list[Document] = []
        for code in codes:
            shape = self.service.error(code)
            body = self.schema(shape) if shape is not None else self._plain_refusal()
            if body not in bodies:
                bodies.append(body)
        return {
            "description": ", ".join(f"`{code}`" for code in codes),
            "headers": {
                "x-amzn-errortype": {"required": True, "schema": {"type": "string", "enum": codes}},
                "x-amzn-RequestId": {"required": True, "schema": {"type": "string"}},
            },
            "content": {"application/json": {"schema": bodies[0] if len(bodies) == 1 else {"anyOf": bodies}}},
        }

    def _plain_refusal(self) -> Document:
        name = f"{self.service.name}.{_REFUSAL}"
        self.schemas[name] = {
            "type": "object",
            "description": "A refusal that the model has no shape for; its name is in `x-amzn-errortype`.",
            "properties": {"message": {"type": "string"}},
            "required": ["message"],
        }
        return {"$ref": f"#/components/schemas/{name}"}

    # --- shapes -----------------------------------------------------------------------------------------------------
    def schema(self, shape: Shape) -> Document:
        """Return the schema of a shape: structures and enums by reference, the others in place."""
        if shape.kind == "structure":
            return self._structure(shape)
        if shape.enum:
            return self._named(shape, {"type": "string", "enum": list(shape.enum)})
        if shape.kind == "list":
            return {"type": "array", "items": self.schema(shape.item)} | _bounds(shape, "minItems", "maxItems")
        if shape.kind == "map":
            names = {key: value for key, value in self.schema(shape.key).items() if key != "type"}
            made = {"type": "object", "additionalProperties": self.schema(shape.value)}
            return made | ({"propertyNames": names} if names else {}) | _bounds(shape, "minProperties", "maxProperties")
        return _scalar(shape)

    def _named(self, shape: Shape, made: Document) -> Document:
        name = f"{self.service.name}.{re.sub(r'[^A-Za-z0-9._-]', '_', shape.name)}"
        text = markdown(self.model["shapes"].get(shape.name, {}).get("documentation", ""))
        self.schemas.setdefault(name, made | ({"description": text} if text else {}))
        return {"$ref": f"#/components/schemas/{name}"}

    def _structure(self, shape: Shape) -> Document:
        if shape.is_document:
            return {}  # any JSON value
        made: Document = {"type": "object"}
        name = f"{self.service.name}.{shape.name}"
        known = name in self.schemas
        reference = self._named(shape, made)
        if known:
            return reference
        # Registered before its members are walked: shapes recurse.
        made = self.schemas[name]
        body = {member: found for member, found in shape.members.items() if not found.location}
        if body:
            made["properties"] = {found.wire_name: self._member(shape, member, found) for member, found in body.items()}
        required = [body[member].wire_name for member in shape.required if member in body]
        if shape.is_union:
            made["oneOf"] = [{"required": [found.wire_name]} for found in body.values()]
        elif required:
            made["required"] = required
        return reference

    def _member(self, shape: Shape, name: str, member: Member) -> Document:
        made = self.schema(member.shape)
        text = self._member_text(shape, name)
        return made | {"description": text} if text else made

    def _member_text(self, shape: Shape, name: str) -> str:
        members = self.model["shapes"].get(shape.name, {}).get("members", {})
        return markdown(members.get(name, {}).get("documentation", ""))


def _bounds(shape: Shape, least: str, most: str) -> Document:
    pairs = {least: shape.least, most: shape.most}
    return {key: _whole(bound) for key, bound in pairs.items() if bound is not None}


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def _scalar(shape: Shape) -> Document:
    if shape.kind == "boolean":
        return {"type": "boolean"}
    if shape.kind in _INTEGERS:
        return {"type": "integer", "format": _INTEGERS[shape.kind]} | _bounds(shape, "minimum", "maximum")
    if shape.kind in {"float", "double"}:
        return {"type": "number", "format": shape.kind} | _bounds(shape, "minimum", "maximum")
    if shape.kind == "timestamp":
        if shape.timestamp_format == "unixTimestamp":
            return {"type": "number", "description": "Seconds since 1970-01-01T00:00:00Z."}
        return {"type": "string"} | ({} if shape.timestamp_format == "rfc822" else {"format": "date-time"})
    if shape.kind == "blob":
        return {"type": "string", "contentEncoding": "base64"}
    made: Document = {"type": "string"} | _bounds(shape, "minLength", "maxLength")
    if shape.pattern:
        # Values match as a whole; in JSON Schema a pattern may match anywhere.
        made["pattern"] = f"^(?:{shape.pattern})$"
    if shape.is_sensitive:
        made["format"] = "password"
    return made
