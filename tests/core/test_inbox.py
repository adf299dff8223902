"""Telling members: who, once, where they want it; mails, and the way out of them."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.core import scopes, work
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import AuditRecord, Membership, Notification, NotificationSetting, Role, User, WorkItem
from marketplace.core.operations import inbox
from marketplace.core.operations.credentials import create_access_key, create_api_token
from marketplace.core.queries.inbox import count_unread, list_choices, list_notifications, list_subjects
from marketplace.core.tasks import email_notification, forget_old_rows, tell_of_expiring_credentials
from marketplace.core.topics import TOPICS
from tests.conftest import actor_of, make_member
from tests.mailbox import mail_server

pytestmark = pytest.mark.django_db
HELD = scopes.ALL


def tell(*members, topic="revision.published", key="fact:1", at=None, **changes):
    """Tell all members of the given members' organizations."""
    about = {
        "subject_key": "data-set:1",
        "subject_label": "Tides",
        "text": "A new revision was published: Monday.",
        "path": "/my-data/1/revisions/2",
    }
    return inbox.tell_members(
        organization_ids=[member.organization_id for member in members],
        topic=topic,
        source_key=key,
        at=at or timezone.now(),
        **about | changes,
    )


def colleague(member, role):
    """Add a further member to an organization."""
    user = User.objects.create_user(f"{role}.{member.pk}@example.org", name=role.title())
    return Membership.objects.create(organization=member.organization, user=user, role=role)


def choose(member, **topics):
    """Set (in the portal, by mail) of topics, dots written as two underscores."""
    choices = {name.replace("__", "."): choice for name, choice in topics.items()}
    inbox.choose_topics(membership=member, held=HELD, choices=choices, actor=actor_of(member))


def test_a_fact_is_told_once_however_often_its_task_runs(subscriber):
    assert [tell(subscriber), tell(subscriber), tell(subscriber, key="fact:2")] == [1, 0, 1]
    assert count_unread(membership=subscriber, held=HELD) == 2


def test_only_members_whose_role_has_the_topics_scope_are_told(subscriber, stranger):
    viewer = colleague(subscriber, Role.VIEWER)
    gone = colleague(subscriber, Role.ADMIN)
    User.objects.filter(pk=gone.user_id).update(is_active=False)
    assert tell(subscriber, topic="delivery.failed") == 2
    assert tell(subscriber, topic="credential.expiring", key="fact:2") == 1
    assert set(Notification.objects.values_list("membership", "topic")) == {
        (subscriber.pk, "delivery.failed"),
        (viewer.pk, "delivery.failed"),
        (subscriber.pk, "credential.expiring"),
    }
    assert tell(subscriber, stranger, key="fact:3", user_ids=[stranger.user_id]) == 1


def test_what_was_told_is_seen_no_more_once_the_role_lacks_the_scope(subscriber):
    tell(subscriber, topic="credential.expiring")
    tell(subscriber, key="fact:2")
    viewing = scopes.ROLE_SCOPES[Role.VIEWER]
    seen = list_notifications(membership=subscriber, held=viewing)
    assert [n.topic for n in seen] == ["revision.published"]
    assert count_unread(membership=subscriber, held=viewing) == 1


def test_members_choose_where_they_hear_of_a_topic(subscriber):
    choose(
        subscriber, revision__published=(False, False), delivery__failed=(False, True), revision__revoked=(True, False)
    )
    assert tell(subscriber) == 0
    assert tell(subscriber, topic="delivery.failed", key="fact:2") == 1
    assert tell(subscriber, topic="revision.revoked", key="fact:3") == 1
    assert [n.topic for n in list_notifications(membership=subscriber, held=HELD)] == ["revision.revoked"]
    assert count_unread(membership=subscriber, held=HELD) == 1
    assert WorkItem.objects.get(task="core.email_notification").arguments == {
        "notification_id": Notification.objects.get(topic="delivery.failed").pk
    }


def test_choices_are_whole_kept_and_recorded_once(subscriber):
    choose(subscriber, revision__published=(True, True))
    choose(subscriber, revision__published=(True, True))
    assert AuditRecord.objects.filter(action="notifications.chosen").count() == 1
    choose(subscriber)  # what is left out is as it is by default
    choices = {c.topic: (c.in_app, c.email) for c in list_choices(membership=subscriber, held=HELD)}
    assert choices == {name: (True, topic.emails) for name, topic in TOPICS.items() if topic.scope in HELD}
    for wrong in ("no.such_topic", "approval.wanted"):
        with pytest.raises(Invalid, match="Not among the topics"):
            inbox.choose_topics(
                membership=subscriber, held=HELD, choices={wrong: (True, True)}, actor=actor_of(subscriber)
            )
    assert NotificationSetting.objects.count() == 1


