"""What was recorded: audit with its chain, the outbox of events, answers kept for repeated requests, rate counters."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils import timezone

from marketplace.core.ids import new_id
from marketplace.core.models.identity import Organization, User


class AuditHead(models.Model):
    """The newest link of an organization's audit chain; locking it orders the chain. Row '' is the installation's."""

    scope = models.CharField(primary_key=True, max_length=32)
    sequence = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="0" * 64)

    def __str__(self) -> str:
        return f"{self.scope}#{self.sequence}"


class AuditRecord(models.Model):
    """One fact or refusal; append-only, chained by SHA-256 per scope, partitioned by month."""

    pk = models.CompositePrimaryKey("recorded_at", "scope", "sequence")
    scope = models.CharField(max_length=32)
    sequence = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    action = models.CharField(max_length=60)
    result = models.CharField(max_length=8, default="done")  # done, denied
    actor_kind = models.CharField(max_length=12)
    actor_user_id = models.BigIntegerField(null=True)
    credential_id = models.CharField(max_length=32, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    ip = models.GenericIPAddressField(null=True)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64)
    detail = models.JSONField(default=dict)
    previous_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["scope", "-recorded_at"], name="audit_by_scope")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.scope}#{self.sequence} {self.action}"


class OutboxEvent(models.Model):
    """A published fact, written in the transaction of the fact; partitioned by month. Reactions are WorkItems."""

    pk = models.CompositePrimaryKey("occurred_at", "id")
    id = models.CharField(max_length=32, default=new_id, editable=False)
    occurred_at = models.DateTimeField(default=timezone.now)
    name = models.CharField(max_length=60)
    organization_id = models.CharField(max_length=32, blank=True)
    payload = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id", "-occurred_at"], name="outbox_by_organization")]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class IdempotencyRecord(models.Model):
    """The answer to a POST with an Idempotency-Key; the unique row is taken before the work is done."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True)
    status = models.IntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="idempotency_key_once")]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key


class RateCounter(models.Model):
    """Calls counted in one window of one subject; in PostgreSQL, so that it holds while the cache is away."""

    key = models.CharField(primary_key=True, max_length=160)
    window_until = models.DateTimeField()
    count = models.IntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["window_until"], name="rate_counter_expiry")]

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
