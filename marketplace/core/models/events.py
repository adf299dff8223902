"""Event: what an organization is told. WebhookEndpoint and WebhookDelivery: where it is sent, and how that went."""

import uuid
from datetime import UTC
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from marketplace.core.ids import new_id
from marketplace.core.models.identity import Organization


class Event(models.Model):
    """Something that one organization is told; partitioned by month. `operations.notices.send_event` writes them all.

    occurred_at is the instant of the fact and not of the row, so that the unique constraint, which has to hold it, finds
    the same fact again. sequence is the order in which rows were committed, which is what a reader continues from.
    """

    pk = models.CompositePrimaryKey("occurred_at", "id")
    id = models.UUIDField(default=uuid.uuid4, editable=False)
    occurred_at = models.DateTimeField()
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="events")
    sequence = models.BigIntegerField()
    detail_type = models.CharField(max_length=120)
    source_key = models.CharField(max_length=200)  # of the fact: the same fact twice is one row
    resources = models.JSONField(default=list)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["occurred_at", "organization", "source_key"], name="event_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "-sequence"], name="event_by_organization")]

    def __str__(self) -> str:
        return f"{self.detail_type} {self.id}"

    @property
    def envelope(self) -> dict[str, Any]:
        """Return the event as programs get it; the organization must have been selected along.

        Source: Amazon EventBridge user guide, structure of AWS events; reference section (c).
        """
        return {
            "version": "0",
            "id": str(self.id),
            "detail-type": self.detail_type,
            "source": "aws.dataexchange",
            "account": self.organization.account_id,
            "time": f"{self.occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": settings.S3_REGION,
            "resources": self.resources,
            "detail": self.detail,
        }


class WebhookEndpoint(models.Model):
    """An address of an organization to which its events are sent, signed by a secret that both sides know.

    detail_types: names of events; one that ends in `*` stands for all that begin like it; none stands for all events.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="webhook_endpoints")
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True)
    detail_types: models.Field = ArrayField(models.CharField(max_length=120), default=list)  # type: ignore[type-arg]
    sealed_secret = models.BinaryField()
    sealed_previous_secret = models.BinaryField(null=True, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=500, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(sealed_previous_secret=None, previous_secret_until=None)
                | Q(sealed_previous_secret__isnull=False, previous_secret_until__isnull=False),
                name="previous_secret_has_an_end",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-created_at", "-id"], name="webhook_by_organization")
        ]

    def __str__(self) -> str:
        return f"webhook {self.id} of {self.organization_id}"

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None


class WebhookDeliveryState(models.TextChoices):
    PENDING = "PENDING", "To be sent"
    DONE = "DONE", "Sent"
    FAILED = "FAILED", "Not sent"


class WebhookDelivery(models.Model):
    """One event for one endpoint. Each attempt is a work row of its own, of which only that of the present turn counts."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    # the key of the event: a foreign key cannot point to a partitioned row
    event_id = models.UUIDField()
    event_occurred_at = models.DateTimeField()
    detail_type = models.CharField(max_length=120)
    state = models.CharField(max_length=7, choices=WebhookDeliveryState.choices, default=WebhookDeliveryState.PENDING)
    attempts = models.IntegerField(default=0)  # in all
    failures = models.IntegerField(default=0)  # since somebody last asked for it: the place in the series of pauses
    turn = models.IntegerField(default=1)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_status = models.IntegerField(null=True, blank=True)  # of HTTP; null when there was no answer
    last_error = models.CharField(max_length=500, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhook_delivery_once"),
            CheckConstraint(condition=Q(state__in=WebhookDeliveryState.values), name="webhook_delivery_state_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "-created_at", "-id"], name="delivery_by_webhook"),
            models.Index(fields=["endpoint"], condition=Q(state="FAILED"), name="delivery_failed_by_webhook"),
            models.Index(fields=["event_occurred_at"], name="delivery_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}: {self.state}"
