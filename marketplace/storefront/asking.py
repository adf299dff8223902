"""The form in which an organization asks for a product: the publisher's questions, and the terms."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.html import escape

from marketplace.core.countries import COUNTRIES
from marketplace.storefront.forms import AcceptForm
from publishers.models import Product
from subscriptions.answers import LONGEST, AnswersInvalid, check_answers, digest_of

PREFIX = "answer-"
#: more choices than these stand in a list that opens
MOST_RADIOS = 5


class RequestForm(AcceptForm):
    """Questions as fields, drawn by their kind and checked by the domain's own rules; `answers` is what was given."""

    questions = forms.CharField(max_length=32, widget=forms.HiddenInput)
    use_required_attribute = False  # every sentence is ours, at the field and in the summary

    def __init__(self, *args: Any, product: Product, **keywords: Any) -> None:
        self.asked: Sequence[Mapping[str, Any]] = product.questions
        super().__init__(*args, **keywords)
        self.fields["questions"].initial = digest_of(self.asked)
        for question in self.asked:
            self.fields[PREFIX + question["key"]] = _field(question)
        self.order_fields(["offer_version", "questions", *(PREFIX + q["key"] for q in self.asked), "terms"])

    @property
    def answer_fields(self) -> list[BoundField]:
        """Return the fields of the questions, in their order."""
        return [self[PREFIX + question["key"]] for question in self.asked]

    @property
    def answers(self) -> dict[str, Any]:
        """Return key -> answer of a bound form."""
        return {q["key"]: self.cleaned_data.get(PREFIX + q["key"]) for q in self.asked}

    def clean(self) -> dict[str, Any]:
        """Put the domain's sentence at each answer that does not fit."""
        try:
            check_answers(self.asked, self.answers)
        except AnswersInvalid as error:
            for key, sentence in error.errors.items():
                if PREFIX + key not in self.errors:
                    self.add_error(PREFIX + key, sentence)
        return self.cleaned_data

    def kept(self) -> dict[str, Any]:
        """Return what was typed, as the beginnings of a form that is drawn anew because the product has changed."""
        return {name: self.data.get(name) for name in self.fields if name.startswith(PREFIX)}


class _Answer(forms.CharField):
    """A text as it was typed; what fits is for `check_answers` to say."""

    def validate(self, value: Any) -> None:
        """Leave the required to `check_answers`."""


class _Tick(forms.BooleanField):
    """A tick; whether it is needed is for `check_answers` to say."""

    def validate(self, value: Any) -> None:
        """Leave the required to `check_answers`."""


def _field(question: Mapping[str, Any]) -> forms.Field:
    kind = question["kind"]
    common = {
        "label": question["label"],
        "help_text": escape(question.get("help", "")),  # the field's template takes help as markup
        "required": bool(question.get("is_required")),
    }
    if kind == "checkbox":
        return _Tick(**common)
    return _Answer(widget=_widget(kind, question), **common)


def _widget(kind: str, question: Mapping[str, Any]) -> forms.Widget:
    longest = {"maxlength": str(LONGEST[kind])}
    if kind == "long_text":
        return forms.Textarea(attrs=longest | {"rows": 4})
    if kind == "email":
        return forms.EmailInput(attrs=longest | {"autocomplete": "email"})
    if kind == "url":
        return forms.URLInput(attrs=longest | {"autocomplete": "url", "placeholder": "https://"})
    if kind == "country":
        choices = [("", "Choose a country"), *COUNTRIES.items()]
        return forms.Select(choices=choices, attrs={"autocomplete": "country"})
    if kind == "choice":
        choices = [(choice, choice) for choice in question.get("choices", [])]
        if len(choices) <= MOST_RADIOS:
            return forms.RadioSelect(choices=choices)
        return forms.Select(choices=[("", "Choose an answer"), *choices])
    return forms.TextInput(attrs=longest)
