"""Pages of the audit log."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pgtrigger
import pytest
from django.db import connection
from django.utils import timezone

from marketplace.console.trail import AREAS, action_choices, words_of
from marketplace.core import audit
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.csv_text import csv_line
from marketplace.core.models import AuditHead, AuditRecord, Membership, Role
from marketplace.core.operations.credentials import create_api_token
from tests.conftest import actor_of, make_member
from tests.console.pages import member_with, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client, publisher) -> Membership:
    """The publisher, signed in."""
    sign_in(client, publisher)
    return publisher


def note(member: Membership, action: str, **changes) -> None:
    wanted = {"actor": actor_of(member), "subject": member.organization, "organization_id": member.organization_id}
    audit.record(action, **(wanted | changes))


def shown(answer) -> list[str]:
    return [entry.action for entry in answer.context["entries"]]


def test_the_log_says_who_did_what_with_a_link_to_it(client, owner, data_set):
    token, _ = create_api_token(
        membership=owner, name="Nightly", wanted_scopes=["data:read"], actor=actor_of(owner), at=timezone.now()
    )
    actor = Actor("token", owner.user_id, owner.organization_id, token.pk, "request-1", "192.0.2.7")
    note(owner, "data_set.updated", actor=actor, subject=data_set)
    note(owner, "page.refused", result="denied", detail={"operation": "page:POST storage/new"})
    page = client.get("/audit").content.decode()
    for text in (
        "Changed a data set",
        f'href="/publish/data-sets/{data_set.pk}">Departures</a>',
        "token “Nightly”",
        "192.0.2.7",
        "request-1",
        "Denied",
        "page:POST storage/new",
        "Created the organization",
    ):
        assert text in page, text


def test_a_detail_is_shown_escaped_and_a_gone_object_without_a_link(client, owner):
    class Gone:
        pk = "0" * 32
        _meta = type("Meta", (), {"label": "publishers.DataSet"})

    note(owner, "data_set.deleted", subject=Gone(), detail={"name": "<script>alert(1)</script>"})
    page = client.get("/audit").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert f'href="/publish/data-sets/{"0" * 32}"' not in page


def test_filters_stand_in_the_address(client, owner, data_set, subscriber):
    now = timezone.now()
    other = make_member("Other")
    note(owner, "revision.created", actor=actor_of(other), at=now - timedelta(days=40))
    note(owner, "revision.finalized", actor=SYSTEM, result="denied")
    note(subscriber, "revision.revoked")
    ask = lambda query: shown(client.get(f"/audit?{query}"))  # noqa: E731
    assert ask("action=revision.") == ["revision.finalized", "revision.created"]
    assert ask("action=revision.created") == ["revision.created"]
    assert ask(f"person={other.user_id}") == ["revision.created"]
    assert ask("person=system") == ["revision.finalized", "organization.created"]
    assert ask("result=denied") == ["revision.finalized"]
    assert ask(f"object={data_set.pk}") == ["data_set.created"]
    assert "revision.created" not in ask("period=30")
    day = (now - timedelta(days=40)).date().isoformat()
    assert ask(f"period=days&first={day}&last={day}") == ["revision.created"]
    assert ask("object=nothing") == []


@pytest.mark.parametrize(
    "query",
    ["person=x", "action=nothing.here", "result=maybe", "period=9", "first=x", "first=2026-02-02&last=2026-02-01"],
)
def test_a_filter_that_cannot_be_is_said_so(client, owner, query):
    answer = client.get(f"/audit?{query}")
    assert answer.status_code == 422
    assert "The filter is not clear" in answer.content.decode()


def test_no_match_differs_from_nothing(client, owner):
    assert "No record fits" in client.get("/audit?object=nothing").content.decode()


def test_pages_go_on_by_cursor_without_gap_or_repetition(client, owner):
    for n in range(70):
        note(owner, f"thing.n{n}", at=timezone.now() + timedelta(seconds=n // 7))
    seen, path = [], "/audit?action=thing."
    answer = client.get("/audit?action=revision.")
    assert answer.status_code == 200
    path = "/audit"
    while path:
        answer = client.get(path)
        seen += [entry.sequence for entry in answer.context["entries"]]
        path = f"/audit?cursor={answer.context['following']}" if answer.context["following"] else ""
    total = AuditHead.objects.get(pk=owner.organization_id).sequence
    assert sorted(seen) == list(range(1, total + 1))
    assert seen[:3] == [total, total - 1, total - 2]
    later = client.get("/audit?cursor=forged", follow=True)
    assert "can no longer be continued" in later.content.decode()
    assert later.context["entries"][0].sequence == total


@pytest.fixture
def long_log(owner, data_set) -> int:
    """The log of the owner with 10,000 more records; returns how many there are."""
    token, _ = create_api_token(
        membership=owner, name="T", wanted_scopes=["data:read"], actor=actor_of(owner), at=timezone.now()
    )
    kinds = ["data_set.updated", "revision.created", "product.updated", "job.started", "member.joined"]
    subjects = ["publishers.DataSet", "publishers.Revision", "publishers.Product", "jobs.Job", "core.Membership"]
    scope = owner.organization_id
    head = AuditHead.objects.get(pk=scope)
    rows, at = [], timezone.now() - timedelta(hours=1)
    for n in range(10_000):
        row = AuditRecord(
            scope=scope,
            sequence=head.sequence + 1,
            recorded_at=at + timedelta(milliseconds=n),
            action=kinds[n % 5],
            actor_kind="token",
            actor_user_id=owner.user_id,
            credential_id=token.pk,
            subject_type=subjects[n % 5],
            subject_id=data_set.pk,
            detail={"user_id": owner.user_id},
            previous_digest=head.digest,
        )
        row.digest = audit._digest(row)
        head.sequence, head.digest = row.sequence, row.digest
        rows.append(row)
    AuditRecord.objects.bulk_create(rows, batch_size=1000)
    head.save()
    return int(head.sequence)


def test_a_long_log_runs_few_queries_and_counts_nothing(client, owner, long_log, django_assert_max_num_queries):
    with django_assert_max_num_queries(15) as captured:
        answer = client.get("/audit")
    assert len(answer.context["entries"]) == 30
    asked = [q["sql"] for q in captured.captured_queries if "core_auditrecord" in q["sql"]]
    assert len(asked) == 1
    assert "COUNT(" not in asked[0].upper()
    with django_assert_max_num_queries(15):
        client.get(f"/audit?cursor={answer.context['following']}&action=job.")


def test_the_chain_is_verified_on_the_page(client, owner, long_log):
    page = client.post("/audit").content.decode()
    assert "Chain verified" in page
    assert f"The newest 10,000 of {long_log:,} records are" in " ".join(page.split())
    assert audit.first_broken_link(owner.organization_id, last=100) is None
    with pgtrigger.ignore("core.AuditRecord:append_only"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_auditrecord SET action = 'x' WHERE scope = %s AND sequence = %s",
            [owner.organization_id, long_log - 50],
        )
    assert f"broken at record {long_log - 50}" in client.post("/audit").content.decode()
    assert audit.first_broken_link(owner.organization_id, last=20) is None
    assert audit.first_broken_link(owner.organization_id, last=100) == long_log - 50
    assert audit.first_broken_link(owner.organization_id) == long_log - 50


@pytest.mark.parametrize("gone", [0, 1, 5, 19])
def test_a_removed_record_shows_within_the_last_ones(owner, gone):
    for n in range(30):
        note(owner, f"thing.{n}")
    scope = owner.organization_id
    last = AuditHead.objects.get(pk=scope).sequence
    with pgtrigger.ignore("core.AuditRecord:append_only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_auditrecord WHERE scope = %s AND sequence = %s", [scope, last - gone])
    assert audit.first_broken_link(scope, last=20) == (last - gone if gone < 19 else last - 19)


def rows_of(answer) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    return list(csv.reader(io.StringIO(text)))


def test_the_export_holds_what_the_filter_shows_and_no_formula(client, owner):
    note(owner, "thing.done", detail={"name": "=1+1"}, subject=owner.organization)
    audit.record("other.done", actor=actor_of(owner), subject=owner.organization)
    answer = client.get("/audit/export?result=done")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-log-')
    header, *rows = rows_of(answer)
    assert header[:4] == ["sequence", "recorded_at", "action", "in_words"]
    assert [row[2] for row in rows] == ["audit.exported", "other.done", "thing.done", "organization.created"]
    assert csv_line(["=1+1", "-1", "+1", "@x", "\tx", "a,b", None]) == "'=1+1,'-1,'+1,'@x,'\tx,\"a,b\",\r\n"


def test_an_export_is_cut_and_says_so(client, owner, long_log, monkeypatch):
    monkeypatch.setattr("marketplace.console.views.audit.MOST_EXPORTED", 4_500)
    _, *rows = rows_of(client.get("/audit/export?action=job."))
    assert len(rows) == 2_000
    _, *rows = rows_of(client.get("/audit/export"))
    assert len(rows) == 4_501
    assert rows[-1][0].startswith("Cut after 4500 records")
    sequences = [int(row[0]) for row in rows[:-1]]
    assert len(set(sequences)) == 4_500
    assert sequences[-4_000:] == list(range(sequences[-4_000], sequences[-4_000] - 4_000, -1))


@pytest.mark.parametrize("role", [Role.PUBLISHER, Role.SUBSCRIBER, Role.BILLING, Role.VIEWER])
def test_who_may_not_read_the_log_is_refused(client, role):
    sign_in(client, member_with(role))
    assert client.get("/audit").status_code == 403
    assert client.post("/audit").status_code == 403
    assert client.get("/audit/export").status_code == 403


def test_each_action_has_words_also_an_unknown_one():
    assert words_of("revision.finalized") == "Finalized a revision"
    assert words_of("spaceship.took_off") == "Spaceship: took off"
    choices = [value for _, group in action_choices() for value, _ in group]
    assert len(choices) == len(set(choices)) == sum(1 + len(acts) for _, acts in AREAS.values())
