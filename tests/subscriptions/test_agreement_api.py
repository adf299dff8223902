"""The Marketplace Agreement API: a subscriber requests, accepts, finds and cancels agreements with a program alone."""

import json
from typing import Any

import boto3
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from marketplace.core.models import AuditRecord
from marketplace.core.operations.credentials import create_api_token
from publishers.models import Offer, Product
from publishers.operations import products
from subscriptions.models import Agreement, Entitlement
from tests.asking import guard
from tests.conftest import actor_of, make_member
from tests.journeys.client import Customer

pytestmark = pytest.mark.django_db
PREFIX = "AWSMPCommerceService_v20200301"


class Agreements:
    """Calls of one organization's program."""

    def __init__(self, member: Any, *scopes: str) -> None:
        wanted = list(scopes) or ["subscriptions:read", "subscriptions:write", "publish:read"]
        _, token = create_api_token(
            membership=member, name="t", wanted_scopes=wanted, actor=actor_of(member), at=timezone.now()
        )
        self.account_id = member.organization.account_id
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, operation: str, status: int = 200, **members: Any) -> Any:
        answer = Client().post(
            "/",
            data=json.dumps(members),
            content_type="application/x-amz-json-1.0",
            headers=self.headers | {"X-Amz-Target": f"{PREFIX}.{operation}"},
        )
        assert answer.status_code == status, answer.content
        return json.loads(answer.content)

    def request(self, proposal_id: str, term_id: str, status: int = 200, **members: Any) -> Any:
        wanted = {"intent": "NEW", "agreementProposalIdentifier": proposal_id, "requestedTerms": [{"id": term_id}]}
        return self.call("CreateAgreementRequest", status, **wanted | members)

    def accept(self, request_id: str, status: int = 200) -> Any:
        return self.call("AcceptAgreementRequest", status, agreementRequestId=request_id)

    def found(self, *filters: tuple[str, str], **members: Any) -> list[str]:
        given = {"filters": [{"name": name, "values": [value]} for name, value in filters]} if filters else {}
        return [a["agreementId"] for a in self.call("SearchAgreements", **given, **members)["agreementViewSummaries"]]


@pytest.fixture
def buyer(subscriber: Any) -> Agreements:
    return Agreements(subscriber)


@pytest.fixture
def offer(product: Product) -> Offer:
    return product.offers.get()


def test_a_request_is_accepted_and_entitles(buyer: Agreements, offer: Offer, product: Product, subscriber: Any) -> None:
    version = offer.versions.get()
    quote = buyer.request(offer.pk, version.pk, clientToken="t-1", taxConfiguration={"taxEstimation": "ENABLED"})
    assert (quote["agreementType"], quote["status"], quote["approvalRequirement"]) == (
        "PurchaseAgreement",
        "DRAFT",
        "NOT_REQUIRED",
    )
    assert quote["chargeSummary"]["newAgreementValue"] == "0.00"
    assert quote["chargeSummary"]["estimatedTaxes"]["totalAmount"] == "0.00"
    assert Agreement.objects.count() == 0
    accepted = buyer.accept(quote["agreementRequestId"])["agreementId"]
    agreement = Agreement.objects.get()
    assert (agreement.pk, agreement.offer_version, agreement.accepted_by) == (accepted, version, subscriber.user)
    assert Entitlement.objects.get().organization == subscriber.organization
    audited = AuditRecord.objects.get(action="offer.accepted")
    assert (audited.actor_kind, audited.actor_user_id) == ("token", subscriber.user_id)
    # twice, as after an answer that was lost
    assert buyer.accept(quote["agreementRequestId"])["agreementId"] == accepted
    assert Agreement.objects.count() == 1


def test_an_offer_is_named_by_itself_or_by_its_version(buyer: Agreements, offer: Offer) -> None:
    version = offer.versions.get()
    ids = {buyer.request(proposal, version.pk)["agreementRequestId"] for proposal in (offer.pk, version.pk)}
    assert len(ids) == 1


def test_terms_that_changed_are_not_accepted(buyer: Agreements, offer: Offer, product: Product, publisher: Any) -> None:
    read = offer.versions.get()
    request_id = buyer.request(offer.pk, read.pk)["agreementRequestId"]
    products.update_product(product=product, terms="Pay in kind.", actor=actor_of(publisher), at=timezone.now())
    assert buyer.accept(request_id, 409)["__type"] == "ConflictException"
    assert buyer.request(read.pk, read.pk, 409)["resourceType"] == "AgreementProposal"
    refused = buyer.request(offer.pk, read.pk, 400)
    assert (refused["__type"], offer.versions.get(number=2).pk in refused["message"]) == ("ValidationException", True)
    assert Agreement.objects.count() == 0


def test_a_request_holds_for_the_organization_that_made_it(buyer: Agreements, offer: Offer, stranger: Any) -> None:
    request_id = buyer.request(offer.pk, offer.versions.get().pk)["agreementRequestId"]
    other = Agreements(stranger)
    refused = other.accept(request_id, 404)
    assert (refused["__type"], refused["resourceType"]) == ("ResourceNotFoundException", "AgreementRequest")
    for wrong in ("ar-0", "ar-" + "0" * 56, request_id[:-1] + ("0" if request_id[-1] != "0" else "1")):
        assert buyer.accept(wrong, 404)["resourceId"] == wrong
    buyer.accept("xx-1", 400)
    assert Agreement.objects.count() == 0


