"""The card of the editor on which a publisher answers for what looks like personal data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from marketplace.core.errors import Invalid
from publishers.models import PersonalData, Product
from publishers.queries.findings import UNREAD, Finding

#: rows of the card; those that are not answered for come first
SHOWN = 100
PLACES: dict[tuple[str, ...], str] = {("SAMPLE",): "Sample", ("REVISION",): "Newest revision"}


class FindingsForm(forms.Form):
    """What a product holds about people, as its publisher declares it beside the findings."""

    personal_data = forms.ChoiceField(
        choices=[("", "Not said"), *PersonalData.choices],
        required=False,
        label="Declared class",
        help_text="Readers see it on the product's page, with the kinds that are acknowledged.",
    )


@dataclass(frozen=True)
class FindingRow:
    """A finding as the card shows it; value: what its boxes send."""

    finding: Finding
    value: str

    @property
    def how(self) -> str:
        """Return how many values there are, or why it is a finding without one."""
        if self.finding.kind == UNREAD:
            return "not read"
        return "by its name" if self.finding.by == "name" else f"{self.finding.count:,}"

    @property
    def where(self) -> str:
        """Return where it was found, in words."""
        return PLACES.get(self.finding.places, "Sample and newest revision")


def rows_of(findings: Sequence[Finding]) -> list[FindingRow]:
    """Return the rows of the card."""
    return [FindingRow(each, json.dumps([each.table, each.column, each.kind])) for each in findings[:SHOWN]]


def answers_of(data: QueryDict, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return what was ticked, as acknowledge_findings takes it, with the answers that the page did not show. Raises Invalid."""
    shown, ticked, nobody = (
        {_key(text): None for text in data.getlist(name)} for name in ("shown", "acknowledged", "not_personal")
    )
    answers = [
        {"table": table, "column": column, "kind": kind, "is_personal": (table, column, kind) not in nobody}
        for table, column, kind in ticked
    ]
    kept = [each for each in findings if each.is_acknowledged and (each.table, each.column, each.kind) not in shown]
    return answers + [
        {"table": each.table, "column": each.column, "kind": each.kind, "is_personal": each.is_personal}
        for each in kept
    ]


def _key(text: str) -> tuple[str, str, str]:
    try:
        table, column, kind = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise Invalid("Open the page again: it does not name a finding.", field="findings") from None
    return str(table), str(column), str(kind)


def card_of(product: Product, findings: Sequence[Finding], new: Sequence[Finding]) -> dict[str, Any]:
    """Return what the card needs. new: findings of a sample that was refused because nobody had answered for them."""
    rows = rows_of([*new, *findings])
    return {
        "finding_rows": rows,
        "findings_total": len(new) + len(findings),
        "findings_open": sum(1 for each in (*new, *findings) if not each.is_acknowledged),
        "findings_form": FindingsForm(initial={"personal_data": product.personal_data}, auto_id="findings_%s"),
    }
