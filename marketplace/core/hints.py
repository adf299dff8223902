"""Hints to the workers. Losing one costs seconds, never work: the scheduler hints again while rows are due."""

import logging
import threading

from celery import current_app

logger = logging.getLogger(__name__)
TASK = "core.run_due_work"
BEAT = "core.beat"
#: of one step of talking to the broker
TIMEOUT_S = 0.5

_wanted = threading.Event()
_starting = threading.Lock()
_sender: threading.Thread | None = None


def send_soon() -> None:
    """Have a hint published by a thread of this process: whoever asks never waits for the broker, dead or hung."""
    global _sender
    _wanted.set()
    with _starting:
        if _sender is None or not _sender.is_alive():  # not yet, or not in this process: a fork has no threads
            _sender = threading.Thread(target=_send_what_is_wanted, name="hints", daemon=True)
            _sender.start()


def _send_what_is_wanted() -> None:
    while True:
        _wanted.wait()
        _wanted.clear()  # before sending: what is wanted from now on may not be seen by a worker that looks now
        send()


def send(count: int = 1, *, task: str = TASK, expires_s: float = 30) -> bool:
    """Publish hints over a fresh connection; return False when the broker is away.

    A pooled connection is not used: one that broke once can poison the pool for good (docs/architecture.md).
    """
    try:
        with current_app.connection_for_write(
            connect_timeout=TIMEOUT_S, transport_options={"socket_timeout": TIMEOUT_S}
        ) as broker:
            for _ in range(count):
                current_app.send_task(task, connection=broker, retry=False, expires=expires_s, ignore_result=True)
    except Exception as error:  # noqa: BLE001
        logger.warning("broker is away, work starts a little later", extra={"fields": {"error": type(error).__name__}})
        return False
    return True
