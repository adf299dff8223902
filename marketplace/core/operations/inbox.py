"""The inbox: tell members, mail those who want it, mark what was read, choose what one is told."""

import smtplib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from marketplace.core import audit, brand, scopes, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import AccessKey, ApiToken, Membership, Notification, NotificationSetting
from marketplace.core.queries.inbox import list_notifications, topics_of
from marketplace.core.topics import TOPICS

BATCH = 1000
KEPT = timedelta(days=180)
#: how long before its end the user of a credential is told, once
WARNED_BEFORE = timedelta(days=7)
_UNSUBSCRIBE = "inbox.unsubscribe"


class MailRefused(Invalid):
    message = "The mail server refused the address for good."


class LinkNotOurs(NotFound):
    """The link of a mail, cut off or changed."""

    def __init__(self) -> None:
        super().__init__("LINK", message="This link is not whole. Open it from the mail again.")


# --- tell -------------------------------------------------------------------------------------------------------------
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
    wanted: list[Notification] = []
    mailed: set[str] = set()
    for member in members:
        setting = chosen.get(member.pk)
        in_app, email = (setting.in_app, setting.email) if setting else (True, TOPICS[topic].emails)
        if member.pk in known or not (in_app or email):
            continue
        row = Notification(
            membership=member,
            topic=topic,
            subject_key=subject_key[:120],
            subject_label=" ".join(subject_label.split())[:256],
            text=text[:1000],
            path=path[:500],
            source_key=source_key,
            created_at=at,
            read_at=None if in_app else at,  # only mailed: read from the start, and not in the inbox
        )
        wanted.append(row)
        if email:
            mailed.add(row.pk)
    Notification.objects.bulk_create(wanted, ignore_conflicts=True)
    # Another run of the same task may have been first with some of them.
    made = Notification.objects.filter(pk__in=[row.pk for row in wanted]).select_related("membership")
    told = list(made)
    work.enqueue_many(
        "core.email_notification",
        [(row.pk, row.membership.organization_id, {"notification_id": row.pk}) for row in told if row.pk in mailed],
    )
    return len(told)


def tell_of_expiring_credentials(*, at: datetime) -> int:
    """Tell the user of each token or access key that ends within a week, once; return how many were told.

    What was replaced already is left out: its end is wanted.
    """
    told = 0
    for kind, word, anchor in ((ApiToken, "token", "token"), (AccessKey, "access key", "key")):
        ending = kind.objects.filter(
            revoked_at=None, rotated_to=None, expires_at__gt=at, expires_at__lte=at + WARNED_BEFORE
        )
        for credential in ending.order_by("pk").iterator(chunk_size=BATCH):
            ends_at = credential.expires_at
            assert ends_at is not None  # noqa: S101 - tells the type checker what the filter says
            told += tell_members(
                organization_ids=[credential.organization_id],
                topic="credential.expiring",
                source_key=f"{anchor}-expiring:{credential.pk}",
                subject_key=f"{anchor}:{credential.pk}",
                subject_label=credential.name,
                text=(
                    f"The {word} “{credential.name}” ends on {ends_at.day} {ends_at:%B %Y} at {ends_at:%H:%M} UTC."
                    " Replace it in time, or programs that use it are refused."
                ),
                path=f"{reverse('keys')}#{anchor}-{credential.pk}",
                at=at,
                user_ids=[credential.user_id],
            )
    return told


