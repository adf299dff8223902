"""Saved searches: kept once, told once, and only of what everybody may see."""

from datetime import timedelta

import pytest
from django.utils import timezone

from marketplace.core import work
from marketplace.core.errors import Invalid, LimitExceeded, NotFound
from marketplace.core.models import Notification, User
from marketplace.core.operations.inbox import mark_all_read
from marketplace.core.scopes import allowed
from marketplace.storefront.saved import read_query
from marketplace.storefront.tasks import tell_saved_searches
from publishers.models import Product, ProductSearch
from publishers.operations import products
from subscriptions import saved_searches
from subscriptions.models import SavedSearch
from tests.conftest import actor_of, make_listable

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def save(member, query="q=departures", *, name="Flights", alerts=True, at=None):
    return saved_searches.save_search(
        organization=member.organization,
        user=member.user,
        name=name,
        query=query,
        alerts=alerts,
        actor=actor_of(member),
        at=at or timezone.now() - HOUR,
    )


def publish_at(product, moment):
    """Move the moment at which a product was published."""
    Product.objects.filter(pk=product.pk).update(published_at=moment)
    ProductSearch.objects.filter(product=product).update(listed_at=moment)


@pytest.fixture
def new_product(product):
    """A product that was published ten minutes ago."""
    publish_at(product, timezone.now() - timedelta(minutes=10))
    return product


def sentences():
    return list(Notification.objects.order_by("created_at", "pk").values_list("text", flat=True))


def test_who_saved_a_search_is_told_of_a_new_match_once(new_product, subscriber, stranger):
    mine, other = save(subscriber), save(stranger, "q=whales", name="Whales")
    for _ in range(3):
        tell_saved_searches()
    assert sentences() == ["1 new product for “Flights”: Departures of New York"]
    told = Notification.objects.get()
    assert (told.membership, told.path, told.topic) == (subscriber, f"/searches/{mine.pk}", "search.matched")
    for saved in (mine, other):
        saved.refresh_from_db()
        assert saved.told_until > new_product.created_at - HOUR
        assert timezone.now() - timedelta(minutes=3) < saved.told_until < timezone.now() - timedelta(minutes=1)


def test_two_people_with_the_same_query_are_both_told_and_each_of_what_is_new_to_them(
    new_product, subscriber, stranger
):
    save(subscriber)
    save(stranger, at=timezone.now() - timedelta(minutes=5))  # the product was there already
    tell_saved_searches()
    assert Notification.objects.get().membership == subscriber


def test_filters_and_words_must_both_match(new_product, subscriber):
    for query in ("category=Mobility", "category=Health", "q=departures&format=CSV", "format=Parquet&q=departures", ""):
        save(subscriber, query, name=query or "everything")
    tell_saved_searches()
    told = set(Notification.objects.values_list("subject_label", flat=True))
    assert told == {"category=Mobility", "q=departures&format=CSV", "everything"}


def test_nobody_is_told_of_what_not_everybody_may_see(new_product, subscriber):
    save(subscriber)
    for changes in ({"visibility": "UNLISTED"}, {"visibility": "PRIVATE"}, {"state": "UNPUBLISHED"}):
        Product.objects.filter(pk=new_product.pk).update(**{"visibility": "PUBLIC", "state": "PUBLISHED"} | changes)
        tell_saved_searches()
        SavedSearch.objects.update(told_until=timezone.now() - HOUR)
    assert sentences() == []


def test_without_alerts_nobody_is_told(new_product, subscriber):
    saved = save(subscriber, alerts=False)
    tell_saved_searches()
    saved.refresh_from_db()
    assert sentences() == []
    assert saved.told_until < timezone.now() - timedelta(minutes=50)


def test_a_product_that_no_search_finds_yet_is_waited_for(new_product, subscriber, publisher):
    save(subscriber)
    row = ProductSearch.objects.get(product=new_product)
    ProductSearch.objects.all().delete()
    tell_saved_searches()
    assert sentences() == []
    row.save(force_insert=True)
    tell_saved_searches()
    assert len(sentences()) == 1


def test_what_was_published_just_now_is_left_for_the_next_time(product, subscriber):
    save(subscriber)
    publish_at(product, timezone.now() - timedelta(seconds=20))
    tell_saved_searches()
    assert sentences() == []


