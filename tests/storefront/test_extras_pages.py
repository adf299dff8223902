"""Pages of saved searches, the board of data requests, publishers, and their feeds."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from marketplace.core.models import Organization, Role
from marketplace.storefront.views.feeds import ATOM, Entry, Feed, write
from publishers.models import Product
from publishers.operations import products, revisions
from subscriptions import saved_searches
from subscriptions.models import DataRequest, DataRequestAnswer, DataRequestVote, SavedSearch
from tests.conftest import actor_of, make_member
from tests.console.pages import member_with, sign_in
from tests.subscriptions.test_data_requests import answer, ask, close, vote

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15
HOSTILE = "<script>alert(1)</script> & \x0b\x01 “quoted”"


# --- saved searches -------------------------------------------------------------------------------------------------------
def test_a_search_is_saved_renamed_silenced_opened_and_deleted(client, subscriber, product):
    sign_in(client, subscriber)
    assert "No saved searches yet" in client.get("/searches").content.decode()
    form = client.get("/searches/new?category=Mobility&q=departures&page=3").content.decode()
    assert 'value="departures · Mobility"' in form
    url = "/searches/new?q=departures&category=Mobility"
    empty = client.post(url, {"name": " "})
    assert (empty.status_code, SavedSearch.objects.count()) == (422, 0)
    assert client.post(url, {"name": "Flights", "alerts": "on"}).url == "/searches"
    saved = SavedSearch.objects.get()
    assert (saved.query, saved.alerts, saved.user) == ("q=departures&category=Mobility", True, subscriber.user)
    again = client.post(url, {"name": "Flights, again"})
    assert again.status_code == 409
    assert f"/searches/{saved.pk}/edit" in again.content.decode()
    assert client.get(f"/searches/{saved.pk}").url == "/catalogue?q=departures&category=Mobility"
    client.post(f"/searches/{saved.pk}/alerts", {"alerts": "off"})
    assert 'aria-checked="false"' in client.get("/searches").content.decode()
    client.post(f"/searches/{saved.pk}/edit", {"name": "Planes", "alerts": "on"})
    saved.refresh_from_db()
    assert (saved.name, saved.alerts) == ("Planes", True)
    assert client.post(f"/searches/{saved.pk}/delete").url == "/searches"
    assert not SavedSearch.objects.exists()


def test_somebody_elses_search_is_not_found(client, subscriber, stranger):
    saved = saved_searches.save_search(
        organization=subscriber.organization,
        user=subscriber.user,
        name="Mine",
        query="",
        alerts=True,
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    sign_in(client, stranger)
    for method, path in (
        ("get", ""),
        ("get", "/edit"),
        ("post", "/edit"),
        ("post", "/alerts"),
        ("post", "/delete"),
    ):
        assert getattr(client, method)(f"/searches/{saved.pk}{path}", {"name": "x"}).status_code == 404
    assert SavedSearch.objects.get().name == "Mine"


def test_a_page_of_many_searches_runs_few_queries(client, subscriber, product, django_assert_max_num_queries):
    account = product.owner.account_id
    SavedSearch.objects.bulk_create(
        SavedSearch(
            organization=subscriber.organization,
            user=subscriber.user,
            name=f"Search {n}",
            query=f"q=departures+{n}&category=Mobility&publisher={account}",
            told_until=timezone.now() - timedelta(days=n + 1),
        )
        for n in range(40)
    )
    sign_in(client, subscriber)
    with django_assert_max_num_queries(MOST_QUERIES):
        page = client.get("/searches")
    assert page.content.decode().count('class="search-row"') == 25


# --- the board ------------------------------------------------------------------------------------------------------------
def test_everybody_reads_the_board_and_what_people_wrote_is_text(client, subscriber, publisher):
    asked = ask(subscriber, HOSTILE.replace("\x0b\x01 ", ""), description=f"{HOSTILE}\n\nSecond paragraph")
    answer(publisher, asked, text=f"**bold** {HOSTILE}")
    for path in ("/requests", f"/requests/{asked.pk}"):
        page = client.get(path).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "Subscriber" in page
    assert "<p>Second paragraph</p>" in page
    assert "**bold**" in page


def test_a_vote_is_given_and_taken_back_from_the_board(client, subscriber, publisher):
    asked = ask(subscriber)
    sign_in(client, publisher)
    url = f"/requests/{asked.pk}/vote"
    for _ in range(2):  # somebody clicks twice
        back = client.post(url, {"wanted": "yes", "back": "?sort=newest"})
    assert back.url == f"/requests?sort=newest#request-{asked.pk}"
    assert 'aria-pressed="true"' in client.get("/requests").content.decode()
    assert DataRequestVote.objects.get().organization == publisher.organization
    assert client.post(url, {"wanted": "no", "back": "//evil.example"}).url == f"/requests/{asked.pk}"
    assert not DataRequestVote.objects.exists()
    close(subscriber, asked)
    refused = client.post(url, {"wanted": "yes"})
    assert refused.status_code == 409
    assert "Votes and answers are no longer taken." in refused.content.decode()


def test_asking_keeps_what_was_typed_and_starts_from_what_was_searched_in_vain(client, subscriber):
    sign_in(client, subscriber)
    assert 'value="ferry times"' in client.get("/requests/new?title=ferry+times").content.decode()
    refused = client.post("/requests/new", {"title": "Ferries", "description": "", "category": "Mobility"})
    assert refused.status_code == 422
    assert 'value="Ferries"' in refused.content.decode()
    done = client.post("/requests/new", {"title": "Ferries", "description": "All.", "category": ""})
    made = DataRequest.objects.get()
    assert done.url == f"/requests/{made.pk}"
    assert (made.organization, made.user, made.category) == (subscriber.organization, subscriber.user, "")
    page = client.get(done.url).content.decode()
    assert "Close request" in page
    assert "Answer as" not in page  # not one's own
    client.post(f"/requests/{made.pk}/close")
    assert DataRequest.objects.get().closed_at is not None


def test_too_many_open_requests_are_refused_with_a_sentence(client, subscriber):
    for number in range(10):
        ask(subscriber, f"Wish {number}")
    sign_in(client, subscriber)
    refused = client.post("/requests/new", {"title": "One more", "description": "Please."})
    assert refused.status_code == 429
    assert "Close one that is answered" in refused.content.decode()
    assert 'value="One more"' in refused.content.decode()


def test_a_publisher_answers_with_a_product_and_a_stranger_cannot_close(client, subscriber, publisher, product):
    asked = ask(subscriber)
    sign_in(client, publisher)
    url = f"/requests/{asked.pk}"
    assert client.post(f"{url}/answer", {"text": " "}).status_code == 422
    done = client.post(f"{url}/answer", {"text": "Here.", "product": product.pk})
    made = DataRequestAnswer.objects.get()
    assert done.url == f"{url}#answer-{made.pk}"
    assert product.name in client.get(url).content.decode()
    assert client.post(f"{url}/close").status_code == 404
    assert client.post(f"{url}/answer", {"text": "x", "product": "prod-0000000000000"}).status_code == 404
    assert DataRequestAnswer.objects.count() == 1


def test_a_viewer_reads_and_does_nothing(client, subscriber):
    asked = ask(subscriber)
    sign_in(client, member_with(Role.VIEWER))
    page = client.get(f"/requests/{asked.pk}").content.decode()
    assert "Answers are given by members who may publish." in page
    assert 'name="wanted"' not in page
    for path in (f"/requests/{asked.pk}/vote", f"/requests/{asked.pk}/answer", f"/requests/{asked.pk}/close"):
        assert client.post(path, {"text": "x"}).status_code == 403
    assert client.get("/requests/new").status_code == 403


@pytest.mark.parametrize("query", ["page=99999", "page=x", "category=Cats", "sort=none", "state=x", "q=%00%25_"])
def test_a_board_address_that_makes_no_sense_still_answers(client, subscriber, query):
    ask(subscriber)
    assert client.get(f"/requests?{query}").status_code == 200


def test_the_board_and_a_request_run_few_queries(
    client, subscriber, publisher, stranger, product, django_assert_max_num_queries
):
    asked = ask(subscriber)
    DataRequest.objects.bulk_create(
        DataRequest(
            organization=stranger.organization, user=stranger.user, title=f"W {n}", description="d", category="Health"
        )
        for n in range(60)
    )
    for number in range(12):
        other = make_member(f"Other {number}")
        vote(other, asked)
        answer(publisher, asked, text=f"Answer {number}", product=product)
    sign_in(client, publisher)
    for path in ("/requests?sort=newest", "/requests?q=w&category=Health", f"/requests/{asked.pk}", "/requests/new"):
        with django_assert_max_num_queries(MOST_QUERIES):
            assert client.get(path).status_code == 200


# --- publishers -----------------------------------------------------------------------------------------------------------
def test_a_publisher_shows_who_it_is_its_figures_products_and_answers(
    client, publisher, subscriber, product, agreement
):
    Organization.objects.filter(pk=publisher.organization_id).update(
        about="<b>Since 1990.</b>\n\nAll airports.", website="https://example.org/", support_contact="help@example.org"
    )
    asked = ask(subscriber)
    made = answer(publisher, asked)
    url = f"/organizations/{publisher.organization.account_id}"
    page = client.get(url)
    text = page.content.decode()
    assert (
        page.context["figures"].products == page.context["figures"].revisions == page.context["subscriber_count"] == 1
    )
    assert "&lt;b&gt;Since 1990.&lt;/b&gt;" in text
    assert f"/requests/{asked.pk}#answer-{made.pk}" in text
    assert 'type="application/atom+xml"' in text
    assert "1 of 1 match" in client.get(f"{url}?q=departures").content.decode()
    assert "No product matches" in client.get(f"{url}?q=whales").content.decode()
    for query in ("page=99", "sort=x", "publisher=1&category=Health", "q=%00"):
        assert client.get(f"{url}?{query}").status_code == 200


def test_a_publisher_page_runs_few_queries(
    client, publisher, subscriber, stranger, product, django_assert_max_num_queries
):
    for number in range(8):
        answer(publisher, ask(stranger, f"Wish {number}"), product=product)
    sign_in(client, subscriber)
    with django_assert_max_num_queries(MOST_QUERIES):
        client.get(f"/organizations/{publisher.organization.account_id}?q=departures")


# --- feeds ----------------------------------------------------------------------------------------------------------------
def feed_of(answer):
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    return ET.fromstring(answer.content)


def texts(root, path):
    return [element.text for element in root.findall(path, {"a": ATOM})]


def test_the_catalogue_feed_gives_what_matches_newest_first(client, product):
    root = feed_of(client.get("/catalogue.atom?q=departures&category=Mobility"))
    assert texts(root, "a:entry/a:title") == ["Departures of New York"]
    (entry_id,) = texts(root, "a:entry/a:id")
    assert entry_id.startswith("tag:")
    assert entry_id.endswith(f":product/{product.pk}")
    links = {link.get("rel"): link.get("href") for link in root.findall("a:link", {"a": ATOM})}
    assert links["alternate"].endswith("/catalogue?q=departures&category=Mobility")
    assert links["self"].endswith("/catalogue.atom?q=departures&category=Mobility")
    assert texts(feed_of(client.get("/catalogue.atom?q=whales")), "a:entry/a:title") == []
    assert texts(feed_of(client.get("/catalogue.atom?q=%00%0b&page=x&sort=y")), "a:title") == ["New data products"]


def test_a_reader_that_has_the_feed_gets_304_until_it_changes(client, product, publisher):
    first = client.get("/catalogue.atom")
    again = client.get("/catalogue.atom", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    products.update_product(product=product, name="Arrivals", actor=actor_of(publisher), at=timezone.now())
    changed = client.get("/catalogue.atom", headers={"If-None-Match": first.headers["ETag"]})
    assert texts(feed_of(changed), "a:entry/a:title") == ["Arrivals"]


def test_a_product_feed_tells_revisions_and_is_seen_like_the_page(
    client, product, publisher, stranger, finalized_revision
):
    url = f"/products/{product.pk}/revisions.atom"
    assert len(texts(feed_of(client.get(url)), "a:entry/a:id")) == 1
    revisions.revoke_revision(
        revision=finalized_revision, comment="Wrong numbers.", actor=actor_of(publisher), at=timezone.now()
    )
    (title,) = texts(feed_of(client.get(url)), "a:entry/a:title")
    assert title.startswith("Revoked: revision of ")
    Product.objects.filter(pk=product.pk).update(visibility="PRIVATE")
    assert client.get(url).status_code == 404
    assert sign_in(client, stranger).get(url).status_code == 404
    answer = sign_in(client, publisher).get(url)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Cookie" in answer.headers["Vary"]


def test_an_organization_feed_is_there_as_its_page_is(client, product, stranger):
    root = feed_of(client.get(f"/organizations/{product.owner.account_id}.atom"))
    assert texts(root, "a:author/a:name") == ["Publisher"]
    assert client.get(f"/organizations/{stranger.organization.account_id}.atom").status_code == 404


def test_a_feed_is_xml_whatever_people_wrote():
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    wild = "a\x00b\x08\x0b\ud800\ufffe<c>&\"'\n\U0001f4a1"
    entry = Entry(
        id="tag:example.org,2026-01-01:x",
        title=wild,
        url="https://example.org/?a=1&b=<2>",
        published_at=at,
        updated_at=at,
        summary=wild,
        author=wild,
        category=wild,
    )
    feed = Feed(id="tag:example.org,2026-01-01:f", title=wild, url="https://example.org/", begun_at=at, entries=[entry])
    root = ET.fromstring(write(feed, self_url="https://example.org/f?x=1&y=2"))
    assert texts(root, "a:entry/a:summary") == ["ab<c>&\"'\n\U0001f4a1"]
    assert texts(root, "a:updated") == ["2026-03-01T12:00:00Z"]


def test_feeds_run_few_queries(client, product, django_assert_max_num_queries):
    paths = (
        "/catalogue.atom",
        f"/products/{product.pk}/revisions.atom",
        f"/organizations/{product.owner.account_id}.atom",
    )
    for path in paths:
        with django_assert_max_num_queries(MOST_QUERIES):
            client.get(path)
