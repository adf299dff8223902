"""Subscription requests: ask for a product whose publisher decides, decide, withdraw; what time does to them.

Whoever locks both locks the product first, then the request, and writes the audit last.
Source: AWS Data Exchange user guide, subscription verification.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from marketplace.core import audit
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.events import publish_on_commit
from marketplace.core.models import Organization, User
from marketplace.core.operations.inbox import tell_members
from publishers.models import Product, ProductState
from publishers.queries.products import may_see
from subscriptions.answers import check_answers, digest_of
from subscriptions.models import RequestState, SubscriptionRequest
from subscriptions.operations import AlreadySubscribed, TermsNotAccepted, conclude_agreement, lock_offered
from subscriptions.queries import living_agreement

#: how long a publisher may take
LIFE = timedelta(days=45)
#: a publisher is reminded when this much is left
REMINDERS = (timedelta(days=7), timedelta(days=1))
#: of one organization for one product; who was declined may ask again, and a program that runs wild may not flood an inbox
MOST_A_DAY = 10
REASON_SHORTEST, REASON_LONGEST = 10, 1000
BATCH = 200


class ApprovalNotNeeded(Conflict):
    message = "The publisher of this product lets everybody subscribe. Accept its terms instead of asking."


class RequestAlreadyWaits(Conflict):
    message = "Your organization has asked for this product already, and the publisher has not decided yet."


class QuestionsHaveChanged(Conflict):
    message = "The publisher has changed its questions since you read them. Read them again, then ask."


class RequestIsDecided(Conflict):
    message = "This request does not wait any more."


class SubscribesAlready(Conflict):
    message = "This organization subscribes to the product already."


class ProductIsGone(Conflict):
    message = "The product is not in the catalogue any more, so nobody new can subscribe to it."


@transaction.atomic
def create_request(
    *,
    organization: Organization,
    product: Product,
    offer_version_id: str,
    terms_accepted: bool,
    answers: Mapping[str, Any],
    user: User,
    actor: Actor,
    at: datetime,
    read_questions: str | None = None,
) -> SubscriptionRequest:
    """Ask for a product under the offer version that was read; the publisher has LIFE to decide.

    answers: key of a question -> text, or a boolean for a tick. read_questions: `digest_of` the questions that were
    shown. Where a rule of the publisher fits, the request is approved at once and the organization has access.
    Raises NotFound for a product that the organization may not see, TermsNotAccepted, AnswersInvalid, ProductNotOffered,
    OfferHasChanged, QuestionsHaveChanged, ApprovalNotNeeded, AlreadySubscribed, RequestAlreadyWaits, LimitExceeded.
    """
    if not terms_accepted:
        raise TermsNotAccepted(field="terms")
    if product.state == ProductState.PUBLISHED and not may_see(product=product, organization=organization):
        raise NotFound("PRODUCT", product.pk)
    product, version = lock_offered(product=product, offer_version_id=offer_version_id)
    if not product.requires_approval:
        raise ApprovalNotNeeded("PRODUCT", product.pk)
    if living_agreement(organization=organization, product=product) is not None:
        raise AlreadySubscribed("PRODUCT", product.pk)
    if read_questions is not None and read_questions != digest_of(product.questions):
        raise QuestionsHaveChanged("PRODUCT", product.pk)
    before = SubscriptionRequest.objects.filter(organization=organization, product=product)
    if before.filter(created_at__gt=at - timedelta(days=1)).count() >= MOST_A_DAY:
        raise LimitExceeded("Subscription requests per product and day", MOST_A_DAY)
    for stale in before.filter(state=RequestState.PENDING, expires_at__lte=at).select_for_update():
        _expire(stale)
    request = SubscriptionRequest(
        organization=organization,
        product=product,
        offer_version=version,
        requested_by=user,
        answers=check_answers(product.questions, answers),
        created_at=at,
        expires_at=at + LIFE,
    )
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        raise RequestAlreadyWaits("PRODUCT", product.pk) from None
    rule = _fitting_rule(product.approval_rules, organization=organization, user=user)
    if rule is not None:
        _grant(request, product=product, rule=rule, at=at)
    _record_for_both("request.created", request, actor=actor)
    if rule is None:
        publish_on_commit("request.created", organization_id=product.owner_id, request_id=request.pk)
    else:
        _record_for_both("request.approved", request, actor=SYSTEM, detail={"rule": rule})
        publish_on_commit("request.decided", organization_id=organization.pk, request_id=request.pk)
    return request


def _fitting_rule(
    rules: Iterable[Mapping[str, Any]], *, organization: Organization, user: User
) -> dict[str, Any] | None:
    """Return the first rule that lets the organization in. Of e-mail addresses only verified ones of the user count."""
    domains: set[str] | None = None
    for rule in rules:
        kind, value = rule.get("kind"), str(rule.get("value", "")).strip().lower()
        if kind == "email_domain" and domains is None:
            verified = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
            domains = {address.rpartition("@")[2].lower() for address in verified}
        if (
            (kind == "verified_organization" and organization.is_verified)
            or (kind == "account" and value == organization.account_id)
            or (kind == "email_domain" and value.removeprefix("@") in (domains or ()))
        ):
            return dict(rule)
    return None


def _grant(
    request: SubscriptionRequest,
    *,
    product: Product,
    at: datetime,
    user: User | None = None,
    rule: dict[str, Any] | None = None,
) -> None:
    request.agreement = conclude_agreement(
        organization=request.organization,
        product=product,
        version=request.offer_version,
        user=request.requested_by,
        at=at,
    )
    request.state, request.decided_at, request.decided_by = RequestState.APPROVED, at, user
    request.rule = rule or {}
    request.save(update_fields=["agreement", "state", "decided_at", "decided_by", "rule"])


def _lock_waiting(request: SubscriptionRequest, *, at: datetime) -> SubscriptionRequest:
    locked = (
        SubscriptionRequest.objects.select_for_update(of=("self",))
        .select_related("organization", "product", "offer_version", "requested_by")
        .get(pk=request.pk)
    )
    if locked.state != RequestState.PENDING:
        state = RequestState(locked.state).label.lower()
        raise RequestIsDecided(
            "SUBSCRIPTION_REQUEST", locked.pk, f"This request does not wait any more: it is {state}."
        )
    if locked.expires_at <= at:
        raise RequestIsDecided("SUBSCRIPTION_REQUEST", locked.pk, "This request has expired. It can be made again.")
    return locked


@transaction.atomic
def approve_request(*, request: SubscriptionRequest, user: User, actor: Actor, at: datetime) -> SubscriptionRequest:
    """Let the organization in under the terms that it accepted when it asked, whatever the offer says today.

    Raises RequestIsDecided, ProductIsGone, SubscribesAlready; the request is then unchanged.
    """
    product = Product.objects.select_for_update().get(pk=request.product_id)
    request = _lock_waiting(request, at=at)
    if product.state != ProductState.PUBLISHED:
        raise ProductIsGone("PRODUCT", product.pk)
    try:
        _grant(request, product=product, user=user, at=at)
    except AlreadySubscribed:
        raise SubscribesAlready("PRODUCT", product.pk) from None
    agreement_id = request.agreement_id
    _record_for_both("request.approved", request, actor=actor, detail={"agreement_id": agreement_id})
    publish_on_commit("request.decided", organization_id=request.organization_id, request_id=request.pk)
    return request


@transaction.atomic
def decline_request(
    *, request: SubscriptionRequest, reason: str, user: User, actor: Actor, at: datetime
) -> SubscriptionRequest:
    """Decline with a reason, which whoever asked reads; they may ask again. Raises Invalid, RequestIsDecided."""
    reason = reason.strip().replace("\r\n", "\n")
    if not REASON_SHORTEST <= len(reason) <= REASON_LONGEST:
        message = f"Give a reason of {REASON_SHORTEST} to {REASON_LONGEST:,} characters: whoever asked reads it."
        raise Invalid(message, field="reason")
    if "\x00" in reason:
        raise Invalid("A NUL character cannot be stored.", field="reason")
    request = _lock_waiting(request, at=at)
    _close(request, RequestState.DECLINED, user=user, at=at, reason=reason)
    _record_for_both("request.declined", request, actor=actor)
    publish_on_commit("request.decided", organization_id=request.organization_id, request_id=request.pk)
    return request


@transaction.atomic
def cancel_request(*, request: SubscriptionRequest, user: User, actor: Actor, at: datetime) -> SubscriptionRequest:
    """Withdraw a request that waits. Raises RequestIsDecided."""
    request = _lock_waiting(request, at=at)
    _close(request, RequestState.CANCELLED, user=user, at=at)
    _record_for_both("request.cancelled", request, actor=actor)
    publish_on_commit("request.cancelled", organization_id=request.product.owner_id, request_id=request.pk)
    return request


def _close(
    request: SubscriptionRequest, state: RequestState, *, at: datetime, user: User | None = None, reason: str = ""
) -> None:
    request.state, request.decided_at, request.decided_by, request.reason = state, at, user, reason
    request.save(update_fields=["state", "decided_at", "decided_by", "reason"])


def _record_for_both(
    action: str, request: SubscriptionRequest, *, actor: Actor, detail: dict[str, Any] | None = None
) -> None:
    """Write the audit of both parties; a person is named in that of their own organization only.

    In the order of the ids: two transactions that write to the same two chains never wait for each other in a circle.
    """
    for organization_id in sorted({request.organization_id, request.product.owner_id}):
        who = actor if actor.organization_id == organization_id else SYSTEM
        audit.record(
            action,
            actor=who,
            subject=request,
            detail={"product_id": request.product_id} | (detail or {}),
            organization_id=organization_id,
        )


# --- time -----------------------------------------------------------------------------------------------------------------
def _expire(request: SubscriptionRequest) -> None:
    _close(request, RequestState.EXPIRED, at=request.expires_at)
    _record_for_both("request.expired", request, actor=SYSTEM)
    publish_on_commit("request.expired", organization_id=request.organization_id, request_id=request.pk)


def expire_requests(*, at: datetime) -> int:
    """End the requests whose time is over, each in a transaction of its own; return how many."""
    due = SubscriptionRequest.objects.filter(state=RequestState.PENDING, expires_at__lte=at)
    ended = 0
    while ids := list(due.order_by("expires_at").values_list("pk", flat=True)[:BATCH]):
        for pk in ids:
            with transaction.atomic():
                found = due.select_related("product").select_for_update(of=("self",)).filter(pk=pk).first()
                if found is not None:
                    _expire(found)
                    ended += 1
    return ended


def remind_of_requests(*, at: datetime) -> int:
    """Remind publishers of requests that are about to expire, once for each of REMINDERS; return of how many.

    A reminder that was missed while nothing ran is not made up for when a later one is due.
    """
    wanted = Q()
    for left in REMINDERS:
        not_yet = Q(reminded_at=None) | Q(reminded_at__lt=F("expires_at") - left)
        wanted |= Q(expires_at__lte=at + left) & not_yet
    due = SubscriptionRequest.objects.filter(wanted, state=RequestState.PENDING, expires_at__gt=at)
    reminded = 0
    while ids := list(due.order_by("expires_at").values_list("pk", flat=True)[:BATCH]):
        for pk in ids:
            with transaction.atomic():
                rows = due.select_related("organization", "product").select_for_update(of=("self",))
                found = rows.filter(pk=pk).first()
                if found is not None:
                    _remind(found, at=at)
                    reminded += 1
    return reminded


def _remind(request: SubscriptionRequest, *, at: datetime) -> None:
    request.reminded_at = at
    request.save(update_fields=["reminded_at"])
    days = min(left for left in REMINDERS if request.expires_at <= at + left).days
    when = f"within {days} days" if days > 1 else "within a day"
    _tell_publisher(
        request,
        topic="request.expiring",
        key=f"expiring-{days}",
        text=f"The request of {request.organization.name} for {request.product.name} expires {when}.",
        at=at,
    )


# --- who is told ----------------------------------------------------------------------------------------------------------
def _tell_publisher(request: SubscriptionRequest, *, topic: str, key: str, text: str, at: datetime) -> None:
    tell_members(
        organization_ids=[request.product.owner_id],
        topic=topic,
        source_key=f"request:{request.pk}:{key}",
        subject_key=f"product:{request.product_id}",
        subject_label=request.product.name,
        text=text,
        path=f"/publish/requests/{request.pk}",
        at=at,
    )


def _tell_asker(request: SubscriptionRequest, *, key: str, text: str, at: datetime) -> None:
    tell_members(
        organization_ids=[request.organization_id],
        topic="request.decided",
        source_key=f"request:{request.pk}:{key}",
        subject_key=f"product:{request.product_id}",
        subject_label=request.product.name,
        text=text,
        path=f"/my-data/requests/{request.pk}",
        at=at,
    )


def tell_of_request(*, request: SubscriptionRequest) -> None:
    """Tell the publisher that somebody asks."""
    text = f"{request.organization.name} asks for {request.product.name}."
    _tell_publisher(request, topic="request.received", key="received", text=text, at=request.created_at)


def tell_of_decision(*, request: SubscriptionRequest) -> None:
    """Tell whoever asked what the publisher decided. Where a rule did, they saw it when they asked."""
    if request.decided_at is None or request.rule:
        return
    owner, product = request.product.owner.name, request.product.name
    if request.state == RequestState.APPROVED:
        text = f"{owner} approved your request: {product} is among your data now."
    else:
        text = f"{owner} declined your request for {product}: {request.reason}"
    _tell_asker(request, key="decided", text=text, at=request.decided_at)


def tell_of_expiry(*, request: SubscriptionRequest) -> None:
    """Tell both parties that nobody decided in time."""
    product, at = request.product.name, request.expires_at
    text = f"{request.product.owner.name} has not decided in {LIFE.days} days: your request for {product} has expired."
    _tell_asker(request, key="expired", text=f"{text} You may ask again.", at=at)
    text = f"The request of {request.organization.name} for {product} has expired undecided."
    _tell_publisher(request, topic="request.expiring", key="expired", text=text, at=at)
