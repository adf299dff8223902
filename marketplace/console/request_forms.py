"""Forms of the inbox of subscription requests."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.text import Truncator

from subscriptions.requests import REASON_LONGEST

LABEL_LENGTH = 80


class _Reason(forms.CharField):
    """A reason that is needed, though it may also be one that was given before."""

    def validate(self, value: Any) -> None:
        """Leave it to the operation, which knows both."""


class DeclineForm(forms.Form):
    """Why a request is declined: written, or one of the reasons that the publisher gave before."""

    before = forms.ChoiceField(label="A reason you gave before", required=False)
    reason = _Reason(
        label="Reason",
        max_length=REASON_LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Whoever asked reads it. Say what is missing, if they may ask again.",
    )

    use_required_attribute = False

    def __init__(self, *args: Any, reasons: Sequence[str], **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        if reasons:
            choices = [(reason, Truncator(reason).chars(LABEL_LENGTH)) for reason in reasons]
            self.fields["before"].choices = [("", "Write a new one"), *choices]  # type: ignore[attr-defined]
        else:
            del self.fields["before"]

    def clean(self) -> dict[str, Any]:
        """Take the reason that was given before where none was written."""
        given = self.cleaned_data
        given["reason"] = given.get("reason") or given.get("before") or ""
        return given
