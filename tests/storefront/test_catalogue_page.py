"""The catalogue's page and its /api operation: filters in the URL, counts, layouts, what is offered when nothing matches."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.utils import timezone

from publishers.models import Offer, OfferVersion, Product, ProductSearch, Visibility
from publishers.models.facets import FORMAT
from publishers.operations.search import refresh
from publishers.queries.catalogue import PAGE, forget_counts
from tests.conftest import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept():
    """Counts of another test's catalogue are forgotten."""
    forget_counts()
    cache.clear()
    yield
    forget_counts()


def shelved(member, name, *, formats=("CSV",), **fields) -> Product:
    """Put a product into the catalogue."""
    wanted = {
        "category": "Weather",
        "short_description": "Readings of every station.",
        "state": "PUBLISHED",
        "published_at": timezone.now(),
    } | fields
    product = Product.objects.create(owner=member.organization, name=name, **wanted)
    OfferVersion.objects.create(offer=Offer.objects.create(product=product), number=1, terms="t")
    refresh(product=product)
    ProductSearch.objects.filter(product=product).update(format_bits=FORMAT.bits(formats), size_bytes=1_900_000_000)
    return product


@pytest.fixture
def shelf(publisher):
    """Five products on three shelves."""
    shelved(publisher, "Storm tracks", frequency="DAILY", regions=["EUROPE"], formats=("CSV", "Parquet"))
    shelved(publisher, "Rain gauges", frequency="HOURLY", regions=["AFRICA"])
    shelved(publisher, "Sea ice", category="Climate", regions=["GLOBAL"], formats=("GeoJSON",))
    shelved(publisher, "Wheat and wages", category="Agriculture", regions=["EUROPE"])
    shelved(publisher, "Barley trials", category="Agriculture", formats=("Parquet",))
    return publisher


def names_on(page: str) -> list[str]:
    titles = re.findall(r'<h2 class="truncate"><a href="[^"]+">(.*?)</a></h2>', page)
    return sorted(re.sub(r"</?mark>", "", title) for title in titles)


def box(page: str, name: str, value: str) -> dict[str, object]:
    """Return what a tick box of the page says."""
    found = re.search(rf'<input type="checkbox" name="{name}" value="{value}"([^>]*)>(.*?)</label>', page, re.DOTALL)
    assert found, f"no tick box {name}={value}"
    count = re.search(r'<span class="n[^"]*">([^<]*)</span>', found[2])
    return {"on": "checked" in found[1], "off": "disabled" in found[1], "count": count[1] if count else None}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("category=Agriculture", ["Barley trials", "Wheat and wages"]),
        ("format=Parquet", ["Barley trials", "Storm tracks"]),
        ("frequency=DAILY&frequency=HOURLY", ["Rain gauges", "Storm tracks"]),
        ("region=EUROPE&category=Agriculture", ["Wheat and wages"]),
        ("price=FREE&region=AFRICA", ["Rain gauges"]),
        ("q=readings&region=GLOBAL", ["Sea ice"]),
        ("delivery=API", []),
    ],
)
def test_filters_of_the_url_narrow_and_come_back_as_chips(client, shelf, query, names):
    page = client.get(f"/catalogue?{query}").content.decode()
    assert names_on(page) == names
    for name, values in parse_qs(query).items():
        assert page.count('class="chip"') == sum(len(v) for k, v in parse_qs(query).items() if k != "q")
        if name in {"format", "frequency", "region", "price"}:
            assert all(box(page, name, value)["on"] for value in values)
        if name == "category":
            assert f'<input type="hidden" name="category" value="{values[0]}">' in page


