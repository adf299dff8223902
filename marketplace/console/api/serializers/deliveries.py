"""Storage connections, auto-exports, deliveries, receipts and imports."""

from typing import Any
from urllib.parse import urlsplit

from rest_framework import serializers

from jobs.models import JobState
from marketplace.console.api.fields import Flag, Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.console.api.serializers.account import Party

STATES = JobState.choices


class StorageConnectionShape(serializers.Serializer[Any]):
    """A bucket of your organization; its secret is never shown."""

    id = serializers.CharField()
    name = serializers.CharField()
    endpoint_url = serializers.CharField()
    region = serializers.CharField()
    bucket = serializers.CharField()
    access_key_id = serializers.CharField()
    is_proved = serializers.BooleanField(help_text="Whether the last test write went well.")
    proved_at = serializers.DateTimeField(allow_null=True)
    failed_at = serializers.DateTimeField(allow_null=True)
    failure = serializers.CharField(help_text="Why the last test write failed; empty when it did not.")
    created_at = serializers.DateTimeField()


class NewStorageConnection(Strict):
    """A bucket, and a key that may write to it. It is tested by writing and deleting one small object."""

    name = Text(max_length=120)
    endpoint_url = Text(max_length=500)
    region = Text(max_length=40, required=False, default="us-east-1")
    bucket = Text(max_length=63)
    access_key_id = Text(max_length=128)
    secret_access_key = Text(max_length=256)


class AutoExport(serializers.Serializer[Any]):
    """Each revision published to the data set from now on goes to the bucket."""

    id = serializers.CharField()
    data_set_id = serializers.CharField(source="published_data_set_id")
    data_set_name = serializers.CharField(source="published_data_set.data_set.name")
    product_id = serializers.CharField(source="published_data_set.product_id", allow_null=True)
    data_grant_id = serializers.CharField(
        source="published_data_set.data_grant.pk", allow_null=True, help_text="In place of a product."
    )
    storage_connection_id = serializers.CharField(source="connection_id")
    bucket = serializers.CharField(source="connection.bucket")
    key_pattern = serializers.CharField()
    is_enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class NewAutoExport(Strict):
    """What is delivered, and where to."""

    data_set_id = Text(max_length=40, help_text="An entitled data set.")
    storage_connection_id = Text(max_length=40)
    key_pattern = Text(
        max_length=1024,
        required=False,
        default="",
        help_text="With variables such as `${Asset.Name}`; `${Revision.CreatedAt}/${Asset.Name}` when left out.",
    )


class AutoExportChange(Strict):
    """Pause or resume."""

    is_enabled = Flag()


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    state = serializers.ChoiceField(choices=STATES, required=False)
    data_set_id = serializers.CharField(required=False, max_length=40)


class DeliveryProgress(serializers.Serializer[Any]):
    """An export as both sides see it."""

    id = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    cause = serializers.CharField(help_text="Why it failed, in a sentence; empty when it did not.")
    data_set_id = serializers.SerializerMethodField(help_text="The id under which the subscriber reads it.")
    data_set_name = serializers.CharField(help_text="A word in its place when the data set was deleted since.")
    revision_id = serializers.CharField()
    objects_done = serializers.IntegerField()
    objects_total = serializers.IntegerField()
    bytes_done = serializers.IntegerField()
    bytes_total = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_data_set_id(self, job: Any) -> str:
        """Return the id under which the subscriber knows the data set; the owner's for an export of one's own."""
        return str(job.published_data_set_id or job.data_set_id)


class Delivery(DeliveryProgress):
    """An export to a bucket of yours."""

    auto_export_id = serializers.CharField(source="event_action_id", allow_null=True)
    storage_connection_id = serializers.CharField(source="connection_id", allow_null=True)
    bucket = serializers.CharField(source="connection.bucket", allow_null=True)
    key_pattern = serializers.CharField(
        source="request.key_pattern", allow_null=True, help_text="Null when each file was given a key of its own."
    )
    run = serializers.IntegerField(help_text="1 for the first attempt, more after a retry.")


class PublishedDelivery(DeliveryProgress):
    """An export of your data to a subscriber; where their bucket is remains theirs to know."""

    product_id = serializers.CharField(source="published_data_set.product_id", allow_null=True)
    data_grant_id = serializers.CharField(
        source="published_data_set.data_grant.pk", allow_null=True, help_text="In place of a product."
    )
    subscriber = Party(source="organization")


class ReceiptLine(serializers.Serializer[Any]):
    """One delivered object."""

    key = serializers.CharField(help_text="Where it stands in the bucket.")
    name = serializers.CharField(help_text="The asset's name.")
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    etag = serializers.CharField()
    attempts = serializers.IntegerField()
    method = serializers.CharField(help_text="`copy`, `stream`, or `found` there from an earlier run.")
    verified_by = serializers.CharField(help_text="`etag`, `checksum` or `read-back`.")
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class NewExport(Strict):
    """Which revision, and where to."""

    data_set_id = Text(max_length=40, help_text="An entitled data set, or one of your own.")
    revision_id = Text(max_length=40)
    storage_connection_id = Text(max_length=40)
    key_pattern = Text(max_length=1024, required=False, default="", help_text="`${Asset.Name}` when left out.")


class Import(serializers.Serializer[Any]):
    """An import into a draft revision."""

    id = serializers.CharField()
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    cause = serializers.CharField(help_text="Why it failed, in a sentence; empty when it did not.")
    data_set_id = serializers.CharField()
    data_set_name = serializers.CharField(help_text="A word in its place when the data set was deleted since.")
    revision_id = serializers.CharField()
    source_url = serializers.SerializerMethodField(help_text="The URL without its query, which may hold a signature.")
    objects_done = serializers.IntegerField()
    objects_total = serializers.IntegerField()
    bytes_done = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_source_url(self, job: Any) -> str:
        """Return where the file came from; empty for imports that are not from a URL."""
        url: str = urlsplit(job.request.get("url", ""))._replace(query="", fragment="").geturl()
        return url


class ImportQuery(PageQuery):
    """Which imports."""

    state = serializers.ChoiceField(choices=STATES, required=False)


class NewImport(Strict):
    """What becomes assets of a draft revision: a file at a public https URL, or what lies in a bucket of yours."""

    data_set_id = Text(max_length=40)
    revision_id = Text(max_length=40)
    url = Text(max_length=2000, required=False, default="")
    asset_name = Text(
        max_length=1024,
        required=False,
        default="",
        help_text="With `url`: the last part of the URL when left out.",
    )
    storage_connection_id = Text(max_length=40, required=False, default="", help_text="The bucket, instead of `url`.")
    prefix = Text(
        max_length=1024,
        required=False,
        default="",
        help_text="Of the bucket: everything below it, the whole bucket when left out, up to what a revision may hold.",
    )
    manifest_key = Text(
        max_length=1024,
        required=False,
        default="",
        help_text='Of the bucket: an object that names the objects, `{"entries": [{"url": "s3://bucket/key"}]}` or one key '
        "or s3:// URL per line.",
    )


class Retried(serializers.Serializer[Any]):
    """What was started again."""

    retried = serializers.IntegerField()
    left = serializers.IntegerField(help_text="How many more have failed; call again for them.")
