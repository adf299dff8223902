"""Facts as events: each told once, to those whom it concerns, in the words of section (c) of the reference."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from jobs.models import Job
from jobs.operations import lifecycle
from jobs.tasks import announce_auto_export
from marketplace.core import work
from marketplace.core.models import Event, Organization
from publishers.models import AssetType, DataSet, PublishedRevision
from publishers.operations import products, revisions
from publishers.operations.data_sets import create_data_set
from subscriptions import events
from subscriptions.models import Agreement, DataGrant, Entitlement
from subscriptions.operations import end_agreement
from subscriptions.queries import list_entitled_organization_ids
from subscriptions.tasks import (
    announce_data_set,
    announce_grant_accepted,
    announce_grant_extended,
    announce_grant_revoked,
    announce_product,
    announce_revision,
    announce_revocation,
)
from tests.conftest import actor_of, connect
from tests.jobs.parties import auto_export

pytestmark = pytest.mark.django_db


def received(member) -> list[Event]:
    """Return the events of a member's organization, oldest first."""
    found = Event.objects.filter(organization=member.organization).select_related("organization")
    return list(found.order_by("sequence"))


def types(member) -> list[str]:
    return [event.detail_type for event in received(member)]


def everything() -> list[dict]:
    return list(Event.objects.order_by("sequence").values())


def named(row) -> dict[str, str]:
    return {"Id": row.pk, "Name": row.name}


# --- the owner --------------------------------------------------------------------------------------------------------
def test_the_owner_is_told_of_a_published_product(publisher, subscriber, product, data_set):
    (event,) = received(publisher)
    assert event.envelope | {"id": ""} == {
        "version": "0",
        "id": "",
        "detail-type": "Data Sets Published To Product",
        "source": "aws.dataexchange",
        "account": publisher.organization.account_id,
        "time": f"{product.published_at:%Y-%m-%dT%H:%M:%SZ}",
        "region": settings.S3_REGION,
        "resources": [product.pk],
        "detail": {"DataSetIds": [data_set.pk], "DataSets": [named(data_set)], "Product": named(product)},
    }
    assert received(subscriber) == []
    before = everything()
    announce_product(product_id=product.pk)
    assert everything() == before


