"""Events, webhooks and deliveries of an organization."""

from django.db.models import QuerySet

from marketplace.core.errors import NotFound
from marketplace.core.models import Event, Organization, WebhookDelivery, WebhookEndpoint


def list_events(
    *, organization: Organization, starting_with: str = "", after: int | None = None
) -> QuerySet[Event, Event]:
    """Return the events that an organization received, to be ordered by sequence. starting_with: of the detail type.

    after: a sequence; only what was committed later. No event ever appears below one that was seen.
    """
    found = Event.objects.filter(organization=organization).select_related("organization")
    if starting_with:
        found = found.filter(detail_type__startswith=starting_with)
    return found if after is None else found.filter(sequence__gt=after)


def list_webhooks(*, organization: Organization) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints of an organization, newest first."""
    return WebhookEndpoint.objects.filter(organization=organization).order_by("-created_at", "-pk")


def get_webhook(*, organization: Organization, webhook_id: str) -> WebhookEndpoint:
    """Raise NotFound alike for an endpoint that is missing and for one that is somebody else's."""
    try:
        return list_webhooks(organization=organization).get(pk=webhook_id)
    except WebhookEndpoint.DoesNotExist:
        raise NotFound("WEBHOOK", webhook_id) from None


def list_webhook_deliveries(*, endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """Return the deliveries to an endpoint, newest first."""
    return WebhookDelivery.objects.filter(endpoint=endpoint).order_by("-created_at", "-pk")


def get_webhook_delivery(*, endpoint: WebhookEndpoint, delivery_id: str) -> WebhookDelivery:
    """Raise NotFound when the endpoint has no such delivery."""
    try:
        return list_webhook_deliveries(endpoint=endpoint).select_related("endpoint").get(pk=delivery_id)
    except WebhookDelivery.DoesNotExist:
        raise NotFound("WEBHOOK_DELIVERY", delivery_id) from None
