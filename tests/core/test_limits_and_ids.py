"""Rate limits, and the identifiers that the wire shows."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from marketplace.core import ids, limits
from marketplace.core.limits import TooManyRequests
from marketplace.core.models import RateCounter
from tests.together import outcomes


def test_identifiers_have_the_shape_that_aws_documents():
    for make, shape in (
        (ids.new_id, r"[0-9a-f]{32}"),
        (ids.new_account_id, r"[1-9][0-9]{11}"),
        (ids.new_product_id, r"prod-[a-z2-7]{13}"),
        (ids.new_agreement_id, r"agmt-[a-z0-9]{25}"),
    ):
        made = [make() for _ in range(500)]
        assert all(re.fullmatch(shape, one) for one in made)
        assert len(set(made)) == 500


@pytest.mark.django_db
def test_calls_beyond_the_limit_are_refused_with_the_time_to_wait():
    for _ in range(3):
        limits.count("login:1", most=3, window_s=60)
    with pytest.raises(TooManyRequests) as caught:
        limits.count("login:1", most=3, window_s=60)
    assert 1 <= caught.value.retry_after_s <= 61
    assert (caught.value.limit_name, caught.value.limit_value) == ("Requests per window", 3)
    limits.count("login:2", most=3, window_s=60)


@pytest.mark.django_db
def test_a_new_window_counts_from_one():
    for _ in range(3):
        limits.count("login:1", most=3, window_s=60)
    RateCounter.objects.update(window_until=timezone.now() - timedelta(seconds=1))
    limits.count("login:1", most=3, window_s=60)
    counter = RateCounter.objects.get()
    assert counter.count == 1
    assert counter.window_until > timezone.now() + timedelta(seconds=55)


@pytest.mark.django_db
def test_a_key_longer_than_its_column_is_counted_all_the_same():
    limits.count("x" * 500, most=1, window_s=60)
    with pytest.raises(TooManyRequests):
        limits.count("x" * 500, most=1, window_s=60)


@pytest.mark.django_db(transaction=True)
def test_parallel_calls_are_all_counted():
    def call():
        for _ in range(10):
            limits.count("search:1", most=100, window_s=60)

    assert outcomes(*[call] * 4) == [None] * 4
    assert RateCounter.objects.get().count == 40
