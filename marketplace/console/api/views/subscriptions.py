"""Subscriptions and entitlements of the caller's organization."""

from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.subscriptions import EntitlementShape, NewSubscription, Subscription
from publishers.queries.products import get_listed_product
from subscriptions import operations
from subscriptions.models import Agreement
from subscriptions.queries import active_entitlements, get_agreement, list_agreements


class SubscriptionsView(ApiView):
    tag = "Subscriptions"

    @operation("list_subscriptions", scope="subscriptions:read", lists=Subscription)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List your subscriptions, newest first, ended ones among them."""
        rows = list_agreements(organization=caller.organization)
        return page_of(
            rows, order_by=("-accepted_at", "pk"), query=query, binding=["subscriptions", caller.organization.pk]
        )

    @operation(
        "create_subscription", scope="subscriptions:write", takes=NewSubscription, gives=Subscription, status=201
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> Agreement:
        """Accept the offer version that was read.

        Your organization may read every data set of the product at once.
        """
        if not body["accept_terms"]:
            raise operations.TermsNotAccepted(field="accept_terms")
        product = get_listed_product(product_id=body["product_id"], viewer=caller.organization)
        return operations.accept_offer(
            organization=caller.organization,
            product=product,
            offer_version_id=body["offer_version_id"],
            terms_accepted=True,
            user=caller.user,
            actor=caller.actor,
            at=caller.at,
        )


class SubscriptionView(ApiView):
    tag = "Subscriptions"

    @operation("get_subscription", scope="subscriptions:read", gives=Subscription)
    def get(self, caller: Caller, subscription_id: str) -> Agreement:
        """Read a subscription with the terms that were accepted."""
        return get_agreement(organization=caller.organization, agreement_id=subscription_id)

    @operation("end_subscription", scope="subscriptions:write")
    def delete(self, caller: Caller, subscription_id: str) -> None:
        """End a subscription now: nothing is read or delivered any more; what was delivered stays."""
        agreement = get_agreement(organization=caller.organization, agreement_id=subscription_id)
        operations.end_agreement(agreement=agreement, actor=caller.actor, at=caller.at)


class EntitlementsView(ApiView):
    tag = "Subscriptions"

    @operation("list_entitlements", scope="subscriptions:read", lists=EntitlementShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the data sets that your organization may read now, newest first."""
        rows = active_entitlements(organization=caller.organization, at=caller.at).select_related(
            "published_data_set__data_set__owner", "published_data_set__product"
        )
        return page_of(
            rows, order_by=("-valid_from", "pk"), query=query, binding=["entitlements", caller.organization.pk]
        )
