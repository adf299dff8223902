"""Models of the core: who, with which credentials, into which buckets; what was recorded; what is to be done."""

from marketplace.core.models.credentials import AccessKey, ApiToken, UsedSignature
from marketplace.core.models.events import Event, WebhookDelivery, WebhookDeliveryState, WebhookEndpoint
from marketplace.core.models.identity import Invitation, Membership, Organization, PublisherState, Role, User
from marketplace.core.models.inbox import Notification, NotificationSetting
from marketplace.core.models.records import AuditHead, AuditRecord, IdempotencyRecord, OutboxEvent, RateCounter
from marketplace.core.models.site import SiteSettings
from marketplace.core.models.sources import SourceAuthentication, SourceConnection, SourceKind, SslMode
from marketplace.core.models.storage import StorageConnection
from marketplace.core.models.work import WorkerHeartbeat, WorkItem

__all__ = [
    "AccessKey",
    "ApiToken",
    "AuditHead",
    "AuditRecord",
    "Event",
    "IdempotencyRecord",
    "Invitation",
    "Membership",
    "Notification",
    "NotificationSetting",
    "Organization",
    "OutboxEvent",
    "PublisherState",
    "RateCounter",
    "Role",
    "SiteSettings",
    "SourceAuthentication",
    "SourceConnection",
    "SourceKind",
    "SslMode",
    "StorageConnection",
    "UsedSignature",
    "User",
    "WebhookDelivery",
    "WebhookDeliveryState",
    "WebhookEndpoint",
    "WorkItem",
    "WorkerHeartbeat",
]
