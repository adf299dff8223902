"""Forms of the publisher's pages."""

from typing import Any

from django import forms
from django.utils.html import format_html

from publishers.models import AssetType


class DataSetForm(forms.Form):
    """What a data set is called and what is in it."""

    name = forms.CharField(max_length=256, label="Name", help_text="Shown in the catalogue, such as “Hourly prices”.")
    description = forms.CharField(
        max_length=16_384,
        label="Description",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What is in it, and how often it changes. Subscribers read it.",
    )


#: asset type -> what subscribers of such a data set get, in a sentence
ASSET_TYPE_WORDS: dict[str, str] = {
    AssetType.S3_SNAPSHOT: "Files that you upload or import; subscribers download them or have them delivered.",
    AssetType.API_GATEWAY_API: "An HTTPS API that you run; subscribers call it through the exchange.",
    AssetType.REDSHIFT_DATA_SHARE: "Tables of a database that you run, described to subscribers and never copied.",
    AssetType.S3_DATA_ACCESS: "A bucket of yours, or parts of it, shown to subscribers and never copied.",
    AssetType.LAKE_FORMATION_DATA_PERMISSION: "Tables of a data lake, chosen by tags, described to subscribers and never copied.",
}


class AssetTypeField(forms.ChoiceField):
    """One asset type with its sentence; files when none is sent."""

    widget = forms.RadioSelect

    def to_python(self, value: Any) -> str:
        """Return the type that was sent, or files."""
        return super().to_python(value) or AssetType.S3_SNAPSHOT.value


class NewDataSetForm(DataSetForm):
    """A data set to be; what it holds is fixed from the beginning."""

    asset_type = AssetTypeField(
        choices=[
            (
                kind.value,
                format_html(
                    '<span><b class="medium">{}</b><br><span class="soft">{}</span></span>',
                    kind.label,
                    ASSET_TYPE_WORDS[kind],
                ),
            )
            for kind in AssetType
        ],
        initial=AssetType.S3_SNAPSHOT.value,
        label="What it holds",
        help_text="This cannot be changed later.",
    )


class RevisionForm(forms.Form):
    """The comment of a draft."""

    comment = forms.CharField(
        max_length=16_384,
        required=False,
        label="Comment",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What is new in this revision. It cannot be changed once the revision is finalized.",
    )


class RevokeForm(forms.Form):
    """Why a revision is taken away; subscribers read it."""

    comment = forms.CharField(
        min_length=10,
        max_length=512,
        label="Reason",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="10 to 512 characters. Subscribers see it.",
    )
