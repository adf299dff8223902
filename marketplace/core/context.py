"""What every template may use without its view passing it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

#: first part of the path -> entry of the main navigation
_SECTIONS = {
    "": "browse",
    "catalogue": "browse",
    "products": "browse",
    "organizations": "browse",
    "my-data": "my-data",
    "subscriptions": "my-data",
    "deliveries": "deliveries",
    "auto-exports": "deliveries",
    "exports": "deliveries",
    "publish": "publish",
    "imports": "publish",
}


def site(request: HttpRequest) -> dict[str, Any]:
    """Return site_name, site_hue, nav (a view may pass its own) and the memberships of the person who asks."""
    first, _, _ = request.path.lstrip("/").partition("/")
    return {
        "site_name": settings.SITE_NAME,
        "site_hue": settings.SITE_HUE,
        "nav": _SECTIONS.get(first, ""),
        "memberships": getattr(request, "memberships", []),
    }
