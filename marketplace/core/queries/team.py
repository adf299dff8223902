"""Members and invitations as the organization itself sees them."""

import re
from collections.abc import Iterable
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When

from marketplace.core import tokens
from marketplace.core.errors import NotFound
from marketplace.core.models import Invitation, Membership, Organization, Role, User, WorkItem
from marketplace.core.models.work import WorkState

MAIL_TASK = "core.email_invitation"
_RANK = Case(*(When(role=role, then=Value(rank)) for rank, role in enumerate(Role.values)), output_field=IntegerField())


def list_members(*, organization: Organization, text: str = "") -> QuerySet[Membership]:
    """Return the members whose name or address holds a text, highest role first, with `has_second_factor`.

    Recovery codes alone are no second factor.
    """
    factors = Authenticator.objects.filter(
        user=OuterRef("user"), type__in=[Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    )
    found = Membership.objects.filter(organization=organization).select_related("user", "organization")
    if text:
        found = found.filter(Q(user__name__icontains=text) | Q(user__email__icontains=text))
    return found.annotate(has_second_factor=Exists(factors), rank=_RANK).order_by("rank", "user__email", "pk")


def get_member(*, organization: Organization, member_id: str) -> Membership:
    """Raise NotFound alike for a member who is missing and for one of another organization."""
    found = list_members(organization=organization).filter(pk=member_id) if _is_number(member_id) else None
    member = found.first() if found is not None else None
    if member is None:
        raise NotFound("MEMBER", member_id)
    return member


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) is not None


def count_owners(*, organization: Organization) -> int:
    """Return how many owners an organization has."""
    return Membership.objects.filter(organization=organization, role=Role.OWNER).count()


def list_open_invitations(*, organization: Organization) -> QuerySet[Invitation]:
    """Return the invitations that were neither accepted nor revoked, expired ones included, newest first."""
    return (
        Invitation.objects.filter(organization=organization, accepted_at=None, revoked_at=None)
        .select_related("organization", "invited_by")
        .order_by("-created_at", "-pk")
    )


def get_owned_invitation(*, organization: Organization, invitation_id: str) -> Invitation:
    """Raise NotFound alike for an invitation that is missing, over, or somebody else's."""
    try:
        return list_open_invitations(organization=organization).get(pk=invitation_id)
    except Invitation.DoesNotExist:
        raise NotFound("INVITATION", invitation_id) from None


def find_invitation(*, secret: str) -> Invitation:
    """Return the invitation of a link, in whatever state. Raises NotFound."""
    try:
        found = Invitation.objects.select_related("organization", "invited_by")
        return found.get(digest=tokens.digest(secret))
    except Invitation.DoesNotExist:
        raise NotFound("INVITATION", "") from None


def get_open_invitation(*, invitation_id: str, at: datetime) -> Invitation:
    """Return an invitation that can be accepted now. Raises NotFound alike for missing, accepted, revoked and expired."""
    try:
        return Invitation.objects.select_related("organization", "invited_by").get(
            pk=invitation_id, accepted_at=None, revoked_at=None, expires_at__gt=at
        )
    except Invitation.DoesNotExist:
        raise NotFound("INVITATION", "") from None


def is_known_address(email: str) -> bool:
    """Return True when somebody signs in with this address; only for whoever holds an invitation to it."""
    return User.objects.filter(email=email).exists()


def list_unsent(*, organization: Organization, invitations: Iterable[Invitation]) -> dict[str, str]:
    """Return by id of an invitation `waiting` or `failed` for those whose mail did not go out at the first attempt."""
    wanted = {invitation.pk: invitation.digest for invitation in invitations}
    rows = (
        WorkItem.objects.filter(task=MAIL_TASK, organization_id=organization.pk)
        .exclude(state=WorkState.DONE)
        .order_by("created_at")
    )
    states: dict[str, str] = {}
    for row in rows:
        invitation_id = row.arguments.get("invitation_id", "")
        if invitation_id not in wanted or row.arguments.get("digest") != wanted[invitation_id]:
            continue
        if row.state in {WorkState.FAILED, WorkState.PARKED}:
            states[invitation_id] = "failed"
        elif row.failures:
            states[invitation_id] = "waiting"
    return states
