"""Forms of contracts: a document as a file or text, and one table of it, column by column."""

from typing import Any

from django import forms
from django.http import QueryDict

from publishers.contracts.model import Column, Document, Table
from publishers.contracts.reading import MOST_BYTES

UNITS = [("h", "hours"), ("d", "days"), ("y", "years")]
_NUMERIC = {"integer", "number"}
_WITH_RANGE = {"integer", "number", "date", "timestamp", "time"}


class WhenForm(forms.Form):
    """From when a version is in force, and what subscribers are told."""

    effective_at = forms.DateTimeField(
        required=False,
        label="In force from (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        help_text="Empty: now. A breaking change needs its notice period where the data set has subscribers.",
    )
    notice = forms.CharField(
        required=False,
        max_length=1000,
        label="Notice to subscribers",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Beside the list of changes, which they get by itself.",
    )


class DocumentForm(WhenForm):
    """A contract as the Open Data Contract Standard has it."""

    file = forms.FileField(required=False, label="File", help_text="YAML or JSON, at most 1 MB.")
    document = forms.CharField(
        required=False,
        max_length=MOST_BYTES,
        strip=False,
        label="Or its text",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )
    field_order = ("file", "document", "effective_at", "notice")

    def content(self) -> bytes:
        """Return the bytes of the file, else of the text."""
        file = self.cleaned_data["file"]
        if file is not None:
            return bytes(file.read(MOST_BYTES + 1))
        return str(self.cleaned_data["document"]).encode("utf-8", "surrogatepass")


class PromiseForm(WhenForm):
    """What a whole table promises, and how often data comes."""

    least_rows = forms.IntegerField(required=False, min_value=0, label="Rows at least")
    frequency = forms.IntegerField(required=False, min_value=1, max_value=100_000, label="New data every")
    unit = forms.ChoiceField(choices=UNITS, required=False, label="Unit")
    field_order = ("least_rows", "frequency", "unit", "effective_at", "notice")


class ColumnForm(forms.Form):
    """What one column promises."""

    required = forms.BooleanField(required=False, label="Required")
    unique = forms.BooleanField(required=False, label="Unique")
    key = forms.BooleanField(required=False, label="Key")
    description = forms.CharField(required=False, max_length=2000, label="Description")
    minimum = forms.CharField(required=False, max_length=40, label="Least")
    maximum = forms.CharField(required=False, max_length=40, label="Greatest")
    pattern = forms.CharField(required=False, max_length=1000, strip=False, label="Pattern")

    def __init__(self, column: Column, number: int, data: QueryDict | None = None) -> None:
        self.column = column
        initial = {
            "required": column.is_required,
            "unique": column.is_unique,
            "key": column.key_position is not None,
            "description": column.description,
            **{name: column.options.get(name, "") for name in ("minimum", "maximum", "pattern")},
        }
        super().__init__(data, prefix=f"c{number}", initial=initial)
        for name, field in self.fields.items():
            field.widget.attrs["aria-label"] = f"{field.label} of {column.name}"
            if name in {"minimum", "maximum"} and column.kind not in _WITH_RANGE:
                field.disabled = True
            if name == "pattern" and column.kind not in {"string", ""}:
                field.disabled = True

    def _bound(self, name: str) -> Any:
        text = str(self.cleaned_data[name]).strip()
        if not text or self.column.kind not in _NUMERIC:
            return text
        try:
            return int(text)
        except ValueError:
            try:
                return float(text)
            except ValueError:
                raise forms.ValidationError("Give a number.") from None

    def clean_minimum(self) -> Any:
        """Return the least value: a number of a column of numbers."""
        return self._bound("minimum")

    def clean_maximum(self) -> Any:
        """Return the greatest value: a number of a column of numbers."""
        return self._bound("maximum")


def column_forms(table: Table, *, start: int, most: int, data: QueryDict | None = None) -> list[ColumnForm]:
    """Return the forms of some columns of a table."""
    shown = list(enumerate(table.columns))[start : start + most]
    return [ColumnForm(column, number, data) for number, column in shown]


def promises_of(document: Document, table: Table) -> dict[str, Any]:
    """Return what a document promises of a table and of time, as the form has it."""
    frequency = next((level for level in document.service_levels if level.property.lower() == "frequency"), None)
    rows = next(
        (
            rule.value
            for rule in table.quality
            if (rule.metric, rule.operator) == ("rowCount", "mustBeGreaterOrEqualTo")
        ),
        None,
    )
    return {
        "least_rows": rows,
        "frequency": frequency.value if frequency else None,
        "unit": frequency.unit if frequency else "d",
    }


def edited(table: Table, columns: list[ColumnForm], promises: dict[str, Any]) -> dict[str, Any]:
    """Return what the forms say, as contracts.writing.with_form takes it."""
    every = promises["frequency"]
    return {
        "tables": {
            table.name: {
                "least_rows": promises["least_rows"],
                "columns": {form.column.name: form.cleaned_data for form in columns},
            }
        },
        "frequency": (every, promises["unit"] or "d") if every else None,
    }
