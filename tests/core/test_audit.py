"""The audit trail: in the transaction of the fact, append-only, and chained so that a change shows."""

from datetime import timedelta

import pgtrigger
import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from marketplace.core import audit
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditHead, AuditRecord, Organization
from publishers.models import DataSet
from publishers.operations.data_sets import create_data_set
from tests.conftest import actor_of
from tests.together import outcomes

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(publisher) -> str:
    """The scope of an organization with five audit rows."""
    for n in range(4):
        audit.record(f"thing.{n}", actor=actor_of(publisher), subject=publisher.organization, detail={"n": n})
    return publisher.organization_id


def tamper(statement: str, *values: object) -> None:
    """Change rows as somebody would who owns the database and switches the trigger off."""
    with pgtrigger.ignore("core.AuditRecord:append_only"), connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_a_row_says_who_did_what_to_what(publisher):
    actor = Actor("token", publisher.user_id, publisher.organization_id, "c1", "r1", "192.0.2.7")
    at = timezone.now() - timedelta(days=1)
    audit.record("thing.done", actor=actor, subject=publisher.organization, detail={"n": 1}, result="denied", at=at)
    row = AuditRecord.objects.get(action="thing.done")
    assert (row.scope, row.sequence, row.recorded_at, row.result) == (publisher.organization_id, 2, at, "denied")
    assert (row.actor_kind, row.actor_user_id, row.credential_id) == ("token", publisher.user_id, "c1")
    assert (row.request_id, row.ip, row.detail) == ("r1", "192.0.2.7", {"n": 1})
    assert (row.subject_type, row.subject_id) == ("core.Organization", publisher.organization_id)


def test_an_untouched_chain_holds(chain):
    assert AuditRecord.objects.filter(scope=chain).count() == 5
    assert audit.first_broken_link(chain) is None
    assert audit.first_broken_link("nobody") is None


def test_rows_can_be_neither_changed_nor_deleted(chain):
    for change in (
        lambda: AuditRecord.objects.filter(scope=chain).update(action="x"),
        lambda: AuditRecord.objects.filter(scope=chain).delete(),
    ):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            change()
    assert audit.first_broken_link(chain) is None


@pytest.mark.parametrize(
    "change",
    [
        "recorded_at = recorded_at + interval '1 microsecond'",
        "action = 'thing.x'",
        "result = 'denied'",
        "actor_kind = 'system'",
        "actor_user_id = actor_user_id + 1",
        "actor_user_id = NULL",
        "credential_id = 'x'",
        "request_id = 'x'",
        "ip = '192.0.2.1'",
        "subject_type = 'x'",
        "subject_id = 'x'",
        "detail = '{\"n\": 7}'",
        "digest = repeat('a', 64)",
        "previous_digest = repeat('a', 64)",
        "sequence = 9",
        "scope = 'elsewhere'",
    ],
)
def test_a_changed_column_shows_at_its_row(chain, change):
    tamper(f"UPDATE core_auditrecord SET {change} WHERE scope = %s AND sequence = 3", chain)
    assert audit.first_broken_link(chain) == 3


@pytest.mark.parametrize("sequence", [1, 2, 3, 4, 5])
def test_a_deleted_row_shows_also_at_the_end(chain, sequence):
    tamper("DELETE FROM core_auditrecord WHERE scope = %s AND sequence = %s", chain, sequence)
    assert audit.first_broken_link(chain) == sequence


def test_two_rows_that_changed_places_show(chain):
    tamper("UPDATE core_auditrecord SET sequence = 7 - sequence WHERE scope = %s AND sequence IN (3, 4)", chain)
    assert audit.first_broken_link(chain) == 3


def test_the_row_goes_with_the_fact_when_its_transaction_is_rolled_back(publisher):
    with pytest.raises(RuntimeError), transaction.atomic():
        create_data_set(
            owner=publisher.organization, name="A", description="B", actor=actor_of(publisher), at=timezone.now()
        )
        raise RuntimeError
    assert DataSet.objects.count() == 0
    assert [r.action for r in AuditRecord.objects.filter(scope=publisher.organization_id)] == ["organization.created"]
    assert AuditHead.objects.get(pk=publisher.organization_id).sequence == 1


def test_a_refused_operation_leaves_no_row_of_success(publisher):
    with pytest.raises(Invalid):
        create_data_set(owner=publisher.organization, name="", description="B", actor=SYSTEM, at=timezone.now())
    assert not AuditRecord.objects.filter(action="data_set.created").exists()


@pytest.mark.django_db(transaction=True)
def test_parallel_writers_make_one_chain_without_gaps(publisher):
    scope, actor = publisher.organization_id, actor_of(publisher)
    subject = Organization.objects.get(pk=scope)

    def write() -> None:
        for n in range(10):
            audit.record(f"thing.{n}", actor=actor, subject=subject)

    assert outcomes(*[write] * 4) == [None] * 4
    assert AuditRecord.objects.filter(scope=scope).count() == 41
    assert AuditHead.objects.get(pk=scope).sequence == 41
    assert audit.first_broken_link(scope) is None


def test_a_denied_page_leaves_a_row(publisher, client):
    publisher.role = "viewer"
    publisher.save()
    client.force_login(publisher.user)
    answer = client.post("/storage/new", {"name": "x"})
    assert answer.status_code == 403
    row = AuditRecord.objects.get(scope=publisher.organization_id, result="denied")
    assert (row.action, row.actor_user_id) == ("page.refused", publisher.user_id)
    assert row.detail == {"operation": "page:POST storage/new", "code": "Denied"}
