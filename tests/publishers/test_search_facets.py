"""What the catalogue is narrowed by: every facet, its counts, who is never found, counts that are kept."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection, models
from django.utils import timezone

from marketplace.core.models.work import WorkItem
from publishers.models import (
    AssetType,
    Category,
    DataSet,
    Frequency,
    Offer,
    OfferVersion,
    Product,
    ProductSearch,
    PublishedDataSet,
    Region,
    Visibility,
)
from publishers.models.facets import CATEGORY, DELIVERY, FACETS, FORMAT, FREQUENCY, PRICE, REGION, Delivery, PriceKind
from publishers.operations import products
from publishers.operations.search import FORMATS, refresh
from publishers.queries import catalogue, kept
from publishers.queries.catalogue import PAGE, Search, search_catalogue, whole_counts
from tests.conftest import actor_of, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept():
    """Counts of another test's catalogue are forgotten."""
    catalogue.forget_counts()
    yield
    catalogue.forget_counts()


def shelved(member, name, *, types=(), offered=True, **fields) -> Product:
    """Make a product that is in the catalogue, with data sets of the given asset types."""
    now = timezone.now()
    wanted = {"category": "Energy", "short_description": "s", "state": "PUBLISHED", "published_at": now} | fields
    product = Product.objects.create(owner=member.organization, name=name, **wanted)
    if offered:
        OfferVersion.objects.create(offer=Offer.objects.create(product=product), number=1, terms="t")
    for number, asset_type in enumerate(types):
        data_set = DataSet.objects.create(owner=member.organization, name=f"{name} {number}", asset_type=asset_type)
        PublishedDataSet.objects.create(product=product, data_set=data_set)
    refresh(product=product)
    return product


