"""Whatever goes wrong below /api, as problem details with a request id."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions

from marketplace.awsapi.sigv4 import AuthenticationFailed
from marketplace.console.api.authentication import Caller
from marketplace.core import audit
from marketplace.core.errors import Denied, DomainError
from marketplace.core.problems import (
    Problem,
    internal_error,
    not_authenticated,
    problem_of,
    problem_response,
    unavailable,
)

logger = logging.getLogger(__name__)
#: names of an operation's arguments -> members of the request, where the two differ
_WIRE_NAMES = {"NextToken": "cursor", "connection": "storage_connection_id"}


def answer_problem(error: Exception, context: Mapping[str, Any]) -> JsonResponse:
    """Return the answer to an exception; REST framework calls this for everything that a view raises."""
    request = context["request"]
    asked: HttpRequest = request._request
    if isinstance(error, Denied):
        # Not request.auth: where the caller could not be established it would try, and raise, once more.
        _record_refusal(getattr(request, "_auth", None), context["view"], error)
    return problem_response(_problem(error, asked), asked)


def _problem(error: Exception, request: HttpRequest) -> Problem:
    if isinstance(error, DomainError):
        problem = problem_of(error)
        renamed = [{**e, "field": _WIRE_NAMES.get(e["field"], e["field"])} for e in problem.errors]
        return Problem(problem.status, problem.detail, problem.code, renamed, problem.members, problem.headers)
    if isinstance(error, AuthenticationFailed):
        if error.status == 429:
            return Problem(429, error.message, error.code, headers={"Retry-After": str(error.retry_after_s or 1)})
        return not_authenticated(error.message)
    if isinstance(error, exceptions.NotAuthenticated):
        return not_authenticated()
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flatten(error.detail))
        return Problem(422, _sentence(errors), "InvalidInput", errors)
    if isinstance(error, exceptions.MethodNotAllowed):
        return Problem(405, str(error.detail), "MethodNotAllowed")
    if isinstance(error, exceptions.ParseError):
        return Problem(400, str(error.detail), "Unreadable")
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "The request body is too long.", "BodyTooLong")
    if isinstance(error, exceptions.APIException):
        return Problem(error.status_code, str(error.detail), type(error).__name__)
    if isinstance(error, Http404):
        return Problem(404, "There is nothing at this path.", "UnknownPath")
    if isinstance(error, PermissionDenied):
        return Problem(403, "You are not allowed to do this.", "Denied")
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("database is away", exc_info=error, extra={"fields": {"path": request.path}})
        return unavailable()
    logger.error("api call failed", exc_info=error, extra={"fields": {"path": request.path}})
    return internal_error()


def _record_refusal(caller: Caller | None, view: Any, error: Denied) -> None:
    if caller is None:
        return
    operation = f"api:{view.request.method} {getattr(view.request.resolver_match, 'route', '')}"
    audit.record(
        "api.refused",
        actor=caller.actor,
        subject=caller.organization,
        result="denied",
        detail={"operation": operation, "code": error.code},
    )


def _flatten(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Yield {"field", "detail"} for nested messages; a member is named as `dictionary[0].column`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            if name == "non_field_errors":
                yield from _flatten(inner, path)
            elif isinstance(name, int):
                yield from _flatten(inner, f"{path}[{name}]")
            else:
                yield from _flatten(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from _flatten(inner, f"{path}[{index}]" if nested else path)
    else:
        yield {"field": path, "detail": str(detail)}


def _sentence(errors: list[dict[str, str]]) -> str:
    first = errors[0] if errors else {"field": "", "detail": "The input is not valid."}
    more = f" ({len(errors) - 1} more in errors)" if len(errors) > 1 else ""
    return (f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]) + more


@csrf_exempt
def unknown_path(request: HttpRequest) -> HttpResponse:
    """Answer 404 for a path below /api that is none of ours."""
    detail = "There is nothing at this path. The API is described at /api/docs/."
    return problem_response(404, request, detail=detail, code="UnknownPath")