def test_what_is_not_in_the_catalogue_is_not_proposed(
    buyer: Agreements, offer: Offer, product: Product, publisher: Any
) -> None:
    version = offer.versions.get()
    request_id = buyer.request(offer.pk, version.pk)["agreementRequestId"]
    products.unpublish_product(product=product, actor=actor_of(publisher), at=timezone.now())
    assert buyer.request(offer.pk, version.pk, 404)["resourceType"] == "AgreementProposal"
    buyer.request("0" * 32, version.pk, 404)
    buyer.accept(request_id, 404)


@pytest.mark.parametrize(
    "members",
    [
        {"intent": "AMEND"},
        {"intent": "REPLACE", "sourceAgreementIdentifier": "agmt-1"},
        {"intent": "SOMETHING"},
        {"agreementProposalIdentifier": None},
        {"agreementProposalIdentifier": "no spaces"},
        {"requestedTerms": []},
        {"requestedTerms": [{"id": "other"}]},
        {"clientToken": "no spaces"},
        {
            "acceptorContact": {
                "firstName": "A",
                "lastName": "B",
                "emailAddress": "a@example.org",
                "companyName": "C",
                "countryCode": "DE",
            }
        },
    ],
)
def test_a_request_that_cannot_be_kept_is_refused(buyer: Agreements, offer: Offer, members: dict[str, Any]) -> None:
    version = offer.versions.get()
    refused = buyer.request(offer.pk, version.pk, 400, **members)
    assert refused["__type"] == "ValidationException"
    configured = [{"id": version.pk, "configuration": {"renewalTermConfiguration": {"enableAutoRenew": True}}}]
    buyer.request(offer.pk, version.pk, 400, requestedTerms=configured)


def test_both_parties_see_an_agreement_and_nobody_else(
    buyer: Agreements, agreement: Agreement, product: Product, publisher: Any, stranger: Any
) -> None:
    seller = Agreements(publisher)
    described = buyer.call("DescribeAgreement", agreementId=agreement.pk)
    assert described == seller.call("DescribeAgreement", agreementId=agreement.pk)
    assert (described["acceptor"]["accountId"], described["proposer"]["accountId"]) == (
        buyer.account_id,
        seller.account_id,
    )
    assert described["proposalSummary"] == {
        "resources": [{"id": product.pk, "type": "DataProduct"}],
        "offerId": product.offers.get().pk,
    }
    assert (described["status"], described["initialAgreementId"], "endTime" in described) == (
        "ACTIVE",
        agreement.pk,
        False,
    )
    assert described["startTime"] == pytest.approx(agreement.accepted_at.timestamp(), abs=0.001)
    assert described["estimatedCharges"]["agreementValue"] == "0.00"
    (term,) = buyer.call("GetAgreementTerms", agreementId=agreement.pk)["acceptedTerms"]
    assert term["legalTerm"]["id"] == agreement.offer_version_id
    assert term["legalTerm"]["documents"] == [
        {"type": "CustomDsa", "version": "1", "url": f"{settings.PUBLIC_URL}/api/subscriptions/{agreement.pk}"}
    ]
    (term,) = seller.call("GetAgreementTerms", agreementId=agreement.pk)["acceptedTerms"]
    assert "url" not in term["legalTerm"]["documents"][0]
    other = Agreements(stranger)
    for operation in ("DescribeAgreement", "GetAgreementTerms", "CancelAgreement"):
        assert other.call(operation, 404, agreementId=agreement.pk)["resourceType"] == "Agreement"
    assert other.found() == []


def test_cancelling_ends_it_and_twice_changes_nothing(buyer: Agreements, agreement: Agreement) -> None:
    for _ in range(2):
        assert buyer.call("CancelAgreement", agreementId=agreement.pk) == {}
    described = buyer.call("DescribeAgreement", agreementId=agreement.pk)
    assert (described["status"], "endTime" in described) == ("CANCELLED", True)
    assert AuditRecord.objects.filter(action="agreement.ended").count() == 1


def test_a_proposer_cannot_cancel(agreement: Agreement, publisher: Any) -> None:
    seller = Agreements(publisher, "subscriptions:write")
    seller.call("CancelAgreement", 404, agreementId=agreement.pk)
    assert Agreement.objects.get().ended_at is None


