"""Team and audit log by /api: what a program may, and what it is told."""

from __future__ import annotations

import pytest
from django.test import Client

from marketplace.core import audit
from marketplace.core.models import ApiToken, AuditRecord, Invitation, Membership, Role
from tests.conftest import actor_of, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(publisher) -> Membership:
    """A viewer in the publisher's organization."""
    member = make_member("Grace")
    Membership.objects.filter(pk=member.pk).update(organization=publisher.organization, role=Role.VIEWER)
    return Membership.objects.select_related("user", "organization").get(pk=member.pk)


def test_members_are_listed_and_only_team_writers_read_about_sign_in(publisher, viewer, program_of):
    items = program_of(publisher).call("GET", "/api/members").json()["items"]
    assert [(m["id"], m["role"], m["has_second_factor"]) for m in items] == [
        (str(publisher.pk), "owner", False),
        (str(viewer.pk), "viewer", False),
    ]
    told = program_of(viewer, "team:read").call("GET", f"/api/members/{publisher.pk}").json()
    assert (told["email"], told["has_second_factor"], told["last_sign_in_at"]) == (publisher.user.email, None, None)


def test_members_are_paged(publisher, viewer, program_of):
    program = program_of(publisher)
    first = program.call("GET", "/api/members?limit=1").json()
    second = program.call("GET", f"/api/members?limit=1&cursor={first['next_cursor']}").json()
    assert [m["id"] for m in first["items"] + second["items"]] == [str(publisher.pk), str(viewer.pk)]
    assert second["next_cursor"] is None


def test_a_role_is_changed_and_a_member_removed(publisher, viewer, program_of):
    program = program_of(publisher)
    changed = program.call("PATCH", f"/api/members/{viewer.pk}", {"role": "admin"})
    assert (changed.status_code, changed.json()["role"]) == (200, "admin")
    token_of_viewer = program_of(viewer, "team:read")
    gone = program.call("DELETE", f"/api/members/{viewer.pk}")
    assert gone.json() == {"revoked_credentials": 1}
    assert token_of_viewer.call("GET", "/api/whoami").status_code == 401


def test_ownership_is_transferred_and_the_last_owner_stays(publisher, viewer, program_of):
    program = program_of(publisher)
    assert program.call("DELETE", f"/api/members/{publisher.pk}").json()["code"] == "LastOwner"
    assert program.call("POST", "/api/organization/leave").json()["code"] == "LastOwner"
    assert program.call("POST", f"/api/members/{viewer.pk}/transfer-ownership").json()["role"] == "owner"
    assert program.call("POST", f"/api/members/{viewer.pk}/transfer-ownership").status_code == 403
    assert program.call("POST", "/api/organization/leave").json() == {"revoked_credentials": 1}
    assert program.call("GET", "/api/whoami").status_code == 401


def test_a_member_of_another_organization_looks_missing(publisher, subscriber, program_of):
    program = program_of(publisher)
    for method, path, body in (
        ("GET", "/api/members/{}", None),
        ("PATCH", "/api/members/{}", {"role": "viewer"}),
        ("DELETE", "/api/members/{}", None),
        ("POST", "/api/members/{}/transfer-ownership", None),
    ):
        theirs = program.call(method, path.format(subscriber.pk), body)
        missing = program.call(method, path.format(10**9), body)
        assert theirs.status_code == missing.status_code == 404
        assert theirs.json()["detail"].replace(str(subscriber.pk), "") == missing.json()["detail"].replace(
            str(10**9), ""
        )
    assert Membership.objects.get(pk=subscriber.pk).role == Role.OWNER


def test_a_narrow_token_gives_no_role_that_may_do_more(publisher, viewer, program_of):
    narrow = program_of(publisher, "team:read", "team:write")
    assert narrow.call("PATCH", f"/api/members/{viewer.pk}", {"role": "admin"}).json()["code"] == "RoleBeyondTheCaller"
    invited = narrow.call("POST", "/api/invitations", {"email": "a@example.org", "role": "owner"})
    assert invited.json()["code"] == "RoleBeyondTheCaller"
    assert narrow.call("POST", f"/api/members/{viewer.pk}/transfer-ownership").status_code == 403
    assert not Invitation.objects.exists()
    assert Membership.objects.get(pk=viewer.pk).role == Role.VIEWER


