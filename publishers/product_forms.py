"""Forms of the product editor: the page of a product as it is typed, and the small forms beside it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from marketplace.core.errors import Invalid
from marketplace.core.forms import CodeInput
from publishers.models import (
    LICENCE_RIGHTS,
    Category,
    DataSet,
    Frequency,
    HistoryRule,
    PersonalData,
    Product,
    Region,
    Visibility,
)
from publishers.operations.products import LOGO_BYTES
from publishers.operations.questions import KINDS, MOST_QUESTIONS, check_questions, check_rules

DICTIONARY_COLUMNS = ("column", "type", "meaning")
#: the form that every control of the editor belongs to, wherever it stands on the page
FORM_ID = "product-form"
_QUESTION_PARTS = ("key", "label", "kind", "help", "choices", "is_required")
_QUESTION = re.compile(rf"question-(\d{{1,2}})-({'|'.join(_QUESTION_PARTS)})")
#: what a subscriber may do, as the form asks: not said, allowed, not allowed
_RIGHTS = [("", "Not said"), ("yes", "Allowed"), ("no", "Not allowed")]
VISIBILITY_WORDS: dict[str, str] = {
    Visibility.PUBLIC: "Public: everybody finds it in the catalogue.",
    Visibility.UNLISTED: "Unlisted: only who has its address finds it.",
    Visibility.PRIVATE: "Private: only your organization and those you name see it.",
}


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


class QuestionsInput(forms.Widget):
    """Questions as numbered controls, `question-0-label` and so on; drawn by the page itself."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[dict[str, Any]]:
        """Return the questions in the order of their numbers, as they were typed."""
        numbers = sorted({int(match[1]) for key in data if (match := _QUESTION.fullmatch(key))})
        return [self._one(data, number) for number in numbers[: MOST_QUESTIONS + 1]]

    @staticmethod
    def _one(data: Mapping[str, Any], number: int) -> dict[str, Any]:
        part = {each: data.get(f"question-{number}-{each}", "") for each in _QUESTION_PARTS}
        choices = [line.strip() for line in part["choices"].splitlines() if line.strip()]
        return part | {"choices": choices, "is_required": bool(part["is_required"])}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Return False: no question at all is an answer too."""
        return False

    def id_for_label(self, id_: str | None) -> str:
        """Return the place on the page where questions are written."""
        return "questions"


class QuestionsField(forms.Field):
    """What subscribers are asked; cleans to the shape of operations.questions. Questions without a word are left out."""

    widget = QuestionsInput

    def clean(self, value: Any) -> list[dict[str, Any]]:
        """Raise ValidationError naming the question."""
        written = [row for row in value or [] if row["label"].strip() or row["help"].strip() or row["choices"]]
        try:
            return check_questions(written)
        except Invalid as error:
            raise forms.ValidationError(error.message) from None


class ProductForm(forms.Form):
    """The page of a product and the terms of its free offer. What publishing needs is checked there, not here."""

    name = forms.CharField(max_length=72, label="Name")
    category = forms.ChoiceField(choices=Category.choices, label="Category")
    short_description = forms.CharField(
        max_length=500,
        required=False,
        label="Short description",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One or two sentences: what people see in the catalogue.",
    )
    support_contact = forms.CharField(
        max_length=254, required=False, label="Support contact", help_text="An e-mail address or a page."
    )
    source_url = forms.CharField(
        max_length=200, required=False, label="Source", widget=CodeInput(attrs={"inputmode": "url"})
    )
    description = forms.CharField(
        max_length=30_000,
        required=False,
        label="Description",
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Markdown. What the data is, where it comes from, what teams use it for.",
    )
    frequency = forms.ChoiceField(choices=[("", "Not said"), *Frequency.choices], required=False, label="Frequency")
    update_frequency = forms.CharField(
        max_length=60, required=False, label="Update frequency", help_text="Such as “Daily at 06:00 UTC”."
    )
    regions = forms.MultipleChoiceField(
        choices=Region.choices, required=False, label="Regions", widget=forms.CheckboxSelectMultiple
    )
    coverage = forms.CharField(
        max_length=120, required=False, label="Coverage", help_text="Such as “Germany, 2015 until today”."
    )
    personal_data = forms.ChoiceField(
        choices=[("", "Not said"), *PersonalData.choices], required=False, label="Personal data"
    )
    dictionary = DictionaryField(
        required=False,
        label="Data dictionary",
        help_text="One line per column: column | type | meaning",
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false"}),
    )
    licence = forms.CharField(max_length=120, required=False, label="Licence", help_text="Such as “CC BY 4.0”.")
    terms = forms.CharField(
        max_length=100_000,
        label="Terms",
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Subscribers accept this text. New terms make a new version; who subscribed keeps theirs.",
    )
    visibility = forms.ChoiceField(
        choices=list(VISIBILITY_WORDS.items()), required=False, label="Who finds it", widget=forms.RadioSelect
    )
    requires_approval = forms.BooleanField(required=False, label="I decide on each subscriber")
    questions = QuestionsField(required=False, label="Questions")
    rule_verified = forms.BooleanField(required=False, label="Organizations whose identity the operator has checked")
    rule_domains = forms.CharField(
        max_length=10_000,
        required=False,
        label="E-mail domains",
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono", "spellcheck": "false"}),
        help_text="One a line, such as example.org: members with a verified address there.",
    )
    rule_accounts = forms.CharField(
        max_length=2_000,
        required=False,
        label="Account ids",
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono", "spellcheck": "false"}),
        help_text="One a line, 12 digits each.",
    )

    def __init__(self, *args: Any, is_read_only: bool = False, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        for right, words in LICENCE_RIGHTS.items():
            self.fields[f"right_{right}"] = forms.ChoiceField(choices=_RIGHTS, required=False, label=words)
        for each in self.fields.values():
            each.widget.attrs["form"] = FORM_ID
            each.disabled = is_read_only

    def clean(self) -> dict[str, Any]:
        """Check the rules together; a wrong one is told at the field it was typed into."""
        cleaned: dict[str, Any] = super().clean() or {}
        cleaned["approval_rules"] = [{"kind": "verified_organization"}] if cleaned.get("rule_verified") else []
        for name, kind in (("rule_domains", "email_domain"), ("rule_accounts", "account")):
            rows = [{"kind": kind, "value": word} for word in cleaned.get(name, "").split()]
            try:
                cleaned["approval_rules"] += check_rules(rows)
            except Invalid as error:
                self.add_error(name, error.message)
        return cleaned

    def changes(self) -> dict[str, Any]:
        """Return the checked values as operations.products.update_product takes them; of a part, if not all are right."""
        found = {key: value for key, value in self.cleaned_data.items() if not key.startswith(("right_", "rule_"))}
        found["licence_rights"] = {
            right: said == "yes" for right in LICENCE_RIGHTS if (said := self.cleaned_data.get(f"right_{right}"))
        }
        if not found.get("visibility"):
            found.pop("visibility", None)
        return found

    @classmethod
    def initial_of(cls, product: Product, terms: str) -> dict[str, Any]:
        """Return what the form shows of a product."""
        names = [name for name in cls.base_fields if name != "terms" and not name.startswith("rule_")]
        shown = {name: getattr(product, name) for name in names} | {"terms": terms}
        rules = product.approval_rules
        shown["rule_verified"] = any(rule["kind"] == "verified_organization" for rule in rules)
        for name, kind in (("rule_domains", "email_domain"), ("rule_accounts", "account")):
            shown[name] = "\n".join(rule["value"] for rule in rules if rule["kind"] == kind)
        for right, allowed in product.licence_rights.items():
            shown[f"right_{right}"] = "yes" if allowed else "no"
        return shown


# --- what was typed ---------------------------------------------------------------------------------------------------
def typed_values(data: QueryDict) -> dict[str, list[str]]:
    """Return the fields of the form that a request holds, as a draft keeps them."""
    known = {*ProductForm.base_fields, *(f"right_{right}" for right in LICENCE_RIGHTS)}
    return {
        key: [str(value) for value in values]
        for key, values in data.lists()
        if key in known or _QUESTION.fullmatch(key)
    }


def as_data(values: Mapping[str, Iterable[str]]) -> QueryDict:
    """Return a draft as the request that it was."""
    data = QueryDict(mutable=True)
    for key, texts in values.items():
        data.setlist(key, list(texts))
    return data


def shown_of(values: Mapping[str, Iterable[str]], saved: dict[str, Any]) -> dict[str, Any]:
    """Return what a form shows of a draft, unchecked; a text that the draft does not have stays as it is saved."""
    data = as_data(values)
    shown = dict(saved)
    for name, each in ProductForm().fields.items():
        if not isinstance(each.widget, forms.Textarea | forms.TextInput | forms.RadioSelect) or name in data:
            shown[name] = each.widget.value_from_datadict(data, {}, name)  # type: ignore[arg-type]
    return shown


def change_questions(values: dict[str, list[str]], act: str) -> dict[str, list[str]]:
    """Return a draft with a question added, taken out or moved: `add`, `remove:2`, `up:2`, `down:2` (from 0)."""
    rows = QuestionsInput().value_from_datadict(as_data(values), {}, "questions")
    verb, _, number = act.partition(":")
    at = int(number) if number.isdecimal() and len(number) < 3 else -1
    if verb == "add" and len(rows) < MOST_QUESTIONS:
        rows.append({"key": "", "label": "", "kind": "text", "help": "", "choices": [], "is_required": True})
    elif 0 <= at < len(rows):
        row = rows.pop(at)
        if verb in {"up", "down"}:
            rows.insert(max(0, at + (-1 if verb == "up" else 1)), row)
    rest = {key: texts for key, texts in values.items() if not _QUESTION.fullmatch(key)}
    return rest | {
        f"question-{n}-{part}": [_typed(row[part])]
        for n, row in enumerate(rows)
        for part in _QUESTION_PARTS
        if row[part] not in (False, "", []) or part == "label"
    }


def _typed(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else "on" if value is True else str(value)


def numbered(questions: Any) -> list[tuple[int, dict[str, Any]]]:
    """Return what the page draws of the questions in a form: each with its number, and its choices as lines."""
    return [(n, question | {"lines": "\n".join(question["choices"])}) for n, question in enumerate(questions or [])]


QUESTION_KINDS = KINDS.items()


# --- the small forms --------------------------------------------------------------------------------------------------
class NewProductForm(forms.Form):
    """A product to be: its name and shelf; the rest is written in the editor."""

    name = forms.CharField(max_length=72, label="Name", help_text="As people will find it in the catalogue.")
    category = forms.ChoiceField(choices=[("", "Choose a category"), *Category.choices], label="Category")
    data_set = forms.CharField(max_length=32, required=False, widget=forms.HiddenInput)
    has_sample = forms.BooleanField(
        required=False,
        label="Make a sample and the data dictionary from its newest revision",
        help_text="Up to 500 rows of its first table. Everybody sees the sample once the product is published.",
    )

    def __init__(self, *args: Any, lists_data: bool, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        if not lists_data:
            del self.fields["has_sample"]


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


class LogoForm(forms.Form):
    """A picture for the product's page."""

    logo = forms.FileField(
        label="Logo",
        help_text=f"PNG, JPEG or WebP, at most {LOGO_BYTES // 1024 // 1024} MB. It is scaled to 256 pixels.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )


class SampleForm(forms.Form):
    """A sample of the data."""

    file = forms.FileField(
        label="Sample file", help_text="Any file up to 25 MB. CSV, TSV, JSON and NDJSON are shown as a table."
    )


class DictionaryDocumentForm(forms.Form):
    """A document that explains the data."""

    file = forms.FileField(label="Document", help_text="A PDF, Markdown or any other file up to 10 MB.")


class ImageForm(forms.Form):
    """An image with the words for those who do not see it."""

    file = forms.FileField(
        label="Image",
        help_text="PNG, JPEG or WebP, at most 2 MB and 4 megapixels.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
    caption = forms.CharField(max_length=200, label="Caption", help_text="What the image shows.")


class DictionaryFileForm(forms.Form):
    """A dictionary in a file."""

    file = forms.FileField(
        label="CSV file",
        help_text="Its first line is column,type,meaning. It takes the place of what is written below.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )


class ViewerForm(forms.Form):
    """An organization that may see a private product."""

    account_id = forms.CharField(
        max_length=20,
        label="Account id",
        widget=CodeInput(attrs={"inputmode": "numeric"}),
        help_text="12 digits: the organization finds them on its home page.",
    )
