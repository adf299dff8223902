"""Forms that register databases and lake catalogues; the operations say whether they work."""

from django import forms

from marketplace.core.forms import CodeInput, SecretInput
from marketplace.core.models import SourceAuthentication, SslMode


class DatabaseForm(forms.Form):
    """A PostgreSQL-protocol database with a user that may read."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="What you call it here, such as “Warehouse, read replica”."
    )
    host = forms.CharField(
        max_length=253, label="Host", widget=CodeInput, help_text="Without <code>https://</code> or a port."
    )
    port = forms.IntegerField(min_value=1, max_value=65_535, initial=5432, label="Port")
    database = forms.CharField(max_length=63, label="Database", widget=CodeInput)
    username = forms.CharField(max_length=128, label="User", widget=CodeInput)
    password = forms.CharField(
        max_length=1024,
        label="Password",
        strip=False,
        widget=SecretInput,
        help_text="It is kept encrypted and never shown again.",
    )
    sslmode = forms.ChoiceField(
        label="Encryption",
        choices=SslMode.choices,
        initial=SslMode.REQUIRE,
        help_text="Without encryption only where the operator of this exchange allows it.",
    )


class CatalogueForm(forms.Form):
    """An Iceberg REST catalogue, open or with credentials."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="What you call it here, such as “Lake, curated zone”."
    )
    uri = forms.CharField(
        max_length=500,
        label="Catalogue URI",
        widget=CodeInput(attrs={"inputmode": "url"}),
        help_text="The part before <code>/v1</code>, such as <code>https://catalog.example.com/api/catalog</code>.",
    )
    warehouse = forms.CharField(
        max_length=200,
        label="Warehouse",
        required=False,
        widget=CodeInput,
        help_text="Where the catalogue has several.",
    )
    prefix = forms.CharField(  # type: ignore[assignment]  # of the catalogue; that of a form is another thing
        max_length=100,
        label="Prefix",
        required=False,
        widget=CodeInput,
        help_text="Only if the catalogue names none itself.",
    )
    authentication = forms.ChoiceField(
        label="How it knows us", choices=SourceAuthentication.choices, initial=SourceAuthentication.CLIENT_CREDENTIALS
    )
    client_id = forms.CharField(
        max_length=256, label="Client id", required=False, widget=CodeInput, help_text="For client credentials."
    )
    secret = forms.CharField(
        max_length=8192,
        label="Token or client secret",
        required=False,
        widget=SecretInput,
        help_text="It is kept encrypted and never shown again.",
    )
    oauth_scope = forms.CharField(
        max_length=500,
        label="Scope",
        required=False,
        widget=CodeInput,
        help_text="For client credentials, such as <code>catalog</code>.",
    )
    token_url = forms.CharField(
        max_length=500,
        label="Token URL",
        required=False,
        widget=CodeInput(attrs={"inputmode": "url"}),
        help_text="For client credentials; <code>/v1/oauth/tokens</code> of the catalogue when left empty.",
    )
