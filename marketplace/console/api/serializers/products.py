"""Products as their owner sees them, and as the catalogue shows them."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Flag, Number, Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.console.api.serializers.account import Party
from publishers.models import (
    LICENCE_RIGHTS,
    AssetType,
    Category,
    Frequency,
    HistoryRule,
    PersonalData,
    ProductState,
    Region,
    Visibility,
)
from publishers.models.facets import Delivery, PriceKind
from publishers.operations.products import TEXTS
from publishers.operations.questions import CHOICE, HELP, KINDS, LABEL
from publishers.operations.questions import RULES as RULE_KINDS
from publishers.queries.catalogue import SORTS

CATEGORIES = Category.choices
RULES = HistoryRule.choices
QUESTION_KINDS = list(KINDS.items())
APPROVAL_RULES = [(kind, kind) for kind in RULE_KINDS]


class Column(Strict):
    """A row of the data dictionary."""

    column = Text(max_length=500)
    type = Text(max_length=500, required=False, default="")
    meaning = Text(max_length=500, required=False, default="")


class ProductQuestion(Strict):
    """What a subscriber answers before you decide. `key` is given back with each question: send it to keep it."""

    key = Text(required=False, max_length=8)
    label = Text(max_length=LABEL)  # type: ignore[assignment]
    kind = serializers.ChoiceField(choices=QUESTION_KINDS, required=False, default="text")
    help = Text(required=False, default="", max_length=HELP)
    is_required = Flag(required=False, default=True)
    choices = serializers.ListField(
        child=Text(max_length=CHOICE), required=False, default=list, help_text="Of a choice: 2 to 50."
    )


class ApprovalRule(Strict):
    """Whom to let in without deciding: any one rule that fits is enough."""

    kind = serializers.ChoiceField(choices=APPROVAL_RULES)
    value = Text(required=False, default="", max_length=253, help_text="A domain, or an account id of 12 digits.")

    def to_representation(self, instance: Any) -> Any:
        """Return the rule as it is kept: without a value where it needs none."""
        return dict(instance)


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
    visibility = serializers.ChoiceField(choices=Visibility.choices)
    submitted_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when it waits for the operator's approval."
    )
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
    frequency = serializers.ChoiceField(choices=Frequency.choices, allow_blank=True)
    regions = serializers.ListField(child=serializers.ChoiceField(choices=Region.choices))
    personal_data = serializers.ChoiceField(choices=PersonalData.choices, allow_blank=True)
    licence_rights = serializers.DictField(child=serializers.BooleanField())
    requires_approval = serializers.BooleanField()
    questions = ProductQuestion(many=True)
    approval_rules = ApprovalRule(many=True)
    refusal = serializers.CharField(help_text="Why the operator did not approve it; empty otherwise.")
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
    frequency = serializers.ChoiceField(choices=Frequency.choices, required=False, allow_blank=True)
    regions = serializers.ListField(child=serializers.ChoiceField(choices=Region.choices), required=False)
    personal_data = serializers.ChoiceField(choices=PersonalData.choices, required=False, allow_blank=True)
    licence_rights = serializers.DictField(
        child=Flag(), required=False, help_text=f"Whether a use is allowed: {', '.join(LICENCE_RIGHTS)}."
    )
    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    requires_approval = Flag(required=False)
    questions = ProductQuestion(many=True, required=False)
    approval_rules = ApprovalRule(many=True, required=False)


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
    price = serializers.ListField(
        child=serializers.ChoiceField(choices=PriceKind.choices), required=False, help_text="May be repeated."
    )
    delivery = serializers.ListField(
        child=serializers.ChoiceField(choices=Delivery.choices),
        required=False,
        help_text="How the data is had. May be repeated.",
    )
    frequency = serializers.ListField(
        child=serializers.ChoiceField(choices=Frequency.choices), required=False, help_text="May be repeated."
    )
    region = serializers.ListField(
        child=serializers.ChoiceField(choices=Region.choices), required=False, help_text="May be repeated."
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
    deliveries = serializers.ListField(
        child=serializers.ChoiceField(choices=Delivery.choices), source="search.deliveries"
    )
    prices = serializers.ListField(child=serializers.ChoiceField(choices=PriceKind.choices), source="search.prices")
    frequency = serializers.ChoiceField(choices=Frequency.choices, allow_blank=True)
    regions = serializers.ListField(child=serializers.ChoiceField(choices=Region.choices))
    size_bytes = serializers.IntegerField(source="search.size_bytes")
    revision_count = serializers.IntegerField(source="search.revision_count")
    refreshed_at = serializers.DateTimeField(source="search.refreshed_at", allow_null=True)
    published_at = serializers.DateTimeField()


class CatalogueFacets(serializers.Serializer[Any]):
    """Word of a facet -> how many products there are; each facet is counted without its own filter."""

    category = serializers.DictField(child=serializers.IntegerField())
    price = serializers.DictField(child=serializers.IntegerField())
    delivery = serializers.DictField(child=serializers.IntegerField())
    format = serializers.DictField(child=serializers.IntegerField())
    frequency = serializers.DictField(child=serializers.IntegerField())
    region = serializers.DictField(child=serializers.IntegerField())
    publisher = serializers.DictField(
        child=serializers.IntegerField(), help_text="By account id; the 500 with most products."
    )


class CatalogueMatches(serializers.Serializer[Any]):
    """A page of the catalogue, and what the whole of the matches looks like."""

    items = CatalogueItem(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(help_text="How many products match; at least so many when `is_capped`.")
    is_capped = serializers.BooleanField(help_text="There are more matches than were counted.")
    facets = CatalogueFacets()
    suggestion = serializers.CharField(
        allow_blank=True, help_text="Where nothing matches: a name that the words may have meant."
    )


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
    personal_data = serializers.ChoiceField(choices=PersonalData.choices, allow_blank=True)
    licence_rights = serializers.DictField(child=serializers.BooleanField())
    requires_approval = serializers.BooleanField(help_text="Whether the publisher decides who subscribes.")
    offer = Offer(allow_null=True, help_text="Null while the product cannot be subscribed to.")
    data_sets = CatalogueDataSet(many=True)
