"""Contracts in force: revisions are held against them before they are finalized, and readers are told before they break."""

from copy import deepcopy
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config
from django.urls import reverse
from django.utils import timezone

from marketplace.core import work
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, Event, Notification, WorkItem
from marketplace.core.operations.credentials import create_access_key
from publishers.models import Contract, ContractCheck, Revision
from publishers.operations import contract_checks, contracts, profiles, revisions
from publishers.operations.contract_checks import RevisionBreaksContract, RevisionNotChecked
from publishers.queries.contracts import contract_in_force, newest_check
from publishers.tasks import check_revision
from subscriptions.models import DataSetNotification
from subscriptions.queries import has_readers
from subscriptions.tasks import announce_contract
from tests.api.conftest import Program, token_of
from tests.conftest import actor_of, put_asset

pytestmark = pytest.mark.django_db

GOOD = b"id,delay\n1,5\n2,-3\n"
BAD = b"id,delay\n1,5\n2,\n2,late\n3,900\n"
DOCUMENT = {
    "version": "1.0.0",
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "departures",
    "status": "active",
    "schema": [
        {
            "name": "departures",
            "properties": [
                {"name": "id", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1},
                {
                    "name": "delay",
                    "logicalType": "integer",
                    "required": True,
                    "logicalTypeOptions": {"minimum": -60, "maximum": 600},
                },
            ],
        }
    ],
}


def changed(version: str, **column) -> dict:
    """Return DOCUMENT under another version, with other members of the column delay."""
    document = deepcopy(DOCUMENT)
    document["version"] = version
    document["schema"][0]["properties"][1] |= column
    return document


@pytest.fixture
def promise(data_set, publisher):
    """Set a contract of the data set, as its publisher."""

    def set_(document=DOCUMENT, *, at=None, **more):
        at = at or timezone.now()
        return contracts.set_contract(
            data_set=data_set,
            document=document,
            has_subscribers=has_readers(data_set=data_set, at=at),
            actor=actor_of(publisher),
            at=at,
            **more,
        )

    return set_


def finalize(revision, member) -> Revision:
    return revisions.finalize_revision(revision=revision, actor=actor_of(member), at=timezone.now())


# --- versions ---------------------------------------------------------------------------------------------------------
def test_a_breaking_version_needs_another_major_number_and_its_notice(
    promise, data_set, publisher, subscriber, entitled_data_set
):
    now = timezone.now()
    first = promise(at=now)
    assert (promise(at=now), first.version, contract_in_force(data_set, now)) == (first, "1.0.0", first)
    breaking = {"logicalType": "string", "logicalTypeOptions": {}}
    with pytest.raises(contracts.ContractBreaks) as caught:
        promise(changed("1.1.0", **breaking), at=now)
    assert "must be 2.0.0 or later. departures.delay: Type changed from integer to string." in caught.value.message
    assert [change.is_breaking for change in caught.value.changes] == [True, False, False]
    for too_early in (None, now + timedelta(days=29)):
        with pytest.raises(contracts.NoticeTooShort, match="30 days"):
            promise(changed("2.0.0", **breaking), at=now, effective_at=too_early)
    with pytest.raises(contracts.VersionTooLow, match=r"must be 1\.1\.0 or later"):
        promise(changed("1.0.1", logicalType="number"), at=now)
    assert Contract.objects.count() == 1

    later = now + timedelta(days=30)
    second = promise(changed("2.0.0", **breaking), at=now, effective_at=later, notice="Codes are coming.")
    assert contract_in_force(data_set, later - timedelta(seconds=1)) == first
    assert contract_in_force(data_set, later) == second
    assert contracts.next_contract(data_set, now) == second
    work.run_due()
    announce_contract(contract_id=second.pk)  # the broker may deliver it again
    sent = DataSetNotification.objects.get()
    assert sent.type == "SCHEMA_CHANGE"
    assert sent.details["SchemaChange"]["Changes"][0] == {
        "Name": "departures.delay",
        "Type": "MODIFY",
        "Description": "Type changed from integer to string. Breaking.",
    }
    assert sent.details["SchemaChange"]["SchemaChangeAt"].startswith(f"{later:%Y-%m-%dT%H:%M}")
    assert "Codes are coming." in sent.comment
    event = Event.objects.get(detail_type="Schema Change Planned for Data Set")
    assert event.detail["Notification"]["Type"] == "SCHEMA_CHANGE"
    assert Notification.objects.filter(membership=subscriber, topic="data_set.notified").count() == 1

    with pytest.raises(contracts.ContractInForce):
        contracts.withdraw_contract(contract=second, actor=actor_of(publisher), at=later)
    contracts.withdraw_contract(contract=second, actor=actor_of(publisher), at=now)
    contracts.withdraw_contract(contract=second, actor=actor_of(publisher), at=now)
    work.run_due()
    assert Contract.objects.get() == first
    assert DataSetNotification.objects.filter(type="DATA_UPDATE", comment__contains="2.0.0").count() == 1


