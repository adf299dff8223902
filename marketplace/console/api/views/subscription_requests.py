"""Subscription requests: asking for a product, and deciding as its publisher."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.subscription_requests import (
    Decline,
    NewSubscriptionRequest,
    ReceivedRequest,
    ReceivedRequestDetail,
    ReceivedRequestsQuery,
    RequestForm,
    RequestsQuery,
    SubscriptionRequestShape,
)
from publishers.queries.products import current_offer_version, get_listed_product
from subscriptions import requests
from subscriptions.answers import AnswersInvalid
from subscriptions.models import SubscriptionRequest
from subscriptions.operations import TermsNotAccepted
from subscriptions.request_queries import (
    get_received_request,
    get_request,
    list_received_requests,
    list_requests,
    usual_time_to_decide,
)

NEWEST_FIRST = ("-created_at", "-pk")
TAG = "Subscription requests"


def _page(rows: QuerySet[SubscriptionRequest], query: dict[str, Any], *binding: str) -> Page:
    state, product_id = query.get("state"), query.get("product_id")
    if state:
        rows = rows.filter(state=state)
    if product_id:
        rows = rows.filter(product=product_id)
    return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=[*binding, state, product_id])


class RequestFormView(ApiView):
    tag = TAG

    @operation("get_request_form", scope="subscriptions:read", gives=RequestForm)
    def get(self, caller: Caller, product_id: str) -> dict[str, Any]:
        """Read what the publisher of a product asks before it decides, and the terms that asking accepts."""
        product = get_listed_product(product_id=product_id, viewer=caller.organization)
        version = current_offer_version(product=product)
        usual = usual_time_to_decide(owner=product.owner)
        return {
            "requires_approval": product.requires_approval,
            "offer_version_id": version.pk,
            "terms": version.terms,
            "questions": product.questions,
            "usual_hours_to_decide": None if usual is None else -(-usual // timedelta(hours=1)),
        }


class SubscriptionRequestsView(ApiView):
    tag = TAG

    @operation(
        "list_subscription_requests", scope="subscriptions:read", asks=RequestsQuery, lists=SubscriptionRequestShape
    )
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List what your organization asked for, newest first."""
        rows = list_requests(organization=caller.organization)
        return _page(rows, query, "subscription-requests", caller.organization.pk)

    @operation(
        "create_subscription_request",
        scope="subscriptions:write",
        takes=NewSubscriptionRequest,
        gives=SubscriptionRequestShape,
        status=201,
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> SubscriptionRequest:
        """Ask for a product whose publisher decides who subscribes.

        The publisher has 45 days. Where a rule of the product lets your organization in, the state is `APPROVED` at once.
        """
        if not body["accept_terms"]:
            raise TermsNotAccepted(field="accept_terms")
        product = get_listed_product(product_id=body["product_id"], viewer=caller.organization)
        try:
            return requests.create_request(
                organization=caller.organization,
                product=product,
                offer_version_id=body["offer_version_id"],
                terms_accepted=True,
                answers=body["answers"],
                user=caller.user,
                actor=caller.actor,
                at=caller.at,
            )
        except AnswersInvalid as error:
            wrong = {key: [sentence] for key, sentence in error.errors.items()}
            raise serializers.ValidationError({"answers": wrong}) from None


class SubscriptionRequestView(ApiView):
    tag = TAG

    @operation("get_subscription_request", scope="subscriptions:read", gives=SubscriptionRequestShape)
    def get(self, caller: Caller, request_id: str) -> SubscriptionRequest:
        """Read a request that your organization made."""
        return get_request(organization=caller.organization, request_id=request_id)


class SubscriptionRequestCancelView(ApiView):
    tag = TAG

    @operation("cancel_subscription_request", scope="subscriptions:write", gives=SubscriptionRequestShape)
    def post(self, caller: Caller, request_id: str) -> SubscriptionRequest:
        """Withdraw a request that the publisher has not decided.

        It can be made again.
        """
        found = get_request(organization=caller.organization, request_id=request_id)
        return requests.cancel_request(request=found, user=caller.user, actor=caller.actor, at=caller.at)


class ReceivedRequestsView(ApiView):
    tag = TAG

    @operation(
        "list_received_subscription_requests", scope="publish:read", asks=ReceivedRequestsQuery, lists=ReceivedRequest
    )
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the requests for your products, newest first."""
        rows = list_received_requests(owner=caller.organization)
        return _page(rows, query, "received-subscription-requests", caller.organization.pk)


class ReceivedRequestView(ApiView):
    tag = TAG

    @operation("get_received_subscription_request", scope="publish:read", gives=ReceivedRequestDetail)
    def get(self, caller: Caller, request_id: str) -> SubscriptionRequest:
        """Read a request for a product of yours."""
        return get_received_request(owner=caller.organization, request_id=request_id)


class ReceivedRequestApproveView(ApiView):
    tag = TAG

    @operation("approve_subscription_request", scope="publish:write", gives=ReceivedRequestDetail)
    def post(self, caller: Caller, request_id: str) -> SubscriptionRequest:
        """Let whoever asked in.

        They subscribe at once, under the terms that they accepted when they asked. This cannot be taken back.
        """
        found = get_received_request(owner=caller.organization, request_id=request_id)
        return requests.approve_request(request=found, user=caller.user, actor=caller.actor, at=caller.at)


class ReceivedRequestDeclineView(ApiView):
    tag = TAG

    @operation("decline_subscription_request", scope="publish:write", takes=Decline, gives=ReceivedRequestDetail)
    def post(self, caller: Caller, request_id: str, body: dict[str, Any]) -> SubscriptionRequest:
        """Decline a request with a reason.

        Whoever asked reads it, and may ask again.
        """
        found = get_received_request(owner=caller.organization, request_id=request_id)
        return requests.decline_request(
            request=found, reason=body["reason"], user=caller.user, actor=caller.actor, at=caller.at
        )
