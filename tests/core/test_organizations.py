"""Organizations, their members, and what a role may do."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from marketplace.core import scopes
from marketplace.core.actors import SYSTEM
from marketplace.core.errors import Denied, Invalid
from marketplace.core.models import AuditRecord, Membership, Organization, Role, User
from marketplace.core.operations.organizations import EmailIsTaken, create_organization, create_user
from marketplace.core.queries.organizations import get_organization_by_account, list_memberships, list_organizations

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return create_user(email="Ada@Example.org ", name="Ada Byron")[0]


def test_a_created_organization_has_one_owner_and_an_audit_row(user):
    membership = create_organization(name="  Harbour \n Data ", owner=user, actor=SYSTEM, at=timezone.now())
    assert membership.organization.name == "Harbour Data"
    assert [(m.user, m.role) for m in membership.organization.memberships.all()] == [(user, "owner")]
    row = AuditRecord.objects.get(scope=membership.organization_id)
    assert (row.action, row.subject_id, row.sequence) == ("organization.created", membership.organization_id, 1)


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
def test_an_organization_without_a_fitting_name_is_refused(user, name):
    with pytest.raises(Invalid) as caught:
        create_organization(name=name, owner=user, actor=SYSTEM, at=timezone.now())
    assert caught.value.field == "name"
    assert Organization.objects.count() == 0


def test_a_user_is_kept_in_lower_case_and_gets_a_password_that_works(user):
    other, password = create_user(email="grace@example.org")
    assert user.email == "ada@example.org"
    assert other.check_password(password)
    assert not other.check_password(password + "x")


def test_a_second_user_of_the_same_address_is_refused(user):
    with pytest.raises(EmailIsTaken):
        create_user(email="ADA@example.org")
    assert User.objects.count() == 1


def test_the_database_refuses_an_address_in_upper_case(user):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email="ADA@example.org")


def test_the_database_refuses_a_malformed_account_id(publisher):
    for wrong in ("012345678901", "12345", "12345678901x"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Organization.objects.filter(pk=publisher.organization_id).update(account_id=wrong)


def test_the_database_refuses_an_unknown_role_and_a_second_membership(publisher):
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(pk=publisher.pk).update(role="king")
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(organization=publisher.organization, user=publisher.user, role=Role.VIEWER)


def test_memberships_are_listed_oldest_first_and_only_the_users_own(user, publisher):
    first = create_organization(name="First", owner=user, actor=SYSTEM, at=timezone.now())
    second = create_organization(name="Second", owner=user, actor=SYSTEM, at=timezone.now())
    assert list(list_memberships(user=user)) == [first, second]


def test_organizations_are_found_by_account(publisher, subscriber):
    assert get_organization_by_account(publisher.organization.account_id) == publisher.organization
    found = list_organizations(ids=[publisher.organization_id], account_ids=[subscriber.organization.account_id, "x'"])
    assert list(found) == [publisher.organization, subscriber.organization]


#: role -> scopes; the whole table of docs and pages, written a second time on purpose
READS = {"catalogue:read", "publish:read", "subscriptions:read", "events:read", "team:read"}
ROLES = {
    "owner": set(scopes.SCOPES) - {"operator:write"},
    "admin": set(scopes.SCOPES) - {"operator:write"},
    "publisher": READS | {"publish:write", "webhooks:write"},
    "subscriber": READS | {"subscriptions:write", "data:read", "webhooks:write"},
    "billing": READS,
    "viewer": READS,
}


@pytest.mark.parametrize("role", Role.values)
def test_a_role_holds_exactly_its_scopes(role):
    assert scopes.allowed(Membership(role=role, user=User())) == ROLES[role]


@pytest.mark.parametrize("role", Role.values)
def test_an_operator_operates_whatever_the_role(role):
    assert scopes.allowed(Membership(role=role, user=User(is_staff=True))) == ROLES[role] | {"operator:write"}


def test_a_role_that_is_not_known_holds_nothing():
    assert scopes.allowed(Membership(role="king", user=User())) == frozenset()


def test_a_missing_scope_is_denied_in_words():
    with pytest.raises(Denied) as caught:
        scopes.require(frozenset({"catalogue:read"}), "keys:write")
    assert caught.value.message == (
        "This needs the permission 'keys:write' (create and revoke tokens and access keys), which you do not have."
    )
    scopes.require(frozenset({"keys:write"}), "keys:write")


def test_deleting_an_organization_with_data_is_refused_by_the_database(publisher, data_set):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_organization WHERE id = %s", [publisher.organization_id])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