def test_a_session_changes_the_team_on_the_page_only(publisher, viewer):
    client = Client()
    client.force_login(publisher.user)
    for method, path, body in (
        ("patch", f"/api/members/{viewer.pk}", {"role": "admin"}),
        ("delete", f"/api/members/{viewer.pk}", {}),
        ("post", f"/api/members/{viewer.pk}/transfer-ownership", {}),
        ("post", "/api/organization/leave", {}),
        ("post", "/api/invitations", {"email": "a@example.org", "role": "viewer"}),
    ):
        answer = getattr(client, method)(path, body, content_type="application/json")
        assert answer.json()["code"] == "TeamFromASession", path
    assert client.get("/api/members").status_code == 200
    assert Membership.objects.get(pk=viewer.pk).role == Role.VIEWER


def test_an_invitation_is_made_listed_resent_and_revoked(publisher, program_of, settings):
    settings.SENDS_EMAIL = False
    program = program_of(publisher)
    body = {"email": "New@Example.org", "role": "publisher"}
    made = program.call("POST", "/api/invitations", body, Idempotency_Key="k1")
    assert made.status_code == 201
    link = made.json()["link"]
    assert "/invitations/" in link
    again = program.call("POST", "/api/invitations", body, Idempotency_Key="k1")
    assert again.json()["code"] == "SecretShownOnce"
    (item,) = program.call("GET", "/api/invitations").json()["items"]
    assert (item["email"], item["role"]) == ("new@example.org", "publisher")
    assert "link" not in item
    resent = program.call("POST", f"/api/invitations/{item['id']}/resend").json()
    assert resent["link"] != link
    settings.SENDS_EMAIL = True
    assert program.call("POST", f"/api/invitations/{item['id']}/resend").json()["link"] is None
    assert program.call("DELETE", f"/api/invitations/{item['id']}").status_code == 204
    assert program.call("GET", "/api/invitations").json()["items"] == []
    assert program.call("DELETE", f"/api/invitations/{item['id']}").status_code == 404


def test_the_organization_is_read_and_changed(publisher, viewer, program_of):
    changed = program_of(publisher).call("PATCH", "/api/organization", {"about": "Ships.", "website": "https://x.org"})
    assert (changed.json()["about"], changed.json()["name"]) == ("Ships.", publisher.organization.name)
    wrong = program_of(publisher).call("PATCH", "/api/organization", {"website": "javascript:x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "website")
    assert program_of(viewer, "team:read").call("GET", "/api/organization").json()["about"] == "Ships."


def test_the_audit_log_is_filtered_and_paged(publisher, subscriber, program_of):
    for n in range(5):
        audit.record(f"thing.{n}", actor=actor_of(publisher), subject=publisher.organization)
    audit.record("thing.theirs", actor=actor_of(subscriber), subject=subscriber.organization)
    program = program_of(publisher)
    first = program.call("GET", "/api/audit-records?action=thing.&limit=3").json()
    second = program.call("GET", f"/api/audit-records?action=thing.&limit=3&cursor={first['next_cursor']}").json()
    assert [r["action"] for r in first["items"] + second["items"]] == [f"thing.{n}" for n in (4, 3, 2, 1, 0)]
    row = first["items"][0]
    assert (row["actor_user_id"], row["object_type"]) == (publisher.user_id, "core.Organization")
    assert row["object_id"] == publisher.organization_id
    assert program.call("GET", "/api/audit-records?person=x").json()["items"] == []
    other = program.call("GET", f"/api/audit-records?limit=3&cursor={first['next_cursor']}")
    assert other.status_code == 422
    since = first["items"][1]["recorded_at"].replace("+", "%2B")
    assert len(program.call("GET", f"/api/audit-records?action=thing.&since={since}").json()["items"]) == 2


def test_the_chain_is_verified(publisher, program_of, monkeypatch):
    monkeypatch.setattr("marketplace.console.api.views.audit.CHECKS", 1)
    program = program_of(publisher)
    answer = program.call("POST", "/api/audit-records/verify").json()
    total = AuditRecord.objects.filter(scope=publisher.organization_id).count()
    assert (answer["first_broken"], answer["records"], answer["total"]) == (None, total, total)
    assert program.call("POST", "/api/audit-records/verify").status_code == 429


def test_a_session_without_its_second_factor_is_refused_and_a_token_is_not(publisher, program_of, settings):
    settings.REQUIRE_MFA = True
    client = Client()
    client.force_login(publisher.user)
    refused = client.get("/api/whoami")
    assert (refused.status_code, refused.json()["code"]) == (403, "SecondFactorNeeded")
    assert program_of(publisher).call("GET", "/api/whoami").status_code == 200
    assert ApiToken.objects.count() == 1
