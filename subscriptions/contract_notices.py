"""What readers are told when a contract changes: AWS's SCHEMA_CHANGE notification, sent by the system.

Each function may run twice for one fact: the client token is the contract's, and what is told comes from its rows.
"""

from datetime import datetime
from typing import Any

from marketplace.core.actors import Actor
from publishers.contracts.comparing import Change, compare
from publishers.models import Contract, DataSet
from publishers.operations.contracts import document_of
from publishers.queries.contracts import contract_before
from subscriptions.models import DataSetNotification, NotificationType
from subscriptions.notifications import (
    LONGEST_CHANGE_DESCRIPTION,
    LONGEST_CHANGE_NAME,
    MOST_CHANGES,
    DataSetReachesNobody,
    send_notification,
)


def announce_contract(*, contract: Contract, at: datetime) -> DataSetNotification | None:
    """Send the SCHEMA_CHANGE notification of a version; None where it changes words only, is the first, or has no readers."""
    before = contract_before(contract)
    if before is None:
        return None
    changes = [change for change in compare(document_of(before), document_of(contract)) if change.level != "patch"]
    if not changes:
        return None
    # the changes that break come first: a notification has room for so many
    changes.sort(key=lambda change: not change.is_breaking)
    details = {"SchemaChangeAt": contract.effective_at, "Changes": [_told(change) for change in changes[:MOST_CHANGES]]}
    return _send(
        contract.data_set,
        type=NotificationType.SCHEMA_CHANGE,
        comment=_comment(contract, before),
        details={"SchemaChange": details},
        client_token=f"contract-{contract.pk}",
        at=at,
    )


def announce_withdrawal(
    *, data_set: DataSet, contract_id: str, version: str, at: datetime
) -> DataSetNotification | None:
    """Tell readers that a version that they were told of does not come; None where they were told of nothing."""
    told = DataSetNotification.objects.filter(data_set=data_set, client_token=f"contract-{contract_id}").first()
    if told is None:
        return None
    return _send(
        data_set,
        type=NotificationType.DATA_UPDATE,
        comment=f"Version {version} of the contract, which was announced, was withdrawn: nothing changes.",
        client_token=f"contract-withdrawn-{contract_id}",
        at=at,
    )


def _send(data_set: DataSet, **what: Any) -> DataSetNotification | None:
    actor = Actor(kind="system", organization_id=data_set.owner_id)
    try:
        return send_notification(data_set=data_set, actor=actor, **what)
    except DataSetReachesNobody:
        return None


def _told(change: Change) -> dict[str, str]:
    text = f"{change.text}{' Breaking.' if change.is_breaking else ''}"
    return {
        "Name": change.name[:LONGEST_CHANGE_NAME] or "contract",
        "Type": change.kind,
        "Description": text[:LONGEST_CHANGE_DESCRIPTION],
    }


def _comment(contract: Contract, before: Contract) -> str:
    words = f"Contract {contract.version} follows {before.version}, in force from {contract.effective_at:%Y-%m-%d %H:%M} UTC."
    return f"{words} {contract.notice}".strip()
