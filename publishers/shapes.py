"""Domain objects to response members of the AWS Data Exchange API. Source: dataexchange 2017-07-25."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from marketplace.awsapi.context import ApiContext
from marketplace.core import storage
from publishers.models import Asset, AssetType, DataSet, Revision

Shape = dict[str, Any]
#: members of AssetDetails that an asset's own details may hold; whatever else stands there is for us
ASSET_DETAILS = (
    "ApiGatewayApiAsset",
    "LakeFormationDataPermissionAsset",
    "RedshiftDataShareAsset",
    "S3DataAccessAsset",
)


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


def asset(context: ApiContext, row: Asset, *, data_set_id: str, owned: bool, in_full: bool = False) -> Shape:
    """Return an asset below the data set through which the caller looks; `in_full`: what lists and updates leave out."""
    asset_type = row.revision.data_set.asset_type
    details = {name: row.details[name] for name in ASSET_DETAILS if name in row.details}
    if row.is_file:
        details = {"S3SnapshotAsset": {"Size": float(row.size_bytes)}}
    elif asset_type == AssetType.API_GATEWAY_API:
        api = details["ApiGatewayApiAsset"] | {"ApiEndpoint": _api_endpoint()}
        # The document is content: of what was revoked, readers keep the description only.
        is_readable = owned or row.revision.revoked_at is None
        details = {"ApiGatewayApiAsset": api | _specification(context, row) if in_full and is_readable else api}
    shape: Shape = {
        "Id": row.pk,
        "Arn": context.arn(f"data-sets/{data_set_id}/revisions/{row.revision_id}/assets/{row.pk}", owned=owned),
        "AssetDetails": details,
        "AssetType": asset_type,
        "CreatedAt": row.created_at,
        "UpdatedAt": row.updated_at,
        "DataSetId": data_set_id,
        "RevisionId": row.revision_id,
        "Name": row.name,
    }
    # Entitled assets carry no tags: they are the owner's words.
    return shape | {"Tags": row.tags} if in_full and owned else shape


def _api_endpoint() -> str:
    """Return where API assets are called: at the operation's own host, where the exchange has a name for it."""
    parts = urlsplit(settings.PUBLIC_URL)
    is_named = any(c.isalpha() for c in parts.hostname or "") and ":" not in (parts.hostname or "")
    return f"{parts.scheme}://{'api-fulfill.' if is_named else ''}{parts.netloc}/v1"


def _specification(context: ApiContext, row: Asset) -> Shape:
    """Return where an API's OpenAPI document can be read for a few minutes."""
    url = storage.public_vault().presign_get(row.details["SpecificationKey"], filename=f"{row.name}.json")
    expires_at = context.now + timedelta(seconds=storage.PRESIGNED_S)
    return {"ApiSpecificationDownloadUrl": url, "ApiSpecificationDownloadUrlExpiresAt": expires_at}
