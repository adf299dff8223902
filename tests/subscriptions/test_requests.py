"""Subscription requests: who may ask, who is let in at once, what a decision does and what time does."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from marketplace.core import work
from marketplace.core.errors import Invalid, LimitExceeded, NotFound
from marketplace.core.models import AuditRecord, Membership, Notification, OutboxEvent, Role
from publishers.models import Product, ProductViewer, Visibility
from publishers.operations import products
from publishers.queries.products import current_offer_version
from subscriptions import requests
from subscriptions.answers import AnswersInvalid, digest_of
from subscriptions.models import Agreement, Entitlement, RequestState, SubscriptionRequest
from subscriptions.operations import (
    AlreadySubscribed,
    ApprovalNeeded,
    OfferHasChanged,
    ProductNotOffered,
    TermsNotAccepted,
    accept_offer,
    end_agreement,
)
from subscriptions.queries import readable_revisions
from subscriptions.request_queries import (
    Deadline,
    count_waiting_requests,
    deadline_of,
    get_received_request,
    get_request,
    list_reasons,
    list_received_requests,
    next_waiting_request,
    place_of,
    state_at,
    usual_time_to_decide,
    waiting_request,
)
from subscriptions.tasks import attend_to_requests, tell_of_decision, tell_of_expiry, tell_of_request
from tests.asking import ANSWERS, QUESTIONS, approve, ask, decline, guard, waiting_row
from tests.conftest import actor_of, make_member
from tests.together import blocked, outcomes

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def guarded(product):
    """The product, whose publisher decides who subscribes."""
    return guard(product)


@pytest.fixture
def asked(guarded, subscriber):
    """A request of the subscriber that waits."""
    return ask(subscriber, guarded)


def cancel(request, member, at=None):
    return requests.cancel_request(request=request, user=member.user, actor=actor_of(member), at=at or timezone.now())


def change_terms(product, publisher):
    products.update_product(product=product, terms="Pay in kind.", actor=actor_of(publisher), at=timezone.now())


def readable(member):
    return readable_revisions(organization=member.organization, at=timezone.now())


def verify(member, email=None, *, verified=True):
    return EmailAddress.objects.create(user=member.user, email=email or member.user.email, verified=verified)


# --- asking ---------------------------------------------------------------------------------------------------------------
def test_asking_freezes_terms_and_questions_and_gives_nothing(guarded, subscriber, publisher):
    at = timezone.now()
    made = ask(subscriber, guarded, at=at)
    assert (made.state, made.offer_version, made.requested_by) == (
        RequestState.PENDING,
        current_offer_version(product=guarded),
        subscriber.user,
    )
    assert (made.created_at, made.expires_at) == (at, at + timedelta(days=45))
    assert [row["key"] for row in made.answers] == [q["key"] for q in QUESTIONS]
    assert made.answers[0] == {
        "key": "use",
        "label": "What will you use it for?",
        "kind": "long_text",
        "answer": "To plan staff.",
    }
    assert readable(subscriber).count() == 0
    guard(guarded, questions=[])
    change_terms(guarded, publisher)
    made.refresh_from_db()
    assert (made.offer_version.number, len(made.answers)) == (1, 7)
    assert {(r.scope, r.actor_kind) for r in AuditRecord.objects.filter(action="request.created")} == {
        (subscriber.organization_id, "user"),
        (publisher.organization_id, "system"),
    }


def test_a_product_whose_publisher_decides_cannot_be_accepted(guarded, subscriber):
    with pytest.raises(ApprovalNeeded, match="Ask for access"):
        accept_offer(
            organization=subscriber.organization,
            product=guarded,
            offer_version_id=current_offer_version(product=guarded).pk,
            terms_accepted=True,
            user=subscriber.user,
            actor=actor_of(subscriber),
            at=timezone.now(),
        )
    assert Agreement.objects.count() == 0


def test_what_stands_against_asking_is_told(guarded, subscriber, publisher):
    with pytest.raises(TermsNotAccepted):
        ask(subscriber, guarded, terms_accepted=False)
    with pytest.raises(OfferHasChanged):
        ask(subscriber, guarded, offer_version_id="0" * 32)
    with pytest.raises(requests.QuestionsHaveChanged):
        ask(subscriber, guarded, read_questions="0" * 32)
    with pytest.raises(AnswersInvalid) as caught:
        ask(subscriber, guarded, answers={"use": "x"})
    assert sorted(caught.value.errors) == ["fair", "role", "seat"]
    guard(guarded)
    Product.objects.filter(pk=guarded.pk).update(requires_approval=False)
    with pytest.raises(requests.ApprovalNotNeeded):
        ask(subscriber, guarded)
    guard(guarded)
    products.unpublish_product(product=guarded, actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(ProductNotOffered):
        ask(subscriber, Product.objects.get(pk=guarded.pk))
    assert SubscriptionRequest.objects.count() == 0


def test_the_questions_that_were_read_are_answered(guarded, subscriber):
    assert ask(subscriber, guarded, read_questions=digest_of(guarded.questions)).state == RequestState.PENDING


def test_a_private_product_is_asked_for_by_those_who_may_see_it_alone(guarded, subscriber, stranger):
    Product.objects.filter(pk=guarded.pk).update(visibility=Visibility.PRIVATE)
    guarded.refresh_from_db()
    ProductViewer.objects.create(product=guarded, organization=subscriber.organization)
    with pytest.raises(NotFound):
        ask(stranger, guarded)
    assert ask(subscriber, guarded).state == RequestState.PENDING


def test_one_request_waits_per_organization_and_product(asked, guarded, subscriber, stranger):
    with pytest.raises(requests.RequestAlreadyWaits):
        ask(subscriber, guarded)
    assert ask(stranger, guarded).state == RequestState.PENDING
    assert SubscriptionRequest.objects.count() == 2


def test_who_subscribes_does_not_ask(asked, guarded, subscriber, publisher):
    approve(asked, publisher)
    with pytest.raises(AlreadySubscribed):
        ask(subscriber, guarded)


@pytest.mark.parametrize("end", ["decline", "cancel", "expire", "subscription"])
def test_who_was_refused_withdrew_waited_in_vain_or_has_left_may_ask_again(asked, guarded, subscriber, publisher, end):
    at = timezone.now()
    if end == "decline":
        decline(asked, publisher)
    elif end == "cancel":
        cancel(asked, subscriber)
    elif end == "expire":
        at = asked.expires_at
    else:
        end_agreement(agreement=approve(asked, publisher).agreement, actor=actor_of(subscriber), at=at)
    again = ask(subscriber, guarded, at=at)
    asked.refresh_from_db()
    assert again.state == RequestState.PENDING
    assert (
        asked.state
        == {
            "decline": RequestState.DECLINED,
            "cancel": RequestState.CANCELLED,
            "expire": RequestState.EXPIRED,
            "subscription": RequestState.APPROVED,
        }[end]
    )


def test_a_program_that_runs_wild_is_stopped(guarded, subscriber):
    at = timezone.now()
    for _ in range(requests.MOST_A_DAY):
        cancel(ask(subscriber, guarded, at=at), subscriber)
    with pytest.raises(LimitExceeded):
        ask(subscriber, guarded, at=at)
    assert ask(subscriber, guarded, at=at + DAY).state == RequestState.PENDING


# --- rules ----------------------------------------------------------------------------------------------------------------
def is_let_in(member, product, *rules):
    made = ask(member, guard(product, rules=list(rules)))
    let_in = made.state == RequestState.APPROVED
    assert let_in == (readable(member).count() == 1) == (made.agreement is not None)
    assert made.rule in ([*rules] if let_in else [{}])
    return let_in


def test_a_rule_approves_at_once_and_is_recorded(product, subscriber, publisher):
    rule = {"kind": "account", "value": subscriber.organization.account_id}
    made = ask(subscriber, guard(product, rules=[{"kind": "verified_organization"}, rule]))
    assert (made.state, made.rule, made.decided_by) == (RequestState.APPROVED, rule, None)
    assert made.agreement.offer_version == made.offer_version
    assert made.agreement.accepted_by == subscriber.user
    approved = AuditRecord.objects.filter(action="request.approved")
    assert {(r.scope, r.actor_kind, r.detail["rule"]["kind"]) for r in approved} == {
        (subscriber.organization_id, "system", "account"),
        (publisher.organization_id, "system", "account"),
    }
    work.run_due()
    # Whoever asked has seen it; the publisher is told of a subscriber, not of a request.
    assert not Notification.objects.filter(topic__startswith="request.").exists()


def test_a_rule_for_another_account_lets_nobody_else_in(product, subscriber, stranger):
    rule = {"kind": "account", "value": stranger.organization.account_id}
    assert not is_let_in(subscriber, product, rule)
    assert is_let_in(stranger, product, rule)


@pytest.mark.parametrize("is_verified", [True, False])
def test_a_rule_for_verified_organizations(product, subscriber, is_verified):
    subscriber.organization.is_verified = is_verified
    subscriber.organization.save()
    assert is_let_in(subscriber, product, {"kind": "verified_organization"}) == is_verified


@pytest.mark.parametrize(
    ("email", "verified", "domain", "let_in"),
    [
        ("ann@example.com", True, "example.com", True),
        ("ann@Example.COM", True, "EXAMPLE.com", True),
        ("ann@example.com", True, "@example.com", True),
        ("ann@example.com", False, "example.com", False),
        ("ann@sub.example.com", True, "example.com", False),
        ("ann@notexample.com", True, "example.com", False),
        ("ann@example.com", True, "", False),
    ],
)
def test_a_rule_for_a_domain_counts_verified_addresses_alone(product, subscriber, email, verified, domain, let_in):
    verify(subscriber, email, verified=verified)
    assert is_let_in(subscriber, product, {"kind": "email_domain", "value": domain}) == let_in


def test_the_address_that_somebody_typed_at_sign_up_proves_nothing(product, subscriber):
    domain = subscriber.user.email.rpartition("@")[2]
    assert not is_let_in(subscriber, product, {"kind": "email_domain", "value": domain})


def test_another_members_verified_address_proves_nothing(product, subscriber, stranger):
    Membership.objects.create(organization=subscriber.organization, user=stranger.user, role=Role.VIEWER)
    verify(stranger, "eve@example.com")
    assert not is_let_in(subscriber, product, {"kind": "email_domain", "value": "example.com"})


def test_a_rule_that_nobody_knows_lets_nobody_in(product, subscriber):
    assert not is_let_in(subscriber, product, {"kind": "everybody"}, {})


# --- deciding -------------------------------------------------------------------------------------------------------------
def test_approving_gives_access_under_the_terms_that_were_accepted(asked, guarded, subscriber, publisher):
    change_terms(guarded, publisher)
    at = timezone.now()
    done = approve(asked, publisher, at=at)
    agreement = Agreement.objects.get()
    assert (done.state, done.agreement, done.decided_by, done.decided_at) == (
        RequestState.APPROVED,
        agreement,
        publisher.user,
        at,
    )
    assert (agreement.offer_version.number, agreement.accepted_by, agreement.accepted_at) == (1, subscriber.user, at)
    assert Entitlement.objects.get().valid_from == at
    assert readable(subscriber).count() == 1
    assert OutboxEvent.objects.filter(name="agreement.accepted").count() == 1
    records = AuditRecord.objects.filter(action="request.approved")
    assert {(r.scope, r.actor_user_id) for r in records} == {
        (publisher.organization_id, publisher.user_id),
        (subscriber.organization_id, None),
    }


def test_a_product_that_was_taken_out_cannot_be_approved(asked, guarded, publisher, subscriber):
    products.unpublish_product(product=guarded, actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(requests.ProductIsGone):
        approve(asked, publisher)
    asked.refresh_from_db()
    assert (asked.state, Agreement.objects.count()) == (RequestState.PENDING, 0)
    assert decline(asked, publisher).state == RequestState.DECLINED


def test_who_subscribed_meanwhile_is_not_let_in_twice(asked, guarded, subscriber, publisher):
    Product.objects.filter(pk=guarded.pk).update(requires_approval=False)
    accept_offer(
        organization=subscriber.organization,
        product=guarded,
        offer_version_id=asked.offer_version_id,
        terms_accepted=True,
        user=subscriber.user,
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    asked.refresh_from_db()
    assert asked.state == RequestState.CANCELLED
    row = waiting_row(subscriber, guarded)
    with pytest.raises(requests.SubscribesAlready):
        approve(row, publisher)
    row.refresh_from_db()
    assert (row.state, Agreement.objects.count()) == (RequestState.PENDING, 1)


def test_declining_keeps_the_reason(asked, publisher, subscriber):
    done = decline(asked, publisher, "  Say what for.\r\nThen ask again. ")
    assert (done.state, done.reason) == (RequestState.DECLINED, "Say what for.\nThen ask again.")
    assert done.agreement is None
    assert readable(subscriber).count() == 0


@pytest.mark.parametrize("reason", ["", "Too short", " " * 50, "x" * 1001, "Not\x00 storable."])
def test_a_reason_that_does_not_fit_declines_nothing(asked, publisher, reason):
    with pytest.raises(Invalid) as caught:
        decline(asked, publisher, reason)
    assert caught.value.field == "reason"
    asked.refresh_from_db()
    assert asked.state == RequestState.PENDING


def test_what_is_decided_is_decided(asked, publisher, subscriber):
    decline(asked, publisher)
    for again in (
        lambda: approve(asked, publisher),
        lambda: decline(asked, publisher),
        lambda: cancel(asked, subscriber),
    ):
        with pytest.raises(requests.RequestIsDecided, match="it is declined"):
            again()
    asked.refresh_from_db()
    assert (asked.state, Agreement.objects.count()) == (RequestState.DECLINED, 0)


def test_nobody_else_reaches_a_request(asked, subscriber, publisher, stranger):
    assert get_request(organization=subscriber.organization, request_id=asked.pk) == asked
    assert get_received_request(owner=publisher.organization, request_id=asked.pk) == asked
    for other in (stranger, publisher):
        with pytest.raises(NotFound):
            get_request(organization=other.organization, request_id=asked.pk)
    for other in (stranger, subscriber):
        with pytest.raises(NotFound):
            get_received_request(owner=other.organization, request_id=asked.pk)


# --- time -----------------------------------------------------------------------------------------------------------------
def test_a_request_is_over_at_its_deadline_and_not_before(asked, publisher):
    last = asked.expires_at - timedelta(microseconds=1)
    assert requests.expire_requests(at=last) == 0
    assert state_at(asked, at=last) == RequestState.PENDING
    assert state_at(asked, at=asked.expires_at) == RequestState.EXPIRED
    with pytest.raises(requests.RequestIsDecided, match="has expired"):
        approve(asked, publisher, at=asked.expires_at)
    assert requests.expire_requests(at=asked.expires_at) == 1
    assert requests.expire_requests(at=asked.expires_at) == 0
    asked.refresh_from_db()
    assert (asked.state, asked.decided_at, asked.decided_by) == (RequestState.EXPIRED, asked.expires_at, None)
    assert Agreement.objects.count() == 0


def test_in_the_last_moment_it_is_approved(asked, publisher):
    done = approve(asked, publisher, at=asked.expires_at - timedelta(microseconds=1))
    assert done.state == RequestState.APPROVED


def told(member, topic):
    found = Notification.objects.filter(membership__organization=member.organization, topic=topic)
    return [n.text for n in found.order_by("created_at", "pk")]


def test_publishers_are_reminded_a_week_and_a_day_before(asked, publisher):
    ends = asked.expires_at
    reminded = [
        requests.remind_of_requests(at=ends - timedelta(days=7, seconds=1)),
        requests.remind_of_requests(at=ends - timedelta(days=7)),
        requests.remind_of_requests(at=ends - timedelta(days=6)),
        requests.remind_of_requests(at=ends - timedelta(hours=24)),
        requests.remind_of_requests(at=ends - timedelta(hours=1)),
        requests.remind_of_requests(at=ends),
    ]
    assert reminded == [0, 1, 0, 1, 0, 0]
    texts = told(publisher, "request.expiring")
    assert [text.partition(" expires ")[2] for text in texts] == ["within 7 days.", "within a day."]


def test_after_a_long_silence_only_the_last_reminder_is_sent(asked, publisher):
    assert requests.remind_of_requests(at=asked.expires_at - timedelta(hours=5)) == 1
    (text,) = told(publisher, "request.expiring")
    assert text.endswith("expires within a day.")


def test_nobody_is_reminded_of_what_is_decided(asked, publisher):
    decline(asked, publisher)
    assert requests.remind_of_requests(at=asked.expires_at - DAY) == 0


def test_the_clocks_task_may_run_twice(asked, subscriber, publisher):
    long_ago = timezone.now() - timedelta(days=46)
    SubscriptionRequest.objects.filter(pk=asked.pk).update(created_at=long_ago, expires_at=long_ago + requests.LIFE)
    for _ in range(2):
        attend_to_requests()
    asked.refresh_from_db()
    assert asked.state == RequestState.EXPIRED
    assert OutboxEvent.objects.filter(name="request.expired").count() == 1
    assert "subscriptions.attend_to_requests" in settings.SCHEDULE


def test_more_requests_than_a_batch_expire(guarded, stranger, monkeypatch):
    monkeypatch.setattr(requests, "BATCH", 2)
    members = [make_member("Asker") for _ in range(5)]
    rows = [waiting_row(member, guarded) for member in members]
    assert requests.expire_requests(at=max(r.expires_at for r in rows)) == 5


# --- who is told ----------------------------------------------------------------------------------------------------------
def test_both_sides_are_told_once(asked, guarded, subscriber, publisher):
    work.run_due()
    assert told(publisher, "request.received") == ["Subscriber asks for Departures of New York."]
    decline(asked, publisher, "Say what you need it for.")
    work.run_due()
    for task in (tell_of_request, tell_of_decision):
        task(request_id=asked.pk)
    assert told(subscriber, "request.decided") == [
        "Publisher declined your request for Departures of New York: Say what you need it for."
    ]
    assert told(publisher, "request.received") == ["Subscriber asks for Departures of New York."]
    again = ask(subscriber, guarded)
    approve(again, publisher)
    work.run_due()
    assert told(subscriber, "request.decided")[-1] == (
        "Publisher approved your request: Departures of New York is among your data now."
    )
    paths = Notification.objects.filter(topic="request.decided").values_list("path", flat=True)
    assert set(paths) == {f"/my-data/requests/{asked.pk}", f"/my-data/requests/{again.pk}"}


def test_both_sides_are_told_that_nobody_decided(asked, subscriber, publisher):
    requests.expire_requests(at=asked.expires_at)
    work.run_due()
    tell_of_expiry(request_id=asked.pk)
    (text,) = told(subscriber, "request.decided")
    assert "has not decided in 45 days" in text
    (text,) = told(publisher, "request.expiring")
    assert text.endswith("has expired undecided.")


def test_who_withdraws_is_told_nothing(asked, subscriber):
    cancel(asked, subscriber)
    work.run_due()
    assert told(subscriber, "request.decided") == []


# --- what pages ask -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(days=45), Deadline("45 days left", "")),
        (timedelta(days=7), Deadline("7 days left", "")),
        (timedelta(days=6, hours=23), Deadline("6 days left", "warn")),
        (timedelta(days=2), Deadline("2 days left", "warn")),
        (timedelta(days=1, hours=23), Deadline("1 day left", "bad")),
        (timedelta(hours=5), Deadline("5 hours left", "bad")),
        (timedelta(seconds=20), Deadline("1 minute left", "bad")),
        (timedelta(0), None),
    ],
)
def test_the_clock_says_what_is_left(asked, left, expected):
    assert deadline_of(asked, at=asked.expires_at - left) == expected


def test_a_decided_request_has_no_clock(asked, publisher):
    assert deadline_of(decline(asked, publisher), at=timezone.now()) is None


def test_the_inbox_puts_the_next_deadline_first_and_decided_ones_last(guarded, publisher):
    now = timezone.now()
    rows = {}
    for name, days in (("late", 30), ("soon", 2), ("middle", 9), ("gone", 1)):
        rows[name] = waiting_row(make_member(name.title()), guarded, expires_at=now + timedelta(days=days))
    decline(rows["gone"], publisher)
    owner = publisher.organization
    assert [r.organization.name for r in list_received_requests(owner=owner)] == ["Soon", "Middle", "Late", "Gone"]
    place = place_of(rows["middle"], owner=owner, at=now)
    assert (place.position, place.count, place.before, place.after) == (2, 3, rows["soon"], rows["late"])
    assert next_waiting_request(rows["soon"], owner=owner, at=now) == rows["middle"]
    assert next_waiting_request(rows["late"], owner=owner, at=now) == rows["soon"]
    assert count_waiting_requests(owner=owner, at=now) == 3
    assert count_waiting_requests(owner=owner, at=now + timedelta(days=5)) == 2
    for name in ("soon", "middle"):
        decline(rows[name], publisher)
    assert next_waiting_request(rows["late"], owner=owner, at=now) is None


def test_the_usual_time_is_the_median_of_enough_decisions_by_people(guarded, publisher, stranger):
    owner, now = publisher.organization, timezone.now()
    for hours in (1, 2, 3, 100):
        row = waiting_row(make_member("Asker"), guarded, created_at=now - timedelta(hours=hours))
        decline(row, publisher, at=now)
    assert usual_time_to_decide(owner=owner) is None
    rule = [{"kind": "account", "value": stranger.organization.account_id}]
    ask(stranger, guard(guarded, rules=rule))
    assert usual_time_to_decide(owner=owner) is None
    decline(waiting_row(make_member("Asker"), guarded, created_at=now - timedelta(hours=9)), publisher, at=now)
    assert usual_time_to_decide(owner=owner) == timedelta(hours=3)
    assert usual_time_to_decide(owner=stranger.organization) is None


def test_reasons_come_back_once_the_last_first(guarded, publisher, stranger):
    at = timezone.now()
    for number, reason in enumerate(("First reason.", "Second reason.", "First reason.")):
        row = waiting_row(make_member("Asker"), guarded)
        decline(row, publisher, reason, at=at + timedelta(minutes=number))
    assert list_reasons(owner=publisher.organization, most=5) == ["First reason.", "Second reason."]
    assert list_reasons(owner=stranger.organization, most=5) == []


def test_what_waits_is_found_until_its_deadline(asked, guarded, subscriber, stranger):
    place = {"organization": subscriber.organization, "product": guarded}
    assert waiting_request(**place, at=asked.created_at) == asked
    assert waiting_request(**place, at=asked.expires_at) is None
    assert waiting_request(organization=stranger.organization, product=guarded, at=asked.created_at) is None


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_many_approvals_at_once_one_counts(self, asked, publisher):
        found = outcomes(*[lambda: approve(asked, publisher)] * 4)
        assert sum(isinstance(f, SubscriptionRequest) for f in found) == 1
        assert sum(isinstance(f, requests.RequestIsDecided) for f in found) == 3
        assert (Agreement.objects.count(), Entitlement.objects.count()) == (1, 1)

    def test_approval_and_withdrawal_at_once_have_one_effect(self, asked, publisher, subscriber):
        found = outcomes(lambda: approve(asked, publisher), lambda: cancel(asked, subscriber))
        assert sum(isinstance(f, requests.RequestIsDecided) for f in found) == 1
        asked.refresh_from_db()
        assert Agreement.objects.count() == (1 if asked.state == RequestState.APPROVED else 0)
        assert asked.state in {RequestState.APPROVED, RequestState.CANCELLED}

    def test_of_many_requests_at_once_one_is_made(self, guarded, subscriber):
        found = outcomes(*[lambda: ask(subscriber, guarded)] * 4)
        assert sum(isinstance(f, SubscriptionRequest) for f in found) == 1
        assert sum(isinstance(f, requests.RequestAlreadyWaits) for f in found) == 3

    def test_two_who_decide_for_each_other_at_once_both_do(self, product, subscriber, publisher):
        """Each writes to the audit of both; neither waits for the other for ever."""
        mine = guard(product)
        theirs = Product.objects.create(
            owner=subscriber.organization,
            name="Tides",
            category="Weather",
            state="PUBLISHED",
            published_at=timezone.now(),
        )
        offer = theirs.offers.create()
        offer.versions.create(number=1, terms="Fair use.")
        guard(theirs, questions=[])
        for _ in range(3):
            first, second = ask(subscriber, mine), ask(publisher, theirs)
            found = outcomes(lambda: decline(first, publisher), lambda: decline(second, subscriber))  # noqa: B023
            assert [getattr(f, "state", f) for f in found] == [RequestState.DECLINED] * 2

    def test_an_approval_waits_for_the_product_to_be_taken_out(self, asked, guarded, publisher):
        with transaction.atomic():
            products.unpublish_product(product=guarded, actor=actor_of(publisher), at=timezone.now())
            with blocked(lambda: approve(asked, publisher)) as late:
                pass
        with pytest.raises(requests.ProductIsGone):
            late.outcome()
        assert Agreement.objects.count() == 0

    def test_a_request_that_expires_while_it_is_approved_is_approved_or_expired(self, asked, publisher):
        moment = asked.expires_at - timedelta(microseconds=1)
        found = outcomes(
            lambda: approve(asked, publisher, at=moment), lambda: requests.expire_requests(at=asked.expires_at)
        )
        asked.refresh_from_db()
        approved = isinstance(found[0], SubscriptionRequest)
        assert asked.state == (RequestState.APPROVED if approved else RequestState.EXPIRED)
        assert Agreement.objects.count() == int(approved)


def test_answers_are_validated_again_where_no_form_did(guarded, subscriber):
    with pytest.raises(AnswersInvalid) as caught:
        ask(subscriber, guarded, answers=ANSWERS | {"site": "javascript:alert(1)"})
    assert list(caught.value.errors) == ["site"]
