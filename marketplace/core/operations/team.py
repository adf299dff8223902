"""Members of an organization: inviting, joining, changing roles, leaving.

Each change locks the organization's row, so that two owners who demote each other at once leave one owner.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from marketplace.core import audit, brand, limits, roles, tokens, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Denied, Invalid, LimitExceeded, NotFound
from marketplace.core.events import publish_on_commit
from marketplace.core.ids import new_id
from marketplace.core.models import AccessKey, ApiToken, Invitation, Membership, Organization, Role, User
from marketplace.core.operations.inbox import tell_members

INVITATION_LIFE = timedelta(days=7)
#: open invitations of an organization, and mails it may cause in a day: enough for a company, too few for advertising
MOST_OPEN = 200
MAILS, MAILS_WINDOW_S = 200, 86_400


class LastOwner(Conflict):
    message = "An organization needs an owner. Make somebody else an owner first."


class OwnersAreProtected(Denied):
    message = "Only an owner can change or remove an owner."


class BeyondOwnRole(Denied):
    message = "You cannot give a role that is above your own."


class AlreadyMember(Conflict):
    message = "This person is a member already."


class AlreadyInvited(Conflict):
    message = "There is an open invitation for this address. Send it again or revoke it."


class InvitationIsOver(Conflict):
    message = "This invitation was accepted, revoked or has expired. Ask for a new one."


class InvitationForAnother(Denied):
    message = "This invitation is for another e-mail address than the one you are signed in with."


# --- who may ---------------------------------------------------------------------------------------------------------
def _lock(organization_id: str) -> Organization:
    # Not for share of its key: rows that only refer to the organization are still written meanwhile.
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _again(membership: Membership) -> Membership | None:
    """Return the membership as it is now that the organization is locked."""
    return Membership.objects.select_related("user", "organization").filter(pk=membership.pk).first()


def _lock_both(by: Membership, membership: Membership) -> tuple[Membership, Membership]:
    if by.organization_id != membership.organization_id:
        raise NotFound("MEMBER", str(membership.pk))
    _lock(membership.organization_id)
    acting, member = _again(by), _again(membership)
    if acting is None:
        raise Denied("You are no longer a member of this organization.")
    if member is None:
        raise NotFound("MEMBER", str(membership.pk))
    return acting, member


def _require_may_give(role: str, wanted: str) -> None:
    given = roles.given_by(role)
    if not given:
        raise Denied("Only owners and admins change the team.")
    if wanted not in given:
        raise BeyondOwnRole if wanted in Role.values else Invalid("There is no such role.", field="role")


def _require_may_touch(acting: Membership, member: Membership) -> None:
    given = roles.given_by(acting.role)
    if not given:
        raise Denied("Only owners and admins change the team.")
    if member.role not in given:
        raise OwnersAreProtected


def _require_other_owner(member: Membership) -> None:
    owners = Membership.objects.filter(organization=member.organization_id, role=Role.OWNER)
    if member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists():
        raise LastOwner("MEMBER", str(member.pk))


# --- members ---------------------------------------------------------------------------------------------------------
@transaction.atomic
def change_role(*, membership: Membership, role: str, by: Membership, actor: Actor, at: datetime) -> Membership:
    """Give a member another role; what their tokens and keys may do follows at once. The same role changes nothing.

    by: the member who does it, whose role is read again. Open invitations that the member could no longer give are
    revoked. Raises Denied, OwnersAreProtected, BeyondOwnRole, LastOwner, Invalid for an unknown role.
    """
    acting, member = _lock_both(by, membership)
    _require_may_touch(acting, member)
    _require_may_give(acting.role, role)
    if member.role == role:
        return member
    if role != Role.OWNER:
        _require_other_owner(member)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    revoked = _revoke_beyond(member, at=at)
    audit.record(
        "member.role_changed",
        actor=actor,
        subject=member,
        organization_id=member.organization_id,
        detail={"user_id": member.user_id, "from": before, "to": role, "revoked_invitations": revoked},
    )
    _announce("role_changed", member, actor, before=before)
    return member


@transaction.atomic
def transfer_ownership(*, membership: Membership, by: Membership, actor: Actor, at: datetime) -> Membership:
    """Make another member an owner and oneself an admin, in one step. Raises Denied for whoever is no owner, Conflict."""
    acting, member = _lock_both(by, membership)
    if acting.role != Role.OWNER:
        raise OwnersAreProtected("Only an owner can hand the organization over.")
    if acting.pk == member.pk:
        raise Conflict("MEMBER", str(member.pk), "You own this organization already.")
    before, member.role, acting.role = member.role, Role.OWNER, Role.ADMIN
    Membership.objects.bulk_update([member, acting], ["role"])
    _revoke_beyond(acting, at=at)
    audit.record(
        "organization.ownership_transferred",
        actor=actor,
        subject=member,
        organization_id=member.organization_id,
        detail={"user_id": member.user_id, "from": before, "by_user_id": acting.user_id},
    )
    _announce("owner", member, actor, before=before)
    return member


@transaction.atomic
def remove_member(*, membership: Membership, by: Membership, actor: Actor, at: datetime) -> int:
    """End a membership with its tokens, access keys and the invitations it gave; return how many credentials ended.

    Raises Denied, OwnersAreProtected, LastOwner.
    """
    acting, member = _lock_both(by, membership)
    if acting.pk != member.pk:
        _require_may_touch(acting, member)
    return _end(member, "member.removed" if acting.pk != member.pk else "member.left", actor=actor, at=at)


@transaction.atomic
def leave_organization(*, membership: Membership, actor: Actor, at: datetime) -> int:
    """End one's own membership, as `remove_member` does. Raises LastOwner."""
    _, member = _lock_both(membership, membership)
    return _end(member, "member.left", actor=actor, at=at)


