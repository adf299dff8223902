"""The publisher's usage page: figures of a period against the one before, the funnel, tables, CSV."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from jobs.models import Job
from marketplace.console.usage import Figures, daily_rows, usage_of
from publishers.models import Product, ProductActivity
from tests.conftest import make_member
from tests.console.pages import sign_in

pytestmark = pytest.mark.django_db
#: a day before any agreement that a fixture makes on the real clock
AT = datetime(2026, 6, 15, 12, tzinfo=UTC)
TODAY = AT.date()


def looked(product, *visitors, kind="VIEW", days_ago=0, count=1, is_member=True, today=TODAY):
    ProductActivity.objects.bulk_create(
        ProductActivity(
            day=today - timedelta(days=days_ago),
            product=product,
            kind=kind,
            visitor=getattr(visitor, "organization_id", visitor),
            is_member=is_member,
            count=count,
        )
        for visitor in visitors
    )


def delivered(entry, member, *, size, days_ago=0, at=AT):
    when = at - timedelta(days=days_ago)
    return Job.objects.create(
        organization=member.organization,
        type="EXPORT_REVISIONS_TO_S3",
        state="COMPLETED",
        published_data_set=entry,
        data_set=entry.data_set,
        created_at=when,
        finished_at=when,
        bytes_done=size,
    )


@pytest.fixture
def people():
    """Three organizations that look around."""
    return [make_member(name) for name in ("Ada", "Bo", "Cy")]


def test_the_figures_of_a_period_and_of_the_one_before(product, entitled_data_set, subscriber, people):
    ada, bo, cy = people
    looked(product, ada, bo, count=2)
    looked(product, ada, days_ago=6)
    looked(product, cy, days_ago=7)  # the period before
    looked(product, cy, days_ago=14)  # before both
    looked(product, "a" * 32, "b" * 32, is_member=False)
    looked(product, ada, kind="SAMPLE")
    looked(product, subscriber, kind="USE", days_ago=1)
    delivered(entitled_data_set, subscriber, size=1500, days_ago=2)
    delivered(entitled_data_set, subscriber, size=500, days_ago=9)
    usage = usage_of(products=[product], days=7, at=AT)
    assert usage.now == Figures(views=7, viewers=2, visitors=2, samplers=1, users=1, deliveries=1, size_bytes=1500)
    assert usage.before == Figures(views=1, viewers=1, deliveries=1, size_bytes=500)
    assert [step.figures.views for step in usage.steps] == [1, 0, 0, 0, 0, 0, 6]
    assert (usage.steps[0].first, usage.steps[-1].last) == (TODAY - timedelta(days=6), TODAY)


def test_twelve_months_are_52_weeks_and_count_an_organization_once_a_week(product, people):
    ada, *_ = people
    for days_ago in range(7):
        looked(product, ada, kind="USE", days_ago=days_ago)
    looked(product, ada, kind="USE", days_ago=7)
    usage = usage_of(products=[product], days=364, at=AT)
    assert len(usage.steps) == 52
    assert [step.figures.users for step in usage.steps[-3:]] == [0, 1, 1]
    assert usage.now.users == 1


def test_the_funnel_follows_organizations(product, people, subscriber, agreement):
    ada, bo, cy = people
    now = timezone.now()
    today = now.astimezone(UTC).date()
    looked(product, ada, bo, subscriber, today=today)
    looked(product, cy, kind="SAMPLE", today=today)  # who looks at a sample has seen the page
    looked(product, subscriber, kind="SAMPLE", today=today)
    looked(product, ada, kind="USE", today=today)  # has no subscription of the period
    funnel = usage_of(products=[product], days=30, at=now).funnel
    assert [(stage.organizations, stage.of_previous) for stage in funnel] == [(4, None), (2, 2), (1, 1), (0, 0), (0, 0)]
    looked(product, subscriber, kind="USE", today=today)
    funnel = usage_of(products=[product], days=30, at=now).funnel
    assert [stage.organizations for stage in funnel] == [4, 2, 1, 1, 1]
    later = usage_of(products=[product], days=30, at=now + timedelta(days=8)).funnel
    assert [stage.organizations for stage in later] == [4, 2, 1, 1, 0]


def test_the_largest_subscribers_come_first(product, entitled_data_set, subscriber, people):
    ada, bo, _ = people
    delivered(entitled_data_set, ada, size=10)
    delivered(entitled_data_set, bo, size=30)
    delivered(entitled_data_set, bo, size=1)
    Job.objects.filter(pk=delivered(entitled_data_set, ada, size=99).pk).update(state="ERROR")
    found = usage_of(products=[product], days=7, at=AT).subscribers
    assert [(row.name, row.deliveries, row.size_bytes) for row in found] == [("Bo", 2, 31), ("Ada", 1, 10)]


def test_the_page_shows_charts_with_tables_and_links_of_periods(client, product, publisher, people):
    now = timezone.now()
    looked(product, *people, today=now.astimezone(UTC).date())
    sign_in(client, publisher)
    page = client.get("/publish/usage").content.decode()
    assert page.count("chart-hover") == 6  # three charts
    assert page.count("Show as a table") == 4
    assert re.search(r"Page views</dt>\s*<dd class=\"num\">3 <small>none before", page)
    assert 'aria-current="true">30 days</a>' in page
    assert 'aria-current="true">7 days</a>' in client.get("/publish/usage?days=7").content.decode()
    assert 'aria-current="true">30 days</a>' in client.get("/publish/usage?days=99999").content.decode()


def test_nothing_and_nothing_yet_are_told_apart(client, product, publisher, stranger):
    page = sign_in(client, stranger).get("/publish/usage").content.decode()
    assert "Nothing to count yet" in page
    page = sign_in(client, publisher).get("/publish/usage").content.decode()
    assert "Nothing happened in these 30 days" in page


def test_another_publishers_product_shows_nothing_of_it(client, product, publisher, stranger, people):
    looked(product, *people, today=timezone.now().astimezone(UTC).date())
    page = sign_in(client, stranger).get(f"/publish/usage?product={product.pk}").content.decode()
    assert product.name not in page


def test_the_csv_has_a_row_a_day_and_product_and_no_formula(client, product, publisher, people):
    Product.objects.filter(pk=product.pk).update(name="=1+1")
    today = timezone.now().astimezone(UTC).date()
    looked(product, *people, count=2, today=today)
    looked(product, people[0], days_ago=3, today=today)
    answer = sign_in(client, publisher).get("/publish/usage?days=7&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["day"], row["views"], row["organizations_viewing"]) for row in rows] == [
        (str(today - timedelta(days=3)), "1", "1"),
        (str(today), "6", "3"),
    ]
    assert {row["product"] for row in rows} == {"'=1+1"}
    assert len(list(daily_rows(products=[product], days=7, at=timezone.now()))) == 2


def test_the_page_takes_15_queries_with_many_products_and_looks(
    client, publisher, product, entitled_data_set, people, django_assert_max_num_queries
):
    today = timezone.now().astimezone(UTC).date()
    others = Product.objects.bulk_create(
        Product(
            owner=publisher.organization, name=f"Product {n}", category="Science", published_at=AT, state="PUBLISHED"
        )
        for n in range(60)
    )
    for day in range(0, 300, 3):
        for other in others[:20]:
            looked(other, *people, days_ago=day, today=today)
    for n in range(30):
        delivered(entitled_data_set, people[n % 3], size=1000 * n, days_ago=n, at=timezone.now())
    sign_in(client, publisher).get("/publish/usage")
    for query in ("?days=90", "?days=364", f"?product={product.pk}"):
        with django_assert_max_num_queries(15):
            page = client.get(f"/publish/usage{query}").content.decode()
        assert len(re.findall(r"<[a-z]", page)) < 1500
