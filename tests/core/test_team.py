"""The rules of a team: who may change whom, never without an owner, invitations that work once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.postgres.search import SearchQuery
from django.core import mail
from django.db import connection
from django.utils import timezone

from marketplace.core import limits, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Denied, Invalid, NotFound
from marketplace.core.models import (
    AccessKey,
    ApiToken,
    AuditRecord,
    Invitation,
    Membership,
    Notification,
    Role,
    User,
    WorkItem,
)
from marketplace.core.operations import team
from marketplace.core.operations.credentials import create_access_key, create_api_token
from marketplace.core.operations.organizations import update_organization
from marketplace.core.queries.credentials import get_api_token
from marketplace.core.queries.team import (
    find_invitation,
    get_member,
    get_open_invitation,
    list_members,
    list_open_invitations,
    list_unsent,
)
from publishers.models import ProductSearch
from tests.conftest import actor_of, make_member
from tests.together import outcomes

pytestmark = pytest.mark.django_db


@pytest.fixture
def join(publisher):
    """Make somebody a member of the publisher's organization."""

    def make(role: Role, name: str = "") -> Membership:
        member = make_member(name or role.title())
        Membership.objects.filter(pk=member.pk).update(organization=publisher.organization, role=role)
        return Membership.objects.select_related("user", "organization").get(pk=member.pk)

    return make


def by(member: Membership) -> dict:
    return {"by": member, "actor": actor_of(member), "at": timezone.now()}


def role_of(member: Membership) -> str:
    return Membership.objects.get(pk=member.pk).role


def invite(member: Membership, email: str = "new@example.org", role: str = Role.VIEWER, **changes):
    return team.invite_member(organization=member.organization, email=email, role=role, **(by(member) | changes))


# --- roles -----------------------------------------------------------------------------------------------------------
def test_an_owner_changes_a_role_and_the_others_are_told(publisher, join):
    viewer, other = join(Role.VIEWER, "Grace"), join(Role.BILLING)
    team.change_role(membership=viewer, role=Role.PUBLISHER, **by(publisher))
    assert role_of(viewer) == Role.PUBLISHER
    row = AuditRecord.objects.get(action="member.role_changed")
    assert row.detail == {"user_id": viewer.user_id, "from": "viewer", "to": "publisher", "revoked_invitations": 0}
    work.run_due()
    work.run_due()
    told = {(n.membership_id, n.text, n.path) for n in Notification.objects.all()}
    assert told == {(m.pk, "Grace is now publisher, was viewer.", "/team") for m in (viewer, other)}


def test_the_same_role_again_changes_nothing(publisher, join):
    viewer = join(Role.VIEWER)
    team.change_role(membership=viewer, role=Role.VIEWER, **by(publisher))
    assert not AuditRecord.objects.filter(action="member.role_changed").exists()


#: who -> whom they can give which role; whatever is not here is refused
@pytest.mark.parametrize("acting", Role.values)
@pytest.mark.parametrize("target", Role.values)
@pytest.mark.parametrize("wanted", Role.values)
def test_who_may_give_which_role(publisher, join, acting, target, wanted):
    doer, member = join(acting, "Doer"), join(target, "Target")
    allowed = acting == "owner" or (acting == "admin" and "owner" not in (target, wanted))
    if allowed:
        team.change_role(membership=member, role=wanted, **by(doer))
        assert role_of(member) == wanted
    else:
        with pytest.raises(Denied):
            team.change_role(membership=member, role=wanted, **by(doer))
        assert role_of(member) == target


def test_an_unknown_role_is_refused(publisher, join):
    with pytest.raises(Invalid) as caught:
        team.change_role(membership=join(Role.VIEWER), role="king", **by(publisher))
    assert caught.value.field == "role"


