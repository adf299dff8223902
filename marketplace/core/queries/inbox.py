"""What a member was told, and how they want to be told: never another member's, never beyond the caller's scopes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from marketplace.core.errors import NotFound
from marketplace.core.models import Membership, Notification, NotificationSetting
from marketplace.core.topics import TOPICS, Topic

#: an inbox says "99+" beyond this; counting stops there
MOST_COUNTED = 100


@dataclass(frozen=True)
class Choice:
    """A topic with what a member chose: heard of in the portal, by mail."""

    topic: str
    about: Topic
    in_app: bool
    email: bool


@dataclass(frozen=True)
class Subject:
    """An object that a member was told about; newest: the first few of its `count` notifications, newest first."""

    key: str
    label: str
    count: int
    unread: int
    newest: list[Notification]


def topics_of(held: frozenset[str]) -> dict[str, Topic]:
    """Return the topics that some scopes allow to hear of."""
    return {name: topic for name, topic in TOPICS.items() if topic.scope in held}


def list_notifications(*, membership: Membership, held: frozenset[str]) -> QuerySet[Notification]:
    """Return the inbox of a member, newest first. What was only mailed is not in it; nor is what the scopes do not cover."""
    only_mailed = Q(read_at=F("created_at"))
    return (
        Notification.objects.filter(membership=membership, topic__in=list(topics_of(held)))
        .exclude(only_mailed)
        .order_by("-created_at", "-pk")
    )


def get_notification(*, membership: Membership, held: frozenset[str], notification_id: str) -> Notification:
    """Raise NotFound alike for a notification that is missing and for somebody else's."""
    found = list_notifications(membership=membership, held=held).filter(pk=notification_id).first()
    if found is None:
        raise NotFound("NOTIFICATION", notification_id)
    return found


def count_unread(*, membership: Membership, held: frozenset[str]) -> int:
    """Return how many notifications are unread, at most MOST_COUNTED."""
    unread = Notification.objects.filter(membership=membership, read_at=None, topic__in=list(topics_of(held)))
    return unread[:MOST_COUNTED].count()


def list_subjects(notifications: QuerySet[Notification]) -> QuerySet[Notification, Any]:
    """Return one row for each object that notifications are about (subject_key, n, unread, newest_at), newest first."""
    return (
        notifications.order_by()
        .values("subject_key")
        .annotate(n=Count("pk"), unread=Count("pk", filter=Q(read_at=None)), newest_at=Max("created_at"))
        .order_by("-newest_at", "subject_key")
    )


def fill_subjects(
    notifications: QuerySet[Notification], rows: Iterable[dict[str, object]], *, each: int
) -> list[Subject]:
    """Return the objects of `list_subjects` rows, each with its `each` newest notifications, by one query."""
    rows = list(rows)
    numbered = notifications.filter(subject_key__in=[row["subject_key"] for row in rows]).annotate(
        number=Window(RowNumber(), partition_by=F("subject_key"), order_by=[F("created_at").desc(), F("id").desc()])
    )
    newest: dict[str, list[Notification]] = {}
    for notification in numbered.filter(number__lte=each).order_by("-created_at", "-pk"):
        newest.setdefault(notification.subject_key, []).append(notification)
    return [
        Subject(
            key=str(row["subject_key"]),
            label=newest[str(row["subject_key"])][0].subject_label,
            count=int(str(row["n"])),
            unread=int(str(row["unread"])),
            newest=newest[str(row["subject_key"])],
        )
        for row in rows
        if str(row["subject_key"]) in newest
    ]


def list_choices(*, membership: Membership, held: frozenset[str]) -> list[Choice]:
    """Return the topics that concern a member with what they chose, in the order of the settings page."""
    chosen = {s.topic: s for s in NotificationSetting.objects.filter(membership=membership)}
    return [
        Choice(
            name,
            topic,
            chosen[name].in_app if name in chosen else True,
            chosen[name].email if name in chosen else topic.emails,
        )
        for name, topic in topics_of(held).items()
    ]


def count_marked_at(*, membership: Membership, held: frozenset[str], marked_at: datetime) -> int:
    """Return how many notifications were marked as read at exactly this instant."""
    return list_notifications(membership=membership, held=held).filter(read_at=marked_at).count()
