"""A publisher's figures of a period."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Query
from marketplace.console.usage import DEFAULT_DAYS, PERIODS


class UsageQuery(Query):
    """Which period, and of which product."""

    days = serializers.ChoiceField(
        choices=[str(days) for days in PERIODS],
        required=False,
        default=str(DEFAULT_DAYS),
        help_text="Days in UTC, today included; 364 are twelve months in whole weeks.",
    )
    product_id = serializers.CharField(required=False, max_length=40, help_text="A product of yours; all without one.")


class UsageFigures(serializers.Serializer[Any]):
    """Totals. Organizations are counted once; anonymous visitors anew each day. Your own looks are not counted."""

    views = serializers.IntegerField()
    organizations_viewing = serializers.IntegerField(source="viewers")
    anonymous_visitors = serializers.IntegerField(source="visitors")
    organizations_at_sample = serializers.IntegerField(source="samplers")
    anonymous_at_sample = serializers.IntegerField(source="sample_visitors")
    subscriptions = serializers.IntegerField()
    organizations_using = serializers.IntegerField(source="users", help_text="That read or received data.")
    deliveries = serializers.IntegerField(help_text="That arrived complete.")
    bytes_delivered = serializers.IntegerField(source="size_bytes")


class UsageStep(serializers.Serializer[Any]):
    """A day, or a week of twelve months."""

    first_date = serializers.DateField(source="first")
    last_date = serializers.DateField(source="last")
    figures = UsageFigures()


class UsageStage(serializers.Serializer[Any]):
    """A step on the way from a look to weekly use; the last two are of those that subscribed in the period."""

    name = serializers.CharField()
    organizations = serializers.IntegerField()
    of_previous = serializers.IntegerField(
        allow_null=True, help_text="How many of them were in the step before; null in the first."
    )


class ProductUsageShape(serializers.Serializer[Any]):
    """What the period was for a product."""

    product_id = serializers.CharField(source="product.pk")
    name = serializers.CharField(source="product.name")
    figures = UsageFigures()


class SubscriberUsageShape(serializers.Serializer[Any]):
    """What an organization had delivered to its buckets."""

    account_id = serializers.CharField()
    name = serializers.CharField()
    deliveries = serializers.IntegerField()
    bytes_delivered = serializers.IntegerField(source="size_bytes")
    last_delivery_at = serializers.DateTimeField(source="last_at")


class UsageShape(serializers.Serializer[Any]):
    """Who looks at your products, who subscribes, and who uses the data."""

    first_date = serializers.DateField(source="period.first")
    last_date = serializers.DateField(source="period.last")
    figures = UsageFigures(source="now")
    figures_before = UsageFigures(source="before", help_text="Of the equally long period before.")
    steps = UsageStep(many=True)
    funnel = UsageStage(many=True)
    products = ProductUsageShape(many=True, help_text="At most 20, most viewed first.")
    subscribers = SubscriberUsageShape(many=True, help_text="At most 10, by size.")
