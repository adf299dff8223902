"""A publisher's overview, subscribers, and the publisher's side of deliveries."""

import csv
import io

import pytest
from django.utils import timezone

from jobs.models import JobState
from jobs.operations import exports
from marketplace.core import storage, work
from marketplace.core.models import Organization, Role
from publishers.models import Asset
from tests.conftest import actor_of
from tests.console.pages import member_with, sign_in


@pytest.fixture
def delivery(subscriber, entitled_data_set, connection, finalized_revision):
    """A delivery to the subscriber's bucket, not run yet."""
    job = exports.create_export(
        organization=subscriber.organization,
        published_data_set=entitled_data_set,
        revision=finalized_revision,
        connection=connection,
        key_pattern="secret-folder/${Asset.Name}",
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    return exports.start(job=job, actor=actor_of(subscriber), at=timezone.now())


@pytest.fixture
def completed_delivery(delivery):
    """The delivery after it arrived."""
    work.run_due()
    delivery.refresh_from_db()
    assert delivery.state == JobState.COMPLETED
    return delivery


def test_the_overview_counts_what_was_delivered(client, publisher, completed_delivery):
    answer = sign_in(client, publisher).get("/publish")
    assert dict(answer.context["figures"]) == {
        "Data sets": "1",
        "Products listed": "1",
        "Subscribers": "1",
        "Delivered, 30 days": "1",
        "Sent, 30 days": "18 B",
        "Success rate, 30 days": "100 %",
    }
    assert answer.context["values"] == [0] * 30 + [1]


def test_the_overview_shows_drafts(client, publisher, draft_revision):
    page = sign_in(client, publisher).get("/publish").content.decode()
    assert "Revision with 1 file" in page


def test_the_overview_tells_a_newcomer_the_first_step(client, stranger):
    page = sign_in(client, stranger).get("/publish").content.decode()
    assert "Nothing to publish yet" in page
    assert "Create a data set" in page


def test_a_viewer_is_not_offered_what_is_refused(client, db):
    page = sign_in(client, member_with(Role.VIEWER)).get("/publish").content.decode()
    assert "New data set" not in page


def test_subscribers_are_listed_with_product_and_terms(client, publisher, subscriber, agreement, completed_delivery):
    answer = sign_in(client, publisher).get("/publish/subscribers")
    ((row, delivered_at, request_id),) = answer.context["rows"]
    assert row == agreement
    assert delivered_at is not None
    assert request_id is None
    page = answer.content.decode()
    assert subscriber.organization.account_id in page
    assert "Version 1" in page


def test_the_csv_of_subscribers_holds_no_formula(client, publisher, subscriber, agreement):
    Organization.objects.filter(pk=subscriber.organization_id).update(name='=HYPERLINK("http://evil.example")')
    answer = sign_in(client, publisher).get("/publish/subscribers?format=csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="subscribers.csv"'
    header, row = csv.reader(io.StringIO(answer.content.decode()))
    names = ["organization", "account_id", "product", "product_id", "subscribed_at", "terms_version"]
    assert header == [*names, "last_delivery_at", "request_id"]
    assert row == [
        '\'=HYPERLINK("http://evil.example")',
        subscriber.organization.account_id,
        "Departures of New York",
        agreement.product_id,
        agreement.accepted_at.isoformat(timespec="seconds"),
        "1",
        "",
        "",
    ]


def test_the_publisher_sees_checksums_but_neither_bucket_nor_key(
    client, publisher, subscriber, completed_delivery, connection
):
    sign_in(client, publisher)
    page = client.get(f"/publish/deliveries/{completed_delivery.pk}").content.decode()
    assert Asset.objects.get().sha256 in page
    assert subscriber.organization.name in page
    assert "Delivered" in page
    for hidden in ("secret-folder", connection.bucket, connection.endpoint_url, connection.access_key_id):
        assert hidden not in page
    assert completed_delivery.pk in client.get("/publish/deliveries").content.decode()


def test_the_publisher_learns_the_kind_of_a_failure_but_not_the_bucket(client, publisher, delivery, connection):
    storage.vault().client.delete_bucket(Bucket=connection.bucket)
    work.run_due()
    delivery.refresh_from_db()
    assert connection.bucket in delivery.cause
    page = sign_in(client, publisher).get(f"/publish/deliveries/{delivery.pk}").content.decode()
    assert "No file arrived" in page
    assert "bucket does not exist any more" in page
    assert "Not sent" in page
    assert connection.bucket not in page


def test_a_running_delivery_polls_and_an_ended_one_does_not(client, publisher, delivery):
    sign_in(client, publisher)
    path = f"/publish/deliveries/{delivery.pk}"
    assert "every 1s" in client.get(path).content.decode()
    work.run_due()
    assert "every 1s" not in client.get(path).content.decode()


def test_deliveries_are_filtered_by_state(client, publisher, completed_delivery):
    sign_in(client, publisher)
    assert completed_delivery.pk in client.get("/publish/deliveries?state=completed").content.decode()
    page = client.get("/publish/deliveries?state=failed").content.decode()
    assert completed_delivery.pk not in page
    assert "No delivery is in this state" in page


@pytest.mark.parametrize("member", ["stranger", "subscriber"])
def test_others_see_no_delivery_of_the_publisher(client, request, member, completed_delivery):
    sign_in(client, request.getfixturevalue(member))
    assert client.get(f"/publish/deliveries/{completed_delivery.pk}").status_code == 404
    assert "No deliveries yet" in client.get("/publish/deliveries").content.decode()
    assert "Departures of New York" not in client.get("/publish/subscribers?format=csv").content.decode()


@pytest.mark.parametrize("path", ["/publish", "/publish/subscribers", "/publish/deliveries"])
def test_publishing_asks_a_stranger_to_sign_in(client, db, path):
    assert client.get(path).url == f"/accounts/login/?next={path}"


def test_lists_ask_the_database_no_more_for_more_rows(
    client, publisher, completed_delivery, django_assert_max_num_queries
):
    sign_in(client, publisher)
    for path, most in (("/publish", 16), ("/publish/subscribers", 12), ("/publish/deliveries", 12)):
        with django_assert_max_num_queries(most):
            client.get(path)
