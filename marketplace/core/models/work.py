"""WorkItem: everything that is to be done outside a request. PostgreSQL is the truth, Celery messages are hints."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class WorkState(models.TextChoices):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"  # ended at once: trying again cannot help
    PARKED = "PARKED"  # ten attempts did not help; a person must look


class WorkItem(models.Model):
    """One task with its arguments; unique on (task, key), so that asking twice does it once.

    lease_until is set by the database clock; fence grows with each claim, and only the newest fence may finish.
    """

    task = models.CharField(max_length=60)
    key = models.CharField(max_length=120)
    arguments = models.JSONField(default=dict)
    organization_id = models.CharField(max_length=32, blank=True)
    state = models.CharField(max_length=8, choices=WorkState.choices, default=WorkState.PENDING)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.IntegerField(default=0)  # claims, those of workers that were killed included
    failures = models.IntegerField(default=0)  # runs that ended with an error
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.BigIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "key"], name="work_once"),
            models.CheckConstraint(condition=models.Q(state__in=WorkState.values), name="work_state_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(state="PENDING"), name="work_due"),
            models.Index(fields=["lease_until"], condition=models.Q(state="RUNNING"), name="work_leased"),
            models.Index(fields=["finished_at"], condition=models.Q(state="DONE"), name="work_done"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.key}: {self.state}"


class WorkerHeartbeat(models.Model):
    """A worker or scheduler that is alive and consuming; older than 60 s means: kill and restart."""

    name = models.CharField(primary_key=True, max_length=80)
    beat_at = models.DateTimeField()

    class Meta:
        db_table = "core_worker_heartbeat"

    def __str__(self) -> str:
        return self.name
