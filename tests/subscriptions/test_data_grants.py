"""Data grants: a data set shared with one organization, from the offer to the end of it, and who may do which step."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from marketplace.core import work
from marketplace.core.errors import Invalid, LimitExceeded, NotFound
from marketplace.core.models import AuditRecord, OutboxEvent
from publishers.models import PublishedDataSet, PublishedRevision
from publishers.operations import revisions
from subscriptions.models import DataGrant, Entitlement
from subscriptions.operations import (
    DataGrantAlreadyAccepted,
    DataGrantHasEnded,
    accept_data_grant,
    delete_data_grant,
    extend_data_grant,
)
from subscriptions.queries import list_entitled_data_sets, may_read
from tests.callers import Caller
from tests.conftest import actor_of, make_member
from tests.grants import accept, give_data_grant
from tests.jobs.parties import auto_export, contents
from tests.journeys.client import Customer
from tests.together import blocked, outcomes

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def take(grant, member, at=None):
    return accept_data_grant(
        data_grant=grant, receiver=member.organization, actor=actor_of(member), at=at or timezone.now()
    )


def withdraw(grant, member, at=None):
    delete_data_grant(data_grant=grant, actor=actor_of(member), at=at or timezone.now())


def extend(grant, member, ends_at, at=None):
    return extend_data_grant(data_grant=grant, ends_at=ends_at, actor=actor_of(member), at=at or timezone.now())


def reads(member, grant, revision, at=None) -> bool:
    return may_read(
        organization=member.organization,
        data_set_id=grant.published_data_set_id,
        revision_id=revision.pk,
        at=at or timezone.now(),
    )


def sees(member, at=None) -> int:
    return list_entitled_data_sets(organization=member.organization, at=at or timezone.now()).count()


@pytest.fixture
def grant(publisher, subscriber, finalized_revision) -> DataGrant:
    """A data grant that waits for the subscriber."""
    return give_data_grant(publisher, subscriber, finalized_revision.data_set)


# --- giving -------------------------------------------------------------------------------------------------------------
def test_nothing_is_read_until_the_receiver_accepts(grant, finalized_revision, subscriber, stranger):
    assert (sees(subscriber), reads(subscriber, grant, finalized_revision)) == (0, False)
    entry = accept(grant, subscriber)
    assert (sees(subscriber), reads(subscriber, grant, finalized_revision)) == (1, True)
    assert (sees(stranger), reads(stranger, grant, finalized_revision)) == (0, False)
    assert list_entitled_data_sets(organization=subscriber.organization, at=timezone.now()).get() == entry


def test_past_and_future_revisions_are_given_and_revoked_ones_are_not(make_revision, data_set, publisher, subscriber):
    first, second, revoked = make_revision(), make_revision(), make_revision()
    draft = make_revision(finalize=False)
    revisions.revoke_revision(
        revision=revoked, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    grant = give_data_grant(publisher, subscriber, data_set)
    accept(grant, subscriber)
    later = make_revision()
    given = PublishedRevision.objects.filter(published_data_set=grant.published_data_set)
    assert set(given.values_list("revision", flat=True)) == {first.pk, second.pk, later.pk}
    assert (reads(subscriber, grant, later), reads(subscriber, grant, draft)) == (True, False)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"description": "x" * 16_385}, "description"),
        ({"distribution_scope": "EVERYBODY"}, "distribution_scope"),
        ({"tags": {"aws:x": "1"}}, "tags"),
        ({"ends_at": timezone.now() - HOUR}, "ends_at"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(publisher, subscriber, finalized_revision, changes, field):
    with pytest.raises(Invalid) as caught:
        give_data_grant(publisher, subscriber, finalized_revision.data_set, **changes)
    assert caught.value.field == field
    assert (DataGrant.objects.count(), PublishedDataSet.objects.count()) == (0, 0)


def test_names_and_descriptions_of_the_full_length_are_kept(publisher, subscriber, finalized_revision):
    made = give_data_grant(
        publisher,
        subscriber,
        finalized_revision.data_set,
        name="n" * 256,
        description="d" * 16_384,
        distribution_scope="AWS_ORGANIZATION",
    )
    made.refresh_from_db()
    assert (len(made.name), len(made.description), made.distribution_scope) == (256, 16_384, "AWS_ORGANIZATION")


def test_there_must_be_something_to_give(data_set, make_revision, publisher, subscriber):
    make_revision(finalize=False)
    with pytest.raises(Invalid, match="Finalize a revision"):
        give_data_grant(publisher, subscriber, data_set)
    only = make_revision()
    revisions.revoke_revision(
        revision=only, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    with pytest.raises(Invalid, match="Finalize a revision"):
        give_data_grant(publisher, subscriber, data_set)


def test_a_grant_goes_to_another_account_of_this_exchange(publisher, finalized_revision):
    with pytest.raises(Invalid, match="your own account"):
        give_data_grant(publisher, publisher, finalized_revision.data_set)
    nobody = make_member("Nobody")
    nobody.organization.account_id = "000000000000"
    with pytest.raises(Invalid, match="no account 000000000000"):
        give_data_grant(publisher, nobody, finalized_revision.data_set)


def test_pending_grants_are_limited_per_receiver_whoever_gives_them(publisher, subscriber, make_revision, settings):
    settings.QUOTAS = settings.QUOTAS | {"Pending data grants per consumer": 2}
    data_set = make_revision().data_set
    first = give_data_grant(publisher, subscriber, data_set)
    give_data_grant(publisher, subscriber, data_set, ends_at=timezone.now() + HOUR)
    with pytest.raises(LimitExceeded) as caught:
        give_data_grant(publisher, subscriber, data_set)
    assert (caught.value.limit_name, caught.value.limit_value) == ("Pending data grants per consumer", 2)
    give_data_grant(publisher, make_member("Other"), data_set)
    accept(first, subscriber)
    give_data_grant(publisher, subscriber, data_set)
    DataGrant.objects.filter(ends_at__isnull=False).update(ends_at=timezone.now() - HOUR)
    give_data_grant(publisher, subscriber, data_set)


def test_all_living_grants_are_limited_per_sender(publisher, subscriber, make_revision, settings):
    settings.QUOTAS = settings.QUOTAS | {"Active and pending data grants": 2}
    data_set = make_revision().data_set
    first, second = (give_data_grant(publisher, subscriber, data_set) for _ in range(2))
    accept(first, subscriber)
    with pytest.raises(LimitExceeded, match="Active and pending data grants"):
        give_data_grant(publisher, subscriber, data_set)
    withdraw(first, publisher)
    give_data_grant(publisher, subscriber, data_set)
    withdraw(second, publisher)
    give_data_grant(publisher, subscriber, data_set)


@pytest.mark.django_db(transaction=True)
def test_two_givers_at_once_do_not_pass_the_limit(publisher, stranger, subscriber, finalized_revision, settings):
    settings.QUOTAS = settings.QUOTAS | {"Pending data grants per consumer": 1}
    found = outcomes(*(lambda: give_data_grant(publisher, subscriber, finalized_revision.data_set) for _ in range(3)))
    assert sorted(type(one).__name__ for one in found) == ["DataGrant", "LimitExceeded", "LimitExceeded"]
    assert DataGrant.objects.count() == 1


# --- accepting ----------------------------------------------------------------------------------------------------------
def test_only_the_receiver_accepts_and_only_once(grant, publisher, subscriber, stranger):
    for other in (publisher, stranger):
        with pytest.raises(NotFound):
            take(grant, other)
    at = timezone.now()
    taken = take(grant, subscriber, at)
    assert (taken.state, taken.accepted_at) == ("ACCEPTED", at)
    with pytest.raises(DataGrantAlreadyAccepted):
        take(grant, subscriber)
    assert Entitlement.objects.get().valid_from == at
    assert AuditRecord.objects.filter(action="data_grant.accepted").count() == 1
    assert OutboxEvent.objects.filter(name="data_grant.accepted").count() == 1


def test_what_has_ended_is_not_accepted_any_more(publisher, subscriber, finalized_revision):
    ends_at = timezone.now() + HOUR
    grant = give_data_grant(publisher, subscriber, finalized_revision.data_set, ends_at=ends_at)
    with pytest.raises(DataGrantHasEnded):
        take(grant, subscriber, ends_at)
    assert not Entitlement.objects.exists()
    take(grant, subscriber, ends_at - timedelta(microseconds=1))
    assert Entitlement.objects.get().valid_until == ends_at


@pytest.mark.django_db(transaction=True)
def test_a_grant_that_is_accepted_twice_at_once_entitles_once(grant, subscriber):
    found = outcomes(lambda: take(grant, subscriber), lambda: take(grant, subscriber))
    assert sorted(type(one).__name__ for one in found) == ["DataGrant", "DataGrantAlreadyAccepted"]
    assert Entitlement.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_accepting_and_deleting_at_once_never_leave_a_reader(grant, publisher, subscriber, finalized_revision):
    taken, deleted = outcomes(lambda: take(grant, subscriber), lambda: withdraw(grant, publisher))
    assert deleted is None
    if isinstance(taken, Exception):
        assert isinstance(taken, NotFound)
        assert (DataGrant.objects.count(), PublishedDataSet.objects.count(), Entitlement.objects.count()) == (0, 0, 0)
    else:
        assert DataGrant.objects.get().deleted_at is not None
        assert Entitlement.objects.get().valid_until is not None
    assert sees(subscriber, timezone.now() + HOUR) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["accept", "delete"])
def test_the_second_of_accept_and_delete_waits_for_the_first(grant, publisher, subscriber, first):
    steps = {"accept": lambda: take(grant, subscriber), "delete": lambda: withdraw(grant, publisher)}
    second = next(step for name, step in steps.items() if name != first)
    with transaction.atomic():
        steps[first]()
        with blocked(second) as late:
            pass
    if first == "delete":
        with pytest.raises(NotFound):
            late.outcome()
        assert not DataGrant.objects.exists()
    else:
        late.outcome()
        assert DataGrant.objects.get().deleted_at is not None
    assert sees(subscriber, timezone.now() + HOUR) == 0


@pytest.mark.django_db(transaction=True)
def test_a_revision_that_is_published_while_its_grant_is_withdrawn_is_published_nowhere(
    grant, make_revision, publisher
):
    later = make_revision(finalize=False)
    later = revisions.finalize_revision(revision=later, actor=actor_of(publisher), at=timezone.now())
    published, deleted = outcomes(
        lambda: revisions.publish_revision(revision=later, at=timezone.now()), lambda: withdraw(grant, publisher)
    )
    assert (published in {0, 1}, deleted) == (True, None)
    work.run_due()
    assert (PublishedDataSet.objects.count(), PublishedRevision.objects.count()) == (0, 0)


# --- ending -------------------------------------------------------------------------------------------------------------
def test_the_end_is_the_first_instant_without_access(publisher, subscriber, finalized_revision):
    ends_at = timezone.now() + HOUR
    grant = give_data_grant(publisher, subscriber, finalized_revision.data_set, ends_at=ends_at)
    accept(grant, subscriber)
    assert reads(subscriber, grant, finalized_revision, ends_at - timedelta(microseconds=1))
    assert not reads(subscriber, grant, finalized_revision, ends_at)
    assert sees(subscriber, ends_at) == 0


def test_a_grant_that_was_not_accepted_is_withdrawn_without_a_trace(grant, publisher, subscriber, finalized_revision):
    withdraw(grant, publisher)
    assert (DataGrant.objects.count(), PublishedDataSet.objects.count(), PublishedRevision.objects.count()) == (0, 0, 0)
    assert AuditRecord.objects.filter(action="data_grant.deleted").count() == 1
    assert not OutboxEvent.objects.filter(name="data_grant.revoked").exists()
    work.run_due()
    with pytest.raises(NotFound):
        withdraw(DataGrant(pk=grant.id), publisher)


def test_a_deleted_grant_ends_access_at_once_and_is_kept(
    grant, publisher, subscriber, finalized_revision, make_revision
):
    accept(grant, subscriber)
    withdraw(grant, publisher)
    assert not reads(subscriber, grant, finalized_revision)
    later = make_revision()
    assert not later.publications.exists()
    assert (DataGrant.objects.count(), Entitlement.objects.count()) == (1, 1)
    assert OutboxEvent.objects.filter(name="data_grant.revoked").count() == 1
    with pytest.raises(NotFound):
        withdraw(grant, publisher)
    with pytest.raises(NotFound):
        take(grant, subscriber)


def test_a_clock_that_is_behind_ends_no_period_before_it_began(grant, publisher, subscriber, finalized_revision):
    at = timezone.now()
    take(grant, subscriber, at)
    withdraw(grant, publisher, at - HOUR)
    entitlement = Entitlement.objects.get()
    assert entitlement.valid_from == entitlement.valid_until == at
    assert not reads(subscriber, grant, finalized_revision, at)


def test_an_end_moves_later_or_away_and_never_earlier(publisher, subscriber, finalized_revision):
    ends_at = timezone.now() + HOUR
    grant = give_data_grant(publisher, subscriber, finalized_revision.data_set, ends_at=ends_at)
    accept(grant, subscriber)
    for earlier in (ends_at, ends_at - timedelta(minutes=1)):
        with pytest.raises(Invalid, match="only be extended"):
            extend(grant, publisher, earlier)
    extend(grant, publisher, ends_at + HOUR)
    assert reads(subscriber, grant, finalized_revision, ends_at)
    assert not reads(subscriber, grant, finalized_revision, ends_at + HOUR)
    extend(grant, publisher, None)
    assert reads(subscriber, grant, finalized_revision, ends_at + 1000 * HOUR)
    with pytest.raises(Invalid):
        extend(grant, publisher, ends_at + 9 * HOUR)
    assert OutboxEvent.objects.filter(name="data_grant.extended").count() == 2


def test_what_has_ended_is_not_extended(publisher, subscriber, finalized_revision):
    ends_at = timezone.now() + HOUR
    grant = give_data_grant(publisher, subscriber, finalized_revision.data_set, ends_at=ends_at)
    with pytest.raises(DataGrantHasEnded):
        extend(grant, publisher, ends_at + HOUR, at=ends_at)
    accept(grant, subscriber)
    withdraw(grant, publisher)
    with pytest.raises(NotFound):
        extend(grant, publisher, ends_at + HOUR)


def test_two_grants_of_one_data_set_end_on_their_own(publisher, subscriber, finalized_revision):
    first, second = (give_data_grant(publisher, subscriber, finalized_revision.data_set) for _ in range(2))
    accept(first, subscriber)
    accept(second, subscriber)
    withdraw(first, publisher)
    assert (reads(subscriber, first, finalized_revision), reads(subscriber, second, finalized_revision)) == (
        False,
        True,
    )


def test_auto_exports_of_a_grant_deliver_until_it_ends(grant, publisher, subscriber, make_revision, connection):
    entry = accept(grant, subscriber)
    auto_export(subscriber, entry, connection, "${Revision.Id}/${Asset.Name}")
    delivered = make_revision({"a.csv": b"1"})
    assert contents(connection) == {f"{delivered.pk}/a.csv": b"1"}
    withdraw(grant, publisher)
    make_revision({"b.csv": b"2"})
    assert contents(connection) == {f"{delivered.pk}/a.csv": b"1"}


# --- over the API -------------------------------------------------------------------------------------------------------
def request_of(data_set, member, **changes):
    return {
        "Name": "Pilot",
        "GrantDistributionScope": "NONE",
        "ReceiverPrincipal": member.organization.account_id,
        "SourceDataSetId": data_set.pk,
    } | changes


def test_both_sides_over_the_api(publisher, subscriber, data_set, finalized_revision):
    sender, receiver = Caller(publisher), Caller(subscriber)
    made = sender.ok("CreateDataGrant", Tags={"a": "1"}, Description="For you.", **request_of(data_set, subscriber))
    arn = made["Arn"]
    assert arn.endswith(f":{publisher.organization.account_id}:data-grants/{made['Id']}")
    assert (made["AcceptanceState"], made["SourceDataSetId"], made["Tags"]) == (
        "PENDING_RECEIVER_ACCEPTANCE",
        data_set.pk,
        {"a": "1"},
    )
    assert sender.ok("GetDataGrant", DataGrantId=made["Id"]) == sender.ok("GetDataGrant", DataGrantId=arn) == made
    seen = receiver.ok("GetReceivedDataGrant", DataGrantArn=arn)
    assert not {"SourceDataSetId", "Tags"} & set(seen)
    assert (seen["SenderPrincipal"], seen["Description"]) == (publisher.organization.account_id, "For you.")
    taken = receiver.ok("AcceptDataGrant", DataGrantArn=arn)
    assert (taken["AcceptanceState"], taken["AcceptedAt"]) == ("ACCEPTED", taken["UpdatedAt"])
    assert receiver.refused("AcceptDataGrant", DataGrantArn=arn) == (409, "Conflict")
    (entitled,) = receiver.ok("ListDataSets", Origin="ENTITLED")["DataSets"]
    assert (entitled["Id"], entitled["OriginDetails"]) == (taken["DataSetId"], {"DataGrantId": made["Id"]})
    revision = receiver.ok("GetRevision", DataSetId=entitled["Id"], RevisionId=finalized_revision.pk)
    assert revision["Finalized"] is True
    assert sender.call("DeleteDataGrant", DataGrantId=arn).status == 204
    assert receiver.refused("GetDataSet", DataSetId=entitled["Id"]) == (404, "ResourceNotFound")
    for program, operation, members in (
        (sender, "GetDataGrant", {"DataGrantId": made["Id"]}),
        (sender, "DeleteDataGrant", {"DataGrantId": made["Id"]}),
        (receiver, "GetReceivedDataGrant", {"DataGrantArn": arn}),
        (receiver, "AcceptDataGrant", {"DataGrantArn": arn}),
    ):
        assert program.refused(operation, **members) == (404, "ResourceNotFound")
    assert sender.ok("ListDataGrants")["DataGrantSummaries"] == []


def test_lists_are_newest_first_in_pages_and_by_state(publisher, subscriber, data_set, finalized_revision):
    grants = [give_data_grant(publisher, subscriber, data_set, name=f"{n}") for n in range(5)]
    accept(grants[1], subscriber)
    accept(grants[3], subscriber)
    sender, receiver = Caller(publisher), Caller(subscriber)

    def names(program, operation, **members):
        found, token = [], None
        while True:
            more = {"NextToken": token} if token else {}
            body = program.ok(operation, MaxResults=2, **members, **more)
            found += [row["Name"] for row in body["DataGrantSummaries"]]
            token = body.get("NextToken")
            if not token:
                return found

    assert names(sender, "ListDataGrants") == ["4", "3", "2", "1", "0"]
    assert names(receiver, "ListReceivedDataGrants") == ["4", "3", "2", "1", "0"]
    assert names(receiver, "ListReceivedDataGrants", AcceptanceState=["ACCEPTED"]) == ["3", "1"]
    pending = names(receiver, "ListReceivedDataGrants", AcceptanceState=["PENDING_RECEIVER_ACCEPTANCE"])
    assert pending == ["4", "2", "0"]
    both = ["ACCEPTED", "PENDING_RECEIVER_ACCEPTANCE"]
    assert names(receiver, "ListReceivedDataGrants", AcceptanceState=both) == ["4", "3", "2", "1", "0"]
    assert names(receiver, "ListReceivedDataGrants", AcceptanceState=["ACCEPTED", "ACCEPTED"]) == ["3", "1"]
    assert names(receiver, "ListDataGrants") == []
    assert receiver.refused("ListReceivedDataGrants", AcceptanceState=["LOST"]) == (400, "Validation")
    assert all("Tags" not in row for row in sender.ok("ListDataGrants")["DataGrantSummaries"])


def test_every_part_of_an_arn_must_fit(publisher, subscriber, stranger, grant):
    sender, receiver = Caller(publisher), Caller(subscriber)
    arn = sender.ok("GetDataGrant", DataGrantId=grant.pk)["Arn"]
    mine = publisher.organization.account_id
    for wrong in (
        arn.replace(mine, subscriber.organization.account_id),
        arn.replace(mine, "000000000000"),
        arn.replace("data-grants", "data-sets"),
        arn.replace(":dataexchange:", ":s3:"),
        arn + "0",
        grant.pk,
    ):
        assert receiver.call("GetReceivedDataGrant", DataGrantArn=wrong).status in {400, 404}, wrong
        assert receiver.call("AcceptDataGrant", DataGrantArn=wrong).status in {400, 404}, wrong
        if wrong != grant.pk:
            assert sender.call("GetDataGrant", DataGrantId=wrong).status in {400, 404}, wrong
    grant.refresh_from_db()
    assert grant.accepted_at is None
    for program in (receiver, Caller(stranger)):
        assert program.refused("GetDataGrant", DataGrantId=grant.pk) == (404, "ResourceNotFound")
        assert program.refused("DeleteDataGrant", DataGrantId=grant.pk) == (404, "ResourceNotFound")
    assert Caller(stranger).refused("AcceptDataGrant", DataGrantArn=arn) == (404, "ResourceNotFound")


def test_the_api_refuses_what_cannot_be_given(publisher, subscriber, stranger, data_set, finalized_revision, settings):
    sender = Caller(publisher)
    for changes in (
        {"ReceiverPrincipal": "12"},
        {"ReceiverPrincipal": publisher.organization.account_id},
        {"GrantDistributionScope": "SOME"},
        {"Name": ""},
        {"EndsAt": timezone.now() - HOUR},
        {"Tags": {"aws:a": "1"}},
    ):
        assert sender.refused("CreateDataGrant", **request_of(data_set, subscriber, **changes)) == (400, "Validation")
    assert Caller(stranger).refused("CreateDataGrant", **request_of(data_set, subscriber)) == (404, "ResourceNotFound")
    settings.QUOTAS = settings.QUOTAS | {"Pending data grants per consumer": 1}
    sender.ok("CreateDataGrant", **request_of(data_set, subscriber))
    over = sender.call("CreateDataGrant", **request_of(data_set, subscriber))
    assert (over.status, over.error, over.body["LimitName"], over.body["LimitValue"]) == (
        402,
        "ServiceLimitExceeded",
        "Pending data grants per consumer",
        1.0,
    )
    assert DataGrant.objects.count() == 1


def test_what_is_entitled_cannot_be_given_on(publisher, subscriber, stranger, entitled_data_set):
    assert Caller(subscriber).refused("CreateDataGrant", **request_of(entitled_data_set, stranger)) == (
        403,
        "AccessDenied",
    )


def test_giving_and_accepting_need_their_scope(publisher, subscriber, data_set, grant):
    assert Caller(publisher, "publish:read").refused("CreateDataGrant", **request_of(data_set, subscriber)) == (
        403,
        "AccessDenied",
    )
    arn = Caller(publisher).ok("GetDataGrant", DataGrantId=grant.pk)["Arn"]
    assert Caller(subscriber, "subscriptions:read").refused("AcceptDataGrant", DataGrantArn=arn) == (
        403,
        "AccessDenied",
    )


def test_a_data_grant_by_boto3_from_the_offer_to_its_end(exchange):
    sender, receiver = Customer(exchange, "Sender"), Customer(exchange, "Receiver")
    data_set = sender.create_data_set("Tides")
    wanted = {
        "Name": "Pilot",
        "GrantDistributionScope": "NONE",
        "ReceiverPrincipal": receiver.credentials["account_id"],
        "SourceDataSetId": data_set,
    }
    with pytest.raises(sender.dx.exceptions.ValidationException):
        sender.dx.create_data_grant(**wanted)
    revision = sender.dx.create_revision(DataSetId=data_set)["Id"]
    sender.import_by_signed_url(data_set, revision, "tides.csv", b"id\n1\n")
    sender.finalize(data_set, revision)
    arn = sender.dx.create_data_grant(**wanted)["Arn"]
    with pytest.raises(sender.dx.exceptions.ResourceNotFoundException):
        sender.dx.accept_data_grant(DataGrantArn=arn)
    entitled = receiver.dx.accept_data_grant(DataGrantArn=arn)["DataSetId"]
    with pytest.raises(receiver.dx.exceptions.ConflictException):
        receiver.dx.accept_data_grant(DataGrantArn=arn)
    (shown,) = receiver.dx.list_data_set_revisions(DataSetId=entitled)["Revisions"]
    assert shown["Id"] == revision
    with pytest.raises(sender.dx.exceptions.ConflictException):
        sender.dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=False)
    sender.dx.delete_data_grant(DataGrantId=arn)
    with pytest.raises(receiver.dx.exceptions.ResourceNotFoundException):
        receiver.dx.get_data_set(DataSetId=entitled)
