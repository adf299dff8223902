"""Idempotency-Key: one effect, one answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from marketplace.core import scopes
from marketplace.core.models import ApiToken, IdempotencyRecord
from marketplace.core.operations.idempotency import RequestInProgress, RequestTakenOver, keep_answer, take_key
from publishers.models import Product
from tests.api.conftest import Program
from tests.api.test_access import operations

pytestmark = pytest.mark.django_db(transaction=True)
NEW = {"name": "Tides", "category": "Weather", "terms": "Use it well."}


def test_a_repeated_post_answers_the_same_and_does_nothing_again(publisher, program_of):
    program = program_of(publisher)
    first = program.call("POST", "/api/products", NEW, Idempotency_Key="k-1")
    again = program.call("POST", "/api/products", dict(reversed(NEW.items())), Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Product.objects.count() == 1


def test_a_key_with_other_parameters_is_refused(publisher, program_of):
    program = program_of(publisher)
    program.call("POST", "/api/products", NEW, Idempotency_Key="k-1")
    other = program.call("POST", "/api/products", NEW | {"name": "Winds"}, Idempotency_Key="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "IdempotencyKeyReused")
    elsewhere = program.call("POST", "/api/tokens", {"name": "x", "scopes": ["data:read"]}, Idempotency_Key="k-1")
    assert elsewhere.json()["code"] == "IdempotencyKeyReused"
    assert Product.objects.count() == 1


def test_the_same_key_of_another_organization_is_another_key(publisher, stranger, program_of):
    answers = [program_of(m).call("POST", "/api/products", NEW, Idempotency_Key="k-1") for m in (publisher, stranger)]
    assert [a.status_code for a in answers] == [201, 201]
    assert Product.objects.count() == 2


def test_a_refused_request_frees_its_key(publisher, program_of):
    program = program_of(publisher)
    refused = program.call("POST", "/api/products", NEW | {"name": "  "}, Idempotency_Key="k-1")
    assert (refused.status_code, IdempotencyRecord.objects.count()) == (422, 0)
    assert program.call("POST", "/api/products", NEW, Idempotency_Key="k-1").status_code == 201


def test_a_second_request_while_the_first_runs_is_told_to_come_back(publisher, program_of):
    program = program_of(publisher)
    program.call("POST", "/api/products", NEW, Idempotency_Key="k-1")
    IdempotencyRecord.objects.update(status=None, body=None)  # as it is while the first one works
    busy = program.call("POST", "/api/products", NEW, Idempotency_Key="k-1")
    assert (busy.status_code, busy.json()["code"], busy.headers["Retry-After"]) == (409, "RequestInProgress", "1")
    assert Product.objects.count() == 1


def test_requests_at_the_same_moment_have_one_effect(publisher, program_of):
    program = program_of(publisher)

    def post(_: int) -> int:
        try:
            return Program(program.token).call("POST", "/api/products", NEW, Idempotency_Key="k-1").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(post, range(16)))
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert Product.objects.count() == 1


def test_work_that_is_lost_leaves_no_answer(publisher, program_of, monkeypatch):
    program = program_of(publisher)

    def broken(**_):
        raise RuntimeError("the process dies before the answer is kept")

    with monkeypatch.context() as patched:
        patched.setattr("marketplace.console.api.idempotency.keep_answer", broken)
        assert program.call("POST", "/api/products", NEW, Idempotency_Key="k-1").status_code == 500
    assert Product.objects.count() == 0
    assert program.call("POST", "/api/products", NEW, Idempotency_Key="k-1").status_code == 201


def test_a_dead_request_is_taken_over_and_can_then_keep_nothing(publisher):
    at = timezone.now()
    wanted = {"organization": publisher.organization, "key": "k-1", "fingerprint": "f", "user": publisher.user}
    dead, is_mine = take_key(**wanted, at=at)
    assert is_mine
    with pytest.raises(RequestInProgress):
        take_key(**wanted, at=at + timedelta(seconds=59))
    living, is_mine = take_key(**wanted, at=at + timedelta(seconds=61))
    assert is_mine
    with pytest.raises(RequestTakenOver):
        keep_answer(record=dead, status=201, body={"from": "the dead"})
    keep_answer(record=living, status=201, body={"from": "the living"})
    kept, is_mine = take_key(**wanted, at=at + timedelta(seconds=62))
    assert (kept.body, is_mine) == ({"from": "the living"}, False)


def test_a_key_is_new_again_after_a_day(publisher, program_of):
    program = program_of(publisher)
    program.call("POST", "/api/products", NEW, Idempotency_Key="k-1")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    answer = program.call("POST", "/api/products", NEW | {"name": "Winds"}, Idempotency_Key="k-1")
    assert (answer.status_code, answer.json()["name"]) == (201, "Winds")


def test_a_repetition_does_not_show_a_secret_again(publisher, program_of):
    program = program_of(publisher)
    body = {"name": "Machine", "scopes": ["data:read"]}
    made = program.call("POST", "/api/tokens", body, Idempotency_Key="k-1").json()
    again = program.call("POST", "/api/tokens", body, Idempotency_Key="k-1")
    assert (again.status_code, again.json()["code"]) == (409, "SecretShownOnce")
    assert again.json()["resource_id"] == made["id"]
    assert IdempotencyRecord.objects.get().body == {"id": made["id"]}
    assert ApiToken.objects.filter(name="Machine").count() == 1


def test_every_post_honours_the_key(publisher, program_of):
    program = program_of(publisher)
    # an operator's operations refuse the publisher before they look at the key
    posts = [p for method, p, scope in operations() if method == "post" and scope != scopes.OPERATOR]
    assert len(posts) > 40
    for path in posts:
        answer = program.call("POST", path, {}, Idempotency_Key="two words")
        assert answer.status_code == 422, path
        assert [e["field"] for e in answer.json()["errors"]] == ["Idempotency-Key"]