def test_counts_leave_out_their_own_filter_and_zero_counts_cannot_be_ticked(client, shelf):
    page = client.get("/catalogue?region=EUROPE").content.decode()
    assert box(page, "region", "AFRICA") == {"on": False, "off": False, "count": "1"}
    assert box(page, "region", "EUROPE") == {"on": True, "off": False, "count": "2"}
    assert box(page, "format", "CSV") == {"on": False, "off": False, "count": "2"}
    assert box(page, "format", "GeoJSON") == {"on": False, "off": True, "count": "0"}
    assert box(page, "frequency", "HOURLY") == {"on": False, "off": True, "count": "0"}
    assert re.search(r'<span class="off">.*?Climate', page, re.DOTALL)
    assert 'name="region" value="MIDDLE_EAST"' not in page  # nothing in the whole catalogue is there
    assert 'name="price" value="PAID"' not in page


def test_every_link_of_the_page_keeps_the_rest_of_the_search(client, shelf):
    page = client.get("/catalogue?q=readings&category=Agriculture&format=CSV&region=EUROPE&sort=newest&view=list")
    html = page.content.decode().replace("&amp;", "&")
    assert 'class="products products-list"' in html
    links = {urlsplit(link).query for link in re.findall(r'href="(\?[^"]*)"', html)}
    assert "q=readings&category=Agriculture&format=CSV&sort=newest&view=list" in links  # Europe taken off
    assert "q=readings&format=CSV&region=EUROPE&sort=newest&view=list" in links  # all categories
    assert "q=readings&category=Climate&format=CSV&region=EUROPE&sort=newest&view=list" not in links  # there is none
    assert "q=readings&sort=newest&view=list" in links  # Clear all
    assert "q=readings&category=Agriculture&format=CSV&region=EUROPE&sort=newest" in links  # Grid
    assert '<option value="newest" selected>' in html
    assert '/searches/new?q=readings&category=Agriculture&format=CSV&region=EUROPE"' in html
    assert 'type="application/atom+xml"' in html
    assert '/catalogue.atom?q=readings&category=Agriculture&format=CSV&region=EUROPE"' in html


def test_matches_are_marked_in_name_and_text(client, shelf):
    page = client.get("/catalogue?q=station").content.decode()
    assert page.count("every <mark>station</mark>") == 5
    assert "<mark>Storm</mark> tracks" in client.get("/catalogue?q=storms").content.decode()


def test_a_card_shows_publisher_formats_frequency_size_and_freshness(client, shelf):
    type(shelf.organization).objects.filter(pk=shelf.organization_id).update(is_verified=True)
    ProductSearch.objects.filter(product__name="Storm tracks").update(refreshed_at=timezone.now() - timedelta(days=30))
    page = client.get("/catalogue?q=storm").content.decode()
    card = page[page.index('<li class="card product"') : page.index("</li>", page.index('<li class="card product"'))]
    words = " ".join(re.sub(r"<[^>]+>", " ", card).split())
    assert "Publisher verified publisher" in words
    assert "CSV Parquet Daily 1.9 GB Free 1 mo ago , later than promised" in words


def test_words_that_match_nothing_lead_on(client, shelf):
    page = client.get("/catalogue?q=wheet+wagse").content.decode()
    assert 'Did you mean <a href="?q=Wheat%20and%20wages">Wheat and wages</a>' in page
    page = client.get("/catalogue?q=unicorns+of+mars").content.decode()
    assert "Use other words, or tell publishers what you need." in page
    assert 'href="/requests/new?title=unicorns%20of%20mars"' in page
    assert 'href="/searches/new?q=unicorns+of+mars"' in page


def test_filters_that_leave_nothing_can_be_taken_off_one_by_one(client, shelf):
    page = client.get("/catalogue?q=storm&region=AFRICA").content.decode()
    assert "Did you mean" not in page
    assert '<a href="?q=storm">any region</a> (1)' in page
    page = client.get("/catalogue?category=Climate&format=CSV").content.decode().replace("&amp;", "&")
    assert '<a href="?format=CSV">any category</a> (3), ' in page
    assert '<a href="?category=Climate">any format</a> (1)' in page
    page = client.get("/catalogue?q=storm&region=AFRICA&format=GeoJSON&category=Climate").content.decode()
    assert "Take filters off, or use other words." in page


