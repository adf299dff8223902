"""Import tables of a registered lake as assets chosen by tags: what AWS does with Lake Formation tag policies.

A tag is a property: a namespace (a database, in AWS's words) has its own, a table has its own and inherits those of its
namespace. The role of the request, `arn:aws:iam::{account}:role/{source connection id}`, names the catalogue.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from jobs.models import Job, JobType, Transfer
from jobs.operations import describing
from jobs.operations.imports import create_import
from marketplace.core import iceberg_source, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid, LimitExceeded
from marketplace.core.iceberg_source import MOST_TABLES, Catalogue
from marketplace.core.models import Organization, SourceConnection, SourceKind
from marketplace.core.operations.tags import check_tags
from marketplace.core.queries.sources import get_source_connection
from marketplace.core.sources import SourceFault
from publishers.models import LIMITS, AssetType, Revision

PER_REVISION = LIMITS[AssetType.LAKE_FORMATION_DATA_PERMISSION][1]
#: part of the request -> permissions that can be given. Source: dataexchange 2017-07-25, DatabaseLFTagPolicyPermission,
#: TableTagPolicyLFPermission
PERMISSIONS = {"database": ("DESCRIBE",), "table": ("DESCRIBE", "SELECT")}
#: Source: Lake Formation API, LFTag: key of 1 to 128, values of at most 256 characters, at most 50 of them.
MOST_KEYS = MOST_VALUES = 50
LONGEST_KEY, LONGEST_VALUE = 128, 256
#: what the description of one asset may hold
MOST_MATCHED = 500
MOST_COLUMNS = 5_000
LONGEST_NAME = 1024
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/([0-9a-f]{32})")

Expression = list[dict[str, Any]]


def role_arn_of(*, organization: Organization, connection_id: str) -> str:
    """Return the RoleArn that names a registered catalogue."""
    return f"arn:aws:iam::{organization.account_id}:role/{connection_id}"


def _read_role(role_arn: str, *, organization: Organization) -> str:
    """Return the id of the source connection. Raises Invalid."""
    found = _ROLE.fullmatch(role_arn)
    if found is None:
        raise Invalid(
            f"{role_arn[:200]!r} names no registered catalogue. It looks like"
            f" {role_arn_of(organization=organization, connection_id='SOURCE-CONNECTION-ID')}.",
            field="RoleArn",
        )
    account, connection_id = found.groups()
    if account != organization.account_id:
        raise Invalid(f"The account in {role_arn} must be your own, {organization.account_id}.", field="RoleArn")
    return connection_id


def _check_policy(policy: Mapping[str, Any], *, part: str) -> dict[str, Any]:
    """Return {Expression, Permissions} with nothing else in it. Raises Invalid. part: a key of PERMISSIONS."""
    field = part.title()
    expression, permissions = policy.get("Expression"), policy.get("Permissions")
    if not isinstance(expression, list) or not 1 <= len(expression) <= MOST_KEYS:
        raise Invalid(f"The expression of {field} has 1 to {MOST_KEYS} tags.", field=f"{field}.Expression")
    checked = [_check_tag(tag, field=field) for tag in expression]
    if len({tag["TagKey"] for tag in checked}) != len(checked):
        raise Invalid("Two tags have the same key. Put all values of a key into one.", field=f"{field}.Expression")
    allowed = PERMISSIONS[part]
    if (
        not isinstance(permissions, list)
        or not permissions
        or len(set(map(str, permissions))) != len(permissions)
        or not all(each in allowed for each in permissions)
    ):
        raise Invalid(f"Permissions of {field} are {' and '.join(allowed)}, each once.", field=f"{field}.Permissions")
    return {"Expression": checked, "Permissions": list(permissions)}


def _check_tag(tag: Any, *, field: str) -> dict[str, Any]:
    key, values = (tag.get("TagKey"), tag.get("TagValues")) if isinstance(tag, Mapping) else (None, None)
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise Invalid(
            f"A tag key has 1 to {LONGEST_KEY} characters, none of them a control character.",
            field=f"{field}.Expression",
        )
    if (
        not isinstance(values, list)
        or not 1 <= len(values) <= MOST_VALUES
        or not all(isinstance(v, str) and len(v) <= LONGEST_VALUE and v.isprintable() for v in values)
        or len(set(values)) != len(values)
    ):
        raise Invalid(
            f"The tag {key} has 1 to {MOST_VALUES} different values of at most {LONGEST_VALUE} characters.",
            field=f"{field}.Expression",
        )
    return {"TagKey": key, "TagValues": list(values)}


def words_of(expression: Expression) -> str:
    """Return an expression as a person reads it: `domain=sales|finance,tier=gold`."""
    return ",".join(f"{tag['TagKey']}={'|'.join(tag['TagValues'])}" for tag in expression)


def _asset_name(part: str, expression: Expression) -> str:
    """A name may not have the parts of a path; a long one is cut and told apart by a digest."""
    name = f"{part} policy {words_of(expression)}".replace("/", "_")
    if len(name) <= LONGEST_NAME:
        return name.strip()
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: LONGEST_NAME - 14].strip()}… {digest}"


@transaction.atomic
def create_import_from_tag_policy(
    *,
    organization: Organization,
    revision: Revision,
    catalog_id: str,
    role_arn: str,
    database: dict[str, Any] | None,
    table: dict[str, Any] | None,
    actor: Actor,
    at: datetime,
    asset_tags: dict[str, str] | None = None,
) -> Job:
    """Create a WAITING import of tag policies into a draft of a data set of type LAKE_FORMATION_DATA_PERMISSION.

    database, table: {"Expression": [{"TagKey", "TagValues"}], "Permissions"}; at least one of them, each becomes an asset.
    All keys of an expression must match, each by any of its values. The catalogue is looked at when the job runs.
    Raises RevisionIsFinalized, AssetTypeDiffers, AssetNameTaken, Invalid, LimitExceeded, NotFound for a catalogue that is
    not registered. Source: dataexchange 2017-07-25, ImportAssetsFromLakeFormationTagPolicy.
    """
    if catalog_id != organization.account_id:
        raise Invalid(f"CatalogId must be your own account id, {organization.account_id}.", field="CatalogId")
    connection_id = _read_role(role_arn, organization=organization)
    policies = {
        part: _check_policy(policy, part=part)
        for part, policy in (("database", database), ("table", table))
        if policy is not None
    }
    if not policies:
        raise Invalid("Give an expression for Database, for Table, or for both.", field="Table")
    get_source_connection(organization=organization, connection_id=connection_id, kind=SourceKind.ICEBERG_REST)
    if not revision.is_finalized and revision.assets.count() + len(policies) > settings.QUOTAS[PER_REVISION]:
        raise LimitExceeded(PER_REVISION, settings.QUOTAS[PER_REVISION])
    return create_import(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY,
        asset_type=AssetType.LAKE_FORMATION_DATA_PERMISSION,
        request={
            "catalog_id": catalog_id,
            "role_arn": role_arn,
            "policies": policies,
            "asset_tags": check_tags(asset_tags),
        },
        entries=[(part, _asset_name(part, policy["Expression"])) for part, policy in policies.items()],
        actor=actor,
        at=at,
    )


def run_tag_policy(*, job: Job) -> None:
    """Match each policy against the catalogue and make an asset of it. Harmless to run again.

    Raises TemporaryFailure when the catalogue may answer later; anything final ends the job.
    """

    def describe(transfer: Transfer) -> dict[str, Any]:
        connection = get_source_connection(
            organization=job.organization,
            connection_id=_read_role(job.request["role_arn"], organization=job.organization),
            kind=SourceKind.ICEBERG_REST,
        )
        policy = job.request["policies"][transfer.key]
        match = _match_namespaces if transfer.key == "database" else _match_tables
        with iceberg_source.open_catalogue(connection) as catalogue:
            matched = match(catalogue, policy["Expression"])
        if not matched:
            raise Invalid(_no_match(connection, transfer.key, policy["Expression"]))
        return {
            "LakeFormationDataPermissionAsset": _asset_details(job, transfer.key, policy),
            "Matched": matched,
        }

    describing.run(job=job, describe=describe)


def _no_match(connection: SourceConnection, part: str, expression: Expression) -> str:
    what, where = {
        "database": ("namespace", "of namespaces"),
        "table": ("table", "of tables or of their namespaces"),
    }[part]
    return (
        f"No {what} of {connection.name} matches {words_of(expression)[:200]}. Tags are the properties {where}, compared"
        " letter by letter."
    )


def _asset_details(job: Job, part: str, policy: dict[str, Any]) -> dict[str, Any]:
    """Return LakeFormationDataPermissionAsset by the model's names."""
    return {
        "LakeFormationDataPermissionDetails": {
            "LFTagPolicy": {
                "CatalogId": job.request["catalog_id"],
                "ResourceType": part.upper(),
                "ResourceDetails": {part.title(): {"Expression": policy["Expression"]}},
            }
        },
        "LakeFormationDataPermissionType": "LFTagPolicy",
        "Permissions": policy["Permissions"],
        "RoleArn": job.request["role_arn"],
    }


