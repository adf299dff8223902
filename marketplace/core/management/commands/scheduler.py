"""Run the clock: hint due work, enqueue what is scheduled, keep the workers' heartbeats going. Any number may run."""

import logging
import signal
import threading
import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections, connection, transaction

from marketplace.core import hints, work
from marketplace.core.tasks import beat

logger = logging.getLogger(__name__)
TICK_S = 2.0
MOST_HINTS = 8


def enqueue_scheduled(now: datetime) -> None:
    """Enqueue the tasks whose slot has begun; the unique key makes a slot happen once among all schedulers."""
    for task, every_s in settings.SCHEDULE.items():
        slot = int(now.timestamp()) // every_s * every_s
        with transaction.atomic():
            work.enqueue(task, key=f"slot:{slot}")


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        next_slow = 0.0
        while not stop.is_set():
            try:
                close_old_connections()
                due = work.due_count()
                if due:
                    hints.send(min(due, MOST_HINTS), expires_s=TICK_S * 2)
                if time.monotonic() >= next_slow:
                    next_slow = time.monotonic() + 10
                    hints.send(2, task=hints.BEAT, expires_s=10)
                    enqueue_scheduled(datetime.now(UTC))
                    beat("scheduler")
            except Exception:  # the database may be restarting; the next tick tries again
                logger.exception("scheduler tick failed")
                connection.close()
            stop.wait(TICK_S)
