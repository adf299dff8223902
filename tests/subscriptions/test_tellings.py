"""Which fact is told to whom, in which words, and where it leads: by the routes of the settings, as a worker runs them."""

import pytest
from django.conf import settings
from django.urls import resolve
from django.utils import timezone

from jobs.models import Job, JobState
from jobs.operations import lifecycle
from jobs.tasks import tell_of_delivery
from marketplace.core import work
from marketplace.core.models import Membership, Notification, OutboxEvent, Role, User
from marketplace.core.topics import TOPICS
from publishers.operations import revisions
from subscriptions import notifications as notices
from subscriptions import tasks
from tests.conftest import actor_of, connect
from tests.console.pages import sign_in
from tests.grants import accept, give_data_grant
from tests.jobs.parties import auto_export, export

pytestmark = pytest.mark.django_db


def told(member, topic=None):
    """Return (topic, object, sentence, path) of what a member was told, oldest first."""
    rows = Notification.objects.filter(membership=member).order_by("created_at", "pk")
    rows = rows.filter(topic=topic) if topic else rows
    return [(n.topic, n.subject_label, n.text, n.path) for n in rows]


def run_again():
    """Run every routed task of every fact once more, as a redelivery would."""
    for event in OutboxEvent.objects.all():
        for name in settings.EVENT_ROUTES.get(event.name, ()):
            if ".tell_" in name:
                work._tasks[name].run(**event.payload)


def test_every_topic_that_is_wired_here_has_a_route():
    routed = {task for tasks_of in settings.EVENT_ROUTES.values() for task in tasks_of}
    ours = {f"subscriptions.{name}" for name in dir(tasks) if name.startswith("tell_of")} | {"jobs.tell_of_delivery"}
    assert ours <= routed


def test_readers_are_told_of_a_revision_once_and_nobody_else(
    subscriber, publisher, stranger, entitled_data_set, make_revision
):
    revision = make_revision({"b.csv": b"id\n1\n"})
    expected = [
        (
            "revision.published",
            "Departures",
            "A new revision was published.",
            f"/my-data/{entitled_data_set.pk}/revisions/{revision.pk}",
        )
    ]
    assert told(subscriber, "revision.published") == expected
    run_again()
    assert told(subscriber, "revision.published") == expected
    assert told(stranger) == []
    assert told(publisher, "revision.published") == []


def test_a_revision_that_was_taken_back_before_the_task_ran_is_not_announced(
    subscriber, publisher, entitled_data_set, make_revision
):
    revision = make_revision({"b.csv": b"id\n1\n"})
    Notification.objects.all().delete()
    revisions.revoke_revision(
        revision=revision, comment="Wrong numbers\nin it.", actor=actor_of(publisher), at=timezone.now()
    )
    work.run_due()
    run_again()
    assert told(subscriber) == [
        (
            "revision.revoked",
            "Departures",
            f"The publisher took revision {revision.pk[:8]} back: Wrong numbers in it.",
            f"/my-data/{entitled_data_set.pk}",
        )
    ]


