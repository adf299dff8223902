"""What a caller of the AWS Data Exchange API names: its own, or what it is entitled to and may only read."""

from marketplace.awsapi.context import ApiContext
from marketplace.core.errors import Denied, NotFound
from publishers.models import Asset, DataSet, Revision
from publishers.queries.data_sets import get_owned_asset, get_owned_data_set, get_owned_revision
from subscriptions.queries import get_shown_data_set


class EntitledIsReadOnly(Denied):
    message = "This data set is entitled to you by its publisher: you can read and export it, and change nothing of it."


def _refuse_entitled(context: ApiContext, data_set_id: str) -> None:
    try:
        get_shown_data_set(organization=context.organization, data_set_id=data_set_id, at=context.now)
    except NotFound:
        return
    raise EntitledIsReadOnly(resource_type="DATA_SET", resource_id=data_set_id)


def own_data_set(context: ApiContext, data_set_id: str) -> DataSet:
    """Return a data set to be changed. Raises EntitledIsReadOnly, NotFound."""
    try:
        return get_owned_data_set(owner=context.organization, data_set_id=data_set_id)
    except NotFound:
        _refuse_entitled(context, data_set_id)
        raise


def own_revision(context: ApiContext, data_set_id: str, revision_id: str) -> Revision:
    """Return a revision to be changed. Raises EntitledIsReadOnly, NotFound."""
    try:
        return get_owned_revision(owner=context.organization, data_set_id=data_set_id, revision_id=revision_id)
    except NotFound:
        _refuse_entitled(context, data_set_id)
        raise


def own_asset(context: ApiContext, data_set_id: str, revision_id: str, asset_id: str) -> Asset:
    """Return an asset to be changed. Raises EntitledIsReadOnly, NotFound."""
    try:
        return get_owned_asset(
            owner=context.organization, data_set_id=data_set_id, revision_id=revision_id, asset_id=asset_id
        )
    except NotFound:
        _refuse_entitled(context, data_set_id)
        raise
