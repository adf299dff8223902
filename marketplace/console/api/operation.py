"""One declaration per operation of /api: who may, what it takes, what it gives; read by the guard and by the schema."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.console.api import idempotency
from marketplace.console.api.authentication import ANY_MEMBER, PUBLIC, caller_of
from marketplace.console.api.fields import NoParameters, Nothing, Query, Strict, read_body, read_query
from marketplace.console.api.paging import Page, PageQuery, page_shape
from marketplace.console.api.schema import ApiSchema, Problem
from marketplace.core import limits
from marketplace.core.problems import CONTENT_TYPE

#: per credential or session; a program that polls once a second stays far below
CALLS, WINDOW_S = 1_200, 60
#: per address, for callers without credentials
PUBLIC_CALLS, PUBLIC_WINDOW_S = 50, 10

Shape = type[serializers.Serializer[Any]]
Handler = Callable[..., Any]

__all__ = ["ANY_MEMBER", "PUBLIC", "ApiView", "operation"]


class AlwaysJson(BaseContentNegotiation):
    """There is one representation. Accept is not asked, and `?format=` stays free for the catalogue's filter."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser of the content type, None when there is none."""
        return next((p for p in parsers if _matches(p.media_type, request.content_type or "")), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the JSON renderer."""
        return renderers[0], renderers[0].media_type


def _matches(known: str, given: str) -> bool:
    given = given.split(";")[0].strip().lower()
    return given == known or (known.endswith("/*") and given.startswith(known[:-1]))


class ApiView(APIView):
    """A path of /api. `tag` is the heading under which its operations are described."""

    tag = ""
    schema = ApiSchema()
    content_negotiation_class = AlwaysJson
    http_method_names = ("get", "head", "post", "put", "patch", "delete")

    def initial(self, request: Request, *args: Any, **keywords: Any) -> None:
        """Establish the caller, ask the guard, count the call. Raises TooManyRequests."""
        super().initial(request, *args, **keywords)
        caller = caller_of(request)
        if caller is None:
            address = request.META.get("REMOTE_ADDR", "")
            limits.count(f"api:{address}", most=PUBLIC_CALLS, window_s=PUBLIC_WINDOW_S)
        else:
            subject = caller.actor.credential_id or caller.user.pk
            limits.count(f"api:{caller.actor.kind}:{subject}", most=CALLS, window_s=WINDOW_S)

    def finalize_response(self, request: Request, response: Any, *args: Any, **keywords: Any) -> Any:
        """Keep answers out of caches: what may be seen changes with each subscription."""
        final = super().finalize_response(request, response, *args, **keywords)
        final.headers.setdefault("Cache-Control", "no-store")
        return final


def operation(
    name: str,
    *,
    scope: str,
    takes: type[Strict] = Nothing,
    asks: type[Query] = NoParameters,
    gives: Shape | None = None,
    lists: Shape | None = None,
    status: int = 200,
    in_transaction: bool = True,
    has_secret: bool = False,
    media: dict[str, Any] | None = None,
) -> Callable[[Handler], Handler]:
    """Declare a method of an ApiView. The handler gets the caller, `body` and `query` checked, and ids of the path.

    scope: one of core/scopes.py, PUBLIC or ANY_MEMBER. gives, lists: the shape of what the handler returns; without
    either the answer is 204. in_transaction, has_secret: see idempotency.run_once. media: content type -> schema of a body
    that is not JSON; the handler then reads `self.request` itself.
    """
    if lists is not None and asks is NoParameters:
        asks = PageQuery
    status = status if gives or lists else 204

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def answer(self: ApiView, request: Request, **path: Any) -> Response:
            caller = caller_of(request)
            arguments = dict(path)
            key = idempotency.key_of(request) if request.method == "POST" else None
            query = read_query(asks, request.query_params)
            if asks is not NoParameters:
                arguments["query"] = query
            if request.method in {"POST", "PUT", "PATCH"} and media is None:
                body = read_body(takes, _json(request))
                if takes is not Nothing:
                    arguments["body"] = body

            def work() -> Response:
                return _respond(handler(self, caller, **arguments), gives=gives, lists=lists, status=status)

            if request.method == "POST" and caller is not None:
                return idempotency.run_once(
                    request, caller, work, key=key, in_transaction=in_transaction, has_secret=has_secret
                )
            return work()

        answer.required_scope = scope  # type: ignore[attr-defined]
        answer.operation_name = name  # type: ignore[attr-defined]
        answer.lists = lists  # type: ignore[attr-defined]
        described: Any = extend_schema(
            operation_id=name,
            parameters=[asks] if asks is not NoParameters else None,
            request=media or (takes if takes is not Nothing else None),
            responses={status: page_shape(lists) if lists else gives, ("default", CONTENT_TYPE): Problem},
        )
        handled: Handler = described(answer)
        return handled

    return decorate


def _json(request: Request) -> Any:
    try:
        data = request.data
    except RecursionError:
        raise ParseError("The JSON is nested too deeply.") from None
    return data if data or not hasattr(data, "getlist") else {}


def _respond(found: Any, *, gives: Shape | None, lists: Shape | None, status: int) -> Response:
    if lists is not None:
        page: Page = found
        return Response({"items": lists(page.rows, many=True).data, "next_cursor": page.next_cursor}, status=status)
    if gives is not None:
        return Response(gives(found).data, status=status)
    return Response(status=204)
