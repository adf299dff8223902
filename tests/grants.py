"""Data grants and data sets that hold no files, made by real operations."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from marketplace.core import work
from marketplace.core.ids import new_id
from marketplace.core.models import Membership
from publishers.models import AssetType, DataSet, PublishedDataSet, Revision
from publishers.operations import data_sets, revisions
from subscriptions.models import DataGrant
from subscriptions.operations import accept_data_grant, create_data_grant
from tests.conftest import actor_of


def give_data_grant(sender: Membership, receiver: Membership, data_set: DataSet, **changes: Any) -> DataGrant:
    """Give a data grant that waits to be accepted."""
    wanted: dict[str, Any] = {"name": "Pilot", "description": "For the pilot."} | changes
    return create_data_grant(
        sender=sender.organization,
        receiver_account_id=receiver.organization.account_id,
        data_set=data_set,
        actor=actor_of(sender),
        at=timezone.now(),
        **wanted,
    )


def accept(grant: DataGrant, receiver: Membership) -> PublishedDataSet:
    """Accept a data grant and return the data set as its receiver sees it."""
    accept_data_grant(data_grant=grant, receiver=receiver.organization, actor=actor_of(receiver), at=timezone.now())
    work.run_due()
    return grant.published_data_set


def make_api_revision(owner: Membership, *, finalize: bool = True) -> Revision:
    """Make a data set of APIs with a revision that holds one."""
    at, actor = timezone.now(), actor_of(owner)
    data_set = data_sets.create_data_set(
        owner=owner.organization,
        name="Flight status",
        description="Live.",
        asset_type=AssetType.API_GATEWAY_API,
        actor=actor,
        at=at,
    )
    revision = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)
    revisions.add_described_asset(
        revision=revision,
        asset_id=new_id(),
        name="status.csv",
        details={"ApiName": "status"},
        actor=actor,
        at=at,
    )
    if finalize:
        revision = revisions.finalize_revision(revision=revision, actor=actor, at=timezone.now())
        work.run_due()
    return revision
