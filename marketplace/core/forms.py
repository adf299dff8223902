"""How forms are drawn, and the widgets that several applications share."""

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    """Draw forms and fields by templates/ui/: label, control, help, errors, and a summary above that takes focus."""

    form_template_name = "ui/form.html"
    field_template_name = "ui/field.html"


class DateInput(forms.DateInput):
    """A day, picked with the browser's own calendar."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")  # the only spelling that <input type=date> takes


class CodeInput(forms.TextInput):
    """An exact word for a machine (bucket, key pattern, id): monospaced, never corrected or capitalised."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        exact = {"class": "mono", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(exact | (attrs or {}))


class SecretInput(forms.PasswordInput):
    """A credential of another system: hidden while typed, never sent back, not offered to the password manager."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        exact = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(exact | (attrs or {}), render_value=False)
