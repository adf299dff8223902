"""What a member was told, and how they want to be told."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from marketplace.console.api.fields import Flag, Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.core.models import Notification
from marketplace.core.topics import TOPICS


class NotificationShape(serializers.Serializer[Any]):
    """One sentence that you were told."""

    id = serializers.CharField()
    topic = serializers.CharField(help_text="One of those of the notification settings.")
    subject_key = serializers.CharField(help_text="The same for all that is about one object.")
    subject_label = serializers.CharField(help_text="The object in words.")
    text = serializers.CharField()
    url = serializers.SerializerMethodField(help_text="The page that it is about.")
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True, help_text="null while it is unread.")

    def get_url(self, notification: Notification) -> str:
        """Return the address with the host of this exchange."""
        return f"{settings.PUBLIC_URL}{notification.path}"


class NotificationQuery(PageQuery):
    """Which notifications."""

    unread = serializers.BooleanField(required=False, default=False, help_text="true leaves out what was read.")
    topic = serializers.ChoiceField(choices=list(TOPICS), required=False)
    subject_key = serializers.CharField(required=False, max_length=120, help_text="All that is about one object.")


class NotificationChange(Strict):
    """Whether a notification counts as read."""

    is_read = Flag()


class WhatToMark(Strict):
    """What is read."""

    subject_key = Text(max_length=120, required=False, default="", help_text="Only this object; everything when empty.")


class Marked(serializers.Serializer[Any]):
    """How many were unread, and the instant that takes it back."""

    marked = serializers.IntegerField()
    marked_at = serializers.DateTimeField()


class MarkingToTakeBack(Strict):
    """Which marking."""

    marked_at = serializers.DateTimeField(help_text="As it was answered.")


class TakenBack(serializers.Serializer[Any]):
    """How many are unread again."""

    taken_back = serializers.IntegerField()


class TopicShape(serializers.Serializer[Any]):
    """A topic, and where you hear of it."""

    topic = serializers.CharField()
    label = serializers.CharField(source="about.label")  # type: ignore[assignment]
    group = serializers.CharField(source="about.group")
    in_app = serializers.BooleanField(help_text="In the inbox of the portal and here.")
    email = serializers.BooleanField(help_text="By mail.")


class NotificationSettings(serializers.Serializer[Any]):
    """Every topic that concerns you, in a fixed order."""

    topics = TopicShape(many=True)


class TopicChoice(Strict):
    """Where you want to hear of a topic."""

    topic = serializers.ChoiceField(choices=list(TOPICS))
    in_app = Flag()
    email = Flag()


class NewNotificationSettings(Strict):
    """Your choices; a topic that is left out is told of as it is by default."""

    topics = TopicChoice(many=True, help_text="Each topic once.")
