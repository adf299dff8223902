"""A publisher's inbox of requests, and its list of subscribers."""

import csv
import io
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from marketplace.core.models import Membership, Organization, Role
from publishers.models import Product
from publishers.operations import products
from subscriptions.models import Agreement, RequestState, SubscriptionRequest
from subscriptions.requests import LIFE
from tests.asking import approve, ask, decline, guard, waiting_row
from tests.conftest import actor_of, make_member
from tests.console.pages import member_with, sign_in

pytestmark = pytest.mark.django_db
REASON = "Tell us more about your project."


@pytest.fixture
def guarded(product):
    """The product, whose publisher decides who subscribes."""
    return guard(product)


@pytest.fixture
def asked(guarded, subscriber):
    """A request of the subscriber that waits."""
    return ask(subscriber, guarded)


@pytest.fixture
def path(asked):
    """Where the publisher reads it."""
    return f"/publish/requests/{asked.pk}"


def many_requests(product, count, **changes):
    """Write requests that wait, each of an organization of its own."""
    organizations = Organization.objects.bulk_create(Organization(name=f"Asker {n}") for n in range(count))
    member, now = make_member("Asking"), timezone.now()
    offer = product.offers.get().versions.get()
    wanted = {"product": product, "offer_version": offer, "requested_by": member.user, "expires_at": now + LIFE}
    return SubscriptionRequest.objects.bulk_create(
        SubscriptionRequest(organization=organization, **(wanted | changes)) for organization in organizations
    )


def test_the_inbox_lists_what_waits_with_its_clock(client, publisher, guarded, asked):
    waiting_row(make_member("Urgent"), guarded, expires_at=timezone.now() + timedelta(hours=30))
    page = sign_in(client, publisher).get("/publish/requests")
    assert [row.organization.name for row, _, _ in page.context["rows"]] == ["Urgent", "Subscriber"]
    text = page.content.decode()
    assert "1 day left" in text
    assert "44 days left" in text
    assert '<span class="count num">2<span class="sr"> waiting</span></span>' in text
    assert '<span class="count num">2<span' in client.get("/publish").content.decode()


def test_the_inbox_is_filtered_by_state_and_product(client, publisher, guarded, asked):
    other = Product.objects.create(owner=publisher.organization, name="Tides", category="Weather")
    other.offers.create().versions.create(number=1, terms="t")
    decline(waiting_row(make_member("Declined"), other), publisher)
    sign_in(client, publisher)

    def names(query):
        return [row.organization.name for row, _, _ in client.get(f"/publish/requests?{query}").context["rows"]]

    assert names("") == ["Subscriber", "Declined"]
    assert names("state=waiting") == ["Subscriber"]
    assert names("state=declined") == ["Declined"]
    assert names(f"product={other.pk}") == ["Declined"]
    assert names(f"product={other.pk}&state=waiting") == []
    assert "No request matches" in client.get(f"/publish/requests?product={other.pk}&state=waiting").content.decode()
    assert names("product=%00&state=none&page=x") == ["Subscriber", "Declined"]


def test_a_request_says_who_asks(client, publisher, subscriber, guarded, asked, path):
    Organization.objects.filter(pk=subscriber.organization_id).update(website="https://sub.example.org")
    page = sign_in(client, publisher).get(path).content.decode()
    for part in (
        subscriber.organization.account_id,
        "https://sub.example.org",
        "Not verified",
        "Address not verified",
        "example.org",
        "Nothing yet",
        "Never",
        "To plan staff.",
        "Germany",
        "version 1",
    ):
        assert part in page
    assert subscriber.user.email not in page  # its domain says enough
    EmailAddress.objects.create(user=subscriber.user, email=subscriber.user.email, verified=True)
    Organization.objects.filter(pk=subscriber.organization_id).update(is_verified=True)
    page = client.get(path).content.decode()
    assert "Address verified" in page
    assert "Not verified" not in page


