"""Which scope each operation needs: one of the set is enough. What depends on the resource, the handler checks."""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.awsapi.service import Operation
from marketplace.core.errors import Denied

_PUBLISHER_READS = frozenset({"publish:read"})
_SUBSCRIBER_READS = frozenset({"subscriptions:read"})
_PUBLISHER_WRITES = frozenset({"publish:write"})
_SUBSCRIBER_WRITES = frozenset({"subscriptions:write"})
_ANY_READS = _PUBLISHER_READS | _SUBSCRIBER_READS
#: Jobs import for publishers and export for subscribers; tags stand on data sets and on event actions.
_ANY_WRITES = _PUBLISHER_WRITES | _SUBSCRIBER_WRITES

OPERATION_SCOPES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "dataexchange": {
        "AcceptDataGrant": _SUBSCRIBER_WRITES,
        "CancelJob": _ANY_WRITES,
        "CreateDataGrant": _PUBLISHER_WRITES,
        "CreateDataSet": _PUBLISHER_WRITES,
        "CreateEventAction": _SUBSCRIBER_WRITES,
        "CreateJob": _ANY_WRITES,
        "CreateRevision": _PUBLISHER_WRITES,
        "DeleteAsset": _PUBLISHER_WRITES,
        "DeleteDataGrant": _PUBLISHER_WRITES,
        "DeleteDataSet": _PUBLISHER_WRITES,
        "DeleteEventAction": _SUBSCRIBER_WRITES,
        "DeleteRevision": _PUBLISHER_WRITES,
        "GetAsset": _ANY_READS,
        "GetDataGrant": _PUBLISHER_READS,
        "GetDataSet": _ANY_READS,
        "GetEventAction": _SUBSCRIBER_READS,
        "GetJob": _ANY_READS,
        "GetReceivedDataGrant": _SUBSCRIBER_READS,
        "GetRevision": _ANY_READS,
        "ListDataGrants": _PUBLISHER_READS,
        "ListDataSetRevisions": _ANY_READS,
        "ListDataSets": _ANY_READS,
        "ListEventActions": _SUBSCRIBER_READS,
        "ListJobs": _ANY_READS,
        "ListReceivedDataGrants": _SUBSCRIBER_READS,
        "ListRevisionAssets": _ANY_READS,
        "ListTagsForResource": _ANY_READS,
        "RevokeRevision": _PUBLISHER_WRITES,
        "SendApiAsset": frozenset({"data:read"}),
        "SendDataSetNotification": _PUBLISHER_WRITES,
        "StartJob": _ANY_WRITES,
        "TagResource": _ANY_WRITES,
        "UntagResource": _ANY_WRITES,
        "UpdateAsset": _PUBLISHER_WRITES,
        "UpdateDataSet": _PUBLISHER_WRITES,
        "UpdateEventAction": _SUBSCRIBER_WRITES,
        "UpdateRevision": _PUBLISHER_WRITES,
    }
}


def require_scope(operation: Operation, held: frozenset[str]) -> None:
    """Raise Denied unless one of the operation's scopes is held."""
    needed = OPERATION_SCOPES[operation.service][operation.name]
    if not needed & held:
        raise Denied(f"{operation.service}:{operation.name} needs the permission {' or '.join(sorted(needed))}.")
