"""What can be done with files only: assets of the other types have no bytes here."""

from marketplace.core.errors import Conflict
from publishers.models import Asset, DataSet


class HoldsNoFiles(Conflict):
    """The data set is of another asset type."""


class NotAFile(Conflict):
    """The asset gives access to something; there is nothing to download or to read as rows."""


def require_files(data_set: DataSet) -> None:
    """Raise HoldsNoFiles for a data set of which nothing can be delivered as files."""
    if not data_set.holds_files:
        kind = data_set.get_asset_type_display().lower()
        raise HoldsNoFiles("DATA_SET", data_set.pk, f"{data_set.name} holds {kind}, so there are no files to deliver.")


def require_file(asset: Asset) -> None:
    """Raise NotAFile for an asset without bytes of its own."""
    if not asset.is_file:
        raise NotAFile(
            "ASSET", asset.pk, f"{asset.name} is not a file: it has no bytes to download and no rows to read here."
        )