def test_publishers_beyond_ten_are_found_by_name(client, publisher):
    for number in range(13):
        shelved(make_member(f"Maker {number:02}"), f"Atlas {number}")
    shelved(publisher, "Plans")
    page = client.get("/catalogue").content.decode()
    assert page.count('type="checkbox" name="publisher"') == 10
    assert "Show all (4 more)" in page
    page = client.get("/catalogue?publishers=all").content.decode()
    assert page.count('type="checkbox" name="publisher"') == 14
    page = client.get("/catalogue?publisher_name=maker+1").content.decode()
    assert re.findall(r'name="publisher" value="\d+"\s*>\s*<span class="grow truncate">([^<]*)', page) == [
        "Maker 10",
        "Maker 11",
        "Maker 12",
    ]
    account = publisher.organization.account_id
    page = client.get(f"/catalogue?publisher={account}&publisher_name=maker").content.decode()
    assert names_on(page) == ["Plans"]
    assert box(page, "publisher", account)["on"]
    page = client.get("/catalogue?publisher_name=%00nobody").content.decode()
    assert "No publisher of this name has matching products." in page


@pytest.mark.parametrize("visibility", [Visibility.UNLISTED, Visibility.PRIVATE])
def test_what_not_everybody_may_see_is_on_no_list(client, shelf, visibility):
    product = Product.objects.get(name="Storm tracks")
    Product.objects.filter(pk=product.pk).update(visibility=visibility)
    refresh(product=product)
    for path in ("/", "/catalogue", "/catalogue?q=storm", "/catalogue?q=strom+trakcs", "/catalogue?frequency=DAILY"):
        assert "Storm tracks" not in client.get(path).content.decode(), path
    assert "Storm tracks" not in client.get("/api/catalogue?q=storm").content.decode()
    assert client.get("/api/catalogue?q=strom+trakcs").json()["suggestion"] != "Storm tracks"
    assert client.get("/api/catalogue").json()["total"] == 4


def test_nobody_has_published_yet(client):
    page = client.get("/catalogue?q=storm").content.decode()
    assert "The catalogue is empty" in page


def test_words_typed_on_take_the_place_of_those_before_in_the_history(client, shelf):
    def answer(query: str, before: str) -> dict[str, str]:
        headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver/catalogue{before}"}
        return dict(client.get(f"/catalogue?{query}", headers=headers).headers)

    assert answer("q=sto&sort=relevant", "")["HX-Push-Url"] == "/catalogue?q=sto"
    assert answer("q=storm&sort=relevant", "?q=sto")["HX-Replace-Url"] == "/catalogue?q=storm"
    assert answer("q=storm&region=EUROPE", "?q=storm")["HX-Push-Url"] == "/catalogue?q=storm&region=EUROPE"
    assert answer("q=", "?q=s&page=2")["HX-Replace-Url"] == "/catalogue"
    assert answer("q=&view=list&publisher_name=x", "?sort=name")["HX-Push-Url"] == "/catalogue?view=list"


