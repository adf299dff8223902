"""Profiles of revisions."""

from typing import Any

from rest_framework import serializers

from publishers.models import ProfileState

PROFILE_STATES = ProfileState.choices


class ProfileNote(serializers.Serializer[Any]):
    """A file, or a part of it, that is in no table."""

    file = serializers.CharField()
    reason = serializers.CharField()


class RejectedRow(serializers.Serializer[Any]):
    """A row that could not be taken."""

    file = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()


class MeasuredFile(serializers.Serializer[Any]):
    """A file that a table was made of; `name` goes on below the asset's where that is an archive or a workbook."""

    asset_id = serializers.CharField()
    name = serializers.CharField()
    rows = serializers.IntegerField()


class MeasuredTable(serializers.Serializer[Any]):
    """One table of a revision, measured over all its rows."""

    name = serializers.CharField()
    row_count = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected = RejectedRow(many=True, help_text="The first 100.")
    columns = serializers.ListField(
        child=serializers.DictField(),
        help_text="Of each: name, type, nulls, distinct, least, greatest, mean, deviation (of a sample), quantiles, "
        "histogram {edges, counts}, top [{value, count}], longest. What does not apply is left out.",
    )
    keys = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Columns of which no two rows have the same values and none is empty.",
    )
    coverage = serializers.DictField(help_text="The main time column with its first and last value: column, from, to.")
    files = MeasuredFile(many=True)
    is_partial = serializers.BooleanField()


class ProfileShape(serializers.Serializer[Any]):
    """What was measured of a revision."""

    revision_id = serializers.CharField()
    state = serializers.ChoiceField(choices=PROFILE_STATES)
    digest = serializers.CharField(help_text="Of the manifest of the files that were measured.")
    is_partial = serializers.BooleanField(
        help_text="Some file could not be read whole, or a limit ended the measuring."
    )
    notes = ProfileNote(many=True)
    error = serializers.CharField()
    files_total = serializers.IntegerField()
    files_done = serializers.IntegerField()
    bytes_total = serializers.IntegerField()
    bytes_done = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    tables = MeasuredTable(many=True)
