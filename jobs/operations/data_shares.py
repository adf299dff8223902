"""Import tables of a registered database as assets that are read live: what AWS does with Redshift data shares.

A share is named as AWS names it, `arn:aws:redshift:{region}:{account}:datashare:{source connection id}/{name}`, where
the name is a schema of the database, or `schema.table`.
"""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from jobs.models import Job, JobType, Transfer
from jobs.operations import describing
from jobs.operations.imports import create_import
from marketplace.core import postgres_source
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid, LimitExceeded
from marketplace.core.models import Organization, SourceKind
from marketplace.core.operations.tags import check_tags
from marketplace.core.postgres_source import Table
from marketplace.core.queries.sources import get_source_connection
from publishers.models import LIMITS, AssetType, Revision

PER_JOB = "Amazon Redshift datashare assets per import job from Redshift"
PER_REVISION = LIMITS[AssetType.REDSHIFT_DATA_SHARE][1]
_ARN = re.compile(r"arn:aws:redshift:([a-z0-9-]{1,40}):(\d{12}):datashare:([0-9a-f]{32})/([^/\x00-\x1f]{1,127})")
_LONGEST_NAME = 63  # of an identifier. Source: PostgreSQL documentation, "Identifiers and Key Words"


@dataclass(frozen=True)
class Share:
    """table: empty when the whole schema is shared."""

    connection_id: str
    schema: str
    table: str

    @property
    def name(self) -> str:
        """Return the name of the share and of its asset."""
        return f"{self.schema}.{self.table}" if self.table else self.schema


def share_arn(*, organization: Organization, connection_id: str, name: str) -> str:
    """Return the ARN of a share; name: `schema` or `schema.table`."""
    return f"arn:aws:redshift:{settings.S3_REGION}:{organization.account_id}:datashare:{connection_id}/{name}"


def read_arn(arn: str, *, organization: Organization) -> Share:
    """Return what an ARN of an organization's share names. Raises Invalid."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise Invalid(
            f"{arn[:200]!r} is no DataShareArn. It looks like"
            f" {share_arn(organization=organization, connection_id='SOURCE-CONNECTION-ID', name='schema.table')}.",
            field="DataShareArn",
        )
    region, account, connection_id, name = found.groups()
    if account != organization.account_id:
        raise Invalid(
            f"The account in {arn} must be your own, {organization.account_id}: register the database as a source of"
            " your organization.",
            field="DataShareArn",
        )
    if region != settings.S3_REGION:
        raise Invalid(f"The region in {arn} must be {settings.S3_REGION}.", field="DataShareArn")
    schema, *rest = name.split(".")
    if len(rest) > 1 or not all(0 < len(part) <= _LONGEST_NAME for part in (schema, *rest)):
        raise Invalid(
            f"{name!r} names no share. Use schema or schema.table, each of 1 to {_LONGEST_NAME} characters without a"
            " dot.",
            field="DataShareArn",
        )
    return Share(connection_id, schema, rest[0] if rest else "")


@transaction.atomic
def create_import_from_data_shares(
    *,
    organization: Organization,
    revision: Revision,
    arns: list[str],
    actor: Actor,
    at: datetime,
    asset_tags: dict[str, str] | None = None,
) -> Job:
    """Create a WAITING import of shares into a draft of a data set of type REDSHIFT_DATA_SHARE.

    The database is looked at when the job runs. Raises RevisionIsFinalized, AssetTypeDiffers, AssetNameTaken, Invalid,
    NotFound for a database that is not registered, LimitExceeded with the names of AWS.
    Source: dataexchange 2017-07-25, ImportAssetsFromRedshiftDataShares.
    """
    if not arns:
        raise Invalid("Name at least one data share.", field="asset_sources")
    if len(arns) > settings.QUOTAS[PER_JOB]:
        raise LimitExceeded(PER_JOB, settings.QUOTAS[PER_JOB])
    if len(set(arns)) != len(arns):
        raise Invalid("A data share is named twice.", field="asset_sources")
    shares = [read_arn(arn, organization=organization) for arn in arns]
    for connection_id in {share.connection_id for share in shares}:
        get_source_connection(organization=organization, connection_id=connection_id, kind=SourceKind.POSTGRESQL)
    if not revision.is_finalized and revision.assets.count() + len(arns) > settings.QUOTAS[PER_REVISION]:
        raise LimitExceeded(PER_REVISION, settings.QUOTAS[PER_REVISION])
    return create_import(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES,
        asset_type=AssetType.REDSHIFT_DATA_SHARE,
        request={"arns": arns, "asset_tags": check_tags(asset_tags)},
        entries=[(arn, share.name) for arn, share in zip(arns, shares, strict=True)],
        actor=actor,
        at=at,
    )


def run_data_shares(*, job: Job) -> None:
    """Look at each share's tables and make an asset of them. Harmless to run again.

    Raises TemporaryFailure when a database may answer later; anything final ends the job.
    """

    def describe(transfer: Transfer) -> dict[str, Any]:
        share = read_arn(transfer.key, organization=job.organization)
        connection = get_source_connection(
            organization=job.organization, connection_id=share.connection_id, kind=SourceKind.POSTGRESQL
        )
        tables = postgres_source.read_share(connection, schema=share.schema, table=share.table)
        return {"RedshiftDataShareAsset": {"Arn": transfer.key}, "Tables": [_table(table) for table in tables]}

    describing.run(job=job, describe=describe)


def _table(table: Table) -> dict[str, Any]:
    """Return {schema, name, kind, comment, estimated_rows, columns: [{name, type, is_nullable, comment}]}."""
    return asdict(table)


def data_share_details(job: Job) -> dict[str, Any]:
    """Return the members of ImportAssetsFromRedshiftDataSharesResponseDetails."""
    return {
        "AssetSources": [{"DataShareArn": arn} for arn in job.request["arns"]],
        "DataSetId": job.data_set_id,
        "RevisionId": job.revision_id,
    }
