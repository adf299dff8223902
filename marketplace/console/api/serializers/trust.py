"""How punctual a product's data is, and how good: as its page shows it."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from publishers.queries.freshness import PeriodState
from publishers.queries.quality import WEIGHTS

PERIOD_STATES = PeriodState.choices


class Seconds(serializers.IntegerField):
    """A span in whole seconds."""

    def to_representation(self, value: Any) -> int:
        """Return the seconds."""
        span: timedelta = value
        return int(span.total_seconds())


class PromiseShape(serializers.Serializer[Any]):
    """How often a new revision is promised: by the contract in force, else by the product's frequency."""

    every = serializers.CharField(help_text="An ISO 8601 duration, such as `P1D`.")
    allowed_s = Seconds(
        source="allowed", help_text="How long after a revision the next is late: latency and grace included."
    )
    latency_s = serializers.IntegerField(allow_null=True, help_text="How long after its time a revision may come.")
    retention_s = serializers.IntegerField(allow_null=True, help_text="How long revisions are kept.")
    is_contract = serializers.BooleanField(help_text="Whether a contract says it.")


class PeriodShape(serializers.Serializer[Any]):
    """A time for which one revision was promised."""

    state = serializers.ChoiceField(choices=PERIOD_STATES)
    due_at = serializers.DateTimeField()
    came_at = serializers.DateTimeField(allow_null=True)
    lateness_s = Seconds(source="lateness", allow_null=True, help_text="Of a late one.")


class DelayShape(serializers.Serializer[Any]):
    """A time when the data set was late and both sides were told."""

    due_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Null while it lasts.")
    promise = serializers.CharField(help_text="What was promised then, an ISO 8601 duration.")


class DataSetFreshnessShape(serializers.Serializer[Any]):
    """How punctual one data set of a product is."""

    data_set_id = serializers.CharField(source="entry_id", help_text="The id under which subscribers see it.")
    name = serializers.CharField()
    promise = PromiseShape(allow_null=True)
    newest_at = serializers.DateTimeField(allow_null=True, help_text="When the newest revision was finalized.")
    due_at = serializers.DateTimeField(allow_null=True, help_text="From when on the next one is late.")
    is_late = serializers.BooleanField()
    share_on_time = serializers.FloatField(source="share", allow_null=True)
    periods = PeriodShape(source="recent", many=True, help_text="The last 26, oldest first.")
    delays = DelayShape(source="newest_delays", many=True, help_text="The last 100, newest first.")


class FreshnessShape(serializers.Serializer[Any]):
    """How punctual a product's data was in the last twelve months, measured against what was promised at each time."""

    is_promised = serializers.BooleanField()
    is_late = serializers.BooleanField()
    periods = serializers.IntegerField(help_text="In which one revision was promised each.")
    periods_on_time = serializers.IntegerField(source="on_time")
    share_on_time = serializers.FloatField(source="share", allow_null=True, help_text="0 to 1.")
    median_lateness_s = Seconds(
        source="median_lateness", allow_null=True, help_text="Of what came late, or is late now."
    )
    worst_lateness_s = Seconds(source="worst_lateness", allow_null=True)
    data_sets = DataSetFreshnessShape(many=True)


class QualityPartShape(serializers.Serializer[Any]):
    """A part of the score, and how it was computed."""

    key = serializers.ChoiceField(choices=list(WEIGHTS))
    share = serializers.FloatField(allow_null=True, help_text="0 to 1; null where it is not known.")
    weight = serializers.FloatField(help_text="Of 100, after the parts that are not known fell away.")
    found = serializers.CharField(help_text="The figure in words.")
    method = serializers.CharField(help_text="How it is computed.")


class QualityShape(serializers.Serializer[Any]):
    """The quality of a product's data, computed here."""

    score = serializers.IntegerField(allow_null=True, help_text="0 to 100; null while fewer than two parts are known.")
    parts = QualityPartShape(many=True)
