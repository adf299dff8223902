"""Which scope each operation needs: one of the set is enough. What depends on the resource, the handler checks."""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.awsapi.service import Operation
from marketplace.core.errors import Denied

_PUBLISHER_READS = frozenset({"publish:read"})
_SUBSCRIBER_READS = frozenset({"subscriptions:read"})
_PUBLISHER_WRITES = frozenset({"publish:write"})
_SUBSCRIBER_WRITES = frozenset({"subscriptions:write"})
_CATALOGUE_READS = frozenset({"publish:read", "catalogue:read"})
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
    },
    "marketplace-catalog": {
        "BatchDescribeEntities": _CATALOGUE_READS,
        "CancelChangeSet": _PUBLISHER_WRITES,
        "DeleteResourcePolicy": _PUBLISHER_WRITES,
        "DescribeAssessment": _CATALOGUE_READS,
        "DescribeChangeSet": _CATALOGUE_READS,
        "DescribeEntity": _CATALOGUE_READS,
        "GetResourcePolicy": _CATALOGUE_READS,
        "ListAssessments": _CATALOGUE_READS,
        "ListChangeSets": _CATALOGUE_READS,
        "ListEntities": _CATALOGUE_READS,
        "ListTagsForResource": _CATALOGUE_READS,
        "PutResourcePolicy": _PUBLISHER_WRITES,
        "StartChangeSet": _PUBLISHER_WRITES,
        "TagResource": _PUBLISHER_WRITES,
        "UntagResource": _PUBLISHER_WRITES,
    },
    # Buyers request, accept and cancel; sellers ask for payments and end agreements. Both read.
    "marketplace-agreement": {
        "AcceptAgreementApproval": _SUBSCRIBER_WRITES,
        "AcceptAgreementCancellationRequest": _SUBSCRIBER_WRITES,
        "AcceptAgreementPaymentRequest": _SUBSCRIBER_WRITES,
        "AcceptAgreementRequest": _SUBSCRIBER_WRITES,
        "BatchCreateBillingAdjustmentRequest": _PUBLISHER_WRITES,
        "CancelAgreement": _SUBSCRIBER_WRITES,
        "CancelAgreementCancellationRequest": _PUBLISHER_WRITES,
        "CancelAgreementPaymentRequest": _PUBLISHER_WRITES,
        "CancelAgreementRequest": _SUBSCRIBER_WRITES,
        "CreateAgreementRequest": _SUBSCRIBER_WRITES,
        "DescribeAgreement": _ANY_READS,
        "GetAgreementApproval": _ANY_READS,
        "GetAgreementCancellationRequest": _ANY_READS,
        "GetAgreementContacts": _ANY_READS,
        "GetAgreementEntitlements": _ANY_READS,
        "GetAgreementPaymentRequest": _ANY_READS,
        "GetAgreementRequest": _SUBSCRIBER_READS,
        "GetAgreementRequestApprovalPlans": _SUBSCRIBER_READS,
        "GetAgreementRequestTerms": _SUBSCRIBER_READS,
        "GetAgreementTerms": _ANY_READS,
        "GetBillingAdjustmentRequest": _ANY_READS,
        "ListAgreementApprovals": _ANY_READS,
        "ListAgreementCancellationRequests": _ANY_READS,
        "ListAgreementCharges": _ANY_READS,
        "ListAgreementInvoiceLineItems": _ANY_READS,
        "ListAgreementPaymentRequests": _ANY_READS,
        "ListAgreementRequests": _SUBSCRIBER_READS,
        "ListBillingAdjustmentRequests": _ANY_READS,
        "RejectAgreementApproval": _SUBSCRIBER_WRITES,
        "RejectAgreementCancellationRequest": _SUBSCRIBER_WRITES,
        "RejectAgreementPaymentRequest": _SUBSCRIBER_WRITES,
        "SearchAgreements": _ANY_READS,
        "SendAgreementCancellationRequest": _PUBLISHER_WRITES,
        "SendAgreementPaymentRequest": _PUBLISHER_WRITES,
        "StartAgreementApprovals": _SUBSCRIBER_WRITES,
        "UpdatePurchaseOrders": _SUBSCRIBER_WRITES,
    },
}


def require_scope(operation: Operation, held: frozenset[str]) -> None:
    """Raise Denied unless one of the operation's scopes is held."""
    needed = OPERATION_SCOPES[operation.service][operation.name]
    if not needed & held:
        raise Denied(f"{operation.service}:{operation.name} needs the permission {' or '.join(sorted(needed))}.")
