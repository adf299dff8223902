"""What is entitled by a data grant, and data sets that hold no files."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job
from jobs.operations import event_actions, exports
from marketplace.core import work
from publishers.operations import products
from subscriptions.models import DataGrant, Entitlement
from subscriptions.operations import accept_offer, delete_data_grant
from tests.conftest import actor_of, make_listable
from tests.console.pages import sign_in
from tests.grants import accept, give_data_grant, make_api_revision


@pytest.fixture
def grant(publisher, subscriber, data_set, finalized_revision):
    """A data grant that waits for the subscriber."""
    return give_data_grant(publisher, subscriber, data_set)


def test_a_waiting_data_grant_is_accepted_once_and_then_read(client, subscriber, grant, finalized_revision):
    sign_in(client, subscriber)
    page = " ".join(client.get("/my-data").content.decode().split())
    assert "By data grant “Pilot” from Publisher" in page
    assert "For the pilot." in page
    assert client.get(f"/my-data/{grant.published_data_set_id}").status_code == 404
    answer = client.post(f"/data-grants/{grant.pk}/accept")
    assert answer.url == f"/my-data/{grant.published_data_set_id}"
    page = client.get(answer.url).content.decode()
    assert "By data grant “Pilot” from Publisher" in " ".join(page.split())
    assert "When its sender ends it" in page
    assert "/products/" not in page
    url = f"{answer.url}/revisions/{finalized_revision.pk}"
    asset = finalized_revision.assets.get()
    assert asset.sha256 in client.get(url).content.decode()
    assert "X-Amz-Expires=300" in client.get(f"{url}/assets/{asset.pk}/download").url
    listed = client.get("/my-data").content.decode()
    assert "Waiting for you" not in listed
    assert "By data grant “Pilot” from Publisher" in " ".join(listed.split())
    again = client.post(f"/data-grants/{grant.pk}/accept")
    assert again.status_code == 409
    assert "was accepted before" in again.content.decode()
    assert Entitlement.objects.count() == 1


def test_nobody_but_its_receiver_accepts_a_data_grant(client, stranger, publisher, grant):
    for member in (stranger, publisher):
        assert sign_in(client, member).post(f"/data-grants/{grant.pk}/accept").status_code == 404
    assert not Entitlement.objects.exists()


def test_one_that_has_ended_is_not_offered_and_cannot_be_accepted(client, subscriber, grant):
    DataGrant.objects.filter(pk=grant.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
    sign_in(client, subscriber)
    assert "Waiting for you" not in client.get("/my-data").content.decode()
    assert client.post(f"/data-grants/{grant.pk}/accept").status_code == 409
    assert not Entitlement.objects.exists()


def test_every_page_of_a_delivery_by_data_grant_names_the_grant_on_both_sides(
    client, publisher, subscriber, grant, finalized_revision, connection
):
    entry = accept(grant, subscriber)
    place = {"published_data_set": entry, "connection": connection, "key_pattern": ""}
    event_actions.create_event_action(
        organization=subscriber.organization, actor=actor_of(subscriber), at=timezone.now(), **place
    )
    job = exports.create_export(
        organization=subscriber.organization,
        revision=finalized_revision,
        actor=actor_of(subscriber),
        at=timezone.now(),
        **place,
    )
    exports.start(job=job, actor=actor_of(subscriber), at=timezone.now())
    work.run_due()
    sign_in(client, subscriber)
    for path in ("/auto-exports", f"/deliveries/{job.pk}", f"/my-data/{entry.pk}"):
        page = " ".join(client.get(path).content.decode().split())
        assert "By data grant “Pilot” from Publisher" in page, path
        assert 'href="/products/' not in page, path
    for path in ("/home", "/deliveries", "/my-data", f"/exports/new?data_set={entry.pk}", "/auto-exports/new"):
        assert client.get(path).status_code == 200, path
    assert "Departures · a data grant" in client.get("/auto-exports/new").content.decode()
    sign_in(client, publisher)
    page = client.get(f"/publish/deliveries/{job.pk}").content.decode()
    assert "Pilot" in page
    assert 'href="/products/' not in page
    for path in ("/home", "/publish", "/publish/deliveries", "/publish/subscribers"):
        assert client.get(path).status_code == 200, path
    assert f"/publish/deliveries/{job.pk}" in client.get("/publish/deliveries").content.decode()
    delete_data_grant(data_grant=grant, actor=actor_of(publisher), at=timezone.now())
    sign_in(client, subscriber)
    assert client.get(f"/my-data/{entry.pk}").status_code == 404
    assert "Access ended" in client.get("/auto-exports").content.decode()
    assert "Pilot" in client.get(f"/deliveries/{job.pk}").content.decode()


def test_assets_that_are_no_files_say_what_they_are_and_offer_nothing_to_download(client, publisher, subscriber):
    revision = make_api_revision(publisher)
    entry = accept(give_data_grant(publisher, subscriber, revision.data_set), subscriber)
    asset = revision.assets.get()
    sign_in(client, subscriber)
    page = client.get(f"/my-data/{entry.pk}").content.decode()
    assert "1 asset:" in " ".join(page.split()).replace("asset :", "asset:")
    assert "Set up an auto-export" not in page
    assert "/rows" not in page
    url = f"/my-data/{entry.pk}/revisions/{revision.pk}"
    page = client.get(url).content.decode()
    assert "<td>APIs</td>" in page
    assert "Download" not in page
    assert "0 B" not in page
    refused = client.get(f"{url}/assets/{asset.pk}/download")
    assert refused.status_code == 409
    assert "is not a file" in refused.content.decode()
    for path in (f"/exports/new?data_set={entry.pk}", f"/auto-exports/new?data_set={entry.pk}"):
        assert client.get(path).status_code == 409, path
    assert client.get("/exports/new").context["data_sets"] == []
    assert not Job.objects.exists()


def test_a_product_of_no_files_promises_no_files(client, publisher, subscriber):
    revision = make_api_revision(publisher)
    made = products.create_product(
        owner=publisher.organization,
        name="Flight status",
        category="Mobility",
        short_description="Live.",
        description="Live.",
        support_contact="help@example.org",
        terms="Use it well.",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    by = {"actor": actor_of(publisher), "at": timezone.now()}
    products.add_data_set(product=made, data_set=revision.data_set, **by)
    make_listable(made, publisher)
    made = products.publish_product(product=made, **by)
    work.run_due()
    page = client.get(f"/products/{made.pk}").content.decode()
    assert "<dd>APIs</dd>" in page
    assert "S3 export" not in page
    assert "<dt>Format</dt>" not in page
    assert "0 B" not in page
    version = sign_in(client, subscriber).get(f"/products/{made.pk}/subscribe").context["form"].initial["offer_version"]
    accept_offer(
        organization=subscriber.organization,
        product=made,
        offer_version_id=version,
        terms_accepted=True,
        user=subscriber.user,
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    assert "APIs" in client.get("/my-data").content.decode()