def matches(expression: Expression, tags: Mapping[str, str]) -> bool:
    """Return True when every key of the expression has one of its values."""
    return all(tags.get(tag["TagKey"]) in tag["TagValues"] for tag in expression)


def _tags(expression: Expression, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that the match is due to; other properties are the catalogue's own affair."""
    return {tag["TagKey"]: tags[tag["TagKey"]] for tag in expression}


def _ensure_lease() -> None:
    lease = work.current_lease()
    if lease is not None:
        lease.ensure()


def _match_namespaces(catalogue: Catalogue, expression: Expression) -> list[dict[str, Any]]:
    """Return [{namespace: [level, …], tags}] of what matches."""
    found = []
    for namespace in catalogue.namespaces():
        _ensure_lease()
        properties = catalogue.properties_of(namespace)
        if matches(expression, properties):
            found.append({"namespace": list(namespace), "tags": _tags(expression, properties)})
            _check_size(len(found), 0)
    return found


def _match_tables(catalogue: Catalogue, expression: Expression) -> list[dict[str, Any]]:
    """Return [{namespace: [level, …], table, location, tags, columns: [{name, type, is_nullable, comment}]}]."""
    found: list[dict[str, Any]] = []
    seen = columns = 0
    for namespace in catalogue.namespaces():
        inherited = catalogue.properties_of(namespace)
        for name in catalogue.table_names(namespace):
            _ensure_lease()
            seen += 1
            if seen > MOST_TABLES:
                raise SourceFault(
                    "too_large",
                    f"The catalogue has more than {MOST_TABLES:,} tables. Register a warehouse that holds fewer.",
                )
            table = catalogue.table(namespace, name)
            if table is None:
                continue
            tags = inherited | table.properties
            if not matches(expression, tags):
                continue
            columns += len(table.columns)
            found.append(
                {
                    "namespace": list(namespace),
                    "table": name,
                    "location": table.location,
                    "tags": _tags(expression, tags),
                    "columns": [asdict(column) for column in table.columns],
                }
            )
            _check_size(len(found), columns)
    return found


def _check_size(matched: int, columns: int) -> None:
    if matched > MOST_MATCHED or columns > MOST_COLUMNS:
        raise SourceFault(
            "too_large",
            f"More than {MOST_MATCHED} tables or {MOST_COLUMNS:,} columns match. Narrow the expression, and share the"
            " rest by another.",
        )


def tag_policy_details(job: Job) -> dict[str, Any]:
    """Return the members of ImportAssetsFromLakeFormationTagPolicyResponseDetails."""
    return {
        "CatalogId": job.request["catalog_id"],
        "RoleArn": job.request["role_arn"],
        "DataSetId": job.data_set_id,
        "RevisionId": job.revision_id,
    } | {part.title(): policy for part, policy in job.request["policies"].items()}
