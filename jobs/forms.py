"""Forms for auto-exports and one-off exports. They carry ids; the queries say whether the ids may be used."""

from collections.abc import Iterable
from typing import Any

from django import forms

from jobs import key_patterns
from marketplace.core.forms import CodeInput
from marketplace.core.models import StorageConnection
from publishers.models import PublishedDataSet, PublishedRevision

Choices = list[tuple[str, str]]


class ChosenId(forms.CharField):
    """One id out of a list. A strange id passes here and meets NotFound at the query, like a missing one."""

    widget = forms.Select

    def offer(self, choices: Choices, *, hint: str = "") -> None:
        """Set what the list shows; hint: the empty first line, left out when there is nothing to choose."""
        self.widget.choices = ([("", hint)] if hint and len(choices) > 1 else []) + choices  # type: ignore[attr-defined]


class DeliveryForm(forms.Form):
    """What both kinds of export need: a bucket and a key pattern."""

    connection = ChosenId(label="Bucket", max_length=32, error_messages={"required": "Choose a bucket."})
    key_pattern = forms.CharField(
        label="Key pattern",
        max_length=1024,
        widget=CodeInput,
        help_text="The key of each file in your bucket. Text stays as it is; variables are filled per file.",
        error_messages={"required": "Give a key pattern."},
    )

    def offer_connections(self, connections: Iterable[StorageConnection]) -> None:
        """Fill the list of buckets."""
        field = self.fields["connection"]
        assert isinstance(field, ChosenId)  # noqa: S101 - tells the type checker what the class says above
        field.offer([(c.pk, f"{c.name} · {c.bucket}") for c in connections], hint="Choose a bucket")


class AutoExportForm(DeliveryForm):
    """Deliver each future revision of an entitled data set."""

    data_set = ChosenId(label="Data set", max_length=32, error_messages={"required": "Choose a data set."})
    field_order = ("data_set", "connection", "key_pattern")

    def __init__(
        self,
        *args: Any,
        data_sets: Iterable[PublishedDataSet],
        connections: Iterable[StorageConnection],
        **keywords: Any,
    ) -> None:
        super().__init__(*args, **keywords)
        self.offer_connections(connections)
        field = self.fields["data_set"]
        assert isinstance(field, ChosenId)  # noqa: S101 - as above
        field.offer([(d.pk, f"{d.data_set.name} · {d.origin}") for d in data_sets], hint="Choose a data set")


class ExportForm(DeliveryForm):
    """Deliver one readable revision once."""

    revision = ChosenId(label="Revision", max_length=32, error_messages={"required": "Choose a revision."})
    field_order = ("revision", "connection", "key_pattern")

    def __init__(
        self,
        *args: Any,
        revisions: Iterable[PublishedRevision],
        connections: Iterable[StorageConnection],
        **keywords: Any,
    ) -> None:
        super().__init__(*args, **keywords)
        self.offer_connections(connections)
        field = self.fields["revision"]
        assert isinstance(field, ChosenId)  # noqa: S101 - as above
        field.offer([(p.revision_id, _revision_label(p)) for p in revisions], hint="Choose a revision")


def _revision_label(publication: PublishedRevision) -> str:
    revision = publication.revision
    at = revision.finalized_at or publication.published_at
    comment = f" · {revision.comment[:80]}" if revision.comment else ""
    return f"{at:%d %b %Y %H:%M} UTC{comment} · {revision.pk[:8]}"


VARIABLE_MEANINGS = {
    "Asset.Name": "Name of the file, folders included",
    "Asset.Id": "Id of the file",
    "Revision.Id": "Id of the revision",
    "Revision.CreatedAt": "When the revision was created, such as 2026-11-23T13:05:00.000Z",
    "Revision.CreatedAt.Year": "Its year, 2026",
    "Revision.CreatedAt.Month": "Its month, 11",
    "Revision.CreatedAt.Day": "Its day, 23",
}


def pattern_variables() -> list[tuple[str, str]]:
    """Return (variable as it is typed, meaning) for every variable of key patterns."""
    order = sorted(key_patterns.VARIABLES, key=list(VARIABLE_MEANINGS).index)
    return [(f"${{{name}}}", VARIABLE_MEANINGS[name]) for name in order]


class UrlImportForm(forms.Form):
    """One public URL; the file becomes an asset."""

    url = forms.CharField(
        label="URL",
        max_length=2000,
        widget=CodeInput(attrs={"inputmode": "url", "placeholder": "https://example.org/data/prices.csv"}),
        help_text="A public https address. Redirects are followed when they stay public.",
        error_messages={"required": "Give the address of the file."},
    )
    name = forms.CharField(
        label="File name",
        max_length=1024,
        required=False,
        widget=CodeInput,
        help_text="Subscribers get the file under this name. Left empty, it is taken from the URL.",
    )
