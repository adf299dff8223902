"""Auto-exports: one job per auto-export and revision, whoever asks how often, and nobody's trouble is another's."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs import key_patterns
from jobs.models import EventAction, Job
from jobs.operations import event_actions
from jobs.operations.event_actions import AutoExportExists, DestinationRefused
from jobs.tasks import start_auto_exports
from marketplace.core import storage, work
from marketplace.core.actors import SYSTEM
from marketplace.core.errors import LimitExceeded
from marketplace.core.models import AuditRecord, StorageConnection
from publishers.models import PublishedRevision, Revision
from publishers.operations import products, revisions
from publishers.queries.products import current_offer_version
from subscriptions.operations import accept_offer, end_agreement
from tests.conftest import actor_of, connect, make_listable
from tests.jobs.parties import FILES, auto_export, contents, receipts
from tests.together import outcomes

pytestmark = pytest.mark.django_db


def subscribe(member, product):
    return accept_offer(
        organization=member.organization,
        product=product,
        offer_version_id=current_offer_version(product=product).pk,
        terms_accepted=True,
        user=member.user,
        actor=actor_of(member),
        at=timezone.now(),
    )


def test_the_next_revision_arrives_with_a_receipt(subscriber, entitled_data_set, connection, make_revision):
    action = auto_export(subscriber, entitled_data_set, connection, "in/${Asset.Name}")
    revision = make_revision(FILES)
    job = Job.objects.get()
    assert (job.state, job.event_action, job.revision, job.organization) == (
        "COMPLETED",
        action,
        revision,
        subscriber.organization,
    )
    assert contents(connection) == {f"in/{name}": body for name, body in FILES.items()}
    assert [(t.key, t.state) for t in receipts(job)] == [(f"in/{name}", "DONE") for name in sorted(FILES)]


def test_the_test_object_stays_as_on_aws(subscriber, entitled_data_set, connection, make_revision):
    auto_export(subscriber, entitled_data_set, connection)
    left = f"_ADX-TEST-ACCOUNTID#{subscriber.organization.account_id}"
    bucket = storage.bucket_of(connection)
    assert (bucket.list_keys(), bucket.head(left).size_bytes) == ([left], 0)
    make_revision({"a.csv": b"1"})
    assert sorted(bucket.list_keys()) == [left, "a.csv"]


def test_created_at_in_keys_is_what_the_subscriber_is_shown(subscriber, entitled_data_set, connection, make_revision):
    auto_export(subscriber, entitled_data_set, connection, "${Revision.CreatedAt}/${Asset.Name}")
    revision = make_revision({"a.csv": b"1"}, finalize=False)
    Revision.objects.filter(pk=revision.pk).update(created_at=revision.created_at - timedelta(days=3))
    revisions.finalize_revision(revision=revision, actor=SYSTEM, at=timezone.now())
    work.run_due()
    publication = PublishedRevision.objects.get(published_data_set=entitled_data_set, revision=revision)
    assert contents(connection) == {f"{key_patterns.timestamp(publication.published_at)}/a.csv": b"1"}


def test_earlier_revisions_are_not_sent(subscriber, entitled_data_set, connection, finalized_revision):
    auto_export(subscriber, entitled_data_set, connection)
    start_auto_exports(published_data_set_id=entitled_data_set.pk, revision_id=finalized_revision.pk)
    work.run_due()
    assert Job.objects.count() == 0
    assert contents(connection) == {}


def test_the_reaction_runs_twice_without_a_second_job(subscriber, entitled_data_set, connection, make_revision):
    auto_export(subscriber, entitled_data_set, connection)
    revision = make_revision()
    before = Job.objects.values().get()
    for _ in range(2):
        start_auto_exports(published_data_set_id=entitled_data_set.pk, revision_id=revision.pk)
        work.run_due()
    assert Job.objects.values().get() == before
    assert AuditRecord.objects.filter(action="job.started").count() == 1


def test_the_database_refuses_a_second_job_for_the_same_revision(
    subscriber, entitled_data_set, connection, make_revision
):
    auto_export(subscriber, entitled_data_set, connection)
    make_revision()
    twin = Job.objects.get()
    twin.pk = "f" * 32
    with pytest.raises(IntegrityError, match="one_job_per_auto_export_and_revision"), transaction.atomic():
        twin.save(force_insert=True)


def test_one_subscribers_impossible_keys_do_not_keep_the_others_waiting(
    subscriber, stranger, product, entitled_data_set, connection, bucket_name, make_revision
):
    """A key over 1,024 bytes can only be seen once the file names are known."""
    subscribe(stranger, product)
    from marketplace.core import storage

    other = f"{bucket_name}-other"
    storage.vault().make_sibling(other)
    auto_export(stranger, entitled_data_set, connect(stranger, other), "x" * 1000 + "/${Asset.Name}")
    auto_export(subscriber, entitled_data_set, connection)
    auto_export(stranger, entitled_data_set, StorageConnection.objects.get(bucket=other), "y" * 1000 + "/${Asset.Name}")
    make_revision({"a-name-of-some-length.csv": b"x"})
    assert contents(connection) == {"a-name-of-some-length.csv": b"x"}
    failed = Job.objects.filter(organization=stranger.organization)
    assert [job.state for job in failed] == ["ERROR", "ERROR"]
    assert all(job.cause.startswith("The key pattern gives no usable key of its own for a-name") for job in failed)
    assert Job.objects.get(organization=subscriber.organization).state == "COMPLETED"


def test_a_retry_of_a_delivery_that_could_not_be_planned_fails_again(
    subscriber, entitled_data_set, connection, make_revision
):
    from jobs.operations import lifecycle

    auto_export(subscriber, entitled_data_set, connection, "x" * 1000 + "/${Asset.Name}")
    make_revision({"a-name-of-some-length.csv": b"x"})
    job = lifecycle.retry_job(job=Job.objects.get(), actor=actor_of(subscriber), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.objects_done, job.objects_total) == ("ERROR", 0, 0)


def test_a_paused_auto_export_sends_nothing_until_it_is_resumed(
    subscriber, entitled_data_set, connection, make_revision
):
    action = auto_export(subscriber, entitled_data_set, connection)
    change = {"event_action": action, "actor": actor_of(subscriber), "at": timezone.now()}
    for _ in range(2):
        event_actions.set_enabled(**change, is_enabled=False)
    make_revision()
    assert Job.objects.count() == 0
    event_actions.set_enabled(**change, is_enabled=True)
    make_revision({"later.csv": b"x"})
    assert list(contents(connection)) == ["later.csv"]
    assert AuditRecord.objects.filter(action="auto_export.paused").count() == 1


def test_a_deleted_auto_export_sends_nothing_and_its_place_is_free(
    subscriber, entitled_data_set, connection, make_revision
):
    action = auto_export(subscriber, entitled_data_set, connection)
    for _ in range(2):
        event_actions.delete_event_action(event_action=action, actor=actor_of(subscriber), at=timezone.now())
    make_revision()
    assert Job.objects.count() == 0
    assert AuditRecord.objects.filter(action="auto_export.deleted").count() == 1
    assert auto_export(subscriber, entitled_data_set, connection).pk != action.pk


def test_who_has_ended_the_subscription_gets_nothing_more(
    subscriber, agreement, entitled_data_set, connection, make_revision
):
    auto_export(subscriber, entitled_data_set, connection)
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    make_revision()
    assert Job.objects.count() == 0
    assert contents(connection) == {}


def test_a_revision_revoked_before_the_reaction_is_not_sent(
    subscriber, entitled_data_set, connection, make_revision, publisher
):
    auto_export(subscriber, entitled_data_set, connection)
    revision = make_revision(finalize=False)
    actor = actor_of(publisher)
    revisions.finalize_revision(revision=revision, actor=actor, at=timezone.now())
    revisions.publish_revision(revision=revision, at=timezone.now())
    revisions.revoke_revision(revision=revision, comment="The figures were wrong.", actor=actor, at=timezone.now())
    work.run_due()
    assert PublishedRevision.objects.filter(revision=revision).exists()
    assert Job.objects.count() == 0


def test_the_same_destination_twice_is_refused(subscriber, entitled_data_set, connection):
    auto_export(subscriber, entitled_data_set, connection)
    with pytest.raises(AutoExportExists):
        auto_export(subscriber, entitled_data_set, connection)
    auto_export(subscriber, entitled_data_set, connection, "other/${Asset.Name}")
    assert EventAction.objects.count() == 2


def test_a_bucket_that_cannot_be_written_is_refused_with_the_reason(subscriber, entitled_data_set, connection):
    StorageConnection.objects.filter(pk=connection.pk).update(bucket="no-such-bucket-here")
    connection.refresh_from_db()
    with pytest.raises(DestinationRefused, match="The bucket no-such-bucket-here does not exist") as caught:
        auto_export(subscriber, entitled_data_set, connection)
    assert (caught.value.field, caught.value.exception_cause) == ("connection", "")
    assert EventAction.objects.count() == 0
    connection.refresh_from_db()
    assert not connection.is_proved
    connection.bucket, connection.access_key_id = "landing", "NOBODY"
    with pytest.raises(DestinationRefused, match="does not know this access key id") as caught:
        auto_export(subscriber, entitled_data_set, connection)
    assert caught.value.exception_cause == "S3AccessDenied"


def test_the_limits_of_the_installation_hold(subscriber, entitled_data_set, connection, settings):
    for n in range(5):
        auto_export(subscriber, entitled_data_set, connection, f"{n}/${{Asset.Name}}")
    with pytest.raises(LimitExceeded, match="Auto export event actions per data set"):
        auto_export(subscriber, entitled_data_set, connection, "5/${Asset.Name}")
    settings.QUOTAS = settings.QUOTAS | {"Event actions per account": 5}
    with pytest.raises(LimitExceeded, match="Event actions per account"):
        auto_export(subscriber, entitled_data_set, connection, "5/${Asset.Name}")
    assert EventAction.objects.count() == 5


def test_two_products_with_one_data_set_are_sent_each_under_its_own_entitlement(
    subscriber, product, entitled_data_set, connection, publisher, data_set, make_revision
):
    second = products.create_product(
        owner=publisher.organization,
        name="Second",
        category="Mobility",
        short_description="x",
        description="x",
        support_contact="x",
        terms="x",
        actor=actor_of(publisher),
        at=timezone.now() - timedelta(hours=1),
    )
    entry = products.add_data_set(product=second, data_set=data_set, actor=actor_of(publisher), at=timezone.now())
    make_listable(second, publisher)
    products.publish_product(product=second, actor=actor_of(publisher), at=timezone.now())
    subscribe(subscriber, second)
    auto_export(subscriber, entitled_data_set, connection, "one/${Asset.Name}")
    auto_export(subscriber, entry, connection, "two/${Asset.Name}")
    make_revision({"x.csv": b"x"})
    assert sorted(contents(connection)) == ["one/x.csv", "two/x.csv"]


@pytest.mark.django_db(transaction=True)
def test_the_reaction_delivered_many_times_at_once_starts_one_job(
    subscriber, entitled_data_set, connection, make_revision, publisher
):
    auto_export(subscriber, entitled_data_set, connection)
    revision = make_revision(finalize=False)
    revisions.finalize_revision(revision=revision, actor=actor_of(publisher), at=timezone.now())
    revisions.publish_revision(revision=revision, at=timezone.now())
    react = {"published_data_set_id": entitled_data_set.pk, "revision_id": revision.pk}
    assert outcomes(*[lambda: start_auto_exports(**react)] * 4) == [None] * 4
    assert Job.objects.count() == 1
    outcomes(work.run_due, work.run_due)
    assert Job.objects.get().state == "COMPLETED"
    assert len(receipts(Job.objects.get())) == 1
