"""Notification: what a person is told. NotificationSetting: what they want to be told, and where."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from marketplace.core.ids import new_id
from marketplace.core.models.identity import Membership


class Notification(models.Model):
    """One sentence for one member, with the page that it is about.

    subject_key groups what is about the same object, such as `product:prod-…`. source_key is that of the fact: the same
    fact tells a member once, however often its task runs. emailed_at: when it was sent by mail; none while it was not.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="notifications")
    topic = models.CharField(max_length=40)
    subject_key = models.CharField(max_length=120)
    subject_label = models.CharField(max_length=256)
    text = models.CharField(max_length=1000)
    path = models.CharField(max_length=500)  # of the page, without the host
    source_key = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    emailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "source_key"], name="told_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["membership", "-created_at", "-id"], name="notification_newest"),
            models.Index(fields=["membership"], condition=models.Q(read_at=None), name="notification_unread"),
            models.Index(fields=["created_at"], name="notification_age"),
        ]

    def __str__(self) -> str:
        return self.text


class NotificationSetting(models.Model):
    """How a member wants to hear of a topic; without a row, as the topic's own default says."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="notification_settings")
    topic = models.CharField(max_length=40)
    in_app = models.BooleanField()
    email = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "topic"], name="one_setting_per_topic"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} of {self.membership_id}"
