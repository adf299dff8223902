"""Handlers of the AWS Marketplace Agreement API: request and accept what a public offer proposes, find and end agreements.

Source: marketplace-agreement 2020-03-01. Offers are free, so that no charge, invoice or payment is ever told.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.paging import BadPageToken, page
from marketplace.awsapi.registry import handler
from marketplace.core.errors import Invalid
from publishers.shapes import Shape
from subscriptions.agreement_queries import get_party_agreement, list_party_agreements
from subscriptions.agreement_requests import accept_agreement_request, request_agreement
from subscriptions.models import Agreement
from subscriptions.operations import end_agreement
from subscriptions.queries import get_agreement

SERVICE = "marketplace-agreement"
PURCHASE = "PurchaseAgreement"
RESOURCE_TYPE = "DataProduct"
_NOTHING = "0.00"


@handler("CreateAgreementRequest", service=SERVICE)
def create_agreement_request(
    context: ApiContext,
    *,
    intent: str,
    requested_terms: list[dict[str, Any]],
    client_token: str | None = None,  # kept and compared by the engine, see awsapi.idempotency
    source_agreement_identifier: str | None = None,
    agreement_proposal_identifier: str | None = None,
    tax_configuration: dict[str, str] | None = None,
    acceptor_contact: dict[str, str] | None = None,
) -> Shape:
    if intent != "NEW" or source_agreement_identifier is not None:
        raise Invalid(
            "Only new agreements can be requested: end the one there is, then request another.", field="intent"
        )
    if agreement_proposal_identifier is None:
        raise Invalid("Give the id of an offer, or of its version.", field="agreementProposalIdentifier")
    if acceptor_contact is not None:
        raise Invalid("Contacts are not kept with agreements; leave it out.", field="acceptorContact")
    if any("configuration" in term for term in requested_terms):
        raise Invalid("The terms of this exchange's offers take no configuration.", field="requestedTerms")
    request_id, version = request_agreement(
        organization=context.organization,
        proposal_id=agreement_proposal_identifier,
        term_ids=[term["id"] for term in requested_terms],
    )
    charges: Shape = {"currencyCode": version.currency, "newAgreementValue": _NOTHING, "expectedCharges": []}
    if (tax_configuration or {}).get("taxEstimation") == "ENABLED":
        charges |= {
            "newAgreementValueAfterTax": _NOTHING,
            "estimatedTaxes": {"breakdown": [], "totalAmount": _NOTHING},
        }
    return {
        "agreementRequestId": request_id,
        "agreementType": PURCHASE,
        "chargeSummary": charges,
        "status": "DRAFT",
        "approvalRequirement": "REQUIRED" if version.offer.product.requires_approval else "NOT_REQUIRED",
        "createdAt": context.now,
    }


@handler("AcceptAgreementRequest", service=SERVICE)
def accept_request(
    context: ApiContext, *, agreement_request_id: str, purchase_orders: list[dict[str, Any]] | None = None
) -> Shape:
    if purchase_orders is not None:
        raise Invalid("A free agreement has no charges that purchase orders could be for.", field="purchaseOrders")
    agreement = accept_agreement_request(
        organization=context.organization,
        request_id=agreement_request_id,
        user=context.user,
        actor=context.actor,
        at=context.now,
    )
    return {"agreementId": agreement.pk}


@handler("DescribeAgreement", service=SERVICE)
def describe_agreement(context: ApiContext, *, agreement_id: str) -> Shape:
    row = get_party_agreement(organization=context.organization, agreement_id=agreement_id)
    return _agreement(row) | {
        "estimatedCharges": {"currencyCode": row.offer_version.currency, "agreementValue": _NOTHING}
    }


def _agreement(row: Any) -> Shape:
    """Return what a list and a description of an agreement of `list_party_agreements` have in common."""
    shape = {
        "agreementId": row.pk,
        "acceptor": {"accountId": row.organization.account_id},
        "proposer": {"accountId": row.product.owner.account_id},
        "startTime": row.accepted_at,
        "acceptanceTime": row.accepted_at,
        "agreementType": PURCHASE,
        "proposalSummary": {
            "resources": [{"id": row.product_id, "type": RESOURCE_TYPE}],
            "offerId": row.offer_version.offer_id,
        },
        "status": row.status,
        "initialAgreementId": row.pk,
    }
    return shape | {"endTime": row.ended_at} if row.ended_at is not None else shape


@handler("GetAgreementTerms", service=SERVICE)
def get_agreement_terms(
    context: ApiContext, *, agreement_id: str, max_results: int | None = None, next_token: str | None = None
) -> Shape:
    if next_token is not None:
        raise BadPageToken(field="nextToken")  # an agreement has one term, so that no token is ever given
    row = get_party_agreement(organization=context.organization, agreement_id=agreement_id)
    document = {"type": "CustomDsa", "version": str(row.offer_version.number)}
    if row.organization_id == context.organization.pk:
        document["url"] = f"{settings.PUBLIC_URL}/api/subscriptions/{row.pk}"
    legal = {"type": "LegalTerm", "id": row.offer_version_id, "documents": [document]}
    return {"acceptedTerms": [{"legalTerm": legal}]}


@handler("CancelAgreement", service=SERVICE)
def cancel_agreement(context: ApiContext, *, agreement_id: str) -> Shape:
    agreement = get_agreement(organization=context.organization, agreement_id=agreement_id)
    end_agreement(agreement=agreement, actor=context.actor, at=context.now)
    return {}


_Rows = QuerySet[Agreement]


def _time(value: str, name: str) -> datetime:
    try:
        at = datetime.fromtimestamp(float(value), UTC) if value.isdigit() else datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        raise Invalid(f"{name} must be a time such as 2030-01-31T12:00:00Z.", field=name) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _party(context: ApiContext, rows: _Rows, value: str) -> _Rows:
    if value not in {"Acceptor", "Proposer"}:
        raise Invalid("PartyType must be Acceptor or Proposer.", field="PartyType")
    if value == "Acceptor":
        return rows.filter(organization=context.organization)
    return rows.filter(product__owner=context.organization)


def _compared(lookup: str) -> Callable[[ApiContext, _Rows, str], _Rows]:
    return lambda context, rows, value: rows.filter(**{lookup: _time(value, lookup.partition("__")[0])})


def _equal(field: str) -> Callable[[ApiContext, _Rows, str], _Rows]:
    return lambda context, rows, value: rows.filter(**{field: value})


def _one_word(word: str) -> Callable[[ApiContext, _Rows, str], _Rows]:
    return lambda context, rows, value: rows if value == word else rows.none()


def _none(context: ApiContext, rows: _Rows, value: str) -> _Rows:
    """No agreement here has what is asked for: neither offer sets, nor licences, nor renewals, nor contacts."""
    return rows.none()


_FILTERS: dict[str, Callable[[ApiContext, _Rows, str], _Rows]] = {
    "AgreementType": _one_word(PURCHASE),
    "PartyType": _party,
    "ResourceIdentifier": _equal("product_id"),
    "ResourceType": _one_word(RESOURCE_TYPE),
    "AcceptorAccountId": _equal("organization__account_id"),
    "OfferId": _equal("offer_version__offer_id"),
    "Status": _equal("status"),
    "InitialAgreementId": _equal("pk"),
    "AfterStartTime": _compared("accepted_at__gt"),
    "BeforeStartTime": _compared("accepted_at__lt"),
    "AfterEndTime": _compared("ended_at__gt"),
    "BeforeEndTime": _compared("ended_at__lt"),
    "AfterLastUpdateTime": _compared("changed_at__gt"),
    "BeforeLastUpdateTime": _compared("changed_at__lt"),
    "OfferSetId": _none,
    "EndTimeBehaviorType": _none,
    "EndTimeBehaviorReasonCode": _none,
    "LicenseArn": _none,
    "IncludesContactOfType": _none,
}
_SORTS = {"EndTime": "end_or_never", "StartTime": "accepted_at", "LastUpdateTime": "changed_at"}


@handler("SearchAgreements", service=SERVICE)
def search_agreements(
    context: ApiContext,
    *,
    catalog: str = "AWSMarketplace",
    filters: list[dict[str, Any]] | None = None,
    sort: dict[str, str] | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Shape:
    if catalog != "AWSMarketplace":
        raise Invalid("The catalog must be AWSMarketplace.", field="catalog")
    rows: _Rows = list_party_agreements(organization=context.organization)
    for each in filters or []:
        name, values = each.get("name", ""), each.get("values", [])
        if name not in _FILTERS:
            raise Invalid(f"There is no filter {name}. Filters are {', '.join(_FILTERS)}.", field="filters")
        if len(values) != 1:
            raise Invalid(f"The filter {name} takes one value.", field="filters")
        rows = _FILTERS[name](context, rows, values[0])
    sort_by = (sort or {}).get("sortBy", "EndTime")
    if sort_by not in _SORTS:
        raise Invalid(f"sortBy must be one of {', '.join(_SORTS)}.", field="sort")
    sign = "-" if (sort or {}).get("sortOrder") == "DESCENDING" else ""
    found, token = page(
        rows,
        order_by=(f"{sign}{_SORTS[sort_by]}", "pk"),
        context=context,
        max_results=max_results or 50,
        next_token=_opened(next_token),
    )
    return {"agreementViewSummaries": [_summary(row) for row in found], "nextToken": _wrapped(token)}


def _summary(row: Any) -> Shape:
    return _agreement(row) | {"lastUpdateTime": row.changed_at}


def _wrapped(token: str | None) -> str | None:
    """Return a page token in the characters that this service's tokens have."""
    return None if token is None else base64.urlsafe_b64encode(token.encode()).decode()


def _opened(token: str | None) -> str | None:
    if token is None:
        return None
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        raise BadPageToken(field="nextToken") from None
