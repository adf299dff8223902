"""What the caller's organization is told, and where it is sent."""

from dataclasses import dataclass
from typing import Any

from django.core import signing

from marketplace.awsapi.paging import BadPageToken
from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.events import (
    EventLine,
    EventQuery,
    NewWebhook,
    Replayed,
    Webhook,
    WebhookChange,
    WebhookDeliveryQuery,
    WebhookDeliveryShape,
    WebhookWithSecret,
)
from marketplace.core.models import Event, WebhookDelivery, WebhookEndpoint
from marketplace.core.operations import webhooks
from marketplace.core.queries.events import (
    get_webhook,
    get_webhook_delivery,
    list_events,
    list_webhook_deliveries,
    list_webhooks,
)

NEWEST_FIRST = ("-created_at", "-pk")


@dataclass(frozen=True, slots=True)
class Line:
    """An event in a list."""

    cursor: str
    event: dict[str, Any]


def _salt(caller: Caller) -> str:
    return f"api.events.{caller.organization.pk}"


def _line(event: Event, caller: Caller) -> Line:
    return Line(signing.dumps(event.sequence, salt=_salt(caller)), event.envelope)


def _sequence(cursor: str, caller: Caller) -> int:
    """Return the place that a cursor of an event names; it stays good for as long as events are kept. Raises BadPageToken."""
    if not cursor:
        return 0
    try:
        return int(signing.loads(cursor, salt=_salt(caller)))
    except (signing.BadSignature, TypeError, ValueError):
        raise BadPageToken("This is not the cursor of an event of yours.", field="after") from None


class EventsView(ApiView):
    tag = "Events"

    @operation("list_events", scope="events:read", asks=EventQuery, lists=EventLine)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List what your organization was told, newest first.

        To follow events, keep the `cursor` of the last one that you have seen and ask with `after` again and again: no event
        is left out, whatever runs at the same time.
        """
        after, starting_with = query.get("after"), query.get("detail_type", "")
        rows = list_events(
            organization=caller.organization,
            starting_with=starting_with,
            after=None if after is None else _sequence(after, caller),
        )
        page = page_of(
            rows,
            order_by=("-sequence",) if after is None else ("sequence",),
            query=query,
            binding=["events", caller.organization.pk, starting_with, after],
        )
        return Page([_line(event, caller) for event in page.rows], page.next_cursor)


def _with_secret(endpoint: WebhookEndpoint, secret: str) -> WebhookEndpoint:
    endpoint.secret = secret  # type: ignore[attr-defined]
    return endpoint


class WebhooksView(ApiView):
    tag = "Webhooks"

    @operation("list_webhooks", scope="events:read", lists=Webhook)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List your webhooks, newest first."""
        rows = list_webhooks(organization=caller.organization)
        return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=["webhooks", caller.organization.pk])

    @operation(
        "create_webhook", scope="webhooks:write", takes=NewWebhook, gives=WebhookWithSecret, status=201, has_secret=True
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> WebhookEndpoint:
        """Have your events sent to an address from now on.

        Each is a POST with the event as JSON, signed by the secret of this answer as Standard Webhooks says: headers
        `webhook-id`, `webhook-timestamp`, `webhook-signature`. Answer 2xx within 15 seconds; anything else is tried again
        for about three days, and 410 disables the webhook. An event may come more than once, under one `webhook-id`.
        """
        return _with_secret(
            *webhooks.create_webhook(organization=caller.organization, actor=caller.actor, at=caller.at, **body)
        )


class WebhookView(ApiView):
    tag = "Webhooks"

    @operation("get_webhook", scope="events:read", gives=Webhook)
    def get(self, caller: Caller, webhook_id: str) -> WebhookEndpoint:
        """Read a webhook."""
        return get_webhook(organization=caller.organization, webhook_id=webhook_id)

    @operation("update_webhook", scope="webhooks:write", takes=WebhookChange, gives=Webhook)
    def patch(self, caller: Caller, webhook_id: str, body: dict[str, Any]) -> WebhookEndpoint:
        """Change a webhook, disable or enable it."""
        endpoint = get_webhook(organization=caller.organization, webhook_id=webhook_id)
        return webhooks.update_webhook(endpoint=endpoint, actor=caller.actor, at=caller.at, **body)

    @operation("delete_webhook", scope="webhooks:write")
    def delete(self, caller: Caller, webhook_id: str) -> None:
        """Send nothing to this address any more, and forget what was sent to it."""
        endpoint = get_webhook(organization=caller.organization, webhook_id=webhook_id)
        webhooks.delete_webhook(endpoint=endpoint, actor=caller.actor)


class WebhookSecretView(ApiView):
    tag = "Webhooks"

    @operation("rotate_webhook_secret", scope="webhooks:write", gives=WebhookWithSecret, has_secret=True)
    def post(self, caller: Caller, webhook_id: str) -> WebhookEndpoint:
        """Give a webhook a new secret.

        For 24 hours there are two signatures, by the new secret and by the one before.
        """
        endpoint = get_webhook(organization=caller.organization, webhook_id=webhook_id)
        return _with_secret(*webhooks.rotate_secret(endpoint=endpoint, actor=caller.actor, at=caller.at))


class WebhookTestView(ApiView):
    tag = "Webhooks"

    @operation("test_webhook", scope="webhooks:write", gives=WebhookDeliveryShape, status=202)
    def post(self, caller: Caller, webhook_id: str) -> WebhookDelivery:
        """Send an event of the type `Webhook Test` to this webhook only; its delivery tells how it went."""
        endpoint = get_webhook(organization=caller.organization, webhook_id=webhook_id)
        return webhooks.send_test_event(endpoint=endpoint, actor=caller.actor, at=caller.at)


class WebhookDeliveriesView(ApiView):
    tag = "Webhooks"

    @operation("list_webhook_deliveries", scope="events:read", asks=WebhookDeliveryQuery, lists=WebhookDeliveryShape)
    def get(self, caller: Caller, webhook_id: str, query: dict[str, Any]) -> Page:
        """List what was sent to a webhook or is to be sent, newest first, for 90 days."""
        endpoint = get_webhook(organization=caller.organization, webhook_id=webhook_id)
        rows, state = list_webhook_deliveries(endpoint=endpoint), query.get("state", "")
        if state:
            rows = rows.filter(state=state)
        return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=["webhook-deliveries", endpoint.pk, state])


class WebhookReplayView(ApiView):
    tag = "Webhooks"

    @operation("replay_failed_webhook_deliveries", scope="webhooks:write", gives=Replayed, status=202)
    def post(self, caller: Caller, webhook_id: str) -> dict[str, int]:
        """Send everything again that could not be sent to a webhook."""
        endpoint = get_webhook(organization=caller.organization, webhook_id=webhook_id)
        return {"deliveries": webhooks.replay_failed(endpoint=endpoint, actor=caller.actor, at=caller.at)}


class WebhookDeliveryReplayView(ApiView):
    tag = "Webhooks"

    @operation("replay_webhook_delivery", scope="webhooks:write", gives=WebhookDeliveryShape, status=202)
    def post(self, caller: Caller, webhook_id: str, delivery_id: str) -> WebhookDelivery:
        """Send one delivery again, or now instead of later."""
        endpoint = get_webhook(organization=caller.organization, webhook_id=webhook_id)
        delivery = get_webhook_delivery(endpoint=endpoint, delivery_id=delivery_id)
        return webhooks.replay_delivery(delivery=delivery, actor=caller.actor, at=caller.at)
