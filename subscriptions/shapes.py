"""What an organization is entitled to as response members of the AWS Data Exchange API. Source: dataexchange 2017-07-25."""

from marketplace.awsapi.context import ApiContext
from publishers.models import PublishedDataSet, PublishedRevision
from publishers.shapes import Shape
from subscriptions.models import DataGrant


def entitled_data_set(context: ApiContext, row: PublishedDataSet) -> Shape:
    """Return an entitled data set: its own id, no account in the ARN, never the owner's tags."""
    origin = {"ProductId": row.product_id} if row.product_id else {"DataGrantId": row.data_grant.pk}
    shape: Shape = {
        "Id": row.pk,
        "Arn": context.arn(f"data-sets/{row.pk}", owned=False),
        "AssetType": row.data_set.asset_type,
        "CreatedAt": row.added_at,
        "UpdatedAt": row.data_set.updated_at,
        "Name": row.data_set.name,
        "Description": row.data_set.description,
        "Origin": "ENTITLED",
        "OriginDetails": origin,
    }
    if row.data_set.owner_id == context.organization.pk:
        shape["SourceId"] = row.data_set_id
    return shape


def entitled_revision(context: ApiContext, row: PublishedRevision) -> Shape:
    """Return a published revision as its reader sees it: CreatedAt is when it was published; revoked ones say why."""
    revision = row.revision
    shape: Shape = {
        "Id": revision.pk,
        "Arn": context.arn(f"data-sets/{row.published_data_set_id}/revisions/{revision.pk}", owned=False),
        "DataSetId": row.published_data_set_id,
        "Comment": revision.comment,
        "Finalized": True,
        "CreatedAt": row.published_at,
        "UpdatedAt": max(row.published_at, revision.updated_at),
    }
    if row.published_data_set.data_set.owner_id == context.organization.pk:
        shape["SourceId"] = revision.pk
    if revision.revoked_at is not None:
        shape |= {"Revoked": True, "RevokedAt": revision.revoked_at, "RevocationComment": revision.revocation_comment}
    return shape


def data_grant_arn(context: ApiContext, row: DataGrant) -> str:
    """Return the ARN of a data grant, which names its sender for both sides."""
    return f"arn:aws:dataexchange:{context.region}:{row.sender.account_id}:data-grants/{row.pk}"


def data_grant(context: ApiContext, row: DataGrant, *, in_full: bool = False) -> Shape:
    """Return a data grant as its sender sees it; `in_full`: what lists leave out."""
    shape = received_data_grant(context, row, in_full=in_full) | {"SourceDataSetId": row.published_data_set.data_set_id}
    return shape | {"Tags": row.tags} if in_full else shape


def received_data_grant(context: ApiContext, row: DataGrant, *, in_full: bool = False) -> Shape:
    """Return a data grant as its receiver sees it: without the source's id and the sender's tags."""
    shape: Shape = {
        "Id": row.pk,
        "Arn": data_grant_arn(context, row),
        "Name": row.name,
        "SenderPrincipal": row.sender.account_id,
        "ReceiverPrincipal": row.receiver.account_id,
        "AcceptanceState": row.state,
        "AcceptedAt": row.accepted_at,
        "EndsAt": row.ends_at,
        "DataSetId": row.published_data_set_id,
        "CreatedAt": row.created_at,
        "UpdatedAt": row.updated_at,
    }
    if in_full:
        shape |= {"Description": row.description or None, "GrantDistributionScope": row.distribution_scope}
    return shape