@pytest.mark.parametrize(
    "query",
    [
        "q=" + "a" * 5000,
        "q=%00%00",
        "q=%F0%9F%9B%B3+%E2%80%AE",
        "q=%22+OR+-+%3A*+%26+%7C+%21+%28%28",
        "q=%25%28text%29s+%25s",
        "category=%00&region=EUROPE%00&format=%27&frequency=DAILY%27&price=--&delivery=%22",
        "publisher=" + "&publisher=".join(["123456789012"] * 300),
        "publisher=%D9%A1%D9%A1%D9%A1",
        "publisher_name=%25%5C_%27&publishers=all&view=table",
        "page=-1&sort=%00&view=%00",
        "sort=name&page=999999",
    ],
)
def test_whatever_stands_in_the_url_is_answered(client, shelf, query):
    answer = client.get(f"/catalogue?{query}")
    assert answer.status_code == 200
    assert "<h1>Data products</h1>" in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    ["", "q=series", "q=series&format=CSV&region=EUROPE&category=Weather&price=FREE", "q=sereis+nothing", "page=12"],
)
def test_two_hundred_products_take_no_more_statements_than_five(
    client, publisher, django_assert_max_num_queries, query
):
    now = timezone.now()
    for number in range(10):
        shelved(make_member(f"Maker {number}"), f"Series of {number}")
    made = Product.objects.bulk_create(
        Product(
            owner=publisher.organization,
            name=f"Series {n}",
            short_description="x",
            category="Weather",
            regions=["EUROPE"],
            state="PUBLISHED",
            published_at=now,
        )
        for n in range(200)
    )
    for product in made:
        refresh(product=product)
    with django_assert_max_num_queries(15):
        page = client.get(f"/catalogue?{query}")
    assert page.status_code == 200
    with django_assert_max_num_queries(15):
        assert client.get("/").content.decode().count('<li class="card product"') == 8


def test_the_api_narrows_counts_and_pages_alike(client, shelf):
    answer = client.get("/api/catalogue?region=EUROPE&format=CSV").json()
    assert sorted(item["name"] for item in answer["items"]) == ["Storm tracks", "Wheat and wages"]
    assert (answer["total"], answer["is_capped"], answer["suggestion"]) == (2, False, "")
    assert answer["facets"]["region"] == {"EUROPE": 2, "AFRICA": 1}
    assert answer["facets"]["format"] == {"CSV": 2, "Parquet": 1}
    assert answer["facets"]["publisher"] == {shelf.organization.account_id: 2}
    storm = next(item for item in answer["items"] if item["name"] == "Storm tracks")
    assert (storm["formats"], storm["prices"], storm["frequency"]) == (["CSV", "Parquet"], ["FREE"], "DAILY")
    assert (storm["regions"], storm["deliveries"]) == (["EUROPE"], [])
    first = client.get("/api/catalogue?sort=newest&limit=3").json()
    second = client.get(f"/api/catalogue?sort=newest&limit=3&cursor={first['next_cursor']}").json()
    assert [item["name"] for item in first["items"] + second["items"]] == [
        "Barley trials",
        "Wheat and wages",
        "Sea ice",
        "Rain gauges",
        "Storm tracks",
    ]
    assert second["next_cursor"] is None
    assert client.get("/api/catalogue?q=wheet+wagse").json()["suggestion"] == "Wheat and wages"
    for refused in ("region=MARS", "frequency=daily", "price=CHEAP", "delivery=FAX", "sort=best", "visibility=PRIVATE"):
        assert client.get(f"/api/catalogue?{refused}").status_code == 422, refused
    other = client.get(f"/api/catalogue?sort=name&limit=3&cursor={first['next_cursor']}")
    assert other.status_code == 422


def test_a_product_that_no_search_finds_has_its_page_over_the_api(client, shelf):
    product = Product.objects.get(name="Storm tracks")
    Product.objects.filter(pk=product.pk).update(visibility=Visibility.UNLISTED)
    refresh(product=product)
    answer = client.get(f"/api/catalogue/{product.pk}")
    assert answer.status_code == 200
    assert (answer.json()["prices"], answer.json()["formats"], answer.json()["size_bytes"]) == (["FREE"], [], 0)


def test_a_page_has_eighteen_products(client, publisher):
    for number in range(PAGE + 2):
        shelved(publisher, f"Series {number:02}")
    page = client.get("/catalogue?sort=name&page=2").content.decode()
    assert names_on(page) == ["Series 18", "Series 19"]
    assert "19–20 of 20" in page
    assert 'aria-current="page"><span class="sr">Page </span>2</a>' in page
