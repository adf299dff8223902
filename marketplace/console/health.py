"""GET /healthz: 200 only when the database, the broker, the store and a worker answer."""

from collections.abc import Callable

from celery import current_app
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.core import storage

BEAT_S = 60


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    with current_app.connection_for_write(connect_timeout=1, transport_options={"socket_timeout": 1}) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=1)
        broker.default_channel.client.ping()


def _store() -> None:
    storage.probe_vault()


def _worker() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM core_worker_heartbeat"
            " WHERE name <> 'scheduler' AND beat_at > now() - make_interval(secs => %s)",
            [BEAT_S],
        )
        if not (cursor.fetchone() or (0,))[0]:
            raise LookupError("no worker has given a sign of life for a minute")


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "broker": _broker, "store": _store, "worker": _worker}


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200, or 503 naming what does not answer."""
    checks: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            check()
        except Exception as error:  # noqa: BLE001 - whatever is wrong, the part does not answer
            checks[name] = f"failed: {type(error).__name__}"
        else:
            checks[name] = "ok"
    healthy = all(value == "ok" for value in checks.values())
    return JsonResponse({"status": "ok" if healthy else "failing", "checks": checks}, status=200 if healthy else 503)
