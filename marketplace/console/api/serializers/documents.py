"""Files on a product's page, and who may see a private product."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Number, Query, Strict, Text
from marketplace.console.api.serializers.account import Party
from publishers.models import DocumentKind

DOCUMENT_KINDS = DocumentKind.choices


class DocumentShape(serializers.Serializer[Any]):
    """A file on a product's page."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=DOCUMENT_KINDS)
    name = serializers.CharField()
    content_type = serializers.CharField(help_text="What the content looks like.")
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    caption = serializers.CharField(help_text="Of an image.")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    position = serializers.IntegerField(help_text="Among the files of its kind.")
    created_at = serializers.DateTimeField()


class SampleColumn(serializers.Serializer[Any]):
    """What a column of a sample holds."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="string, integer, number, boolean, timestamp or date.")
    nulls = serializers.IntegerField()
    distinct = serializers.IntegerField()
    least = serializers.CharField(allow_blank=True)
    greatest = serializers.CharField(allow_blank=True)
    histogram = serializers.ListField(child=serializers.IntegerField(), help_text="Up to 12 counts.")


class SampleTable(serializers.Serializer[Any]):
    """A sample that is a table: its first rows, and what each column holds."""

    columns = SampleColumn(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True)), help_text="At most 500."
    )
    row_count = serializers.IntegerField()
    is_whole = serializers.BooleanField(help_text="Whether `rows` holds all rows.")


class DocumentDetail(DocumentShape):
    """A file on a product's page, with what is in it."""

    download_url = serializers.CharField(help_text="Works for five minutes.")
    table = SampleTable(allow_null=True, help_text="Null for what is not a CSV, TSV, JSON or NDJSON sample.")


class FileQuery(Query):
    """What a file is for."""

    kind = serializers.ChoiceField(choices=DOCUMENT_KINDS, help_text="An image needs a caption.")
    caption = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=200, help_text="Of an image, for who does not see it."
    )


class DocumentChange(Strict):
    """What to change of a file; what is left out stays."""

    caption = Text(required=False, max_length=200)
    position = Number(required=False, min_value=1, max_value=100, help_text="Its new place, from 1.")


class ViewerShape(serializers.Serializer[Any]):
    """An organization that may see a private product."""

    id = serializers.CharField(source="organization.account_id", help_text="The account id.")
    organization = Party()
    added_at = serializers.DateTimeField()


class NewViewer(Strict):
    """Who may see a private product."""

    account_id = Text(max_length=12, help_text="12 digits.")