def test_a_mail_says_what_happened_where_and_how_to_get_no_more(subscriber, settings):
    tell(subscriber, topic="delivery.failed", text="It failed: <b>no such bucket</b>.", subject_label="Tides\nof 2026")
    work.run_due()
    (sent,) = mail.outbox
    assert sent.to == [subscriber.user.email]
    assert sent.subject == f"Tides of 2026: A delivery failed · {settings.SITE_NAME}"
    assert "It failed: <b>no such bucket</b>." in sent.body
    assert f"{settings.PUBLIC_URL}/my-data/1/revisions/2" in sent.body
    ((html, kind),) = sent.alternatives
    assert kind == "text/html"
    assert "It failed: &lt;b&gt;no such bucket&lt;/b&gt;." in html
    link = sent.extra_headers["List-Unsubscribe"].strip("<>")
    assert link.startswith(f"{settings.PUBLIC_URL}/unsubscribe/")
    assert link in sent.body
    assert link in html
    assert sent.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    row = Notification.objects.get()
    assert row.emailed_at is not None
    email_notification(notification_id=row.pk)
    assert len(mail.outbox) == 1


def test_nobody_is_mailed_who_left_meanwhile(subscriber):
    tell(subscriber, topic="delivery.failed")
    User.objects.filter(pk=subscriber.user_id).update(is_active=False)
    work.run_due()
    assert mail.outbox == []


def test_a_mail_goes_over_a_real_connection(subscriber, settings):
    tell(subscriber, topic="delivery.failed", text=".A line that begins with a dot, and an ü.")
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        work.run_due()
        ((sender, recipients, message),) = server.received
    assert recipients == [subscriber.user.email]
    assert sender in settings.DEFAULT_FROM_EMAIL
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "\n.A line that begins with a dot, and an ü." in message.get_body(["plain"]).get_content()
    assert "and an ü." in message.get_body(["html"]).get_content()
    assert WorkItem.objects.get().state == "DONE"


def test_a_mail_server_that_is_away_is_asked_again_later(subscriber, settings):
    tell(subscriber, topic="delivery.failed")
    with mail_server("451 come again") as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        work.run_due()
        row = WorkItem.objects.get()
        assert (row.state, row.failures, row.last_error) == ("PENDING", 1, "The mail server asks to come again later.")
    WorkItem.objects.update(due_at=timezone.now() - timedelta(hours=1))
    work.run_due()  # nobody listens any more
    row.refresh_from_db()
    assert (row.state, row.failures) == ("PENDING", 2)
    assert row.last_error == "The mail could not be handed over (ConnectionRefusedError)."
    with mail_server() as server:
        settings.EMAIL_PORT = server.port
        WorkItem.objects.update(due_at=timezone.now() - timedelta(hours=1))
        work.run_due()
        assert len(server.received) == 1
    assert Notification.objects.get().emailed_at is not None


def test_an_address_that_is_refused_for_good_is_not_tried_again(subscriber, settings):
    tell(subscriber, topic="delivery.failed")
    with mail_server("550 no such user") as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        work.run_due()
    row = WorkItem.objects.get()
    assert (row.state, row.last_error) == ("FAILED", "The mail server refused the address for good.")
    assert Notification.objects.get().emailed_at is None


def test_an_unsubscribe_link_ends_the_mails_of_its_topic_and_nothing_else(subscriber, stranger):
    token = inbox.unsubscribe_token(subscriber, "delivery.failed")
    assert [inbox.unsubscribe(token=token), inbox.unsubscribe(token=token)] == ["delivery.failed"] * 2
    assert list(NotificationSetting.objects.values_list("membership", "topic", "in_app", "email")) == [
        (subscriber.pk, "delivery.failed", True, False)
    ]
    assert AuditRecord.objects.filter(action="notifications.unsubscribed").count() == 1
    left = inbox.unsubscribe_token(stranger, "delivery.failed")
    stranger.delete()
    assert inbox.unsubscribe(token=left) == "delivery.failed"


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: f"x{t}", lambda t: "", lambda t: "a:b:c"])
def test_an_unsubscribe_link_that_was_changed_does_nothing(subscriber, change):
    with pytest.raises(NotFound):
        inbox.unsubscribe(token=change(inbox.unsubscribe_token(subscriber, "delivery.failed")))
    assert not NotificationSetting.objects.exists()


