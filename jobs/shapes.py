"""Jobs and event actions as response members of the AWS Data Exchange API. Source: dataexchange 2017-07-25."""

from collections.abc import Callable
from typing import Any

from jobs.models import FINAL_STATES, EventAction, Job, JobType
from jobs.operations import data_shares, imports, signed_exports, tag_policies
from jobs.queries import assets_of_import
from marketplace.awsapi.context import ApiContext

Shape = dict[str, Any]
#: Source: dataexchange 2017-07-25, JobErrorLimitName
LIMIT_NAMES = frozenset(
    {
        "Assets per revision",
        "Asset size in GB",
        "Amazon Redshift datashare assets per revision",
        "AWS Lake Formation data permission assets per revision",
        "Amazon S3 data access assets per revision",
    }
)


def job(context: ApiContext, row: Job, *, in_full: bool = False) -> Shape:
    """Return a job; Details mirrors the request. `in_full`: with the ids of the assets that an import made (not of AWS)."""
    member, details = DETAILS[row.type]
    content = details(context, row)
    if in_full and not row.is_export and row.state in FINAL_STATES:
        content["AssetIds"] = assets_of_import(job=row)
    shape: Shape = {
        "Id": row.pk,
        "Arn": context.arn(f"jobs/{row.pk}"),
        "Type": row.type,
        "State": row.state,
        "CreatedAt": row.created_at,
        "UpdatedAt": row.updated_at,
        "Details": {member: content},
    }
    if row.request.get("asset_tags"):
        pairs = row.request["asset_tags"].items()
        shape["AssetConfiguration"] = {"Tags": [{"Key": key, "Value": value} for key, value in pairs]}
    if row.errors:
        shape["Errors"] = [_error(error) for error in row.errors]
    return shape


def _error(error: dict[str, Any]) -> Shape:
    """Return an error of a job; limits and resources that AWS has no word for are in its message alone."""
    shape: Shape = {"Code": error["code"], "Message": error["message"]}
    if error.get("resource_type") in {"REVISION", "ASSET", "DATA_SET"} and error.get("resource_id"):
        shape |= {"ResourceType": error["resource_type"], "ResourceId": error["resource_id"]}
    if error.get("limit_name") in LIMIT_NAMES:
        shape |= {"LimitName": error["limit_name"], "LimitValue": float(error["limit_value"])}
    if error.get("sources"):
        sources = [{"Bucket": source["bucket"], "Key": source["key"]} for source in error["sources"]]
        shape["Details"] = {"ImportAssetsFromS3JobErrorDetails": sources}
    if error.get("asset_name"):
        shape["Details"] = {"ImportAssetFromSignedUrlJobErrorDetails": {"AssetName": error["asset_name"]}}
    return shape


def _target(row: Job) -> Shape:
    return {"DataSetId": row.published_data_set_id or row.data_set_id, "RevisionId": row.revision_id}


def _import_from_s3(context: ApiContext, row: Job) -> Shape:
    # An import by prefix or manifest is ours; it names the place, and its assets once it has ended.
    place = {"bucket": row.request.get("bucket"), "key": row.request.get("prefix") or row.request.get("manifest_key")}
    sources = row.request.get("sources", [place])
    return _target(row) | {"AssetSources": [{"Bucket": source["bucket"], "Key": source["key"]} for source in sources]}


def _import_from_signed_url(context: ApiContext, row: Job) -> Shape:
    shape = _target(row) | {"AssetName": row.request["name"], "Md5Hash": row.request["md5"]}
    url, expires_at = imports.signed_url(row, at=context.now)
    if context.now < expires_at:
        shape |= {"SignedUrl": url, "SignedUrlExpiresAt": expires_at}
    return shape


def _import_from_api(context: ApiContext, row: Job) -> Shape:
    request = row.request
    url, expires_at = imports.signed_url(row, at=context.now)
    return _target(row) | {
        "ApiDescription": request["description"] or None,
        "ApiId": request["api_id"],
        "ApiName": request["api_name"],
        "ApiSpecificationMd5Hash": request["md5"],
        "ApiSpecificationUploadUrl": url,
        "ApiSpecificationUploadUrlExpiresAt": expires_at,
        "ProtocolType": "REST",
        "Stage": request["stage"],
    }


