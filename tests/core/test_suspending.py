"""Suspending people ends what they hold at once; letting them in again; making operators."""

import json

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from marketplace.core import scopes
from marketplace.core.actors import SYSTEM
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, Membership, User
from marketplace.core.operations import users
from marketplace.core.operations.credentials import create_api_token
from tests.conftest import actor_of, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(db):
    """An operator."""
    member = make_member("Operator")
    member.user = users.make_operator(user=member.user, actor=SYSTEM, at=timezone.now())
    return member


def test_suspending_ends_sessions_and_tokens_and_nobody_elses(operator, subscriber, stranger):
    _, text = create_api_token(
        membership=subscriber, name="CI", wanted_scopes=["data:read"], actor=actor_of(subscriber), at=timezone.now()
    )
    theirs, other, program = Client(), Client(), Client(headers={"Authorization": f"Bearer {text}"})
    theirs.force_login(subscriber.user)
    other.force_login(stranger.user)
    assert theirs.get("/home").status_code == program.get("/api/whoami").status_code == 200
    by = {"actor": actor_of(operator), "at": timezone.now()}
    users.suspend_user(user=subscriber.user, **by)
    users.suspend_user(user=subscriber.user, **by)
    assert theirs.get("/home").status_code == 302
    assert program.get("/api/whoami").status_code == 401
    assert other.get("/home").status_code == 200
    assert Session.objects.count() == 1
    users.reactivate_user(user=subscriber.user, **by)
    users.reactivate_user(user=subscriber.user, **by)
    assert theirs.get("/home").status_code == 302  # the session does not come back to life
    assert program.get("/api/whoami").status_code == 200
    records = AuditRecord.objects.filter(scope="", action__in=["user.suspended", "user.reactivated"])
    assert list(records.order_by("sequence").values_list("action", "subject_id")) == [
        ("user.suspended", str(subscriber.user_id)),
        ("user.reactivated", str(subscriber.user_id)),
    ]


def test_nobody_suspends_themselves(operator):
    with pytest.raises(users.CannotSuspendYourself):
        users.suspend_user(user=operator.user, actor=actor_of(operator), at=timezone.now())
    assert User.objects.get(pk=operator.user_id).is_active


def test_a_new_operator_gets_a_password_and_an_organization(capsys):
    call_command("create_operator", "New@Example.org")
    answer = json.loads(capsys.readouterr().out)
    user = User.objects.get(email="new@example.org")
    assert answer["user_email"] == "new@example.org"
    assert user.is_staff
    assert user.check_password(answer["password"])
    assert scopes.OPERATOR in scopes.allowed(Membership.objects.select_related("user").get(user=user))


def test_a_member_who_becomes_an_operator_keeps_password_and_organization(publisher, capsys):
    before = User.objects.get(pk=publisher.user_id).password
    for _ in range(2):
        call_command("create_operator", publisher.user.email)
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"user_email": publisher.user.email}
    user = User.objects.get(pk=publisher.user_id)
    assert (user.is_staff, user.password) == (True, before)
    assert [m.organization for m in user.memberships.all()] == [publisher.organization]
    assert AuditRecord.objects.filter(scope="", action="user.made_operator").count() == 1


def test_an_operator_gives_the_scope_to_a_token_by_name_and_others_cannot(operator, publisher):
    def make(member, wanted):
        by = {"actor": actor_of(member), "at": timezone.now()}
        return create_api_token(membership=member, name="Watcher", wanted_scopes=wanted, **by)[0]

    assert make(operator, [scopes.OPERATOR]).scopes == [scopes.OPERATOR]
    assert scopes.OPERATOR not in make(operator, sorted(scopes.ALL)).scopes
    with pytest.raises(Invalid, match="cannot give: operator:write"):
        make(publisher, [scopes.OPERATOR])


def test_a_token_loses_the_scope_with_its_operator(operator):
    _, text = create_api_token(
        membership=operator,
        name="Watcher",
        wanted_scopes=[scopes.OPERATOR],
        actor=actor_of(operator),
        at=timezone.now(),
    )
    program = Client(headers={"Authorization": f"Bearer {text}"})
    assert program.get("/api/operator/settings").status_code == 200
    User.objects.filter(pk=operator.user_id).update(is_staff=False)
    assert program.get("/api/operator/settings").status_code == 403
