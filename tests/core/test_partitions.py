"""Monthly partitions: rows find theirs, and a missing one loses nothing."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.utils import timezone

from marketplace.core import partitions
from marketplace.core.models import OutboxEvent
from marketplace.core.tasks import prepare_partitions

pytestmark = pytest.mark.django_db


def partition_of(event: OutboxEvent) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM core_outboxevent WHERE id = %s", [event.id])
        return cursor.fetchone()[0]


def tables(like: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE %s ORDER BY 1", [like])
        return [name for (name,) in cursor.fetchall()]


def test_the_tables_that_only_grow_are_partitioned():
    assert partitions.partitioned_tables() == [
        "core_auditrecord",
        "core_event",
        "core_outboxevent",
        "jobs_transfer",
        "publishers_productactivity",
    ]


def test_this_month_and_the_next_two_have_their_partitions():
    today = timezone.now().date()
    months = [(today.year * 12 + today.month - 1 + n) for n in range(3)]
    for table in partitions.partitioned_tables():
        assert set(tables(f"{table}\\_2%")) >= {f"{table}_{m // 12}_{m % 12 + 1:02d}" for m in months}


def test_a_month_is_prepared_across_the_turn_of_the_year_and_preparing_again_changes_nothing():
    partitions.prepare(date(2091, 11, 30))
    partitions.prepare(date(2091, 11, 30))
    assert tables("core_outboxevent_209%") == [
        "core_outboxevent_2091_11",
        "core_outboxevent_2091_12",
        "core_outboxevent_2092_01",
    ]
    for at, where in (
        (datetime(2091, 12, 31, 23, 59, 59, 999999, UTC), "core_outboxevent_2091_12"),
        (datetime(2092, 1, 1, tzinfo=UTC), "core_outboxevent_2092_01"),
    ):
        event = OutboxEvent(name="late", occurred_at=at)
        event.save(force_insert=True)
        assert partition_of(event) == where


def test_a_row_of_a_month_without_partition_lands_in_the_default_one():
    event = OutboxEvent(name="far", occurred_at=datetime(2093, 5, 1, tzinfo=UTC))
    event.save(force_insert=True)
    assert partition_of(event) == "core_outboxevent_default"


def test_a_month_whose_rows_came_first_stays_in_the_default_and_the_next_ones_are_prepared():
    event = OutboxEvent(name="early", occurred_at=datetime(2094, 5, 1, tzinfo=UTC))
    event.save(force_insert=True)
    partitions.prepare(date(2094, 5, 1))
    assert partition_of(event) == "core_outboxevent_default"
    assert tables("core_outboxevent_2094%") == ["core_outboxevent_2094_06", "core_outboxevent_2094_07"]
    assert tables("core_auditrecord_2094%")[0] == "core_auditrecord_2094_05"


def test_the_task_runs_twice_without_a_change():
    prepare_partitions()
    before = tables("core_%")
    prepare_partitions()
    assert tables("core_%") == before
