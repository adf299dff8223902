"""Forms about oneself: name, keys of the second factor, codes with their limits."""

from typing import Any

from allauth.mfa.base import forms as allauth_forms
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from marketplace.core import limits


class ProfileForm(forms.Form):
    """What others read beside what one did, and how pages behave for oneself."""

    name = forms.CharField(
        max_length=120,
        label="Your name",
        help_text="Members of your organizations see it beside what you did.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    uses_shortcuts = forms.BooleanField(
        required=False,
        label="Single-key shortcuts",
        help_text="Such as / for search and ? for help. Turn them off when speech input or a screen reader uses the keys.",
    )


class _CodeForm:
    """Counts codes before they are looked at, so that many guesses at once are as few as many in a row."""

    user: Any

    def clean_code(self) -> str:
        """Return the code. Raises ValidationError for a wrong one and beyond MFA_CODE_LIMITS."""
        keys = [f"mfa:{window_s}:{self.user.pk}" for _, window_s in settings.MFA_CODE_LIMITS]
        try:
            for key, (most, window_s) in zip(keys, settings.MFA_CODE_LIMITS, strict=True):
                limits.count(key, most=most, window_s=window_s)
        except limits.TooManyRequests as error:
            minutes = -(-error.retry_after_s // 60)
            raise ValidationError(
                f"Too many codes were tried. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
            ) from None
        code: str = super().clean_code()  # type: ignore[misc]
        for key in keys:
            limits.forget(key)
        return code


def _describe(form: Any) -> None:
    field = form.fields["code"]
    field.widget.attrs.pop("placeholder", None)
    field.widget.attrs |= {"inputmode": "numeric", "class": "mono", "autofocus": True}
    field.help_text = "Six digits of your authenticator app, or one of your recovery codes."


class AuthenticateForm(_CodeForm, allauth_forms.AuthenticateForm):  # type: ignore[misc]
    """The second step of signing in."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        _describe(self)


class ReauthenticateForm(_CodeForm, allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    """Asked again before something that hands out access."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        _describe(self)


class AddKeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A passkey or security key, described for people who have not met one."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.fields["name"] = forms.CharField(
            max_length=80, required=False, label="Name", help_text="So that you know it again, such as “Work laptop”."
        )
        self.fields["passwordless"].label = "Sign in with it alone, without a password"
        self.fields["passwordless"].help_text = (
            "A passkey: the device asks for your fingerprint, face or PIN instead. Without the tick it is a second step "
            "after the password."
        )
        self.fields["passwordless"].initial = True
