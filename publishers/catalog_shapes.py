"""Products, offers and change sets as response members of the AWS Marketplace Catalog API.

Source: marketplace-catalog 2018-09-17; the documents in Details: AWS Data Exchange user guide, DescribeEntity of a data
product, and AWS Marketplace API reference, DescribeEntity of an offer.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from marketplace.awsapi.context import ApiContext
from publishers.models import ChangeSet, Offer, Product, ProductState, PublishedDataSet, Visibility
from publishers.operations.changes import DATA_PRODUCT, OFFER
from publishers.shapes import Shape


def visibility_of(product: Product) -> str:
    """Return AWS's word for who sees a product: Draft, Public, Restricted, or Limited (named organizations, or by address)."""
    if product.state == ProductState.DRAFT:
        return "Draft"
    if product.state == ProductState.UNPUBLISHED:
        return "Restricted"
    return "Public" if product.visibility == Visibility.PUBLIC else "Limited"


def _time(at: datetime) -> str:
    """Return a time as this service writes it: whole seconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _arn(context: ApiContext, kind: str, entity_id: str) -> str:
    return context.arn(f"AWSMarketplace/{kind}/{entity_id}")


def _data_exchange_arn(context: ApiContext, suffix: str, *, owned: bool = True) -> str:
    account = context.organization.account_id if owned else ""
    return f"arn:aws:dataexchange:{context.region}:{account}:{suffix}"


def product_summary(context: ApiContext, row: Product) -> Shape:
    """Return a product in a list."""
    visibility = visibility_of(row)
    return {
        "Name": row.name,
        "EntityType": "DataProduct",
        "EntityId": row.pk,
        "EntityArn": _arn(context, "DataProduct", row.pk),
        "LastModifiedDate": _time(row.updated_at),
        "Visibility": visibility,
        "DataProductSummary": {"ProductTitle": row.name, "Visibility": visibility},
    }


def offer_summary(context: ApiContext, row: Offer) -> Shape:
    """Return an offer of `list_owned_offers` in a list."""
    found: Any = row
    summary = {
        "Name": found.title,
        "ProductId": row.product_id,
        "State": _offer_state(row),
        "Targeting": ["None"],
        "CreatedBySource": "Seller",
    }
    if row.product.published_at is not None:
        summary["ReleaseDate"] = _time(row.product.published_at)
    return {
        "Name": found.title,
        "EntityType": "Offer",
        "EntityId": row.pk,
        "EntityArn": _arn(context, "Offer", row.pk),
        "LastModifiedDate": _time(found.modified_at),
        "Visibility": visibility_of(row.product),
        "OfferSummary": summary,
    }


def _offer_state(row: Offer) -> str:
    """Return Released for an offer whose product was put into the catalogue: it is in force with it."""
    return "Draft" if row.product.published_at is None else "Released"


def _entity(entity_type: str, identifier: str, arn: str, modified_at: datetime, details: dict[str, Any]) -> Shape:
    return {
        "EntityType": entity_type,
        "EntityIdentifier": identifier,
        "EntityArn": arn,
        "LastModifiedDate": _time(modified_at),
        "Details": json.dumps(details, ensure_ascii=False),
        "DetailsDocument": details,
    }


def product(context: ApiContext, row: Product, entries: Iterable[PublishedDataSet]) -> Shape:
    """Return a product with its data sets. The revision of its identifier grows with each change of its page."""
    details = {
        "Title": row.name,
        "Presentation": {
            "ShortDescription": row.short_description,
            "FullDescription": row.description,
            "Logo": row.logo.name or "",
            "Highlights": [],
        },
        "Lifecycle": visibility_of(row),
        "ProductCode": row.pk,
        "DataSets": [_data_set(context, entry) for entry in entries],
        "Categories": [row.category],
        "SupportDescription": row.support_contact,
        "UpdateFrequency": row.update_frequency,
        "Coverage": row.coverage,
        "Licence": row.licence,
        "SourceUrl": row.source_url,
        "Dictionary": [{name.title(): text for name, text in column.items()} for column in row.dictionary],
    }
    identifier = f"{row.pk}@{int(row.updated_at.timestamp())}"
    return _entity(DATA_PRODUCT, identifier, _arn(context, "DataProduct", row.pk), row.updated_at, details)


def _data_set(context: ApiContext, entry: PublishedDataSet) -> dict[str, Any]:
    last: datetime | None = getattr(entry, "last_revision_at", None)
    shape = {
        "ProductDataSetId": entry.pk,
        "DataSetArn": _data_exchange_arn(context, f"data-sets/{entry.data_set_id}"),
        "Name": entry.data_set.name,
        "Description": entry.data_set.description,
        "CreationDate": _time(entry.added_at),
        "PublishedDataSetArn": _data_exchange_arn(context, f"data-sets/{entry.pk}", owned=False),
    }
    # Clients read it without looking whether it is there; before the first revision it is when the data set was added.
    return shape | {"LastRevisionAddedDate": _time(last or entry.added_at)}


def offer(context: ApiContext, row: Offer) -> Shape:
    """Return an offer of `list_owned_offers` with its terms, whose id is that of the version that holds the text."""
    found: Any = row
    details = {
        "Id": row.pk,
        "Name": found.title,
        "Description": row.description,
        "ProductId": row.product_id,
        "State": _offer_state(row),
        "Terms": [
            {
                "Type": "LegalTerm",
                "Id": found.version_id,
                "Documents": [{"Type": "CustomDsa", "Content": found.terms}],
            }
        ]
        if found.version_id
        else [],
        "Rules": [],
    }
    if row.product.published_at is not None:
        details["ReleaseDate"] = _time(row.product.published_at)
    identifier = f"{row.pk}@{found.version_number}"
    return _entity(OFFER, identifier, _arn(context, "Offer", row.pk), found.modified_at, details)


def change_set_names(context: ApiContext, row: ChangeSet) -> Shape:
    """Return what a change set is called."""
    return {"ChangeSetId": row.pk, "ChangeSetArn": _arn(context, "ChangeSet", row.pk)}


def _change_set_head(context: ApiContext, row: ChangeSet) -> Shape:
    shape = change_set_names(context, row) | {
        "ChangeSetName": row.name,
        "StartTime": _time(row.created_at),
        "Status": row.state,
    }
    if row.ended_at is not None:
        shape["EndTime"] = _time(row.ended_at)
    if row.failure_code:
        shape["FailureCode"] = row.failure_code
    return shape


def change_set_summary(context: ApiContext, row: ChangeSet) -> Shape:
    """Return a change set in a list."""
    return _change_set_head(context, row) | {"EntityIdList": sorted(entity.entity_id for entity in row.entities.all())}


def change_set(context: ApiContext, row: ChangeSet) -> Shape:
    """Return a change set with its changes, each with what was wrong with it."""
    shape = _change_set_head(context, row) | {"Intent": row.intent, "ChangeSet": [_change(c) for c in row.changes]}
    return shape | {"FailureDescription": row.failure_description} if row.failure_description else shape


def _change(change: dict[str, Any]) -> dict[str, Any]:
    entity = {"Type": change["entity_type"]} | ({"Identifier": change["entity_id"]} if change["entity_id"] else {})
    shape = {
        "ChangeType": change["type"],
        "Entity": entity,
        "Details": json.dumps(change["details"], ensure_ascii=False),
        "DetailsDocument": change["details"],
        "ErrorDetailList": [
            {"ErrorCode": error["code"], "ErrorMessage": error["message"]} for error in change["errors"]
        ],
    }
    return shape | {"ChangeName": change["name"]} if change["name"] else shape
