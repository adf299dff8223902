"""Subscription requests as whoever asked sees them, and as the publisher does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import (
    Aggregate,
    Case,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Max,
    Q,
    QuerySet,
    Value,
    When,
)

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization, User
from publishers.models import Product
from subscriptions.models import Agreement, RequestState, SubscriptionRequest
from subscriptions.queries import list_subscribers

#: fewer decisions say nothing about the next one
ENOUGH_DECISIONS = 5
SOON, VERY_SOON = timedelta(days=7), timedelta(days=2)
_PARTS = ("product__owner", "offer_version", "organization", "requested_by", "decided_by", "agreement")


@dataclass(frozen=True)
class Deadline:
    """What is left of a request's time, in words, with the tone that says how urgent it is (empty, warn, bad)."""

    words: str
    tone: str


def deadline_of(request: SubscriptionRequest, *, at: datetime) -> Deadline | None:
    """Return what is left of the time of a request that waits; None for one that does not."""
    left = request.expires_at - at
    if request.state != RequestState.PENDING or left <= timedelta(0):
        return None
    if left >= timedelta(days=1):
        amount, unit = left.days, "day"
    elif left >= timedelta(hours=1):
        amount, unit = left // timedelta(hours=1), "hour"
    else:
        amount, unit = max(1, left // timedelta(minutes=1)), "minute"
    tone = "bad" if left < VERY_SOON else "warn" if left < SOON else ""
    return Deadline(f"{amount} {unit}{'' if amount == 1 else 's'} left", tone)


def state_at(request: SubscriptionRequest, *, at: datetime) -> RequestState:
    """Return the state of a request: one that waits is over at its deadline, before the clock's task has written it."""
    is_late = request.state == RequestState.PENDING and request.expires_at <= at
    return RequestState.EXPIRED if is_late else RequestState(request.state)


def rule_in_words(rule: Mapping[str, Any]) -> str:
    """Say whom a rule of Product.approval_rules lets in; empty for none."""
    value = str(rule.get("value", ""))
    words = {
        "verified_organization": "Verified organizations",
        "email_domain": f"Verified e-mail addresses at {value}",
        "account": f"Account {value}",
    }
    return words.get(str(rule.get("kind", "")), "")


# --- of whoever asked -----------------------------------------------------------------------------------------------------
def list_requests(*, organization: Organization) -> QuerySet[SubscriptionRequest]:
    """Return what an organization asked for, newest first."""
    found = SubscriptionRequest.objects.filter(organization=organization)
    return found.select_related(*_PARTS).order_by("-created_at", "-pk")


def get_request(*, organization: Organization, request_id: str) -> SubscriptionRequest:
    """Raise NotFound alike for a request that is missing and for one that is somebody else's."""
    found = list_requests(organization=organization).filter(pk=request_id).first()
    if found is None:
        raise NotFound("SUBSCRIPTION_REQUEST", request_id)
    return found


def waiting_request(*, organization: Organization, product: Product, at: datetime) -> SubscriptionRequest | None:
    """Return the request of an organization for a product that the publisher has not decided yet."""
    waiting = list_requests(organization=organization).filter(state=RequestState.PENDING, expires_at__gt=at)
    return waiting.filter(product=product).first()


class _Median(Aggregate):
    """The middle one of an expression's values."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


def usual_time_to_decide(*, owner: Organization) -> timedelta | None:
    """Return the median time in which a publisher decided itself; None before ENOUGH_DECISIONS."""
    taken = ExpressionWrapper(F("decided_at") - F("created_at"), output_field=DurationField())
    found = SubscriptionRequest.objects.filter(
        product__owner=owner, state__in=(RequestState.APPROVED, RequestState.DECLINED), decided_by__isnull=False
    ).aggregate(n=Count("pk"), median=_Median(taken, output_field=DurationField()))
    median: timedelta | None = found["median"]
    return median if found["n"] >= ENOUGH_DECISIONS else None


# --- of the publisher -----------------------------------------------------------------------------------------------------
def list_received_requests(*, owner: Organization) -> QuerySet[SubscriptionRequest]:
    """Return the requests for an owner's products: those that wait by their deadline, then the others, newest first."""
    waits = Case(When(state=RequestState.PENDING, then=Value(0)), default=Value(1), output_field=IntegerField())
    deadline = Case(When(state=RequestState.PENDING, then=F("expires_at")), output_field=DateTimeField())
    found = SubscriptionRequest.objects.filter(product__owner=owner).select_related(*_PARTS)
    return found.order_by(waits, deadline, "-created_at", "-pk")


def get_received_request(*, owner: Organization, request_id: str) -> SubscriptionRequest:
    """Raise NotFound alike for a request that is missing and for one that another publisher got."""
    found = list_received_requests(owner=owner).filter(pk=request_id).first()
    if found is None:
        raise NotFound("SUBSCRIPTION_REQUEST", request_id)
    return found


def list_waiting_requests(*, owner: Organization, at: datetime) -> QuerySet[SubscriptionRequest]:
    """Return the requests that an owner can decide at the instant `at`, the next deadline first."""
    waiting = list_received_requests(owner=owner).filter(state=RequestState.PENDING, expires_at__gt=at)
    return waiting.order_by("expires_at", "pk")


def count_waiting_requests(*, owner: Organization, at: datetime) -> int:
    """Return how many requests an owner can decide at the instant `at`."""
    return list_waiting_requests(owner=owner, at=at).count()


@dataclass(frozen=True)
class Place:
    """Where a request stands among those that wait; neighbours are None at the ends, position is 0 when it does not wait."""

    position: int
    count: int
    before: SubscriptionRequest | None
    after: SubscriptionRequest | None


def place_of(request: SubscriptionRequest, *, owner: Organization, at: datetime) -> Place:
    """Return where a request stands among those that an owner can decide, in the order of deadlines."""
    waiting = list_waiting_requests(owner=owner, at=at)
    earlier = Q(expires_at__lt=request.expires_at) | Q(expires_at=request.expires_at, pk__lt=request.pk)
    later = Q(expires_at__gt=request.expires_at) | Q(expires_at=request.expires_at, pk__gt=request.pk)
    counted = waiting.order_by().aggregate(n=Count("pk"), earlier=Count("pk", filter=earlier))
    is_waiting = state_at(request, at=at) == RequestState.PENDING
    return Place(
        position=counted["earlier"] + 1 if is_waiting else 0,
        count=counted["n"],
        before=waiting.filter(earlier).last(),
        after=waiting.filter(later).first(),
    )


def next_waiting_request(
    request: SubscriptionRequest, *, owner: Organization, at: datetime
) -> SubscriptionRequest | None:
    """Return which request to decide after this one: that of the next deadline, else the first; None when none waits."""
    place = place_of(request, owner=owner, at=at)
    return place.after or list_waiting_requests(owner=owner, at=at).exclude(pk=request.pk).first()


def list_asked_products(*, owner: Organization) -> QuerySet[Product]:
    """Return an owner's products that somebody has asked for, by name."""
    asked = SubscriptionRequest.objects.filter(product__owner=owner).values("product")
    return Product.objects.owned_by(owner).filter(pk__in=asked).order_by("name", "pk")


def count_by_state(*, owner: Organization, product_id: str = "") -> dict[str, int]:
    """Return how many requests an owner has in each state, of one product or of all; states without one are left out."""
    found = SubscriptionRequest.objects.filter(product__owner=owner)
    if product_id:
        found = found.filter(product=product_id)
    return dict(found.values_list("state").annotate(n=Count("pk")).order_by("state"))


def list_reasons(*, owner: Organization, most: int) -> list[str]:
    """Return the reasons that an owner has given for declining, each once, the last one first."""
    declined = SubscriptionRequest.objects.filter(product__owner=owner, state=RequestState.DECLINED)
    by_reason = declined.values("reason").annotate(last=Max("decided_at")).order_by("-last")
    return [row["reason"] for row in by_reason[:most]]


def search_subscribers(*, owner: Organization, words: str = "", product_id: str = "") -> QuerySet[Agreement]:
    """Return the living agreements on an owner's products of organizations whose name or account id holds the words."""
    found = list_subscribers(owner=owner).select_related("offer_version").order_by("-accepted_at", "pk")
    if words:
        found = found.filter(Q(organization__name__icontains=words) | Q(organization__account_id__startswith=words))
    return found.filter(product=product_id) if product_id else found


def list_subscribed_products(*, owner: Organization) -> QuerySet[Product]:
    """Return an owner's products that somebody subscribes to, by name."""
    subscribed = Agreement.objects.filter(product__owner=owner, ended_at=None).values("product")
    return Product.objects.owned_by(owner).filter(pk__in=subscribed).order_by("name", "pk")


def list_subscriptions_of(*, owner: Organization, organization: Organization) -> QuerySet[Agreement]:
    """Return what an organization has of an owner's products now."""
    return list_subscribers(owner=owner).filter(organization=organization)


def count_requests_of(*, owner: Organization, organization: Organization) -> int:
    """Return how often an organization has asked for an owner's products."""
    return SubscriptionRequest.objects.filter(product__owner=owner, organization=organization).count()


def requests_by_agreement(*, agreement_ids: list[str]) -> dict[str, str]:
    """Return agreement -> the request that it came from; agreements that were not asked for are left out."""
    found = SubscriptionRequest.objects.filter(agreement__in=agreement_ids)
    return {str(agreement): pk for agreement, pk in found.values_list("agreement", "pk")}


def email_domain_of(user: User) -> tuple[str, bool]:
    """Return the domain of a person's sign-in address, and whether they have proved that it is theirs."""
    is_verified = EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True).exists()
    return user.email.rpartition("@")[2], is_verified
