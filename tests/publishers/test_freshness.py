"""Late data on a moved clock: when a delay opens, whom its alarm reaches, when it is over; the history; many at once."""

from datetime import timedelta

import pgtrigger
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from marketplace.core import work
from marketplace.core.models import AuditRecord, Event, Notification, OutboxEvent, WorkItem
from marketplace.storefront import browsing
from publishers import tasks
from publishers.models import Contract, DataSet, Delay, Product, PublishedDataSet, Revision
from publishers.operations import products, revisions
from publishers.operations.freshness import notice_delays
from publishers.queries.freshness import PeriodState, freshness_of
from publishers.queries.measured import list_measured
from publishers.queries.promises import in_words, list_late_product_ids
from tests.conftest import actor_of
from tests.grants import give_data_grant
from tests.together import outcomes

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: a day, and a tenth of it
DUE = timedelta(hours=26, minutes=24)


def promise(product: Product, frequency: str) -> None:
    Product.objects.filter(pk=product.pk).update(frequency=frequency)


def agree(data_set: DataSet, *levels: dict, at=None, minor: int = 0) -> Contract:
    return Contract.objects.create(
        data_set=data_set, major=1, minor=minor, patch=0, document={"slaProperties": list(levels)}, effective_at=at
    )


def level(name: str, value: object, unit: str) -> dict:
    return {"property": name, "value": value, "unit": unit}


def measured_at(product: Product, at):
    return freshness_of(list_measured(product=product, at=at), at=at)


@pytest.fixture
def first_at(finalized_revision: Revision):
    """When the first revision of the data set came: now."""
    return finalized_revision.finalized_at


@pytest.fixture
def told(subscriber, publisher):
    """What each side was told of delays so far: (topic, sentence)."""

    def read(member):
        work.run_due()
        rows = Notification.objects.filter(membership=member, topic__in=["data_set.late", "data_set.delayed"])
        return [(row.topic, row.text) for row in rows.order_by("pk").order_by("created_at")]

    return read


def test_a_late_data_set_raises_one_alarm_to_both_sides_and_a_second_when_it_was_back(
    product, data_set, agreement, make_revision, first_at, told, publisher, subscriber, stranger
):
    promise(product, "DAILY")
    assert notice_delays(at=first_at + DUE) == 0
    late_at = first_at + DUE + timedelta(seconds=1)
    assert notice_delays(at=late_at) == 1
    assert notice_delays(at=late_at + HOUR) == 0
    delay = Delay.objects.get()
    assert (delay.due_at, delay.noticed_at, delay.promise) == (first_at + DUE, late_at, "P1D")
    ((topic, text),) = told(publisher)
    assert topic == "data_set.late"
    assert text.startswith("Your data set is late. A revision is promised every day, and one was due on ")
    ((topic, text),) = told(subscriber)
    assert topic == "data_set.delayed"
    assert text.startswith("It is late.")
    assert told(stranger) == []
    event = Event.objects.get(detail_type="Data Set Update Delayed")
    entry = agreement.entitlements.get().published_data_set
    assert event.organization_id == subscriber.organization_id
    assert event.occurred_at == late_at
    assert event.resources == [f"arn:aws:dataexchange:{settings.S3_REGION}::data-sets/{entry.pk}"]
    assert event.detail["DataSet"] == {"Id": entry.pk, "Name": "Departures", "AssetType": "S3_SNAPSHOT"}
    assert event.detail["Product"]["ProviderContact"] == "help@example.org"
    assert event.detail["Notification"]["Type"] == "DATA_DELAY"
    assert "has not come" in event.detail["Notification"]["Comment"]

    back_at = late_at + 2 * HOUR
    revision = make_revision({"b.csv": b"id\n1\n"}, at=back_at)
    delay.refresh_from_db()
    assert (delay.ended_at, delay.revision) == (back_at, revision)
    for member in (publisher, subscriber):
        assert len(told(member)) == 2
        assert told(member)[1][1].endswith("came 2 h late.")
    for fact in OutboxEvent.objects.filter(name__startswith="data_set."):  # a redelivery
        for name in settings.EVENT_ROUTES[fact.name]:
            work._tasks[name].run(**fact.payload)
    tasks.end_delay(revision_id=revision.pk)
    assert [len(told(member)) for member in (publisher, subscriber)] == [2, 2]
    assert Event.objects.filter(detail_type="Data Set Update Delayed").count() == 1

    assert notice_delays(at=back_at + DUE + HOUR) == 1
    assert [len(told(member)) for member in (publisher, subscriber)] == [3, 3]
    assert Event.objects.filter(detail_type="Data Set Update Delayed").count() == 2
    actions = AuditRecord.objects.filter(scope=publisher.organization_id, action__contains="on_time")
    assert actions.count() == 1
    assert AuditRecord.objects.filter(scope=publisher.organization_id, action="data_sets.late").count() == 2


