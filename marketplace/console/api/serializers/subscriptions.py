"""Agreements and entitlements."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Flag, Strict, Text
from marketplace.console.api.serializers.account import Party
from publishers.models import AssetType

ASSET_TYPES = AssetType.choices


class Subscription(serializers.Serializer[Any]):
    """An accepted offer."""

    id = serializers.CharField()
    product_id = serializers.CharField()
    product_name = serializers.CharField(source="product.name")
    publisher = Party(source="product.owner")
    offer_version_id = serializers.CharField()
    terms = serializers.CharField(source="offer_version.terms", help_text="The text that was accepted.")
    accepted_by = serializers.CharField(source="accepted_by.email")
    accepted_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class NewSubscription(Strict):
    """The version of the offer that was read, and that its terms are accepted."""

    product_id = Text(max_length=40)
    offer_version_id = Text(max_length=40, help_text="From the catalogue. It is refused when the offer has changed.")
    accept_terms = Flag()


class EntitlementShape(serializers.Serializer[Any]):
    """A data set that your organization may read."""

    data_set_id = serializers.CharField(source="published_data_set_id")
    name = serializers.CharField(source="published_data_set.data_set.name")
    asset_type = serializers.ChoiceField(choices=ASSET_TYPES, source="published_data_set.data_set.asset_type")
    product_id = serializers.CharField(
        source="published_data_set.product_id", allow_null=True, help_text="Null when a data grant gives access."
    )
    product_name = serializers.CharField(source="published_data_set.product.name", allow_null=True)
    publisher = Party(source="published_data_set.data_set.owner")
    subscription_id = serializers.CharField(
        source="agreement_id", allow_null=True, help_text="Null when a data grant gives access."
    )
    data_grant_id = serializers.CharField(allow_null=True, help_text="Null when a subscription gives access.")
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
