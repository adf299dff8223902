"""What the broker may ask of a worker, and the core's own work."""

import logging
import threading
import time
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.db import close_old_connections, connection
from django.utils import timezone

from marketplace.core import hints, partitions, work
from marketplace.core.models import Event, IdempotencyRecord, RateCounter, UsedSignature, WebhookDelivery, WorkItem
from marketplace.core.models.work import WorkState
from marketplace.core.operations import inbox, publishers, team, webhooks

logger = logging.getLogger(__name__)
EVENTS_ARE_KEPT = timedelta(days=90)
_last_consumed = time.monotonic()


def beat(name: str) -> None:
    """Write the heartbeat row of a worker or scheduler, by the database clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_worker_heartbeat (name, beat_at) VALUES (%s, now())"
            " ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at",
            [name],
        )


@shared_task(name=hints.TASK)
def run_due_work() -> None:
    """Run what is due."""
    global _last_consumed
    _last_consumed = time.monotonic()
    work.run_due()


@shared_task(name=hints.BEAT)
def consume_beat() -> None:
    """Show that messages still arrive here."""
    global _last_consumed
    _last_consumed = time.monotonic()


def _keep(name: str) -> None:
    """Renew leases and beat. A worker that neither works nor receives messages falls silent and is then replaced."""
    while True:
        try:
            close_old_connections()
            work.renew_held()
            if work.is_busy() or time.monotonic() - _last_consumed < 30:
                beat(name)
        except Exception:  # noqa: BLE001
            logger.warning("heartbeat could not be written")
            connection.close()
        time.sleep(min(10, work.RENEW_S))


@worker_ready.connect
def take_over(**_: Any) -> None:
    """Start the keeper, and free what an earlier process of the same name had claimed."""
    name = work.worker_name()
    if name != "unnamed":
        freed = work.release_leases(name)
        if freed:
            logger.info("took over work", extra={"fields": {"worker": name, "rows": freed}})
    threading.Thread(target=_keep, args=(name,), name="keeper", daemon=True).start()
    hints.send()


@work.task("core.prepare_partitions")
def prepare_partitions(**_: object) -> None:
    """Make the partitions of the coming months."""
    partitions.prepare(timezone.now().date())


@work.task("core.forget_old_rows")
def forget_old_rows(**_: object) -> None:
    """Delete finished work, spent signatures, old answers, counters, events and notifications, and what was sent of those."""
    now = timezone.now()
    WorkItem.objects.filter(state=WorkState.DONE, finished_at__lt=now - timedelta(days=7)).delete()
    UsedSignature.objects.filter(expires_at__lt=now).delete()
    IdempotencyRecord.objects.filter(created_at__lt=now - timedelta(hours=24)).delete()
    RateCounter.objects.filter(window_until__lt=now).delete()
    WebhookDelivery.objects.filter(event_occurred_at__lt=now - EVENTS_ARE_KEPT).delete()
    Event.objects.filter(occurred_at__lt=now - EVENTS_ARE_KEPT).delete()
    inbox.forget_notifications(at=now)


def _delivery_parked(*, delivery_id: str, turn: int, **_: object) -> None:
    # The reason is about the inside of this installation: it stands in the log and on the work row.
    webhooks.give_up_delivery(delivery_id=delivery_id, turn=turn, reason=webhooks.OUR_FAULT, at=timezone.now())


@work.task("core.deliver_webhook", on_parked=_delivery_parked)
def deliver_webhook(*, delivery_id: str, turn: int, **_: object) -> None:
    """Send an event to an endpoint once; a failure plans the next attempt."""
    webhooks.attempt_delivery(delivery_id=delivery_id, turn=turn, at=timezone.now())


@work.task("core.email_notification")
def email_notification(*, notification_id: str, **_: object) -> None:
    """Mail what a member is told, once."""
    inbox.email_notification(notification_id=notification_id, at=timezone.now())


@work.task("core.tell_of_expiring_credentials")
def tell_of_expiring_credentials(**_: object) -> None:
    """Tell the users of tokens and access keys that end within a week, once each."""
    inbox.tell_of_expiring_credentials(at=timezone.now())


@work.task("core.announce_publisher_request")
def announce_publisher_request(*, publisher_id: str, note: str, asked_at: str, **_: object) -> None:
    """Tell the operators that an organization asks to publish."""
    publishers.announce_request(publisher_id=publisher_id, note=note, asked_at=asked_at, at=timezone.now())


@work.task("core.announce_publisher_decision")
def announce_publisher_decision(*, publisher_id: str, reason: str, decided_at: str, **_: object) -> None:
    """Tell an organization what the operator decided on its publishing."""
    publishers.announce_decision(publisher_id=publisher_id, reason=reason, decided_at=decided_at, at=timezone.now())


@work.task("core.email_invitation")
def email_invitation(*, invitation_id: str, nonce: str, **_: object) -> None:
    """Mail the link of an invitation."""
    team.email_invitation(invitation_id=invitation_id, nonce=nonce, at=timezone.now())


@work.task("core.tell_team")
def tell_team(
    *, fact: str, team_id: str, kind: str, user_id: int, role: str, before: str, by_user_id: int | None
) -> None:
    """Tell a team who joined or left, or whose role changed."""
    team.tell_team(
        fact=fact,
        team_id=team_id,
        kind=kind,
        user_id=user_id,
        role=role,
        before=before,
        by_user_id=by_user_id,
        at=timezone.now(),
    )
