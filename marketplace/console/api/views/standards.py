"""Products by the standards, their revisions as they are cited, and a product out of a file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import PUBLIC, AlwaysJson, ApiView, operation
from marketplace.console.api.paging import Page, PageQuery, page_of
from marketplace.console.api.serializers.standards import (
    CitableRevision,
    FilesQuery,
    ImportedProduct,
    ImportQuery,
    MetadataDocument,
    MetadataShape,
)
from marketplace.console.api.views.catalogue import ProductPage, viewer_of
from marketplace.console.api.views.products import page_of_owned
from publishers.models import Asset, Product
from publishers.operations.product_imports import import_product
from publishers.queries.manifests import manifest_digest
from publishers.queries.products import get_listed_product, get_owned_product
from publishers.queries.publications import get_published_revision
from publishers.standards import citations
from publishers.standards.describe import cited_revision, describe, product_url
from publishers.standards.documents import STANDARDS, Standard, standard_of, write
from publishers.standards.importing import MOST_BYTES


def _shape(product: Product, standard: Standard) -> dict[str, Any]:
    return {
        "name": standard.name,
        "title": standard.title,
        "version": standard.version,
        "content_type": standard.content_type,
        "url": f"{product_url(product_id=product.pk)}/metadata/{standard.address}",
    }


class CatalogueMetadataView(ApiView):
    tag = "Standards"

    @operation("list_product_metadata", scope=PUBLIC, asks=PageQuery, lists=MetadataShape)
    def get(self, caller: Caller | None, product_id: str, query: dict[str, Any]) -> Page:
        """List the documents that describe a product by a standard."""
        product = get_listed_product(product_id=product_id, viewer=viewer_of(caller))
        return Page([_shape(product, standard) for standard in STANDARDS][: query["limit"]], None)


class CatalogueMetadataDocumentView(ApiView):
    tag = "Standards"

    @operation("get_product_metadata", scope=PUBLIC, gives=MetadataDocument)
    def get(self, caller: Caller | None, product_id: str, standard: str) -> dict[str, Any]:
        """Read a product by a standard: schema-org, croissant, dcat, datapackage, odcs, odps or odrl.

        Turtle of DCAT-AP is at the document's own address, with the ending `.ttl`; the whole catalogue is at
        `/catalogue.ttl` and `/catalogue.jsonld`, a hundred products a page.
        """
        product = get_listed_product(product_id=product_id, viewer=viewer_of(caller))
        found = standard_of(standard)
        written = write(describe(product=product, at=caller.at if caller else timezone.now()), asked=found.name)
        return _shape(product, found) | {"document": json.loads(written.text)}


class CatalogueRevisionView(ApiView):
    tag = "Standards"

    @operation("get_catalogue_revision", scope=PUBLIC, asks=FilesQuery, gives=CitableRevision)
    def get(self, caller: Caller | None, product_id: str, revision_id: str, query: dict[str, Any]) -> dict[str, Any]:
        """Read a published revision as it is cited: its files, content digest and citation.

        `/data/digests/{digest}` gives subscribers this very content. A revoked revision stays, without its files.
        """
        product = get_listed_product(product_id=product_id, viewer=viewer_of(caller))
        publication = get_published_revision(product=product, revision_id=revision_id)
        revision = publication.revision
        is_readable = revision.revoked_at is None
        files = Asset.objects.filter(revision=revision).exclude(vault_key="") if is_readable else Asset.objects.none()
        page = page_of(files, order_by=("name", "pk"), query=query, binding=["files", product.pk, revision.pk])
        words = cited_revision(product=product, publication=publication, digest=manifest_digest(revision=revision))
        return {
            "id": revision.pk,
            "data_set_id": publication.published_data_set_id,
            "url": words.url,
            "comment": revision.comment,
            "finalized_at": revision.finalized_at,
            "published_at": publication.published_at,
            "revoked_at": revision.revoked_at,
            "revocation_comment": revision.revocation_comment,
            "digest": words.digest,
            "size_bytes": publication.size_bytes,  # type: ignore[attr-defined]
            "file_count": publication.asset_count,  # type: ignore[attr-defined]
            "files": page.rows,
            "next_cursor": page.next_cursor,
            "citation": {
                "text": citations.plain(words),
                "bibtex": citations.bibtex(words),
                "cff": citations.citation_file(words),
            },
        }


class AnyFile(AlwaysJson):
    """The body is read as a file, whatever its type is said to be: clients say JSON, YAML or nothing."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the only parser."""
        return parsers[0]


class FileParser(BaseParser):
    """A file as the whole body, whatever its type is said to be."""

    media_type = "*/*"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """Return at most one byte more than a file may have, as text that an idempotency key can be reckoned over."""
        return {"file": stream.read(MOST_BYTES + 1).decode("latin-1")}


@dataclass(frozen=True)
class _Imported:
    page: ProductPage
    standard: str
    left_out: list[str]


class ProductImportView(ApiView):
    tag = "Standards"
    parser_classes = (FileParser,)
    content_negotiation_class = AnyFile

    @operation(
        "import_product",
        scope="publish:write",
        asks=ImportQuery,
        gives=ImportedProduct,
        status=201,
        media={"*/*": {"type": "string", "format": "binary"}},
    )
    def post(self, caller: Caller, query: dict[str, Any]) -> _Imported:
        """Create a draft product from a Data Package, Croissant, schema.org Dataset or Open Data Contract file.

        Send it as the body: JSON or YAML of at most 2 MB. Name, description, licence, columns, source and category are taken
        over; `left_out` says what was not. Nothing that the file points to is fetched.
        """
        data: Any = self.request.data
        content = str(data.get("file", "")).encode("latin-1")
        if not content:
            raise ValidationError({"file": ["Send the file as the body."]})
        made = import_product(owner=caller.organization, content=content, actor=caller.actor, at=caller.at, **query)
        product = get_owned_product(owner=caller.organization, product_id=made.product.pk)
        return _Imported(page_of_owned(product), made.standard, made.left_out)
