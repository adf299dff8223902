"""Handlers of the AWS Data Exchange API for jobs and auto-exports."""

from typing import Any

from jobs import shapes
from jobs.models import Encryption, Job, JobType
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
def create_job(
    context: ApiContext, *, type: str, details: dict[str, Any], asset_configuration: dict[str, Any] | None = None
) -> Shape:
    found = DETAILS.get(JobType(type)) if type in JobType.values else None
    if found is None:
        raise Invalid(f"Jobs of type {type} are not offered by this installation.", field="Type")
    member, scope = found
    if list(details) != [member]:
        raise Invalid(f"Details must hold exactly the member {member} for a job of type {type}.", field="Details")
    if scope:
        scopes.require(context.scopes, scope)
    asset_tags = _tags((asset_configuration or {}).get("Tags", []))
    if type == JobType.EXPORT_REVISIONS_TO_S3:
        if asset_tags:
            raise Invalid("Only a job that creates assets can tag them.", field="AssetConfiguration")
        return shapes.job(context, _export(context, details[member]))
    create = _import_from_s3 if type == JobType.IMPORT_ASSETS_FROM_S3 else _import_from_signed_url
    return shapes.job(context, create(context, details[member], asset_tags))


def _tags(pairs: list[dict[str, str]]) -> dict[str, str]:
    tags = {pair["Key"]: pair["Value"] for pair in pairs}
    if len(tags) != len(pairs):
        raise Invalid("Two tags have the same key.", field="Tags")
    return tags


def _encryption(request: dict[str, Any]) -> str:
    kind = request.get("Encryption", {}).get("Type", Encryption.NONE)
    if kind not in Encryption.values:
        raise Invalid(f"Encryption by {kind} is not offered by this installation; AES256 is.", field="Encryption")
    return str(kind)


def _import_from_s3(context: ApiContext, request: dict[str, Any], asset_tags: dict[str, str]) -> Job:
    return imports.create_import_from_s3(
        organization=context.organization,
        revision=get_owned_revision(
            owner=context.organization, data_set_id=request["DataSetId"], revision_id=request["RevisionId"]
        ),
        sources=[{"bucket": source["Bucket"], "key": source["Key"]} for source in request["AssetSources"]],
        asset_tags=asset_tags,
        actor=context.actor,
        at=context.now,
    )


def _import_from_signed_url(context: ApiContext, request: dict[str, Any], asset_tags: dict[str, str]) -> Job:
    return imports.create_import_from_signed_url(
        organization=context.organization,
        revision=get_owned_revision(
            owner=context.organization, data_set_id=request["DataSetId"], revision_id=request["RevisionId"]
        ),
        name=request["AssetName"],
        md5=request["Md5Hash"],
        asset_tags=asset_tags,
        actor=context.actor,
        at=context.now,
    )


def _export(context: ApiContext, request: dict[str, Any]) -> Job:
    if len(request["RevisionDestinations"]) != 1:
        raise Invalid(
            "One job exports one revision: RevisionDestinations must have exactly one entry.",
            field="RevisionDestinations",
        )
    encryption = _encryption(request)
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
            published_data_set=entry,
            revision=revision,
            connection=get_storage_connection_by_bucket(organization=organization, bucket=destination["Bucket"]),
            key_pattern=destination.get("KeyPattern", ""),
            encryption=encryption,
            actor=context.actor,
            at=context.now,
        )
    scopes.require(context.scopes, "publish:write")
    return exports.create_export(
        organization=organization,
        data_set=data_set,
        published_data_set=None,
        revision=get_owned_revision(owner=organization, data_set_id=data_set_id, revision_id=revision_id),
        connection=get_storage_connection_by_bucket(organization=organization, bucket=destination["Bucket"]),
        key_pattern=destination.get("KeyPattern", ""),
        encryption=encryption,
        actor=context.actor,
        at=context.now,
    )


@handler("StartJob")
def start_job(context: ApiContext, *, job_id: str) -> None:
    job = find_job(organization=context.organization, job_id=job_id)
    scopes.require(context.scopes, "subscriptions:write" if job.published_data_set_id else "publish:write")
    lifecycle.start_job(job=job, actor=context.actor, at=context.now)


@handler("GetJob")
def get_job(context: ApiContext, *, job_id: str) -> Shape:
    return shapes.job(context, find_job(organization=context.organization, job_id=job_id))


@handler("CreateEventAction")
def create_event_action(
    context: ApiContext, *, action: dict[str, Any], event: dict[str, Any], tags: dict[str, str] | None = None
) -> Shape:
    export = action.get("ExportRevisionToS3")
    published = event.get("RevisionPublished")
    if export is None or published is None:
        raise Invalid("Give Action.ExportRevisionToS3 and Event.RevisionPublished.", field="Action")
    encryption = _encryption(export)
    organization, data_set_id = context.organization, published["DataSetId"]
    try:
        entry = get_entitled_data_set(organization=organization, data_set_id=data_set_id, at=context.now)
    except NotFound:
        get_owned_data_set(owner=organization, data_set_id=data_set_id)
        raise Invalid("An event action needs an entitled data set; this one is your own.", field="DataSetId") from None
    destination = export["RevisionDestination"]
    row = event_actions.create_event_action(
        organization=organization,
        published_data_set=entry,
        connection=get_storage_connection_by_bucket(organization=organization, bucket=destination["Bucket"]),
        key_pattern=destination.get("KeyPattern", ""),
        encryption=encryption,
        tags=tags,
        actor=context.actor,
        at=context.now,
    )
    return shapes.event_action(context, row, tags=True)
