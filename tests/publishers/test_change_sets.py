"""The Marketplace Catalog API: entities, and change sets that are applied whole or not at all."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from marketplace.core import work
from marketplace.core.models import AuditRecord, WorkItem
from marketplace.core.operations.credentials import create_api_token
from publishers.models import ChangeSet, ChangeSetEntity, Offer, OfferVersion, Product, PublishedRevision
from publishers.operations import change_sets, data_sets, products
from publishers.tasks import apply_change_set, forget_change_sets
from tests.conftest import actor_of, make_listable, make_member
from tests.journeys.client import Customer

pytestmark = pytest.mark.django_db
PAGE = {
    "ProductTitle": "Tides of the North Sea",
    "ShortDescription": "Heights by the hour.",
    "LongDescription": "Measured at **twelve** gauges.",
    "SupportDescription": "help@example.org",
    "Categories": ["Weather"],
}
TERMS = {"Terms": [{"Type": "LegalTerm", "Documents": [{"Type": "CustomDsa", "Content": "Use it well."}]}]}


class Catalog:
    """Calls of one organization's program."""

    def __init__(self, member: Any, *scopes: str) -> None:
        wanted = list(scopes) or ["publish:read", "publish:write"]
        _, token = create_api_token(
            membership=member, name="t", wanted_scopes=wanted, actor=actor_of(member), at=timezone.now()
        )
        self.organization = member.organization
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, status: int = 200, **query: str) -> Any:
        answer = Client().get(path, query_params={"catalog": "AWSMarketplace", **query}, headers=self.headers)
        assert answer.status_code == status, answer.content
        return answer.json()

    def post(self, path: str, status: int = 200, **members: Any) -> Any:
        body = json.dumps({"Catalog": "AWSMarketplace", **members})
        answer = Client().post(path, data=body, content_type="application/json", headers=self.headers)
        assert answer.status_code == status, answer.content
        return answer.json()

    def start(self, *changes: dict[str, Any], status: int = 200, **members: Any) -> Any:
        return self.post("/StartChangeSet", status, ChangeSet=list(changes), **members)

    def apply(self, *changes: dict[str, Any], **members: Any) -> Any:
        """Start a change set, let it be applied, and return what it says then."""
        started = self.start(*changes, **members)
        apply_change_set(change_set_id=started["ChangeSetId"])
        return self.get("/DescribeChangeSet", changeSetId=started["ChangeSetId"])

    def arn(self, suffix: str) -> str:
        return f"arn:aws:dataexchange:us-east-1:{self.organization.account_id}:data-sets/{suffix}"


def change(kind: str, entity_type: str, identifier: str | None, details: Any, name: str = "") -> dict[str, Any]:
    entity = {"Type": f"{entity_type}@1.0"} | ({"Identifier": identifier} if identifier else {})
    shape = {"ChangeType": kind, "Entity": entity, "Details": json.dumps(details)}
    return shape | ({"ChangeName": name} if name else {})


def errors_of(described: Any) -> list[list[str]]:
    return [[e["ErrorCode"] for e in c["ErrorDetailList"]] for c in described["ChangeSet"]]


@pytest.fixture
def catalog(publisher: Any) -> Catalog:
    return Catalog(publisher)


@pytest.fixture
def draft_product(publisher: Any) -> Product:
    return products.create_product(
        owner=publisher.organization,
        name="Winds",
        category="Weather",
        terms="Use it well.",
        actor=actor_of(publisher),
        at=timezone.now(),
    )


def test_a_product_is_created_described_filled_and_released_in_one_change_set(
    catalog: Catalog, data_set: Any, finalized_revision: Any
) -> None:
    product = "$CreateProductChange.Entity.Identifier"
    offer = "$CreateOfferChange.Entity.Identifier"
    described = catalog.apply(
        change("CreateProduct", "DataProduct", None, {"ProductTitle": "Working title"}, "CreateProductChange"),
        change("UpdateInformation", "DataProduct", product, PAGE),
        change("AddDataSets", "DataProduct", product, {"DataSets": [{"Arn": catalog.arn(data_set.pk)}]}),
        change("CreateOffer", "Offer", None, {"ProductId": product, "Name": "Free for all"}, "CreateOfferChange"),
        change("UpdateLegalTerms", "Offer", offer, TERMS),
        change("ReleaseOffer", "Offer", offer, {}),
        change("ReleaseProduct", "DataProduct", product, {}),
    )
    assert (described["Status"], errors_of(described)) == ("SUCCEEDED", [[]] * 7)
    made, public = Product.objects.get(), Offer.objects.get()
    assert (made.name, made.state, made.category, public.name) == (
        "Tides of the North Sea",
        "PUBLISHED",
        "Weather",
        "Free for all",
    )
    assert OfferVersion.objects.get().terms == "Use it well."
    sample = made.documents.get()
    assert (sample.name, sample.preview["row_count"]) == ("departures-sample.csv", 2)
    assert [row["column"] for row in made.dictionary] == ["id", "delay"]
    assert [c["Entity"]["Identifier"] for c in described["ChangeSet"]] == [
        made.pk,
        made.pk,
        made.pk,
        public.pk,
        public.pk,
        public.pk,
        made.pk,
    ]
    assert PublishedRevision.objects.get().revision == finalized_revision
    started = AuditRecord.objects.get(action="change_set.started", subject_id=described["ChangeSetId"])
    assert started.actor_kind == "token"
    assert AuditRecord.objects.filter(action="change_set.succeeded").count() == 1


