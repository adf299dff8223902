"""Handlers of the AWS Data Exchange API for jobs and auto-exports."""

from typing import Any

from jobs import shapes
from jobs.models import Job, JobType
from jobs.operations import event_actions, exports, imports, lifecycle
from jobs.queries import get_job as find_job
from jobs.shapes import Shape
from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.registry import handler
from marketplace.core import scopes
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.queries.storage import get_storage_connection_by_bucket
from publishers.queries.data_sets import get_owned_data_set, get_owned_revision
from subscriptions.queries import get_entitled_data_set, get_entitled_revision

#: job type -> (member of Details, what it needs)
DETAILS = {
    JobType.IMPORT_ASSETS_FROM_S3: ("ImportAssetsFromS3", "publish:write"),
    JobType.IMPORT_ASSET_FROM_SIGNED_URL: ("ImportAssetFromSignedUrl", "publish:write"),
    JobType.EXPORT_REVISIONS_TO_S3: ("ExportRevisionsToS3", ""),
}


@handler("CreateJob")
def create_job(context: ApiContext, *, type: str, details: dict[str, Any], **_: Any) -> Shape:
    found = DETAILS.get(JobType(type)) if type in JobType.values else None
    if found is None:
        raise Invalid(f"Jobs of type {type} are not offered by this installation.", field="Type")
    member, scope = found
    if list(details) != [member]:
        raise Invalid(f"Details must hold exactly the member {member} for a job of type {type}.", field="Details")
    if scope:
        scopes.require(context.scopes, scope)
    create = {
        JobType.IMPORT_ASSETS_FROM_S3: _import_from_s3,
        JobType.IMPORT_ASSET_FROM_SIGNED_URL: _import_from_signed_url,
        JobType.EXPORT_REVISIONS_TO_S3: _export,
    }[JobType(type)]
    return shapes.job(context, create(context, details[member]))


def _import_from_s3(context: ApiContext, request: dict[str, Any]) -> Job:
    return imports.create_import_from_s3(
        organization=context.organization,
        revision=get_owned_revision(
            owner=context.organization, data_set_id=request["DataSetId"], revision_id=request["RevisionId"]
        ),
        sources=[{"bucket": source["Bucket"], "key": source["Key"]} for source in request["AssetSources"]],
        actor=context.actor,
        at=context.now,
    )


def _import_from_signed_url(context: ApiContext, request: dict[str, Any]) -> Job:
    return imports.create_import_from_signed_url(
        organization=context.organization,
        revision=get_owned_revision(
            owner=context.organization, data_set_id=request["DataSetId"], revision_id=request["RevisionId"]
        ),
        name=request["AssetName"],
        md5=request["Md5Hash"],
        actor=context.actor,
        at=context.now,
    )


def _export(context: ApiContext, request: dict[str, Any]) -> Job:
    if len(request["RevisionDestinations"]) != 1:
        raise Invalid(
            "One job exports one revision: RevisionDestinations must have exactly one entry.",
            field="RevisionDestinations",
        )
    if request.get("Encryption", {}).get("Type") == "aws:kms":
        raise Invalid("Encryption by AWS KMS keys is not offered by this installation.", field="Encryption")
    destination = request["RevisionDestinations"][0]
    data_set_id, revision_id = request["DataSetId"], destination["RevisionId"]
    organization = context.organization
    try:
        data_set = get_owned_data_set(owner=organization, data_set_id=data_set_id)
    except NotFound:
        entry = get_entitled_data_set(organization=organization, data_set_id=data_set_id, at=context.now)
        revision = get_entitled_revision(
            organization=organization, data_set_id=data_set_id, revision_id=revision_id, at=context.now
        ).revision
        scopes.require(context.scopes, "subscriptions:write")
        return exports.create_export(
            organization=organization,
            data_set=entry.data_set,
            product_data_set=entry,
            revision=revision,
            connection=get_storage_connection_by_bucket(organization=organization, bucket=destination["Bucket"]),
            key_pattern=destination.get("KeyPattern", ""),
            actor=context.actor,
            at=context.now,
        )
    scopes.require(context.scopes, "publish:write")
    return exports.create_export(
        organization=organization,
        data_set=data_set,
        product_data_set=None,
        revision=get_owned_revision(owner=organization, data_set_id=data_set_id, revision_id=revision_id),
        connection=get_storage_connection_by_bucket(organization=organization, bucket=destination["Bucket"]),
        key_pattern=destination.get("KeyPattern", ""),
        actor=context.actor,
        at=context.now,
    )


@handler("StartJob")
def start_job(context: ApiContext, *, job_id: str) -> None:
    job = find_job(organization=context.organization, job_id=job_id)
    scopes.require(context.scopes, "subscriptions:write" if job.product_data_set_id else "publish:write")
    lifecycle.start_job(job=job, actor=context.actor, at=context.now)


@handler("GetJob")
def get_job(context: ApiContext, *, job_id: str) -> Shape:
    return shapes.job(context, find_job(organization=context.organization, job_id=job_id))


@handler("CreateEventAction")
def create_event_action(context: ApiContext, *, action: dict[str, Any], event: dict[str, Any], **_: Any) -> Shape:
    export = action.get("ExportRevisionToS3")
    published = event.get("RevisionPublished")
    if export is None or published is None:
        raise Invalid("Give Action.ExportRevisionToS3 and Event.RevisionPublished.", field="Action")
    if export.get("Encryption", {}).get("Type") == "aws:kms":
        raise Invalid("Encryption by AWS KMS keys is not offered by this installation.", field="Encryption")
    organization, data_set_id = context.organization, published["DataSetId"]
    try:
        entry = get_entitled_data_set(organization=organization, data_set_id=data_set_id, at=context.now)
    except NotFound:
        get_owned_data_set(owner=organization, data_set_id=data_set_id)
        raise Invalid("An event action needs an entitled data set; this one is your own.", field="DataSetId") from None
    destination = export["RevisionDestination"]
    row = event_actions.create_event_action(
        organization=organization,
        product_data_set=entry,
        connection=get_storage_connection_by_bucket(organization=organization, bucket=destination["Bucket"]),
        key_pattern=destination.get("KeyPattern", ""),
        actor=context.actor,
        at=context.now,
    )
    return shapes.event_action(context, row)
