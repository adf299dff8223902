"""The catalogue's search: order, facets, typing errors, and words that nobody can break it with."""

import pytest
from django.utils import timezone

from publishers.models import ProductSearch
from publishers.operations import products, revisions
from publishers.operations.data_sets import create_data_set
from publishers.operations.search import format_of, refresh
from publishers.queries.catalogue import PAGE, Search, search_catalogue
from publishers.queries.shelves import MARK_BEGIN, MARK_END, catalogue_figures, mark_words, shelf_counts
from tests.conftest import actor_of, make_listable, make_member, put_asset

pytestmark = pytest.mark.django_db


def listed(member, name, *, short="Nothing special.", description="Plain.", category="Mobility", file="a.csv", **more):
    """Make and publish a product with one file."""
    actor, at = actor_of(member), timezone.now()
    data_set = create_data_set(owner=member.organization, name=name, description="x", actor=actor, at=at)
    revision = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)
    put_asset(revision, file, b"a\n1\n", member)
    revisions.finalize_revision(revision=revision, actor=actor, at=at)
    product = products.create_product(
        owner=member.organization,
        name=name,
        short_description=short,
        description=description,
        category=category,
        support_contact="x@example.org",
        terms="x",
        actor=actor,
        at=at,
        **more,
    )
    products.add_data_set(product=product, data_set=data_set, actor=actor, at=at)
    make_listable(product, member)
    return products.publish_product(product=product, actor=actor, at=at)


def names(**wanted) -> list[str]:
    return [p.name for p in search_catalogue(Search(**wanted)).products]


@pytest.fixture
def shelf(publisher):
    """Five products of two publishers."""
    other = make_member("Agrarian")
    listed(publisher, "River levels", short="Water gauges of Europe.", category="Weather", file="levels.parquet")
    listed(publisher, "Harbour tides", short="High water of every harbour.", category="Weather", file="tides.csv.gz")
    listed(publisher, "Bus stops", description="Where buses stop, some near a river.", file="stops.json")
    listed(other, "Wheat prices", short="Prices of wheat.", category="Agriculture", file="prices.csv")
    listed(
        other,
        "Crop maps",
        category="Agriculture",
        file="maps.zip",
        dictionary=[{"column": "yield_t", "type": "number", "meaning": "Tonnes of grain"}],
    )
    return publisher, other


def test_a_word_in_the_name_comes_before_one_in_the_text(shelf):
    assert names(text="river") == ["River levels", "Bus stops"]


def test_popular_products_come_first_where_words_tell_no_difference(shelf):
    ProductSearch.objects.filter(product__name="Crop maps").update(popularity=50)
    ProductSearch.objects.filter(product__name="Bus stops").update(popularity=10)
    assert names()[:2] == ["Crop maps", "Bus stops"]
    assert names(sort="popular")[:2] == ["Crop maps", "Bus stops"]
    assert names(sort="name") == ["Bus stops", "Crop maps", "Harbour tides", "River levels", "Wheat prices"]


def test_other_forms_of_a_word_its_beginning_and_column_names_are_found(shelf):
    assert names(text="harbours") == ["Harbour tides"]
    assert names(text="harb") == ["Harbour tides"]
    assert names(text="grain") == ["Crop maps"]
    assert names(text="yield_t") == ["Crop maps"]
    assert names(text="agrarian wheat") == ["Wheat prices"]
    assert names(text="wheat -prices") == []
    assert names(text='"high water"') == ["Harbour tides"]
    assert names(text="unicorns") == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("wheet prices", "Wheat prices"), ("harbuor tides", "Harbour tides"), ("rivver", "River levels")],
)
def test_a_typing_error_is_answered_with_what_was_meant(shelf, typed, meant):
    found = search_catalogue(Search(text=typed))
    assert (found.total, found.suggestion) == (0, meant)


def test_nothing_is_suggested_for_words_that_resemble_nothing(shelf):
    assert search_catalogue(Search(text="qqqqxxxx")).suggestion == ""


