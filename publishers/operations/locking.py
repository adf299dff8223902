"""Rows taken for a change: a row that was deleted since it was read is not found, like one that never was."""

from marketplace.core.errors import NotFound
from publishers.models import DataSet, Revision


def lock_data_set(data_set_id: str) -> DataSet:
    """Return a data set, locked until the transaction ends. Raises NotFound."""
    row = DataSet.objects.select_for_update().filter(pk=data_set_id).first()
    if row is None:
        raise NotFound("DATA_SET", data_set_id)
    return row


def lock_revision(revision_id: str) -> Revision:
    """Return a revision, locked until the transaction ends. Raises NotFound."""
    row = Revision.objects.select_for_update().filter(pk=revision_id).first()
    if row is None:
        raise NotFound("REVISION", revision_id)
    return row
