"""Domain objects to response members of the AWS Data Exchange API. Source: dataexchange 2017-07-25."""

from typing import Any

from marketplace.awsapi.context import ApiContext
from publishers.models import Asset, DataSet, Revision

Shape = dict[str, Any]


def data_set(context: ApiContext, row: DataSet, *, tags: bool = False) -> Shape:
    """Return an owned data set; `tags`: Create and Get carry them, lists and updates do not."""
    shape = {
        "Id": row.pk,
        "Arn": context.arn(f"data-sets/{row.pk}"),
        "AssetType": row.asset_type,
        "CreatedAt": row.created_at,
        "UpdatedAt": row.updated_at,
        "Name": row.name,
        "Description": row.description,
        "Origin": "OWNED",
    }
    return shape | {"Tags": row.tags} if tags else shape


def revision(context: ApiContext, row: Revision, *, tags: bool = False) -> Shape:
    """Return an owned revision."""
    shape: Shape = {
        "Id": row.pk,
        "Arn": context.arn(f"data-sets/{row.data_set_id}/revisions/{row.pk}"),
        "DataSetId": row.data_set_id,
        "Comment": row.comment,
        "Finalized": row.is_finalized,
        "CreatedAt": row.created_at,
        "UpdatedAt": row.updated_at,
    }
    if row.revoked_at is not None:
        shape |= {"Revoked": True, "RevokedAt": row.revoked_at, "RevocationComment": row.revocation_comment}
    return shape | {"Tags": row.tags} if tags else shape


def asset(context: ApiContext, row: Asset, *, data_set_id: str, owned: bool) -> Shape:
    """Return an asset below the data set through which the caller looks."""
    return {
        "Id": row.pk,
        "Arn": context.arn(f"data-sets/{data_set_id}/revisions/{row.revision_id}/assets/{row.pk}", owned=owned),
        "AssetDetails": {"S3SnapshotAsset": {"Size": float(row.size_bytes)}},
        "AssetType": "S3_SNAPSHOT",
        "CreatedAt": row.created_at,
        "UpdatedAt": row.updated_at,
        "DataSetId": data_set_id,
        "RevisionId": row.revision_id,
        "Name": row.name,
    }
