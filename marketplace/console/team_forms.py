"""Forms of the team, of the organization's page and of the audit log."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.html import format_html

from marketplace.console.trail import action_choices
from marketplace.core.forms import CodeInput, DateInput
from marketplace.core.models import Role
from marketplace.core.roles import ROLE_WORDS


def _role_choices(offered: Iterable[Role]) -> list[tuple[str, Any]]:
    return [
        (
            role.value,
            format_html(
                '<span class="role-choice"><strong>{}</strong><span>{}</span></span>',
                role.label,
                " ".join(part for part in ROLE_WORDS[role] if part),
            ),
        )
        for role in offered
    ]


class RoleForm(forms.Form):
    """One role of those that the asking member may give."""

    role = forms.ChoiceField(
        label="Role",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a role.", "invalid_choice": "Choose a role."},
    )

    def __init__(self, *args: Any, offered: Iterable[Role], **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells the type checker what the class says above
        field.choices = _role_choices(offered)


class InvitationForm(RoleForm):
    """Who is invited, and as what."""

    email = forms.EmailField(
        max_length=254,
        label="E-mail address",
        help_text="Only somebody who signs in with this address can accept.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ["email", "role"]


class OrganizationPageForm(forms.Form):
    """What others read about the organization."""

    name = forms.CharField(max_length=120, label="Name", widget=forms.TextInput(attrs={"autocomplete": "organization"}))
    about = forms.CharField(
        max_length=2000,
        required=False,
        label="About",
        help_text="Who you are and where your data comes from, as plain text. At most 2,000 characters.",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    website = forms.CharField(
        max_length=200,
        required=False,
        label="Website",
        help_text="The whole address, such as https://example.org.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "url"}),
    )
    support_contact = forms.CharField(
        max_length=254,
        required=False,
        label="Support contact",
        help_text="An e-mail address or web page where subscribers get help.",
    )


PERIODS = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}
RESULTS = {"done": "Done", "denied": "Denied"}


class AuditFilterForm(forms.Form):
    """Which records of the audit log; every field may be empty. It is read from the address."""

    person = forms.ChoiceField(required=False, label="Person")
    action = forms.ChoiceField(required=False, label="Action")
    object = forms.CharField(required=False, max_length=64, label="Object id", widget=CodeInput)
    result = forms.ChoiceField(required=False, label="Result", choices=[("", "Any"), *RESULTS.items()])
    period = forms.ChoiceField(
        required=False, label="Period", choices=[("", "All time"), *PERIODS.items(), ("days", "Between days")]
    )
    first = forms.DateField(required=False, label="First day", widget=DateInput)
    last = forms.DateField(required=False, label="Last day", widget=DateInput)

    def __init__(self, *args: Any, people: Iterable[tuple[str, str]], **keywords: Any) -> None:
        super().__init__(*args, **({"auto_id": "filter_%s"} | keywords))
        person, action = self.fields["person"], self.fields["action"]
        assert isinstance(person, forms.ChoiceField)  # noqa: S101
        assert isinstance(action, forms.ChoiceField)  # noqa: S101
        person.choices = [("", "Anybody"), ("system", "The exchange itself"), *people]
        action.choices = [("", "Any"), *action_choices()]

    def clean(self) -> dict[str, Any]:
        """Return the filters, with the period as `since` and `until`, aware UTC instants or None."""
        values = super().clean() or {}
        values["since"] = values["until"] = None
        if values.get("period") in PERIODS:
            values["since"] = datetime.now(UTC) - timedelta(days=int(values["period"]))
        else:
            first, last = values.get("first"), values.get("last")
            if first and last and last < first:
                self.add_error("last", "The last day lies before the first.")
            try:
                values["since"] = datetime.combine(first, time.min, tzinfo=UTC) if first else None
                values["until"] = datetime.combine(last + timedelta(days=1), time.min, tzinfo=UTC) if last else None
            except OverflowError:
                self.add_error("last", "This day is too far away.")
        return values
