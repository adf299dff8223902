"""Forms of the operator's pages."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings

from marketplace.core.operations.publishers import NOTE_LENGTH
from publishers.operations.products import LOGO_BYTES


class ReasonForm(forms.Form):
    """Why something is declined."""

    reason = forms.CharField(
        max_length=NOTE_LENGTH,
        label="Reason",
        help_text=f"It is told to the organization, in the portal and by mail. At most {NOTE_LENGTH} characters.",
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why: the organization is told."},
    )


class ApprovalForm(forms.Form):
    """What waits for an operator before it may happen."""

    approves_publishers = forms.BooleanField(
        required=False,
        label="Organizations ask before they publish",
        help_text="Who has a product in the catalogue when you turn this on counts as approved.",
    )
    approves_products = forms.BooleanField(
        required=False,
        label="Each product waits for approval before it is listed",
        help_text="What is in the catalogue stays there.",
    )


class BrandForm(forms.Form):
    """Name and hue; empty fields stand for the environment."""

    name = forms.CharField(
        max_length=60,
        required=False,
        label="Name of the exchange",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    hue = forms.IntegerField(
        min_value=0,
        max_value=360,
        required=False,
        label="Hue",
        help_text="0 to 360 degrees. Accent, links and the tint of every surface follow it, in light and dark.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "class": "num"}),
    )

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.fields["name"].widget.attrs["placeholder"] = settings.SITE_NAME
        self.fields["name"].help_text = f"In the head of every page and in mails. Empty for {settings.SITE_NAME}."
        self.fields["hue"].widget.attrs["placeholder"] = str(settings.SITE_HUE)


class SiteLogoForm(forms.Form):
    """A picture for the head of every page and the browser's tab."""

    logo = forms.FileField(
        label="Picture",
        help_text=f"PNG, JPEG or WebP, at most {LOGO_BYTES // 1024 // 1024} MB and 4 megapixels; square looks best.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )


class FeeForm(forms.Form):
    """What the operator keeps of each sale."""

    commission = forms.DecimalField(
        min_value=Decimal(0),
        max_value=Decimal(100),
        max_digits=5,
        decimal_places=2,
        label="Commission in per cent",
        help_text="0 to 100, with at most two decimals. It is kept of what a subscriber pays, taxes left out.",
        widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal", "class": "num"}),
    )


class PublishRequestForm(forms.Form):
    """An organization asks to publish."""

    note = forms.CharField(
        max_length=NOTE_LENGTH,
        label="What do you want to publish?",
        help_text="The operator reads it: which data, where it comes from, who may use it. At most 500 characters.",
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Say what you want to publish."},
    )