def test_a_data_set_that_is_added_later_is_told_by_its_type(publisher, product):
    added = create_data_set(
        owner=publisher.organization,
        name="Gates",
        description="x",
        asset_type=AssetType.API_GATEWAY_API,
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    entry = products.add_data_set(product=product, data_set=added, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    event = received(publisher)[-1]
    assert event.detail_type == "API Gateway API Data Sets Published To Product"
    assert event.detail == {"DataSetIds": [added.pk], "DataSets": [named(added)], "Product": named(product)}
    before = everything()
    announce_data_set(published_data_set_id=entry.pk)
    announce_product(product_id=product.pk)  # as it was when it was published
    assert everything() == before


def test_a_product_with_several_types_is_told_in_one_event_for_each(publisher, product, data_set):
    for name, asset_type in (("A", AssetType.REDSHIFT_DATA_SHARE), ("B", AssetType.S3_DATA_ACCESS)):
        added = create_data_set(
            owner=publisher.organization,
            name=name,
            description="x",
            asset_type=asset_type,
            actor=actor_of(publisher),
            at=timezone.now(),
        )
        products.add_data_set(product=product, data_set=added, actor=actor_of(publisher), at=product.published_at)
    Event.objects.all().delete()
    events.announce_product(product=product)
    assert sorted(types(publisher)) == [
        "Data Sets Published To Product",
        "Redshift Data Shares Data Sets Published To Product",
        "S3 Data Access Data Set(s) Published to Product(s)",
    ]
    of_files = Event.objects.get(detail_type="Data Sets Published To Product")
    assert of_files.detail["DataSetIds"] == [data_set.pk]


# --- revisions --------------------------------------------------------------------------------------------------------
def test_a_revision_is_told_to_whoever_is_entitled(
    subscriber, stranger, entitled_data_set, make_revision, product, data_set
):
    revision = make_revision()
    (event,) = received(subscriber)
    assert event.detail_type == "Revision Published To Data Set"
    assert event.resources == [entitled_data_set.pk]
    assert event.detail == {
        "RevisionIds": [revision.pk],
        "Revisions": [{"Id": revision.pk, "Comment": ""}],
        "DataSetIds": [entitled_data_set.pk],
        "DataSets": [{"Id": entitled_data_set.pk, "Name": data_set.name}],
        "Product": named(product),
    }
    assert event.occurred_at == PublishedRevision.objects.get(revision=revision).published_at
    assert received(stranger) == []
    before = everything()
    announce_revision(published_data_set_id=entitled_data_set.pk, revision_id=revision.pk)
    assert everything() == before


def test_who_has_ended_the_subscription_is_told_nothing_more(subscriber, agreement, make_revision):
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    make_revision()
    assert received(subscriber) == []


def test_a_revision_that_is_gone_is_told_to_nobody(subscriber, entitled_data_set):
    announce_revision(published_data_set_id=entitled_data_set.pk, revision_id="0" * 32)
    assert received(subscriber) == []


def test_a_revocation_is_told_with_its_reason(subscriber, stranger, entitled_data_set, make_revision, publisher):
    revision = make_revision()
    revisions.revoke_revision(
        revision=revision, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    work.run_due()
    event = received(subscriber)[-1]
    assert (event.detail_type, event.resources) == ("Revision Revoked", [entitled_data_set.pk])
    assert event.detail["RevocationComment"] == "The figures were wrong."
    assert event.detail["RevisionIds"] == [revision.pk]
    assert received(stranger) == []
    before = everything()
    announce_revocation(revision_id=revision.pk)
    assert everything() == before


@pytest.mark.parametrize("asset_type", AssetType.values)
def test_each_asset_type_has_names_of_its_own(subscriber, entitled_data_set, finalized_revision, publisher, asset_type):
    DataSet.objects.update(asset_type=asset_type)
    publication = PublishedRevision.objects.select_related(
        "revision", "published_data_set__data_set", "published_data_set__product"
    ).get()
    revision = publication.revision
    revision.revoked_at, revision.revocation_comment = timezone.now(), "The figures were wrong."
    events.announce_revision(publication=publication, at=timezone.now())
    events.announce_revocation(revision=revision, at=timezone.now())
    assert (
        types(subscriber)
        == {
            "S3_SNAPSHOT": ["Revision Published To Data Set", "Revision Revoked"],
            "API_GATEWAY_API": ["Revision Published To API Gateway API Data Set", "Revision Revoked"],
            "REDSHIFT_DATA_SHARE": ["Revision Published To Redshift Data Shares Data Set", "Revision Revoked"],
            "S3_DATA_ACCESS": [
                "Revision Published to S3 Data Access Data Set(s)",
                "Revision Revoked from S3 Data Access Data Set(s)",
            ],
            "LAKE_FORMATION_DATA_PERMISSION": [
                "Revision Published To Lake Formation Data Permission Data Set",
                "Revision Revoked",
            ],
        }[asset_type]
    )


def test_two_thousand_readers_are_told_in_a_fixed_number_of_statements(
    subscriber, agreement, entitled_data_set, finalized_revision, django_assert_max_num_queries
):
    readers = Organization.objects.bulk_create(Organization(name=f"Reader {n}") for n in range(1999))
    now = timezone.now()
    agreements = Agreement.objects.bulk_create(
        Agreement(
            organization=reader,
            product=agreement.product,
            offer_version=agreement.offer_version,
            accepted_by=subscriber.user,
            accepted_at=now,
        )
        for reader in readers
    )
    Entitlement.objects.bulk_create(
        Entitlement(
            organization_id=made.organization_id, published_data_set=entitled_data_set, agreement=made, valid_from=now
        )
        for made in agreements
    )
    with django_assert_max_num_queries(2 + 2 * 5):
        announce_revision(published_data_set_id=entitled_data_set.pk, revision_id=finalized_revision.pk)
    assert Event.objects.filter(detail_type="Revision Published To Data Set").count() == 2000


def test_the_entitled_are_those_of_the_instant_each_once(subscriber, agreement, entitled_data_set):
    entitlement = agreement.entitlements.get()

    def at(instant) -> list[str]:
        return list(list_entitled_organization_ids(published_data_set=entitled_data_set, at=instant))

    begin = entitlement.valid_from
    assert at(begin - timedelta(microseconds=1)) == []
    assert at(begin) == [subscriber.organization_id]
    Entitlement.objects.update(valid_until=begin + timedelta(days=1))
    assert at(begin + timedelta(days=1)) == []
    assert at(begin + timedelta(hours=23)) == [subscriber.organization_id]


# --- auto-exports -----------------------------------------------------------------------------------------------------
def test_the_end_of_an_auto_export_is_told_to_the_subscriber(
    subscriber, publisher, entitled_data_set, connection, make_revision, product
):
    auto_export(subscriber, entitled_data_set, connection)
    revision = make_revision()
    assert sorted(types(subscriber)) == ["Auto-export Job Completed", "Revision Published To Data Set"]
    event = Event.objects.get(detail_type="Auto-export Job Completed")
    assert event.organization_id == subscriber.organization_id
    assert event.resources == [product.pk]
    assert event.detail["RevisionIds"] == [revision.pk]
    assert event.detail["DataSetIds"] == [entitled_data_set.pk]
    assert event.detail["Product"] == named(product)
    before = everything()
    announce_auto_export(job_id=Job.objects.get().pk)
    assert everything() == before


def test_a_failed_auto_export_is_told_and_its_next_end_as_well(
    subscriber, entitled_data_set, bucket_name, make_revision
):
    auto_export(subscriber, entitled_data_set, connect(subscriber, bucket_name), "x" * 1000 + "/${Asset.Name}")
    make_revision({"a-name-of-some-length.csv": b"x"})
    failed = Event.objects.filter(detail_type="Auto-export Job Failed")
    assert failed.count() == 1
    job = lifecycle.retry_job(job=Job.objects.get(), actor=actor_of(subscriber), at=timezone.now())
    announce_auto_export(job_id=job.pk)  # late: it runs again, and its end will be told
    assert failed.count() == 1
    work.run_due()
    assert failed.count() == 2


def test_an_export_by_hand_is_no_auto_export(subscriber, entitled_data_set, connection, finalized_revision):
    from tests.jobs.parties import export

    job = export(subscriber, entitled_data_set, finalized_revision, connection)
    assert job.state == "COMPLETED"
    assert received(subscriber) == []


# --- data grants ------------------------------------------------------------------------------------------------------
@pytest.fixture
def grant(publisher, subscriber, data_set, finalized_revision) -> DataGrant:
    """A data grant that the subscriber has accepted."""
    from subscriptions.operations import accept_data_grant, create_data_grant

    made = create_data_grant(
        sender=publisher.organization,
        receiver_account_id=subscriber.organization.account_id,
        data_set=data_set,
        name="For our partner",
        ends_at=timezone.now() + timedelta(days=30),
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    accepted = accept_data_grant(
        data_grant=made, receiver=subscriber.organization, actor=actor_of(subscriber), at=timezone.now()
    )
    work.run_due()
    return accepted


def test_the_sender_is_told_that_a_grant_was_accepted(publisher, subscriber, grant, data_set):
    (event,) = [e for e in received(publisher) if e.detail_type.startswith("Data Grant")]
    entry = grant.published_data_set
    assert event.detail_type == "Data Grant Accepted"
    assert event.resources == [f"arn:aws:dataexchange:{settings.S3_REGION}::data-sets/{entry.pk}"]
    owner = publisher.organization.account_id
    assert event.detail == {
        "DataSets": [{"Id": entry.pk, "Name": data_set.name}],
        "DataGrant": {
            "Arn": f"arn:aws:dataexchange:{settings.S3_REGION}:{owner}:data-grants/{grant.pk}",
            "Name": "For our partner",
        },
    }
    assert "Data Grant Accepted" not in types(subscriber)
    before = everything()
    announce_grant_accepted(data_grant_id=grant.pk)
    assert everything() == before


def test_the_receiver_is_told_that_a_grant_was_extended_and_that_it_was_ended(publisher, subscriber, grant):
    from subscriptions.operations import delete_data_grant, extend_data_grant

    extend_data_grant(data_grant=grant, ends_at=None, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    announce_grant_extended(data_grant_id=grant.pk)
    delete_data_grant(data_grant=grant, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    announce_grant_revoked(data_grant_id=grant.pk)
    announce_grant_extended(data_grant_id=grant.pk)
    assert [t for t in types(subscriber) if t.startswith("Data Grant")] == ["Data Grant Extended", "Data Grant Revoked"]


def test_a_revision_by_grant_names_no_product(subscriber, grant, make_revision):
    revision = make_revision()
    event = received(subscriber)[-1]
    assert event.resources == [grant.published_data_set_id]
    assert event.detail["RevisionIds"] == [revision.pk]
    assert "Product" not in event.detail