@pytest.mark.parametrize("intent", ["APPLY", "VALIDATE"])
def test_a_release_without_a_table_says_what_is_missing_and_leaves_no_file_behind(
    catalog: Catalog, draft_product: Product, publisher: Any, data_set: Any, make_revision: Any, intent: str
) -> None:
    before = set(default_storage.listdir("products")[1])
    make_revision({"pictures.zip": b"PK"})
    page = {name: PAGE[name] for name in ("ShortDescription", "LongDescription", "SupportDescription")}
    changes = [
        change("UpdateInformation", "DataProduct", draft_product.pk, page),
        change("AddDataSets", "DataProduct", draft_product.pk, {"DataSets": [{"Arn": catalog.arn(data_set.pk)}]}),
        change("ReleaseProduct", "DataProduct", draft_product.pk, {}),
    ]
    described = catalog.apply(*changes, Intent=intent)
    assert (described["Status"], errors_of(described)) == ("FAILED", [[], [], ["PRODUCT_NOT_READY"]])
    assert "Add a sample" in described["ChangeSet"][2]["ErrorDetailList"][0]["ErrorMessage"]
    make_revision({"calls.csv": b"port,calls\nA,1\n"})
    described = catalog.apply(*changes, Intent=intent)
    assert described["Status"] == "SUCCEEDED"
    kept = set(default_storage.listdir("products")[1]) - before
    assert len(kept) == draft_product.documents.count() == (1 if intent == "APPLY" else 0)


def test_a_product_is_described_as_aws_describes_it(catalog: Catalog, product: Product, data_set: Any) -> None:
    entity = catalog.get("/DescribeEntity", entityId=product.pk)
    entry = product.published_data_sets.get()
    assert entity["EntityType"] == "DataProduct@1.0"
    assert entity["EntityIdentifier"].partition("@")[0] == product.pk
    assert entity["EntityArn"] == (
        f"arn:aws:aws-marketplace:us-east-1:{catalog.organization.account_id}:AWSMarketplace/DataProduct/{product.pk}"
    )
    details = json.loads(entity["Details"])
    assert details == entity["DetailsDocument"]
    assert (details["Title"], details["Lifecycle"]) == ("Departures of New York", "Public")
    assert details["Presentation"]["ShortDescription"] == "Every departure."
    (listed,) = details["DataSets"]
    assert (listed["ProductDataSetId"], listed["DataSetArn"]) == (entry.pk, catalog.arn(data_set.pk))
    assert listed["PublishedDataSetArn"] == f"arn:aws:dataexchange:us-east-1::data-sets/{entry.pk}"
    assert listed["LastRevisionAddedDate"].endswith("Z")


def test_an_offer_is_described_with_its_terms(catalog: Catalog, product: Product) -> None:
    offer = product.offers.get()
    entity = catalog.get("/DescribeEntity", entityId=offer.pk)
    assert (entity["EntityType"], entity["EntityIdentifier"]) == ("Offer@1.0", f"{offer.pk}@1")
    details = entity["DetailsDocument"]
    assert (details["ProductId"], details["State"]) == (product.pk, "Released")
    assert details["Name"] == "Public offer of Departures of New York"
    (term,) = details["Terms"]
    assert (term["Id"], term["Documents"][0]["Content"]) == (offer.versions.get().pk, "Use it well.")
    batch = catalog.post(
        "/BatchDescribeEntities",
        EntityRequestList=[
            {"Catalog": "AWSMarketplace", "EntityId": offer.pk},
            {"Catalog": "AWSMarketplace", "EntityId": "prod-nothing"},
        ],
    )
    assert batch["EntityDetails"][offer.pk]["DetailsDocument"] == details
    assert list(batch["Errors"]) == ["prod-nothing"]


def test_entities_of_others_are_not_found(product: Product, stranger: Any) -> None:
    theirs = Catalog(stranger)
    for entity_id in (product.pk, product.offers.get().pk, "prod-nothing"):
        theirs.get("/DescribeEntity", 404, entityId=entity_id)
    assert theirs.post("/ListEntities", EntityType="DataProduct")["EntitySummaryList"] == []
    assert theirs.post("/ListEntities", EntityType="Offer")["EntitySummaryList"] == []
    wrong = theirs.start(change("ReleaseProduct", "DataProduct", product.pk, {}), status=404)
    assert "prod-" in wrong["Message"]
    assert ChangeSet.objects.count() == 0