def _end(member: Membership, action: str, *, actor: Actor, at: datetime) -> int:
    _require_other_owner(member)
    held = {"organization": member.organization_id, "user": member.user_id, "revoked_at": None}
    ended_tokens = ApiToken.objects.filter(**held).update(revoked_at=at)
    ended_keys = AccessKey.objects.filter(**held).update(revoked_at=at)
    detail = {
        "user_id": member.user_id,
        "role": member.role,
        "revoked_tokens": ended_tokens,
        "revoked_access_keys": ended_keys,
        "revoked_invitations": _revoke_given(member, at=at),
    }
    audit.record(action, actor=actor, subject=member, organization_id=member.organization_id, detail=detail)
    _announce(action.partition(".")[2], member, actor)
    Membership.objects.filter(pk=member.pk).delete()
    return ended_tokens + ended_keys


# --- invitations -----------------------------------------------------------------------------------------------------
def _secret(invitation_id: str, nonce: str) -> str:
    """Return the secret of a link. It follows from our key, so that a work row needs to hold only the nonce."""
    return signing.Signer(salt="core.invitation").signature(f"{invitation_id}:{nonce}")


def link_of(secret: str) -> str:
    """Return the address that an invitation is opened by."""
    return f"{settings.PUBLIC_URL}{reverse('invitation-open', args=[secret])}"


def _open_invitations(organization: Organization) -> QuerySet[Invitation]:
    return Invitation.objects.filter(organization=organization, accepted_at=None, revoked_at=None)