# --- mail -------------------------------------------------------------------------------------------------------------
def email_notification(*, notification_id: str, at: datetime) -> None:
    """Mail one notification to its member, unless it was mailed or they left. A mail that was sent twice beats none.

    Raises TemporaryFailure when the mail server is away or asks to come again, MailRefused when it never will take it.
    """
    found = Notification.objects.select_related("membership__user", "membership__organization")
    row = found.filter(pk=notification_id, emailed_at=None, membership__user__is_active=True).first()
    if row is None:
        return
    leave = f"{settings.PUBLIC_URL}{reverse('unsubscribe', args=[unsubscribe_token(row.membership, row.topic)])}"
    context = {
        "notification": row,
        "topic": TOPICS[row.topic],
        "organization": row.membership.organization,
        "url": f"{settings.PUBLIC_URL}{row.path}",
        "settings_url": f"{settings.PUBLIC_URL}{reverse('notification-settings')}",
        "unsubscribe_url": leave,
    }
    sender = brand.sender()  # before the templates, which show the name that was read last
    subject = " ".join(render_to_string("email/notification_subject.txt", context).split())[:150]
    message = EmailMultiAlternatives(
        subject,
        render_to_string("email/notification.txt", context),
        sender,
        to=[row.membership.user.email],
        headers={
            "List-Unsubscribe": f"<{leave}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string("email/notification.html", context), "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        if all(code >= 500 for code, _ in error.recipients.values()):
            raise MailRefused from error
        raise work.TemporaryFailure("The mail server asks to come again later.") from error
    except (smtplib.SMTPException, OSError) as error:
        raise work.TemporaryFailure(f"The mail could not be handed over ({type(error).__name__}).") from error
    Notification.objects.filter(pk=row.pk).update(emailed_at=at)


def unsubscribe_token(membership: Membership, topic: str) -> str:
    """Return what stands in a mail's link to end the mails of a topic. It works for good, and for nothing else."""
    return signing.dumps([membership.pk, topic], salt=_UNSUBSCRIBE, compress=True)


def read_unsubscribe_token(token: str) -> tuple[int, str]:
    """Return (membership, topic) of an unsubscribe link. Raises LinkNotOurs."""
    try:
        membership_id, topic = signing.loads(token, salt=_UNSUBSCRIBE)
    except (signing.BadSignature, TypeError, ValueError):
        raise LinkNotOurs from None
    if topic not in TOPICS:
        raise LinkNotOurs
    return int(membership_id), str(topic)


@transaction.atomic
def unsubscribe(*, token: str) -> str:
    """End the mails of the topic that an unsubscribe link names and return the topic. Twice, or after leaving, changes nothing.

    Who holds the link was sent the mail. Raises LinkNotOurs.
    """
    membership_id, topic = read_unsubscribe_token(token)
    membership = Membership.objects.select_for_update().select_related("user").filter(pk=membership_id).first()
    if membership is not None:
        in_app, email = current_choice(membership, topic)
        if email:
            _choose(membership, {topic: (in_app, False)})
            actor = Actor(kind="user", user_id=membership.user_id, organization_id=membership.organization_id)
            audit.record("notifications.unsubscribed", actor=actor, subject=membership, detail={"topic": topic})
    return topic


# --- settings ---------------------------------------------------------------------------------------------------------
def current_choice(membership: Membership, topic: str) -> tuple[bool, bool]:
    """Return whether a member hears of a topic in the portal, and by mail."""
    setting = NotificationSetting.objects.filter(membership=membership, topic=topic).first()
    return (setting.in_app, setting.email) if setting else (True, TOPICS[topic].emails)


@transaction.atomic
def choose_topics(
    *, membership: Membership, held: frozenset[str], choices: Mapping[str, tuple[bool, bool]], actor: Actor
) -> None:
    """Set (in the portal, by mail) of every topic that the scopes allow; one that is left out is as it is by default.

    Raises Invalid for a topic that is unknown or not the member's to choose; nothing is changed then.
    """
    offered = topics_of(held)
    unknown = sorted(set(choices) - set(offered))
    if unknown:
        raise Invalid(f"Not among the topics that concern you: {', '.join(unknown)}.", field="topics")
    membership = Membership.objects.select_for_update().get(pk=membership.pk)
    before = {s.topic: (s.in_app, s.email) for s in NotificationSetting.objects.filter(membership=membership)}
    wanted = {topic: choices.get(topic, (True, about.emails)) for topic, about in offered.items()}
    changed = {
        topic: choice for topic, choice in wanted.items() if choice != before.get(topic, (True, offered[topic].emails))
    }
    if changed:
        _choose(membership, changed)
        detail = {"topics": {topic: {"in_app": a, "email": e} for topic, (a, e) in changed.items()}}
        audit.record("notifications.chosen", actor=actor, subject=membership, detail=detail)


def _choose(membership: Membership, choices: Mapping[str, tuple[bool, bool]]) -> None:
    NotificationSetting.objects.bulk_create(
        [
            NotificationSetting(membership=membership, topic=topic, in_app=in_app, email=email)
            for topic, (in_app, email) in choices.items()
        ],
        update_conflicts=True,
        unique_fields=["membership", "topic"],
        update_fields=["in_app", "email"],
    )


# --- read -------------------------------------------------------------------------------------------------------------
def mark_notification(*, notification: Notification, is_read: bool, at: datetime) -> Notification:
    """Mark one notification as read or as unread; what is so already stays as it is."""
    same = Notification.objects.filter(pk=notification.pk)
    if is_read:
        same.filter(read_at=None).update(read_at=at)
    else:
        same.exclude(read_at=None).update(read_at=None)
    notification.refresh_from_db(fields=["read_at"])
    return notification


def mark_all_read(*, membership: Membership, held: frozenset[str], at: datetime, subject_key: str = "") -> int:
    """Mark what a member sees as read, or what of it is about one object; return how many. `at` takes it back later."""
    rows = list_notifications(membership=membership, held=held).filter(read_at=None, created_at__lt=at)
    if subject_key:
        rows = rows.filter(subject_key=subject_key)
    return rows.order_by().update(read_at=at)


def take_back_marking(*, membership: Membership, held: frozenset[str], marked_at: datetime) -> int:
    """Make unread again what was marked as read at exactly this instant; return how many."""
    rows = list_notifications(membership=membership, held=held).filter(read_at=marked_at)
    return rows.order_by().update(read_at=None)


def forget_notifications(*, at: datetime) -> None:
    """Delete what members were told more than 180 days ago."""
    Notification.objects.filter(created_at__lt=at - KEPT).delete()