def test_without_subscribers_a_new_major_version_holds_at_once_and_words_are_announced_to_nobody(
    promise, data_set, publisher
):
    promise()
    made = promise(changed("2.0.0", required=False))
    assert contract_in_force(data_set, timezone.now()) == made
    promise(changed("2.0.1", required=False, description="Minutes"))
    work.run_due()
    assert not DataSetNotification.objects.exists()
    assert not WorkItem.objects.filter(state__in=["FAILED", "PARKED", "PENDING"]).exists()
    with pytest.raises(Invalid, match="in the past"):
        promise(changed("3.0.0"), effective_at=timezone.now() - timedelta(days=1))


# --- checks -----------------------------------------------------------------------------------------------------------
def test_a_good_revision_is_checked_and_then_finalized_by_itself(promise, make_revision, publisher):
    contract = promise()
    draft = make_revision({"departures.csv": GOOD}, finalize=False)
    for _ in range(2):
        with pytest.raises(RevisionNotChecked) as caught:
            finalize(draft, publisher)
    assert caught.value.message == (
        "This revision is being checked against contract 1.0.0. It is finalized by itself when it passes; ask again to see."
    )
    check = ContractCheck.objects.get()
    assert (check.contract, check.state, check.finalizes) == (contract, "WAITING", True)
    work.run_due()
    check_revision(check_id=check.pk)  # the broker may deliver it again
    check.refresh_from_db()
    draft.refresh_from_db()
    assert (check.state, check.error) == ("PASSED", "")
    assert [result["rule"] for result in check.results] == [
        "present", "present", "present", "type", "type", "required", "maximum", "minimum", "key",
    ]  # fmt: skip
    assert all(result["passed"] for result in check.results)
    assert draft.state == "FINALIZED"
    assert AuditRecord.objects.filter(action="revision.finalized", actor_kind="system").count() == 1


def test_a_breaking_revision_is_refused_with_its_rows_until_it_is_mended_or_overridden(
    promise, make_revision, publisher
):
    promise()
    draft = make_revision({"departures.csv": BAD}, finalize=False)
    with pytest.raises(RevisionNotChecked):
        finalize(draft, publisher)
    work.run_due()
    with pytest.raises(RevisionBreaksContract, match="breaks contract 1.0.0: 4 rules failed"):
        finalize(draft, publisher)
    check = newest_check(revision=draft)
    failed = {result["rule"]: result for result in check.results if not result["passed"]}
    assert {rule: result["failing"] for rule, result in failed.items()} == {
        "type": 1,
        "required": 1,
        "maximum": 1,
        "key": 2,
    }
    assert failed["type"]["examples"] == [{"file": "departures.csv", "line": 3, "row": {"id": "2", "delay": "late"}}]
    assert failed["required"]["examples"] == [{"file": "departures.csv", "line": 2, "row": {"id": "2", "delay": None}}]
    assert failed["maximum"]["examples"][0]["line"] == 4
    assert [example["line"] for example in failed["key"]["examples"]] == [2, 3]
    assert Notification.objects.filter(membership=publisher, topic="revision.check_failed").count() == 1

    for reason in ("short", " " * 30, "x" * 1001):
        with pytest.raises(Invalid, match="10 to 1,000"):
            contract_checks.override_check(check=check, reason=reason, actor=actor_of(publisher), at=timezone.now())
    contract_checks.override_check(
        check=check, reason="A strike: these rows are right.", actor=actor_of(publisher), at=timezone.now()
    )
    audited = AuditRecord.objects.get(action="revision.check_overridden")
    assert audited.detail["reason"] == "A strike: these rows are right."

    added = put_asset(draft, "more.csv", GOOD, publisher)  # other files: the override was not for them
    with pytest.raises(RevisionNotChecked):
        finalize(draft, publisher)
    revisions.remove_asset(asset=added, actor=actor_of(publisher))
    assert finalize(draft, publisher).state == "FINALIZED"
    work.run_due()  # the check of the files that were there for a moment ends without a result
    assert set(ContractCheck.objects.values_list("state", flat=True)) == {"FAILED", "ERROR"}