def test_each_facet_counts_without_its_own_filter(shelf):
    publisher, other = shelf
    found = search_catalogue(Search(categories=("Weather",)))
    assert {p.name for p in found.products} == {"River levels", "Harbour tides"}
    assert found.total == 2
    assert found.facets["category"] == {"Weather": 2, "Mobility": 1, "Agriculture": 2}
    assert found.facets["format"] == {"Parquet": 1, "CSV": 1}
    assert found.facets["publisher"] == {publisher.organization.account_id: 2}
    both = search_catalogue(
        Search(categories=("Weather", "Agriculture"), formats=("CSV",), publishers=(other.organization.account_id,))
    )
    assert [p.name for p in both.products] == ["Wheat prices"]
    assert both.facets["format"] == {"CSV": 1, "ZIP": 1}
    assert both.facets["category"] == {"Agriculture": 1}


def test_a_product_that_was_taken_out_is_not_found(shelf):
    publisher, _ = shelf
    product = search_catalogue(Search(text="tides")).products[0]
    products.unpublish_product(product=product, actor=actor_of(publisher), at=timezone.now())
    refresh(product=product)
    assert names(text="tides") == []
    assert catalogue_figures().products == 4
    assert shelf_counts() == {"Agriculture": 2, "Mobility": 1, "Weather": 1}


def test_a_changed_text_is_found_at_once(shelf):
    publisher, _ = shelf
    product = search_catalogue(Search(text="tides")).products[0]
    products.update_product(product=product, name="Ebb and flow", actor=actor_of(publisher), at=timezone.now())
    assert (names(text="ebb"), names(text="tides")) == (["Ebb and flow"], [])


def test_pages_hold_eighteen_products_and_none_twice(publisher):
    first = listed(publisher, "Product 00")
    for n in range(1, PAGE + 3):
        listed(publisher, f"Product {n:02}")
    one, two = search_catalogue(Search(sort="name")), search_catalogue(Search(sort="name", page=2))
    assert (len(one.products), len(two.products), one.total) == (PAGE, 3, PAGE + 3)
    assert (one.has_more(1), two.has_more(2)) == (True, False)
    assert len({p.pk for p in one.products + two.products}) == PAGE + 3
    assert one.products[0] == first
    assert search_catalogue(Search(page=99)).products == []


@pytest.mark.parametrize(
    "text",
    [
        "'",
        '"',
        "''; DROP TABLE x; --",
        "a & | !",
        "((((",
        "<->",
        ":*",
        "\\",
        "%",
        "%(text)s",
        "%s",
        "or",
        "-",
        "a:b",
        "ü" * 300,
        "🛳",
        "a\tb\nc",
    ],
)
def test_nothing_that_people_type_breaks_the_search(shelf, text):
    found = search_catalogue(Search(text=text, categories=("'",), formats=("?",), publishers=("%s",)))
    assert found.products == []
    search_catalogue(Search(text=text))


def test_an_unknown_order_is_the_usual_one(shelf):
    assert names(sort="'; DROP") == names()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("a.csv", "CSV"),
        ("A.CSV", "CSV"),
        ("dir.v1/a.csv.gz", "CSV"),
        ("a.jsonl", "NDJSON"),
        ("a.tar.gz", "Files"),
        ("a.gz", "Files"),
        ("README", "Files"),
        (".csv", "CSV"),
        ("a.xlsx", "Excel"),
    ],
)
def test_a_format_is_read_off_the_name(name, word):
    assert format_of(name) == word


def test_found_words_are_marked_and_marks_of_others_are_taken_out():
    marked = mark_words(texts=["High water", f"no {MARK_BEGIN}fake{MARK_END}"], words="water")
    assert marked == [f"High {MARK_BEGIN}water{MARK_END}", "no fake"]
    assert mark_words(texts=[], words="x") == []
    assert mark_words(texts=["a"], words="") == ["a"]
