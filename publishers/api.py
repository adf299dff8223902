"""Handlers of the AWS Data Exchange API for what an organization owns."""

from django.db import transaction

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.registry import handler
from marketplace.core.errors import Conflict
from publishers import shapes
from publishers.operations import data_sets, revisions
from publishers.queries.data_sets import get_owned_data_set, get_owned_revision
from publishers.shapes import Shape


class RevisionCannotBeReopened(Conflict):
    message = "A finalized revision cannot be changed back. Create a new revision."


@handler("CreateDataSet")
def create_data_set(
    context: ApiContext, *, asset_type: str, name: str, description: str, tags: dict[str, str] | None = None
) -> Shape:
    data_set = data_sets.create_data_set(
        owner=context.organization,
        name=name,
        description=description,
        asset_type=asset_type,
        tags=tags,
        actor=context.actor,
        at=context.now,
    )
    return shapes.data_set(context, data_set, tags=True)


@handler("CreateRevision")
def create_revision(
    context: ApiContext, *, data_set_id: str, comment: str = "", tags: dict[str, str] | None = None
) -> Shape:
    data_set = get_owned_data_set(owner=context.organization, data_set_id=data_set_id)
    revision = revisions.create_revision(
        data_set=data_set, comment=comment, tags=tags, actor=context.actor, at=context.now
    )
    return shapes.revision(context, revision, tags=True)


@handler("UpdateRevision")
def update_revision(
    context: ApiContext,
    *,
    data_set_id: str,
    revision_id: str,
    comment: str | None = None,
    finalized: bool | None = None,
) -> Shape:
    revision = get_owned_revision(owner=context.organization, data_set_id=data_set_id, revision_id=revision_id)
    if finalized is False and revision.is_finalized:
        raise RevisionCannotBeReopened("REVISION", revision.pk)
    with transaction.atomic():  # both or neither
        if comment is not None and comment != revision.comment:
            revision = revisions.update_revision_comment(
                revision=revision, comment=comment, actor=context.actor, at=context.now
            )
        if finalized:
            revision = revisions.finalize_revision(revision=revision, actor=context.actor, at=context.now)
    return shapes.revision(context, revision)
