"""URLs of the data API, below /data."""

from django.urls import path, register_converter

from dataapi import views


class DataIdConverter:
    """An id of ours; anything else is an unknown path."""

    regex = "[0-9a-f]{32}"

    def to_python(self, value: str) -> str:
        """Return the id."""
        return value

    def to_url(self, value: str) -> str:
        """Return the id."""
        return value


class RevisionIdConverter(DataIdConverter):
    """An id, or the word for the newest readable revision."""

    regex = f"[0-9a-f]{{32}}|{views.LATEST}"


register_converter(DataIdConverter, "data_id")
register_converter(RevisionIdConverter, "revision_id")

_REVISION = "<data_id:data_set_id>/revisions/<revision_id:revision_id>"
_ASSET = f"{_REVISION}/assets/<data_id:asset_id>"

urlpatterns = [
    path("data-sets", views.data_sets, name="data-data-sets"),
    path("<data_id:data_set_id>/rows", views.newest_rows, name="data-newest-rows"),
    path("<data_id:data_set_id>/revisions", views.revisions, name="data-revisions"),
    path(f"{_REVISION}/assets", views.assets, name="data-assets"),
    path(f"{_ASSET}/rows", views.rows, name="data-rows"),
    path(f"{_ASSET}/download", views.download, name="data-download"),
    path("exports/<str:token>", views.signed_export, name="signed-export"),
    path("", views.unknown_path, name="data-root"),
    path("<path:rest>", views.unknown_path, name="data-unknown"),
]
