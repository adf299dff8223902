"""Create and describe data sets."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded
from marketplace.core.models import Organization
from marketplace.core.operations.tags import check_tags
from publishers.models import AssetType, DataSet
from publishers.operations import revisions
from publishers.operations.locking import lock_data_set
from publishers.operations.texts import check_text


class DataSetInUse(Conflict):
    message = "This data set is in a product or a data grant."


@transaction.atomic
def create_data_set(
    *,
    owner: Organization,
    name: str,
    description: str,
    actor: Actor,
    at: datetime,
    asset_type: str = AssetType.S3_SNAPSHOT,
    tags: dict[str, str] | None = None,
) -> DataSet:
    """Create a data set. Raises Invalid, or LimitExceeded "Data sets per account"."""
    if asset_type not in AssetType.values:
        raise Invalid(
            f"Asset type {asset_type} is not offered here; use {', '.join(AssetType.values)}.", field="asset_type"
        )
    name = check_text(name, field="name", longest=256)
    description = check_text(description, field="description", longest=16_384)
    Organization.objects.select_for_update().get(pk=owner.pk)
    limit = settings.QUOTAS["Data sets per account"]
    if DataSet.objects.owned_by(owner).count() >= limit:
        raise LimitExceeded("Data sets per account", limit)
    data_set = DataSet.objects.create(
        owner=owner,
        name=name,
        description=description,
        asset_type=asset_type,
        tags=check_tags(tags),
        created_at=at,
        updated_at=at,
    )
    audit.record("data_set.created", actor=actor, subject=data_set)
    return data_set


@transaction.atomic
def update_data_set(
    *, data_set: DataSet, name: str | None, description: str | None, actor: Actor, at: datetime
) -> DataSet:
    """Change the name or the description; None leaves a field as it is. Raises Invalid."""
    data_set = lock_data_set(data_set.pk)
    if name is not None:
        data_set.name = check_text(name, field="name", longest=256)
    if description is not None:
        data_set.description = check_text(description, field="description", longest=16_384)
    data_set.updated_at = at
    data_set.save(update_fields=["name", "description", "updated_at"])
    audit.record("data_set.updated", actor=actor, subject=data_set)
    return data_set


@transaction.atomic
def delete_data_set(*, data_set: DataSet, actor: Actor, at: datetime) -> None:
    """Delete a data set with its revisions while no product and no data grant holds it.

    Raises DataSetInUse, RevisionIsPublished, NotFound.
    """
    data_set = lock_data_set(data_set.pk)
    holder = data_set.published_data_sets.select_related("product").first()
    if holder is not None:
        message = f"This data set is in {holder.origin}. Take it out first; what was published once is kept."
        if holder.closed_at is not None:
            message = "This data set was shared by a data grant that was accepted: what was published once is kept."
        raise DataSetInUse("DATA_SET", data_set.pk, message)
    locked = list(data_set.revisions.select_for_update().order_by("pk"))  # before the audit row, as whoever changes one
    audit.record("data_set.deleted", actor=actor, subject=data_set, at=at, detail={"name": data_set.name})
    for revision in locked:
        revisions.remove(revision)
    data_set.delete()
