"""Products as their owner sees them, and as the catalogue shows them."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Flag, Number, Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.console.api.serializers.account import Party
from publishers.models import AssetType, Category, HistoryRule, ProductState
from publishers.operations.products import TEXTS
from publishers.queries.catalogue import SORTS

CATEGORIES = Category.choices
RULES = HistoryRule.choices


class Column(Strict):
    """A row of the data dictionary."""

    column = Text(max_length=500)
    type = Text(max_length=500, required=False, default="")
    meaning = Text(max_length=500, required=False, default="")


class ProductDataSetShape(serializers.Serializer[Any]):
    """A data set in a product of yours."""

    data_set_id = serializers.CharField()
    entitled_data_set_id = serializers.CharField(source="pk", help_text="The id under which subscribers see it.")
    name = serializers.CharField(source="data_set.name")
    history_rule = serializers.ChoiceField(choices=RULES)
    history_count = serializers.IntegerField(allow_null=True)
    future_rule = serializers.BooleanField()
    added_at = serializers.DateTimeField()


class ProductSummary(serializers.Serializer[Any]):
    """A product of yours in a list."""

    id = serializers.CharField()
    name = serializers.CharField()
    short_description = serializers.CharField()
    category = serializers.ChoiceField(choices=CATEGORIES)
    state = serializers.ChoiceField(choices=ProductState.choices)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField(allow_null=True)


class Missing(serializers.Serializer[Any]):
    """What stands between a draft and the catalogue."""

    field = serializers.CharField()
    detail = serializers.CharField()


class Offer(serializers.Serializer[Any]):
    """The public offer in its newest version. What was accepted never changes."""

    offer_id = serializers.CharField()
    offer_version_id = serializers.CharField(source="pk")
    number = serializers.IntegerField()
    price_minor = serializers.IntegerField(help_text="In the smallest unit of the currency; 0 is free.")
    currency = serializers.CharField()
    terms = serializers.CharField()
    created_at = serializers.DateTimeField()


class ProductShape(ProductSummary):
    """A product of yours."""

    description = serializers.CharField(help_text="Markdown.")
    update_frequency = serializers.CharField()
    coverage = serializers.CharField()
    licence = serializers.CharField()
    source_url = serializers.CharField()
    support_contact = serializers.CharField()
    logo_url = serializers.CharField(allow_null=True, help_text="Works for five minutes.")
    dictionary = Column(many=True)
    offer = Offer(allow_null=True)
    data_sets = ProductDataSetShape(many=True)
    missing = Missing(many=True, help_text="Of a draft: what is needed before it can be published.")


class ProductChange(Strict):
    """What to change of a product; what is left out stays. New terms make a new version of the offer."""

    name = Text(required=False, max_length=TEXTS["name"])
    short_description = Text(required=False, max_length=TEXTS["short_description"])
    description = Text(required=False, max_length=TEXTS["description"], help_text="Markdown.")
    category = serializers.ChoiceField(choices=CATEGORIES, required=False)
    update_frequency = Text(required=False, max_length=TEXTS["update_frequency"])
    coverage = Text(required=False, max_length=TEXTS["coverage"])
    licence = Text(required=False, max_length=TEXTS["licence"])
    source_url = Text(required=False, max_length=TEXTS["source_url"])
    support_contact = Text(required=False, max_length=TEXTS["support_contact"])
    terms = Text(required=False, max_length=100_000, help_text="What a subscriber accepts.")
    dictionary = Column(many=True, required=False)


class NewProduct(ProductChange):
    """A product, made as a draft with one free public offer."""

    name = Text(max_length=TEXTS["name"])
    category = serializers.ChoiceField(choices=CATEGORIES)
    terms = Text(max_length=100_000, help_text="What a subscriber accepts.")


class NewProductDataSet(Strict):
    """Which data set a product lists, and which of its revisions subscribers get."""

    data_set_id = Text(max_length=40)
    history_rule = serializers.ChoiceField(
        choices=RULES, required=False, default=HistoryRule.ALL.value, help_text="Revisions from before a subscription."
    )
    history_count = Number(
        required=False, allow_null=True, default=None, min_value=1, max_value=100, help_text="With the rule LAST."
    )
    future_rule = Flag(required=False, default=True, help_text="Whether new revisions are published to subscribers.")


class CatalogueQuery(PageQuery):
    """What is looked for."""

    q = serializers.CharField(required=False, default="", allow_blank=True, max_length=200, help_text="Words.")
    category = serializers.ListField(
        child=serializers.ChoiceField(choices=CATEGORIES), required=False, help_text="May be repeated."
    )
    format = serializers.ListField(
        child=serializers.CharField(max_length=20), required=False, max_length=20, help_text="May be repeated."
    )
    publisher = serializers.ListField(
        child=serializers.RegexField(r"^[0-9]{12}$"), required=False, max_length=20, help_text="Account ids."
    )
    sort = serializers.ChoiceField(choices=list(SORTS), required=False, default="relevant")


class CatalogueItem(serializers.Serializer[Any]):
    """A product in the catalogue."""

    id = serializers.CharField()
    name = serializers.CharField()
    short_description = serializers.CharField()
    category = serializers.ChoiceField(choices=CATEGORIES)
    publisher = Party(source="owner")
    formats = serializers.ListField(child=serializers.CharField(), source="search.formats")
    size_bytes = serializers.IntegerField(source="search.size_bytes")
    revision_count = serializers.IntegerField(source="search.revision_count")
    refreshed_at = serializers.DateTimeField(source="search.refreshed_at", allow_null=True)
    published_at = serializers.DateTimeField()


class CatalogueDataSet(serializers.Serializer[Any]):
    """A data set of a product in the catalogue."""

    data_set_id = serializers.CharField(source="pk", help_text="The id under which subscribers read it.")
    name = serializers.CharField(source="data_set.name")
    description = serializers.CharField(source="data_set.description")
    asset_type = serializers.ChoiceField(choices=AssetType.choices, source="data_set.asset_type")
    history_rule = serializers.ChoiceField(choices=RULES)
    history_count = serializers.IntegerField(allow_null=True)
    future_rule = serializers.BooleanField()


class CatalogueProduct(CatalogueItem):
    """A product's page."""

    description = serializers.CharField(help_text="Markdown.")
    update_frequency = serializers.CharField()
    coverage = serializers.CharField()
    licence = serializers.CharField()
    source_url = serializers.CharField()
    support_contact = serializers.CharField()
    logo_url = serializers.CharField(allow_null=True, help_text="Works for five minutes.")
    dictionary = Column(many=True)
    offer = Offer(allow_null=True, help_text="Null while the product cannot be subscribed to.")
    data_sets = CatalogueDataSet(many=True)
