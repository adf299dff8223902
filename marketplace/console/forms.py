"""Forms of the account and console pages."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from allauth.core import context
from django import forms
from django.conf import settings
from django.utils.html import format_html

from jobs.forms import ChosenId
from marketplace.console.invited import invitation_to_sign_up
from marketplace.core import scopes
from marketplace.core.forms import CodeInput, DateInput, SecretInput
from marketplace.core.operations.credentials import DEFAULT_LIFE, LONGEST_LIFE, Overlap
from publishers.models import DataSet


class SignupForm(AllauthSignupForm):  # type: ignore[misc]
    """A person signs up together with an organization, or into the one whose invitation they have opened."""

    organization = forms.CharField(
        max_length=120,
        label="Organization",
        help_text="Your company or team. It owns what you publish and what you subscribe to.",
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )
    name = forms.CharField(max_length=120, label="Your name", widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ["organization", "name", "email", "password1"]

    def __init__(self, *args: object, **keywords: object) -> None:
        super().__init__(*args, **keywords)
        self.fields["email"].widget.attrs.pop("placeholder", None)
        self.fields["password1"].widget.attrs.pop("placeholder", None)
        self.fields["password1"].help_text = "At least 10 characters."
        self.invitation = invitation_to_sign_up(context.request)
        if self.invitation is not None:  # joins the organization that invited, under the invited address
            del self.fields["organization"]
            self.fields["email"].initial = self.invitation.email
            self.fields["email"].disabled = True
            self.fields["name"].widget.attrs["autofocus"] = True


class OrganizationForm(forms.Form):
    """A further organization, or the first of somebody who has none."""

    name = forms.CharField(
        max_length=120,
        label="Name",
        help_text="Your company or team, as publishers and subscribers will see it.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )


class StorageForm(forms.Form):
    """A bucket with the key that may write to it; the operation says whether they work."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="What you call it here, such as “Landing zone, production”."
    )
    endpoint_url = forms.CharField(max_length=500, label="Endpoint URL", widget=CodeInput(attrs={"inputmode": "url"}))
    region = forms.CharField(max_length=40, label="Region", widget=CodeInput)
    bucket = forms.CharField(
        max_length=63, label="Bucket", widget=CodeInput, help_text="It must exist already; files are put there."
    )
    access_key_id = forms.CharField(max_length=128, label="Access key id", widget=CodeInput)
    secret_access_key = forms.CharField(
        max_length=256,
        label="Secret key",
        widget=SecretInput,
        help_text="The secret access key. It is kept encrypted and never shown again.",
    )

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.fields["endpoint_url"].help_text = format_html(
            "Amazon S3: <code>https://s3.eu-central-1.amazonaws.com</code>. The store of this exchange: <code>{}</code>.",
            settings.S3_PUBLIC_ENDPOINT_URL,
        )
        self.fields["region"].help_text = format_html(
            "The store of this exchange: <code>{}</code>. Other stores mostly take <code>us-east-1</code>.",
            settings.S3_REGION,
        )


class LastDayField(forms.DateField):
    """The last day of something, in UTC; cleans to the instant at which it is over."""

    widget = DateInput

    def clean(self, value: Any) -> datetime | None:
        """Return the midnight that ends the day, None for no day."""
        day = super().clean(value)
        if day is None:
            return None
        try:
            return datetime.combine(day + timedelta(days=1), time.min, tzinfo=UTC)
        except OverflowError:
            raise forms.ValidationError("This day is too far away. Leave the field empty for no end.") from None


class DataGrantForm(forms.Form):
    """A data set for one organization; the queries and the operation say whether it may be."""

    data_set = ChosenId(label="Data set", max_length=32, error_messages={"required": "Choose a data set."})
    receiver_account_id = forms.RegexField(
        r"^[0-9]{12}$",
        label="Account id of the receiver",
        strip=True,
        widget=CodeInput(attrs={"inputmode": "numeric", "maxlength": "12"}),
        help_text="12 digits. Receivers find it on their pages Home and Keys.",
        error_messages={"invalid": "An account id has 12 digits."},
    )
    name = forms.CharField(max_length=256, label="Name", help_text="What you and the receiver call this data grant.")
    description = forms.CharField(
        max_length=16_384,
        required=False,
        label="Description",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The receiver reads it before accepting.",
    )
    ends_at = LastDayField(required=False, label="Last day", help_text="In UTC. Access is open-ended without one.")

    def __init__(self, *args: Any, data_sets: Iterable[DataSet], **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        field = self.fields["data_set"]
        assert isinstance(field, ChosenId)  # noqa: S101 - tells the type checker what the class says above
        field.offer([(d.pk, d.name) for d in data_sets], hint="Choose a data set")


class TokenForm(forms.Form):
    """A bearer token: what it may do, and for how long."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="Where it will be used, so that you know what stops when you revoke it."
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one scope."},
    )
    days = forms.IntegerField(
        label="Days until it expires",
        min_value=1,
        max_value=LONGEST_LIFE.days,
        initial=DEFAULT_LIFE.days,
        help_text=f"1 to {LONGEST_LIFE.days}. Replace it in time: an expired token cannot be extended.",
    )

    def __init__(self, *args: Any, offered: Iterable[str], **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - tells the type checker what the class says
        wanted = set(offered)
        field.choices = [
            (scope, format_html('<span>{} <span class="type">{}</span></span>', words, scope))
            for scope, words in scopes.SCOPES.items()
            if scope in wanted
        ]


class AccessKeyForm(forms.Form):
    """A key pair for signed requests; it may do what its owner's role may do."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="Where it will be used, so that you know what stops when you revoke it."
    )


class ReplaceKeyForm(forms.Form):
    """How long the old credential works beside the one that takes its place."""

    overlap = forms.ChoiceField(
        label="The old one works on for",
        choices=Overlap.choices,
        widget=forms.RadioSelect,
        initial=Overlap.ONE_DAY,
        error_messages={"required": "Choose how long the old one works on."},
        help_text="Put the new one into your programs within this time; then the old one is refused.",
    )


class ReplaceTokenForm(ReplaceKeyForm):
    """The same for a token, which has an end of its own."""

    days = forms.IntegerField(
        label="Days until the new one expires",
        min_value=1,
        max_value=LONGEST_LIFE.days,
        help_text=f"1 to {LONGEST_LIFE.days}. Filled in with the life that the old one was made for.",
    )
