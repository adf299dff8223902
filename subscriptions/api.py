"""Handlers of the AWS Data Exchange API for data sets, revisions and assets: one's own, and those one is entitled to.

A publisher is shown what others get of its data sets as they see it, with the id of the source besides.
"""

from typing import Any

from django.db import transaction

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.paging import page
from marketplace.awsapi.registry import handler
from marketplace.core.errors import Invalid, NotFound
from publishers import shapes
from publishers.models import Asset, DataSet, Revision
from publishers.operations import data_sets, revisions
from publishers.queries.data_sets import get_owned_asset, get_owned_data_set, get_owned_revision
from publishers.shapes import Shape
from subscriptions import data_grant_api, notification_api  # noqa: F401 - register their handlers
from subscriptions import shapes as entitled_shapes
from subscriptions.doors import own_asset, own_data_set, own_revision
from subscriptions.queries import get_shown_data_set, get_shown_revision, list_entitled_data_sets, shown_revisions

NEWEST_FIRST = ("-created_at", "-pk")


# --- data sets --------------------------------------------------------------------------------------------------------
@handler("GetDataSet")
def get_data_set(context: ApiContext, *, data_set_id: str) -> Shape:
    try:
        row = get_owned_data_set(owner=context.organization, data_set_id=data_set_id)
    except NotFound:
        entitled = get_shown_data_set(organization=context.organization, data_set_id=data_set_id, at=context.now)
        return entitled_shapes.entitled_data_set(context, entitled)
    return shapes.data_set(context, row, tags=True)


@handler("ListDataSets")
def list_data_sets(
    context: ApiContext, *, origin: str = "OWNED", max_results: int | None = None, next_token: str | None = None
) -> Shape:
    if origin not in {"OWNED", "ENTITLED"}:
        raise Invalid("Origin must be OWNED or ENTITLED.", field="origin")
    paging: dict[str, Any] = {"context": context, "max_results": max_results, "next_token": next_token}
    if origin == "ENTITLED":
        found = list_entitled_data_sets(organization=context.organization, at=context.now)
        entitled, token = page(found, order_by=("-added_at", "pk"), **paging)
        return {"DataSets": [entitled_shapes.entitled_data_set(context, row) for row in entitled], "NextToken": token}
    owned, token = page(DataSet.objects.owned_by(context.organization), order_by=NEWEST_FIRST, **paging)
    return {"DataSets": [shapes.data_set(context, row) for row in owned], "NextToken": token}


@handler("UpdateDataSet")
def update_data_set(
    context: ApiContext, *, data_set_id: str, name: str | None = None, description: str | None = None
) -> Shape:
    row = own_data_set(context, data_set_id)
    if name is not None or description is not None:
        row = data_sets.update_data_set(
            data_set=row, name=name, description=description, actor=context.actor, at=context.now
        )
    return shapes.data_set(context, row)


@handler("DeleteDataSet")
def delete_data_set(context: ApiContext, *, data_set_id: str) -> None:
    data_sets.delete_data_set(data_set=own_data_set(context, data_set_id), actor=context.actor, at=context.now)


# --- revisions --------------------------------------------------------------------------------------------------------
@handler("CreateRevision")
def create_revision(
    context: ApiContext, *, data_set_id: str, comment: str = "", tags: dict[str, str] | None = None
) -> Shape:
    revision = revisions.create_revision(
        data_set=own_data_set(context, data_set_id), comment=comment, tags=tags, actor=context.actor, at=context.now
    )
    return shapes.revision(context, revision, tags=True)


@handler("GetRevision")
def get_revision(context: ApiContext, *, data_set_id: str, revision_id: str) -> Shape:
    try:
        row = get_owned_revision(owner=context.organization, data_set_id=data_set_id, revision_id=revision_id)
    except NotFound:
        publication = get_shown_revision(
            organization=context.organization, data_set_id=data_set_id, revision_id=revision_id, at=context.now
        )
        return entitled_shapes.entitled_revision(context, publication)
    return shapes.revision(context, row, tags=True)


