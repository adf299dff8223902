"""The work engine: a row is done once, by whoever holds its newest fence, and no death of a worker loses it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from marketplace.core import work
from marketplace.core.errors import Invalid
from marketplace.core.management.commands.scheduler import enqueue_scheduled
from marketplace.core.models import WorkItem
from marketplace.core.tasks import beat, forget_old_rows
from tests.together import outcomes

pytestmark = pytest.mark.django_db


class Recorder:
    """A task of the test: notes its calls, and does what it is told."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.parked: list[dict[str, Any]] = []
        self.act: Callable[[], None] = lambda: None

    def run(self, **arguments: Any) -> None:
        self.calls.append(arguments)
        self.act()

    def on_parked(self, **arguments: Any) -> None:
        self.parked.append(arguments)


@pytest.fixture
def task() -> Iterator[Recorder]:
    recorder = Recorder()
    work.task("test.task", on_parked=recorder.on_parked)(recorder.run)
    yield recorder
    del work._tasks["test.task"]


def enqueue(key: str = "k1", **changes: Any) -> None:
    with transaction.atomic():
        work.enqueue("test.task", key=key, **changes)


def item(key: str = "k1") -> WorkItem:
    return WorkItem.objects.get(task="test.task", key=key)


def shift(column: str, seconds: float) -> None:
    """Move a time of all rows, as if the clock had gone on."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE core_workitem SET {column} = now() + make_interval(secs => %s)", [seconds])


def seconds_until(column: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT extract(epoch FROM {column} - now()) FROM core_workitem")
        return float(cursor.fetchone()[0])


def fail(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def test_a_row_runs_once_with_its_arguments(task):
    enqueue(revision_id="r1", n=2)
    enqueue(revision_id="r1", n=3)  # the same key again changes nothing
    assert work.due_count() == 1
    assert work.run_due() == 1
    assert work.run_due() == 0
    assert task.calls == [{"revision_id": "r1", "n": 2}]
    row = item()
    assert (row.state, row.attempts, row.failures, row.fence, row.last_error) == ("DONE", 1, 0, 1, "")
    assert row.finished_at is not None
    assert row.lease_until is None
    enqueue(revision_id="r1")  # done stays done
    assert work.run_due() == 0


def test_a_task_that_does_not_exist_cannot_be_enqueued():
    with pytest.raises(KeyError):
        work.enqueue("test.typo", key="k1")
    assert WorkItem.objects.count() == 0


def test_two_tasks_cannot_have_one_name(task):
    with pytest.raises(ValueError, match="Two tasks are named"):
        work.task("test.task")(lambda **_: None)


def test_a_row_is_not_due_before_its_time(task):
    enqueue(delay_s=60)
    assert (work.due_count(), work.run_due()) == (0, 0)
    shift("due_at", -0.001)
    assert (work.due_count(), work.run_due()) == (1, 1)


def test_a_claimed_row_is_nobody_elses_until_its_lease_is_over(task):
    enqueue()
    first = work.claim()
    assert 59 < seconds_until("lease_until") <= 60
    assert work.claim() is None
    shift("lease_until", -0.001)
    second = work.claim()
    assert (first.fence, second.fence, second.attempts) == (1, 2, 2)


def test_a_stale_fence_can_neither_finish_nor_fail_nor_park_a_row(task):
    enqueue()
    stale = work.claim()
    shift("lease_until", -0.001)
    fresh = work.claim()
    for act in (lambda: None, fail(RuntimeError("boom")), fail(Invalid("bad"))):
        task.act = act
        work.run(stale)
        assert (item().state, item().fence, item().failures, item().last_error) == ("RUNNING", 2, 0, "")
    assert task.parked == []
    task.act = lambda: None
    work.run(fresh)
    assert item().state == "DONE"


def test_a_lease_is_renewed_while_it_is_held_and_marked_lost_when_it_is_not(task):
    enqueue()
    lease = work.claim()
    seen = []

    def act() -> None:
        assert work.is_busy()
        assert work.current_lease() is lease
        shift("lease_until", 5)
        work.renew_held()
        seen.append(seconds_until("lease_until"))
        lease.ensure()
        WorkItem.objects.update(fence=99)  # somebody else has claimed it
        work.renew_held()
        lease.ensure()

    task.act = act
    work.run(lease)
    assert 59 < seen[0] <= 60
    assert lease.lost.is_set()
    assert item().state == "RUNNING"  # the other holder ends it
    assert not work.is_busy()
    assert work.current_lease() is None


def test_a_dead_workers_rows_are_freed_for_its_successor_only_under_its_name(task, settings):
    settings.WORKER_NAME = "worker-7"
    enqueue()
    work.claim()
    assert work.release_leases("worker-8") == 0
    assert work.release_leases("worker-7") == 1
    assert seconds_until("lease_until") <= 0


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        (1, 5),
        (2, 10),
        (3, 20),
        (4, 40),
        (5, 80),
        (6, 160),
        (7, 320),
        (8, 640),
        (9, 1280),
        (10, 2560),
        (11, 3600),
        (40, 3600),
    ],
)
def test_the_pause_doubles_up_to_an_hour_give_or_take_a_quarter(failures, seconds):
    pauses = [work.backoff_s(failures) for _ in range(300)]
    assert 0.75 * seconds <= min(pauses) < 0.85 * seconds
    assert 1.15 * seconds < max(pauses) <= 1.25 * seconds


def test_a_failed_row_is_tried_again_later_and_says_why(task):
    enqueue()
    task.act = fail(work.TemporaryFailure("The store is away."))
    assert work.run_due() == 1
    row = item()
    assert (row.state, row.attempts, row.failures, row.last_error) == ("PENDING", 1, 1, "The store is away.")
    assert 3.7 <= seconds_until("due_at") <= 6.3
    assert work.run_due() == 0
    task.act = fail(ZeroDivisionError("division by zero"))
    shift("due_at", -1)
    work.run_due()
    assert item().last_error == "ZeroDivisionError: division by zero"
    assert 7.4 <= seconds_until("due_at") <= 12.6
    task.act = lambda: None
    shift("due_at", -1)
    work.run_due()
    assert (item().state, item().last_error) == ("DONE", "")
    assert task.parked == []


def test_the_tenth_failure_parks_a_row_and_tells_once(task):
    enqueue(job_id="j1")
    task.act = fail(work.TemporaryFailure("The store is away."))
    for n in range(1, 10):
        shift("due_at", -1)
        work.run_due()
        assert (item().state, item().failures) == ("PENDING", n)
    assert task.parked == []
    shift("due_at", -1)
    work.run_due()
    assert (item().state, len(task.calls)) == ("PARKED", 10)
    assert task.parked == [{"job_id": "j1", "reason": "The store is away."}]
    shift("due_at", -1)
    assert work.run_due() == 0


def test_a_refusal_of_the_domain_ends_at_once(task):
    enqueue(job_id="j1")
    task.act = fail(Invalid("The data is bad."))
    work.run_due()
    assert (item().state, item().failures, item().last_error) == ("FAILED", 0, "The data is bad.")
    assert task.parked == [{"job_id": "j1", "reason": "The data is bad."}]


def test_a_row_whose_task_is_gone_waits_and_is_parked_in_the_end(task):
    enqueue()
    WorkItem.objects.update(task="test.renamed")
    for _ in range(10):
        shift("due_at", -1)
        work.run_due()
    row = WorkItem.objects.get()
    assert row.state == "PARKED"
    assert row.last_error.startswith("LookupError: There is no task test.renamed")


def test_killed_workers_do_not_count_as_failures_until_the_row_took_fifty_down(task):
    enqueue(job_id="j1")
    for n in range(1, work.CLAIMS + 1):
        assert work.claim().attempts == n  # and the worker dies with it
        shift("lease_until", -1)
    assert (item().state, item().failures) == ("RUNNING", 0)
    assert work.run_due() == 1
    assert task.calls == []
    assert item().state == "PARKED"
    assert task.parked == [{"job_id": "j1", "reason": "The worker was lost 50 times while it worked on this."}]


def test_a_row_survives_fifty_claims_less_one(task):
    enqueue()
    WorkItem.objects.update(attempts=work.CLAIMS - 1)
    work.run_due()
    assert item().state == "DONE"


def test_a_row_reaches_its_end_even_when_telling_about_it_fails(task):
    """The row must not come back every minute for ever because a job that it belonged to is gone."""
    work._tasks["test.task"] = work.Task("test.task", task.run, lambda **_: fail(LookupError("no such job"))())
    enqueue()
    task.act = fail(Invalid("The data is bad."))
    assert work.run_due() == 1
    assert (item().state, item().last_error) == ("FAILED", "The data is bad.")


def test_organizations_take_turns(task):
    for n in range(3):
        enqueue(f"a{n}", organization_id="a")
    enqueue("b0", organization_id="b")
    shift("due_at", -1)
    WorkItem.objects.filter(key="b0").update(due_at="2026-01-01T00:00Z")
    WorkItem.objects.filter(organization_id="a").update(due_at="2025-01-01T00:00Z")
    owners = []
    for _ in range(4):
        work.claim()
        owners.append(
            "".join(
                WorkItem.objects.filter(state="RUNNING")
                .order_by("organization_id")
                .values_list("organization_id", flat=True)
            )
        )
    assert owners == ["a", "ab", "aab", "aaab"]


def test_the_scheduler_enqueues_a_slot_once_however_often_it_looks(settings):
    from datetime import UTC, datetime, timedelta

    settings.SCHEDULE = {"core.forget_old_rows": 3600}
    at = datetime(2026, 11, 24, 10, 59, 58, tzinfo=UTC)
    for seconds in (0, 1, 1.9):
        enqueue_scheduled(at + timedelta(seconds=seconds))
    assert WorkItem.objects.count() == 1
    enqueue_scheduled(at + timedelta(seconds=2))
    assert [w.key for w in WorkItem.objects.order_by("pk")] == ["slot:1795514400", "slot:1795518000"]


def test_done_rows_are_forgotten_after_a_week_and_parked_ones_are_kept(task):
    for key, state in (("old", "DONE"), ("new", "DONE"), ("parked", "PARKED")):
        enqueue(key)
        WorkItem.objects.filter(key=key).update(state=state, finished_at="2026-01-01T00:00Z")
    WorkItem.objects.filter(key="new").update(finished_at="2099-01-01T00:00Z")
    forget_old_rows()
    forget_old_rows()
    assert set(WorkItem.objects.values_list("key", flat=True)) == {"new", "parked"}


def test_a_heartbeat_is_one_row_by_the_clock_of_the_database():
    for _ in range(2):
        beat("worker-7")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, beat_at = now() FROM core_worker_heartbeat")
        assert cursor.fetchall() == [("worker-7", True)]


@pytest.mark.django_db(transaction=True)
class TestWithRealConnections:
    def test_many_claimers_get_each_row_once(self, task):
        for n in range(30):
            enqueue(f"k{n}")

        def claim_all() -> list[int]:
            found = []
            while (lease := work.claim()) is not None:
                found.append(lease.item_id)
            return found

        claimed = [row for part in outcomes(*[claim_all] * 4) for row in part]
        assert len(claimed) == 30
        assert len(set(claimed)) == 30

    def test_a_row_locked_by_another_claim_is_skipped_and_not_waited_for(self, task):
        enqueue("a")
        enqueue("b")
        with transaction.atomic():
            first = work.claim()
            second = outcomes(work.claim, work.claim)
        assert first is not None
        assert [s for s in second if s is not None][0].item_id != first.item_id
        assert second.count(None) == 1

    def test_of_two_holders_of_one_row_the_newer_finishes(self, task):
        enqueue()
        stale = work.claim()
        shift("lease_until", -1)
        fresh = work.claim()
        outcomes(lambda: work.run(stale), lambda: work.run(fresh))
        assert (item().state, item().fence) == ("DONE", 2)

    def test_a_row_enqueued_twice_at_once_is_one_row(self, task):
        assert outcomes(*[lambda: enqueue("same")] * 4) == [None] * 4
        assert WorkItem.objects.count() == 1

    def test_an_enqueued_row_is_invisible_until_its_transaction_commits(self, task):
        with transaction.atomic():
            work.enqueue("test.task", key="k1")
            assert outcomes(work.claim) == [None]
        assert outcomes(work.claim)[0] is not None
