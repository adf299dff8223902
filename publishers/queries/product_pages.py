"""What a product's page shows beside the product: totals of what was published, documents, products like it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from django.db import connection
from django.db.models import Case, F, JSONField, Q, QuerySet, Subquery, Value, When
from django.db.models.fields.files import FieldFile

from marketplace.core.errors import NotFound
from publishers.models import DocumentKind, Product, ProductDocument

#: rows of the catalogue that are compared with a product, from each source of candidates
_CANDIDATES = 150
#: words of a name that say nothing about the data
_COMMON = frozenset({"and", "the", "for", "from", "with", "data", "dataset", "all", "since", "per"})


@dataclass(frozen=True)
class PageFigures:
    """Totals of a product. publications counts revoked revisions too; the rest is what can be read.

    endings: of the files' names, in lower case: ".csv", ".csv.gz", or nothing.
    """

    publications: int
    revisions: int
    files: int
    size_bytes: int
    first_at: datetime | None
    last_at: datetime | None
    endings: list[str]


def page_figures(*, product: Product) -> PageFigures:
    """Return the totals over what was published of a product, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH published AS (
                SELECT r.id, r.finalized_at, p.published_at, r.revoked_at IS NULL AS is_read
                FROM publishers_publishedrevision p
                JOIN publishers_publisheddataset d ON d.id = p.published_data_set_id
                JOIN publishers_revision r ON r.id = p.revision_id
                WHERE d.product_id = %s
            ), files AS (
                SELECT count(*) AS n, coalesce(sum(a.size_bytes), 0) AS size_bytes,
                    array_agg(DISTINCT lower(substring(a.name FROM '[^/.]*(([.][A-Za-z0-9]{1,12}){0,2})$')))
                        FILTER (WHERE a.vault_key <> '') AS endings
                FROM publishers_asset a WHERE a.revision_id IN (SELECT id FROM published WHERE is_read)
            )
            SELECT count(*), count(*) FILTER (WHERE is_read), min(finalized_at) FILTER (WHERE is_read),
                max(published_at) FILTER (WHERE is_read), (SELECT n FROM files), (SELECT size_bytes FROM files),
                (SELECT endings FROM files)
            FROM published
            """,
            [product.pk],
        )
        row: Any = cursor.fetchone()
    publications, revisions, first_at, last_at, files, size_bytes, endings = row
    return PageFigures(
        publications=int(publications),
        revisions=int(revisions),
        files=int(files or 0),
        size_bytes=int(size_bytes or 0),
        first_at=first_at,
        last_at=last_at,
        endings=[ending or "" for ending in endings or []],
    )


class PageDocument(Protocol):
    """A document as list_page_documents returns it."""

    pk: str
    kind: str
    name: str
    file: FieldFile
    content_type: str
    size_bytes: int
    caption: str
    width: int | None
    height: int | None
    has_table: bool
    shown: dict[str, Any] | None


def list_page_documents(*, product: Product, sample_id: str = "") -> list[PageDocument]:
    """Return a product's documents by kind and position, in one query.

    `has_table` tells samples with a preview. Only one document brings its preview along, as `shown`: the sample of the
    id, or the first one that is a table; `preview` itself is left out, because it may be large.
    """
    tables = Q(kind=DocumentKind.SAMPLE) & ~Q(preview={})
    chosen = (
        ProductDocument.objects.filter(tables, product=product)
        .order_by(Case(When(pk=sample_id, then=0), default=1), "position", "name")
        .values("pk")[:1]
    )
    documents = (
        ProductDocument.objects.filter(product=product)
        .defer("preview")
        .annotate(
            has_table=Case(When(tables, then=Value(True)), default=Value(False)),
            shown=Case(When(pk=Subquery(chosen), then=F("preview")), default=None, output_field=JSONField(null=True)),
        )
        .order_by("kind", "position", "name")
    )
    return cast("list[PageDocument]", list(documents))


def get_page_document(*, product: Product, document_id: str) -> ProductDocument:
    """Return a document of a product that the caller may see. Raises NotFound."""
    found = ProductDocument.objects.filter(product=product, pk=document_id.replace("\0", "")).first()
    if found is None:
        raise NotFound("DOCUMENT", document_id)
    return found


def list_public_documents(*, product: Product) -> QuerySet[ProductDocument]:
    """Return the documents of a product without their previews, by kind and position."""
    return ProductDocument.objects.filter(product=product).defer("preview").order_by("kind", "position", "pk")


def _words(texts: Iterable[str]) -> list[str]:
    words = {word.strip(".,:;()“”\"'").lower() for text in texts for word in text.split()}
    return sorted((w for w in words if len(w) > 3 and w not in _COMMON and w.isalnum()), key=len, reverse=True)[:6]


def list_related(*, product: Product, most: int) -> list[Product]:
    """Return listed products like this one, best first, with `owner_name` and `owner_is_verified`.

    Candidates share a word of the name, the shelf or the publisher; what counts is how alike name and summary are.
    One statement over a bounded number of rows, whatever the size of the catalogue.
    """
    values: dict[str, Any] = {
        "id": product.pk,
        "name": product.name,
        "summary": product.short_description,
        "category": product.category,
        "owner": product.owner_id,
        "patterns": [f"%{word}%" for word in _words([product.name])],
        "candidates": _CANDIDATES,
        "most": most,
    }
    listed = "state = 'PUBLISHED' AND visibility = 'PUBLIC' AND id <> %(id)s"
    found = Product.objects.raw(
        f"""
        WITH candidates AS (
            (SELECT id FROM publishers_product
                WHERE name ILIKE ANY (%(patterns)s::text[]) AND {listed} LIMIT %(candidates)s)
            UNION (SELECT id FROM publishers_product
                WHERE category = %(category)s AND {listed} LIMIT %(candidates)s)
            UNION (SELECT id FROM publishers_product WHERE owner_id = %(owner)s AND {listed} LIMIT %(candidates)s)
        ), scored AS (
            SELECT p.*, 2 * similarity(p.name, %(name)s) + similarity(p.short_description, %(summary)s)
                + CASE WHEN p.category = %(category)s THEN 0.3 ELSE 0 END
                + CASE WHEN p.owner_id = %(owner)s THEN 0.1 ELSE 0 END AS score
            FROM publishers_product p JOIN candidates USING (id)
        )
        SELECT s.id, s.name, s.short_description, s.category, s.logo, s.owner_id, o.name AS owner_name,
            o.is_verified AS owner_is_verified
        FROM scored s JOIN core_organization o ON o.id = s.owner_id
        WHERE s.score >= 0.3 ORDER BY s.score DESC, s.id LIMIT %(most)s
        """,
        values,
    )
    return list(found)