def test_the_last_owner_can_neither_step_down_nor_leave(publisher, join):
    join(Role.ADMIN)
    with pytest.raises(team.LastOwner):
        team.change_role(membership=publisher, role=Role.ADMIN, **by(publisher))
    with pytest.raises(team.LastOwner):
        team.leave_organization(membership=publisher, actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(team.LastOwner):
        team.remove_member(membership=publisher, **by(publisher))
    assert role_of(publisher) == Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_at_once_leave_one(publisher, join):
    second = join(Role.OWNER)
    found = outcomes(
        lambda: team.change_role(membership=second, role=Role.VIEWER, **by(publisher)),
        lambda: team.change_role(membership=publisher, role=Role.VIEWER, **by(second)),
    )
    refused = [each for each in found if isinstance(each, Exception)]
    assert len(refused) == 1
    assert isinstance(refused[0], Denied)
    assert Membership.objects.filter(organization=publisher.organization, role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_leave_one(publisher, join):
    second = join(Role.OWNER)
    found = outcomes(
        *(
            lambda m=m: team.leave_organization(membership=m, actor=actor_of(m), at=timezone.now())
            for m in (publisher, second)
        )
    )
    assert sorted(type(each).__name__ for each in found) == ["LastOwner", "int"]
    assert Membership.objects.filter(organization=publisher.organization, role=Role.OWNER).count() == 1


def test_ownership_is_handed_over_in_one_step(publisher, join):
    admin = join(Role.ADMIN)
    with pytest.raises(team.OwnersAreProtected):
        team.transfer_ownership(membership=publisher, **by(admin))
    team.transfer_ownership(membership=admin, **by(publisher))
    assert (role_of(admin), role_of(publisher)) == (Role.OWNER, Role.ADMIN)
    with pytest.raises(team.OwnersAreProtected):
        team.transfer_ownership(membership=admin, **by(publisher))
    with pytest.raises(Conflict):
        team.transfer_ownership(membership=admin, **by(admin))


def test_members_of_other_organizations_are_not_found(publisher, subscriber):
    for act in (
        lambda: team.change_role(membership=subscriber, role=Role.VIEWER, **by(publisher)),
        lambda: team.remove_member(membership=subscriber, **by(publisher)),
        lambda: team.transfer_ownership(membership=subscriber, **by(publisher)),
        lambda: get_member(organization=publisher.organization, member_id=str(subscriber.pk)),
        lambda: get_member(organization=publisher.organization, member_id="x"),
    ):
        with pytest.raises(NotFound):
            act()
    assert role_of(subscriber) == Role.OWNER


# --- leaving ---------------------------------------------------------------------------------------------------------
def test_removing_ends_credentials_and_invitations_at_once(publisher, join):
    admin = join(Role.ADMIN)
    now = timezone.now()
    _, text = create_api_token(membership=admin, name="CI", wanted_scopes=["data:read"], actor=actor_of(admin), at=now)
    create_access_key(membership=admin, name="SDK", actor=actor_of(admin), at=now)
    create_api_token(membership=publisher, name="Mine", wanted_scopes=["data:read"], actor=actor_of(publisher), at=now)
    invitation, _ = invite(admin)
    assert get_api_token(text, now).user == admin.user
    assert team.remove_member(membership=admin, **by(publisher)) == 2
    with pytest.raises(NotFound):
        get_api_token(text, timezone.now())
    assert not Membership.objects.filter(pk=admin.pk).exists()
    assert not ApiToken.objects.filter(user=admin.user, revoked_at=None).exists()
    assert not AccessKey.objects.filter(user=admin.user, revoked_at=None).exists()
    assert ApiToken.objects.filter(user=publisher.user, revoked_at=None).count() == 1
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None
    row = AuditRecord.objects.get(action="member.removed")
    assert (row.detail["revoked_tokens"], row.detail["revoked_access_keys"], row.detail["revoked_invitations"]) == (
        1,
        1,
        1,
    )


def test_who_comes_back_has_no_old_credentials(publisher, join):
    viewer = join(Role.ADMIN)
    _, text = create_api_token(
        membership=viewer, name="Old", wanted_scopes=["data:read"], actor=actor_of(viewer), at=timezone.now()
    )
    team.remove_member(membership=viewer, **by(publisher))
    Membership.objects.create(organization=publisher.organization, user=viewer.user, role=Role.ADMIN)
    with pytest.raises(NotFound):
        get_api_token(text, timezone.now())


def test_an_admin_cannot_remove_an_owner_but_may_leave(publisher, join):
    admin = join(Role.ADMIN)
    with pytest.raises(team.OwnersAreProtected):
        team.remove_member(membership=publisher, **by(admin))
    team.remove_member(membership=admin, **by(admin))
    assert [r.action for r in AuditRecord.objects.filter(action__startswith="member.")] == ["member.left"]


def test_a_viewer_removes_nobody_but_may_leave(publisher, join):
    viewer, other = join(Role.VIEWER), join(Role.BILLING)
    with pytest.raises(Denied):
        team.remove_member(membership=other, **by(viewer))
    assert team.leave_organization(membership=viewer, actor=actor_of(viewer), at=timezone.now()) == 0


def test_who_was_removed_meanwhile_changes_nothing_more(publisher, join):
    admin, viewer = join(Role.ADMIN), join(Role.VIEWER)
    team.remove_member(membership=admin, **by(publisher))
    with pytest.raises(Denied):
        team.change_role(membership=viewer, role=Role.ADMIN, **by(admin))
    with pytest.raises(Denied):
        invite(admin)


def test_a_demoted_admin_leaves_no_invitations_behind(publisher, join):
    admin = join(Role.ADMIN)
    invitation, _ = invite(admin, role=Role.ADMIN)
    team.change_role(membership=admin, role=Role.VIEWER, **by(publisher))
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None


# --- invitations -----------------------------------------------------------------------------------------------------
def test_only_a_digest_of_the_secret_is_kept(publisher, settings):
    settings.SENDS_EMAIL = True
    invitation, secret = invite(publisher)
    assert len(secret) >= 43
    assert find_invitation(secret=secret) == invitation
    tables = ("core_invitation", "core_workitem", "core_auditrecord", "core_outboxevent")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{secret}%"])
            assert cursor.fetchone() == (0,), table
    item = WorkItem.objects.get(task="core.email_invitation")
    assert set(item.arguments) == {"invitation_id", "nonce", "digest"}


def test_the_mail_holds_the_link_that_works_and_goes_out_for_the_newest_only(publisher, settings):
    settings.SENDS_EMAIL = True
    invitation, first = invite(publisher, role=Role.PUBLISHER)
    invitation, second = team.resend_invitation(invitation=invitation, **by(publisher))
    work.run_due()
    (sent,) = mail.outbox
    assert sent.to == ["new@example.org"]
    assert publisher.organization.name in sent.subject
    assert "as publisher" in sent.body
    assert re.search(r"/invitations/(\S+)", sent.body).group(1) == second
    assert first not in sent.body
    with pytest.raises(NotFound):
        find_invitation(secret=first)
    assert list_unsent(organization=publisher.organization, invitations=[invitation]) == {}


def test_an_invitation_that_was_revoked_meanwhile_is_not_mailed(publisher, settings):
    settings.SENDS_EMAIL = True
    invitation, _ = invite(publisher)
    team.revoke_invitation(invitation=invitation, **by(publisher))
    work.run_due()
    assert mail.outbox == []


def test_a_mail_that_fails_is_told_and_tried_again(publisher, settings):
    settings.SENDS_EMAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    invitation, secret = invite(publisher)
    work.run_due()
    assert list_unsent(organization=publisher.organization, invitations=[invitation]) == {invitation.pk: "waiting"}
    assert secret not in WorkItem.objects.get(task="core.email_invitation").last_error
    WorkItem.objects.filter(task="core.email_invitation").update(state="PARKED")
    assert list_unsent(organization=publisher.organization, invitations=[invitation]) == {invitation.pk: "failed"}


def test_nothing_is_mailed_where_there_is_no_mail_server(publisher, settings):
    settings.SENDS_EMAIL = False
    invite(publisher)
    assert not WorkItem.objects.filter(task="core.email_invitation").exists()


def accept(invitation: Invitation, user: User) -> Membership:
    actor = Actor(kind="user", user_id=user.pk)
    return team.accept_invitation(invitation=invitation, user=user, actor=actor, at=timezone.now())


def test_accepting_makes_a_member_once(publisher):
    invitation, _ = invite(publisher, role=Role.BILLING)
    user = User.objects.create_user("new@example.org", name="New")
    member = accept(invitation, user)
    assert (member.organization, member.role) == (publisher.organization, Role.BILLING)
    with pytest.raises(team.InvitationIsOver):
        accept(invitation, user)
    Membership.objects.filter(pk=member.pk).delete()
    with pytest.raises(team.InvitationIsOver):
        accept(invitation, user)
    row = AuditRecord.objects.get(action="member.joined")
    assert (row.scope, row.actor_user_id) == (publisher.organization_id, user.pk)


@pytest.mark.django_db(transaction=True)
def test_accepting_twice_at_once_makes_one_member(publisher):
    invitation, _ = invite(publisher)
    user = User.objects.create_user("new@example.org")
    found = outcomes(*[lambda: accept(invitation, user)] * 3)
    assert sorted(type(each).__name__ for each in found) == ["InvitationIsOver", "InvitationIsOver", "Membership"]
    assert Membership.objects.filter(user=user).count() == 1


def test_another_account_cannot_accept(publisher, stranger):
    invitation, _ = invite(publisher)
    with pytest.raises(team.InvitationForAnother):
        accept(invitation, stranger.user)
    assert Membership.objects.filter(organization=publisher.organization).count() == 1


@pytest.mark.parametrize("end", ["expired", "revoked"])
def test_what_is_over_cannot_be_accepted(publisher, end):
    invitation, _ = invite(publisher)
    if end == "expired":
        Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    else:
        team.revoke_invitation(invitation=invitation, **by(publisher))
    user = User.objects.create_user("new@example.org")
    with pytest.raises(team.InvitationIsOver):
        accept(invitation, user)
    with pytest.raises(NotFound):
        get_open_invitation(invitation_id=invitation.pk, at=timezone.now())


def test_one_open_invitation_for_an_address(publisher):
    first, _ = invite(publisher, " New@Example.org ")
    assert first.email == "new@example.org"
    with pytest.raises(team.AlreadyInvited):
        invite(publisher)
    Invitation.objects.filter(pk=first.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    second, _ = invite(publisher)
    assert list(list_open_invitations(organization=publisher.organization)) == [second]


@pytest.mark.django_db(transaction=True)
def test_inviting_one_address_twice_at_once_makes_one_invitation(publisher):
    found = outcomes(*[lambda: invite(publisher)] * 2)
    assert sorted(type(each).__name__ for each in found) == ["AlreadyInvited", "tuple"]


def test_a_member_is_not_invited_again(publisher, join):
    with pytest.raises(team.AlreadyMember):
        invite(publisher, join(Role.VIEWER).user.email)


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b", "x" * 250 + "@example.org", "a@example.org\nBcc: b@example.org"]
)
def test_what_is_no_address_is_refused(publisher, email):
    with pytest.raises(Invalid) as caught:
        invite(publisher, email)
    assert caught.value.field == "email"
    assert not Invitation.objects.exists()


def test_an_admin_invites_no_owner_and_touches_no_invitation_of_one(publisher, join):
    admin = join(Role.ADMIN)
    with pytest.raises(team.BeyondOwnRole):
        invite(admin, role=Role.OWNER)
    invitation, _ = invite(publisher, role=Role.OWNER)
    for act in (team.revoke_invitation, team.resend_invitation):
        with pytest.raises(team.BeyondOwnRole):
            act(invitation=invitation, **by(admin))
    invitation.refresh_from_db()
    assert invitation.revoked_at is None


def test_a_strangers_invitation_is_not_found(publisher, stranger):
    invitation, _ = invite(publisher)
    for act in (team.revoke_invitation, team.resend_invitation):
        with pytest.raises(NotFound):
            act(invitation=invitation, **by(stranger))


def test_an_organization_cannot_mail_without_end(publisher, monkeypatch):
    monkeypatch.setattr(team, "MAILS", 2)
    invitation, _ = invite(publisher)
    team.resend_invitation(invitation=invitation, **by(publisher))
    with pytest.raises(limits.TooManyRequests):
        team.resend_invitation(invitation=invitation, **by(publisher))


def test_members_are_listed_from_the_highest_role_and_found_by_name(publisher, join):
    viewer, admin = join(Role.VIEWER, "Grace"), join(Role.ADMIN)
    assert list(list_members(organization=publisher.organization)) == [publisher, admin, viewer]
    assert list(list_members(organization=publisher.organization, text="RAC")) == [viewer]
    assert list(list_members(organization=publisher.organization, text="%")) == []


# --- the organization's page -----------------------------------------------------------------------------------------
def change(member: Membership, **wanted):
    return update_organization(organization=member.organization, actor=actor_of(member), at=timezone.now(), **wanted)


def test_the_page_of_an_organization_changes_and_says_which_fields(publisher):
    found = change(
        publisher, name=" Harbour  Data ", about="A\r\nB ", website="https://example.org/x", support_contact=""
    )
    assert (found.name, found.about, found.website) == ("Harbour Data", "A\nB", "https://example.org/x")
    row = AuditRecord.objects.get(action="organization.updated")
    assert row.detail == {"fields": ["about", "name", "website"]}
    change(publisher, name="Harbour Data")
    assert AuditRecord.objects.filter(action="organization.updated").count() == 1


def test_a_new_name_is_found_in_the_catalogue(publisher, product):
    change(publisher, name="Zephyrine")
    work.run_due()
    found = ProductSearch.objects.filter(full_text=SearchQuery("zephyrine", config="english"))
    assert [row.product_id for row in found] == [product.pk]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 121),
        ("about", "x" * 2001),
        ("website", "javascript:alert(1)"),
        ("website", "ftp://example.org"),
        ("website", "https://user:secret@example.org"),
        ("website", "example.org"),
        ("website", "https://example.org/" + "x" * 200),
        ("support_contact", "x" * 255),
    ],
)
def test_what_cannot_be_shown_is_refused_at_its_field(publisher, field, value):
    with pytest.raises(Invalid) as caught:
        change(publisher, **{field: value})
    assert caught.value.field == field
    assert not AuditRecord.objects.filter(action="organization.updated").exists()


def test_a_text_with_nul_is_refused(publisher):
    with pytest.raises(Invalid):
        change(publisher, about="a\x00b")
    publisher.organization.refresh_from_db()
    assert publisher.organization.about == ""
