"""Who calls /api: a bearer token, an access key's signature, or a signed-in member with a CSRF token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from marketplace.awsapi.authentication import authenticate, presents_credentials
from marketplace.console.second_factor import SecondFactorNeeded, lacks_required
from marketplace.core import scopes
from marketplace.core.actors import Actor
from marketplace.core.errors import Denied
from marketplace.core.models import Membership, Organization, User
from marketplace.core.problems import not_authenticated

#: Signing names: that of the AWS-shaped API, so that one signer serves both, and what signing HTTP clients default to.
SIGNING_NAMES = frozenset({"dataexchange", "execute-api"})
#: what stands in place of a scope
PUBLIC = "public"
ANY_MEMBER = "any member"


@dataclass(frozen=True, slots=True)
class Caller:
    """An established caller. `at` is the aware UTC instant of the request; handlers read no other clock."""

    organization: Organization
    membership: Membership
    user: User
    actor: Actor
    scopes: frozenset[str]
    at: datetime


def caller_of(request: Request) -> Caller | None:
    """Return the caller of a request that was authenticated, None for an unknown one."""
    return cast("Caller | None", request.auth)


class NoOrganization(Denied):
    message = "You belong to no organization yet. Create one first."


class MachineAuthentication(BaseAuthentication):
    """Bearer tokens and signatures; what is presented and does not hold is refused, never ignored."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        """Return user and caller, None without credentials. Raises AuthenticationFailed of the AWS-shaped API."""
        if not presents_credentials(request._request):
            return None
        at = timezone.now()
        found = authenticate(request._request, services=SIGNING_NAMES, at=at)
        user = found.credential.user
        return user, Caller(found.organization, found.membership, user, found.actor, found.scopes, at)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return not_authenticated().headers["WWW-Authenticate"]


class MemberSessionAuthentication(SessionAuthentication):
    """A person in a browser, for the organization that the session has chosen."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:  # type: ignore[override]
        """Return user and caller, None without a session. Raises PermissionDenied without a CSRF token, NoOrganization."""
        asked: Any = request._request
        if not asked.user.is_authenticated:
            return None
        self.enforce_csrf(request)
        if asked.membership is None:
            raise NoOrganization
        if lacks_required(asked):
            raise SecondFactorNeeded
        held = scopes.allowed(asked.membership)
        caller = Caller(asked.organization, asked.membership, asked.user, asked.actor, held, timezone.now())
        return asked.user, caller


class IsMember(BasePermission):
    """Let the caller do what the operation's scope allows; an operation without a declared scope serves nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return False for an unknown caller. Raises Denied naming the scope that is missing, MethodNotAllowed."""
        method = (request.method or "").lower()
        handler = getattr(view, "get" if method == "head" else method, None)
        scope = getattr(handler, "required_scope", None)
        if scope is None:
            raise MethodNotAllowed(request.method or "")
        if scope == PUBLIC:
            return True
        caller = caller_of(request)
        if caller is None:
            return False
        if scope != ANY_MEMBER:
            scopes.require(caller.scopes, scope)
        return True
