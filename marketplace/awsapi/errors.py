"""Refusals as AWS spells them: domain families to modelled exceptions, and exceptions to HTTP answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from marketplace.awsapi.serializer import JSON_TYPE, WireResponse, dump
from marketplace.awsapi.service import Operation, Service, Shape
from marketplace.core.errors import Conflict, Denied, DomainError, Invalid, LimitExceeded, NotFound
from marketplace.core.limits import TooManyRequests

#: family -> exceptions, the fitting one first: the first that the operation models is answered, else the last one.
#: Operations that model no exception at all (tags) answer the first one, as AWS does.
_FAMILIES: tuple[tuple[type[DomainError], tuple[str, ...]], ...] = (
    (TooManyRequests, ("ThrottlingException",)),
    (NotFound, ("ResourceNotFoundException", "ValidationException")),
    (Conflict, ("ConflictException", "ValidationException")),
    # AWS answers AccessDeniedException everywhere, also where an operation does not model it.
    (Denied, ("AccessDeniedException",)),
    # Not ThrottlingException: SDKs would try a lasting limit again and again.
    (LimitExceeded, ("ServiceLimitExceededException", "ConflictException", "ValidationException")),
    (Invalid, ("ValidationException",)),
)


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


def validation_error(message: str, *, status: int = 400) -> ApiError:
    """Return AWS's answer to a request that cannot be read or breaks the model."""
    return ApiError("ValidationException", message, status)


def unknown_operation(method: str, allowed: tuple[str, ...]) -> ApiError:
    """Return 404 for a path that no operation has, 405 for one that has others' methods only."""
    if allowed:
        message = f"The method {method} is not allowed here. Allowed: {', '.join(allowed)}."
        return ApiError("UnknownOperationException", message, 405, headers={"Allow": ", ".join(allowed)})
    return ApiError("UnknownOperationException", "There is no operation with this path.", 404)


def not_served(operation: Operation) -> ApiError:
    """Return the answer for an operation that the model has and this installation has not."""
    message = f"The operation {operation.name} of {operation.service} is not supported by this installation."
    return ApiError("UnsupportedOperationException", message, 501)


def internal_error() -> ApiError:
    """Return the answer to a fault of ours; details are in the log, under the request id."""
    return ApiError("InternalServerException", "An internal error occurred. Give the request id to the operator.", 500)


def unavailable() -> ApiError:
    """Return the answer while the database is away; SDKs try again."""
    message = "The service is not available for the moment. Try again."
    return ApiError("ServiceUnavailableException", message, 503, headers=try_again_after(2))


def translate(error: DomainError, operation: Operation, service: Service) -> ApiError:
    """Return the modelled exception for a refusal of the domain."""
    codes = next((codes for family, codes in _FAMILIES if isinstance(error, family)), ("ValidationException",))
    modelled = {shape.error_code for shape in operation.errors}
    code = next((code for code in codes if code in modelled), codes[-1] if modelled else codes[0])
    shape = service.error(code)
    return ApiError(
        code=code,
        message=error.message,
        status=shape.error_status if shape is not None else 400,
        members=_members(shape, error) if shape is not None else {},
        headers=try_again_after(getattr(error, "retry_after_s", None)),
    )


def _members(shape: Shape, error: DomainError) -> dict[str, Any]:
    known: dict[str, Any] = {}
    if error.resource_type and error.resource_id:
        known |= {"ResourceId": error.resource_id, "ResourceType": error.resource_type}
    if isinstance(error, LimitExceeded):
        known |= {"LimitName": error.limit_name, "LimitValue": float(error.limit_value)}
    cause = getattr(error, "exception_cause", "")
    if cause:
        known["ExceptionCause"] = cause
    # Our own kinds of resources and limits have no word in AWS's enums; the message names them.
    fitting = {
        name: value
        for name, value in known.items()
        if name in shape.members and (not shape.members[name].shape.enum or value in shape.members[name].shape.enum)
    }
    if "ResourceType" not in fitting:
        fitting.pop("ResourceId", None)
    return fitting


def render(error: ApiError, service: Service | None) -> WireResponse:
    """Return the HTTP answer: the type in x-amzn-errortype, the text in the member that the shape names."""
    shape = service.error(error.code) if service is not None else None
    # Exceptions outside of the model carry both spellings of AWS's common errors in one: SDKs read either.
    text_member = next((name for name in shape.members if name.lower() == "message"), "message") if shape else "message"
    body = dump({text_member: error.message} | error.members)
    return WireResponse(error.status, body, {"Content-Type": JSON_TYPE, "x-amzn-errortype": error.code} | error.headers)