def _bucket_access(context: ApiContext, row: Job) -> Shape:
    request = row.request
    source: Shape = {"Bucket": request["bucket"]}
    if request["key_prefixes"]:
        source["KeyPrefixes"] = request["key_prefixes"]
    if request["keys"]:
        source["Keys"] = request["keys"]
    if request["kms_key_arns"]:
        source["KmsKeysToGrant"] = [{"KmsKeyArn": arn} for arn in request["kms_key_arns"]]
    return _target(row) | {"AssetSource": source}


def _export_revisions(context: ApiContext, row: Job) -> Shape:
    destination = {
        "RevisionId": row.revision_id,
        "Bucket": row.connection.bucket if row.connection else "",
        "KeyPattern": row.request["key_pattern"],
    }
    shape: Shape = {
        "DataSetId": row.published_data_set_id or row.data_set_id,
        "RevisionDestinations": [destination],
    } | _encryption(row.request.get("encryption", ""))
    if row.event_action_id is not None:
        shape["EventActionArn"] = context.arn(f"event-actions/{row.event_action_id}")
    return shape


def _export_assets(context: ApiContext, row: Job) -> Shape:
    destinations = [
        {"AssetId": place["asset_id"], "Bucket": place["bucket"], "Key": place["key"]}
        for place in row.request["destinations"]
    ]
    return _target(row) | {"AssetDestinations": destinations} | _encryption(row.request.get("encryption", ""))


def _export_to_signed_url(context: ApiContext, row: Job) -> Shape:
    shape = _target(row) | {"AssetId": row.request["asset_id"]}
    made = signed_exports.export_url(row, at=context.now)
    if made is not None:
        shape |= {"SignedUrl": made[0], "SignedUrlExpiresAt": made[1]}
    return shape


def _import_from_data_shares(context: ApiContext, row: Job) -> Shape:
    return data_shares.data_share_details(row)


def _import_from_tag_policy(context: ApiContext, row: Job) -> Shape:
    return tag_policies.tag_policy_details(row)


#: job type -> (member of Details, its content)
DETAILS: dict[str, tuple[str, Callable[[ApiContext, Job], Shape]]] = {
    JobType.IMPORT_ASSETS_FROM_S3: ("ImportAssetsFromS3", _import_from_s3),
    JobType.IMPORT_ASSET_FROM_SIGNED_URL: ("ImportAssetFromSignedUrl", _import_from_signed_url),
    JobType.IMPORT_ASSET_FROM_API_GATEWAY_API: ("ImportAssetFromApiGatewayApi", _import_from_api),
    JobType.IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES: ("ImportAssetsFromRedshiftDataShares", _import_from_data_shares),
    JobType.IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY: (
        "ImportAssetsFromLakeFormationTagPolicy",
        _import_from_tag_policy,
    ),
    JobType.CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET: ("CreateS3DataAccessFromS3Bucket", _bucket_access),
    JobType.EXPORT_REVISIONS_TO_S3: ("ExportRevisionsToS3", _export_revisions),
    JobType.EXPORT_ASSETS_TO_S3: ("ExportAssetsToS3", _export_assets),
    JobType.EXPORT_ASSET_TO_SIGNED_URL: ("ExportAssetToSignedUrl", _export_to_signed_url),
}


def _encryption(kind: str) -> Shape:
    return {"Encryption": {"Type": kind}} if kind else {}


def event_action(context: ApiContext, row: EventAction, *, tags: bool = False) -> Shape:
    """Return an auto-export; `tags`: Create and Get carry them."""
    destination = {"Bucket": row.connection.bucket, "KeyPattern": row.key_pattern}
    shape = {
        "Id": row.pk,
        "Arn": context.arn(f"event-actions/{row.pk}"),
        "Action": {"ExportRevisionToS3": {"RevisionDestination": destination} | _encryption(row.encryption)},
        "Event": {"RevisionPublished": {"DataSetId": row.published_data_set_id}},
        "CreatedAt": row.created_at,
        "UpdatedAt": row.updated_at,
    }
    return shape | {"Tags": row.tags} if tags else shape