def test_reading_is_marked_per_notification_per_object_and_for_all_and_can_be_taken_back(subscriber, stranger):
    for number in range(3):
        tell(subscriber, key=f"tides:{number}")
    tell(subscriber, key="winds", subject_key="data-set:2")
    tell(stranger, key="tides:0")
    first = Notification.objects.get(membership=subscriber, source_key="tides:0")
    inbox.mark_notification(notification=first, is_read=True, at=timezone.now())
    assert count_unread(membership=subscriber, held=HELD) == 3
    now = timezone.now()
    mine = {"membership": subscriber, "held": HELD}
    assert inbox.mark_all_read(at=now, subject_key="data-set:1", **mine) == 2
    later = timezone.now()
    assert inbox.mark_all_read(at=later, **mine) == 1
    assert inbox.mark_all_read(at=timezone.now(), **mine) == 0
    assert inbox.take_back_marking(marked_at=now, **mine) == 2
    assert count_unread(**mine) == 2
    inbox.mark_notification(notification=first, is_read=False, at=timezone.now())
    assert count_unread(**mine) == 3
    assert count_unread(membership=stranger, held=HELD) == 1
    rows = [(r["subject_key"], r["n"], r["unread"]) for r in list_subjects(list_notifications(**mine))]
    assert rows == [("data-set:2", 1, 0), ("data-set:1", 3, 3)]


def test_a_count_stops_at_a_hundred(subscriber):
    now = timezone.now()
    Notification.objects.bulk_create(
        Notification(membership=subscriber, topic="revision.published", source_key=str(n), created_at=now)
        for n in range(150)
    )
    assert count_unread(membership=subscriber, held=HELD) == 100


def test_notifications_are_forgotten_after_180_days(subscriber):
    tell(subscriber, key="old", at=timezone.now() - timedelta(days=181))
    tell(subscriber, key="kept", at=timezone.now() - timedelta(days=179))
    forget_old_rows()
    forget_old_rows()
    assert [n.source_key for n in Notification.objects.all()] == ["kept"]


def test_the_user_of_a_credential_is_told_once_that_it_ends_within_a_week(subscriber):
    now = timezone.now()
    admin = colleague(subscriber, Role.ADMIN)
    common = {"membership": subscriber, "wanted_scopes": ["data:read"], "actor": actor_of(subscriber), "at": now}
    soon, _ = create_api_token(name="Loader", expires_at=now + timedelta(days=6), **common)
    create_api_token(name="Later", expires_at=now + timedelta(days=8), **common)
    revoked, _ = create_api_token(name="Revoked", expires_at=now + timedelta(days=6), **common)
    type(revoked).objects.filter(pk=revoked.pk).update(revoked_at=now)
    replaced, _ = create_api_token(name="Replaced", expires_at=now + timedelta(days=6), **common)
    type(replaced).objects.filter(pk=replaced.pk).update(rotated_to=soon)
    key, _ = create_access_key(membership=admin, name="ETL", actor=actor_of(admin), at=now)
    type(key).objects.filter(pk=key.pk).update(expires_at=now + timedelta(days=1))
    tell_of_expiring_credentials()
    tell_of_expiring_credentials()
    told = Notification.objects.order_by("pk").values_list("membership", "topic", "path")
    assert set(told) == {
        (subscriber.pk, "credential.expiring", f"/keys#token-{soon.pk}"),
        (admin.pk, "credential.expiring", f"/keys#key-{key.pk}"),
    }
    assert len(told) == 2


def test_a_thousand_and_more_members_are_told_in_a_handful_of_queries(db, django_assert_max_num_queries):
    member = make_member("Crowd")
    users = User.objects.bulk_create(User(email=f"one-of-many-{n}@example.org") for n in range(1200))
    Membership.objects.bulk_create(
        Membership(organization=member.organization, user=user, role=Role.VIEWER) for user in users
    )
    with django_assert_max_num_queries(20):
        assert tell(member, topic="delivery.failed") == 1201
    assert WorkItem.objects.count() == 1201
