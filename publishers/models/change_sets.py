"""ChangeSet: changes to products and offers that are asked for together, applied together or not at all."""

import secrets
from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from marketplace.core.models import Organization, User

#: How long a change set can be looked up. Source: marketplace-catalog 2018-09-17, DescribeChangeSet.
HISTORY = timedelta(days=60)


def new_change_set_id() -> str:
    """Return `cs-` and 25 lowercase letters and digits."""
    return "cs-" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(25))


class ChangeSetState(models.TextChoices):
    """PREPARING to APPLYING or CANCELLED; APPLYING to SUCCEEDED or FAILED."""

    PREPARING = "PREPARING"
    APPLYING = "APPLYING"
    SUCCEEDED = "SUCCEEDED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


RUNNING = (ChangeSetState.PREPARING, ChangeSetState.APPLYING)


class ChangeSetIntent(models.TextChoices):
    """VALIDATE goes through every change and takes all of them back."""

    APPLY = "APPLY"
    VALIDATE = "VALIDATE"


class FailureCode(models.TextChoices):
    """CLIENT_ERROR: changes are wrong, and say so; SERVER_FAULT: the fault is ours."""

    NONE = ""
    CLIENT_ERROR = "CLIENT_ERROR"
    SERVER_FAULT = "SERVER_FAULT"


class ChangeSet(models.Model):
    """One request for changes, with what became of each."""

    id = models.CharField(primary_key=True, max_length=32, default=new_change_set_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="change_sets")
    name = models.CharField(max_length=100)
    intent = models.CharField(max_length=8, choices=ChangeSetIntent.choices, default=ChangeSetIntent.APPLY)
    state = models.CharField(max_length=9, choices=ChangeSetState.choices, default=ChangeSetState.PREPARING)
    #: [{"name", "type", "entity_type", "entity_id", "details", "errors": [{"code", "message"}]}], in the order of the request
    changes = models.JSONField(default=list)
    failure_code = models.CharField(max_length=12, choices=FailureCode.choices, default=FailureCode.NONE, blank=True)
    failure_description = models.CharField(max_length=2000, blank=True)
    client_request_token = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - no token is no value
    #: of the request without its token
    fingerprint = models.CharField(max_length=64)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="change_sets")
    credential_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "client_request_token"], name="change_set_once_per_token"),
            CheckConstraint(condition=Q(state__in=ChangeSetState.values), name="change_set_state_known"),
            CheckConstraint(condition=Q(intent__in=ChangeSetIntent.values), name="change_set_intent_known"),
            CheckConstraint(
                condition=Q(state__in=RUNNING, ended_at=None) | (~Q(state__in=RUNNING) & Q(ended_at__isnull=False)),
                name="change_set_ended_has_time",
            ),
            CheckConstraint(
                condition=(Q(state="FAILED") & ~Q(failure_code="")) | (~Q(state="FAILED") & Q(failure_code="")),
                name="change_set_failed_has_code",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "-created_at", "id"], name="change_set_by_owner")]

    def __str__(self) -> str:
        return f"{self.id}: {self.state}"


class ChangeSetEntity(models.Model):
    """A product or offer that a change set is about; while the set runs, no other one may be about it."""

    id = models.BigAutoField(primary_key=True)
    change_set = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="entities")
    entity_id = models.CharField(max_length=32)
    is_running = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["change_set", "entity_id"], name="entity_once_per_change_set"),
            models.UniqueConstraint(
                fields=["entity_id"], condition=Q(is_running=True), name="one_running_change_set_per_entity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entity_id} in {self.change_set_id}"