@transaction.atomic
def invite_member(
    *, organization: Organization, email: str, role: str, by: Membership, actor: Actor, at: datetime
) -> tuple[Invitation, str]:
    """Invite an address for seven days; return the invitation with the secret of its link, which is kept nowhere.

    Where the installation sends mail, the link goes out by itself. An expired invitation of the same address is replaced.
    Raises Denied, BeyondOwnRole, Invalid, AlreadyMember, AlreadyInvited, LimitExceeded.
    """
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid("Give an e-mail address.", field="email") from None
    if len(email) > 254:
        raise Invalid("An e-mail address has at most 254 characters.", field="email")
    acting, _ = _lock_both(by, by)
    if acting.organization_id != organization.pk:
        raise Denied("You are no longer a member of this organization.")
    _require_may_give(acting.role, role)
    if Membership.objects.filter(organization=organization, user__email=email).exists():
        raise AlreadyMember("INVITATION", "")
    _open_invitations(organization).filter(email=email, expires_at__lte=at).update(revoked_at=at)
    if _open_invitations(organization).filter(email=email).exists():
        raise AlreadyInvited("INVITATION", "")
    if _open_invitations(organization).count() >= MOST_OPEN:
        raise LimitExceeded("Open invitations", MOST_OPEN)
    invitation = Invitation(
        organization=organization, email=email, role=role, invited_by_id=acting.user_id, created_at=at
    )
    secret = _issue(invitation, at=at)
    invitation.save(force_insert=True)
    audit.record(
        "invitation.created", actor=actor, subject=invitation, organization_id=organization.pk, detail={"role": role}
    )
    return invitation, secret


@transaction.atomic
def resend_invitation(*, invitation: Invitation, by: Membership, actor: Actor, at: datetime) -> tuple[Invitation, str]:
    """Give an open or expired invitation a new link for seven days; the link before stops to work.

    Raises Denied, BeyondOwnRole, InvitationIsOver, TooManyRequests.
    """
    invitation = _lock_invitation(invitation, by)
    secret = _issue(invitation, at=at)
    invitation.save(update_fields=["digest", "expires_at"])
    audit.record("invitation.resent", actor=actor, subject=invitation, organization_id=invitation.organization_id)
    return invitation, secret


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, by: Membership, actor: Actor, at: datetime) -> None:
    """End an invitation; its link stops to work. Raises Denied, BeyondOwnRole, InvitationIsOver."""
    invitation = _lock_invitation(invitation, by)
    invitation.revoked_at = at
    invitation.save(update_fields=["revoked_at"])
    audit.record("invitation.revoked", actor=actor, subject=invitation, organization_id=invitation.organization_id)


def _lock_invitation(invitation: Invitation, by: Membership) -> Invitation:
    acting, _ = _lock_both(by, by)
    found = Invitation.objects.select_related("organization").get(pk=invitation.pk)
    if found.organization_id != acting.organization_id:
        raise NotFound("INVITATION", invitation.pk)
    _require_may_give(acting.role, found.role)
    if found.accepted_at is not None or found.revoked_at is not None:
        raise InvitationIsOver("INVITATION", invitation.pk)
    return found


def _issue(invitation: Invitation, *, at: datetime) -> str:
    """Give an invitation a fresh secret and life, and have it mailed where there is a mail server."""
    limits.count(f"invitations:{invitation.organization_id}", most=MAILS, window_s=MAILS_WINDOW_S)
    nonce = new_id()
    secret = _secret(invitation.pk, nonce)
    invitation.digest = tokens.digest(secret)
    invitation.expires_at = at + INVITATION_LIFE
    if settings.SENDS_EMAIL:
        work.enqueue(
            "core.email_invitation",
            key=f"{invitation.pk}:{nonce}",
            organization_id=invitation.organization_id,
            invitation_id=invitation.pk,
            nonce=nonce,
            digest=invitation.digest,
        )
    return secret


def _revoke_given(member: Membership, *, at: datetime, but: "frozenset[str]" = frozenset()) -> int:
    given = _open_invitations(member.organization).filter(invited_by=member.user_id)
    return given.exclude(role__in=but).update(revoked_at=at)


def _revoke_beyond(member: Membership, *, at: datetime) -> int:
    return _revoke_given(member, at=at, but=frozenset(roles.given_by(member.role)))


