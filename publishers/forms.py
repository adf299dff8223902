"""Forms of the publisher's pages."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.html import format_html

from marketplace.core.forms import CodeInput
from publishers.models import AssetType, Category, DataSet, HistoryRule, Product
from publishers.operations.products import LOGO_BYTES

DICTIONARY_COLUMNS = ("column", "type", "meaning")


class DataSetForm(forms.Form):
    """What a data set is called and what is in it."""

    name = forms.CharField(max_length=256, label="Name", help_text="Shown in the catalogue, such as “Hourly prices”.")
    description = forms.CharField(
        max_length=16_384,
        label="Description",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What is in it, and how often it changes. Subscribers read it.",
    )


#: asset type -> what subscribers of such a data set get, in a sentence
ASSET_TYPE_WORDS: dict[str, str] = {
    AssetType.S3_SNAPSHOT: "Files that you upload or import; subscribers download them or have them delivered.",
    AssetType.API_GATEWAY_API: "An HTTPS API that you run; subscribers call it through the exchange.",
    AssetType.REDSHIFT_DATA_SHARE: "Tables of a database that you run, described to subscribers and never copied.",
    AssetType.S3_DATA_ACCESS: "A bucket of yours, or parts of it, shown to subscribers and never copied.",
    AssetType.LAKE_FORMATION_DATA_PERMISSION: "Tables of a data lake, chosen by tags, described to subscribers and never copied.",
}


class AssetTypeField(forms.ChoiceField):
    """One asset type with its sentence; files when none is sent."""

    widget = forms.RadioSelect

    def to_python(self, value: Any) -> str:
        """Return the type that was sent, or files."""
        return super().to_python(value) or AssetType.S3_SNAPSHOT.value


class NewDataSetForm(DataSetForm):
    """A data set to be; what it holds is fixed from the beginning."""

    asset_type = AssetTypeField(
        choices=[
            (
                kind.value,
                format_html(
                    '<span><b class="medium">{}</b><br><span class="soft">{}</span></span>',
                    kind.label,
                    ASSET_TYPE_WORDS[kind],
                ),
            )
            for kind in AssetType
        ],
        initial=AssetType.S3_SNAPSHOT.value,
        label="What it holds",
        help_text="This cannot be changed later.",
    )


class RevisionForm(forms.Form):
    """The comment of a draft."""

    comment = forms.CharField(
        max_length=16_384,
        required=False,
        label="Comment",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What is new in this revision. It cannot be changed once the revision is finalized.",
    )


class RevokeForm(forms.Form):
    """Why a revision is taken away; subscribers read it."""

    comment = forms.CharField(
        min_length=10,
        max_length=512,
        label="Reason",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="10 to 512 characters. Subscribers see it.",
    )


class LogoForm(forms.Form):
    """A picture for the product's page."""

    logo = forms.FileField(
        label="Logo",
        help_text=f"PNG, JPEG or WebP, at most {LOGO_BYTES // 1024 // 1024} MB. It is scaled to 256 pixels.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )


class DictionaryField(forms.CharField):
    """Columns as lines of `column | type | meaning`; cleans to [{"column", "type", "meaning"}]."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        """Raise ValidationError naming the line that cannot be read."""
        rows, seen = [], set()
        for number, line in enumerate(str(value or "").splitlines(), start=1):
            if not line.strip():
                continue
            parts = [part.strip() for part in line.split("|", 2)]
            if not parts[0]:
                raise forms.ValidationError(f"Line {number} names no column. Write: column | type | meaning")
            if parts[0] in seen:
                raise forms.ValidationError(f"Line {number} names the column {parts[0]!r} again.")
            seen.add(parts[0])
            rows.append(dict(zip(DICTIONARY_COLUMNS, [*parts, "", ""], strict=False)))
        return rows

    def prepare_value(self, value: Any) -> Any:
        """Return the rows as the lines that stand in the form."""
        if isinstance(value, list):
            return "\n".join(" | ".join(row.get(name, "") for name in DICTIONARY_COLUMNS) for row in value)
        return value


class ProductForm(forms.Form):
    """The page of a product and the terms of its free offer. What publishing needs is checked there, not here."""

    name = forms.CharField(max_length=72, label="Name")
    short_description = forms.CharField(
        max_length=500,
        required=False,
        label="Short description",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One or two sentences: what people see in the catalogue.",
    )
    category = forms.ChoiceField(choices=Category.choices, label="Category")
    description = forms.CharField(
        max_length=30_000,
        required=False,
        label="Description",
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Markdown. What the data is, where it comes from, what teams use it for.",
    )
    update_frequency = forms.CharField(
        max_length=60, required=False, label="Update frequency", help_text="Such as “Daily at 06:00 UTC”."
    )
    coverage = forms.CharField(
        max_length=120, required=False, label="Coverage", help_text="Such as “Germany, 2015 until today”."
    )
    licence = forms.CharField(max_length=120, required=False, label="Licence", help_text="Such as “CC BY 4.0”.")
    source_url = forms.CharField(
        max_length=200, required=False, label="Source", widget=CodeInput(attrs={"inputmode": "url"})
    )
    support_contact = forms.CharField(
        max_length=254, required=False, label="Support contact", help_text="An e-mail address or a page."
    )
    dictionary = DictionaryField(
        required=False,
        label="Data dictionary",
        help_text="One line per column: column | type | meaning",
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false"}),
    )
    terms = forms.CharField(
        max_length=100_000,
        label="Terms",
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Subscribers accept this text. New terms make a new version; who subscribed keeps theirs.",
    )

    @classmethod
    def initial_of(cls, product: Product, terms: str) -> dict[str, Any]:
        """Return what the form shows of a product."""
        return {name: getattr(product, name) for name in cls.base_fields if name != "terms"} | {"terms": terms}


class ProductDataSetForm(forms.Form):
    """A data set for a product, and which of its revisions subscribers get."""

    data_set = forms.CharField(max_length=32, label="Data set", widget=forms.Select)
    history_rule = forms.ChoiceField(choices=HistoryRule.choices, label="Past revisions", initial=HistoryRule.ALL)
    history_count = forms.IntegerField(
        min_value=1, max_value=100, required=False, label="How many", help_text="Only with “The last revisions”."
    )
    future_rule = forms.BooleanField(required=False, initial=True, label="Subscribers get future revisions")

    def __init__(self, *args: Any, data_sets: Iterable[DataSet], **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        # A strange id passes here and meets NotFound at the query, like a missing one.
        self.fields["data_set"].widget.choices = [(d.pk, d.name) for d in data_sets]  # type: ignore[attr-defined]
