"""The files on a product's page, for everybody who may see the page."""

from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import PUBLIC, ApiView, operation
from marketplace.console.api.paging import Page, PageQuery, page_of
from marketplace.console.api.serializers.documents import DocumentDetail, DocumentShape
from marketplace.console.api.views.catalogue import viewer_of
from marketplace.core import media
from marketplace.core.models import Organization
from publishers.models import ActivityKind, DocumentKind, Product, ProductDocument
from publishers.operations import activity
from publishers.queries.product_pages import get_page_document, list_public_documents
from publishers.queries.products import get_listed_product


def _look_at_sample(product: Product, viewer: Organization | None, caller: Caller | None) -> None:
    if viewer is not None and caller is not None:
        activity.record(
            product_id=product.pk,
            kind=ActivityKind.SAMPLE,
            organization=viewer,
            address="",
            agent="",
            at=caller.at,
        )


class CatalogueDocumentsView(ApiView):
    tag = "Catalogue"

    @operation("list_catalogue_documents", scope=PUBLIC, asks=PageQuery, lists=DocumentShape)
    def get(self, caller: Caller | None, product_id: str, query: dict[str, Any]) -> Page:
        """List the samples, dictionaries and images on a product's page."""
        product = get_listed_product(product_id=product_id, viewer=viewer_of(caller))
        rows = list_public_documents(product=product)
        return page_of(rows, order_by=("kind", "position", "pk"), query=query, binding=["documents", product.pk])


class CatalogueDocumentView(ApiView):
    tag = "Catalogue"

    @operation("get_catalogue_document", scope=PUBLIC, gives=DocumentDetail)
    def get(self, caller: Caller | None, product_id: str, document_id: str) -> ProductDocument:
        """Read a file on a product's page: where to download it, and the rows of a sample that is a table."""
        viewer = viewer_of(caller)
        product = get_listed_product(product_id=product_id, viewer=viewer)
        document = get_page_document(product=product, document_id=document_id)
        if document.kind == DocumentKind.SAMPLE:
            _look_at_sample(product, viewer, caller)
        document.download_url = media.attachment_url(document.file.name or "", filename=document.name)  # type: ignore[attr-defined]
        document.table = document.preview or None  # type: ignore[attr-defined]
        return document