def test_approving_leads_to_the_next_one(client, publisher, guarded, subscriber, asked, path):
    later = waiting_row(make_member("Later"), guarded, expires_at=asked.expires_at + timedelta(days=1))
    sign_in(client, publisher)
    done = client.post(f"{path}/approve")
    assert done.url == f"/publish/requests/{later.pk}"
    page = client.get(done.url).content.decode()
    assert "Approved. Subscriber has access now. Next: Later." in page
    assert Agreement.objects.get().organization == subscriber.organization
    done = client.post(f"/publish/requests/{later.pk}/decline", {"reason": REASON})
    assert done.url == "/publish/requests"
    assert "Nothing else waits." in client.get(done.url).content.decode()
    later.refresh_from_db()
    assert (later.state, later.reason) == (RequestState.DECLINED, REASON)


def test_declining_asks_for_a_reason_and_offers_those_given_before(client, publisher, guarded, asked, path):
    sign_in(client, publisher)
    for sent in ({}, {"reason": "Short"}, {"reason": "x" * 1001}, {"before": "Never given before."}):
        refused = client.post(f"{path}/decline", sent)
        assert refused.status_code == 422
        assert refused.context["form"].errors
    assert "x" * 1001 not in client.post(f"{path}/decline", {"reason": "Short"}).content.decode()
    decline(waiting_row(make_member("Earlier"), guarded), publisher, REASON)
    assert REASON in client.get(path).content.decode()
    assert client.post(f"{path}/decline", {"before": REASON, "reason": ""}).status_code == 302
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == (RequestState.DECLINED, REASON)


def test_a_written_reason_counts_more_than_a_chosen_one(client, publisher, guarded, asked, path):
    decline(waiting_row(make_member("Earlier"), guarded), publisher, REASON)
    sign_in(client, publisher).post(f"{path}/decline", {"before": REASON, "reason": "Something else entirely."})
    asked.refresh_from_db()
    assert asked.reason == "Something else entirely."


def test_changed_terms_are_told_before_approving(client, publisher, guarded, asked, path):
    products.update_product(product=guarded, terms="Pay in kind.", actor=actor_of(publisher), at=timezone.now())
    page = sign_in(client, publisher).get(path).content.decode()
    assert "Your terms have changed since" in page
    assert "Use it well." in page


def test_what_cannot_be_approved_any_more_says_so(client, publisher, subscriber, guarded, asked, path):
    products.unpublish_product(product=guarded, actor=actor_of(publisher), at=timezone.now())
    sign_in(client, publisher)
    assert "can only be declined" in client.get(path).content.decode()
    refused = client.post(f"{path}/approve")
    assert refused.status_code == 409
    assert "not in the catalogue any more" in refused.content.decode()
    decline(asked, publisher)
    for act, sent in (("approve", {}), ("decline", {"reason": REASON})):
        answer = client.post(f"{path}/{act}", sent)
        assert answer.status_code == 409
        assert "it is declined" in answer.content.decode()
    assert Agreement.objects.count() == 0


def test_many_are_approved_at_once(client, publisher, guarded, asked):
    other = waiting_row(make_member("Other"), guarded)
    gone = decline(waiting_row(make_member("Gone"), guarded), publisher)
    sign_in(client, publisher)
    sent = {"request": [asked.pk, other.pk, gone.pk]}
    page = client.post("/publish/requests/approve", sent, follow=True).content.decode()
    assert "Approved 2 requests." in page
    assert "Not approved: Gone: This request does not wait any more: it is declined." in page
    assert Agreement.objects.count() == 2
    page = client.post("/publish/requests/approve", {}, follow=True).content.decode()
    assert "Tick the requests to approve first." in page


def test_a_request_of_another_publisher_is_not_approved_among_others(client, publisher, stranger, asked):
    sign_in(client, stranger)
    assert client.post("/publish/requests/approve", {"request": [asked.pk]}).status_code == 404
    asked.refresh_from_db()
    assert asked.state == RequestState.PENDING


