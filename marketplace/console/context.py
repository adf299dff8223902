"""What the templates of the console may use without their view passing it."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from subscriptions.request_queries import count_waiting_requests


def publishing(request: HttpRequest) -> dict[str, Any]:
    """Return waiting_requests: how many requests the member's organization can decide; counted where a page shows it."""
    organization = getattr(request, "organization", None)
    if organization is None:
        return {}
    return {"waiting_requests": SimpleLazyObject(lambda: count_waiting_requests(owner=organization, at=timezone.now()))}
