"""What tests of jobs do again and again: export, auto-export, finalize, and look into the bucket."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from jobs.models import EventAction, Job, Transfer
from jobs.operations import event_actions, exports
from marketplace.core import storage, work
from marketplace.core.models import StorageConnection, WorkItem
from tests.conftest import actor_of

FILES = {"a.csv": b"id\n1\n", "b/c.csv": b"id\n2\n", "empty.csv": b""}


def contents(connection: StorageConnection) -> dict[str, bytes]:
    """Return every object of a bucket with its bytes, but for the test object that auto-exports leave."""
    bucket = storage.bucket_of(connection)
    return {key: b"".join(bucket.read(key)) for key in bucket.list_keys() if not key.startswith("_ADX-TEST-")}


def auto_export(member: Any, entry: Any, connection: StorageConnection, pattern: str = "${Asset.Name}") -> EventAction:
    """Set up an auto-export."""
    return event_actions.create_event_action(
        organization=member.organization,
        published_data_set=entry,
        connection=connection,
        key_pattern=pattern,
        actor=actor_of(member),
        at=timezone.now(),
    )


def export(
    member: Any,
    entry: Any,
    revision: Any,
    connection: StorageConnection,
    pattern: str = "${Asset.Name}",
    *,
    run: bool = True,
) -> Job:
    """Export one revision by hand, and let it run unless asked otherwise."""
    job = exports.create_export(
        organization=member.organization,
        published_data_set=entry,
        revision=revision,
        connection=connection,
        key_pattern=pattern,
        actor=actor_of(member),
        at=timezone.now(),
    )
    exports.start(job=job, actor=actor_of(member), at=timezone.now())
    if run:
        work.run_due()
    job.refresh_from_db()
    return job


def again() -> None:
    """Let what waits for a later attempt run now."""
    WorkItem.objects.filter(state="PENDING").update(due_at=timezone.now() - timedelta(hours=1))
    work.run_due()


def receipts(job: Job) -> list[Transfer]:
    """Return the objects of a job in their order."""
    return list(Transfer.objects.filter(job=job).order_by("number"))
