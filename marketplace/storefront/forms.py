"""Forms of the storefront."""

from django import forms

from subscriptions.operations import TermsNotAccepted


class AcceptForm(forms.Form):
    """The version of the offer that was read, and the tick that accepts it."""

    offer_version = forms.CharField(max_length=32, widget=forms.HiddenInput)
    terms = forms.BooleanField(
        label="I have read the terms and accept them for my organization",
        error_messages={"required": TermsNotAccepted.message},
    )
