"""Products by the standards, citable revisions, and products that begin with a file."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Query
from marketplace.console.api.paging import PageQuery
from marketplace.console.api.serializers.products import CATEGORIES, ProductShape


class MetadataShape(serializers.Serializer[Any]):
    """A document that describes a product by a standard."""

    name = serializers.CharField(help_text="In the addresses of the document.")
    title = serializers.CharField()
    version = serializers.CharField(help_text="Of the standard; empty where it has none.")
    content_type = serializers.CharField()
    url = serializers.CharField(help_text="Where everybody who sees the product's page gets it.")


class MetadataDocument(MetadataShape):
    """A product by a standard."""

    document = serializers.DictField(help_text="As the standard has it.")


class CitationShape(serializers.Serializer[Any]):
    """How a revision is cited."""

    text = serializers.CharField()
    bibtex = serializers.CharField()
    cff = serializers.CharField(help_text="CITATION.cff.")


class CitableFile(serializers.Serializer[Any]):
    """A file of a published revision."""

    id = serializers.CharField()
    name = serializers.CharField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()


class CitableRevision(serializers.Serializer[Any]):
    """A published revision at its lasting address. A revoked one has no files."""

    id = serializers.CharField()
    data_set_id = serializers.CharField(help_text="The id under which subscribers read it.")
    url = serializers.CharField()
    comment = serializers.CharField()
    finalized_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    revocation_comment = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 over the manifest; empty without files.")
    size_bytes = serializers.IntegerField()
    file_count = serializers.IntegerField()
    files = CitableFile(many=True, help_text="By name.")
    next_cursor = serializers.CharField(allow_null=True, help_text="Of the files.")
    citation = CitationShape()


class FilesQuery(PageQuery):
    """How many of the files."""


class ImportQuery(Query):
    """What the file does not say."""

    category = serializers.ChoiceField(
        choices=CATEGORIES, required=False, help_text="Where no keyword of the file fits one."
    )
    name = serializers.CharField(required=False, max_length=72, help_text="Instead of the file's title.")


class ImportedProduct(serializers.Serializer[Any]):
    """A draft that began with a file."""

    id = serializers.CharField(source="page.pk")
    standard = serializers.CharField(help_text="By which the file says it.")
    left_out = serializers.ListField(child=serializers.CharField(), help_text="What was not taken over, in sentences.")
    product = ProductShape(source="page")
