"""Handlers of the AWS Data Exchange API for jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from jobs import shapes, tag_api  # noqa: F401 - registers its handlers
from jobs.event_action_api import encryption_of
from jobs.models import EXPORTS, Job, JobState, JobType
from jobs.operations import apis, bucket_access, data_shares, exports, imports, lifecycle, signed_exports, tag_policies
from jobs.queries import get_job as find_job
from jobs.queries import list_jobs as find_jobs
from jobs.shapes import Shape
from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.paging import page
from marketplace.awsapi.registry import handler
from marketplace.core import scopes
from marketplace.core.errors import Denied, Invalid, NotFound
from marketplace.core.queries.storage import get_storage_connection_by_bucket
from marketplace.core.waiting import wait_until
from publishers.models import PublishedDataSet, Revision
from publishers.queries.data_sets import get_owned_revision
from subscriptions.doors import own_revision
from subscriptions.queries import get_visible_revision


class RevisionWasRevoked(Denied):
    """Its bytes are nobody's any more; what was delivered before stays."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A request for a job: the member of Details that fits its type, and the tags of the assets it will make."""

    context: ApiContext
    details: dict[str, Any]
    asset_tags: dict[str, str]

    @property
    def common(self) -> dict[str, Any]:
        """Return what every operation that creates a job takes."""
        return {"organization": self.context.organization, "actor": self.context.actor, "at": self.context.now}

    @property
    def target(self) -> dict[str, Any]:
        """Return what every import takes besides. Raises NotFound, EntitledIsReadOnly."""
        revision = own_revision(self.context, self.details["DataSetId"], self.details["RevisionId"])
        return self.common | {"revision": revision, "asset_tags": self.asset_tags}


def _import_from_s3(wish: Wish) -> Job:
    sources = [{"bucket": source["Bucket"], "key": source["Key"]} for source in wish.details["AssetSources"]]
    return imports.create_import_from_s3(sources=sources, **wish.target)


def _import_from_signed_url(wish: Wish) -> Job:
    return imports.create_import_from_signed_url(
        name=wish.details["AssetName"], md5=wish.details["Md5Hash"], **wish.target
    )


def _import_from_api(wish: Wish) -> Job:
    details = wish.details
    return apis.create_import_from_api(
        api_id=details["ApiId"],
        api_name=details["ApiName"],
        stage=details["Stage"],
        specification_md5=details["ApiSpecificationMd5Hash"],
        description=details.get("ApiDescription", ""),
        api_key=details.get("ApiKey", ""),
        **wish.target,
    )


def _import_from_data_shares(wish: Wish) -> Job:
    arns = [source["DataShareArn"] for source in wish.details["AssetSources"]]
    return data_shares.create_import_from_data_shares(arns=arns, **wish.target)


def _import_from_tag_policy(wish: Wish) -> Job:
    details = wish.details
    return tag_policies.create_import_from_tag_policy(
        catalog_id=details["CatalogId"],
        role_arn=details["RoleArn"],
        database=details.get("Database"),
        table=details.get("Table"),
        **wish.target,
    )


def _bucket_access(wish: Wish) -> Job:
    source, target = wish.details["AssetSource"], wish.target
    return bucket_access.create_bucket_access(
        connection=get_storage_connection_by_bucket(organization=wish.context.organization, bucket=source["Bucket"]),
        key_prefixes=source.get("KeyPrefixes", []),
        keys=source.get("Keys", []),
        kms_key_arns=[key["KmsKeyArn"] for key in source.get("KmsKeysToGrant", [])],
        **target,
    )


def _exported(wish: Wish, revision_id: str) -> dict[str, Any]:
    """Return the revision to export, one's own or an entitled one. Raises NotFound, RevisionWasRevoked, Denied."""
    if wish.asset_tags:
        raise Invalid("Only a job that creates assets can tag them.", field="AssetConfiguration")
    context, data_set_id = wish.context, wish.details["DataSetId"]
    entry: PublishedDataSet | None = None
    try:
        revision: Revision = get_owned_revision(
            owner=context.organization, data_set_id=data_set_id, revision_id=revision_id
        )
    except NotFound:
        publication = get_visible_revision(
            organization=context.organization, data_set_id=data_set_id, revision_id=revision_id, at=context.now
        )
        entry, revision = publication.published_data_set, publication.revision
        if revision.revoked_at is not None:
            message = f"The publisher has revoked this revision: {revision.revocation_comment}"
            raise RevisionWasRevoked(message, resource_type="REVISION", resource_id=revision_id) from None
    scopes.require(context.scopes, "publish:write" if entry is None else "subscriptions:write")
    return wish.common | {"published_data_set": entry, "revision": revision}


