"""What looks like personal data in a product, and the publisher's answer."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Flag, Strict, Text
from publishers.models import PersonalData
from publishers.queries.findings import REVISION, SAMPLE, WORDS

FINDING_KINDS = list(WORDS.items())
FINDING_PLACES = [(SAMPLE, "Sample"), (REVISION, "Newest revision")]
FOUND_BY = [("values", "Values"), ("name", "Name of the column"), ("file", "A file that was not read")]


class FindingShape(serializers.Serializer[Any]):
    """A column that holds what looks like personal data. No value of it is told, or kept."""

    table = serializers.CharField()
    column = serializers.CharField(help_text="Empty for a whole file that could not be checked.")
    kind = serializers.ChoiceField(choices=FINDING_KINDS)
    words = serializers.CharField(help_text="What the kind is called.")
    by = serializers.ChoiceField(choices=FOUND_BY, help_text="What it was found by.")
    count = serializers.IntegerField(help_text="Values of the kind; by the name, all values that are there.")
    share = serializers.FloatField(help_text="Of the values that are there, 0 to 1.")
    places = serializers.ListField(child=serializers.ChoiceField(choices=FINDING_PLACES))
    is_acknowledged = serializers.BooleanField()
    is_personal = serializers.BooleanField(
        help_text="Whether it is about people; until it is acknowledged, an assumption."
    )


class FindingsShape(serializers.Serializer[Any]):
    """What looks like personal data in a product, and the class that its publisher declares."""

    personal_data = serializers.ChoiceField(choices=PersonalData.choices, allow_blank=True)
    blocks = serializers.BooleanField(help_text="Whether it keeps the product from being found by everybody.")
    findings = FindingShape(many=True)


class FindingAnswer(Strict):
    """A finding that may be published."""

    table = Text(max_length=255)
    column = Text(max_length=500, required=False, default="")
    kind = serializers.ChoiceField(choices=FINDING_KINDS)
    is_personal = Flag(required=False, help_text="False where it is not about people, a company's number.")


class FindingsAnswer(Strict):
    """All findings that may be published, and what the product holds about people."""

    findings = FindingAnswer(many=True, max_length=2000)  # type: ignore[call-arg]  # of the list that `many` makes
    personal_data = serializers.ChoiceField(choices=PersonalData.choices, allow_blank=True)
