"""Figures of a publisher, and the files on product pages, by /api."""

import pytest
from django.utils import timezone

from publishers.models import DocumentKind, ProductActivity
from tests.pages import add_document, table

pytestmark = pytest.mark.django_db


def test_usage_is_that_of_ones_own_products(product, publisher, stranger, subscriber, program_of):
    program_of(subscriber, "catalogue:read").call("GET", f"/api/catalogue/{product.pk}/documents")
    document = product.documents.get()
    program_of(subscriber, "catalogue:read").call("GET", f"/api/catalogue/{product.pk}/documents/{document.pk}")
    body = program_of(publisher, "publish:read").call("GET", "/api/usage?days=7").json()
    assert body["last_date"] == str(timezone.now().date())
    assert len(body["steps"]) == 7
    assert body["figures"]["organizations_at_sample"] == 1
    assert body["figures_before"]["views"] == 0
    assert [stage["organizations"] for stage in body["funnel"]] == [1, 1, 0, 0, 0]
    assert [(row["product_id"], row["figures"]["organizations_at_sample"]) for row in body["products"]] == [
        (product.pk, 1)
    ]
    assert program_of(stranger, "publish:read").call("GET", "/api/usage").json()["products"] == []
    path = f"/api/usage?product_id={product.pk}"
    assert program_of(stranger, "publish:read").call("GET", path).status_code == 404
    assert program_of(publisher, "publish:read").call("GET", path).status_code == 200


@pytest.mark.parametrize("query", ["days=8", "days=x", "week=1"])
def test_a_period_that_is_none_is_refused(publisher, program_of, query):
    assert program_of(publisher, "publish:read").call("GET", f"/api/usage?{query}").status_code == 422


def test_everybody_reads_the_files_of_a_page(product, anonymous):
    product.documents.all().delete()
    sample = add_document(product, DocumentKind.SAMPLE, "ports.csv", preview=table(3))
    add_document(product, DocumentKind.DICTIONARY, "handbook.pdf", content=b"%PDF-")
    listed = anonymous.call("GET", f"/api/catalogue/{product.pk}/documents").json()["items"]
    assert [item["name"] for item in listed] == ["handbook.pdf", "ports.csv"]
    body = anonymous.call("GET", f"/api/catalogue/{product.pk}/documents/{sample.pk}").json()
    assert body["table"]["row_count"] == 3
    assert "X-Amz-Expires=300" in body["download_url"]
    assert ProductActivity.objects.count() == 0  # a program that nobody knows is not counted
    assert anonymous.call("GET", f"/api/catalogue/{product.pk}/documents/{'0' * 32}").status_code == 404