def test_a_revision_that_is_revoked_makes_late_again_from_then_on(product, make_revision, first_at, publisher):
    promise(product, "DAILY")
    second = make_revision({"b.csv": b"id\n1\n"}, at=first_at + DAY)
    at = first_at + DAY + 6 * HOUR
    assert notice_delays(at=at) == 0
    revisions.revoke_revision(revision=second, comment="The figures were wrong.", actor=actor_of(publisher), at=at)
    assert notice_delays(at=at + timedelta(minutes=5)) == 1
    assert Delay.objects.get().due_at == at  # later than the first revision's own time
    assert list_late_product_ids(product_ids=[product.pk], at=at + HOUR) == {product.pk}


def test_another_frequency_holds_at_once(product, first_at, told, publisher):
    promise(product, "WEEKLY")
    at = first_at + 3 * DAY
    assert notice_delays(at=at) == 0
    promise(product, "DAILY")
    assert notice_delays(at=at) == 1
    assert len(told(publisher)) == 1
    promise(product, "IRREGULAR")
    assert notice_delays(at=at + HOUR) == 0
    delay = Delay.objects.get()
    assert (delay.ended_at, delay.revision_id) == (at + HOUR, None)
    promise(product, "DAILY")  # the same delay goes on, and nobody is told a second time
    assert notice_delays(at=at + 2 * HOUR) == 1
    delay.refresh_from_db()
    assert (delay.ended_at, delay.noticed_at) == (None, at)
    assert len(told(publisher)) == 1


@pytest.mark.parametrize("frequency", ["", "IRREGULAR", "ONCE"])
def test_what_is_not_promised_is_never_late(product, first_at, frequency):
    promise(product, frequency)
    assert notice_delays(at=first_at + 5000 * DAY) == 0
    assert not measured_at(product, first_at + 5000 * DAY).is_promised


def test_the_contract_in_force_wins_over_the_products_frequency(product, data_set, first_at):
    promise(product, "HOURLY")
    agree(data_set, level("frequency", 2, "d"), level("latency", "6", "hours"), level("retention", 3, "y"), at=first_at)
    agree(data_set, level("frequency", 1, "M"), at=first_at + 40 * DAY, minor=1)
    allowed = 2 * DAY + 6 * HOUR + DAY / 5
    assert notice_delays(at=first_at + allowed) == 0
    found = measured_at(product, first_at + HOUR).data_sets[0].promise
    assert (found.every, found.latency_s, found.retention_s, found.is_contract) == ("P2D", 21600, 94608000, True)
    assert found.allowed == allowed
    assert notice_delays(at=first_at + allowed + HOUR) == 1
    assert Delay.objects.get().promise == "P2D"
    assert measured_at(product, first_at + 41 * DAY).data_sets[0].promise.every == "P1M"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"slaProperties": "daily"},
        {"slaProperties": [None, 1, "x", {}]},
        {"slaProperties": [level("frequency", "often", "d")]},
        {"slaProperties": [level("frequency", 0, "d"), level("frequency", 999999, "y"), level("frequency", 1, "moon")]},
        {"slaProperties": [level("latency", 1, "h")]},
    ],
)
def test_a_contract_that_says_no_frequency_leaves_it_to_the_product(product, data_set, first_at, document):
    promise(product, "DAILY")
    Contract.objects.create(data_set=data_set, major=1, minor=0, patch=0, document=document, effective_at=first_at)
    assert measured_at(product, first_at).data_sets[0].promise.every == "P1D"
    assert notice_delays(at=first_at + DUE + HOUR) == 1


def test_what_is_no_longer_published_is_no_longer_late(product, agreement, first_at, told, publisher, subscriber):
    promise(product, "DAILY")
    at = first_at + DUE + HOUR
    notice_delays(at=at)
    assert len(told(subscriber)) == 1
    products.unpublish_product(product=product, actor=actor_of(publisher), at=at)
    assert notice_delays(at=at + HOUR) == 0
    assert Delay.objects.get().ended_at == at + HOUR
    assert [len(told(member)) for member in (publisher, subscriber)] == [1, 1]  # nothing came, so nobody is told so


def test_a_data_set_that_is_only_granted_is_held_to_its_contract(
    publisher, subscriber, data_set, finalized_revision, first_at, told
):
    agree(data_set, level("frequency", 1, "h"), at=first_at)
    give_data_grant(publisher, subscriber, data_set)
    assert notice_delays(at=first_at + timedelta(minutes=76)) == 1  # the grace is 15 minutes at least
    assert len(told(publisher)) == 1
    assert told(subscriber) == []  # not accepted yet


