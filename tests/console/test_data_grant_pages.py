"""A publisher's pages of data grants."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from marketplace.core.models import Role
from subscriptions.models import DataGrant, Entitlement
from tests.console.pages import member_with, sign_in
from tests.grants import accept, give_data_grant


def test_a_data_grant_is_given_accepted_and_deleted(client, publisher, subscriber, data_set, finalized_revision):
    sign_in(client, publisher)
    assert "No data grant yet" in client.get("/publish/data-grants").content.decode()
    day = timezone.now().date() + timedelta(days=30)
    answer = client.post(
        "/publish/data-grants/new",
        {
            "data_set": data_set.pk,
            "receiver_account_id": f" {subscriber.organization.account_id} ",
            "name": "Pilot",
            "ends_at": day.isoformat(),
        },
    )
    assert (answer.status_code, answer.url) == (302, "/publish/data-grants")
    grant = DataGrant.objects.get()
    assert grant.receiver == subscriber.organization
    assert grant.ends_at == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    page = client.get("/publish/data-grants").content.decode()
    assert "Waits for the receiver" in page
    assert subscriber.organization.account_id in page
    accept(grant, subscriber)
    assert "Accepted" in client.get("/publish/data-grants").content.decode()
    page = client.get(f"/publish/data-sets/{data_set.pk}").content.decode()
    assert "1 organization has it by a data grant of" in page
    assert 'commandfor="delete"' not in page  # a data set that somebody has is not deleted
    assert client.post(f"/publish/data-grants/{grant.pk}/delete").url == "/publish/data-grants"
    grant.refresh_from_db()
    assert grant.deleted_at is not None
    assert Entitlement.objects.get(data_grant=grant).valid_until is not None
    assert "No data grant yet" in client.get("/publish/data-grants").content.decode()


def test_a_refused_data_grant_says_why_at_its_field_and_keeps_what_was_typed(
    client, publisher, subscriber, data_set, finalized_revision
):
    sign_in(client, publisher)
    form = {"data_set": data_set.pk, "receiver_account_id": subscriber.organization.account_id, "name": "Pilot"}
    for wrong, field, sentence in (
        ({"receiver_account_id": "123"}, "receiver_account_id", "An account id has 12 digits."),
        ({"receiver_account_id": "١" * 12}, "receiver_account_id", "An account id has 12 digits."),
        ({"receiver_account_id": publisher.organization.account_id}, "receiver_account_id", "your own account"),
        ({"receiver_account_id": "000000000000"}, "receiver_account_id", "This exchange has no account 000000000000"),
        ({"name": ""}, "name", "required"),
        ({"ends_at": "2020-01-01"}, "ends_at", "The end must be in the future."),
        ({"ends_at": "9999-12-31"}, "ends_at", "too far away"),
        ({"ends_at": "tomorrow"}, "ends_at", "valid date"),
        ({"data_set": ""}, "data_set", "Choose a data set."),
    ):
        answer = client.post("/publish/data-grants/new", form | wrong)
        assert answer.status_code == 422, wrong
        assert sentence in str(answer.context["form"].errors[field]), wrong
    assert 'value="Pilot"' in answer.content.decode()
    assert client.post("/publish/data-grants/new", form | {"data_set": "0" * 32}).status_code == 404
    assert not DataGrant.objects.exists()


def test_a_data_set_without_a_finalized_revision_is_not_offered(client, publisher, draft_revision):
    page = sign_in(client, publisher).get("/publish/data-grants/new").content.decode()
    assert "No finalized revision yet" in page


def test_a_viewer_sees_data_grants_and_gives_none(client, publisher, subscriber, data_set, finalized_revision):
    give_data_grant(publisher, subscriber, data_set)
    viewer = member_with(Role.VIEWER)
    viewer.organization = publisher.organization
    viewer.save()
    page = sign_in(client, viewer).get("/publish/data-grants").content.decode()
    assert "Pilot" in page
    assert "Delete data grant" not in page
    assert client.get("/publish/data-grants/new").status_code == 403


def test_the_list_asks_no_more_for_more_data_grants(
    client, publisher, subscriber, data_set, finalized_revision, django_assert_max_num_queries
):
    for number in range(8):
        give_data_grant(publisher, subscriber, data_set, name=f"Pilot {number}")
    sign_in(client, publisher)
    with django_assert_max_num_queries(9):
        assert "Pilot 7" in client.get("/publish/data-grants").content.decode()


def test_home_names_a_data_grant_that_waits_and_keys_the_account_id(
    client, publisher, subscriber, data_set, finalized_revision
):
    give_data_grant(publisher, subscriber, data_set)
    sign_in(client, subscriber)
    page = client.get("/home").content.decode()
    assert "Publisher shares Departures with you" in page
    assert 'href="/my-data#grants"' in page
    page = client.get("/keys").content.decode()
    assert f'data-value="{subscriber.organization.account_id}"' in page


def test_home_shows_what_came_by_a_data_grant(client, publisher, subscriber, data_set, finalized_revision):
    entry = accept(give_data_grant(publisher, subscriber, data_set), subscriber)
    page = sign_in(client, subscriber).get("/home").content.decode()
    assert f"/my-data/{entry.pk}/revisions/{finalized_revision.pk}" in page
