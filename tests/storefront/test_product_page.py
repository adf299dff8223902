"""The product page: sample, dictionary, revisions, licence, offer; what strangers write on it; how many queries it takes."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from marketplace.core.models import Role
from marketplace.storefront.samples import share
from publishers.models import DocumentKind, Product, ProductActivity, ProductDocument
from publishers.operations import products
from publishers.queries.product_pages import list_related
from subscriptions.models import Entitlement
from tests.asking import QUESTIONS, ask
from tests.conftest import actor_of
from tests.console.pages import member_with, sign_in
from tests.pages import add_document, fill_page, table
from tests.publishers.test_search import listed

pytestmark = pytest.mark.django_db
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0"


@pytest.fixture
def url(product: Product) -> str:
    """The page of a product whose sample is a table of 25 rows."""
    product.documents.all().delete()
    add_document(product, DocumentKind.SAMPLE, "ports.csv", preview=table())
    return f"/products/{product.pk}"


def shown(client, url: str) -> str:
    """Return a page with its white space made one."""
    answer = client.get(url)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def update(product, **values) -> None:
    Product.objects.filter(pk=product.pk).update(**values)


# --- sample ---------------------------------------------------------------------------------------------------------
def test_the_sample_is_paged_with_its_columns_described(client, url):
    page = shown(client, url)
    assert "25 rows" in page
    assert "Rows 1–10 of 25." in page
    assert "Harbour 10<" in page
    assert "Harbour 11<" not in page
    assert '<span class="null">null</span>' in page
    assert "8 % empty" in page
    assert 'aria-label="calls_1: distribution from 1 to 25"' in page
    page = shown(client, f"{url}?rows=3")
    assert "Rows 21–25 of 25." in page
    assert "Harbour 25<" in page


def test_rows_are_found_by_any_cell_and_keep_their_numbers(client, url):
    page = shown(client, f"{url}?find=HARBOUR+2")
    assert "Rows 1–7 of 7 that match." in page  # 2 and 20 to 25
    assert "<mark>Harbour 20</mark>" in page
    assert '<td class="idx num">25</td>' in page
    assert "No row of the sample holds “nothing”" in shown(client, f"{url}?find=nothing")


@pytest.mark.parametrize("query", ["rows=0", "rows=x", "rows=99", "cols=9", "sample=nothing", "find=%00", "columns=-1"])
def test_a_query_that_makes_no_sense_still_answers(client, url, query):
    assert "Harbour" in shown(client, f"{url}?{query}")


def test_each_table_of_the_sample_has_an_address_and_wide_ones_are_paged(client, url, product):
    wide = add_document(product, DocumentKind.SAMPLE, "wide.csv", preview=table(3, 30), position=2)
    page = shown(client, url)
    assert "ports.csv" in page
    assert f"?sample={wide.pk}#sample" in page
    page = shown(client, f"{url}?sample={wide.pk}")
    assert "Columns 1–10 of 30" in page
    assert "calls_10 " not in page
    assert "calls_10 " in shown(client, f"{url}?sample={wide.pk}&cols=2")


def test_files_that_are_no_tables_are_downloads(client, url, product):
    add_document(product, DocumentKind.SAMPLE, "ports.parquet", content=b"PAR1")
    add_document(product, DocumentKind.DICTIONARY, "handbook.pdf", content=b"%PDF-")
    page = shown(client, url)
    assert page.count("Download<span") == 2
    for name, content in (("ports.parquet", b"PAR1"), ("handbook.pdf", b"%PDF-")):
        document = ProductDocument.objects.get(name=name)
        answer = client.get(f"{url}/documents/{document.pk}/download")
        assert answer.status_code == 302
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "X-Amz-Expires=300" in answer.url
        assert "attachment" in answer.url
        assert content not in answer.content
    assert client.get(f"{url}/documents/{'0' * 32}/download").status_code == 404


def test_images_are_shown_with_their_captions(client, url, product):
    add_document(
        product, DocumentKind.IMAGE, "quay.png", content_type="image/png", caption="The quay", width=8, height=5
    )
    page = shown(client, url)
    assert 'alt="The quay"' in page
    assert re.search(r'<img src="http://[^"]+quay[^"]*X-Amz-Expires=300', page)


@pytest.mark.parametrize(
    ("part", "whole", "words"), [(0, 9, "0 %"), (1, 1000, "< 1 %"), (999, 1000, "99 %"), (9, 9, "100 %"), (1, 0, "")]
)
def test_a_share_is_0_or_100_only_when_it_is(part, whole, words):
    assert share(part, whole) == words


# --- dictionary and revisions -----------------------------------------------------------------------------------------
def test_the_dictionary_is_searched_paged_and_linked(client, url, product):
    update(
        product,
        dictionary=[
            {"column": f"c {n}", "type": "integer", "meaning": f"Number {n}", "key": n == 1} for n in range(120)
        ],
    )
    page = shown(client, url)
    assert 'id="col-c-1"' in page
    assert "key</span>" in page
    assert 'id="col-c-30"' not in page
    assert 'id="col-c-30"' in shown(client, f"{url}?columns=2")
    page = shown(client, f"{url}?column=number+11")
    assert re.findall(r'id="col-c-(\d+)"', page) == ["11", *(str(n) for n in range(110, 120))]
    assert 'href="?column=number+11#col-c-11"' in page
    assert "No column matches “nothing”" in shown(client, f"{url}?column=nothing")


def test_the_dictionary_says_how_full_a_column_of_the_sample_is(client, url, product):
    update(product, dictionary=[{"column": "calls_1", "type": "integer", "meaning": "Calls"}])
    page = shown(client, url)
    assert "Filled and distinct are of the sample." in page
    assert '<td class="n">92 %</td>' in page


def test_many_revisions_are_paged_and_counted_once(client, url, product):
    fill_page(product, revisions=25, documents=0)
    page = shown(client, url)
    assert "1–10 of 26" in page
    assert "Week 24" in shown(client, f"{url}?revisions=3")
    assert "26</dd>" in page


# --- offer and licence --------------------------------------------------------------------------------------------------
def test_the_licence_says_what_is_allowed_and_which_text_holds(client, url, product):
    update(product, licence="CC BY 4.0", licence_rights={"commercial_use": True, "resale": False})
    page = shown(client, url)
    assert 'Commercial use<span class="sr">: allowed</span>' in page
    assert 'Resale<span class="sr">: not allowed</span>' in page
    assert "Redistribution" not in page
    assert "Full terms, version 1 of" in page
    assert "Use it well." in page


def test_a_subscriber_reads_until_when_instead_of_an_offer(client, url, agreement, subscriber):
    sign_in(client, subscriber)
    page = shown(client, url)
    assert page.count("You have access") == 2  # beside the page, and on the phone's bar
    assert "Until your organization or the publisher ends it." in page
    assert f"/my-data/{agreement.entitlements.get().published_data_set_id}" in page
    assert "/subscribe" not in page
    ends_at = timezone.now() + timedelta(days=30)
    Entitlement.objects.filter(agreement=agreement).update(valid_until=ends_at)
    assert f"Until {ends_at.day} {ends_at:%b %Y}" in shown(client, url)


def test_a_product_whose_publisher_decides_is_asked_for(client, url, product, subscriber):
    update(product, requires_approval=True, questions=QUESTIONS)
    product.refresh_from_db()
    sign_in(client, subscriber)
    assert shown(client, url).count("Request access") == 2
    made = ask(subscriber, product)
    page = shown(client, url)
    assert page.count("Waiting for the publisher") == 2
    assert f"/my-data/requests/{made.pk}" in page
    assert "Request access" not in page


def test_a_viewer_is_told_whom_to_ask(client, url):
    page = shown(sign_in(client, member_with(Role.VIEWER)), url)
    assert "Your role cannot subscribe." in page
    assert 'class="buybar"' not in page


def test_lateness_is_measured_by_the_promise(client, url, product):
    product.published_data_sets.get().published_revisions.update(published_at=timezone.now() - timedelta(days=3))
    assert "On schedule" not in shown(client, url)
    update(product, frequency="WEEKLY")
    assert "On schedule" in shown(client, url)
    update(product, frequency="DAILY")
    page = shown(client, url)
    assert "later than promised" in page
    assert "On schedule" not in page


# --- what machines and strangers do with it -----------------------------------------------------------------------------
def test_the_page_describes_itself_to_machines(client, url, product, settings):
    update(product, name="Ports </script><script>alert(1)</script> & more", licence="CC0")
    page = client.get(url).content.decode()
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    described = json.loads(found.group(1))
    assert described["@type"] == "Dataset"
    assert described["name"] == "Ports </script><script>alert(1)</script> & more"
    assert described["url"] == f"{settings.PUBLIC_URL}{url}"
    assert described["license"]["name"] == "CC0"
    assert "<script>alert" not in page
    assert '<meta property="og:title" content="Ports &lt;/script&gt;' in page


def test_what_strangers_wrote_into_a_sample_is_text(client, url, product):
    evil = "<img src=x onerror=alert(1)>"
    preview = {
        "columns": [{"name": evil, "type": evil, "least": evil}],
        "rows": [[evil]],
        "row_count": 1,
        "is_whole": True,
    }
    product.documents.all().delete()
    add_document(product, DocumentKind.SAMPLE, "x.csv", preview=preview)
    update(product, dictionary=[{"column": evil, "type": evil, "meaning": evil}], coverage=evil, licence=evil)
    assert "<img src=x" not in shown(client, f"{url}?find=img&column=img")


def test_looks_are_counted_by_what_was_looked_at(client, url, subscriber, publisher):
    client.get(url, headers={"User-Agent": BROWSER})
    client.get(f"{url}?rows=2", headers={"User-Agent": BROWSER})
    client.get(f"{url}?find=x", headers={"User-Agent": BROWSER, "HX-Request": "true"})
    client.get(url, headers={"User-Agent": BROWSER, "Sec-Purpose": "prefetch"})
    client.head(url, headers={"User-Agent": BROWSER})
    sign_in(client, subscriber).get(url)
    sign_in(client, publisher).get(url)
    rows = ProductActivity.objects.order_by("kind", "is_member").values_list("kind", "is_member", "count")
    assert list(rows) == [("SAMPLE", False, 2), ("VIEW", False, 1), ("VIEW", True, 1)]


def test_downloading_a_sample_is_a_look_at_it(client, url, product, subscriber):
    document = product.documents.get()
    sign_in(client, subscriber).get(f"{url}/documents/{document.pk}/download")
    assert ProductActivity.objects.get().kind == "SAMPLE"


def test_related_products_share_shelf_or_words(client, url, product, publisher, stranger):
    near = listed(stranger, "Departures of Boston", short="Every departure from Logan.", category="Mobility")
    far = listed(stranger, "Barley trials", short="Yields.", category="Agriculture")
    own = listed(publisher, "Gates", short="Which gate is where.", category="Location")
    found = list_related(product=product, most=5)
    assert found[0] == near
    assert far not in found
    assert own not in found  # the same publisher alone is no likeness
    page = shown(client, url)
    assert "Related products" in page
    assert f"/products/{near.pk}" in page
    products.unpublish_product(product=near, actor=actor_of(stranger), at=timezone.now())
    assert near not in list_related(product=product, most=5)


@pytest.mark.parametrize("query", ["", "?rows=2&find=harbour&column=c&columns=2&revisions=5"])
def test_a_page_with_very_much_on_it_takes_15_queries(
    client, url, product, subscriber, django_assert_max_num_queries, query
):
    fill_page(product)
    update(product, requires_approval=True, frequency="DAILY")
    sign_in(client, subscriber).get(url)
    with django_assert_max_num_queries(15 + 2):  # besides the savepoint that counting takes within a test's transaction
        page = client.get(url + query).content.decode()
    page = re.sub(r"<noscript>.*?</noscript>", "", page, flags=re.S)
    assert len(re.findall(r"<[a-z]", page)) < 1500  # elements
