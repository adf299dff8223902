"""Refusals as AWS spells them: domain families to modelled exceptions, and exceptions to HTTP answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from marketplace.awsapi.serializer import JSON_TYPE, WireResponse, dump
from marketplace.awsapi.service import Operation, Service, Shape
from marketplace.core.errors import Conflict, Denied, DomainError, Invalid, LimitExceeded, NotFound
from marketplace.core.limits import TooManyRequests
from marketplace.core.operations.idempotency import RequestInProgress, RequestTakenOver

#: family -> exceptions, the fitting one first: the first that the operation models is answered, else the last one.
#: Operations that model no exception at all (tags) answer the first one, as AWS does.
_FAMILIES: tuple[tuple[type[DomainError], tuple[str, ...]], ...] = (
    (NotFound, ("ResourceNotFoundException", "ValidationException")),
    (Conflict, ("ConflictException", "ResourceInUseException", "ValidationException")),
    # Not ThrottlingException: SDKs would try a lasting limit again and again.
    (
        LimitExceeded,
        (
            "ServiceLimitExceededException",
            "ServiceQuotaExceededException",
            "ConflictException",
            "ValidationException",
        ),
    ),
    (Invalid, ("ValidationException",)),
)
#: family -> exceptions that are answered also where an operation does not model them, as AWS does with the first two:
#: SDKs look an exception up in the whole service. The first that the service has, else the last one.
_EVERYWHERE: tuple[tuple[type[DomainError], tuple[str, ...]], ...] = (
    (TooManyRequests, ("ThrottlingException",)),
    (Denied, ("AccessDeniedException",)),
    (RequestInProgress, ("ConflictException", "ResourceInUseException")),
    (RequestTakenOver, ("ConflictException", "ResourceInUseException")),
)
_LIMIT = "ServiceLimitExceededException"


@dataclass(slots=True, eq=False)
class ApiError(Exception):
    """A refusal on the wire: `code` is the exception's name, `members` what its shape adds to the message."""

    code: str
    message: str
    status: int
    members: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def try_again_after(seconds: int | None) -> dict[str, str]:
    """Return the headers that make a client wait; SDKs read their own one, in milliseconds, and no Retry-After."""
    return {} if seconds is None else {"Retry-After": str(seconds), "x-amz-retry-after": str(seconds * 1000)}


def validation_error(message: str, *, service: Service | None = None, status: int | None = None) -> ApiError:
    """Return AWS's answer to a request that cannot be read or breaks the model; services differ in its status."""
    shape = service.error("ValidationException") if service is not None else None
    return ApiError("ValidationException", message, status or (shape.error_status if shape is not None else 400))


def unknown_operation(method: str, allowed: tuple[str, ...]) -> ApiError:
    """Return 404 for a path that no operation has, 405 for one that has others' methods only."""
    if allowed:
        message = f"The method {method} is not allowed here. Allowed: {', '.join(allowed)}."
        return ApiError("UnknownOperationException", message, 405, headers={"Allow": ", ".join(allowed)})
    return ApiError("UnknownOperationException", "There is no operation with this path.", 404)


def unknown_target() -> ApiError:
    """Return the answer to an X-Amz-Target that no service has."""
    message = (
        "There is no operation with this X-Amz-Target. It is spelled PREFIX.OPERATION, as the service's model says."
    )
    return ApiError("UnknownOperationException", message, 400)


def not_served(operation: Operation) -> ApiError:
    """Return the answer for an operation that the model has and this installation has not."""
    message = f"The operation {operation.name} of {operation.service} is not supported by this installation."
    return ApiError("UnsupportedOperationException", message, 501)


def internal_error(service: Service | None = None) -> ApiError:
    """Return the answer to a fault of ours; details are in the log, under the request id."""
    names = ("InternalServerException", "InternalServiceException")
    code = next((name for name in names if service is not None and service.error(name) is not None), names[0])
    return ApiError(code, "An internal error occurred. Give the request id to the operator.", 500)


def unavailable() -> ApiError:
    """Return the answer while the database is away; SDKs try again."""
    message = "The service is not available for the moment. Try again."
    return ApiError("ServiceUnavailableException", message, 503, headers=try_again_after(2))


def translate(error: DomainError, operation: Operation, service: Service) -> ApiError:
    """Return the modelled exception for a refusal of the domain."""
    code = _code(error, operation, service)
    shape = service.error(code)
    return ApiError(
        code=code,
        message=error.message,
        status=shape.error_status if shape is not None else 400,
        members=_members(shape, error) if shape is not None else {},
        headers=try_again_after(getattr(error, "retry_after_s", None)),
    )


def _code(error: DomainError, operation: Operation, service: Service) -> str:
    for family, codes in _EVERYWHERE:
        if isinstance(error, family):
            return next((code for code in codes if service.error(code) is not None), codes[-1])
    if isinstance(error, LimitExceeded) and _is_limit_of(error, service):
        return _LIMIT
    codes = next((codes for family, codes in _FAMILIES if isinstance(error, family)), ("ValidationException",))
    modelled = {shape.error_code for shape in operation.errors}
    return next((code for code in codes if code in modelled), codes[-1] if modelled else codes[0])


def _is_limit_of(error: LimitExceeded, service: Service) -> bool:
    """Return True for a limit that the service has a name for: it answers 402, whichever operation meets it."""
    shape = service.error(_LIMIT)
    return shape is not None and error.limit_name in shape.members["LimitName"].shape.enum


def _members(shape: Shape, error: DomainError) -> dict[str, Any]:
    names = {name.lower(): name for name in shape.members}
    known: dict[str, Any] = {}
    if error.resource_type and error.resource_id:
        known |= {"ResourceId": error.resource_id, "ResourceType": error.resource_type}
    if isinstance(error, LimitExceeded):
        known |= {"LimitName": error.limit_name, "LimitValue": float(error.limit_value)}
    cause = getattr(error, "exception_cause", "")
    if cause:
        known["ExceptionCause"] = cause
    # Our own kinds of resources and limits have no word in AWS's enums; the message names them. Services differ in how
    # they spell members and kinds: ResourceType DATA_SET, resourceType AgreementRequest.
    fitting: dict[str, Any] = {}
    for name, value in known.items():
        member = shape.members.get(names.get(name.lower(), ""))
        if member is None:
            continue
        words = {_plain(word): word for word in member.shape.enum}
        if not words or _plain(value) in words:
            fitting[member.name] = words.get(_plain(value), value)
    if names.get("resourcetype") not in fitting:
        fitting.pop(names.get("resourceid", ""), None)
    return fitting


def _plain(word: Any) -> str:
    return str(word).replace("_", "").lower()


def render(error: ApiError, service: Service | None) -> WireResponse:
    """Return the HTTP answer: the type in x-amzn-errortype, the text in the member that the shape names.

    Clients of the JSON protocols look for the type in the body.
    """
    shape = service.error(error.code) if service is not None else None
    # Exceptions outside of the model carry both spellings of AWS's common errors in one: SDKs read either.
    text_member = next((name for name in shape.members if name.lower() == "message"), "message") if shape else "message"
    document = {text_member: error.message} | error.members
    if service is None or service.protocol == "json":
        document = {"__type": error.code} | document
    content_type = service.content_type if service is not None else JSON_TYPE
    headers = {"Content-Type": content_type, "x-amzn-errortype": error.code} | error.headers
    return WireResponse(error.status, dump(document), headers)