def shelve_many(member, count: int) -> None:
    """Put many products into the catalogue, quickly."""
    now = timezone.now()
    Product.objects.bulk_create(
        Product(
            owner=member.organization,
            name=f"Series {n:05}",
            short_description="A series.",
            category=Category.values[n % 3],
            state="PUBLISHED",
            published_at=now,
        )
        for n in range(count)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO publishers_productsearch (product_id, head, full_text, publisher, category_code, price_bits,
                format_bits, region_bits, sort_name, popularity, size_bytes, revision_count, listed_at)
            SELECT id, to_tsvector('english', name), to_tsvector('english', name), %s,
                   CASE category WHEN 'Finance' THEN 1 WHEN 'Energy' THEN 2 ELSE 3 END, 1,
                   1 << (row_number() OVER (ORDER BY name) %% 3)::int, 2, lower(name), 0, 0, 0, published_at
            FROM publishers_product
            """,
            [int(member.organization.account_id)],
        )


def names(**wanted) -> list[str]:
    return sorted(p.name for p in search_catalogue(Search(**wanted)).products)


@pytest.mark.parametrize(
    ("facet", "words"),
    [
        (CATEGORY, Category.values),
        (FREQUENCY, Frequency.values),
        (REGION, Region.values),
        (PRICE, PriceKind.values),
        (DELIVERY, Delivery.values),
        (FORMAT, [*FORMATS.values(), "Files"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_word_of_a_facet_has_a_number_that_fits_its_column(facet, words):
    assert set(facet.words) == set(words)
    column = ProductSearch._meta.get_field(facet.column)
    most = 2**15 if isinstance(column, models.SmallIntegerField) else 2**31
    for word in words:
        assert 0 < facet.code(word) < most
        assert facet.read(facet.code(word)) == [word]
    assert facet.code("no such word") == 0


def test_the_numbers_of_rows_that_exist_keep_their_meaning():
    assert [CATEGORY.code(w) for w in ("Finance", "Science")] == [1, 11]
    assert [FREQUENCY.code(w) for w in ("HOURLY", "ONCE")] == [1, 8]
    assert [REGION.code(w) for w in ("GLOBAL", "AFRICA")] == [1, 64]
    assert [PRICE.code(w) for w in ("FREE", "TRIAL", "PAID")] == [1, 2, 4]
    assert [DELIVERY.code(w) for w in ("S3_EXPORT", "ROWS", "API", "S3_ACCESS", "TABLES")] == [1, 2, 4, 8, 16]
    assert [FORMAT.code(w) for w in ("CSV", "Parquet", "Text")] == [1, 16, 1 << 19]


@pytest.fixture
def world(publisher):
    """Products that differ in every facet, of two publishers."""
    other = make_member("Other")
    shelved(
        publisher,
        "Grid load",
        types=[AssetType.S3_SNAPSHOT],
        category="Energy",
        frequency="HOURLY",
        regions=["EUROPE", "AFRICA"],
    )
    shelved(publisher, "Grid status", types=[AssetType.API_GATEWAY_API], category="Energy", frequency="DAILY")
    shelved(
        other,
        "Port lake",
        types=[AssetType.LAKE_FORMATION_DATA_PERMISSION, AssetType.S3_DATA_ACCESS],
        category="Mobility",
        frequency="DAILY",
        regions=["GLOBAL"],
    )
    shelved(other, "Port archive", category="Mobility", offered=False, regions=["EUROPE"])
    ProductSearch.objects.filter(product__name="Grid load").update(format_bits=FORMAT.bits(["CSV", "Parquet"]))
    ProductSearch.objects.filter(product__name="Port archive").update(format_bits=FORMAT.bits(["CSV"]))
    return publisher.organization.account_id, other.organization.account_id


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"categories": ("Energy",)}, ["Grid load", "Grid status"]),
        ({"prices": ("FREE",)}, ["Grid load", "Grid status", "Port lake"]),
        ({"prices": ("PAID", "TRIAL")}, []),
        ({"deliveries": ("S3_EXPORT",)}, ["Grid load"]),
        ({"deliveries": ("API", "TABLES")}, ["Grid status", "Port lake"]),
        ({"deliveries": ("S3_ACCESS",)}, ["Port lake"]),
        ({"formats": ("CSV",)}, ["Grid load", "Port archive"]),
        ({"formats": ("Parquet", "JSON")}, ["Grid load"]),
        ({"frequencies": ("DAILY",)}, ["Grid status", "Port lake"]),
        ({"regions": ("EUROPE",)}, ["Grid load", "Port archive"]),
        ({"regions": ("EUROPE", "GLOBAL"), "frequencies": ("DAILY",)}, ["Port lake"]),
        ({"regions": ("ASIA_PACIFIC",)}, []),
    ],
)
def test_each_facet_narrows_with_and_without_words(world, wanted, expected):
    assert names(**wanted) == expected
    with_words = sorted(names(text="grid", **wanted) + names(text="port", **wanted))
    assert with_words == expected


def test_the_facet_of_publishers_goes_by_account_id(world):
    publisher, other = world
    assert names(publishers=(other,)) == ["Port archive", "Port lake"]
    assert names(publishers=(publisher, other), text="archive") == ["Port archive"]
    assert search_catalogue(Search()).facets["publisher"] == {publisher: 2, other: 2}


@pytest.mark.parametrize("text", ["", "grid or port"])
def test_counts_leave_out_their_own_filter_and_no_other(world, text):
    publisher, other = world
    found = search_catalogue(Search(text=text, frequencies=("DAILY",), regions=("GLOBAL",)))
    assert ([p.name for p in found.products], found.total) == (["Port lake"], 1)
    assert found.facets["frequency"] == {"DAILY": 1}
    assert found.facets["region"] == {"GLOBAL": 1}
    assert found.facets["category"] == {"Mobility": 1}
    assert found.facets["publisher"] == {other: 1}
    assert found.without == {"frequency": 1, "region": 2}
    one = search_catalogue(Search(text=text, regions=("EUROPE",)))
    assert one.facets["region"] == {"EUROPE": 2, "AFRICA": 1, "GLOBAL": 1}
    assert one.facets["delivery"] == {"S3_EXPORT": 1}
    assert one.facets["format"] == {"CSV": 2, "Parquet": 1}
    assert one.facets["price"] == {"FREE": 1}
    assert one.without == {"region": 4}


def test_counts_are_the_same_however_they_are_found(world):
    everything = search_catalogue(Search())
    with_words = search_catalogue(Search(text="grid or port"))
    assert everything.facets == with_words.facets
    assert set(everything.facets) == {facet.name for facet in FACETS}


def test_region_words_publisher_names_and_columns_are_found(world, publisher):
    assert names(text="africa") == ["Grid load"]
    assert names(text="hourly") == ["Grid load"]
    assert names(text="other archive") == ["Port archive"]
    product = Product.objects.get(name="Grid status")
    product.dictionary = [{"column": "load_mw", "type": "number", "meaning": "Megawatts"}]
    product.save()
    refresh(product=product)
    assert names(text="load_mw") == names(text="megawatts") == ["Grid status"]


def test_a_word_is_found_while_it_is_typed_after_others(publisher):
    shelved(publisher, "Harbour prices")
    assert names(text="harbours pri") == ["Harbour prices"]
    assert names(text="harbours pr") == []  # fewer than three letters would match nearly everything
    assert names(text='harbour -"prices"') == []


@pytest.mark.parametrize("visibility", [Visibility.UNLISTED, Visibility.PRIVATE])
def test_what_not_everybody_may_see_is_never_found(world, publisher, visibility):
    product = Product.objects.get(name="Grid load")
    products.set_visibility(product=product, visibility=visibility, actor=actor_of(publisher), at=timezone.now())
    assert names() == ["Grid status", "Port archive", "Port lake"]
    assert names(text="load") == []
    assert "HOURLY" not in search_catalogue(Search()).facets["frequency"]
    assert search_catalogue(Search(text="gird laod")).suggestion != "Grid load"


def test_a_row_that_was_left_behind_shows_nothing(world):
    """Who may see a product is asked of the product, even where its search row is late."""
    Product.objects.filter(name="Grid load").update(visibility=Visibility.PRIVATE)
    assert names() == ["Grid status", "Port archive", "Port lake"]
    assert search_catalogue(Search(text="gird laod")).suggestion != "Grid load"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("wheather", "Open weather archive"),
        ("opne weather", "Open weather archive"),
        ("weather arhcive", "Open weather archive"),
        ("wheet wagse", "Wheat and wages"),
    ],
)
def test_typing_errors_in_any_word_are_forgiven(publisher, typed, meant):
    shelved(publisher, "Wheat and wages")
    shelved(publisher, "Open weather archive")
    assert search_catalogue(Search(text=typed)).suggestion == meant


def test_filters_that_leave_nothing_are_no_typing_error(world):
    found = search_catalogue(Search(text="grid", regions=("GLOBAL",)))
    assert (found.total, found.suggestion, found.without) == (0, "", {"region": 2})


@pytest.mark.parametrize("sort", ["newest", "updated", "name", "popular", "relevant"])
def test_every_order_holds_with_and_without_words(world, sort):
    row = ProductSearch.objects.filter
    now = timezone.now()
    for number, name in enumerate(["Port lake", "Grid load", "Port archive", "Grid status"]):
        when = now - timedelta(days=number)
        row(product__name=name).update(listed_at=when, refreshed_at=when, popularity=100 - number)
    expected = ["Port lake", "Grid load", "Port archive", "Grid status"]
    if sort == "name":
        expected = ["Grid load", "Grid status", "Port archive", "Port lake"]
    assert [p.name for p in search_catalogue(Search(sort=sort)).products] == expected
    assert [p.name for p in search_catalogue(Search(text="grid or port", sort=sort)).products] == expected


def test_fresh_products_come_first_where_words_and_popularity_tell_no_difference(publisher):
    old, new = shelved(publisher, "Tide tables"), shelved(publisher, "Tide charts")
    now = timezone.now()
    ProductSearch.objects.filter(product=old).update(refreshed_at=now - timedelta(days=700))
    ProductSearch.objects.filter(product=new).update(refreshed_at=now)
    assert [p.name for p in search_catalogue(Search(text="tide")).products] == ["Tide charts", "Tide tables"]


def test_a_name_is_found_among_more_matches_than_are_ranked(publisher):
    shelve_many(publisher, 1_200)
    ProductSearch.objects.update(popularity=10)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE publishers_productsearch SET head = to_tsvector('simple', 'x'), full_text = head || full_text"
        )
    late = Product.objects.get(name="Series 01199")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE publishers_productsearch SET head = setweight(to_tsvector('english', 'Series'), 'A'), popularity = 0"
            " WHERE product_id = %s",
            [late.pk],
        )
    found = search_catalogue(Search(text="series"))
    assert (found.total, found.products[0].name) == (1_200, "Series 01199")


def test_a_rare_filter_and_a_common_one_give_the_right_page(publisher):
    shelve_many(publisher, 400)
    ProductSearch.objects.filter(product__name__in=["Series 00003", "Series 00390"]).update(region_bits=64)
    assert names(regions=("AFRICA",)) == ["Series 00003", "Series 00390"]
    pages = [search_catalogue(Search(regions=("EUROPE",), sort="name", page=n)).products for n in (1, 2, 23)]
    assert [len(page) for page in pages] == [PAGE, PAGE, 2]
    assert pages[1][0].name == "Series 00019"  # the fourth is in Africa


def test_counts_of_a_large_catalogue_are_kept_for_a_minute_and_those_of_a_small_one_are_not(
    publisher, django_assert_num_queries
):
    shelve_many(publisher, kept.LARGE)
    with django_assert_num_queries(1):
        assert (whole_counts().total, whole_counts().facets["category"]["Energy"]) == (kept.LARGE, 667)
    with django_assert_num_queries(1):
        assert search_catalogue(Search(formats=("CSV",), page=99)).products == []
    with django_assert_num_queries(0):  # what was counted is kept, and no such page is asked for
        assert search_catalogue(Search(formats=("CSV",), page=99)).total == 666
    Product.objects.filter(name="Series 00000").delete()
    assert whole_counts().total == kept.LARGE
    catalogue.forget_counts()
    assert whole_counts().total == kept.LARGE - 1
    shelved(publisher, "One more")
    assert whole_counts().total == kept.LARGE


def test_pages_end_with_the_matches(publisher):
    shelve_many(publisher, 60)
    found = search_catalogue(Search(text="series"))
    assert (found.total, found.is_capped) == (60, False)
    assert found.has_more(3) is True
    assert found.has_more(4) is False


@pytest.mark.parametrize("text", ["series", ""])
def test_the_statements_of_a_search_do_not_grow_with_the_catalogue(publisher, django_assert_max_num_queries, text):
    shelve_many(publisher, 250)
    with django_assert_max_num_queries(4):
        found = search_catalogue(Search(text=text, formats=("CSV",), regions=("EUROPE",)))
        assert [p.owner.name for p in found.products] == ["Publisher"] * PAGE
        assert all(p.search.formats == ["CSV"] and p.short_description and p.regions == [] for p in found.products)


@pytest.mark.parametrize(
    "word", ["'; DROP TABLE x", "1 OR 1=1", "\N{ARABIC-INDIC DIGIT ONE}" * 12, "9" * 40, "-1", "%s", ""]
)
def test_hostile_values_of_filters_match_nothing_and_break_nothing(world, word):
    for name in ("categories", "prices", "deliveries", "formats", "frequencies", "regions", "publishers"):
        assert names(**{name: (word,)}) == []
        assert names(**{name: (word,)}, text="grid") == []


def test_search_rows_of_an_earlier_release_are_written_anew():
    """The migration asks the worker to index every listed product, by a task that exists."""
    migration = import_module("publishers.migrations.0008_catalogue_facets")
    member = make_member("Early")
    public, hidden = shelved(member, "Public"), shelved(member, "Hidden")
    Product.objects.filter(pk=hidden.pk).update(visibility=Visibility.UNLISTED)
    with connection.cursor() as cursor:
        cursor.execute(migration.WRITE_ANEW)
    rows = WorkItem.objects.filter(key__startswith="facets:")
    assert [(row.task, row.arguments) for row in rows] == [("publishers.index_product", {"product_id": public.pk})]
    assert list(ProductSearch.objects.values_list("product_id", flat=True)) == [public.pk]
