"""Waiting for something: one long wait a process, bounded seconds, and no connection held meanwhile."""

import threading
import time

import pytest
from django.db import connection

from marketplace.core import waiting
from marketplace.core.errors import Invalid
from marketplace.core.waiting import long_wait, wait_until
from tests.together import Call


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(waiting, "POLL_S", 0.01)


def counting(turns: int):
    """Return a question that is answered yes at the given turn."""
    asked = []

    def is_done() -> bool:
        asked.append(1)
        return len(asked) >= turns

    return is_done, asked


@pytest.mark.django_db
def test_what_is_done_already_is_not_waited_for():
    is_done, asked = counting(1)
    assert wait_until(is_done, seconds="30") is True
    assert len(asked) == 1


@pytest.mark.django_db
def test_it_waits_until_the_thing_is_done():
    is_done, asked = counting(5)
    assert wait_until(is_done, seconds="30") is True
    assert len(asked) == 5


@pytest.mark.django_db
def test_it_gives_up_after_the_seconds():
    begun = time.monotonic()
    assert wait_until(lambda: False, seconds="1") is False
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize(
    "seconds", ["", "0", "31", "-1", "1.5", " 1", "1e1", "¹", "１", "9" * 5000, "true", "0x1", "+1", "1_0", "\n5"]
)
def test_seconds_that_are_none_are_refused_before_anything_is_asked(seconds):
    is_done, asked = counting(1)
    with pytest.raises(Invalid, match="from 1 to 30") as caught:
        wait_until(is_done, seconds=seconds)
    assert (caught.value.field, asked) == ("wait", [])


@pytest.mark.parametrize("seconds", ["1", "30", "007"])
@pytest.mark.django_db
def test_seconds_from_1_to_30_are_accepted(seconds):
    assert wait_until(lambda: True, seconds=seconds) is True


def test_one_place_is_given_at_a_time_and_given_back():
    with long_wait() as first, long_wait() as second, long_wait() as third:
        assert (first, second, third) == (True, False, False)
    with long_wait() as again:
        assert again is True


def test_the_place_is_given_back_by_a_wait_that_failed():
    with pytest.raises(RuntimeError), long_wait():
        raise RuntimeError
    with long_wait() as again:
        assert again is True


def test_who_had_no_place_does_not_give_back_another_ones():
    with long_wait() as first:
        with long_wait() as second:
            assert second is False
        with long_wait() as third:
            assert (first, third) == (True, False)


@pytest.mark.django_db
def test_while_another_waits_the_wait_is_short(monkeypatch):
    monkeypatch.setattr(waiting, "SHORT_S", 0.05)
    end = threading.Event()
    entered = threading.Event()

    def occupy() -> None:
        with long_wait():
            entered.set()
            end.wait(30)

    other = Call(occupy)
    other.start()
    assert entered.wait(10)
    try:
        assert wait_until(lambda: False, seconds="30") is False  # would not end within the run otherwise
    finally:
        end.set()
        other.outcome()


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_it_sleeps():
    seen = []

    def is_done() -> bool:
        seen.append(connection.connection is None)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return len(seen) == 3

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert wait_until(is_done, seconds="30") is True
    assert seen == [False, True, True]


def test_one_slow_call_at_a_time_and_a_wait_gives_way_to_it():
    with waiting.slow_call():
        with pytest.raises(waiting.TooManySlowCalls), waiting.slow_call():
            pass
        asked = []
        assert waiting.wait_until(lambda: asked.append(1) or False, seconds="30") is False
        assert len(asked) == 1
    with waiting.slow_call():
        pass
