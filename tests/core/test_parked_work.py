"""Work that was parked runs again, or is given up."""

import pytest
from django.utils import timezone

from marketplace.core import work
from marketplace.core.actors import SYSTEM
from marketplace.core.errors import NotFound
from marketplace.core.models import AuditRecord, WorkItem
from marketplace.core.operations import parked

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(db):
    """A parked row of a task that does nothing when its notification is gone."""
    return WorkItem.objects.create(
        task="core.email_notification",
        key="parked",
        arguments={"notification_id": "0" * 32},
        state="PARKED",
        attempts=14,
        failures=10,
        last_error="TimeoutError",
        finished_at=timezone.now(),
    )


def test_parked_work_runs_again_with_all_its_attempts(item):
    parked.run_again(item_id=item.pk, actor=SYSTEM, at=timezone.now())
    row = WorkItem.objects.get()
    assert (row.state, row.attempts, row.failures, row.finished_at) == ("PENDING", 0, 0, None)
    work.run_due()
    assert WorkItem.objects.get().state == "DONE"
    assert AuditRecord.objects.get(scope="").detail == {"task": "core.email_notification", "key": "parked"}


def test_parked_work_that_is_given_up_stays_where_it_is(item):
    parked.give_up(item_id=item.pk, actor=SYSTEM, at=timezone.now())
    work.run_due()
    row = WorkItem.objects.get()
    assert (row.state, row.last_error) == ("FAILED", "TimeoutError")


@pytest.mark.parametrize("act", [parked.run_again, parked.give_up])
def test_a_second_click_finds_nothing(item, act):
    act(item_id=item.pk, actor=SYSTEM, at=timezone.now())
    for again in (parked.run_again, parked.give_up):
        with pytest.raises(NotFound):
            again(item_id=item.pk, actor=SYSTEM, at=timezone.now())
    assert AuditRecord.objects.filter(scope="").count() == 1