def email_invitation(*, invitation_id: str, nonce: str, at: datetime) -> None:
    """Mail the link of an invitation, unless it is over or a later link took its place. Twice beats never."""
    found = Invitation.objects.select_related("organization", "invited_by")
    invitation = found.filter(pk=invitation_id, accepted_at=None, revoked_at=None, expires_at__gt=at).first()
    secret = _secret(invitation_id, nonce)
    if invitation is None or invitation.digest != tokens.digest(secret):
        return
    name, site = invitation.organization.name, brand.current().name
    host = invitation.invited_by.get_full_name()
    until = f"{invitation.expires_at.day} {invitation.expires_at:%B %Y, %H:%M} UTC"
    lines = [
        f"{host} invites you to join {name} on {site}, as {Role(invitation.role).label.lower()}.",
        "",
        link_of(secret),
        "",
        f"The link works once, until {until}, and only for {invitation.email}.",
        "If you did not expect this, you can ignore it: nothing happens without you.",
    ]
    send_mail(f"Join {name} on {site}"[:150], "\n".join(lines), brand.sender(), [invitation.email])


@transaction.atomic
def accept_invitation(*, invitation: Invitation, user: User, actor: Actor, at: datetime) -> Membership:
    """Join the organization with the invitation's role; it is then used up.

    Says nothing about whether the person owns the address. Raises InvitationForAnother, InvitationIsOver, AlreadyMember.
    """
    _lock(invitation.organization_id)
    found = Invitation.objects.select_related("organization").get(pk=invitation.pk)
    if found.email != user.email:
        raise InvitationForAnother(resource_type="INVITATION", resource_id=found.pk)
    if found.accepted_at is not None or found.revoked_at is not None or found.expires_at <= at:
        raise InvitationIsOver("INVITATION", found.pk)
    if Membership.objects.filter(organization=found.organization_id, user=user).exists():
        raise AlreadyMember("INVITATION", found.pk)
    membership = Membership.objects.create(organization=found.organization, user=user, role=found.role, created_at=at)
    found.accepted_at = at
    found.save(update_fields=["accepted_at"])
    audit.record(
        "member.joined",
        actor=actor,
        subject=membership,
        organization_id=found.organization_id,
        detail={"user_id": user.pk, "role": found.role, "invitation_id": found.pk},
    )
    _announce("joined", membership, actor)
    return membership


# --- telling the others ----------------------------------------------------------------------------------------------
def _announce(kind: str, member: Membership, actor: Actor, *, before: str = "") -> None:
    publish_on_commit(
        "team.changed",
        organization_id=member.organization_id,
        fact=new_id(),
        team_id=member.organization_id,
        kind=kind,
        user_id=member.user_id,
        role=member.role,
        before=before,
        by_user_id=actor.user_id,
    )


_SENTENCES = {
    "joined": "{person} joined as {role}.",
    "left": "{person} left.",
    "removed": "{person} was removed.",
    "role_changed": "{person} is now {role}, was {before}.",
    "owner": "{person} was made an owner, was {before}.",
}


def tell_team(
    *,
    fact: str,
    team_id: str,
    kind: str,
    user_id: int,
    role: str,
    before: str,
    by_user_id: int | None,
    at: datetime,
) -> int:
    """Tell the members but the one who did it what changed in their team; return how many are new to it."""
    organization = Organization.objects.filter(pk=team_id).first()
    person = User.objects.filter(pk=user_id).first()
    if organization is None or person is None:
        return 0
    others = Membership.objects.filter(organization=organization).exclude(user=by_user_id)
    labels = dict(Role.choices)
    text = _SENTENCES[kind].format(
        person=person.get_full_name(), role=str(labels[role]).lower(), before=str(labels.get(before, "")).lower()
    )
    return tell_members(
        organization_ids=[organization.pk],
        topic="team.changed",
        source_key=f"team.changed:{fact}",
        subject_key=f"organization:{organization.pk}",
        subject_label=organization.name,
        text=text,
        path=reverse("team"),
        at=at,
        user_ids=others.values_list("user", flat=True),
    )
