"""Handlers of the AWS Data Exchange API that read what an organization owns or is entitled to."""

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.paging import page
from marketplace.awsapi.registry import handler
from marketplace.core.errors import NotFound
from publishers import shapes
from publishers.models import Asset, DataSet, Revision
from publishers.queries.data_sets import get_owned_data_set, get_owned_revision
from publishers.shapes import Shape
from subscriptions import shapes as entitled_shapes
from subscriptions.queries import (
    get_entitled_data_set,
    get_entitled_revision,
    list_entitled_data_sets,
    list_entitled_revisions,
)

NEWEST_FIRST = ("-created_at", "-pk")


@handler("GetDataSet")
def get_data_set(context: ApiContext, *, data_set_id: str) -> Shape:
    try:
        row = get_owned_data_set(owner=context.organization, data_set_id=data_set_id)
    except NotFound:
        entitled = get_entitled_data_set(organization=context.organization, data_set_id=data_set_id, at=context.now)
        return entitled_shapes.entitled_data_set(context, entitled)
    return shapes.data_set(context, row, tags=True)


@handler("ListDataSets")
def list_data_sets(
    context: ApiContext, *, origin: str = "OWNED", max_results: int | None = None, next_token: str | None = None
) -> Shape:
    if origin == "ENTITLED":
        entitled, token = page(
            list_entitled_data_sets(organization=context.organization, at=context.now),
            order_by=("-added_at", "pk"),
            context=context,
            max_results=max_results,
            next_token=next_token,
        )
        return {"DataSets": [entitled_shapes.entitled_data_set(context, row) for row in entitled], "NextToken": token}
    owned, token = page(
        DataSet.objects.owned_by(context.organization),
        order_by=NEWEST_FIRST,
        context=context,
        max_results=max_results,
        next_token=next_token,
    )
    return {"DataSets": [shapes.data_set(context, row) for row in owned], "NextToken": token}


@handler("GetRevision")
def get_revision(context: ApiContext, *, data_set_id: str, revision_id: str) -> Shape:
    try:
        row = get_owned_revision(owner=context.organization, data_set_id=data_set_id, revision_id=revision_id)
    except NotFound:
        publication = get_entitled_revision(
            organization=context.organization, data_set_id=data_set_id, revision_id=revision_id, at=context.now
        )
        return entitled_shapes.entitled_revision(context, publication)
    return shapes.revision(context, row, tags=True)


@handler("ListDataSetRevisions")
def list_data_set_revisions(
    context: ApiContext, *, data_set_id: str, max_results: int | None = None, next_token: str | None = None
) -> Shape:
    try:
        data_set = get_owned_data_set(owner=context.organization, data_set_id=data_set_id)
    except NotFound:
        get_entitled_data_set(organization=context.organization, data_set_id=data_set_id, at=context.now)
        published, token = page(
            list_entitled_revisions(organization=context.organization, data_set_id=data_set_id, at=context.now),
            order_by=("-published_at", "-pk"),
            context=context,
            max_results=max_results,
            next_token=next_token,
        )
        return {"Revisions": [entitled_shapes.entitled_revision(context, row) for row in published], "NextToken": token}
    owned, token = page(
        Revision.objects.filter(data_set=data_set),
        order_by=NEWEST_FIRST,
        context=context,
        max_results=max_results,
        next_token=next_token,
    )
    return {"Revisions": [shapes.revision(context, row) for row in owned], "NextToken": token}


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
        get_entitled_revision(
            organization=context.organization, data_set_id=data_set_id, revision_id=revision_id, at=context.now
        )
    rows, token = page(
        Asset.objects.filter(revision_id=revision_id),
        order_by=("-name", "-pk"),
        context=context,
        max_results=max_results,
        next_token=next_token,
    )
    return {
        "Assets": [shapes.asset(context, row, data_set_id=data_set_id, owned=owned) for row in rows],
        "NextToken": token,
    }
