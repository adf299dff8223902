"""Scopes of API tokens, and what each role may do."""

from marketplace.core.errors import Denied
from marketplace.core.models import Membership, Role

#: scope -> what it allows, in words
SCOPES: dict[str, str] = {
    "catalogue:read": "Search the catalogue and read product pages",
    "publish:read": "See own data sets, revisions, products",
    "publish:write": "Create and change data sets, revisions, products; import and finalize",
    "subscriptions:read": "See entitlements, deliveries and receipts",
    "subscriptions:write": "Subscribe, set up storage connections and auto-exports, export",
    "events:read": "See events, webhooks and what was sent to them",
    "webhooks:write": "Set up webhooks, send events to them again",
    "data:read": "Read rows and download files of entitled data",
    "keys:write": "Create and revoke tokens and access keys",
    "team:read": "See members and invitations of the organization",
    "team:write": "Invite and remove members, change roles and the organization's page",
    "audit:read": "Read the organization's audit log",
    "operator:write": "Operate the installation: approvals, branding, fees, health",
}
#: held by operators of the installation alone, whatever their role
OPERATOR = "operator:write"
ALL = frozenset(SCOPES) - {OPERATOR}
_READ = frozenset({"catalogue:read", "publish:read", "subscriptions:read", "events:read", "team:read"})
ROLE_SCOPES: dict[str, frozenset[str]] = {
    Role.OWNER: ALL,
    Role.ADMIN: ALL,
    Role.PUBLISHER: _READ | {"publish:write", "webhooks:write"},
    Role.SUBSCRIBER: _READ | {"subscriptions:write", "data:read", "webhooks:write"},
    Role.BILLING: _READ,
    Role.VIEWER: _READ,
}


def allowed(membership: Membership) -> frozenset[str]:
    """Return the scopes of a member's role, and the operator's for an operator of the installation."""
    held = ROLE_SCOPES.get(membership.role, frozenset())
    return held | {OPERATOR} if membership.user.is_staff else held


def require(held: frozenset[str], scope: str) -> None:
    """Raise Denied unless the scope is held."""
    if scope not in held:
        raise Denied(f"This needs the permission {scope!r} ({SCOPES[scope].lower()}), which you do not have.")
