"""Saved searches, data requests and their answers."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Flag, Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.console.api.serializers.account import Party
from publishers.models import Category
from subscriptions.data_requests import LONGEST_TEXT, LONGEST_TITLE
from subscriptions.saved_searches import LONGEST_NAME, LONGEST_QUERY

CATEGORIES = Category.choices


class SavedSearchShape(serializers.Serializer[Any]):
    """A search of the catalogue that you keep."""

    id = serializers.CharField()
    name = serializers.CharField()
    query = serializers.CharField(help_text="As in the catalogue's address; empty for all products.")
    alerts = serializers.BooleanField(help_text="Whether you are told of new products that match.")
    told_until = serializers.DateTimeField(help_text="Products published before are known to you.")
    created_at = serializers.DateTimeField()


class NewSavedSearch(Strict):
    """What to keep."""

    name = Text(max_length=LONGEST_NAME)
    query = Text(
        max_length=LONGEST_QUERY,
        required=False,
        default="",
        help_text="Such as `q=ferry&category=Mobility`, with the fields of the catalogue's address.",
    )
    alerts = Flag(required=False, default=True)


class SavedSearchChange(Strict):
    """What to change; what is left out stays."""

    name = Text(max_length=LONGEST_NAME, required=False)
    alerts = Flag(required=False)


class DataRequestQuery(PageQuery):
    """Which requests."""

    q = serializers.CharField(required=False, default="", allow_blank=True, max_length=200, help_text="Words.")
    category = serializers.ChoiceField(choices=CATEGORIES, required=False)
    state = serializers.ChoiceField(choices=["open", "closed"], required=False, default="open")


class DataRequestShape(serializers.Serializer[Any]):
    """Data that an organization looks for."""

    id = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(help_text="Plain text.")
    category = serializers.CharField(help_text="Empty when none fits.")
    organization = Party()
    vote_count = serializers.IntegerField(help_text="How many other organizations want the same.")
    answer_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class AnswerShape(serializers.Serializer[Any]):
    """What a publisher says to a data request."""

    id = serializers.CharField()
    organization = Party()
    text = serializers.CharField(help_text="Plain text.")
    product_id = serializers.SerializerMethodField(help_text="Null without one, and while it is not in the catalogue.")
    created_at = serializers.DateTimeField()

    def get_product_id(self, answer: Any) -> str | None:
        """Return the id of the product, as long as everybody may see it."""
        return answer.product.pk if answer.product is not None else None


class DataRequestWithAnswers(DataRequestShape):
    """A data request with its answers, oldest first."""

    answers = AnswerShape(many=True)


class NewDataRequest(Strict):
    """What you look for. Everybody reads it, with your organization's name."""

    title = Text(max_length=LONGEST_TITLE)
    description = Text(max_length=LONGEST_TEXT, help_text="Plain text.")
    category = serializers.ChoiceField(choices=CATEGORIES, required=False, default="", allow_blank=True)


class NewAnswer(Strict):
    """What you say, with a product of yours that has the data."""

    text = Text(max_length=LONGEST_TEXT, help_text="Plain text.")
    product_id = Text(max_length=40, required=False, allow_null=True, default=None)


class BucketQuery(PageQuery):
    """Which level of a bucket."""

    prefix = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=1024,
        trim_whitespace=False,
        help_text="A folder, ending in a slash; empty for the top.",
    )


class BucketEntry(serializers.Serializer[Any]):
    """A file or a folder of a bucket."""

    is_folder = serializers.BooleanField()
    key = serializers.CharField(help_text="Of a folder the prefix of everything in it.")
    size_bytes = serializers.IntegerField(allow_null=True)
    modified_at = serializers.DateTimeField(allow_null=True)
