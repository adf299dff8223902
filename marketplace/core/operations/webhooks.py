"""Endpoints that get an organization's events, and the deliveries to them. Source: Standard Webhooks 1.0.0."""

import base64
import hashlib
import hmac
import json
import random
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from django.db import connection, transaction
from django.db.models import F

from marketplace.core import audit, crypto, egress, work
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded
from marketplace.core.ids import new_id
from marketplace.core.models import Event, Organization, WebhookDelivery, WebhookDeliveryState, WebhookEndpoint
from marketplace.core.operations.notices import DETAIL_TYPES, send_event

MOST_ENDPOINTS = 20
MOST_DETAIL_TYPES = 50
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)
#: Pauses after the first, second, … failure: 3.15 days in all. Source: Standard Webhooks, deliverability and reliability.
PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
LONGEST_RETRY_AFTER_S = 86_400
#: without one success for so long, an endpoint is taken for dead
DEAD_AFTER = timedelta(days=5)
OUR_FAULT = "It could not be sent because of a fault of this installation. Tell the operator, then send it again."
NOT_SENT = "The webhook was disabled before this was sent."

_URL = re.compile(r"[\x21-\x7e]{1,2000}")


class WebhookIsDisabled(Conflict):
    message = "This webhook is disabled, so nothing is sent to it. Enable it first."


class EventWasForgotten(Conflict):
    message = "The event of this delivery is older than 90 days and was removed."


# --- endpoints --------------------------------------------------------------------------------------------------------
def _checked_url(url: str) -> str:
    url = url.strip()
    if not _URL.fullmatch(url):
        raise Invalid("A URL has 1 to 2,000 ASCII characters and no spaces.", field="url")
    if "#" in url:
        raise Invalid("The URL must not have a fragment (#).", field="url")
    try:
        egress.check_url(url)
    except egress.AddressRefused as error:
        raise Invalid(error.message, field="url") from None
    return url


def _checked_description(description: str) -> str:
    description = description.strip()
    if len(description) > 200 or "\x00" in description:
        raise Invalid("Use at most 200 characters, without NUL.", field="description")
    return description


def _checked_detail_types(detail_types: list[str]) -> list[str]:
    if len(detail_types) > MOST_DETAIL_TYPES:
        raise Invalid(f"Name at most {MOST_DETAIL_TYPES} types.", field="detail_types")
    for wanted in detail_types:
        if wanted not in DETAIL_TYPES and not (
            wanted.endswith("*") and any(name.startswith(wanted[:-1]) for name in DETAIL_TYPES)
        ):
            raise Invalid(
                f"There is no event of the type {wanted[:120]!r}. A name that ends in * stands for all that begin like it."
                f" Known: {', '.join(DETAIL_TYPES)}.",
                field="detail_types",
            )
    return list(dict.fromkeys(detail_types))


def _place(endpoint: WebhookEndpoint, column: str) -> dict[str, str]:
    return {
        "table": "core_webhookendpoint",
        "column": column,
        "row": endpoint.pk,
        "organization": endpoint.organization_id,
    }


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


