"""What a subscriber has and until when, found again among many; deliveries retried together; auto-exports as they run."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import EventAction, Job, JobState, JobType
from marketplace.core import work
from marketplace.core.models import AuditRecord, WorkItem
from publishers.models import DataSet, PublishedDataSet, PublishedRevision
from subscriptions.models import Entitlement
from tests.conftest import actor_of
from tests.console.pages import sign_in
from tests.jobs.parties import auto_export, export

pytestmark = pytest.mark.django_db


def text_of(answer):
    """Return a page with its white space as people see it."""
    return " ".join(answer.content.decode().split())


def entitle_to_many(agreement, revision, count=300):
    """Entitle the subscriber to many further data sets of the same product."""
    now = timezone.now()
    owner = agreement.product.owner
    sets = DataSet.objects.bulk_create(
        DataSet(owner=owner, name=f"Series {n:03}", description="One of many.", created_at=now) for n in range(count)
    )
    entries = PublishedDataSet.objects.bulk_create(
        PublishedDataSet(data_set=data_set, product=agreement.product, added_at=now) for data_set in sets
    )
    Entitlement.objects.bulk_create(
        Entitlement(organization=agreement.organization, published_data_set=entry, agreement=agreement, valid_from=now)
        for entry in entries
    )
    return entries


@pytest.mark.parametrize(
    ("left", "words", "is_marked"),
    [
        (None, "No end", False),
        (timedelta(days=200, hours=1), "200 days left", False),
        (timedelta(days=12, hours=1), "12 days left", True),
        (timedelta(days=1, hours=1), "1 day left", True),
        (timedelta(hours=5), "Less than a day left", True),
    ],
)
def test_the_list_says_until_when_each_data_set_may_be_read(
    client, subscriber, entitled_data_set, left, words, is_marked
):
    Entitlement.objects.update(valid_until=None if left is None else timezone.now() + left)
    page = sign_in(client, subscriber).get("/my-data")
    assert words in text_of(page)
    assert ("badge-warn" in page.content.decode()) == is_marked


def test_many_data_sets_are_searched_and_paged_within_the_budget_of_queries(
    client, subscriber, agreement, finalized_revision, django_assert_max_num_queries
):
    sign_in(client, subscriber)
    assert 'type="search"' not in client.get("/my-data").content.decode()
    entitle_to_many(agreement, finalized_revision)
    client.get("/my-data")
    for path in ("/my-data", "/my-data?page=3", "/my-data?q=series+29", "/my-data?tab=subscriptions"):
        with django_assert_max_num_queries(15):
            assert client.get(path).status_code == 200
    found = client.get("/my-data?q=SERIES+29")
    assert [row.entry.data_set.name for row in found.context["rows"]] and all(
        "29" in row.entry.data_set.name for row in found.context["rows"]
    )
    assert len(found.context["rows"]) == 13
    nothing = client.get("/my-data?q=%00none%27")
    assert "No data set fits “none&#x27;”" in text_of(nothing)


def test_subscriptions_stand_on_a_tab_of_their_own(client, subscriber, agreement):
    sign_in(client, subscriber)
    assert 'href="/my-data?tab=subscriptions"' in client.get("/my-data").content.decode()
    page = text_of(client.get("/my-data?tab=subscriptions"))
    assert "Departures of New York" in page
    assert "Active" in page


def test_all_failed_deliveries_are_retried_at_once_and_recorded(
    client, subscriber, entitled_data_set, finalized_revision, connection
):
    failed = [export(subscriber, entitled_data_set, finalized_revision, connection, run=False) for _ in range(3)]
    old = export(subscriber, entitled_data_set, finalized_revision, connection, run=False)
    Job.objects.update(state=JobState.ERROR, errors=[{"code": "x", "message": "The bucket was away."}])
    Job.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
    WorkItem.objects.all().delete()
    sign_in(client, subscriber)
    page = text_of(client.get("/deliveries?state=failed"))
    assert "Retry 4 failed" in page
    answer = client.post("/deliveries/retry-failed", follow=True)
    assert "Retrying 3 deliveries. What arrived before is not sent again." in text_of(answer)
    assert WorkItem.objects.filter(task="jobs.run_job").count() == 3
    record = AuditRecord.objects.get(action="jobs.retried")
    assert sorted(record.detail["job_ids"]) == sorted(job.pk for job in failed)
    assert "Nothing can be retried" in text_of(client.post("/deliveries/retry-failed", follow=True))
    work.run_due()
    assert Job.objects.filter(state=JobState.COMPLETED).count() == 3


def test_a_failed_delivery_is_retried_from_the_list(
    client, subscriber, entitled_data_set, finalized_revision, connection
):
    job = export(subscriber, entitled_data_set, finalized_revision, connection, run=False)
    Job.objects.update(state=JobState.ERROR)
    sign_in(client, subscriber)
    assert f'action="/deliveries/{job.pk}/retry"' in client.get("/deliveries").content.decode()
    assert client.post(f"/deliveries/{job.pk}/retry", {"from": "list"}).url == "/deliveries"
    job.refresh_from_db()
    assert (job.state, job.run) == ("IN_PROGRESS", 2)


def test_an_auto_export_shows_its_progress_and_its_failure(
    client, subscriber, entitled_data_set, connection, make_revision
):
    action = auto_export(subscriber, entitled_data_set, connection)
    make_revision({"b.csv": b"id\n1\n"})
    sign_in(client, subscriber)
    page = text_of(client.get("/auto-exports"))
    assert "Export the newest one now" in page
    assert f"connection={connection.pk}" in page
    Job.objects.update(state=JobState.IN_PROGRESS, bytes_total=1000, bytes_done=400, started_at=timezone.now())
    page = text_of(client.get("/auto-exports"))
    assert '<progress class="" value="40"' in page
    assert "hx-trigger" in page
    Job.objects.update(state=JobState.ERROR, errors=[{"code": "x", "message": "The bucket was away."}])
    assert "The bucket was away." in text_of(client.get("/auto-exports"))
    assert EventAction.objects.get().pk == action.pk


def test_hundreds_of_deliveries_and_auto_exports_stay_within_the_budget_of_queries(
    client, subscriber, entitled_data_set, finalized_revision, connection, django_assert_max_num_queries
):
    now = timezone.now()
    common = {
        "organization": subscriber.organization,
        "published_data_set": entitled_data_set,
        "connection": connection,
    }
    EventAction.objects.bulk_create(EventAction(**common, key_pattern=f"{n}/${{Asset.Name}}") for n in range(60))
    Job.objects.bulk_create(
        Job(
            **common,
            type=JobType.EXPORT_REVISIONS_TO_S3,
            state=JobState.ERROR if n % 3 else JobState.COMPLETED,
            data_set=finalized_revision.data_set,
            revision=finalized_revision,
            created_by_id=actor_of(subscriber).user_id,
            created_at=now - timedelta(minutes=n),
        )
        for n in range(300)
    )
    assert PublishedRevision.objects.count() == 1
    sign_in(client, subscriber)
    client.get("/deliveries")
    for path in ("/deliveries", "/deliveries?state=failed&page=2", "/auto-exports", "/auto-exports?page=2"):
        with django_assert_max_num_queries(15):
            assert client.get(path).status_code == 200