def _export_revisions(wish: Wish) -> Job:
    destinations = wish.details["RevisionDestinations"]
    if len(destinations) != 1:
        message = "One job exports one revision: RevisionDestinations must have exactly one entry."
        raise Invalid(message, field="RevisionDestinations")
    destination = destinations[0]
    exported = _exported(wish, destination["RevisionId"])
    return exports.create_export(
        connection=get_storage_connection_by_bucket(
            organization=wish.context.organization, bucket=destination["Bucket"]
        ),
        key_pattern=destination.get("KeyPattern", ""),
        encryption=encryption_of(wish.details),
        **exported,
    )


def _export_assets(wish: Wish) -> Job:
    exported = _exported(wish, wish.details["RevisionId"])
    wanted = wish.details["AssetDestinations"]
    connections = {
        bucket: get_storage_connection_by_bucket(organization=wish.context.organization, bucket=bucket)
        for bucket in {destination["Bucket"] for destination in wanted}
    }
    return exports.create_asset_export(
        destinations=[
            exports.AssetDestination(one["AssetId"], connections[one["Bucket"]], one.get("Key", "")) for one in wanted
        ],
        encryption=encryption_of(wish.details),
        **exported,
    )


def _export_to_signed_url(wish: Wish) -> Job:
    return signed_exports.create_signed_url_export(
        asset_id=wish.details["AssetId"], **_exported(wish, wish.details["RevisionId"])
    )


#: job type -> (member of Details, what creates it)
CREATORS: dict[str, tuple[str, Callable[[Wish], Job]]] = {
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


@handler("CreateJob")
def create_job(
    context: ApiContext, *, type: str, details: dict[str, Any], asset_configuration: dict[str, Any] | None = None
) -> Shape:
    member, create = CREATORS[type]
    if list(details) != [member]:
        raise Invalid(f"Details must hold exactly the member {member} for a job of type {type}.", field="Details")
    if type not in EXPORTS:
        scopes.require(context.scopes, "publish:write")
    wish = Wish(context, details[member], _tags((asset_configuration or {}).get("Tags", [])))
    return shapes.job(context, create(wish))


def _tags(pairs: list[dict[str, str]]) -> dict[str, str]:
    tags = {pair["Key"]: pair["Value"] for pair in pairs}
    if len(tags) != len(pairs):
        raise Invalid("Two tags have the same key.", field="Tags")
    return tags


def _living(context: ApiContext) -> QuerySet[Job]:
    """Return the caller's jobs that the AWS-shaped API still shows: those of the last 90 days, of AWS's types."""
    return find_jobs(organization=context.organization).filter(
        created_at__gt=context.now - lifecycle.RETENTION, type__in=CREATORS
    )


def _find(context: ApiContext, job_id: str) -> Job:
    job = find_job(organization=context.organization, job_id=job_id)
    if job.created_at <= context.now - lifecycle.RETENTION or job.type not in CREATORS:
        raise NotFound("JOB", job_id)
    return job


def _require(context: ApiContext, job: Job) -> None:
    scopes.require(context.scopes, "subscriptions:write" if job.published_data_set_id else "publish:write")


@handler("StartJob")
def start_job(context: ApiContext, *, job_id: str) -> None:
    job = _find(context, job_id)
    _require(context, job)
    lifecycle.start_job(job=job, actor=context.actor, at=context.now)


@handler("CancelJob")
def cancel_job(context: ApiContext, *, job_id: str) -> None:
    job = _find(context, job_id)
    _require(context, job)
    lifecycle.cancel_job(job=job, actor=context.actor, at=context.now)


@handler("GetJob")
def get_job(context: ApiContext, *, job_id: str) -> Shape:
    """Beyond AWS, `?wait=30` answers when the job has ended, after at most so many seconds (1 to 30)."""
    job = _find(context, job_id)
    if "wait" in context.options:
        running = Job.objects.filter(pk=job.pk, state=JobState.IN_PROGRESS)
        wait_until(lambda: not running.exists(), seconds=context.options["wait"])
        job = _find(context, job_id)
    return shapes.job(context, job, in_full=True)


@handler("ListJobs")
def list_jobs(
    context: ApiContext,
    *,
    data_set_id: str | None = None,
    revision_id: str | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Shape:
    """Beyond AWS, `?type=` and `?state=` narrow the list."""
    found = _living(context)
    if data_set_id is not None:
        found = found.filter(Q(published_data_set=data_set_id) | Q(published_data_set=None, data_set=data_set_id))
    if revision_id is not None:
        found = found.filter(revision=revision_id)
    for name, known in (("type", list(CREATORS)), ("state", JobState.values)):
        if name in context.options:
            if context.options[name] not in known:
                raise Invalid(f"{name} must be one of {', '.join(known)}.", field=name)
            found = found.filter(**{name: context.options[name]})
    rows, token = page(
        found, order_by=("-created_at", "-pk"), context=context, max_results=max_results, next_token=next_token
    )
    return {"Jobs": [shapes.job(context, row) for row in rows], "NextToken": token}
