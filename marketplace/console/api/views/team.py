"""Members, invitations and the organization's page."""

from typing import Any

from django.conf import settings

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.team import (
    EndedMembership,
    InvitationShape,
    IssuedInvitation,
    Member,
    NewInvitation,
    OrganizationChange,
    OrganizationShape,
    RoleChange,
)
from marketplace.core import roles, scopes
from marketplace.core.errors import Denied
from marketplace.core.models import Invitation, Membership, Organization
from marketplace.core.operations import team
from marketplace.core.operations.organizations import update_organization
from marketplace.core.queries.team import get_member, get_owned_invitation, list_members, list_open_invitations


class TeamFromASession(Denied):
    message = "Change the team on the page Team: it asks for your password again."


class RoleBeyondTheCaller(Denied):
    message = "A credential cannot give a role that may do more than itself."


def _check(caller: Caller, role: str = "") -> None:
    """Refuse what would turn a narrow or a stolen credential into a member who may do more."""
    if caller.actor.kind == "user":
        raise TeamFromASession
    if role in roles.given_by(caller.membership.role) and not scopes.ROLE_SCOPES[role] <= caller.scopes:
        raise RoleBeyondTheCaller


def _told(member: Membership, caller: Caller) -> Membership:
    member.is_told_all = "team:write" in caller.scopes  # type: ignore[attr-defined]
    return member


def _issued(invitation: Invitation, secret: str) -> Invitation:
    invitation.link = None if settings.SENDS_EMAIL else team.link_of(secret)  # type: ignore[attr-defined]
    return invitation


class OrganizationView(ApiView):
    tag = "Team"

    @operation("get_organization", scope="team:read", gives=OrganizationShape)
    def get(self, caller: Caller) -> Organization:
        """Read what others read about your organization."""
        return caller.organization

    @operation("update_organization", scope="team:write", takes=OrganizationChange, gives=OrganizationShape)
    def patch(self, caller: Caller, body: dict[str, Any]) -> Organization:
        """Change what others read about your organization."""
        return update_organization(organization=caller.organization, actor=caller.actor, at=caller.at, **body)


class MembersView(ApiView):
    tag = "Team"

    @operation("list_members", scope="team:read", lists=Member)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the members of your organization, highest role first."""
        page = page_of(
            list_members(organization=caller.organization),
            order_by=("rank", "user__email", "pk"),
            query=query,
            binding=["members", caller.organization.pk],
        )
        return Page([_told(member, caller) for member in page.rows], page.next_cursor)


class MemberView(ApiView):
    tag = "Team"

    @operation("get_member", scope="team:read", gives=Member)
    def get(self, caller: Caller, member_id: str) -> Membership:
        """Read a member."""
        return _told(get_member(organization=caller.organization, member_id=member_id), caller)

    @operation("update_member", scope="team:write", takes=RoleChange, gives=Member)
    def patch(self, caller: Caller, member_id: str, body: dict[str, Any]) -> Membership:
        """Give a member another role; what their credentials may do follows at once.

        The organization keeps an owner, an admin cannot change owners, and the role is at most your own. The credential
        that gives a role must be allowed what the role is allowed.
        """
        member = get_member(organization=caller.organization, member_id=member_id)
        _check(caller, body["role"])
        team.change_role(membership=member, role=body["role"], by=caller.membership, actor=caller.actor, at=caller.at)
        return _told(get_member(organization=caller.organization, member_id=member_id), caller)

    @operation("remove_member", scope="team:write", gives=EndedMembership)
    def delete(self, caller: Caller, member_id: str) -> dict[str, int]:
        """Remove a member. Their tokens, access keys and invitations end at once; what they made stays."""
        member = get_member(organization=caller.organization, member_id=member_id)
        _check(caller)
        ended = team.remove_member(membership=member, by=caller.membership, actor=caller.actor, at=caller.at)
        return {"revoked_credentials": ended}


class MemberTransferView(ApiView):
    tag = "Team"

    @operation("transfer_ownership", scope="team:write", gives=Member)
    def post(self, caller: Caller, member_id: str) -> Membership:
        """Make another member an owner, and yourself an admin. Only an owner can."""
        member = get_member(organization=caller.organization, member_id=member_id)
        _check(caller, "owner")
        team.transfer_ownership(membership=member, by=caller.membership, actor=caller.actor, at=caller.at)
        return _told(get_member(organization=caller.organization, member_id=member_id), caller)


class LeaveView(ApiView):
    tag = "Team"

    @operation("leave_organization", scope="team:read", gives=EndedMembership)
    def post(self, caller: Caller) -> dict[str, int]:
        """Leave the organization. The credential that asks ends with it."""
        _check(caller)
        return {
            "revoked_credentials": team.leave_organization(
                membership=caller.membership, actor=caller.actor, at=caller.at
            )
        }


class InvitationsView(ApiView):
    tag = "Team"

    @operation("list_invitations", scope="team:read", lists=InvitationShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the invitations that were neither accepted nor revoked, expired ones included, newest first."""
        rows = list_open_invitations(organization=caller.organization)
        binding = ["invitations", caller.organization.pk]
        return page_of(rows, order_by=("-created_at", "-pk"), query=query, binding=binding)

    @operation(
        "create_invitation",
        scope="team:write",
        takes=NewInvitation,
        gives=IssuedInvitation,
        status=201,
        has_secret=True,
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> Invitation:
        """Invite an address for seven days.

        Where this exchange sends mail the link goes there; else it is in this answer and nowhere else. Only somebody who
        signs in with the address can accept.
        """
        _check(caller, body["role"])
        return _issued(
            *team.invite_member(
                organization=caller.organization, by=caller.membership, actor=caller.actor, at=caller.at, **body
            )
        )


class InvitationView(ApiView):
    tag = "Team"

    @operation("revoke_invitation", scope="team:write")
    def delete(self, caller: Caller, invitation_id: str) -> None:
        """Revoke an invitation; its link stops to work."""
        invitation = get_owned_invitation(organization=caller.organization, invitation_id=invitation_id)
        team.revoke_invitation(invitation=invitation, by=caller.membership, actor=caller.actor, at=caller.at)


class InvitationResendView(ApiView):
    tag = "Team"

    @operation("resend_invitation", scope="team:write", gives=IssuedInvitation, has_secret=True)
    def post(self, caller: Caller, invitation_id: str) -> Invitation:
        """Give an invitation a new link for seven days; the one before stops to work."""
        invitation = get_owned_invitation(organization=caller.organization, invitation_id=invitation_id)
        _check(caller, invitation.role)
        return _issued(
            *team.resend_invitation(invitation=invitation, by=caller.membership, actor=caller.actor, at=caller.at)
        )
