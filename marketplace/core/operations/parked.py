"""Work that ten attempts did not finish: an operator has it run again, or gives it up."""

from dataclasses import replace
from datetime import datetime

from django.contrib.postgres.functions import TransactionNow
from django.db import transaction

from marketplace.core import audit, hints
from marketplace.core.actors import Actor
from marketplace.core.errors import NotFound
from marketplace.core.models import WorkItem
from marketplace.core.models.work import WorkState


def _locked(item_id: int) -> WorkItem:
    row = WorkItem.objects.select_for_update().filter(pk=item_id, state=WorkState.PARKED).first()
    if row is None:
        raise NotFound("PARKED_WORK", str(item_id))
    return row


@transaction.atomic
def run_again(*, item_id: int, actor: Actor, at: datetime) -> None:
    """Make parked work due now, with all its attempts before it. Raises NotFound when it is not parked."""
    row = _locked(item_id)
    WorkItem.objects.filter(pk=row.pk).update(
        state=WorkState.PENDING, due_at=TransactionNow(), attempts=0, failures=0, finished_at=None
    )
    _record("work.run_again", row, actor, at)
    transaction.on_commit(hints.send_soon)


@transaction.atomic
def give_up(*, item_id: int, actor: Actor, at: datetime) -> None:
    """End parked work for good; what it belonged to was told when it was parked. Raises NotFound when it is not parked."""
    row = _locked(item_id)
    WorkItem.objects.filter(pk=row.pk).update(state=WorkState.FAILED)
    _record("work.given_up", row, actor, at)


def _record(action: str, row: WorkItem, actor: Actor, at: datetime) -> None:
    audit.record(
        action,
        actor=replace(actor, organization_id=None),
        subject=row,
        detail={"task": row.task, "key": row.key},
        at=at,
    )
