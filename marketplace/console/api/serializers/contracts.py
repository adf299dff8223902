"""Contracts of data sets, and checks of revisions against them."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Strict, Text
from publishers.contracts.reading import MOST_BYTES
from publishers.models import CheckState

CHECK_STATES = CheckState.choices
CONTRACT_STATES = [("ANNOUNCED", "Announced"), ("IN_FORCE", "In force"), ("PAST", "Past")]


class ContractShape(serializers.Serializer[Any]):
    """A version of a data set's contract."""

    version = serializers.CharField()
    state = serializers.ChoiceField(choices=CONTRACT_STATES)
    effective_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    notice = serializers.CharField(help_text="What subscribers were told of it.")


class ContractChange(serializers.Serializer[Any]):
    """What a version changed."""

    kind = serializers.ChoiceField(choices=["ADD", "REMOVE", "MODIFY"])
    name = serializers.CharField(help_text="The table, or table.column.")
    text = serializers.CharField()
    is_breaking = serializers.BooleanField()


class UncheckedMember(serializers.Serializer[Any]):
    """Something in the document that no check looks at."""

    path = serializers.CharField(help_text="Where, as JSON path.")
    reason = serializers.CharField()


class ContractDetail(ContractShape):
    """A version with its document."""

    document = serializers.DictField(help_text="Open Data Contract Standard 3.1.0.")
    changes = ContractChange(many=True, help_text="Against the version before.")
    not_checked = UncheckedMember(many=True)


class _When(Strict):
    effective_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="Left out: now. A new major version needs the notice period where the data set has subscribers.",
    )
    notice = Text(required=False, max_length=1000, help_text="What subscribers are told beside the changes.")


class NewContract(_When):
    """A contract as a JSON object, or as text in YAML or JSON; its `version` follows that of the newest one."""

    document = serializers.DictField(required=False, help_text="Open Data Contract Standard 3.1.0.")
    text = Text(required=False, max_length=MOST_BYTES, help_text="The same as YAML or JSON text.")


class MeasuredContract(_When):
    """From when the contract that is made of the newest profile is in force."""


class FailingRow(serializers.Serializer[Any]):
    """A row that breaks a rule, or that cannot be read."""

    file = serializers.CharField()
    line = serializers.IntegerField(allow_null=True, help_text="Which row of the file, from 1; its header is no row.")
    row = serializers.DictField(help_text="Values of the key and of the column, each cut at 200 characters.")


class RuleResult(serializers.Serializer[Any]):
    """What was found for one rule."""

    rule = serializers.CharField()
    table = serializers.CharField()
    column = serializers.CharField()
    passed = serializers.BooleanField()
    blocks = serializers.BooleanField(help_text="False for a rule whose severity is a warning.")
    failing = serializers.IntegerField(help_text="Rows that break it.")
    text = serializers.CharField()
    examples = FailingRow(many=True, help_text="The first of them, at most 20.")


class CheckShape(serializers.Serializer[Any]):
    """A revision held against a version of its contract."""

    id = serializers.CharField()
    revision_id = serializers.CharField()
    contract_version = serializers.CharField(source="contract.version")
    state = serializers.ChoiceField(choices=CHECK_STATES)
    digest = serializers.CharField(help_text="Of the manifest of the files that were checked.")
    finalizes = serializers.BooleanField(help_text="The revision is finalized by itself once it passes.")
    error = serializers.CharField()
    override_reason = serializers.CharField()
    overridden_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    results = RuleResult(many=True)


class CheckOverride(Strict):
    """Why a revision is good although its check failed; subscribers read it."""

    reason = Text(max_length=1000)
