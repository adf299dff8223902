"""Pages of the inbox: by object, filters in the address, marking and taking back, settings, the way out of mails."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.core.models import AuditRecord, Notification, NotificationSetting, Role
from marketplace.core.operations.inbox import unsubscribe_token
from tests.console.pages import member_with, sign_in

pytestmark = pytest.mark.django_db


def put(member, number=1, **changes):
    """Put a notification into a member's inbox."""
    wanted = {
        "topic": "revision.published",
        "subject_key": "data-set:1",
        "subject_label": "Tides",
        "text": f"Sentence {number}.",
        "path": "/deliveries",
        "source_key": f"fact:{number}",
        "created_at": timezone.now() - timedelta(minutes=number),
    }
    return Notification.objects.create(membership=member, **wanted | changes)


def text_of(answer):
    """Return a page with its white space as people see it."""
    return " ".join(answer.content.decode().split())


def test_an_empty_inbox_says_what_will_come(client, subscriber):
    page = text_of(sign_in(client, subscriber).get("/notifications"))
    assert "Nothing was told to you yet" in page
    assert 'aria-label="Notifications"' in page


def test_notifications_stand_by_object_newest_first_and_the_bell_counts(client, subscriber, stranger):
    for number in (1, 3, 5, 7, 9):
        put(subscriber, number)
    put(subscriber, 2, subject_key="data-set:2", subject_label="Winds", topic="delivery.failed")
    put(stranger, 4, text="Not yours.")
    answer = sign_in(client, subscriber).get("/notifications")
    page = text_of(answer)
    groups = [(g.label, [line.notification.text for line in g.lines], g.more) for g in answer.context["groups"]]
    assert groups == [
        ("Tides", ["Sentence 1.", "Sentence 3.", "Sentence 5."], 2),
        ("Winds", ["Sentence 2."], 0),
    ]
    assert 'aria-label="Notifications, 6 unread"' in page
    assert "Show 2 earlier" in page
    assert "Not yours." not in page
    about = client.get("/notifications?about=data-set:1")
    assert [line.notification.text for g in about.context["groups"] for line in g.lines] == [
        f"Sentence {n}." for n in (1, 3, 5, 7, 9)
    ]


def test_filters_stand_in_the_address(client, subscriber):
    put(subscriber, 1, read_at=timezone.now())
    put(subscriber, 2, topic="credential.expiring", subject_key="token:1", subject_label="Loader")
    sign_in(client, subscriber)
    labels = lambda query: [g.label for g in client.get(f"/notifications?{query}").context["groups"]]  # noqa: E731
    assert labels("") == ["Tides", "Loader"]
    assert labels("show=unread") == ["Loader"]
    assert labels("group=organization") == ["Loader"]
    assert labels("group=data-you-receive") == ["Tides"]
    assert labels("group=data-you-receive&show=unread") == []
    assert "Nothing that fits what you chose is unread." in text_of(
        client.get("/notifications?group=data-you-receive&show=unread")
    )
    assert "No notification fits what you chose." in text_of(client.get("/notifications?group=catalogue"))


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "group=%00", "about=%00", "about=none", "marked=x", "marked=2026-13-40", "show=%27"]
)
def test_an_address_that_makes_no_sense_still_answers(client, subscriber, query):
    put(subscriber)
    assert sign_in(client, subscriber).get(f"/notifications?{query}").status_code == 200


def test_opening_marks_as_read_and_leads_to_the_page(client, subscriber):
    row = put(subscriber)
    sign_in(client, subscriber)
    assert client.get(f"/notifications/{row.pk}/open").status_code == 405
    assert Notification.objects.get().read_at is None
    assert client.post(f"/notifications/{row.pk}/open").url == "/deliveries"
    first = Notification.objects.get().read_at
    assert first is not None
    client.post(f"/notifications/{row.pk}/open")
    assert Notification.objects.get().read_at == first


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_a_notification_never_leads_elsewhere(client, subscriber, path):
    row = put(subscriber, path=path)
    assert sign_in(client, subscriber).post(f"/notifications/{row.pk}/open").url == "/notifications"


def test_marking_one_comes_back_to_where_the_form_was(client, subscriber):
    row = put(subscriber)
    sign_in(client, subscriber)
    here = "/notifications?show=unread"
    answer = client.post(f"/notifications/{row.pk}/mark", {"next": here})
    assert answer.url == f"{here}#notification-{row.pk}"
    assert Notification.objects.get().read_at is not None
    answer = client.post(f"/notifications/{row.pk}/mark", {"next": "//evil.example", "read": "no"})
    assert answer.url == f"/notifications#notification-{row.pk}"
    assert Notification.objects.get().read_at is None


