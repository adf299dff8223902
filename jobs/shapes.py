"""Jobs and event actions as response members of the AWS Data Exchange API. Source: dataexchange 2017-07-25."""

from typing import Any

from jobs.models import EventAction, Job, JobType
from jobs.operations import imports
from marketplace.awsapi.context import ApiContext

Shape = dict[str, Any]


def job(context: ApiContext, row: Job) -> Shape:
    """Return a job; Details mirrors the request."""
    shape: Shape = {
        "Id": row.pk,
        "Arn": context.arn(f"jobs/{row.pk}"),
        "Type": row.type,
        "State": row.state,
        "CreatedAt": row.created_at,
        "UpdatedAt": row.updated_at,
        "Details": _details(context, row),
    }
    if row.request.get("asset_tags"):
        pairs = row.request["asset_tags"].items()
        shape["AssetConfiguration"] = {"Tags": [{"Key": key, "Value": value} for key, value in pairs]}
    if row.errors:
        shape["Errors"] = [_error(error) for error in row.errors]
    return shape


def _error(error: dict[str, str]) -> Shape:
    shape: Shape = {"Code": error["code"], "Message": error["message"]}
    if error.get("resource_type") in {"REVISION", "ASSET", "DATA_SET"} and error.get("resource_id"):
        shape |= {"ResourceType": error["resource_type"], "ResourceId": error["resource_id"]}
    return shape


def _details(context: ApiContext, row: Job) -> Shape:
    if row.type == JobType.IMPORT_ASSETS_FROM_S3:
        return {
            "ImportAssetsFromS3": {
                "DataSetId": row.data_set_id,
                "RevisionId": row.revision_id,
                "AssetSources": [{"Bucket": s["bucket"], "Key": s["key"]} for s in row.request["sources"]],
            }
        }
    if row.type == JobType.IMPORT_ASSET_FROM_SIGNED_URL:
        details: Shape = {
            "DataSetId": row.data_set_id,
            "RevisionId": row.revision_id,
            "AssetName": row.request["name"],
            "Md5Hash": row.request["md5"],
        }
        signed = imports.signed_url(row, at=context.now)
        if signed is not None:
            details |= {"SignedUrl": signed[0], "SignedUrlExpiresAt": signed[1]}
        return {"ImportAssetFromSignedUrl": details}
    destination = {
        "RevisionId": row.revision_id,
        "Bucket": row.connection.bucket if row.connection else "",
        "KeyPattern": row.request["key_pattern"],
    }
    export: Shape = {
        "DataSetId": row.published_data_set_id or row.data_set_id,
        "RevisionDestinations": [destination],
    } | _encryption(row.request.get("encryption", ""))
    if row.event_action_id is not None:
        export["EventActionArn"] = context.arn(f"event-actions/{row.event_action_id}")
    return {"ExportRevisionsToS3": export}


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
