"""Forms of saved searches and of the board of data requests."""

from collections.abc import Iterable
from typing import Any

from django import forms

from jobs.forms import ChosenId
from publishers.models import Category, Product
from subscriptions.data_requests import LONGEST_TEXT, LONGEST_TITLE
from subscriptions.saved_searches import LONGEST_NAME


class SavedSearchForm(forms.Form):
    """What a saved search is called, and whether its member is told of new matches."""

    name = forms.CharField(
        label="Name", max_length=LONGEST_NAME, error_messages={"required": "Give the search a name."}
    )
    alerts = forms.BooleanField(
        label="Tell me of new products that match",
        required=False,
        help_text="In your inbox, and by mail unless you turned that off. At most once every ten minutes.",
    )


class DataRequestForm(forms.Form):
    """What somebody looks for; everybody will read it."""

    title = forms.CharField(
        label="What data do you look for?",
        max_length=LONGEST_TITLE,
        help_text="In a few words, such as “Hourly ferry departures in Norway since 2015”.",
        error_messages={"required": "Say in a few words what you look for."},
    )
    description = forms.CharField(
        label="What should it hold, and what is it for?",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Columns, period, place, format, how fresh. Plain text; leave out what must stay secret.",
        error_messages={"required": "Say what the data should hold."},
    )
    category = forms.ChoiceField(label="Category", required=False, choices=[("", "None of these"), *Category.choices])


class AnswerForm(forms.Form):
    """What a publisher says to a data request."""

    text = forms.CharField(
        label="Your answer",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Everybody reads it with your organization's name. Plain text.",
        error_messages={"required": "Write an answer."},
    )
    product = ChosenId(label="Product that has the data", max_length=40, required=False)

    def __init__(self, *args: Any, products: Iterable[Product], **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        choices = [(product.pk, product.name) for product in products]
        field = self.fields["product"]
        assert isinstance(field, ChosenId)  # noqa: S101 - tells the type checker what the class says above
        if choices:
            field.offer([("", "None"), *choices])
        else:
            del self.fields["product"]