def test_all_are_marked_at_once_and_it_can_be_taken_back(client, subscriber):
    before = put(subscriber, 1, read_at=timezone.now())
    for number in (2, 3):
        put(subscriber, number)
    sign_in(client, subscriber)
    page = client.post("/notifications/read", follow=True)
    assert "Marked 2 notifications as read." in text_of(page)
    assert Notification.objects.filter(read_at=None).count() == 0
    marked = re.search(r'name="marked" value="([^"]+)"', page.content.decode()).group(1)
    assert client.post("/notifications/undo", {"marked": marked}).url == "/notifications"
    assert Notification.objects.filter(read_at=None).count() == 2
    before.refresh_from_db()
    assert before.read_at is not None
    assert client.post("/notifications/undo", {"marked": "yesterday"}).url == "/notifications"


def test_all_about_one_object_are_marked(client, subscriber):
    put(subscriber, 1)
    other = put(subscriber, 2, subject_key="data-set:2")
    sign_in(client, subscriber).post("/notifications/read", {"about": "data-set:1"})
    assert list(Notification.objects.filter(read_at=None)) == [other]


def test_somebody_elses_notification_is_not_found(client, subscriber, stranger):
    row = put(subscriber)
    sign_in(client, stranger)
    for act in ("open", "mark"):
        assert client.post(f"/notifications/{row.pk}/{act}").status_code == 404
        assert client.post(f"/notifications/{'0' * 32}/{act}").status_code == 404
    client.post("/notifications/read")
    assert Notification.objects.get().read_at is None


def test_what_people_wrote_is_shown_as_text(client, subscriber):
    put(subscriber, subject_label="<script>alert(1)</script>", text="<img src=x onerror=alert(1)>", subject_key='"><b>')
    page = sign_in(client, subscriber).get("/notifications").content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert '"><b>' not in page


def test_settings_offer_what_the_role_concerns_and_keep_what_was_chosen(client, subscriber):
    viewer = member_with(Role.VIEWER)
    page = text_of(sign_in(Client(), viewer).get("/notifications/settings"))
    assert "A delivery failed" in page
    assert "token or access key" not in page
    assert "waits for approval" not in page
    sign_in(client, subscriber)
    assert "token or access key" in text_of(client.get("/notifications/settings"))
    chosen = {"in_app": ["delivery.failed", "revision.published"], "email": ["revision.published"]}
    answer = client.post("/notifications/settings", chosen, follow=True)
    assert "Saved." in text_of(answer)
    settings = {s.topic: (s.in_app, s.email) for s in NotificationSetting.objects.filter(membership=subscriber)}
    assert settings["revision.published"] == (True, True)
    assert settings["delivery.failed"] == (True, False)
    assert settings["revision.revoked"] == (False, False)
    checked = re.findall(r'name="(\w+)" value="([\w.]+)" checked', answer.content.decode())
    assert sorted(checked) == [
        ("email", "revision.published"),
        ("in_app", "delivery.failed"),
        ("in_app", "revision.published"),
    ]


def test_settings_refuse_a_topic_that_is_not_ones_own(client, subscriber):
    answer = sign_in(client, subscriber).post("/notifications/settings", {"in_app": ["approval.wanted"]})
    assert answer.status_code == 422
    assert "Not among the topics that concern you: approval.wanted." in text_of(answer)
    assert not NotificationSetting.objects.exists()


def test_a_mails_link_asks_a_person_and_obeys_a_mail_program(subscriber):
    url = f"/unsubscribe/{unsubscribe_token(subscriber, 'delivery.failed')}"
    anybody = Client(enforce_csrf_checks=True)
    asked = anybody.get(url)
    assert "“A delivery failed” is then not mailed to you any more." in text_of(asked)
    assert not NotificationSetting.objects.exists()
    done = anybody.post(url, {"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert "You get no more of these mails" in text_of(done)
    assert anybody.post(url).status_code == 200
    assert NotificationSetting.objects.get().email is False
    assert AuditRecord.objects.filter(action="notifications.unsubscribed").count() == 1
    broken = anybody.post(url[:-2])
    assert broken.status_code == 404
    assert "This link is not whole." in text_of(broken)


def test_a_full_inbox_and_its_settings_stay_within_the_budget_of_queries(
    client, subscriber, django_assert_max_num_queries
):
    now = timezone.now()
    Notification.objects.bulk_create(
        Notification(
            membership=subscriber,
            topic="revision.published",
            subject_key=f"data-set:{n % 60}",
            subject_label=f"Data set {n % 60}",
            text="A new revision was published.",
            path="/my-data",
            source_key=f"fact:{n}",
            created_at=now - timedelta(minutes=n),
        )
        for n in range(300)
    )
    sign_in(client, subscriber)
    client.get("/notifications")
    for path in (
        "/notifications",
        "/notifications?show=unread&page=3",
        "/notifications?about=data-set:1",
        "/notifications/settings",
    ):
        with django_assert_max_num_queries(15):
            page = client.get(path)
        assert page.content.decode().count("<") < 2 * 1500
    assert 'aria-label="Notifications, more than 99 unread"' in page.content.decode()
