"""The inbox of the member behind the credentials. What is in it is decided topic by topic, by the credentials' scopes."""

from datetime import timedelta
from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.notifications import (
    Marked,
    MarkingToTakeBack,
    NewNotificationSettings,
    NotificationChange,
    NotificationQuery,
    NotificationSettings,
    NotificationShape,
    TakenBack,
    WhatToMark,
)
from marketplace.core.models import Notification
from marketplace.core.operations import inbox
from marketplace.core.queries.inbox import get_notification, list_choices, list_notifications

NEWEST_FIRST = ("-created_at", "-pk")
SCOPE = "events:read"


class NotificationsView(ApiView):
    tag = "Notifications"

    @operation("list_notifications", scope=SCOPE, asks=NotificationQuery, lists=NotificationShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List what you were told in the last 180 days, newest first.

        A token sees the topics whose scope it holds: those of deliveries need `subscriptions:read`, and so on.
        """
        rows = list_notifications(membership=caller.membership, held=caller.scopes)
        if query["unread"]:
            rows = rows.filter(read_at=None)
        topic, subject_key = query.get("topic"), query.get("subject_key")
        if topic:
            rows = rows.filter(topic=topic)
        if subject_key:
            rows = rows.filter(subject_key=subject_key)
        binding = ["notifications", str(caller.membership.pk), str(query["unread"]), topic, subject_key]
        return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=binding)


class NotificationView(ApiView):
    tag = "Notifications"

    @operation("mark_notification", scope=SCOPE, takes=NotificationChange, gives=NotificationShape)
    def patch(self, caller: Caller, notification_id: str, body: dict[str, Any]) -> Notification:
        """Mark a notification as read, or as unread again."""
        notification = get_notification(
            membership=caller.membership, held=caller.scopes, notification_id=notification_id
        )
        return inbox.mark_notification(notification=notification, is_read=body["is_read"], at=caller.at)


class NotificationsReadView(ApiView):
    tag = "Notifications"

    @operation("mark_all_notifications_read", scope=SCOPE, takes=WhatToMark, gives=Marked)
    def post(self, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
        """Mark everything, or what is about one object, as read."""
        # The wire has milliseconds, and the instant must come back as it went.
        at = caller.at - timedelta(microseconds=caller.at.microsecond % 1000)
        marked = inbox.mark_all_read(
            membership=caller.membership, held=caller.scopes, at=at, subject_key=body["subject_key"]
        )
        return {"marked": marked, "marked_at": at}


class NotificationsUnreadView(ApiView):
    tag = "Notifications"

    @operation("take_back_marking", scope=SCOPE, takes=MarkingToTakeBack, gives=TakenBack)
    def post(self, caller: Caller, body: dict[str, Any]) -> dict[str, int]:
        """Make unread again what `mark_all_notifications_read` marked at one instant."""
        taken_back = inbox.take_back_marking(
            membership=caller.membership, held=caller.scopes, marked_at=body["marked_at"]
        )
        return {"taken_back": taken_back}


class NotificationSettingsView(ApiView):
    tag = "Notifications"

    @operation("get_notification_settings", scope=SCOPE, gives=NotificationSettings)
    def get(self, caller: Caller) -> dict[str, Any]:
        """Read where you hear of each topic: in the portal, by mail."""
        return {"topics": list_choices(membership=caller.membership, held=caller.scopes)}

    @operation("set_notification_settings", scope=SCOPE, takes=NewNotificationSettings, gives=NotificationSettings)
    def put(self, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
        """Choose where you hear of each topic.

        It is about you in this organization; other members choose for themselves.
        """
        inbox.choose_topics(
            membership=caller.membership,
            held=caller.scopes,
            choices={choice["topic"]: (choice["in_app"], choice["email"]) for choice in body["topics"]},
            actor=caller.actor,
        )
        return {"topics": list_choices(membership=caller.membership, held=caller.scopes)}
