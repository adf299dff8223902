"""/api: data grants from both sides, deleting and editing again, and what has no product or no data set any more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job
from marketplace.core import work
from publishers.models import DataSet, Revision
from subscriptions.models import DataGrant, Entitlement
from tests.grants import accept, give_data_grant, make_api_revision

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_data_grant_is_given_accepted_read_and_ended(
    publisher, subscriber, stranger, data_set, finalized_revision, program_of
):
    sender, receiver = program_of(publisher), program_of(subscriber)
    until = (timezone.now() + timedelta(days=9)).isoformat().replace("+00:00", "Z")
    body = {
        "data_set_id": data_set.pk,
        "receiver_account_id": subscriber.organization.account_id,
        "name": "Pilot",
        "ends_at": until,
        "tags": {"team": "a"},
    }
    made = sender.call("POST", "/api/data-grants", body, Idempotency_Key="one")
    assert made.status_code == 201, made.content
    grant = made.json()
    assert sender.call("POST", "/api/data-grants", body, Idempotency_Key="one").json() == grant
    assert DataGrant.objects.count() == 1
    assert (grant["state"], grant["data_set_id"], grant["ends_at"]) == (
        "PENDING_RECEIVER_ACCEPTANCE",
        data_set.pk,
        until,
    )
    assert grant["receiver"] == {"account_id": subscriber.organization.account_id, "name": "Subscriber"}
    assert sender.call("GET", "/api/data-grants").json()["items"] == [grant]
    path = f"/api/received-data-grants/{grant['id']}"
    seen = receiver.call("GET", path).json()
    assert seen["sender"] == {"account_id": publisher.organization.account_id, "name": "Publisher"}
    assert data_set.pk not in str(seen)
    assert program_of(stranger).call("POST", f"{path}/accept").status_code == 404
    assert sender.call("POST", f"{path}/accept").status_code == 404
    accepted = receiver.call("POST", f"{path}/accept").json()
    assert accepted["state"] == "ACCEPTED"
    again = receiver.call("POST", f"{path}/accept")
    assert (again.status_code, again.json()["code"]) == (409, "DataGrantAlreadyAccepted")
    for state, count in (("ACCEPTED", 1), ("PENDING_RECEIVER_ACCEPTANCE", 0)):
        assert len(receiver.call("GET", f"/api/received-data-grants?state={state}").json()["items"]) == count
    (entitlement,) = receiver.call("GET", "/api/entitlements").json()["items"]
    assert entitlement["data_set_id"] == accepted["data_set_id"]
    assert entitlement["data_grant_id"] == grant["id"]
    assert [entitlement[name] for name in ("product_id", "product_name", "subscription_id")] == [None, None, None]
    assert entitlement["publisher"]["name"] == "Publisher"
    assert entitlement["valid_until"] == until
    (listed,) = receiver.call("GET", "/data/data-sets").json()["items"]
    assert (listed["data_grant_id"], listed["product_name"], listed["publisher"]) == (grant["id"], None, "Publisher")
    path = f"/api/data-grants/{grant['id']}"
    sooner = sender.call("PATCH", path, {"ends_at": timezone.now().isoformat()})
    assert (sooner.status_code, sooner.json()["errors"][0]["field"]) == (422, "ends_at")
    assert sender.call("PATCH", path, {}).status_code == 422
    extended = sender.call("PATCH", path, {"ends_at": None})
    assert (extended.json()["ends_at"], extended.json()["receiver"]) == (None, grant["receiver"])
    assert receiver.call("GET", "/api/entitlements").json()["items"][0]["valid_until"] is None
    assert sender.call("DELETE", path).status_code == 204
    assert receiver.call("GET", "/api/entitlements").json()["items"] == []
    assert sender.call("GET", f"/api/data-grants/{grant['id']}").status_code == 404
    assert Entitlement.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"receiver_account_id": "000000000000"}, "receiver_account_id"),
        ({"receiver_account_id": 123456789012}, "receiver_account_id"),
        ({"name": " "}, "name"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"distribution_scope": "EVERYBODY"}, "distribution_scope"),
        ({"tags": {"aws:x": "1"}}, "tags"),
        ({"tags": {"x": 1}}, "tags"),
    ],
)
def test_a_data_grant_that_makes_no_sense_is_refused(
    publisher, subscriber, data_set, finalized_revision, program_of, wrong, field
):
    body = {"data_set_id": data_set.pk, "receiver_account_id": subscriber.organization.account_id, "name": "Pilot"}
    answer = program_of(publisher).call("POST", "/api/data-grants", body | wrong)
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"][0]["field"].split(".")[0] == field
    assert not DataGrant.objects.exists()


def test_a_delivery_by_data_grant_names_it_on_both_sides(
    publisher, subscriber, data_set, finalized_revision, connection, program_of
):
    grant = give_data_grant(publisher, subscriber, data_set)
    entry = accept(grant, subscriber)
    receiver, sender = program_of(subscriber), program_of(publisher)
    body = {"data_set_id": entry.pk, "storage_connection_id": connection.pk}
    auto = receiver.call("POST", "/api/auto-exports", body).json()
    assert (auto["product_id"], auto["data_grant_id"]) == (None, grant.pk)
    made = receiver.call("POST", "/api/exports", body | {"revision_id": finalized_revision.pk}).json()
    work.run_due()
    assert receiver.call("GET", f"/api/deliveries/{made['id']}").json()["state"] == "COMPLETED"
    (seen,) = sender.call("GET", "/api/published-deliveries").json()["items"]
    assert (seen["id"], seen["product_id"], seen["data_grant_id"]) == (made["id"], None, grant.pk)
    (listed,) = receiver.call("GET", "/api/auto-exports").json()["items"]
    assert listed == auto


def test_a_product_stays_named_where_there_is_one(subscriber, entitled_data_set, agreement, connection, program_of):
    program = program_of(subscriber)
    (entitlement,) = program.call("GET", "/api/entitlements").json()["items"]
    assert (entitlement["product_id"], entitlement["data_grant_id"]) == (agreement.product_id, None)
    body = {"data_set_id": entitled_data_set.pk, "storage_connection_id": connection.pk}
    auto = program.call("POST", "/api/auto-exports", body).json()
    assert (auto["product_id"], auto["data_grant_id"]) == (agreement.product_id, None)


def test_assets_that_are_no_files_have_no_size_and_are_not_delivered(publisher, subscriber, connection, program_of):
    revision = make_api_revision(publisher)
    entry = accept(give_data_grant(publisher, subscriber, revision.data_set), subscriber)
    program = program_of(subscriber)
    base = f"/data/{entry.pk}/revisions/latest/assets"
    (asset,) = program.call("GET", base).json()["items"]
    assert (asset["asset_type"], asset["size_bytes"], asset["sha256"], asset["has_rows"]) == (
        "API_GATEWAY_API",
        None,
        None,
        False,
    )
    for path in ("download", "rows"):
        refused = program.call("GET", f"{base}/{asset['id']}/{path}")
        assert (refused.status_code, refused.json()["code"]) == (409, "NotAFile"), path
    body = {"data_set_id": entry.pk, "storage_connection_id": connection.pk}
    refused = program.call("POST", "/api/auto-exports", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "HoldsNoFiles")
    refused = program.call("POST", "/api/exports", body | {"revision_id": revision.pk})
    assert (refused.status_code, refused.json()["code"]) == (409, "HoldsNoFiles")
    assert Job.objects.count() == 0


def test_a_revision_is_opened_again_and_deleted_until_it_is_published(
    publisher, data_set, finalized_revision, make_revision, product, program_of
):
    program = program_of(publisher)
    published = f"/api/data-sets/{data_set.pk}/revisions/{finalized_revision.pk}"
    for method, path in (("POST", f"{published}/reopen"), ("DELETE", published)):
        refused = program.call(method, path)
        assert (refused.status_code, refused.json()["code"]) == (409, "RevisionIsPublished")
    assert program.call("DELETE", f"/api/data-sets/{data_set.pk}").json()["code"] == "DataSetInUse"
    draft = make_revision(finalize=False)
    path = f"/api/data-sets/{data_set.pk}/revisions/{draft.pk}"
    opened = program.call("POST", f"{path}/reopen").json()
    assert (opened["id"], opened["state"], opened["finalized_at"]) == (draft.pk, "DRAFT", None)
    assert program.call("DELETE", path).status_code == 204
    assert program.call("DELETE", path).status_code == 404
    assert list(Revision.objects.all()) == [finalized_revision]


def test_a_data_set_that_nobody_has_is_deleted_and_its_jobs_stay(
    publisher, data_set, finalized_revision, draft_revision, program_of
):
    program = program_of(publisher)
    path = f"/api/data-sets/{data_set.pk}/revisions/{finalized_revision.pk}/reopen"
    assert program.call("POST", path).json()["state"] == "DRAFT"
    body = {"data_set_id": data_set.pk, "revision_id": draft_revision.pk, "url": "https://1.1.1.1/a.csv"}
    job = program.call("POST", "/api/imports", body).json()
    assert program.call("DELETE", f"/api/data-sets/{data_set.pk}").status_code == 204
    assert not DataSet.objects.exists()
    kept = program.call("GET", f"/api/imports/{job['id']}").json()
    assert (kept["data_set_id"], kept["revision_id"]) == (data_set.pk, draft_revision.pk)
    assert kept["data_set_name"] == "a deleted data set"
    assert program.call("GET", "/api/imports").json()["items"] == [kept]
