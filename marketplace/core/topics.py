"""What members are told about: each topic in words, whom it concerns, and whether it is mailed unless they say otherwise."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """scope: of core/scopes.py; members whose role lacks it are not told. emails: mailed by default."""

    label: str
    scope: str
    emails: bool
    group: str


#: topic -> what it is; the order is that of the settings page
TOPICS: dict[str, Topic] = {
    "revision.published": Topic("A new revision of data you have", "subscriptions:read", False, "Data you receive"),
    "revision.revoked": Topic("A revision you had was revoked", "subscriptions:read", True, "Data you receive"),
    "data_set.notified": Topic("A publisher's notice about its data", "subscriptions:read", True, "Data you receive"),
    "delivery.failed": Topic("A delivery failed", "subscriptions:read", True, "Data you receive"),
    "delivery.completed": Topic("An automatic delivery arrived", "subscriptions:read", False, "Data you receive"),
    "request.decided": Topic(
        "A publisher decided on a request of yours", "subscriptions:read", True, "Data you receive"
    ),
    "data_grant.received": Topic("Data was shared with you", "subscriptions:read", True, "Data you receive"),
    "search.matched": Topic("New products for a saved search", "catalogue:read", True, "Catalogue"),
    "data_request.answered": Topic("An answer to data you asked for", "catalogue:read", True, "Catalogue"),
    "request.received": Topic("Somebody asks for a product of yours", "publish:read", True, "Data you publish"),
    "request.expiring": Topic("A request waits and is about to expire", "publish:read", True, "Data you publish"),
    "subscription.started": Topic(
        "Somebody subscribed to a product of yours", "publish:read", False, "Data you publish"
    ),
    "data_grant.accepted": Topic("A data grant of yours was accepted", "publish:read", False, "Data you publish"),
    "product.reviewed": Topic(
        "The operator decided on a product or on publishing", "publish:read", True, "Data you publish"
    ),
    "credential.expiring": Topic("A token or access key of yours is about to end", "keys:write", True, "Organization"),
    "team.changed": Topic("Somebody joined or left, or a role changed", "publish:read", False, "Organization"),
    "approval.wanted": Topic("A publisher or product waits for approval", "operator:write", True, "Operator"),
}
