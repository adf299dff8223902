"""The door of the AWS-shaped APIs: route, authenticate, parse, validate, handle, serialize."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from marketplace.awsapi import errors, idempotency, parser, proxied, registry, scopes, serializer
from marketplace.awsapi.authentication import AuthenticationFailed, Credentials, authenticate
from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.errors import ApiError
from marketplace.awsapi.router import Match, Router, UnknownRoute
from marketplace.awsapi.service import MODELS, Operation, Service, load_service
from marketplace.awsapi.target import request_target
from marketplace.awsapi.validator import validate
from marketplace.awsapi.values import Unreadable
from marketplace.core import audit
from marketplace.core.errors import Denied, DomainError

logger = logging.getLogger(__name__)
LARGEST_BODY = 10 * 1024 * 1024
_TARGET = "X-Amz-Target"


@cache
def router() -> Router:
    """Return the routes of all served services."""
    return Router(load_service(name) for name in MODELS)


@csrf_exempt
def serve(request: HttpRequest) -> HttpResponse:
    """Answer one call; whatever happens, the answer has AWS's shape and a request id."""
    request_id = getattr(request, "request_id", "") or uuid.uuid4().hex
    match: Match | None = None
    try:
        match = _route(request)
        wire = _call(request, match, request_id)
    except ApiError as error:
        wire = errors.render(error, _service_of(match))
    except AuthenticationFailed as failure:
        wire = errors.render(_not_established(failure), _service_of(match))
    except (OperationalError, InterfaceError):
        logger.exception("database is away", extra={"fields": {"operation": _name_of(match)}})
        wire = errors.render(errors.unavailable(), _service_of(match))
    except Exception:
        logger.exception("api call failed", extra={"fields": {"operation": _name_of(match), "request_id": request_id}})
        wire = errors.render(errors.internal_error(_service_of(match)), _service_of(match))
    response = HttpResponse(wire.body, status=wire.status, headers=wire.headers)
    if not wire.body and "Content-Type" not in wire.headers:
        del response.headers["Content-Type"]  # an empty answer has no type
    response.headers["x-amzn-RequestId"] = request_id
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def with_calls(page: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return a view of `/` that serves calls of the JSON protocols, and the page, which only reads, to everybody else."""

    @csrf_exempt
    @wraps(page)
    def root(request: HttpRequest) -> HttpResponse:
        return serve(request) if request.method == "POST" and _TARGET in request.headers else page(request)

    return root


def _route(request: HttpRequest) -> Match:
    method, target = request.method or "", request.headers.get(_TARGET)
    paths, host = request_target(request).paths, request.META.get("HTTP_HOST", "")
    try:
        return router().match(method, paths, host=host, target=target)
    except UnknownRoute as unknown:
        is_call = target is not None and paths[-1] == "/"
        raise (errors.unknown_target() if is_call else errors.unknown_operation(method, unknown.allowed)) from None


def _call(request: HttpRequest, match: Match, request_id: str) -> serializer.WireResponse:
    operation = match.operation
    service = load_service(operation.service)
    body = _body(request)
    now = timezone.now()
    only_reads = not operation.is_mutation or proxied.only_reads(operation, request.headers)
    credentials = authenticate(request, services={service.signing_name}, at=now, only_reads=only_reads)
    try:
        scopes.require_scope(operation, credentials.scopes)
        handler = registry.find(operation)
        if handler is None:
            raise errors.not_served(operation)
        wire = _wire_request(request, match, body)
        members, options, key = _members(service, match, request.method or "", wire)
        context = ApiContext(
            organization=credentials.organization,
            user=credentials.membership.user,
            actor=credentials.actor,
            scopes=credentials.scopes,
            now=now,
            request_id=request_id,
            region=settings.S3_REGION,
            operation=operation.name,
            service=service.name,
            members=members,
            options=options,
        )

        def work() -> serializer.WireResponse:
            answer = handler(context, **{registry.snake_case(name): value for name, value in members.items()})
            return serializer.respond(operation, answer)

        if key is None:
            return work()
        return idempotency.run_once(
            operation,
            work,
            key=key,
            members=members,
            credentials=credentials,
            at=now,
            is_atomic=registry.is_atomic(operation),
        )
    except DomainError as error:
        if isinstance(error, Denied):
            _record_refusal(credentials, operation, error)
        raise errors.translate(error, operation, service) from error


def _body(request: HttpRequest) -> bytes:
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared == "0" and request.headers.get("Transfer-Encoding"):
        # It would be read as empty, and an update with no members changes nothing and succeeds.
        raise errors.validation_error("Send the body with a Content-Length. Chunked bodies are not read.")
    too_big = f"The request body must not be longer than {LARGEST_BODY} bytes."
    if not declared.isdigit() or int(declared) > LARGEST_BODY:
        raise errors.validation_error(too_big, status=413)
    try:
        return request.body
    except RequestDataTooBig:
        raise errors.validation_error(too_big, status=413) from None


def _wire_request(request: HttpRequest, match: Match, body: bytes) -> parser.WireRequest:
    headers: Mapping[str, str] = {name.lower(): value for name, value in request.headers.items()}
    return parser.WireRequest(match.labels, request_target(request).query, headers, body)


def _members(
    service: Service, match: Match, method: str, wire: parser.WireRequest
) -> tuple[dict[str, Any], dict[str, str], str | None]:
    """Return the validated members, what the query has beside them, and the key of a create that may be repeated."""
    try:
        members = parser.bind(match.operation, wire)
        options = parser.options(match.operation, wire.query)
        key = idempotency.key_of(match.operation, headers=wire.headers, body=wire.body)
    except Unreadable as problem:
        raise errors.validation_error(f"Value at '{problem.path}' {problem.reason}.", service=service) from None
    if match.operation.host_prefix:
        members = proxied.complete(members, match=match, method=method, headers=wire.headers)
    sentence = validate(match.operation, members)
    if sentence:
        raise errors.validation_error(sentence, service=service)
    return members, options, key


def _not_established(failure: AuthenticationFailed) -> ApiError:
    headers = errors.try_again_after(failure.retry_after_s)
    return ApiError(failure.code, failure.message, failure.status, headers=headers)


def _record_refusal(credentials: Credentials, operation: Operation, error: Denied) -> None:
    audit.record(
        "api.refused",
        actor=credentials.actor,
        subject=credentials.organization,
        result="denied",
        detail={"operation": f"{operation.service}:{operation.name}", "code": error.code},
    )


def _service_of(match: Match | None) -> Service | None:
    return load_service(match.operation.service) if match is not None else None


def _name_of(match: Match | None) -> str:
    return match.operation.name if match is not None else ""