def test_a_revision_of_other_columns_fails_and_one_without_a_contract_goes_through(promise, make_revision, publisher):
    free = make_revision({"x.csv": BAD}, finalize=False)
    assert finalize(free, publisher).state == "FINALIZED"
    assert not ContractCheck.objects.exists()
    document = deepcopy(DOCUMENT)
    document["schema"].append({"name": "gates", "properties": [{"name": "gate"}]})
    promise(document)
    draft = make_revision({"departures.csv": b"id,gate\n1,A\n"}, finalize=False)
    with pytest.raises(RevisionNotChecked):
        finalize(draft, publisher)
    work.run_due()
    failed = [(r["table"], r["column"], r["rule"]) for r in newest_check(revision=draft).results if not r["passed"]]
    assert failed == [("gates", "", "present"), ("departures", "delay", "present")]


def test_a_contract_of_service_levels_alone_holds_nothing_up(promise, make_revision, publisher):
    levels = [{"property": "frequency", "value": 1, "unit": "d"}]
    promise({**DOCUMENT, "schema": [], "slaProperties": levels})
    assert finalize(make_revision(finalize=False), publisher).state == "FINALIZED"
    assert ContractCheck.objects.get().state == "PASSED"


# --- through the doors ------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_boto3_is_told_to_ask_again_and_then_succeeds(live_server, promise, make_revision, publisher):
    key, secret = create_access_key(membership=publisher, name="Key", actor=actor_of(publisher), at=timezone.now())
    client = boto3.client(
        "dataexchange",
        endpoint_url=live_server.url,
        region_name="us-east-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}),
    )
    promise()
    draft = make_revision({"departures.csv": GOOD}, finalize=False)
    ids = {"DataSetId": draft.data_set_id, "RevisionId": draft.pk}
    with pytest.raises(client.exceptions.ConflictException) as caught:
        client.update_revision(**ids, Comment="May", Finalized=True)
    assert "is being checked against contract 1.0.0" in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResourceId"] == draft.pk
    work.run_due()
    answer = client.get_revision(**ids)
    assert (answer["Finalized"], answer["Comment"]) == (True, "May")


def test_the_api_sets_reads_checks_and_overrides(publisher, subscriber, data_set, make_revision, entitled_data_set):
    mine = Program(token_of(publisher, ["publish:read", "publish:write"]))
    base = f"/api/data-sets/{data_set.pk}"
    assert mine.call("POST", f"{base}/contracts", {"document": DOCUMENT, "text": "x"}).status_code == 422
    wrong = mine.call("POST", f"{base}/contracts", {"text": "kind: Other"})
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "$.kind: must be DataContract.")
    made = mine.call("POST", f"{base}/contracts", {"document": DOCUMENT})
    assert (made.status_code, made.json()["version"], made.json()["state"]) == (201, "1.0.0", "IN_FORCE")
    yaml = mine.client.get(
        f"{base}/contracts/1.0.0", headers={"Authorization": f"Bearer {mine.token}", "Accept": "application/yaml"}
    )
    assert (yaml.headers["Content-Type"], yaml.content[:14]) == ("application/yaml", b"apiVersion: v3")
    draft = make_revision({"departures.csv": BAD}, finalize=False)
    path = f"{base}/revisions/{draft.pk}/check"
    assert mine.call("GET", path).status_code == 404
    assert mine.call("POST", path).json()["state"] == "WAITING"
    work.run_due()
    found = mine.call("GET", path).json()
    assert (found["state"], found["contract_version"]) == ("FAILED", "1.0.0")
    assert mine.call("POST", f"{path}/override", {"reason": "short"}).status_code == 422
    done = mine.call("POST", f"{path}/override", {"reason": "These rows are right."})
    assert done.json()["override_reason"] == "These rows are right."
    finalize(draft, publisher)
    work.run_due()
    theirs = Program(token_of(subscriber, ["subscriptions:read"]))
    entitled = f"/api/entitlements/{entitled_data_set.pk}"
    assert [row["version"] for row in theirs.call("GET", f"{entitled}/contracts").json()["items"]] == ["1.0.0"]
    assert theirs.call("GET", f"{entitled}/contracts/1.0.0").json()["document"] == DOCUMENT
    seen = theirs.call("GET", f"{entitled}/revisions/{draft.pk}/check").json()
    assert seen["override_reason"] == "These rows are right."
    assert theirs.call("GET", path).status_code == 403


