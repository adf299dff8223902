"""The invitation that somebody has opened: remembered in the session, so that its secret leaves the address at once."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from marketplace.core.errors import NotFound
from marketplace.core.models import Invitation
from marketplace.core.queries.team import get_open_invitation

_KEY = "invitation_id"


def remember_invitation(request: HttpRequest, invitation: Invitation) -> None:
    """Keep which invitation was opened by its link."""
    request.session[_KEY] = invitation.pk


def forget_invitation(request: HttpRequest) -> None:
    """Forget it: it was accepted or declined."""
    request.session.pop(_KEY, None)


def remembered_invitation(request: HttpRequest) -> Invitation | None:
    """Return the opened invitation while it can be accepted."""
    wanted = request.session.get(_KEY)
    if not wanted:
        return None
    try:
        return get_open_invitation(invitation_id=wanted, at=timezone.now())
    except NotFound:
        return None


def invitation_to_sign_up(request: HttpRequest) -> Invitation | None:
    """Return the opened invitation when the sign-up form was reached from it; signing up otherwise has its own path."""
    values = request.POST if request.method == "POST" else request.GET
    return remembered_invitation(request) if values.get("next") == reverse("invitation") else None
