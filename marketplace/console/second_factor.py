"""Where a second factor is required: of whom, and what happens to those who have none yet."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from marketplace.core.errors import Denied
from marketplace.core.models import Membership, Role, User

#: roles that hand out access, publish, or see what is paid; operators of the installation besides
REQUIRED_OF = frozenset({Role.OWNER, Role.ADMIN, Role.PUBLISHER, Role.BILLING})


class SecondFactorNeeded(Denied):
    message = "Set up a second factor first, on the page Sign-in and security. It is required for your role here."


def has_second_factor(user: User) -> bool:
    """Return True when a person signs in with more than a password. Recovery codes alone are none."""
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=kinds).exists())


def is_required_of(membership: Membership | None) -> bool:
    """Return True when this installation wants a second factor of a member."""
    if not settings.REQUIRE_MFA or membership is None:
        return False
    return membership.role in REQUIRED_OF or membership.user.is_staff


def lacks_required(request: HttpRequest) -> bool:
    """Return True for a signed-in person who needs a second factor and has none."""
    return is_required_of(getattr(request, "membership", None)) and not has_second_factor(request.user)  # type: ignore[arg-type]


class SecondFactorMiddleware:
    """Lead members who need a second factor to set one up, before any page of their organization.

    Pages for everybody, one's own account and signing out stay open. Programs are asked for credentials of their own;
    a session that calls /api is refused there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], arguments: Any, keywords: Any
    ) -> HttpResponse | None:
        """Answer with the way to the settings; None lets the page answer."""
        if not getattr(view, "required_scope", "") or not lacks_required(request):
            return None
        messages.warning(request, SecondFactorNeeded.message)
        return redirect("mfa_index")
