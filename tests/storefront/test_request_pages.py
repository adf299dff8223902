"""Asking for a product by the page, and what an organization sees of its requests."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import escape

from marketplace.core.models import Role
from publishers.models import Product
from publishers.operations import products
from subscriptions.models import Agreement, RequestState, SubscriptionRequest
from subscriptions.requests import LIFE
from tests.asking import ANSWERS, QUESTIONS, approve, ask, decline, guard, waiting_row
from tests.conftest import actor_of, make_member
from tests.console.pages import member_with, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def guarded(product):
    """The product, whose publisher decides who subscribes."""
    return guard(product)


@pytest.fixture
def url(guarded):
    """The page on which one asks for it."""
    return f"/products/{guarded.pk}/subscribe"


def filled(page, **changes):
    """Return what a person sends who answered every question of a page."""
    form = page.context["form"]
    answers = {f"answer-{key}": "on" if value is True else value for key, value in ANSWERS.items()}
    hidden = {"offer_version": form.initial["offer_version"], "questions": form.fields["questions"].initial}
    sent = {**hidden, **answers, "terms": "on", **changes}
    return {name: value for name, value in sent.items() if value is not None}


def test_the_page_asks_the_publishers_questions_and_says_who_reads_the_answers(client, url, guarded, subscriber):
    page = sign_in(client, subscriber).get(url).content.decode()
    for question in QUESTIONS:
        assert escape(question["label"]) in page
    assert "Two sentences do." in page
    assert "Publisher decides who subscribes" in page
    assert "has 45 days to decide" in page
    assert "read by the members of" in page
    assert "(example.org, not verified)" in " ".join(page.split())
    assert "Côte d&#x27;Ivoire" in page


def test_a_publisher_that_has_decided_often_is_told_by_its_usual_time(client, url, guarded, publisher, subscriber):
    now = timezone.now()
    for _ in range(5):
        row = waiting_row(make_member("Asker"), guarded, created_at=now - timedelta(hours=30))
        decline(row, publisher, at=now)
    page = sign_in(client, subscriber).get(url).content.decode()
    assert "It usually decides within 2 days" in page


def test_asking_leads_to_a_receipt_with_state_deadline_and_answers(client, url, subscriber):
    sign_in(client, subscriber)
    done = client.post(url, filled(client.get(url)))
    request = SubscriptionRequest.objects.get()
    assert done.url == f"/my-data/requests/{request.pk}"
    page = client.get(done.url).content.decode()
    for part in ("Waiting", "44 days left", "To plan staff.", "Germany", "Analyst", "Withdraw", "Not answered"):
        assert part in page
    assert client.get(url).url == done.url  # asked once, the page leads to the request
    assert request.pk in client.get("/my-data/requests").content.decode()


def test_wrong_answers_are_told_at_their_fields_and_nothing_typed_is_lost(client, url, subscriber):
    sign_in(client, subscriber)
    sent = filled(
        client.get(url),
        **{
            "answer-site": "not a url",
            "answer-seat": "XX",
            "answer-role": None,
            "answer-team": "Ops & <b>",
            "terms": None,
        },
    )
    answer = client.post(url, sent)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert sorted(form.errors) == ["answer-role", "answer-seat", "answer-site", "terms"]
    page = answer.content.decode()
    assert 'value="not a url"' in page
    assert "To plan staff.</textarea>" in page
    assert 'value="Ops &amp; &lt;b&gt;"' in page
    assert 'aria-invalid="true"' in page
    assert page.count("Give a web address") == 2  # at the field, and in the summary
    assert not SubscriptionRequest.objects.exists()


@pytest.mark.parametrize("change", ["terms", "questions"])
def test_what_changed_meanwhile_is_read_again_and_answers_are_kept(client, url, guarded, subscriber, publisher, change):
    sign_in(client, subscriber)
    sent = filled(client.get(url))
    if change == "terms":
        products.update_product(product=guarded, terms="Pay in kind.", actor=actor_of(publisher), at=timezone.now())
    else:
        guard(guarded, questions=[*QUESTIONS[:-1], QUESTIONS[-1] | {"label": "We share every result"}])
    answer = client.post(url, sent)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert ("Pay in kind." if change == "terms" else "We share every result") in page
    assert "To plan staff.</textarea>" in page
    assert not SubscriptionRequest.objects.exists()
    assert client.post(url, filled(answer)).status_code == 302
    assert SubscriptionRequest.objects.get().offer_version.number == (2 if change == "terms" else 1)


def test_a_rule_leads_straight_to_the_data(client, url, guarded, subscriber):
    guard(guarded, rules=[{"kind": "account", "value": subscriber.organization.account_id}])
    sign_in(client, subscriber)
    done = client.post(url, filled(client.get(url)))
    assert done.url == f"/my-data/{Agreement.objects.get().entitlements.get().published_data_set_id}"


def test_without_questions_the_terms_are_enough(client, url, guarded, subscriber):
    guard(guarded, questions=[])
    sign_in(client, subscriber)
    done = client.post(url, filled(client.get(url)))
    page = client.get(done.url).content.decode()
    assert "The publisher asked nothing." in page


def test_a_second_request_is_refused_in_words(client, url, guarded, subscriber):
    sign_in(client, subscriber)
    sent = filled(client.get(url))
    ask(subscriber, guarded)
    answer = client.post(url, sent)
    assert answer.status_code == 409
    assert "has not decided yet" in answer.content.decode()
    assert "Open the request" in answer.content.decode()


def test_a_product_that_stopped_asking_is_subscribed_to_instead(client, url, guarded, subscriber):
    sign_in(client, subscriber)
    sent = filled(client.get(url))
    Product.objects.filter(pk=guarded.pk).update(requires_approval=False)
    assert client.post(url, sent).status_code == 302  # the same terms were read and accepted
    assert Agreement.objects.count() == 1


def test_hostile_words_of_a_publisher_are_shown_as_text(client, url, guarded, subscriber):
    bad = "<script>alert(1)</script>"
    guard(guarded, questions=[QUESTIONS[0] | {"label": bad, "help": bad}])
    page = sign_in(client, subscriber).get(url).content.decode()
    assert bad not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2


def test_a_declined_request_shows_why_and_offers_to_ask_again(client, guarded, subscriber, publisher):
    request = decline(ask(subscriber, guarded), publisher, "Say <b>what</b> for, please.")
    page = sign_in(client, subscriber).get(f"/my-data/requests/{request.pk}").content.decode()
    assert "Say &lt;b&gt;what&lt;/b&gt; for, please." in page
    assert "Ask again" in page
    products.unpublish_product(product=guarded, actor=actor_of(publisher), at=timezone.now())
    assert "Ask again" not in client.get(f"/my-data/requests/{request.pk}").content.decode()


def test_an_approved_request_leads_to_the_data(client, guarded, subscriber, publisher):
    request = approve(ask(subscriber, guarded), publisher)
    page = sign_in(client, subscriber).get(f"/my-data/requests/{request.pk}").content.decode()
    assert "You have access" in page
    assert "Open my data" in page


def test_an_expired_request_says_so_before_the_clocks_task_has_run(client, guarded, subscriber):
    request = waiting_row(
        subscriber, guarded, created_at=timezone.now() - LIFE, expires_at=timezone.now() - timedelta(seconds=1)
    )
    page = sign_in(client, subscriber).get(f"/my-data/requests/{request.pk}").content.decode()
    assert "Nobody decided in time" in page
    assert "Withdraw" not in page


def test_withdrawing(client, guarded, subscriber, publisher):
    sign_in(client, subscriber)
    request = ask(subscriber, guarded)
    path = f"/my-data/requests/{request.pk}"
    assert client.post(f"{path}/withdraw").url == path
    request.refresh_from_db()
    assert request.state == RequestState.CANCELLED
    assert "Withdrawn" in client.get(path).content.decode()
    assert client.post(f"{path}/withdraw").status_code == 409
    approved = approve(ask(subscriber, guarded), publisher)
    late = client.post(f"/my-data/requests/{approved.pk}/withdraw")
    assert late.status_code == 409
    assert "it is approved" in late.content.decode()


def test_a_viewer_sees_requests_and_may_neither_ask_nor_withdraw(client, url, guarded, subscriber):
    request = ask(subscriber, guarded)
    viewer = member_with(Role.VIEWER)
    type(viewer).objects.filter(pk=viewer.pk).update(organization=subscriber.organization)
    sign_in(client, viewer)
    page = client.get(f"/my-data/requests/{request.pk}")
    assert (page.status_code, "Withdraw" in page.content.decode()) == (200, False)
    assert client.post(f"/my-data/requests/{request.pk}/withdraw").status_code == 403
    assert client.post(url, {}).status_code == 403
    request.refresh_from_db()
    assert request.state == RequestState.PENDING


def test_an_empty_list_tells_the_next_step(client, subscriber):
    assert "No requests yet" in sign_in(client, subscriber).get("/my-data/requests").content.decode()


def test_pages_ask_the_database_no_more_for_more_rows(
    client, url, guarded, subscriber, publisher, django_assert_max_num_queries
):
    request = ask(subscriber, guarded)
    offer = request.offer_version
    now = timezone.now()
    SubscriptionRequest.objects.bulk_create(
        SubscriptionRequest(
            organization=subscriber.organization,
            product=guarded,
            offer_version=offer,
            requested_by=subscriber.user,
            state=RequestState.DECLINED,
            reason="Tell us more.",
            decided_at=now,
            decided_by=publisher.user,
            expires_at=now + LIFE,
        )
        for _ in range(300)
    )
    sign_in(client, subscriber)
    for path in ("/my-data/requests", f"/my-data/requests/{request.pk}"):
        with django_assert_max_num_queries(15):
            assert client.get(path).status_code == 200
    SubscriptionRequest.objects.filter(pk=request.pk).delete()
    with django_assert_max_num_queries(15):
        assert client.get(url).status_code == 200
