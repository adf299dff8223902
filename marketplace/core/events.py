"""Facts and the reactions to them: an event row and one work row per routed task, in the transaction of the fact."""

from typing import Any

from django.conf import settings

from marketplace.core import work
from marketplace.core.models import OutboxEvent


def publish_on_commit(name: str, *, organization_id: str = "", **payload: Any) -> None:
    """Publish a fact. The tasks that settings.EVENT_ROUTES names run after the commit, each at least once.

    payload: JSON values, ids above all; it is the keyword arguments of every routed task.
    """
    event = OutboxEvent(name=name, organization_id=organization_id, payload=payload)
    event.save(force_insert=True)
    for task in settings.EVENT_ROUTES.get(name, ()):
        work.enqueue(task, key=event.id, organization_id=organization_id, **payload)
