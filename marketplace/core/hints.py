"""Hints to the workers. Losing one costs seconds, never work: the scheduler hints again while rows are due."""

import logging

from celery import current_app

logger = logging.getLogger(__name__)
TASK = "core.run_due_work"
BEAT = "core.beat"


def send(count: int = 1, *, task: str = TASK, expires_s: float = 30) -> bool:
    """Publish hints over a fresh connection; return False when the broker is away. Takes at most about 0.5 s then.

    A pooled connection is not used: one that broke once can poison the pool for good (docs/architecture.md).
    """
    try:
        with current_app.connection_for_write(connect_timeout=0.5) as broker:
            for _ in range(count):
                current_app.send_task(task, connection=broker, retry=False, expires=expires_s, ignore_result=True)
    except Exception as error:  # noqa: BLE001
        logger.warning("broker is away, work starts a little later", extra={"fields": {"error": type(error).__name__}})
        return False
    return True