def test_a_revision_whose_event_was_missed_ends_the_delay_at_the_next_look(
    product, make_revision, first_at, told, publisher
):
    promise(product, "DAILY")
    notice_delays(at=first_at + 2 * DAY)
    make_revision({"b.csv": b"id\n1\n"}, at=first_at + 3 * DAY)
    Delay.objects.update(ended_at=None, revision=None)
    OutboxEvent.objects.all().delete()
    assert notice_delays(at=first_at + 3 * DAY + HOUR) == 0
    assert Delay.objects.get().ended_at == first_at + 3 * DAY
    assert OutboxEvent.objects.filter(name="data_set.on_time").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_open_one_delay(product, first_at):
    promise(product, "DAILY")
    at = first_at + 2 * DAY
    assert sorted(outcomes(lambda: notice_delays(at=at), lambda: notice_delays(at=at + HOUR))) == [0, 1]
    assert Delay.objects.filter(ended_at=None).count() == 1
    assert OutboxEvent.objects.filter(name="data_set.late").count() == 1


def test_two_thousand_data_sets_take_as_many_statements_as_one(product, publisher, data_set, first_at):
    promise(product, "DAILY")
    many = [DataSet(owner=publisher.organization, name=f"Gate {n}", description="x") for n in range(2000)]
    DataSet.objects.bulk_create(many)
    Revision.objects.bulk_create(
        Revision(data_set=each, created_at=first_at - n * HOUR, finalized_at=first_at - n * HOUR)
        for each in many
        for n in range(3)
    )
    PublishedDataSet.objects.bulk_create(PublishedDataSet(product=product, data_set=each) for each in many)
    with CaptureQueriesContext(connection) as one_late:
        assert notice_delays(at=first_at + DAY) == 0
    with CaptureQueriesContext(connection) as all_late:
        assert notice_delays(at=first_at + 2 * DAY) == 2001
    assert sum("past_due" in query["sql"] for query in all_late.captured_queries) == 2
    assert len(all_late) <= len(one_late) + 15
    assert WorkItem.objects.filter(task="subscriptions.tell_of_delay").count() == 2001
    assert notice_delays(at=first_at + 2 * DAY) == 0
    listed = list(Product.objects.select_related("owner", "search"))
    with CaptureQueriesContext(connection) as shown:
        browsing.cards(listed)
    assert len(shown) == 1


# --- history ----------------------------------------------------------------------------------------------------------
def test_the_history_counts_periods_by_what_was_promised_then(product, data_set, publisher):
    with pgtrigger.ignore("publishers.Revision:finalized_is_immutable"):
        Revision.objects.all().update(revoked_at=timezone.now())
    start = timezone.now() - 100 * DAY
    promise(product, "DAILY")
    hours = [0, 24, 48, 50, 72, 102, 126, 126 + 24 * 5]  # 50 is a correction, 102 is late, the last after a gap
    Revision.objects.bulk_create(
        Revision(data_set=data_set, created_at=start + h * HOUR, finalized_at=start + h * HOUR) for h in hours
    )
    end = start + hours[-1] * HOUR
    found = measured_at(product, end + HOUR)
    states = [period.state for period in found.data_sets[0].periods]
    on, late, missing = PeriodState.ON_TIME, PeriodState.LATE, PeriodState.MISSING
    assert states == [on, on, on, late, on, late, missing, missing, missing]
    assert (found.on_time, found.periods, found.is_late) == (4, 9, False)
    assert found.share == 4 / 9
    first, worst = timedelta(hours=3, minutes=36), 5 * DAY - DUE
    assert found.lateness == [first, worst]
    assert (found.median_lateness, found.worst_lateness) == ((first + worst) / 2, worst)
    # what is late now counts too, with every period that went by
    found = measured_at(product, end + 3 * DAY)
    assert found.is_late
    assert found.data_sets[0].late_since == end + DUE
    assert [period.state for period in found.data_sets[0].periods[9:]] == [missing, missing]
    assert found.worst_lateness == worst
    # a contract that came in between asks for less from then on
    agree(data_set, level("frequency", 7, "d"), at=start + 75 * HOUR)
    found = measured_at(product, end + HOUR)
    assert [period.state for period in found.data_sets[0].periods] == [on, on, on, on]
    # what lies more than twelve months back is no part of it
    assert measured_at(product, start + 370 * DAY).data_sets[0].periods[0].came_at == start + 246 * HOUR


@pytest.mark.parametrize(
    ("every", "words"),
    [
        ("P1D", "every day"),
        ("PT6H", "every 6 hours"),
        ("P7D", "every week"),
        ("P0.5Y", "every 0.5 years"),
        ("PT15M", "every 15 minutes"),
        ("P3M", "every 3 months"),
        ("?", "every ?"),
    ],
)
def test_a_promise_is_said_in_words(every, words):
    assert in_words(every) == words
