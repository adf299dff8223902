"""Registered databases and lake catalogues."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Number, Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.core.models import SourceAuthentication, SourceKind, SslMode


class SourceConnectionQuery(PageQuery):
    """Which sources."""

    kind = serializers.ChoiceField(choices=SourceKind.values, required=False)


class SourceConnectionShape(serializers.Serializer[Any]):
    """A database or a catalogue of your organization; its secret is never shown. Members of the other kind are empty."""

    id = serializers.CharField(help_text="Stands in the ARNs by which imports name the source.")
    kind = serializers.ChoiceField(choices=SourceKind.values)
    name = serializers.CharField()
    host = serializers.CharField()
    port = serializers.IntegerField(help_text="0 for a catalogue.")
    database = serializers.CharField()
    username = serializers.CharField()
    sslmode = serializers.CharField(help_text="`require`, `verify-full` or `disable`, as libpq knows them.")
    uri = serializers.CharField()
    warehouse = serializers.CharField()
    prefix = serializers.CharField()
    authentication = serializers.CharField(help_text="`NONE`, `TOKEN` or `CLIENT_CREDENTIALS`.")
    client_id = serializers.CharField()
    oauth_scope = serializers.CharField()
    token_url = serializers.CharField()
    is_proved = serializers.BooleanField(help_text="Whether the last test went well.")
    proved_at = serializers.DateTimeField(allow_null=True)
    failed_at = serializers.DateTimeField(allow_null=True)
    failure = serializers.CharField(help_text="Why the last test failed; empty when it did not.")
    created_at = serializers.DateTimeField()


class NewSourceConnection(Strict):
    """A database (`POSTGRESQL`) or a catalogue (`ICEBERG_REST`). It is tested before it is registered.

    A database needs `host`, `database`, `username` and `password`; a catalogue needs `uri`.
    """

    kind = serializers.ChoiceField(choices=SourceKind.values)
    name = Text(max_length=120)
    host = Text(max_length=253, required=False)
    port = Number(min_value=1, max_value=65_535, required=False, help_text="5432 when left out.")
    database = Text(max_length=63, required=False)
    username = Text(max_length=128, required=False, help_text="A user that may only read what is to be shared.")
    password = Text(max_length=1024, required=False)
    sslmode = serializers.ChoiceField(
        choices=SslMode.values,
        required=False,
        help_text="`require` when left out. `disable` only where the operator allows it.",
    )
    uri = Text(max_length=500, required=False, help_text="Of the Iceberg REST catalogue, without `/v1`.")
    warehouse = Text(max_length=200, required=False)
    prefix = Text(max_length=100, required=False, help_text="Used unless the catalogue names another.")
    authentication = serializers.ChoiceField(
        choices=SourceAuthentication.values, required=False, help_text="`NONE` when left out."
    )
    secret = Text(max_length=8192, required=False, help_text="The token, or the secret of the client.")
    client_id = Text(max_length=256, required=False)
    oauth_scope = Text(max_length=500, required=False)
    token_url = Text(max_length=500, required=False, help_text="The catalogue's own `/v1/oauth/tokens` when left out.")
