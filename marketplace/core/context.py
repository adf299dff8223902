"""What every template may use without its view passing it."""

from functools import partial
from typing import Any

from django.http import HttpRequest

from marketplace.core import brand, scopes
from marketplace.core.models import Membership
from marketplace.core.queries.inbox import count_unread

#: first part of the path -> entry of the main navigation
_SECTIONS = {
    "": "browse",
    "catalogue": "browse",
    "products": "browse",
    "organizations": "browse",
    "requests": "browse",
    "searches": "browse",
    "my-data": "my-data",
    "subscriptions": "my-data",
    "deliveries": "deliveries",
    "auto-exports": "deliveries",
    "exports": "deliveries",
    "publish": "publish",
    "imports": "publish",
    "operate": "operate",
}


def site(request: HttpRequest) -> dict[str, Any]:
    """Return site_name, site_hue, nav (a view may pass its own), the memberships of the person who asks, is_operator."""
    first, _, _ = request.path.lstrip("/").partition("/")
    shown = brand.current()
    membership = getattr(request, "membership", None)
    return {
        "site_name": shown.name,
        "site_hue": shown.hue,
        "nav": _SECTIONS.get(first, ""),
        "memberships": getattr(request, "memberships", []),
        "is_operator": membership is not None and scopes.OPERATOR in scopes.allowed(membership),
        "unread_notifications": partial(_unread, membership),
    }


def _unread(membership: Membership | None) -> int:
    """Count what the bell shows; asked by the page's frame alone, so that a part of a page costs no query."""
    return 0 if membership is None else count_unread(membership=membership, held=scopes.allowed(membership))
