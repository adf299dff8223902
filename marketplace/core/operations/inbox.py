"""Tell members: one row for each in their inbox, and mail for those who want it."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from marketplace.core import scopes, work
from marketplace.core.models import Membership, Notification, NotificationSetting
from marketplace.core.topics import TOPICS

BATCH = 1000


def tell_members(
    *,
    organization_ids: Iterable[str],
    topic: str,
    source_key: str,
    subject_key: str,
    subject_label: str,
    text: str,
    path: str,
    at: datetime,
    user_ids: Iterable[int] | None = None,
) -> int:
    """Tell the members of organizations whose role has the topic's scope and who want to hear it; return how many are new.

    source_key belongs to the fact: the same again tells nobody twice, so that a task may run again. subject_key groups
    what is about one object, such as `product:prod-…`. path: of the page that it is about. user_ids: only these people.
    """
    about = TOPICS[topic]
    members = Membership.objects.filter(organization__in=list(organization_ids), user__is_active=True)
    if user_ids is not None:
        members = members.filter(user__in=list(user_ids))
    told = 0
    rows: list[Membership] = []
    for member in members.select_related("user").order_by("pk").iterator(chunk_size=BATCH):
        if about.scope in scopes.allowed(member):
            rows.append(member)
        if len(rows) == BATCH:
            told += _tell(rows, topic, source_key, subject_key, subject_label, text, path, at)
            rows = []
    return told + _tell(rows, topic, source_key, subject_key, subject_label, text, path, at)


@transaction.atomic
def _tell(
    members: list[Membership],
    topic: str,
    source_key: str,
    subject_key: str,
    subject_label: str,
    text: str,
    path: str,
    at: datetime,
) -> int:
    chosen = {s.membership_id: s for s in NotificationSetting.objects.filter(membership__in=members, topic=topic)}
    known = set(
        Notification.objects.filter(membership__in=members, source_key=source_key).values_list("membership", flat=True)
    )
    made: list[Notification] = []
    mailed: list[Notification] = []
    for member in members:
        setting = chosen.get(member.pk)
        in_app, email = (setting.in_app, setting.email) if setting else (True, TOPICS[topic].emails)
        if member.pk in known or not (in_app or email):
            continue
        row = Notification(
            membership=member,
            topic=topic,
            subject_key=subject_key[:120],
            subject_label=subject_label[:256],
            text=text[:1000],
            path=path,
            source_key=source_key,
            created_at=at,
            read_at=None if in_app else at,  # only mailed: nothing to count as unread
        )
        made.append(row)
        if email:
            mailed.append(row)
    Notification.objects.bulk_create(made, ignore_conflicts=True)
    work.enqueue_many(
        "core.email_notification",
        [(row.pk, row.membership.organization_id, {"notification_id": row.pk}) for row in mailed],
    )
    return len(made)


def email_notification(*, notification_id: str, at: datetime) -> None:
    """Mail one notification to its member, unless it was mailed or they left. A mail that was sent twice beats none."""
    found = Notification.objects.select_related("membership__user", "membership__organization")
    row = found.filter(pk=notification_id, emailed_at=None, membership__user__is_active=True).first()
    if row is None:
        return
    organization = row.membership.organization.name
    lines = [row.text, "", f"{settings.PUBLIC_URL}{row.path}", "", f"You get this as a member of {organization}."]
    send_mail(
        f"{row.subject_label}: {TOPICS[row.topic].label}"[:150], "\n".join(lines), None, [row.membership.user.email]
    )
    Notification.objects.filter(pk=row.pk).update(emailed_at=at)
