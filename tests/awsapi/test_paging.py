"""Pages by key: complete, in order, in one query each, and only for the question that began them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.paging import BadPageToken, keyset_page, page
from marketplace.core.actors import SYSTEM
from marketplace.core.models import Organization, User

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> list[Organization]:
    """25 organizations, five at each instant, so that the second field decides."""
    return [
        Organization.objects.create(name=f"page {n}", created_at=NOON - timedelta(minutes=n // 5)) for n in range(25)
    ]


def context(organization: Organization, **members: Any) -> ApiContext:
    return ApiContext(
        organization=organization,
        user=User(),
        actor=SYSTEM,
        scopes=frozenset(),
        now=NOON,
        request_id="request",
        region="us-east-1",
        operation="ListDataSets",
        members=members,
    )


@pytest.mark.parametrize(
    "order_by", [("-created_at", "pk"), ("created_at", "-pk"), ("name",), ("-created_at", "-name")]
)
def test_pages_hold_every_row_once_and_in_order(
    rows: list[Organization], order_by: tuple[str, ...], django_assert_num_queries: Any
) -> None:
    everything = Organization.objects.filter(name__startswith="page ")
    asker, seen, token = context(rows[0]), [], None
    for _ in range(4):
        with django_assert_num_queries(1):
            found, token = page(everything, order_by=order_by, context=asker, max_results=7, next_token=token)
        seen += [row.pk for row in found]
    assert token is None
    assert seen == [row.pk for row in everything.order_by(*order_by)]


def test_an_exact_last_page_has_no_token(rows: list[Organization]) -> None:
    everything = Organization.objects.filter(name__startswith="page ")
    assert page(everything, order_by=("pk",), context=context(rows[0]), max_results=25)[1] is None
    assert len(page(everything, order_by=("pk",), context=context(rows[0]))[0]) == 25


def test_a_row_that_came_in_between_moves_nothing(rows: list[Organization]) -> None:
    everything = Organization.objects.filter(name__startswith="page ")
    asker = context(rows[0])
    first, token = page(everything, order_by=("-created_at", "pk"), context=asker, max_results=10)
    Organization.objects.create(name="page new", created_at=NOON + timedelta(hours=1))
    second, _ = page(everything, order_by=("-created_at", "pk"), context=asker, max_results=20, next_token=token)
    assert len({row.pk for row in first + second}) == 25


def test_a_token_is_good_for_its_question_only(rows: list[Organization]) -> None:
    everything = Organization.objects.filter(name__startswith="page ")
    asker = context(rows[0], Origin="OWNED")
    _, token = page(everything, order_by=("pk",), context=asker, max_results=5)
    assert token is not None
    same = replace(
        asker, members={"Origin": "OWNED", "MaxResults": 3, "NextToken": token}, now=NOON + timedelta(hours=1)
    )
    assert len(page(everything, order_by=("pk",), context=same, max_results=3, next_token=token)[0]) == 3
    for other in (
        replace(asker, organization=rows[1]),
        replace(asker, operation="ListJobs"),
        replace(asker, members={"Origin": "ENTITLED"}),
        replace(asker, members={}),
    ):
        with pytest.raises(BadPageToken):
            page(everything, order_by=("pk",), context=other, next_token=token)
    with pytest.raises(BadPageToken):
        page(everything, order_by=("-pk",), context=asker, next_token=token)


def test_a_changed_token_is_refused(rows: list[Organization]) -> None:
    everything = Organization.objects.filter(name__startswith="page ")
    asker = context(rows[0])
    _, token = page(everything, order_by=("pk",), context=asker, max_results=5)
    assert token is not None
    for place in range(len(token) - 1):
        bad = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(BadPageToken) as caught:
            page(everything, order_by=("pk",), context=asker, next_token=bad)
        assert caught.value.field == "NextToken"
    for bad in ("", "x", "é" * 10, token * 2):
        with pytest.raises(BadPageToken):
            page(everything, order_by=("pk",), context=asker, next_token=bad)


def test_a_token_lasts_a_day(rows: list[Organization], monkeypatch: pytest.MonkeyPatch) -> None:
    import django.core.signing

    everything = Organization.objects.filter(name__startswith="page ")
    _, token = keyset_page(everything, order_by=("pk",), binding="b", size=5)
    later = django.core.signing.time.time() + 24 * 3600 + 5
    monkeypatch.setattr(django.core.signing.time, "time", lambda: later)
    with pytest.raises(BadPageToken):
        keyset_page(everything, order_by=("pk",), binding="b", size=5, token=token)


def test_a_size_out_of_bounds_is_a_fault(rows: list[Organization]) -> None:
    for size in (0, 201):
        with pytest.raises(ValueError, match="1 to 200"):
            keyset_page(Organization.objects.all(), order_by=("pk",), binding="b", size=size)


def test_arns_of_entitled_resources_have_no_account(rows: list[Organization]) -> None:
    asker = context(rows[0])
    assert asker.arn("jobs/1") == f"arn:aws:dataexchange:us-east-1:{rows[0].account_id}:jobs/1"
    assert asker.arn("data-sets/1", owned=False) == "arn:aws:dataexchange:us-east-1::data-sets/1"