def test_agreements_are_searched(buyer: Agreements, agreement: Agreement, product: Product, publisher: Any) -> None:
    kind = ("AgreementType", "PurchaseAgreement")
    seller = Agreements(publisher)
    assert buyer.found() == buyer.found(kind) == [agreement.pk]
    assert (
        buyer.found(kind, ("PartyType", "Acceptor")) == seller.found(kind, ("PartyType", "Proposer")) == [agreement.pk]
    )
    assert buyer.found(kind, ("PartyType", "Proposer")) == []
    for name, value in (
        ("ResourceIdentifier", product.pk),
        ("ResourceType", "DataProduct"),
        ("OfferId", product.offers.get().pk),
        ("Status", "ACTIVE"),
        ("AcceptorAccountId", buyer.account_id),
        ("AfterStartTime", "2020-01-01T00:00:00Z"),
        ("BeforeLastUpdateTime", "2999-01-01T00:00:00Z"),
    ):
        assert buyer.found(kind, (name, value)) == [agreement.pk], name
    for name, value in (
        ("ResourceIdentifier", "prod-other"),
        ("ResourceType", "AmiProduct"),
        ("Status", "EXPIRED"),
        ("AfterStartTime", "2999-01-01T00:00:00Z"),
        ("BeforeEndTime", "2999-01-01T00:00:00Z"),
        ("OfferSetId", "offerset-1"),
    ):
        assert buyer.found(kind, (name, value)) == [], name
    for wrong in (
        {"filters": [{"name": "Colour", "values": ["red"]}]},
        {"filters": [{"name": "PartyType", "values": ["Both"]}]},
        {"filters": [{"name": "AfterStartTime", "values": ["then"]}]},
        {"sort": {"sortBy": "Colour"}},
        {"maxResults": 51},
        {"catalog": "Elsewhere"},
        {"nextToken": "abc"},
        {"nextToken": "!"},
    ):
        buyer.call("SearchAgreements", 400, **wrong)


def test_searches_are_paged(publisher: Any, product: Product) -> None:
    offer = product.offers.get()
    for n in range(5):
        one = Agreements(make_member(f"Buyer{n}"))
        one.accept(one.request(offer.pk, offer.versions.get().pk)["agreementRequestId"])
    seller = Agreements(publisher)
    for sort in ({}, {"sort": {"sortBy": "StartTime", "sortOrder": "DESCENDING"}}):
        seen: list[str] = []
        token: dict[str, str] = {}
        while True:
            answer = seller.call("SearchAgreements", maxResults=2, **sort, **token)
            seen += [a["agreementId"] for a in answer["agreementViewSummaries"]]
            if "nextToken" not in answer:
                break
            token = {"nextToken": answer["nextToken"]}
        assert (len(seen), len(set(seen))) == (5, 5)


def test_readers_do_not_subscribe(subscriber: Any, offer: Offer) -> None:
    reader = Agreements(subscriber, "subscriptions:read", "publish:write")
    reader.request(offer.pk, offer.versions.get().pk, 403)
    reader.accept("ar-0", 403)
    assert reader.found() == []


def test_a_subscriber_subscribes_by_boto3_alone(exchange: Any) -> None:
    publisher, subscriber = Customer(exchange, "Publisher"), Customer(exchange, "Subscriber")
    data_set = publisher.create_data_set("Small")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "a.csv", b"x\n1\n")
    publisher.finalize(data_set, revision)
    shown = publisher.list_product(data_set, "Small")
    client = boto3.session.Session().client(
        "marketplace-agreement",
        region_name="us-east-1",
        endpoint_url=exchange.url,
        aws_access_key_id=subscriber.credentials["access_key_id"],
        aws_secret_access_key=subscriber.credentials["secret_access_key"],
    )
    version_id = shown["offer"]["offer_version_id"]
    quote = client.create_agreement_request(
        intent="NEW", agreementProposalIdentifier=version_id, requestedTerms=[{"id": version_id}]
    )
    agreement_id = client.accept_agreement_request(agreementRequestId=quote["agreementRequestId"])["agreementId"]
    (entitled,) = subscriber.dx.list_data_sets(Origin="ENTITLED")["DataSets"]
    assert entitled["OriginDetails"] == {"ProductId": shown["id"]}
    described = client.describe_agreement(agreementId=agreement_id)
    assert (described["status"], described["acceptor"]["accountId"]) == ("ACTIVE", subscriber.credentials["account_id"])
    assert described["startTime"].tzinfo is not None
    found = client.search_agreements(filters=[{"name": "AgreementType", "values": ["PurchaseAgreement"]}])
    assert [a["agreementId"] for a in found["agreementViewSummaries"]] == [agreement_id]
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.describe_agreement(agreementId="agmt-nothing")
    assert caught.value.response["resourceType"] == "Agreement"
    client.cancel_agreement(agreementId=agreement_id)
    assert subscriber.dx.list_data_sets(Origin="ENTITLED")["DataSets"] == []


def test_a_product_whose_publisher_decides_is_quoted_and_not_accepted(
    buyer: Agreements, offer: Offer, product: Product
) -> None:
    guard(product)
    quote = buyer.request(offer.pk, offer.versions.get().pk)
    assert (quote["status"], quote["approvalRequirement"]) == ("DRAFT", "REQUIRED")
    refused = buyer.accept(quote["agreementRequestId"], 409)
    assert refused["__type"] == "ConflictException"
    assert "publisher of this product decides" in refused["message"]
    assert "POST /api/subscription-requests" in refused["message"]
    assert Agreement.objects.count() == 0
