"""Files on a product's page, the dictionary made from them, and who may see a private product."""

import io
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import ValidationError

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.documents import (
    DocumentChange,
    DocumentDetail,
    DocumentShape,
    FileQuery,
    NewViewer,
    ViewerShape,
)
from marketplace.console.api.serializers.products import ProductShape
from marketplace.console.api.views.catalogue import ProductPage
from marketplace.console.api.views.products import page_of_owned
from marketplace.core.media import attachment_url
from publishers.models import ProductDocument, ProductViewer
from publishers.operations import documents, products
from publishers.queries.documents import get_owned_document, list_documents, list_viewers
from publishers.queries.products import get_owned_product


@dataclass(frozen=True)
class _Detail:
    """A file with what is made for the answer; anything else is asked of the row."""

    document: ProductDocument
    download_url: str
    table: dict[str, Any] | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.document, name)


class ProductDocumentsView(ApiView):
    tag = "Product files"

    @operation("list_product_documents", scope="publish:read", lists=DocumentShape)
    def get(self, caller: Caller, product_id: str, query: dict[str, Any]) -> Page:
        """List the files on the page of one of your products."""
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        rows = list_documents(product=product)
        return page_of(rows, order_by=("kind", "position", "pk"), query=query, binding=["documents", product.pk])


class ProductDocumentView(ApiView):
    tag = "Product files"

    @operation("get_product_document", scope="publish:read", gives=DocumentDetail)
    def get(self, caller: Caller, product_id: str, document_id: str) -> _Detail:
        """Read one file: where to download it, and the rows and columns of a sample that is a table."""
        found = get_owned_document(owner=caller.organization, product_id=product_id, document_id=document_id)
        return _Detail(found, attachment_url(str(found.file.name), filename=found.name), found.preview or None)

    @operation("update_product_document", scope="publish:write", takes=DocumentChange, gives=DocumentShape)
    def patch(self, caller: Caller, product_id: str, document_id: str, body: dict[str, Any]) -> ProductDocument:
        """Write another caption, or move a file to another place among those of its kind."""
        found = get_owned_document(owner=caller.organization, product_id=product_id, document_id=document_id)
        return documents.change_document(document=found, actor=caller.actor, at=caller.at, **body)

    @operation("remove_product_document", scope="publish:write")
    def delete(self, caller: Caller, product_id: str, document_id: str) -> None:
        """Take a file off the page of a product.

        A product in the catalogue keeps one sample.
        """
        found = get_owned_document(owner=caller.organization, product_id=product_id, document_id=document_id)
        documents.remove_document(document=found, actor=caller.actor)


class ProductFileView(ApiView):
    tag = "Product files"

    @operation(
        "put_product_file",
        scope="publish:write",
        asks=FileQuery,
        gives=DocumentShape,
        media={"*/*": {"type": "string", "format": "binary"}},
    )
    def put(self, caller: Caller, product_id: str, file_name: str, query: dict[str, Any]) -> ProductDocument:
        """Put a file on the page of a product, in place of one of the same kind and name.

        Send it as the body. A `SAMPLE` may have 25 MB; CSV, TSV, JSON and NDJSON are shown as a table. A `DICTIONARY` is a
        document of at most 10 MB. An `IMAGE` is a PNG, JPEG or WebP of at most 2 MB and 4 megapixels, which is written anew
        as WebP and named so.
        """
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        stream = self.request.stream
        if stream is None:
            raise ValidationError({"file": ["Send the file as the body."]})
        most = documents.LIMITS[query["kind"]][0]
        content = io.BytesIO(stream.read(most + 1))
        return documents.add_document(
            product=product,
            name=file_name,
            stream=content,
            replaces=True,
            actor=caller.actor,
            at=caller.at,
            **query,
        )


class ProductSampleView(ApiView):
    tag = "Product files"

    @operation("make_product_sample", scope="publish:write", gives=DocumentShape, status=201, in_transaction=False)
    def post(self, caller: Caller, product_id: str) -> ProductDocument:
        """Make a sample of up to 500 rows of the first table in the newest revision of the product's data sets."""
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        return documents.make_sample(product=product, actor=caller.actor, at=caller.at)


class ProductDictionaryFillView(ApiView):
    tag = "Product files"

    @operation("fill_product_dictionary", scope="publish:write", gives=ProductShape)
    def post(self, caller: Caller, product_id: str) -> ProductPage:
        """Add the columns of the samples that the dictionary lacks, with the types that were found."""
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        documents.fill_dictionary(product=product, actor=caller.actor, at=caller.at)
        return page_of_owned(get_owned_product(owner=caller.organization, product_id=product_id))


class ProductViewersView(ApiView):
    tag = "Product files"

    @operation("list_product_viewers", scope="publish:read", lists=ViewerShape)
    def get(self, caller: Caller, product_id: str, query: dict[str, Any]) -> Page:
        """List the organizations that may see a private product."""
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        rows = list_viewers(product=product)
        return page_of(rows, order_by=("added_at", "pk"), query=query, binding=["viewers", product.pk])

    @operation("add_product_viewer", scope="publish:write", takes=NewViewer, gives=ViewerShape, status=201)
    def post(self, caller: Caller, product_id: str, body: dict[str, Any]) -> ProductViewer:
        """Let an organization see a product while it is private.

        The same again changes nothing.
        """
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        return products.add_viewer(product=product, actor=caller.actor, at=caller.at, **body)


class ProductViewerView(ApiView):
    tag = "Product files"

    @operation("remove_product_viewer", scope="publish:write")
    def delete(self, caller: Caller, product_id: str, account_id: str) -> None:
        """Hide a private product from an organization again; if it subscribed, it keeps access."""
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        products.remove_viewer(product=product, account_id=account_id, actor=caller.actor, at=caller.at)
