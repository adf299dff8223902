"""The door of the data API: who calls, may they, how often; and every refusal as problem details."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from dataapi.cache import NotNow
from dataapi.tables import UnreadableTable
from marketplace.awsapi.authentication import AuthenticationFailed, authenticate, presents_credentials
from marketplace.awsapi.paging import BadPageToken
from marketplace.core import audit, limits, scopes
from marketplace.core.actors import Actor
from marketplace.core.errors import Denied, DomainError
from marketplace.core.jail import NoJail
from marketplace.core.models import Organization
from marketplace.core.problems import (
    Problem,
    internal_error,
    not_authenticated,
    problem_of,
    problem_response,
    unavailable,
)

logger = logging.getLogger(__name__)
SCOPE = "data:read"
SIGNING_NAMES = frozenset({"dataexchange", "execute-api"})
CALLS, WINDOW_S = 1200, 60


@dataclass(frozen=True, slots=True)
class Reader:
    """An established caller. `at` is the aware UTC instant of the request."""

    organization: Organization
    actor: Actor
    scopes: frozenset[str]
    at: datetime


class NotKnown(Exception):
    """Nobody is established: neither credentials nor a session."""


class NotReading(Exception):
    """The method is not GET."""


_EXPECTED = (NotKnown, NotReading, AuthenticationFailed, DomainError, NotNow, NoJail)


def data_door(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let callers with the scope data:read in, by token, signature or session; GET only, so nothing can be changed."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, **parts: str) -> HttpResponse:
        reader: Reader | None = None
        try:
            if request.method != "GET":
                raise NotReading
            reader = _establish(request)
            limits.count(f"data:{reader.actor.label}", most=CALLS, window_s=WINDOW_S)
            scopes.require(reader.scopes, SCOPE)
            response = view(request, reader, **parts)
        except _EXPECTED as error:
            if isinstance(error, Denied) and reader is not None:
                _record_refusal(request, reader, error)
            response = problem_response(_problem(error), request)
        except (OperationalError, InterfaceError):
            logger.exception("database is away", extra={"fields": {"path": request.path}})
            response = problem_response(unavailable(), request)
        except Exception:
            logger.exception("data call failed", extra={"fields": {"path": request.path}})
            response = problem_response(internal_error(), request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    guarded.required_scope = SCOPE  # type: ignore[attr-defined]
    return guarded


def _establish(request: HttpRequest) -> Reader:
    at = timezone.now()
    if presents_credentials(request):
        found = authenticate(request, services=SIGNING_NAMES, at=at)
        return Reader(found.organization, found.actor, found.scopes, at)
    asked: Any = request
    if not asked.user.is_authenticated:
        raise NotKnown
    if asked.membership is None:
        raise Denied("You belong to no organization yet. Create one first.")
    return Reader(asked.organization, asked.actor, scopes.allowed(asked.membership), at)


def _problem(error: Exception) -> Problem:
    if isinstance(error, NotReading):
        return Problem(405, "The data API is read with GET only.", "MethodNotAllowed", headers={"Allow": "GET"})
    if isinstance(error, NotKnown):
        return not_authenticated()
    if isinstance(error, AuthenticationFailed):
        if error.status == 429:
            return Problem(429, error.message, error.code, headers={"Retry-After": str(error.retry_after_s or 1)})
        return not_authenticated(error.message)
    if isinstance(error, UnreadableTable):
        members = {"resource_type": error.resource_type, "resource_id": error.resource_id, "line": error.line}
        return Problem(422, error.message, error.reason, members=members)
    if isinstance(error, BadPageToken):
        return Problem(422, error.message, error.code, [{"field": "cursor", "detail": error.message}])
    if isinstance(error, DomainError):
        return problem_of(error)
    if isinstance(error, NotNow):
        headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
        return Problem(503, error.sentence, error.code, headers=headers)
    return Problem(
        503,
        "This installation cannot open files safely: its machine has neither bubblewrap nor Landlock. "
        "Files can still be downloaded.",
        "NoJail",
    )


def _record_refusal(request: HttpRequest, reader: Reader, error: Denied) -> None:
    route = request.resolver_match.route if request.resolver_match else ""
    audit.record(
        "api.refused",
        actor=reader.actor,
        subject=reader.organization,
        result="denied",
        detail={"operation": f"data:{request.method} {route}", "code": error.code},
    )
