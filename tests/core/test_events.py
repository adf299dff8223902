"""Facts: an outbox row and one work row per routed task, in the transaction of the fact."""

import pytest
from django.db import transaction

from marketplace.core.events import publish_on_commit
from marketplace.core.models import OutboxEvent, WorkItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def routes(settings):
    settings.EVENT_ROUTES = {"two": ["core.forget_old_rows", "core.prepare_partitions"], "typo": ["core.no_such_task"]}


def test_a_fact_becomes_one_event_and_one_row_per_task(routes):
    publish_on_commit("two", organization_id="o1", revision_id="r1")
    event = OutboxEvent.objects.get()
    assert (event.name, event.organization_id, event.payload) == ("two", "o1", {"revision_id": "r1"})
    rows = WorkItem.objects.order_by("task")
    assert [(r.task, r.key, r.arguments, r.organization_id, r.state) for r in rows] == [
        ("core.forget_old_rows", event.id, {"revision_id": "r1"}, "o1", "PENDING"),
        ("core.prepare_partitions", event.id, {"revision_id": "r1"}, "o1", "PENDING"),
    ]


def test_a_fact_that_nobody_routes_is_kept_all_the_same(routes):
    publish_on_commit("nobody.cares", thing_id="t1")
    assert OutboxEvent.objects.get().payload == {"thing_id": "t1"}
    assert WorkItem.objects.count() == 0


def test_a_rolled_back_fact_leaves_nothing(routes):
    with pytest.raises(RuntimeError), transaction.atomic():
        publish_on_commit("two", revision_id="r1")
        raise RuntimeError
    assert (OutboxEvent.objects.count(), WorkItem.objects.count()) == (0, 0)


def test_a_route_to_a_task_that_does_not_exist_fails_at_once(routes):
    with pytest.raises(KeyError), transaction.atomic():
        publish_on_commit("typo")
    assert OutboxEvent.objects.count() == 0


def test_a_transaction_sends_one_hint_however_many_facts_it_holds(routes, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        for n in range(5):
            publish_on_commit("two", n=n)
    assert len(callbacks) == 1
