"""The whole cycle by boto3 alone, from an empty account to an export that is refused. Only the bucket is connected by /api."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from tests.journeys.client import Customer

CONTENT = b"id,height\n1,0.4\n2,1.1\n"
PRODUCT, OFFER = "$NewProduct.Entity.Identifier", "$NewOffer.Entity.Identifier"


def client(customer: Customer, service: str) -> Any:
    """Return a boto3 client of a customer."""
    return boto3.session.Session().client(
        service,
        region_name="us-east-1",
        endpoint_url=customer.exchange.url,
        aws_access_key_id=customer.credentials["access_key_id"],
        aws_secret_access_key=customer.credentials["secret_access_key"],
    )


def publish(publisher: Customer, data_set_arn: str) -> str:
    """List a data set as a free product by one change set and return the id of the terms of its offer."""
    catalog = client(publisher, "marketplace-catalog")
    product, offer = {"Type": "DataProduct@1.0"}, {"Type": "Offer@1.0"}
    page = {
        "ProductTitle": "Tides",
        "ShortDescription": "Heights by the hour.",
        "LongDescription": "Measured at twelve gauges.",
        "SupportDescription": "help@example.org",
        "Categories": ["Weather"],
    }
    terms = {"Terms": [{"Type": "LegalTerm", "Documents": [{"Type": "CustomDsa", "Content": "Use it well."}]}]}
    changes = [
        ("CreateProduct", "NewProduct", product, page),
        ("CreateOffer", "NewOffer", offer, {"ProductId": PRODUCT}),
        ("UpdateLegalTerms", "Terms", offer | {"Identifier": OFFER}, terms),
        ("AddDataSets", "Data", product | {"Identifier": PRODUCT}, {"DataSets": [{"Arn": data_set_arn}]}),
        ("ReleaseProduct", "Release", product | {"Identifier": PRODUCT}, {}),
    ]
    started = catalog.start_change_set(
        Catalog="AWSMarketplace",
        ChangeSet=[
            {"ChangeType": kind, "ChangeName": name, "Entity": entity, "DetailsDocument": details}
            for kind, name, entity, details in changes
        ],
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = catalog.describe_change_set(Catalog="AWSMarketplace", ChangeSetId=started["ChangeSetId"])
        if found["Status"] not in {"PREPARING", "APPLYING"}:
            assert found["Status"] == "SUCCEEDED", found
            made = catalog.describe_entity(
                Catalog="AWSMarketplace", EntityId=found["ChangeSet"][1]["Entity"]["Identifier"]
            )
            return str(made["DetailsDocument"]["Terms"][0]["Id"])
        time.sleep(0.2)
    raise AssertionError("the change set did not end")


def export(subscriber: Customer, kind: str, details: dict[str, Any]) -> dict[str, Any]:
    """Run an export to its end and return the job."""
    job = subscriber.dx.create_job(Type=kind, Details=details)["Id"]
    subscriber.dx.start_job(JobId=job)
    return subscriber.wait_for_job(job)


def test_from_nothing_to_a_refused_export(exchange: Any) -> None:
    publisher, subscriber = Customer(exchange, "Publisher"), Customer(exchange, "Subscriber")
    dx, reader = publisher.dx, subscriber.dx

    # create, import, finalize
    made = dx.create_data_set(AssetType="S3_SNAPSHOT", Name="Tides", Description="x", Tags={"team": "sea"})
    data_set = made["Id"]
    revision = dx.create_revision(DataSetId=data_set, Comment="First")["Id"]
    publisher.import_by_signed_url(data_set, revision, "tides.csv", CONTENT)
    (job,) = dx.list_jobs(DataSetId=data_set)["Jobs"]
    (asset,) = dx.list_revision_assets(DataSetId=data_set, RevisionId=revision)["Assets"]
    assert dx.get_job(JobId=job["Id"])["State"] == "COMPLETED"
    publisher.finalize(data_set, revision)
    assert dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=False)["Finalized"] is False
    publisher.finalize(data_set, revision)

    # publish: from then on the revision stays as it is
    terms = publish(publisher, made["Arn"])
    for refused in (
        lambda: dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=False),
        lambda: dx.delete_revision(DataSetId=data_set, RevisionId=revision),
        lambda: dx.delete_data_set(DataSetId=data_set),
        lambda: dx.delete_asset(DataSetId=data_set, RevisionId=revision, AssetId=asset["Id"]),
    ):
        with pytest.raises(dx.exceptions.ConflictException):
            refused()

    # subscribe
    agreements = client(subscriber, "marketplace-agreement")
    quote = agreements.create_agreement_request(
        intent="NEW", agreementProposalIdentifier=terms, requestedTerms=[{"id": terms}]
    )
    agreements.accept_agreement_request(agreementRequestId=quote["agreementRequestId"])
    (entitled,) = reader.list_data_sets(Origin="ENTITLED")["DataSets"]
    mine = entitled["Id"]
    assert entitled["Arn"].split(":")[4] == ""
    assert entitled["OriginDetails"]["ProductId"].startswith("prod-")
    assert "Tags" not in reader.get_data_set(DataSetId=mine)
    with pytest.raises(reader.exceptions.AccessDeniedException):
        reader.update_data_set(DataSetId=mine, Name="Mine now")

    # entitled export: to a bucket, and to a signed URL
    bucket = f"cycle-{time.time_ns()}"
    subscriber.connect_bucket(bucket)
    export(
        subscriber,
        "EXPORT_ASSETS_TO_S3",
        {
            "ExportAssetsToS3": {
                "DataSetId": mine,
                "RevisionId": revision,
                "AssetDestinations": [{"AssetId": asset["Id"], "Bucket": bucket, "Key": "here.csv"}],
            }
        },
    )
    assert subscriber.sha256_of(bucket, "here.csv") == hashlib.sha256(CONTENT).hexdigest()
    signed = {"ExportAssetToSignedUrl": {"DataSetId": mine, "RevisionId": revision, "AssetId": asset["Id"]}}
    done = export(subscriber, "EXPORT_ASSET_TO_SIGNED_URL", signed)
    url = done["Details"]["ExportAssetToSignedUrl"]["SignedUrl"]
    assert requests.get(url, timeout=30).content == CONTENT

    # revoke: the reason is seen, the bytes are not
    revoked = dx.revoke_revision(DataSetId=data_set, RevisionId=revision, RevocationComment="Wrong gauge at Ostend.")
    assert revoked["Revoked"] is True and revoked["Finalized"] is True
    seen = reader.get_revision(DataSetId=mine, RevisionId=revision)
    assert seen["Revoked"] is True and seen["RevocationComment"] == "Wrong gauge at Ostend."
    whole = {"DataSetId": mine, "RevisionDestinations": [{"RevisionId": revision, "Bucket": bucket}]}
    for kind, details in (
        ("EXPORT_REVISIONS_TO_S3", {"ExportRevisionsToS3": whole}),
        ("EXPORT_ASSET_TO_SIGNED_URL", signed),
    ):
        with pytest.raises(ClientError) as refusal:
            reader.create_job(Type=kind, Details=details)
        assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"
        assert "Wrong gauge at Ostend." in refusal.value.response["Error"]["Message"]
    assert requests.get(url, timeout=30).status_code == 404

    # the publisher may remove what was revoked
    dx.delete_asset(DataSetId=data_set, RevisionId=revision, AssetId=asset["Id"])
    assert dx.list_revision_assets(DataSetId=data_set, RevisionId=revision)["Assets"] == []