@pytest.mark.parametrize(
    ("role", "may"), [(Role.PUBLISHER, True), (Role.ADMIN, True), (Role.SUBSCRIBER, False), (Role.VIEWER, False)]
)
def test_who_may_decide(client, publisher, asked, path, role, may):
    member = member_with(role)
    Membership.objects.filter(pk=member.pk).update(organization=publisher.organization)
    sign_in(client, member)
    page = client.get(path).content.decode()
    assert ("Approve" in page) == may
    assert ("Your role cannot decide" in page) == (not may)
    assert client.post(f"{path}/approve").status_code == (302 if may else 403)
    assert Agreement.objects.exists() == may


def test_what_a_stranger_wrote_is_shown_as_text(client, publisher, guarded, subscriber):
    bad = "<script>alert(1)</script>"
    Organization.objects.filter(pk=subscriber.organization_id).update(name=bad)
    subscriber.organization.refresh_from_db()
    row = waiting_row(subscriber, guarded, answers=[{"key": "a", "label": bad, "kind": "text", "answer": bad}])
    sign_in(client, publisher)
    for where in ("/publish/requests", f"/publish/requests/{row.pk}"):
        assert bad not in client.get(where).content.decode()


def test_the_empty_inbox_tells_the_next_step(client, publisher, product, stranger):
    assert "Everybody may subscribe" in sign_in(client, stranger).get("/publish/requests").content.decode()
    guard(product)
    assert "No requests yet" in sign_in(client, publisher).get("/publish/requests").content.decode()


def test_keys_are_offered_to_those_who_want_them(client, publisher, path):
    sign_in(client, publisher)
    assert "js/requests" in client.get(path).content.decode()
    type(publisher.user).objects.filter(pk=publisher.user_id).update(uses_shortcuts=False)
    assert "js/requests" not in client.get(path).content.decode()


def test_the_inbox_asks_the_database_no_more_for_300_requests(
    client, publisher, guarded, asked, path, django_assert_max_num_queries
):
    many_requests(guarded, 300)
    sign_in(client, publisher)
    for where in ("/publish/requests", "/publish/requests?page=3", path):
        with django_assert_max_num_queries(15):
            assert client.get(where).status_code == 200


# --- subscribers ----------------------------------------------------------------------------------------------------------
def test_subscribers_are_found_by_name_account_and_product(
    client, publisher, subscriber, stranger, guarded, path, asked
):
    approve(asked, publisher)
    approve(waiting_row(stranger, guarded), publisher)
    sign_in(client, publisher)

    def names(query):
        page = client.get(f"/publish/subscribers?{query}")
        return sorted(agreement.organization.name for agreement, _, _ in page.context["rows"])

    assert names("") == ["Stranger", "Subscriber"]
    assert names("q=subscr") == ["Subscriber"]
    assert names(f"q={stranger.organization.account_id[:8]}") == ["Stranger"]
    assert names(f"product={guarded.pk}&q=%00str") == ["Stranger"]
    assert names("q=nobody") == []
    assert "No subscriber matches" in client.get("/publish/subscribers?q=nobody").content.decode()
    assert path in client.get("/publish/subscribers").content.decode()
    rows = list(csv.DictReader(io.StringIO(client.get("/publish/subscribers?format=csv&q=subscr").content.decode())))
    assert [(row["organization"], row["request_id"], row["last_delivery_at"]) for row in rows] == [
        ("Subscriber", asked.pk, "")
    ]


def test_subscribers_ask_the_database_no_more_for_300_of_them(
    client, publisher, guarded, django_assert_max_num_queries
):
    offer, member = guarded.offers.get().versions.get(), make_member("Accepting")
    organizations = Organization.objects.bulk_create(Organization(name=f"Subscriber {n}") for n in range(300))
    Agreement.objects.bulk_create(
        Agreement(organization=o, product=guarded, offer_version=offer, accepted_by=member.user) for o in organizations
    )
    sign_in(client, publisher)
    for where in ("/publish/subscribers", "/publish/subscribers?q=subscriber", "/publish/subscribers?format=csv"):
        with django_assert_max_num_queries(15):
            assert client.get(where).status_code == 200