def test_entities_are_listed_filtered_sorted_and_paged(catalog: Catalog, product: Product, publisher: Any) -> None:
    for n in range(4):
        products.create_product(
            owner=publisher.organization,
            name=f"Number {n}",
            category="Energy",
            terms="Use it.",
            actor=actor_of(publisher),
            at=timezone.now() + timedelta(seconds=n + 1),
        )

    def names(**members: Any) -> list[str]:
        listed = catalog.post("/ListEntities", **{"EntityType": "DataProduct"} | members)
        return [entity["Name"] for entity in listed["EntitySummaryList"]]

    assert names() == ["Number 3", "Number 2", "Number 1", "Number 0", "Departures of New York"]
    assert names(FilterList=[{"Name": "EntityId", "ValueList": [product.pk]}]) == ["Departures of New York"]
    public = {"DataProductFilters": {"Visibility": {"ValueList": ["Public"]}}}
    assert names(EntityTypeFilters=public) == ["Departures of New York"]
    wild = {"DataProductFilters": {"ProductTitle": {"WildCardValue": "number"}}}
    by_title = {"DataProductSort": {"SortBy": "ProductTitle", "SortOrder": "ASCENDING"}}
    assert names(EntityTypeFilters=wild, EntityTypeSort=by_title) == [f"Number {n}" for n in range(4)]
    assert names(Sort={"SortBy": "ProductTitle", "SortOrder": "ASCENDING"})[0] == "Departures of New York"
    later = {"DataProductFilters": {"LastModifiedDate": {"DateRange": {"AfterValue": "2999-01-01T00:00:00Z"}}}}
    assert names(EntityTypeFilters=later) == []
    first = catalog.post("/ListEntities", EntityType="DataProduct", MaxResults=3)
    second = catalog.post("/ListEntities", EntityType="DataProduct", MaxResults=3, NextToken=first["NextToken"])
    seen = [e["EntityId"] for page in (first, second) for e in page["EntitySummaryList"]]
    assert (len(seen), len(set(seen)), "NextToken" in second) == (5, 5, False)
    summary = first["EntitySummaryList"][0]
    assert (summary["EntityType"], summary["Visibility"]) == ("DataProduct", "Draft")
    assert summary["DataProductSummary"] == {"ProductTitle": "Number 3", "Visibility": "Draft"}
    offers = catalog.post(
        "/ListEntities",
        EntityType="Offer",
        EntityTypeFilters={
            "OfferFilters": {"State": {"ValueList": ["Released"]}, "ProductId": {"ValueList": [product.pk]}}
        },
    )
    assert [e["OfferSummary"]["ProductId"] for e in offers["EntitySummaryList"]] == [product.pk]
    for sort_by in ("EntityId", "Name", "ProductId", "ReleaseDate", "State", "Targeting", "LastModifiedDate"):
        listed = catalog.post(
            "/ListEntities", EntityType="Offer", EntityTypeSort={"OfferSort": {"SortBy": sort_by}}, MaxResults=2
        )
        more = catalog.post(
            "/ListEntities",
            EntityType="Offer",
            EntityTypeSort={"OfferSort": {"SortBy": sort_by}},
            MaxResults=50,
            NextToken=listed["NextToken"],
        )
        ids = {e["EntityId"] for page in (listed, more) for e in page["EntitySummaryList"]}
        assert (len(ids), len(more["EntitySummaryList"])) == (5, 3), sort_by
    assert catalog.post("/ListEntities", EntityType="SaaSProduct")["EntitySummaryList"] == []
    none = {"OfferFilters": {"BuyerAccounts": {"WildCardValue": "1"}}}
    assert catalog.post("/ListEntities", EntityType="Offer", EntityTypeFilters=none)["EntitySummaryList"] == []


@pytest.mark.parametrize(
    "members",
    [
        {"EntityType": "Spaceship"},
        {"EntityType": "DataProduct", "Catalog": "Other"},
        {"EntityType": "DataProduct", "MaxResults": 51},
        {"EntityType": "DataProduct", "Sort": {"SortBy": "Colour"}},
        {"EntityType": "DataProduct", "FilterList": [{"Name": "Colour", "ValueList": ["red"]}]},
        {"EntityType": "DataProduct", "FilterList": [{"Name": "LastModifiedDate", "ValueList": ["red"]}]},
        {"EntityType": "DataProduct", "EntityTypeFilters": {"OfferFilters": {"Name": {"WildCardValue": "x"}}}},
        {"EntityType": "DataProduct", "EntityTypeSort": {"OfferSort": {"SortBy": "Name"}}},
        {"EntityType": "DataProduct", "NextToken": "abc"},
        {
            "EntityType": "DataProduct",
            "EntityTypeFilters": {
                "DataProductFilters": {"LastModifiedDate": {"DateRange": {"AfterValue": "2020-02-30T00:00:00Z"}}}
            },
        },
    ],
)
def test_a_list_that_makes_no_sense_is_refused(catalog: Catalog, members: dict[str, Any]) -> None:
    assert catalog.post("/ListEntities", 422, **members)["Message"]


