"""Refusals as RFC 9457 problem details: one mapping for every interface of our own, REST framework or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse

from marketplace.core.errors import Conflict, Denied, DomainError, Invalid, LimitExceeded, NotFound
from marketplace.core.limits import TooManyRequests

CONTENT_TYPE = "application/problem+json"
#: family -> status, the special ones first. A used-up quota is 402, as on the AWS-shaped surface: 429 would make
#: clients try a lasting limit again and again.
_STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (TooManyRequests, 429),
    (NotFound, 404),
    (Conflict, 409),
    (Invalid, 422),
    (Denied, 403),
    (LimitExceeded, 402),
)
#: where the title of the standard would mislead
_TITLES = {402: "Limit reached", 422: "Invalid input"}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal on the wire. `code` is a stable word for programs, `errors` names members of the input."""

    status: int
    detail: str
    code: str = ""
    errors: Sequence[Mapping[str, str]] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return the words of the status: the same for every problem of one status."""
        return _TITLES.get(self.status) or HTTPStatus(self.status).phrase

    def document(self, request: HttpRequest) -> dict[str, Any]:
        """Return the members of the answer; `type` is about:blank, since `code` says what a page would."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            "code": self.code or self.title.title().replace(" ", ""),
            "request_id": getattr(request, "request_id", ""),
        }
        if self.errors:
            document["errors"] = [dict(error) for error in self.errors]
        return document | dict(self.members)


def problem_of(error: DomainError) -> Problem:
    """Return the problem for a refusal of the domain."""
    status = next((status for family, status in _STATUS if isinstance(error, family)), 400)
    members: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if error.resource_type:
        members["resource_type"] = error.resource_type
    if error.resource_id:
        members["resource_id"] = error.resource_id
    if isinstance(error, LimitExceeded):
        members |= {"limit_name": error.limit_name, "limit_value": error.limit_value}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    name = getattr(error, "field", "")
    errors = [{"field": name, "detail": error.message}] if name else []
    return Problem(status, error.message, error.code, errors, members, headers)


def not_authenticated(detail: str = "") -> Problem:
    """Return 401 for a caller who is not established."""
    return Problem(
        401,
        detail or "Send a token as `Authorization: Bearer ent…`, or sign the request with an access key.",
        "NotAuthenticated",
        headers={"WWW-Authenticate": 'Bearer realm="entrepot"'},
    )


def internal_error() -> Problem:
    """Return 500 for a fault of ours; details are in the log, under the request id."""
    return Problem(500, "An internal error occurred. Give the request id to the operator.", "InternalError")


def unavailable() -> Problem:
    """Return 503 while the database is away."""
    detail = "The service is not available for the moment. Try again."
    return Problem(503, detail, "Unavailable", headers={"Retry-After": "2"})


def problem_response(
    what: DomainError | Problem | int, request: HttpRequest, *, detail: str = "", code: str = ""
) -> JsonResponse:
    """Return the answer for a refusal, a problem, or a bare status with its sentence."""
    if isinstance(what, DomainError):
        problem = problem_of(what)
    elif isinstance(what, Problem):
        problem = what
    else:
        problem = Problem(what, detail or HTTPStatus(what).description or HTTPStatus(what).phrase, code)
    response = JsonResponse(problem.document(request), status=problem.status, content_type=CONTENT_TYPE)
    for name, value in problem.headers.items():
        response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    return response
