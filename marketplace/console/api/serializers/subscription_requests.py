"""Subscription requests, as whoever asked and as the publisher sees them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.console.api.fields import Flag, Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.console.api.serializers.account import Party
from subscriptions.models import RequestState
from subscriptions.request_queries import email_domain_of
from subscriptions.requests import REASON_LONGEST, REASON_SHORTEST

STATES = RequestState.choices


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "boolean"}]})
class AnswerValue(serializers.Field[Any, Any, Any, Any]):
    """A text, or a boolean for a tick."""

    def to_representation(self, value: Any) -> Any:
        """Return it as it is kept."""
        return value

    def to_internal_value(self, data: Any) -> Any:
        """Return it unchecked: what fits depends on the question, and the operation says so."""
        return data


class RequestQuestion(serializers.Serializer[Any]):
    """What a publisher asks."""

    key = serializers.CharField(help_text="Under which the answer is given.")
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField(help_text="text, long_text, choice, checkbox, url, email or country (two letters).")
    help = serializers.CharField(default="")
    is_required = serializers.BooleanField(default=False)
    choices = serializers.ListField(child=serializers.CharField(), default=list, help_text="Of a choice.")


class RequestForm(serializers.Serializer[Any]):
    """What is asked, and the terms that are accepted by asking."""

    requires_approval = serializers.BooleanField(help_text="False: accept the offer as a subscription instead.")
    offer_version_id = serializers.CharField()
    terms = serializers.CharField()
    questions = RequestQuestion(many=True)
    usual_hours_to_decide = serializers.IntegerField(
        allow_null=True, help_text="Median of the publisher's decisions; null before there are enough of them."
    )


class RequestAnswer(serializers.Serializer[Any]):
    """An answer with the question as it was asked."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    answer = AnswerValue(help_text="A text, or a boolean for a tick.")


class RequestShape(serializers.Serializer[Any]):
    """What both parties see of a request."""

    id = serializers.CharField()
    product_id = serializers.CharField()
    product_name = serializers.CharField(source="product.name")
    state = serializers.ChoiceField(choices=STATES)
    offer_version_id = serializers.CharField(help_text="The terms that were accepted by asking.")
    answers = RequestAnswer(many=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="Undecided at this instant, the request is over.")
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="Why it was declined.")


class SubscriptionRequestShape(RequestShape):
    """A request that your organization made."""

    publisher = Party(source="product.owner")
    requested_by = serializers.CharField(source="requested_by.email")
    subscription_id = serializers.CharField(source="agreement_id", allow_null=True, help_text="Of an approved one.")


class Requester(Party):
    """Who asks."""

    website = serializers.CharField()
    is_verified = serializers.BooleanField(help_text="Whether the operator of this exchange has verified it.")
    created_at = serializers.DateTimeField(help_text="Since when it has an account.")


class ReceivedRequest(RequestShape):
    """A request for a product of yours."""

    requester = Requester(source="organization")
    rule = serializers.DictField(help_text="The rule of the product that approved it; empty when a person decided.")


class ReceivedRequestDetail(ReceivedRequest):
    """A request for a product of yours, with what speaks for its asker."""

    email_domain = serializers.SerializerMethodField(help_text="Of the person who asked.")
    email_is_verified = serializers.SerializerMethodField()

    def get_email_domain(self, request: Any) -> str:
        """Return the domain of the address that the person signs in with."""
        return email_domain_of(request.requested_by)[0]

    def get_email_is_verified(self, request: Any) -> bool:
        """Return whether they have proved that the address is theirs."""
        return email_domain_of(request.requested_by)[1]


class NewSubscriptionRequest(Strict):
    """Which product, the version of the offer that was read, and the answers."""

    product_id = Text(max_length=40)
    offer_version_id = Text(max_length=40, help_text="From the request form. It is refused when the offer has changed.")
    accept_terms = Flag(help_text="The terms hold from the moment the publisher approves.")
    answers = serializers.DictField(
        child=AnswerValue(), required=False, default=dict, help_text="Key of a question to its answer."
    )


class Decline(Strict):
    """Why a request is declined."""

    reason = Text(
        max_length=REASON_LONGEST,
        help_text=f"{REASON_SHORTEST} to {REASON_LONGEST:,} characters; whoever asked reads it.",
    )


class RequestsQuery(PageQuery):
    """Which requests."""

    state = serializers.ChoiceField(choices=STATES, required=False)


class ReceivedRequestsQuery(RequestsQuery):
    """Which requests."""

    product_id = serializers.RegexField(r"^[A-Za-z0-9-]{1,40}\Z", required=False)