def test_many_new_products_are_one_sentence(new_product, subscriber, publisher):
    save(subscriber, "")
    actor, at = actor_of(publisher), timezone.now()
    entry = new_product.published_data_sets.get()
    for number in range(4):
        made = products.create_product(
            owner=publisher.organization,
            name=f"More {number}",
            category="Health",
            short_description="s",
            description="d",
            support_contact="c",
            terms="t",
            dictionary=new_product.dictionary,
            actor=actor,
            at=at,
        )
        products.add_data_set(product=made, data_set=entry.data_set, actor=actor, at=at)
        make_listable(made, publisher)
        products.publish_product(product=made, actor=actor, at=at - timedelta(minutes=9 - number))
    work.run_due()
    tell_saved_searches()
    assert sentences() == ["5 new products for “Flights”: Departures of New York, More 0, More 1 and 2 more"]


def test_new_matches_are_counted_until_they_are_looked_at(new_product, subscriber):
    saved = save(subscriber)
    quiet = save(subscriber, "category=Mobility", name="Quiet", alerts=False)

    def counts():
        rows = [(SavedSearch.objects.get(pk=s.pk), read_query(s.query).search) for s in (saved, quiet)]
        return saved_searches.count_new_matches(rows=rows, membership=subscriber, at=timezone.now())

    assert counts() == [1, 1]
    tell_saved_searches()
    assert counts() == [1, 1]  # told, but not looked at
    saved_searches.see_saved_search(saved_search=saved, membership=subscriber, at=timezone.now())
    assert counts() == [0, 1]
    assert Notification.objects.get().read_at is not None
    saved_searches.see_saved_search(saved_search=quiet, membership=subscriber, at=timezone.now())
    assert counts() == [0, 0]


def test_reading_the_notification_counts_as_looking(new_product, subscriber):
    saved = save(subscriber)
    tell_saved_searches()
    mark_all_read(membership=subscriber, held=allowed(subscriber), at=timezone.now())
    saved.refresh_from_db()
    rows = [(saved, read_query(saved.query).search)]
    assert saved_searches.count_new_matches(rows=rows, membership=subscriber, at=timezone.now()) == [0]


def test_the_same_search_is_saved_once(subscriber):
    save(subscriber)
    with pytest.raises(saved_searches.SearchSavedAlready, match="as “Flights”"):
        save(subscriber, name="Again")
    assert SavedSearch.objects.count() == 1


def test_a_hundred_searches_are_the_most(subscriber):
    SavedSearch.objects.bulk_create(
        SavedSearch(organization=subscriber.organization, user=subscriber.user, name=str(n), query=f"q={n}")
        for n in range(100)
    )
    with pytest.raises(LimitExceeded):
        save(subscriber)
    SavedSearch.objects.first().delete()
    assert save(subscriber).pk


def test_a_search_is_found_by_its_member_alone(subscriber, stranger):
    saved = save(subscriber)
    colleague = User.objects.create_user("colleague@example.org")
    for organization, user in ((stranger.organization, stranger.user), (subscriber.organization, colleague)):
        with pytest.raises(NotFound):
            saved_searches.get_saved_search(organization=organization, user=user, saved_search_id=saved.pk)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("?sort=name&page=3", ""),
        ("format=CSV&q=+Ferry++times&category=Mobility&format=CSV", "q=Ferry+times&category=Mobility&format=CSV"),
        ("q=%00a", "q=a"),
        ("publisher=123456789012", "publisher=123456789012"),
    ],
)
def test_a_query_of_a_program_becomes_the_one_that_stands_for_it(given, kept):
    assert saved_searches.check_query(given) == kept


@pytest.mark.parametrize("given", ["colour=red", "category=Cats", "publisher=me", "&".join(["q=a"] * 200)])
def test_a_query_that_the_catalogue_does_not_know_is_refused(given):
    with pytest.raises(Invalid):
        saved_searches.check_query(given)


def test_pages_and_programs_keep_the_same_query(publisher):
    query = f"format=CSV&q=ferry&category=Mobility&publisher={publisher.organization.account_id}&page=2&view=list"
    kept = read_query(query)
    assert kept.query == saved_searches.check_query(query.removesuffix("&view=list") + "&view=list")
    assert kept.filters == ["Mobility", "CSV", publisher.organization.name]
