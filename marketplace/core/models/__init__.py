"""Models of the core: who, with which credentials, into which buckets; what was recorded; what is to be done."""

from marketplace.core.models.credentials import AccessKey, ApiToken, UsedSignature
from marketplace.core.models.identity import Membership, Organization, Role, User
from marketplace.core.models.records import AuditHead, AuditRecord, IdempotencyRecord, OutboxEvent, RateCounter
from marketplace.core.models.storage import StorageConnection
from marketplace.core.models.work import WorkerHeartbeat, WorkItem

__all__ = [
    "AccessKey",
    "ApiToken",
    "AuditHead",
    "AuditRecord",
    "IdempotencyRecord",
    "Membership",
    "Organization",
    "OutboxEvent",
    "RateCounter",
    "Role",
    "StorageConnection",
    "UsedSignature",
    "User",
    "WorkItem",
    "WorkerHeartbeat",
]
