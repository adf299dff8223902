"""Looks at products and use of their data: who is counted, how often, and what is known of anonymous visitors."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from publishers.models import ActivityKind, ProductActivity
from publishers.operations import activity
from tests.grants import accept, give_data_grant

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


def look(product, organization=None, *, kind=ActivityKind.VIEW, address="192.0.2.7", agent=BROWSER, at=NOON):
    activity.record(product_id=product.pk, kind=kind, organization=organization, address=address, agent=agent, at=at)


def rows():
    return list(ProductActivity.objects.order_by("day", "kind", "visitor").values_list("kind", "is_member", "count"))


def test_an_organization_is_one_row_a_day_and_kind(product, subscriber):
    look(product, subscriber.organization)
    look(product, subscriber.organization)
    look(product, subscriber.organization, kind=ActivityKind.SAMPLE)
    look(product, subscriber.organization, at=NOON + timedelta(days=1))
    assert rows() == [("SAMPLE", True, 1), ("VIEW", True, 2), ("VIEW", True, 1)]
    assert set(ProductActivity.objects.values_list("visitor", flat=True)) == {subscriber.organization_id}


def test_an_anonymous_browser_is_another_one_the_day_after_and_its_address_is_not_kept(product):
    look(product)
    look(product)
    look(product, agent=f"{BROWSER} Other")
    look(product, at=NOON + timedelta(days=1))
    assert sorted(count for _, _, count in rows()) == [1, 1, 2]
    visitors = set(ProductActivity.objects.values_list("visitor", flat=True))
    assert len(visitors) == 3
    assert all(len(visitor) == 32 and int(visitor, 16) >= 0 for visitor in visitors)
    assert "192.0.2.7" not in str(list(ProductActivity.objects.values()))


@pytest.mark.parametrize(
    "agent", ["", "Googlebot/2.1", "curl/8.5", "python-requests/2.32", "Mozilla/5.0 (compatible; bingbot)"]
)
def test_programs_that_are_not_signed_in_are_not_counted(product, subscriber, agent):
    look(product, agent=agent)
    assert rows() == []
    look(product, subscriber.organization, agent=agent)
    assert rows() == [("VIEW", True, 1)]


def test_the_owners_own_looks_and_those_at_nothing_are_not_counted(product, publisher, subscriber):
    look(product, publisher.organization)
    product.pk = "prod-nothing"
    look(product, subscriber.organization)
    assert rows() == []


def test_a_failure_of_counting_fails_nothing_else(product, subscriber, caplog):
    with transaction.atomic():
        activity.record(
            product_id="\0", kind=ActivityKind.VIEW, organization=subscriber.organization, address="", agent="", at=NOON
        )
        assert ProductActivity.objects.count() == 0  # the transaction around it goes on
    assert "activity was not counted" in caplog.text


def test_use_is_noted_once_a_day_by_one_statement(
    product, entitled_data_set, subscriber, django_capture_on_commit_callbacks
):
    use = {"published_data_set_id": entitled_data_set.pk, "organization_id": subscriber.organization_id}
    with django_capture_on_commit_callbacks(execute=True):
        activity.record_use(**use, at=NOON)
    with CaptureQueriesContext(
        connection,
    ) as again:
        activity.record_use(**use, at=NOON + timedelta(hours=1))
    assert len(again) == 0
    activity.record_use(**use, at=NOON + timedelta(days=1))
    assert rows() == [("USE", True, 1), ("USE", True, 1)]


def test_use_that_is_told_twice_leaves_one_row(product, entitled_data_set, subscriber):
    use = {"published_data_set_id": entitled_data_set.pk, "organization_id": subscriber.organization_id, "at": NOON}
    activity.record_use(**use)
    activity._used.clear()
    activity.record_use(**use)
    assert rows() == [("USE", True, 1)]


def test_use_of_what_belongs_to_no_product_leaves_no_row(publisher, subscriber, data_set, finalized_revision):
    entry = accept(give_data_grant(publisher, subscriber, data_set), subscriber)
    activity.record_use(published_data_set_id=entry.pk, organization_id=subscriber.organization_id, at=NOON)
    assert rows() == []