# --- AddDataSets and AddRevisions, with AWS's own error codes ---------------------------------------------------------
def test_data_sets_are_added_with_aws_error_codes(
    catalog: Catalog, product: Product, publisher: Any, data_set: Any
) -> None:
    other = data_sets.create_data_set(
        owner=publisher.organization,
        name="Gauges",
        description="Where they are.",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    foreign_owner = make_member("Foreign")
    foreign = data_sets.create_data_set(
        owner=foreign_owner.organization, name="x", description="y", actor=actor_of(foreign_owner), at=timezone.now()
    )
    arn, foreign_arn = catalog.arn(other.pk), Catalog(foreign_owner).arn(foreign.pk)

    def code(details: Any) -> list[str]:
        described = catalog.apply(change("AddDataSets", "DataProduct", f"{product.pk}@1", details))
        assert described["Status"] == ("FAILED" if errors_of(described) != [[]] else "SUCCEEDED")
        return errors_of(described)[0]

    assert code({"DataSets": [{"Arn": catalog.arn("0" * 32)}]}) == ["DATA_SET_NOT_FOUND"]
    assert code({"DataSets": [{"Arn": foreign_arn}]}) == ["DATA_SET_NOT_FOUND"]
    assert code({"DataSets": [{"Arn": catalog.arn(foreign.pk)}]}) == ["DATA_SET_NOT_FOUND"]
    assert code({"DataSets": [{"Arn": catalog.arn(data_set.pk)}]}) == ["DATA_SET_ALREADY_PUBLISHED"]
    assert code({"DataSets": [{"Arn": arn}, {"Arn": arn}]}) == ["DATA_SET_DUPLICATE_PROVIDED"]
    for wrong in (
        {},
        {"DataSets": []},
        {"DataSets": ["x"]},
        {"DataSets": [{"Arn": "x"}]},
        {"DataSets": [{"Arn": 5}]},
        {"Other": 1},
    ):
        assert code(wrong) == ["INVALID_INPUT"]
    assert product.published_data_sets.count() == 1
    assert code({"DataSets": [{"Arn": arn}]}) == []
    assert product.published_data_sets.count() == 2


def test_revisions_are_added_with_aws_error_codes(
    catalog: Catalog, product: Product, publisher: Any, data_set: Any, finalized_revision: Any, make_revision: Any
) -> None:
    draft = make_revision(finalize=False)
    other = data_sets.create_data_set(
        owner=publisher.organization, name="Gauges", description="Where.", actor=actor_of(publisher), at=timezone.now()
    )

    def code(*arns: str, data_set_arn: str = catalog.arn(data_set.pk)) -> list[str]:
        details = {"DataSetArn": data_set_arn, "RevisionArns": list(arns)}
        return errors_of(catalog.apply(change("AddRevisions", "DataProduct", product.pk, details)))[0]

    there = catalog.arn(f"{data_set.pk}/revisions/{finalized_revision.pk}")
    assert code(there) == [], "a revision that published itself is there already: a success"
    assert code(catalog.arn(f"{data_set.pk}/revisions/{'0' * 32}")) == ["REVISION_NOT_FOUND"]
    assert code(catalog.arn(f"{other.pk}/revisions/{finalized_revision.pk}")) == ["REVISION_NOT_FOUND"]
    assert code(catalog.arn(f"{data_set.pk}/revisions/{draft.pk}")) == ["REVISION_NOT_FINALIZED"]
    assert code(there, there) == ["REVISION_DUPLICATE_PROVIDED"]
    assert code(there, data_set_arn=catalog.arn("0" * 32)) == ["DATA_SET_NOT_FOUND"]
    assert code(there, data_set_arn=catalog.arn(other.pk)) == ["DATA_SET_NOT_PUBLISHED"]
    many = [catalog.arn(f"{data_set.pk}/revisions/{n:032x}") for n in range(6)]
    assert [code(), code(*many), code("x"), code(catalog.arn(data_set.pk))] == [["INVALID_INPUT"]] * 4
    assert PublishedRevision.objects.count() == 1


def test_a_revision_that_the_access_rules_kept_back_can_be_added(
    catalog: Catalog, draft_product: Product, publisher: Any, data_set: Any, finalized_revision: Any
) -> None:
    actor, now = actor_of(publisher), timezone.now()
    products.update_product(
        product=draft_product, short_description="s", description="d", support_contact="c", actor=actor, at=now
    )
    products.add_data_set(product=draft_product, data_set=data_set, history_rule="NONE", actor=actor, at=now)
    make_listable(draft_product, publisher)
    products.publish_product(product=draft_product, actor=actor, at=now)
    assert PublishedRevision.objects.count() == 0
    details = {
        "DataSetArn": catalog.arn(data_set.pk),
        "RevisionArns": [catalog.arn(f"{data_set.pk}/revisions/{finalized_revision.pk}")],
    }
    assert catalog.apply(change("AddRevisions", "DataProduct", draft_product.pk, details))["Status"] == "SUCCEEDED"
    assert PublishedRevision.objects.get().revision == finalized_revision


# --- other changes ----------------------------------------------------------------------------------------------------
def test_information_terms_and_visibility_change(catalog: Catalog, product: Product) -> None:
    offer = product.offers.get()
    described = catalog.apply(
        change("UpdateInformation", "DataProduct", product.pk, {"ProductTitle": "New", "Coverage": "2013"}),
        change("UpdateInformation", "Offer", offer.pk, {"Description": "Nothing to pay."}),
        change("UpdateLegalTerms", "Offer", offer.pk, json.loads(json.dumps(TERMS).replace("well", "wisely"))),
        change("RestrictProduct", "DataProduct", product.pk, {}),
    )
    assert (described["Status"], errors_of(described)) == ("SUCCEEDED", [[]] * 4)
    product.refresh_from_db()
    offer.refresh_from_db()
    assert (product.name, product.coverage, product.state) == ("New", "2013", "UNPUBLISHED")
    assert (offer.description, offer.versions.count()) == ("Nothing to pay.", 2)
    again = catalog.apply(change("UpdateVisibility", "DataProduct", product.pk, {"TargetVisibility": "Public"}))
    assert errors_of(again) == [["PRODUCT_IS_UNPUBLISHED"]]


def test_each_product_has_one_public_offer(catalog: Catalog, product: Product, draft_product: Product) -> None:
    assert errors_of(catalog.apply(change("CreateOffer", "Offer", None, {"ProductId": product.pk}))) == [
        ["OFFER_ALREADY_EXISTS"]
    ]
    twice = catalog.apply(
        change("CreateOffer", "Offer", None, {"ProductId": draft_product.pk}, "A"),
        change("CreateOffer", "Offer", None, {"ProductId": draft_product.pk}, "B"),
    )
    assert errors_of(twice) == [[], ["INVALID_INPUT"]]
    taken = catalog.apply(
        change("CreateOffer", "Offer", None, {"ProductId": draft_product.pk, "Name": "Open"}, "A"),
        change(
            "UpdateLegalTerms", "Offer", "$A.Entity.Identifier", json.loads(json.dumps(TERMS).replace("well", "once"))
        ),
    )
    assert taken["Status"] == "SUCCEEDED"
    offer = draft_product.offers.get()
    assert (offer.name, offer.versions.order_by("-number").first().terms) == ("Open", "Use it once.")
    assert [c["Entity"]["Identifier"] for c in taken["ChangeSet"]] == [offer.pk, offer.pk]


@pytest.mark.parametrize(
    ("kind", "entity_type", "details"),
    [
        ("UpdateInformation", "DataProduct", {}),
        ("UpdateInformation", "DataProduct", {"LogoUrl": "https://example.org/x.png"}),
        ("UpdateInformation", "DataProduct", {"Categories": ["Weather", "Energy"]}),
        ("UpdateInformation", "DataProduct", {"Categories": ["Spaceships"]}),
        ("UpdateInformation", "DataProduct", {"ProductTitle": 5}),
        ("UpdateInformation", "DataProduct", {"ProductTitle": "x" * 73}),
        ("UpdateInformation", "DataProduct", {"Dictionary": [{"Type": "integer"}]}),
        ("UpdateVisibility", "DataProduct", {"TargetVisibility": "Limited"}),
        ("ReleaseProduct", "DataProduct", {"Now": True}),
        ("UpdateLegalTerms", "Offer", {}),
        (
            "UpdateLegalTerms",
            "Offer",
            {"Terms": [{"Type": "LegalTerm", "Documents": [{"Type": "StandardEula", "Version": "2022-07-14"}]}]},
        ),
        (
            "UpdateLegalTerms",
            "Offer",
            {"Terms": [{"Type": "LegalTerm", "Documents": [{"Type": "CustomEula", "Url": "https://s3/x.pdf"}]}]},
        ),
        ("UpdateInformation", "Offer", {"Name": "x" * 151}),
        ("UpdateInformation", "Offer", {"Colour": "red"}),
    ],
)
def test_wrong_details_are_told_by_the_change_set(
    catalog: Catalog, draft_product: Product, kind: str, entity_type: str, details: Any
) -> None:
    entity_id = draft_product.pk if entity_type == "DataProduct" else draft_product.offers.get().pk
    described = catalog.apply(change(kind, entity_type, entity_id, details))
    assert (described["Status"], described["FailureCode"]) == ("FAILED", "CLIENT_ERROR")
    assert errors_of(described) == [["INVALID_INPUT"]]
    assert described["ChangeSet"][0]["ErrorDetailList"][0]["ErrorMessage"]


def test_a_product_that_is_not_ready_says_what_is_missing(catalog: Catalog, draft_product: Product) -> None:
    described = catalog.apply(change("ReleaseProduct", "DataProduct", draft_product.pk, {}))
    assert errors_of(described) == [["PRODUCT_NOT_READY"]]
    assert "Add a data set." in described["ChangeSet"][0]["ErrorDetailList"][0]["ErrorMessage"]


# --- all or nothing, once, one at a time --------------------------------------------------------------------------------
def test_one_wrong_change_takes_all_back_and_each_says_its_own_error(catalog: Catalog, product: Product) -> None:
    described = catalog.apply(
        change("UpdateInformation", "DataProduct", product.pk, {"ProductTitle": "Changed"}),
        change("AddDataSets", "DataProduct", product.pk, {"DataSets": [{"Arn": "x"}]}),
        change("CreateProduct", "DataProduct", None, {"ProductTitle": "No terms"}, "P"),
        change("ReleaseProduct", "DataProduct", "$P.Entity.Identifier", {}),
    )
    assert errors_of(described) == [[], ["INVALID_INPUT"], ["INVALID_INPUT"], []]
    product.refresh_from_db()
    assert (product.name, Product.objects.count()) == ("Departures of New York", 1)
    assert AuditRecord.objects.filter(action="product.updated").count() == 0
    assert ChangeSetEntity.objects.filter(is_running=True).count() == 0


def test_validate_goes_through_everything_and_keeps_nothing(catalog: Catalog, product: Product) -> None:
    described = catalog.apply(
        change("UpdateInformation", "DataProduct", product.pk, {"ProductTitle": "Changed"}), Intent="VALIDATE"
    )
    assert (described["Status"], described["Intent"]) == ("SUCCEEDED", "VALIDATE")
    product.refresh_from_db()
    assert product.name == "Departures of New York"


def test_applying_twice_changes_nothing_and_a_dead_workers_set_is_taken_up(catalog: Catalog, product: Product) -> None:
    started = catalog.start(change("UpdateInformation", "DataProduct", product.pk, {"ProductTitle": "Once"}))
    ChangeSet.objects.update(state="APPLYING")  # as a worker leaves it that died
    for _ in range(2):
        apply_change_set(change_set_id=started["ChangeSetId"])
    assert AuditRecord.objects.filter(action="product.updated").count() == 1
    assert AuditRecord.objects.filter(action="change_set.succeeded").count() == 1
    assert WorkItem.objects.filter(task="publishers.apply_change_set").count() == 1


def test_a_fault_of_ours_fails_the_set_as_a_fault_of_ours(catalog: Catalog, product: Product) -> None:
    started = catalog.start(change("ReleaseProduct", "DataProduct", product.pk, {}))
    found = ChangeSet.objects.get()
    for _ in range(2):
        change_sets.fail_change_set(change_set=found, at=timezone.now())
    described = catalog.get("/DescribeChangeSet", changeSetId=started["ChangeSetId"])
    assert (described["Status"], described["FailureCode"]) == ("FAILED", "SERVER_FAULT")
    assert described["FailureDescription"]
    assert ChangeSetEntity.objects.filter(is_running=True).count() == 0


def test_an_entity_is_in_one_running_change_set(catalog: Catalog, product: Product) -> None:
    update = change("UpdateInformation", "DataProduct", product.pk, {"ProductTitle": "A"})
    started = catalog.start(update)
    busy = catalog.start(update, status=423)
    assert "still running" in busy["Message"]
    with pytest.raises(IntegrityError), transaction.atomic():
        ChangeSetEntity.objects.create(change_set=ChangeSet.objects.get(), entity_id="other")
        other = ChangeSet.objects.create(
            organization=product.owner, name="x", fingerprint="x", requested_by=ChangeSet.objects.get().requested_by
        )
        ChangeSetEntity.objects.create(change_set=other, entity_id=product.pk)
    apply_change_set(change_set_id=started["ChangeSetId"])
    assert catalog.start(update)["ChangeSetId"] != started["ChangeSetId"]


def test_a_change_set_is_cancelled_before_it_is_applied_only(catalog: Catalog, product: Product, stranger: Any) -> None:
    started = catalog.start(change("RestrictProduct", "DataProduct", product.pk, {}))["ChangeSetId"]
    path = f"/CancelChangeSet?catalog=AWSMarketplace&changeSetId={started}"
    assert Client().patch(path, headers=Catalog(stranger).headers).status_code == 404
    assert Client().patch(path, headers=catalog.headers).json()["ChangeSetId"] == started
    apply_change_set(change_set_id=started)
    described = catalog.get("/DescribeChangeSet", changeSetId=started)
    assert (described["Status"], "EndTime" in described) == ("CANCELLED", True)
    product.refresh_from_db()
    assert product.state == "PUBLISHED"
    refused = Client().patch(path, headers=catalog.headers)
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (423, "ResourceInUseException")


def test_the_same_token_starts_one_change_set(catalog: Catalog, product: Product) -> None:
    update = change("UpdateInformation", "DataProduct", product.pk, {"ProductTitle": "A"})
    first = catalog.start(update, ClientRequestToken="t-1")
    assert catalog.start(update, ClientRequestToken="t-1") == first
    other = change("UpdateInformation", "DataProduct", product.pk, {"ProductTitle": "B"})
    catalog.start(other, status=422, ClientRequestToken="t-1")
    assert ChangeSet.objects.count() == 1
    # after the engine has forgotten its answer, the row itself still knows the token
    from marketplace.core.models import IdempotencyRecord

    IdempotencyRecord.objects.all().delete()
    assert catalog.start(update, ClientRequestToken="t-1") == first
    catalog.start(other, status=422, ClientRequestToken="t-1")
    assert ChangeSet.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ([("Explode", "DataProduct", "P", {})], "not a change type"),
        ([("ReleaseProduct", "AmiProduct", "P", {})], "Entity types are"),
        ([("ReleaseProduct", "DataProduct", None, {})], "give the Identifier"),
        ([("CreateProduct", "DataProduct", "P", {})], "no Identifier yet"),
        ([("ReleaseProduct", "DataProduct", "$Nobody.Entity.Identifier", {})], "no earlier change named Nobody"),
        ([("ReleaseProduct", "DataProduct", "P", {}), ("ReleaseProduct", "DataProduct", "P@7", {})], "twice"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_at_once(
    catalog: Catalog, product: Product, changes: list[Any], word: str
) -> None:
    made = [change(k, t, i.replace("P", product.pk) if i and "$" not in i else i, d) for k, t, i, d in changes]
    assert word in catalog.start(*made, status=422)["Message"]
    assert ChangeSet.objects.count() == 0


def test_an_organization_has_so_many_running_change_sets(catalog: Catalog) -> None:
    new = change("CreateProduct", "DataProduct", None, {"ProductTitle": "N"})
    for _ in range(change_sets.MOST_RUNNING):
        catalog.start(new)
    refused = catalog.start(new, status=402)
    assert "Running change sets per account" in refused["Message"]
    assert ChangeSet.objects.count() == change_sets.MOST_RUNNING


def test_the_model_bounds_a_change_set(catalog: Catalog, product: Product) -> None:
    good = change("UpdateInformation", "DataProduct", product.pk, {})
    for bad in (
        good | {"Details": "[]"},
        good | {"Details": "{x}"},
        good | {"Details": "{" + " " * 16_384 + "}"},
        good | {"Details": '{"ProductTitle": "a\\u0000b"}'},
        good | {"Details": '{"n": NaN}'},
        good | {"DetailsDocument": {"ProductTitle": "both"}},
        {**good, "Details": None, "DetailsDocument": {"LongDescription": "x" * 16_500}},
        good | {"ChangeName": "two words"},
    ):
        catalog.start({k: v for k, v in bad.items() if v is not None}, status=422)
    catalog.start(
        *[change("CreateProduct", "DataProduct", None, {"ProductTitle": str(n)}) for n in range(21)], status=422
    )
    catalog.start(good, status=422, ChangeSetTags=[{"Key": "a", "Value": "b"}])
    assert ChangeSet.objects.count() == 0


def test_change_sets_are_listed_filtered_and_sorted_and_forgotten_after_60_days(
    catalog: Catalog, product: Product, draft_product: Product, stranger: Any
) -> None:
    update = {"ProductTitle": "New name"}
    catalog.apply(change("UpdateInformation", "DataProduct", product.pk, update), ChangeSetName="First one")
    catalog.start(change("UpdateInformation", "DataProduct", draft_product.pk, update))

    def ids(**members: Any) -> list[str]:
        listed = catalog.post("/ListChangeSets", **members)["ChangeSetSummaryList"]
        return [entity for row in listed for entity in row["EntityIdList"]]

    def by(name: str, *values: str) -> dict[str, Any]:
        return {"FilterList": [{"Name": name, "ValueList": list(values)}]}

    assert ids() == [draft_product.pk, product.pk]
    assert ids(Sort={"SortBy": "StartTime", "SortOrder": "ASCENDING"}) == [product.pk, draft_product.pk]
    assert ids(Sort={"SortBy": "EndTime", "SortOrder": "ASCENDING"}) == [product.pk, draft_product.pk]
    assert ids(**by("EntityId", product.pk)) == [product.pk]
    assert ids(**by("ChangeSetName", "First one")) == [product.pk]
    assert ids(**by("Status", "PREPARING", "APPLYING")) == [draft_product.pk]
    assert ids(**by("AfterStartTime", "2999-01-01T00:00:00Z")) == []
    assert ids(**by("BeforeEndTime", "2999-01-01T00:00:00Z")) == [product.pk]
    first = catalog.post("/ListChangeSets", MaxResults=1)
    assert len(catalog.post("/ListChangeSets", MaxResults=1, NextToken=first["NextToken"])["ChangeSetSummaryList"]) == 1
    for wrong in (
        by("Colour", "red"),
        by("Status", "GREEN"),
        by("BeforeEndTime", "x"),
        {"MaxResults": 21},
        {"Sort": {"SortBy": "Name"}},
    ):
        catalog.post("/ListChangeSets", 422, **wrong)
    assert Catalog(stranger).post("/ListChangeSets")["ChangeSetSummaryList"] == []

    finished = ChangeSet.objects.get(state="SUCCEEDED")
    ChangeSet.objects.filter(pk=finished.pk).update(
        created_at=timezone.now() - timedelta(days=61), ended_at=timezone.now() - timedelta(days=61)
    )
    catalog.get("/DescribeChangeSet", 404, changeSetId=finished.pk)
    forget_change_sets()
    forget_change_sets()
    assert ChangeSet.objects.get().state == "PREPARING"


def test_readers_read_and_only_publishers_change(publisher: Any, product: Product) -> None:
    for scope in ("publish:read", "catalogue:read"):
        reader = Catalog(publisher, scope)
        assert reader.post("/ListEntities", EntityType="DataProduct")["EntitySummaryList"]
        reader.start(change("RestrictProduct", "DataProduct", product.pk, {}), status=403)
    Catalog(publisher, "data:read").post("/ListEntities", 403, EntityType="DataProduct")


@pytest.mark.django_db(transaction=True)
def test_of_two_change_sets_of_one_entity_one_is_started(publisher: Any, product: Product) -> None:
    catalog = Catalog(publisher)

    def start(n: int) -> int:
        try:
            body = {
                "Catalog": "AWSMarketplace",
                "ChangeSet": [change("UpdateInformation", "DataProduct", product.pk, {"ProductTitle": f"N{n}"})],
            }
            answer = Client().post(
                "/StartChangeSet", data=json.dumps(body), content_type="application/json", headers=catalog.headers
            )
            return int(answer.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(start, range(4))) == [200, 423, 423, 423]
    work.run_due()
    assert ChangeSet.objects.get().state == "SUCCEEDED"


# --- boto3, against the running installation ----------------------------------------------------------------------------
def test_a_product_is_made_and_sold_by_boto3_alone(exchange: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Customer(exchange, "Publisher")
    monkeypatch.setenv("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", exchange.url)
    keys = {
        "aws_access_key_id": publisher.credentials["access_key_id"],
        "aws_secret_access_key": publisher.credentials["secret_access_key"],
    }
    catalog = boto3.session.Session().client(
        "marketplace-catalog", region_name="us-east-1", config=Config(retries={"max_attempts": 3}), **keys
    )
    data_set = publisher.create_data_set("Gauges")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "a.csv", b"x\n1\n")
    publisher.finalize(data_set, revision)
    arn = publisher.dx.get_data_set(DataSetId=data_set)["Arn"]
    product, offer = "$CreateProductChange.Entity.Identifier", "$CreateOfferChange.Entity.Identifier"
    kind = {"Type": "DataProduct@1.0", "Identifier": product}
    started = catalog.start_change_set(
        Catalog="AWSMarketplace",
        ChangeSetName="Gauges: first release",
        ChangeSet=[
            {
                "ChangeType": "CreateProduct",
                "ChangeName": "CreateProductChange",
                "Entity": {"Type": "DataProduct@1.0"},
                "DetailsDocument": PAGE,
            },
            {
                "ChangeType": "CreateOffer",
                "ChangeName": "CreateOfferChange",
                "Entity": {"Type": "Offer@1.0"},
                "DetailsDocument": {"ProductId": product},
            },
            {
                "ChangeType": "UpdateLegalTerms",
                "Entity": {"Type": "Offer@1.0", "Identifier": offer},
                "DetailsDocument": TERMS,
            },
            {"ChangeType": "AddDataSets", "Entity": kind, "Details": json.dumps({"DataSets": [{"Arn": arn}]})},
            {"ChangeType": "ReleaseProduct", "Entity": kind, "Details": "{}"},
        ],
    )
    deadline = time.monotonic() + 120
    described = catalog.describe_change_set(Catalog="AWSMarketplace", ChangeSetId=started["ChangeSetId"])
    while described["Status"] in {"PREPARING", "APPLYING"} and time.monotonic() < deadline:
        time.sleep(0.3)
        described = catalog.describe_change_set(Catalog="AWSMarketplace", ChangeSetId=started["ChangeSetId"])
    assert described["Status"] == "SUCCEEDED", described
    product_id = described["ChangeSet"][0]["Entity"]["Identifier"]
    entity = catalog.describe_entity(Catalog="AWSMarketplace", EntityId=product_id)
    assert json.loads(entity["Details"])["DataSets"][0]["DataSetArn"] == arn
    assert entity["DetailsDocument"]["Lifecycle"] == "Public"
    listed = catalog.list_entities(Catalog="AWSMarketplace", EntityType="DataProduct")["EntitySummaryList"]
    assert [e["EntityId"] for e in listed] == [product_id]
    (summary,) = catalog.list_change_sets(Catalog="AWSMarketplace")["ChangeSetSummaryList"]
    assert summary["ChangeSetName"] == "Gauges: first release"
    with pytest.raises(catalog.exceptions.ResourceNotFoundException):
        catalog.describe_entity(Catalog="AWSMarketplace", EntityId="prod-nothing")
    with pytest.raises(catalog.exceptions.ValidationException):
        catalog.list_entities(Catalog="Elsewhere", EntityType="DataProduct")
    assert publisher.call("GET", f"/api/catalogue/{product_id}")["name"] == PAGE["ProductTitle"]
