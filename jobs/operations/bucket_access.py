"""Give live read access to a publisher's bucket, or to prefixes and keys of it, as an asset.

Source: dataexchange 2017-07-25, CreateS3DataAccessFromS3Bucket; user guide, Amazon S3 data access.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from jobs.models import Job, JobType, Transfer
from jobs.operations import describing
from jobs.operations.imports import asset_id_of, create_import
from marketplace.core import storage
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import Organization, StorageConnection
from marketplace.core.operations.tags import check_tags
from marketplace.core.storage import Bucket
from publishers.models import AssetType, Revision

MOST_PLACES = 5


@transaction.atomic
def create_bucket_access(
    *,
    organization: Organization,
    revision: Revision,
    connection: StorageConnection,
    key_prefixes: list[str],
    keys: list[str],
    kms_key_arns: list[str],
    actor: Actor,
    at: datetime,
    asset_tags: dict[str, str] | None = None,
) -> Job:
    """Create a WAITING job that shares a connected bucket: all of it, or at most 5 prefixes and keys together.

    kms_key_arns: named in the asset; objects are read under the connection's own key, which holds the right to decrypt.
    Raises RevisionIsFinalized, AssetTypeDiffers, LimitExceeded, Invalid.
    """
    places = [*key_prefixes, *keys]
    if len(places) > MOST_PLACES:
        raise Invalid(f"Name at most {MOST_PLACES} prefixes and keys together, or none for the whole bucket.")
    if len(set(places)) != len(places) or any(not 1 <= len(place.encode()) <= 1024 for place in places):
        raise Invalid("Each prefix and each key has 1 to 1,024 bytes and is named once.")
    job = create_import(
        organization=organization,
        revision=revision,
        kind=JobType.CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET,
        request={
            "connection_id": connection.pk,
            "bucket": connection.bucket,
            "key_prefixes": key_prefixes,
            "keys": keys,
            "kms_key_arns": kms_key_arns,
            "asset_tags": check_tags(asset_tags),
        },
        entries=[(connection.bucket, connection.bucket)],
        actor=actor,
        at=at,
        asset_type=AssetType.S3_DATA_ACCESS,
    )
    # Source: AWS Data Exchange user guide: assets of this type are named by their id.
    Transfer.objects.filter(job=job, job_created_at=job.created_at).update(name=f"s3-data-access-{asset_id_of(job, 0)}")
    return job


def run_bucket_access(*, job: Job) -> None:
    """Show that everything named can be read, and add the asset. Harmless to run again. Raises TemporaryFailure."""
    describing.run(job=job, describe=lambda _: _describe(job))


def _describe(job: Job) -> dict[str, Any]:
    request, asset_id = job.request, asset_id_of(job, 0)
    connection = StorageConnection.objects.filter(pk=request["connection_id"], removed_at=None).first()
    if connection is None:
        raise NotFound("STORAGE_CONNECTION", request["bucket"], "The storage connection was removed.")
    _check_readable(storage.bucket_of(connection), request["key_prefixes"], request["keys"])
    point = f"arn:aws:s3:{settings.S3_REGION}:{job.organization.account_id}:accesspoint/dx-{asset_id}"
    access: dict[str, Any] = {
        "Bucket": request["bucket"],
        "S3AccessPointAlias": f"dx-{asset_id}-s3alias",
        "S3AccessPointArn": point,
    }
    if request["key_prefixes"]:
        access["KeyPrefixes"] = request["key_prefixes"]
    if request["keys"]:
        access["Keys"] = request["keys"]
    if request["kms_key_arns"]:
        access["KmsKeysToGrant"] = [{"KmsKeyArn": arn} for arn in request["kms_key_arns"]]
    return {"S3DataAccessAsset": access, "ConnectionId": connection.pk}


def _check_readable(bucket: Bucket, prefixes: list[str], keys: list[str]) -> None:
    """Raise StorageFault, or NotFound for a prefix under which nothing lies."""
    bucket.check_exists()
    for key in keys:
        bucket.head(key)
    for prefix in prefixes or ([""] if not keys else []):
        if not bucket.list_keys(prefix, limit=1) and prefix:
            raise NotFound("OBJECT", prefix, f"The bucket {bucket.name} has no object below {prefix}.")