@transaction.atomic
def create_webhook(
    *,
    organization: Organization,
    url: str,
    actor: Actor,
    at: datetime,
    description: str = "",
    detail_types: list[str] | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Send an organization's events to a URL from now on; return the endpoint with its secret, which is shown once.

    Raises Invalid naming the field, LimitExceeded "Webhooks per account".
    """
    endpoint = WebhookEndpoint(
        organization=organization,
        url=_checked_url(url),
        description=_checked_description(description),
        detail_types=_checked_detail_types(detail_types or []),
        created_at=at,
    )
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if WebhookEndpoint.objects.filter(organization=organization).count() >= MOST_ENDPOINTS:
        raise LimitExceeded("Webhooks per account", MOST_ENDPOINTS)
    secret = _new_secret()
    endpoint.sealed_secret = crypto.seal(secret, **_place(endpoint, "secret"))
    endpoint.save(force_insert=True)
    audit.record("webhook.created", actor=actor, subject=endpoint, detail={"host": urlsplit(endpoint.url).hostname})
    return endpoint, secret


@transaction.atomic
def update_webhook(
    *,
    endpoint: WebhookEndpoint,
    actor: Actor,
    at: datetime,
    url: str | None = None,
    description: str | None = None,
    detail_types: list[str] | None = None,
    is_enabled: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given. Raises Invalid naming the field.

    Disabling fails what waits to be sent; enabling sends what comes from then on, and the rest when it is asked for.
    """
    endpoint = _lock(endpoint)
    changes: dict[str, Any] = {}
    if url is not None:
        changes["url"] = _checked_url(url)
    if description is not None:
        changes["description"] = _checked_description(description)
    if detail_types is not None:
        changes["detail_types"] = _checked_detail_types(detail_types)
    changes = {name: value for name, value in changes.items() if getattr(endpoint, name) != value}
    for name, value in changes.items():
        setattr(endpoint, name, value)
    if "url" in changes:
        endpoint.failing_since = None  # of the address before
    if changes:
        endpoint.save(update_fields=[*changes, "failing_since"])
        detail: dict[str, Any] = {"fields": sorted(changes)}
        if "url" in changes:
            detail["host"] = urlsplit(endpoint.url).hostname
        audit.record("webhook.updated", actor=actor, subject=endpoint, detail=detail)
    if is_enabled is False:
        _disable(endpoint, reason="It was disabled by a member of your organization.", actor=actor, at=at)
    elif is_enabled and not endpoint.is_enabled:
        endpoint.disabled_at, endpoint.disabled_reason, endpoint.failing_since = None, "", None
        endpoint.save(update_fields=["disabled_at", "disabled_reason", "failing_since"])
        audit.record("webhook.enabled", actor=actor, subject=endpoint)
    return endpoint


def _lock(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    # Before any of its deliveries, always: two that record outcomes then cannot wait for each other. No key is changed,
    # so new deliveries can be written meanwhile.
    return WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)


def _disable(endpoint: WebhookEndpoint, *, reason: str, actor: Actor, at: datetime) -> None:
    if not endpoint.is_enabled:
        return
    endpoint.disabled_at, endpoint.disabled_reason = at, reason
    endpoint.save(update_fields=["disabled_at", "disabled_reason"])
    WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDeliveryState.PENDING).update(
        state=WebhookDeliveryState.FAILED,
        last_error=NOT_SENT,
        next_attempt_at=None,
        finished_at=at,
        turn=F("turn") + 1,
    )
    audit.record(
        "webhook.disabled",
        actor=actor,
        subject=endpoint,
        organization_id=endpoint.organization_id,
        detail={"reason": reason},
    )


@transaction.atomic
def delete_webhook(*, endpoint: WebhookEndpoint, actor: Actor) -> None:
    """Send nothing to it any more, and forget its secret and its deliveries. Twice changes nothing."""
    found = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk).first()
    if found is not None:
        audit.record("webhook.deleted", actor=actor, subject=found)
        found.delete()


