"""Answers kept for repeated requests."""

from datetime import timedelta

import pytest
from django.utils import timezone

from marketplace.core.models import IdempotencyRecord
from marketplace.core.operations.idempotency import (
    IdempotencyKeyReused,
    RequestInProgress,
    RequestTakenOver,
    give_back_key,
    keep_answer,
    take_key,
)
from marketplace.core.tasks import forget_old_rows
from tests.together import outcomes

pytestmark = pytest.mark.django_db


def take(member, key="k1", fingerprint="f1", at=None):
    return take_key(
        organization=member.organization, key=key, fingerprint=fingerprint, user=member.user, at=at or timezone.now()
    )


def test_a_repeated_request_gets_the_first_answer(publisher):
    record, is_mine = take(publisher)
    assert is_mine
    keep_answer(record=record, status=201, body={"id": "p1"})
    again, is_mine = take(publisher)
    assert not is_mine
    assert (again.status, again.body) == (201, {"id": "p1"})


def test_a_key_with_other_parameters_is_refused_before_and_after_the_answer(publisher):
    record, _ = take(publisher)
    with pytest.raises(IdempotencyKeyReused):
        take(publisher, fingerprint="f2")
    keep_answer(record=record, status=201, body={})
    with pytest.raises(IdempotencyKeyReused):
        take(publisher, fingerprint="f2")


def test_a_key_belongs_to_its_organization(publisher, stranger):
    take(publisher)
    assert take(stranger, fingerprint="f2")[1]


def test_a_second_caller_waits_while_the_first_works(publisher):
    take(publisher)
    with pytest.raises(RequestInProgress):
        take(publisher)


def test_a_key_given_back_may_be_tried_again(publisher):
    record, _ = take(publisher)
    give_back_key(record=record)
    assert take(publisher)[1]


def test_a_caller_that_died_is_taken_over_and_cannot_answer_any_more(publisher):
    at = timezone.now()
    dead, _ = take(publisher, at=at)
    with pytest.raises(RequestInProgress):
        take(publisher, at=at + timedelta(seconds=59))
    mine, is_mine = take(publisher, at=at + timedelta(seconds=60))
    assert is_mine
    with pytest.raises(RequestTakenOver):
        keep_answer(record=dead, status=201, body={"id": "dead"})
    give_back_key(record=dead)
    keep_answer(record=mine, status=201, body={"id": "mine"})
    assert IdempotencyRecord.objects.get().body == {"id": "mine"}


def test_after_a_day_a_key_is_new(publisher):
    at = timezone.now()
    record, _ = take(publisher, at=at)
    keep_answer(record=record, status=201, body={})
    assert not take(publisher, at=at + timedelta(hours=23, minutes=59))[1]
    assert take(publisher, fingerprint="f2", at=at + timedelta(hours=24))[1]


def test_old_answers_are_forgotten(publisher):
    take(publisher, "old", at=timezone.now() - timedelta(hours=25))
    take(publisher, "new")
    forget_old_rows()
    forget_old_rows()
    assert [r.key for r in IdempotencyRecord.objects.all()] == ["new"]


@pytest.mark.django_db(transaction=True)
def test_of_many_equal_requests_at_once_one_works(publisher):
    found = outcomes(*[lambda: take(publisher)] * 6)
    assert [isinstance(f, tuple) and f[1] for f in found].count(True) == 1
    assert sum(isinstance(f, RequestInProgress) for f in found) == 5