def test_a_publishers_notice_reaches_readers_in_one_line(subscriber, publisher, entitled_data_set, data_set):
    notices.send_notification(
        data_set=data_set,
        type="DATA_DELAY",
        comment="Two days late.\n\n" + "x" * 500,
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    work.run_due()
    run_again()
    ((topic, label, text, path),) = told(subscriber, "data_set.notified")
    assert (label, path) == ("Departures", f"/my-data/{entitled_data_set.pk}")
    assert text.startswith("The next update is late: Two days late. xxx")
    assert text.endswith("x…")
    assert len(text) < 450


def test_both_sides_of_a_data_grant_are_told(subscriber, publisher, data_set, finalized_revision):
    grant = give_data_grant(publisher, subscriber, data_set)
    work.run_due()
    assert told(subscriber) == [
        (
            "data_grant.received",
            "Departures",
            f"{publisher.organization.name} shares it with you by the data grant “Pilot”. It waits for you to accept it.",
            f"/my-data#grant-{grant.pk}",
        )
    ]
    accept(grant, subscriber)
    run_again()
    assert told(publisher) == [
        (
            "data_grant.accepted",
            "Departures",
            f"{subscriber.organization.name} accepted the data grant “Pilot”.",
            f"/publish/data-grants#grant-{grant.pk}",
        )
    ]
    assert len(told(subscriber)) == 1


def test_a_publisher_is_told_who_subscribed(publisher, subscriber, agreement):
    work.run_due()
    run_again()
    assert told(publisher) == [
        (
            "subscription.started",
            "Departures of New York",
            f"{subscriber.organization.name} accepted the terms and subscribes now.",
            f"/publish/subscribers#{agreement.pk}",
        )
    ]


def test_an_automatic_delivery_is_told_to_everybody_when_it_arrives(
    subscriber, entitled_data_set, connection, make_revision
):
    user = User.objects.create_user("viewer.of.deliveries@example.org")
    viewer = Membership.objects.create(organization=subscriber.organization, user=user, role=Role.VIEWER)
    auto_export(subscriber, entitled_data_set, connection)
    revision = make_revision({"b.csv": b"id\n1\n"})
    work.run_due()
    job = Job.objects.get()
    run_again()
    expected = [
        (
            "delivery.completed",
            "Departures",
            f"Revision {revision.pk[:8]} arrived in {connection.bucket}: 1 file, proved by checksum.",
            f"/deliveries/{job.pk}",
        )
    ]
    assert told(subscriber, "delivery.completed") == told(viewer, "delivery.completed") == expected


def test_a_failed_export_by_hand_is_told_to_who_started_it_and_each_run_anew(
    subscriber, entitled_data_set, finalized_revision, bucket_name
):
    user = User.objects.create_user("viewer.of.failures@example.org")
    viewer = Membership.objects.create(organization=subscriber.organization, user=user, role=Role.VIEWER)
    lost = connect(subscriber, bucket_name)
    from marketplace.core import storage

    storage.bucket_of(lost).client.delete_bucket(Bucket=bucket_name)
    job = export(subscriber, entitled_data_set, finalized_revision, lost)
    assert job.state == JobState.ERROR
    ((_, label, text, path),) = told(subscriber, "delivery.failed")
    assert label == "Departures"
    assert text.startswith(f"The delivery of revision {finalized_revision.pk[:8]} to {bucket_name} failed: The bucket")
    assert path == f"/deliveries/{job.pk}"
    assert told(viewer) == []
    tell_of_delivery(job_id=job.pk)
    assert len(told(subscriber, "delivery.failed")) == 1
    lifecycle.retry_job(job=job, actor=actor_of(subscriber), at=timezone.now())
    tell_of_delivery(job_id=job.pk)  # while it runs again there is nothing to tell
    assert len(told(subscriber, "delivery.failed")) == 1
    work.run_due()
    assert len(told(subscriber, "delivery.failed")) == 2


def test_an_arrived_export_by_hand_is_told_to_nobody(subscriber, entitled_data_set, finalized_revision, connection):
    assert export(subscriber, entitled_data_set, finalized_revision, connection).state == JobState.COMPLETED
    assert told(subscriber, "delivery.completed") == []


def test_every_path_that_was_told_is_a_page_that_opens(
    client, subscriber, publisher, entitled_data_set, data_set, make_revision, connection
):
    give_data_grant(publisher, subscriber, data_set)
    auto_export(subscriber, entitled_data_set, connection)
    make_revision({"b.csv": b"id\n1\n"})
    work.run_due()
    paths = {(n.membership_id, n.path) for n in Notification.objects.all()}
    assert len(paths) >= 4
    for member in (subscriber, publisher):
        sign_in(client, member)
        for pk, path in paths:
            if pk == member.pk:
                assert resolve(path.partition("#")[0])
                assert client.get(path.partition("#")[0]).status_code == 200, path


def test_every_topic_names_a_known_scope():
    from marketplace.core.scopes import SCOPES

    assert {topic.scope for topic in TOPICS.values()} <= set(SCOPES)
