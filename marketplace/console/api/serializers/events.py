"""Events, webhooks and what was sent to them."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Flag, Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.core.models import WebhookDeliveryState
from marketplace.core.operations.webhooks import MOST_DETAIL_TYPES

STATES = WebhookDeliveryState.choices


class Envelope(serializers.Serializer[Any]):
    """An event as webhooks get it, in the shape of Amazon EventBridge."""

    version = serializers.CharField()
    id = serializers.CharField(help_text="The same wherever the event is seen.")
    source = serializers.CharField(help_text="`aws.dataexchange`.")  # type: ignore[assignment]
    account = serializers.CharField(help_text="The account id of your organization.")
    time = serializers.DateTimeField(help_text="When it happened, to the second.")
    region = serializers.CharField()
    resources = serializers.ListField(child=serializers.CharField(), help_text="What it is about: ids or ARNs.")
    detail = serializers.DictField(help_text="What there is to say about an event of this type.")

    def get_fields(self) -> dict[str, Any]:
        """Return the members; the name of one is no name in Python."""
        kind = serializers.CharField(help_text="What happened, such as `Revision Published To Data Set`.")
        return {"detail-type": kind} | super().get_fields()


class EventLine(serializers.Serializer[Any]):
    """An event, and the place from which to go on."""

    cursor = serializers.CharField(help_text="As `after`, it asks for what came after this event. It does not expire.")
    event = Envelope()


class EventQuery(PageQuery):
    """Which events, and in which order."""

    detail_type = serializers.CharField(
        required=False, max_length=120, help_text="Only events whose `detail-type` begins with this."
    )
    after = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="The `cursor` of an event: lists what came after it, oldest first. Empty: from the oldest that is kept.",
    )


class Webhook(serializers.Serializer[Any]):
    """An address that gets your events; its secret is never shown again."""

    id = serializers.CharField()
    url = serializers.CharField()
    description = serializers.CharField()
    detail_types = serializers.ListField(child=serializers.CharField(), help_text="Empty: events of every type.")
    is_enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    disabled_at = serializers.DateTimeField(allow_null=True)
    disabled_reason = serializers.CharField(help_text="Why it was disabled; empty while it is enabled.")
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when nothing could be sent; null when the last attempt went well."
    )
    previous_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when the secret before the last rotation signs too."
    )


class WebhookWithSecret(Webhook):
    """A webhook with its secret, which is shown here and never again."""

    secret = serializers.CharField(help_text="`whsec_` and the base64 of the key for HMAC-SHA256.")


def _detail_types() -> serializers.ListField:
    return serializers.ListField(
        child=Text(max_length=120, allow_blank=False),
        required=False,
        max_length=MOST_DETAIL_TYPES,
        help_text="Names of types; one that ends in `*` stands for all that begin like it. Empty: every type.",
    )


class NewWebhook(Strict):
    """Where events are sent, and which."""

    url = Text(max_length=2000, help_text="https; redirects are not followed.")
    description = Text(max_length=200, required=False, default="")
    detail_types = _detail_types()


class WebhookChange(Strict):
    """What is to change; the rest stays."""

    url = Text(max_length=2000, required=False)
    description = Text(max_length=200, required=False)
    detail_types = _detail_types()
    is_enabled = Flag(required=False, help_text="false fails what waits to be sent; it can be sent again later.")


class WebhookDeliveryQuery(PageQuery):
    """Which deliveries."""

    state = serializers.ChoiceField(choices=STATES, required=False)


class WebhookDeliveryShape(serializers.Serializer[Any]):
    """One event for one webhook."""

    id = serializers.CharField()
    event_id = serializers.CharField(help_text="Also its `webhook-id`, on every attempt.")
    detail_type = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    attempts = serializers.IntegerField()
    last_attempt_at = serializers.DateTimeField(allow_null=True)
    last_status = serializers.IntegerField(allow_null=True, help_text="HTTP status; null when there was no answer.")
    last_error = serializers.CharField(help_text="Why the last attempt failed, in a sentence; empty when it did not.")
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class Replayed(serializers.Serializer[Any]):
    """How many deliveries are sent again."""

    deliveries = serializers.IntegerField()
