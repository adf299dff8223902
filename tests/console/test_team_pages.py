"""Pages of the team: who sees and changes what, inviting and joining, leaving, the organization's own page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.core import work
from marketplace.core.models import AuditRecord, Invitation, Membership, Organization, Role, User
from marketplace.core.operations import team
from marketplace.core.operations.credentials import create_api_token
from tests.conftest import actor_of, make_member
from tests.console.pages import let_confirmation_lapse, sign_in

pytestmark = pytest.mark.django_db


def join(owner: Membership, role: Role, name: str = "") -> Membership:
    member = make_member(name or role.title())
    Membership.objects.filter(pk=member.pk).update(organization=owner.organization, role=role)
    return Membership.objects.select_related("user", "organization").get(pk=member.pk)


def invite(member: Membership, email: str = "new@example.org", role: str = Role.VIEWER):
    return team.invite_member(
        organization=member.organization, email=email, role=role, by=member, actor=actor_of(member), at=timezone.now()
    )


@pytest.fixture
def owner(client, publisher) -> Membership:
    """The publisher, signed in and lately confirmed."""
    sign_in(client, publisher, confirmed=True)
    return publisher


# --- members ---------------------------------------------------------------------------------------------------------
def test_the_list_says_roles_second_factors_and_sign_ins(client, owner):
    join(owner, Role.BILLING, "Grace")
    page = client.get("/team").content.decode()
    assert "Grace" in page
    assert "Cannot change or remove owners." in page
    assert page.count("</svg>Off</span>") == 2
    assert "You are its only owner" in page


def test_a_viewer_sees_members_but_nothing_about_their_sign_in(client, publisher):
    viewer = join(publisher, Role.VIEWER)
    page = sign_in(client, viewer).get("/team").content.decode()
    assert publisher.user.email in page
    assert "Second factor</th>" not in page
    assert "Invite somebody" not in page
    assert f"/team/members/{publisher.pk}" not in page


def test_a_page_of_many_members_runs_few_queries(client, owner, django_assert_max_num_queries):
    users = User.objects.bulk_create([User(email=f"m{n}@example.org", name=f"Member {n}") for n in range(200)])
    Membership.objects.bulk_create(
        [Membership(organization=owner.organization, user=u, role=Role.VIEWER) for u in users]
    )
    for n in range(60):
        invite(owner, f"invited{n}@example.org")
    with django_assert_max_num_queries(15):
        page = client.get("/team?page=2")
    assert len(page.context["members"]) == 40
    assert page.content.decode().count("<tr id=") == 100
    with django_assert_max_num_queries(15):
        client.get(f"/team/members/{owner.pk}")


def test_members_are_searched(client, owner):
    join(owner, Role.VIEWER, "Grace")
    assert "Nobody's name" not in client.get("/team?q=grace").content.decode()
    assert "holds “nobody”" in client.get("/team?q=nobody").content.decode()


def test_a_role_is_changed(client, owner):
    member = join(owner, Role.VIEWER)
    answer = client.post(f"/team/members/{member.pk}", {"act": "role", "role": "publisher"})
    assert (answer.status_code, answer.url) == (302, "/team")
    member.refresh_from_db()
    assert member.role == Role.PUBLISHER


def test_without_a_role_the_form_comes_back(client, owner):
    member = join(owner, Role.VIEWER)
    answer = client.post(f"/team/members/{member.pk}", {"act": "role"})
    assert answer.status_code == 422
    assert "Choose a role." in answer.content.decode()


def test_the_last_owner_stays_and_reads_why(client, owner):
    for form in ({"act": "role", "role": "viewer"}, {"act": "remove"}):
        answer = client.post(f"/team/members/{owner.pk}", form)
        assert answer.status_code == 409
        assert "needs an owner" in answer.content.decode()
    answer = client.post("/team/leave", follow=True)
    assert "needs an owner" in answer.content.decode()
    owner.refresh_from_db()
    assert owner.role == Role.OWNER


def test_an_admin_gets_no_form_for_an_owner(client, publisher):
    admin = join(publisher, Role.ADMIN)
    sign_in(client, admin, confirmed=True)
    page = client.get(f"/team/members/{publisher.pk}").content.decode()
    assert "Only an owner can change" in page
    assert client.post(f"/team/members/{publisher.pk}", {"act": "remove"}).status_code == 403
    assert client.post(f"/team/members/{publisher.pk}", {"act": "role", "role": "viewer"}).status_code == 403
    offered = client.get(f"/team/members/{admin.pk}").content.decode()
    assert 'value="owner"' not in offered
    publisher.refresh_from_db()
    assert publisher.role == Role.OWNER


def test_removing_says_how_many_credentials_ended(client, owner):
    member = join(owner, Role.ADMIN, "Grace")
    create_api_token(
        membership=member, name="CI", wanted_scopes=["data:read"], actor=actor_of(member), at=timezone.now()
    )
    answer = client.post(f"/team/members/{member.pk}", {"act": "remove"}, follow=True)
    assert "Grace removed. 1 token and access key revoked." in answer.content.decode()


def test_ownership_is_transferred(client, owner):
    member = join(owner, Role.VIEWER)
    client.post(f"/team/members/{member.pk}", {"act": "transfer"})
    assert {m.pk: m.role for m in Membership.objects.filter(organization=owner.organization)} == {
        owner.pk: "admin",
        member.pk: "owner",
    }


def test_leaving_ends_in_another_organization_or_in_none(client, publisher):
    member = join(publisher, Role.VIEWER)
    sign_in(client, member, confirmed=True)
    answer = client.post("/team/leave", follow=True)
    assert f"You left {publisher.organization.name}" in answer.content.decode()
    assert not Membership.objects.filter(pk=member.pk).exists()


@pytest.mark.parametrize("act", ["role", "remove", "transfer"])
def test_a_change_asks_who_it_is_first_and_comes_back(client, owner, act):
    member = join(owner, Role.VIEWER)
    let_confirmation_lapse(client)
    answer = client.post(f"/team/members/{member.pk}", {"act": act, "role": "admin"})
    assert answer.url == f"/accounts/reauthenticate/?next=%2Fteam%2Fmembers%2F{member.pk}%3Frole%3Dadmin"
    member.refresh_from_db()
    assert member.role == Role.VIEWER
    assert client.post("/team/leave").url == "/accounts/reauthenticate/?next=%2Fteam"


# --- inviting --------------------------------------------------------------------------------------------------------
def test_without_mail_the_link_is_shown_once(client, owner, settings):
    settings.SENDS_EMAIL = False
    answer = client.post("/team/invitations/new", {"email": "new@example.org", "role": "publisher"})
    assert "no-store" in answer.headers["Cache-Control"]
    link = re.search(r"/invitations/[\w-]{43}", answer.content.decode()).group(0)
    assert link not in client.get("/team").content.decode()
    invitation = Invitation.objects.get()
    again = client.post(f"/team/invitations/{invitation.pk}/resend").content.decode()
    assert link not in again
    assert client.get(link).status_code == 404


def test_with_mail_the_link_goes_to_the_address(client, owner, settings):
    settings.SENDS_EMAIL = True
    answer = client.post("/team/invitations/new", {"email": "new@example.org", "role": "publisher"})
    assert (answer.status_code, answer.url) == (302, "/team")
    work.run_due()
    assert mail.outbox[0].to == ["new@example.org"]
    secret = re.search(r"/invitations/(\S+)", mail.outbox[0].body).group(1)
    assert secret not in client.get("/team").content.decode()


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"email": "nobody", "role": "viewer"}, "email"),
        ({"email": "a@example.org", "role": "king"}, "role"),
        ({"email": "a@example.org"}, "role"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused_with_its_input_kept(client, owner, form, field):
    answer = client.post("/team/invitations/new", form)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert f'value="{form["email"]}"' in answer.content.decode()
    assert not Invitation.objects.exists()


def test_an_address_that_is_invited_already_is_refused_in_words(client, owner):
    invite(owner)
    answer = client.post("/team/invitations/new", {"email": "NEW@example.org", "role": "viewer"})
    assert answer.status_code == 422
    assert "There is an open invitation" in answer.content.decode()


def test_revoking_needs_no_password(client, owner):
    invitation, secret = invite(owner)
    let_confirmation_lapse(client)
    assert client.post(f"/team/invitations/{invitation.pk}/revoke").url == "/team"
    client.logout()
    client.get(f"/invitations/{secret}")
    assert "no longer works" in client.get("/invitation").content.decode()


# --- joining ---------------------------------------------------------------------------------------------------------
def sign_up(client, **changes):
    form = {"name": "New Person", "password1": "correct horse battery", "next": "/invitation"} | changes
    return client.post("/accounts/signup/", form)


def test_a_link_leads_to_sign_up_and_into_the_organization(client, publisher):
    _, secret = invite(publisher, role=Role.PUBLISHER)
    answer = client.get(f"/invitations/{secret}")
    assert answer.url == "/invitation"
    page = client.get("/invitation").content.decode()
    assert publisher.organization.name in page
    assert publisher.user.get_full_name() in page
    assert "As publisher" in page
    assert 'href="/accounts/signup/?next=/invitation"' in page
    form = client.get("/accounts/signup/?next=/invitation").content.decode()
    assert 'value="new@example.org"' in form
    assert 'name="organization"' not in form
    organizations = Organization.objects.count()
    answer = sign_up(client, email="other@example.org")
    assert answer.status_code == 302
    user = User.objects.get(email="new@example.org")
    assert not User.objects.filter(email="other@example.org").exists()
    (member,) = user.memberships.all()
    assert (member.organization, member.role) == (publisher.organization, Role.PUBLISHER)
    assert Organization.objects.count() == organizations
    assert client.get("/invitation").url == "/home"
    assert secret not in str(list(AuditRecord.objects.values()))
    assert not user.emailaddress_set.filter(verified=True).exists()


def test_signing_up_otherwise_founds_an_organization(client, publisher):
    _, secret = invite(publisher)
    client.get(f"/invitations/{secret}")
    assert 'name="organization"' in client.get("/accounts/signup/").content.decode()
    sign_up(client, next="", email="other@example.org", organization="Mine")
    assert User.objects.get(email="other@example.org").memberships.get().organization.name == "Mine"
    assert Invitation.objects.get().accepted_at is None


def test_a_person_with_an_account_signs_in_and_accepts(client, publisher, subscriber):
    invitation, secret = invite(publisher, subscriber.user.email, Role.ADMIN)
    client.get(f"/invitations/{secret}")
    assert 'href="/accounts/login/?next=/invitation"' in client.get("/invitation").content.decode()
    sign_in(client, subscriber)
    client.get(f"/invitations/{secret}")
    assert ">Join</button>" in client.get("/invitation").content.decode()
    answer = client.post("/invitation", follow=True)
    assert f"Welcome to {publisher.organization.name}" in answer.content.decode()
    assert answer.context["request"].organization == publisher.organization
    assert subscriber.user.memberships.count() == 2
    client.get(f"/invitations/{secret}")
    assert client.post("/invitation").url == "/invitation"
    assert subscriber.user.memberships.count() == 2
    invitation.refresh_from_db()
    assert invitation.accepted_at is not None


def test_another_account_reads_that_it_is_the_wrong_one(client, publisher, stranger):
    _, secret = invite(publisher)
    sign_in(client, stranger)
    client.get(f"/invitations/{secret}")
    page = client.get("/invitation")
    assert page.status_code == 200
    assert "You are signed in as somebody else" in page.content.decode()
    assert client.post("/invitation").status_code == 403
    assert not Membership.objects.filter(user=stranger.user, organization=publisher.organization).exists()


def test_an_expired_link_says_so(client, publisher):
    _, secret = invite(publisher)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    client.get(f"/invitations/{secret}")
    assert "no longer works" in client.get("/invitation").content.decode()
    assert sign_up(client, email="new@example.org", organization="Mine").status_code == 302
    assert not Membership.objects.filter(user__email="new@example.org", organization=publisher.organization).exists()


def test_a_wrong_link_is_not_found_and_cannot_be_tried_without_end(client, publisher, monkeypatch):
    monkeypatch.setattr("marketplace.console.views.team.TRIES", 2)
    assert [client.get(f"/invitations/{'x' * 43}").status_code for _ in range(3)] == [404, 404, 429]


def test_the_page_of_an_invitation_runs_few_queries(client, publisher, django_assert_max_num_queries):
    _, secret = invite(publisher)
    client.get(f"/invitations/{secret}")
    with django_assert_max_num_queries(15):
        client.get("/invitation")


# --- the organization's own page -------------------------------------------------------------------------------------
PAGE = {"name": "Harbour Data", "about": "Ships <b>", "website": "https://example.org", "support_contact": "help@x.org"}


def test_the_organizations_page_is_saved_and_shown_escaped(client, owner, product):
    assert client.post("/organization", PAGE).url == "/organization"
    shown = client.get(f"/organizations/{owner.organization.account_id}").content.decode()
    assert "Harbour Data" in shown
    assert "Ships &lt;b&gt;" in shown
    assert "help@x.org" in shown


@pytest.mark.parametrize(
    ("change", "field"),
    [({"name": ""}, "name"), ({"website": "javascript:alert(1)"}, "website"), ({"about": "x" * 2001}, "about")],
)
def test_what_cannot_be_shown_comes_back(client, owner, change, field):
    answer = client.post("/organization", PAGE | change)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    owner.organization.refresh_from_db()
    assert owner.organization.name == "Publisher"


def test_the_organizations_page_runs_few_queries(client, owner, django_assert_max_num_queries):
    with django_assert_max_num_queries(15):
        client.get("/organization")
