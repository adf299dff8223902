"""Revisions of the caller's own data sets."""

from typing import Any

from rest_framework import serializers

STATES = [("DRAFT", "Draft"), ("FINALIZED", "Finalized"), ("REVOKED", "Revoked")]


class RevisionShape(serializers.Serializer[Any]):
    """A revision of a data set of yours."""

    id = serializers.CharField()
    data_set_id = serializers.CharField()
    comment = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    finalized_at = serializers.DateTimeField(allow_null=True)