def test_the_pages_set_accept_edit_check_and_override(
    client, publisher, subscriber, data_set, make_revision, product, entitled_data_set
):
    client.force_login(publisher.user)
    page = reverse("contract", args=[data_set.pk])
    assert b"No contract yet" in client.get(page).content
    draft = make_revision({"departures.csv": GOOD}, finalize=False)
    profiles.ensure_profile(revision=draft, at=timezone.now())
    work.run_due()
    assert client.post(reverse("contract-accept", args=[data_set.pk])).status_code == 302
    accepted = Contract.objects.get()
    assert accepted.document["schema"][0]["properties"][0]["primaryKey"] is True
    edit = reverse("contract-edit", args=[data_set.pk])
    form = {
        "c0-required": "on",
        "c0-key": "on",
        "c0-unique": "on",
        "c1-required": "on",
        "c1-maximum": "600",
        "least_rows": "2",
    }
    assert client.get(edit).status_code == 200
    answer = client.post(edit, form | {"c1-maximum": "many"})
    assert (answer.status_code, b"Give a number." in answer.content) == (422, True)
    answer = client.post(edit, form)  # stricter, so it breaks: subscribers have a month
    assert (answer.status_code, b"30 days of notice" in answer.content) == (422, True)
    when = timezone.now() + timedelta(days=31)
    assert client.post(edit, form | {"effective_at": f"{when:%Y-%m-%dT%H:%M}"}).status_code == 302
    announced = Contract.objects.get(major=2)
    assert announced.document["schema"][0]["quality"][0]["mustBeGreaterOrEqualTo"] == 2
    assert b"Withdraw" in client.get(page).content
    assert client.post(reverse("contract-withdraw", args=[data_set.pk, "2.0.0"])).status_code == 302

    bad = make_revision({"departures.csv": BAD}, finalize=False)
    revision = reverse("revision", args=[data_set.pk, bad.pk])
    assert client.post(reverse("revision-finalize", args=[data_set.pk, bad.pk])).url == f"{revision}#checks"
    assert b"Every row is held against the contract." in client.get(revision).content
    work.run_due()
    shown = client.get(revision).content.decode()
    assert "departures.csv, row 3" in shown
    override = reverse("revision-check-override", args=[data_set.pk, bad.pk])
    assert client.post(override, {"reason": "short"}).status_code == 422
    assert client.post(override, {"reason": "A strike: these rows are right."}).status_code == 302
    assert client.post(reverse("revision-finalize", args=[data_set.pk, bad.pk])).status_code == 302
    work.run_due()

    client.force_login(subscriber.user)
    seen = client.get(reverse("my-revision", args=[entitled_data_set.pk, bad.pk])).content.decode()
    assert "A strike: these rows are right." in seen
    assert b"1.0.0 since" in client.get(reverse("my-data-set", args=[entitled_data_set.pk])).content
    assert client.get(reverse("my-contract", args=[entitled_data_set.pk])).status_code == 200
    yaml = client.get(reverse("my-contract-download", args=[entitled_data_set.pk, "1.0.0"]))
    assert yaml.content.startswith(b"apiVersion: v3.1.0")
    client.logout()
    assert b"Version 1.0.0" in client.get(reverse("product", args=[product.pk])).content
    assert b"departures" in client.get(reverse("product-contract", args=[product.pk, entitled_data_set.pk])).content
