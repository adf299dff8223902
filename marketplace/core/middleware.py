"""What every request gets: an id, and for signed-in people the organization that they act for."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from marketplace.core import logs
from marketplace.core.actors import Actor
from marketplace.core.models import Membership, Organization, User
from marketplace.core.queries.organizations import list_memberships

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SESSION_KEY = "organization_id"


class MemberRequest(HttpRequest):
    """A request of a person who is signed in and acts for an organization (types only)."""

    user: User  # type: ignore[assignment]
    organization: Organization
    membership: Membership
    memberships: list[Membership]
    actor: Actor
    request_id: str


class RequestIdMiddleware:
    """Give every request an id, taken from X-Request-Id when that is well formed, and answer it on every response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        with logs.bound(request_id=request.request_id):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response.headers.setdefault("X-Request-Id", request.request_id)  # type: ignore[attr-defined]
        return response


class CompressionMiddleware(GZipMiddleware):
    """Compress pages and feeds; Django pads them by chance, so that their length tells nothing of the secrets in them.

    What programs ask for is left as it is: their streams must not wait to be compressed, their ETags stay strong.
    """

    content_types = ("text/html", "application/atom+xml")

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress a whole page."""
        if response.streaming or not response.headers.get("Content-Type", "").startswith(self.content_types):
            return response
        return super().process_response(request, response)


class MemberMiddleware:
    """Set request.memberships, request.membership, request.organization and request.actor from the session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        memberships: list[Membership] = []
        chosen: Membership | None = None
        # The session is read only where it can exist: programs carry no cookie and cost no query here.
        if request.user.is_authenticated:
            memberships = list(list_memberships(user=request.user))  # type: ignore[arg-type]
            wanted = request.session.get(SESSION_KEY)
            chosen = next(
                (m for m in memberships if m.organization_id == wanted), memberships[0] if memberships else None
            )
        request.memberships = memberships  # type: ignore[attr-defined]
        request.membership = chosen  # type: ignore[attr-defined]
        request.organization = chosen.organization if chosen else None  # type: ignore[attr-defined]
        request.actor = Actor(  # type: ignore[attr-defined]
            kind="user",
            user_id=request.user.pk,
            organization_id=chosen.organization_id if chosen else None,
            request_id=request.request_id,  # type: ignore[attr-defined]
            ip=request.META.get("REMOTE_ADDR") or None,
        )
        return self.get_response(request)