@transaction.atomic
def rotate_secret(*, endpoint: WebhookEndpoint, actor: Actor, at: datetime) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret, shown once. For 24 h what is sent is signed with the one before too."""
    endpoint = _lock(endpoint)
    previous = crypto.unseal(bytes(endpoint.sealed_secret), **_place(endpoint, "secret"))
    secret = _new_secret()
    endpoint.sealed_previous_secret = crypto.seal(previous, **_place(endpoint, "previous_secret"))
    endpoint.previous_secret_until = at + OVERLAP
    endpoint.sealed_secret = crypto.seal(secret, **_place(endpoint, "secret"))
    endpoint.save(update_fields=["sealed_secret", "sealed_previous_secret", "previous_secret_until"])
    audit.record("webhook.secret_rotated", actor=actor, subject=endpoint)
    return endpoint, secret


# --- deliveries, as people ask for them -------------------------------------------------------------------------------
@transaction.atomic
def send_test_event(*, endpoint: WebhookEndpoint, actor: Actor, at: datetime) -> WebhookDelivery:
    """Send a "Webhook Test" event to one endpoint, whatever types it wants. Raises WebhookIsDisabled."""
    endpoint = _lock(endpoint)
    if not endpoint.is_enabled:
        raise WebhookIsDisabled("WEBHOOK", endpoint.pk)
    source_key = f"webhook-test:{new_id()}"
    send_event(
        detail_type="Webhook Test",
        source_key=source_key,
        occurred_at=at,
        resources=[],
        detail={"WebhookId": endpoint.pk},
        receivers=[endpoint.organization_id],
        endpoint=endpoint,
    )
    audit.record("webhook.tested", actor=actor, subject=endpoint)
    event = Event.objects.get(occurred_at=at, organization=endpoint.organization_id, source_key=source_key)
    return WebhookDelivery.objects.get(endpoint=endpoint, event_id=event.id)


@transaction.atomic
def replay_delivery(*, delivery: WebhookDelivery, actor: Actor, at: datetime) -> WebhookDelivery:
    """Send a delivery now, whether it was sent, failed or waits. Raises WebhookIsDisabled, EventWasForgotten."""
    endpoint = _lock(delivery.endpoint)
    if not endpoint.is_enabled:
        raise WebhookIsDisabled("WEBHOOK", endpoint.pk)
    if not Event.objects.filter(occurred_at=delivery.event_occurred_at, id=delivery.event_id).exists():
        raise EventWasForgotten("WEBHOOK_DELIVERY", delivery.pk)
    delivery = WebhookDelivery.objects.select_for_update(of=["self"]).select_related("endpoint").get(pk=delivery.pk)
    delivery.state = WebhookDeliveryState.PENDING
    delivery.failures, delivery.finished_at = 0, None
    delivery.save(update_fields=["state", "failures", "finished_at"])
    _schedule(delivery, delay_s=0, at=at)
    audit.record("webhook.delivery_replayed", actor=actor, subject=delivery)
    return delivery


@transaction.atomic
def replay_failed(*, endpoint: WebhookEndpoint, actor: Actor, at: datetime) -> int:
    """Send all failed deliveries of an endpoint again; return how many. Raises WebhookIsDisabled."""
    endpoint = _lock(endpoint)
    if not endpoint.is_enabled:
        raise WebhookIsDisabled("WEBHOOK", endpoint.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE core_webhookdelivery SET state = 'PENDING', failures = 0, finished_at = NULL, turn = turn + 1,
                   next_attempt_at = %s
            WHERE endpoint_id = %s AND state = 'FAILED' RETURNING id, turn
            """,
            [at, endpoint.pk],
        )
        again = cursor.fetchall()
    work.enqueue_many(
        "core.deliver_webhook",
        [(f"{pk}:{turn}", endpoint.organization_id, {"delivery_id": pk, "turn": turn}) for pk, turn in again],
    )
    audit.record("webhook.failed_replayed", actor=actor, subject=endpoint, detail={"deliveries": len(again)})
    return len(again)


def _schedule(delivery: WebhookDelivery, *, delay_s: float, at: datetime) -> None:
    delivery.turn += 1
    delivery.next_attempt_at = at + timedelta(seconds=delay_s)
    delivery.save(update_fields=["turn", "next_attempt_at"])
    key, whose = f"{delivery.pk}:{delivery.turn}", delivery.endpoint.organization_id
    arguments: dict[str, Any] = {"delivery_id": delivery.pk, "turn": delivery.turn}
    work.enqueue("core.deliver_webhook", key=key, organization_id=whose, delay_s=delay_s, **arguments)


# --- sending ----------------------------------------------------------------------------------------------------------
def signatures(endpoint: WebhookEndpoint, *, message_id: str, body: bytes, at: datetime) -> str:
    """Return the value of webhook-signature: `v1,<base64>` with each secret that holds at the instant `at`, by spaces."""
    held = [crypto.unseal(bytes(endpoint.sealed_secret), **_place(endpoint, "secret"))]
    if endpoint.previous_secret_until is not None and at < endpoint.previous_secret_until:
        sealed = bytes(endpoint.sealed_previous_secret or b"")
        held.append(crypto.unseal(sealed, **_place(endpoint, "previous_secret")))
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    return " ".join(f"v1,{_sign(secret, signed)}" for secret in held)