@handler("ListDataSetRevisions")
def list_data_set_revisions(
    context: ApiContext, *, data_set_id: str, max_results: int | None = None, next_token: str | None = None
) -> Shape:
    paging: dict[str, Any] = {"context": context, "max_results": max_results, "next_token": next_token}
    try:
        data_set = get_owned_data_set(owner=context.organization, data_set_id=data_set_id)
    except NotFound:
        entitled: dict[str, Any] = {
            "organization": context.organization,
            "data_set_id": data_set_id,
            "at": context.now,
        }
        get_shown_data_set(**entitled)
        published, token = page(shown_revisions(**entitled), order_by=("-published_at", "-pk"), **paging)
        return {"Revisions": [entitled_shapes.entitled_revision(context, row) for row in published], "NextToken": token}
    owned, token = page(Revision.objects.filter(data_set=data_set), order_by=NEWEST_FIRST, **paging)
    return {"Revisions": [shapes.revision(context, row) for row in owned], "NextToken": token}


@handler("UpdateRevision")
def update_revision(
    context: ApiContext,
    *,
    data_set_id: str,
    revision_id: str,
    comment: str | None = None,
    finalized: bool | None = None,
) -> Shape:
    revision = own_revision(context, data_set_id, revision_id)
    with transaction.atomic():  # all or nothing
        if finalized is False:
            revision = revisions.reopen_revision(revision=revision, actor=context.actor, at=context.now)
        if comment is not None and comment != revision.comment:
            revision = revisions.update_revision_comment(
                revision=revision, comment=comment, actor=context.actor, at=context.now
            )
        if finalized:
            revision = revisions.finalize_revision(revision=revision, actor=context.actor, at=context.now)
    return shapes.revision(context, revision)


@handler("RevokeRevision")
def revoke_revision(context: ApiContext, *, data_set_id: str, revision_id: str, revocation_comment: str) -> Shape:
    revision = revisions.revoke_revision(
        revision=own_revision(context, data_set_id, revision_id),
        comment=revocation_comment,
        actor=context.actor,
        at=context.now,
    )
    return shapes.revision(context, revision)


@handler("DeleteRevision")
def delete_revision(context: ApiContext, *, data_set_id: str, revision_id: str) -> None:
    revision = own_revision(context, data_set_id, revision_id)
    revisions.delete_revision(revision=revision, actor=context.actor, at=context.now)


# --- assets -----------------------------------------------------------------------------------------------------------
@handler("GetAsset")
def get_asset(context: ApiContext, *, data_set_id: str, revision_id: str, asset_id: str) -> Shape:
    try:
        row = get_owned_asset(
            owner=context.organization, data_set_id=data_set_id, revision_id=revision_id, asset_id=asset_id
        )
    except NotFound as missing:
        if missing.resource_type == "ASSET":
            raise
        publication = get_shown_revision(
            organization=context.organization, data_set_id=data_set_id, revision_id=revision_id, at=context.now
        )
        assets = Asset.objects.select_related("revision__data_set").filter(revision=publication.revision_id)
        found = assets.filter(pk=asset_id).first()
        if found is None:
            raise NotFound("ASSET", asset_id) from None
        return shapes.asset(context, found, data_set_id=data_set_id, owned=False, in_full=True)
    return shapes.asset(context, row, data_set_id=data_set_id, owned=True, in_full=True)


@handler("ListRevisionAssets")
def list_revision_assets(
    context: ApiContext,
    *,
    data_set_id: str,
    revision_id: str,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Shape:
    owned = True
    try:
        get_owned_revision(owner=context.organization, data_set_id=data_set_id, revision_id=revision_id)
    except NotFound:
        owned = False
        get_shown_revision(
            organization=context.organization, data_set_id=data_set_id, revision_id=revision_id, at=context.now
        )
    rows, token = page(
        Asset.objects.filter(revision_id=revision_id).select_related("revision__data_set"),
        order_by=("-name", "-pk"),
        context=context,
        max_results=max_results,
        next_token=next_token,
    )
    assets = [shapes.asset(context, row, data_set_id=data_set_id, owned=owned) for row in rows]
    return {"Assets": assets, "NextToken": token}


@handler("UpdateAsset")
def update_asset(context: ApiContext, *, data_set_id: str, revision_id: str, asset_id: str, name: str) -> Shape:
    asset = own_asset(context, data_set_id, revision_id, asset_id)
    asset = revisions.rename_asset(asset=asset, name=name, actor=context.actor, at=context.now)
    return shapes.asset(context, asset, data_set_id=data_set_id, owned=True)


@handler("DeleteAsset")
def delete_asset(context: ApiContext, *, data_set_id: str, revision_id: str, asset_id: str) -> None:
    revisions.remove_asset(asset=own_asset(context, data_set_id, revision_id, asset_id), actor=context.actor)
