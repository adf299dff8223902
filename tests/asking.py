"""Products whose publisher decides, and requests for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from marketplace.core.models import Membership
from publishers.models import Product
from publishers.queries.products import current_offer_version
from subscriptions import requests
from subscriptions.models import SubscriptionRequest
from tests.conftest import actor_of

QUESTIONS: list[dict[str, Any]] = [
    {
        "key": "use",
        "label": "What will you use it for?",
        "kind": "long_text",
        "help": "Two sentences do.",
        "is_required": True,
    },
    {"key": "site", "label": "Your project's page", "kind": "url", "help": "", "is_required": False},
    {"key": "seat", "label": "Country", "kind": "country", "help": "", "is_required": True},
    {
        "key": "role",
        "label": "You are",
        "kind": "choice",
        "help": "",
        "is_required": True,
        "choices": ["Buyer", "Analyst"],
    },
    {"key": "mail", "label": "Contact", "kind": "email", "help": "", "is_required": False},
    {"key": "team", "label": "Team", "kind": "text", "help": "", "is_required": False},
    {"key": "fair", "label": "We do not resell it", "kind": "checkbox", "help": "", "is_required": True},
]
ANSWERS: dict[str, Any] = {"use": "To plan staff.", "seat": "DE", "role": "Analyst", "fair": True}


def guard(product: Product, *, rules: list[dict[str, str]] | None = None, questions: Any = None) -> Product:
    """Make a product one whose publisher decides, with questions and rules."""
    product.requires_approval = True
    product.questions = QUESTIONS if questions is None else questions
    product.approval_rules = rules or []
    product.save(update_fields=["requires_approval", "questions", "approval_rules"])
    return product


def ask(member: Membership, product: Product, *, at: datetime | None = None, **changes: Any) -> SubscriptionRequest:
    """Ask for a product."""
    wanted: dict[str, Any] = {
        "organization": member.organization,
        "product": product,
        "offer_version_id": current_offer_version(product=product).pk,
        "terms_accepted": True,
        "answers": ANSWERS if product.questions else {},
        "user": member.user,
        "actor": actor_of(member),
        "at": at or timezone.now(),
    }
    return requests.create_request(**wanted | changes)


def approve(request: SubscriptionRequest, member: Membership, *, at: datetime | None = None) -> SubscriptionRequest:
    """Approve a request as a member of the publisher."""
    return requests.approve_request(request=request, user=member.user, actor=actor_of(member), at=at or timezone.now())


def decline(
    request: SubscriptionRequest,
    member: Membership,
    reason: str = "Tell us more about your project.",
    *,
    at: datetime | None = None,
) -> SubscriptionRequest:
    """Decline a request as a member of the publisher."""
    return requests.decline_request(
        request=request, reason=reason, user=member.user, actor=actor_of(member), at=at or timezone.now()
    )


def waiting_row(member: Membership, product: Product, **changes: Any) -> SubscriptionRequest:
    """Write a request that waits, whatever the organization has already."""
    now = timezone.now()
    wanted: dict[str, Any] = {
        "organization": member.organization,
        "product": product,
        "offer_version": current_offer_version(product=product),
        "requested_by": member.user,
        "answers": [{"key": "use", "label": "What for?", "kind": "text", "answer": "To plan."}],
        "created_at": now,
        "expires_at": now + requests.LIFE,
    }
    return SubscriptionRequest.objects.create(**wanted | changes)