def _sign(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@dataclass(frozen=True)
class _Outcome:
    status: int | None
    error: str = ""  # empty: it went well
    is_final: bool = False
    retry_after_s: int = 0


def attempt_delivery(*, delivery_id: str, turn: int, at: datetime) -> None:
    """Send a delivery once and record how it went; the next attempt is a work row of its own.

    Nothing is done for a delivery that is gone or whose turn is over: it was replayed, or its endpoint disabled.
    A worker that dies after sending sends again, under the same webhook-id.
    """
    delivery = (
        WebhookDelivery.objects.select_related("endpoint")
        .filter(pk=delivery_id, turn=turn, state=WebhookDeliveryState.PENDING)
        .first()
    )
    if delivery is None:
        return
    event = (
        Event.objects.select_related("organization")
        .filter(occurred_at=delivery.event_occurred_at, id=delivery.event_id)
        .first()
    )
    if not delivery.endpoint.is_enabled:
        give_up_delivery(delivery_id=delivery_id, turn=turn, reason=NOT_SENT, at=at)
    elif event is None:
        give_up_delivery(delivery_id=delivery_id, turn=turn, reason=EventWasForgotten.message, at=at)
    else:
        _record(delivery, _send(delivery.endpoint, event, at=at), at=at)


def give_up_delivery(*, delivery_id: str, turn: int, reason: str, at: datetime) -> None:
    """Fail a delivery for a reason that is not the endpoint's; nothing is done when its turn is over."""
    WebhookDelivery.objects.filter(pk=delivery_id, turn=turn, state=WebhookDeliveryState.PENDING).update(
        state=WebhookDeliveryState.FAILED, last_error=reason[:500], next_attempt_at=None, finished_at=at
    )


def _send(endpoint: WebhookEndpoint, event: Event, *, at: datetime) -> _Outcome:
    body = json.dumps(event.envelope, separators=(",", ":"), sort_keys=True).encode()
    message_id = str(event.id)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Entrepot-Webhooks/1",
        "Accept-Encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signatures(endpoint, message_id=message_id, body=body, at=at),
    }
    try:
        answer = egress.post(endpoint.url, body=body, headers=headers)
    except egress.AddressRefused as refused:
        return _Outcome(None, refused.message)
    except requests.Timeout:
        return _Outcome(None, f"There was no answer within {egress.POST_S:g} seconds.")
    except requests.exceptions.SSLError:
        return _Outcome(None, "No secure connection could be made: check the certificate of the address.")
    except requests.RequestException:
        return _Outcome(None, "The address could not be reached, or it ended the connection without an answer.")
    if 200 <= answer.status < 300:
        return _Outcome(answer.status)
    if answer.status == 410:
        return _Outcome(410, "It answered 410: it wants nothing any more.", is_final=True)
    if 300 <= answer.status < 400:
        return _Outcome(answer.status, f"It answered {answer.status}; redirects are not followed.")
    return _Outcome(
        answer.status, f"It answered {answer.status}; 2xx was expected.", retry_after_s=_retry_after_s(answer)
    )


def _retry_after_s(answer: egress.Answer) -> int:
    wanted = answer.headers.get("Retry-After", "")
    if answer.status not in {429, 503} or not re.fullmatch(r"[0-9]{1,9}", wanted):
        return 0
    return min(int(wanted), LONGEST_RETRY_AFTER_S)


@transaction.atomic
def _record(delivery: WebhookDelivery, outcome: _Outcome, *, at: datetime) -> None:
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=delivery.endpoint_id).first()
    if endpoint is None:
        return
    found = (
        WebhookDelivery.objects.select_for_update(of=["self"])
        .select_related("endpoint")
        .filter(pk=delivery.pk, turn=delivery.turn, state=WebhookDeliveryState.PENDING)
        .first()
    )
    if found is None:  # somebody else had this turn too and was first, or it was replayed or disabled meanwhile
        return
    found.attempts += 1
    found.last_attempt_at, found.last_status, found.last_error = at, outcome.status, outcome.error
    found.next_attempt_at = None
    if outcome.error:
        found.failures += 1
    is_over = not outcome.error or outcome.is_final or found.failures > len(PAUSES_S) or not endpoint.is_enabled
    if is_over:
        found.state = WebhookDeliveryState.FAILED if outcome.error else WebhookDeliveryState.DONE
        found.finished_at = at
    found.save()
    if not is_over:
        pause = PAUSES_S[found.failures - 1] * random.uniform(0.85, 1.15)  # noqa: S311
        _schedule(found, delay_s=max(pause, outcome.retry_after_s), at=at)
    _note_health(endpoint, outcome, at=at)


def _note_health(endpoint: WebhookEndpoint, outcome: _Outcome, *, at: datetime) -> None:
    since = (endpoint.failing_since or at) if outcome.error else None
    if since != endpoint.failing_since:
        endpoint.failing_since = since
        endpoint.save(update_fields=["failing_since"])
    if outcome.is_final:
        _disable(endpoint, reason="It answered 410: it wants nothing any more.", actor=SYSTEM, at=at)
    elif since is not None and at - since >= DEAD_AFTER:
        _disable(endpoint, reason=f"Nothing could be sent to it for {DEAD_AFTER.days} days.", actor=SYSTEM, at=at)
