"""Documents on product pages, and a product with very much on its page; rows only, where many are needed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.db.models import F
from django.utils import timezone

from publishers.models import Asset, DocumentKind, Product, ProductDocument, PublishedRevision, Revision


def table(rows: int = 25, columns: int = 3) -> dict[str, Any]:
    """Return the preview of a table: port, then numbered columns; each tenth cell of the second column is empty."""
    names = ["port", *(f"calls_{number}" for number in range(1, columns))]
    cells = [
        [f"Harbour {row}", *(None if row % 10 == 0 and c == 1 else str(row * c) for c in range(1, columns))]
        for row in range(1, rows + 1)
    ]
    told = [
        {
            "name": name,
            "type": "string" if name == "port" else "integer",
            "nulls": rows // 10 if name == "calls_1" else 0,
            "distinct": rows,
            "least": "1",
            "greatest": str(rows),
            "histogram": [3, 5, 2, 1],
        }
        for name in names
    ]
    return {"columns": told, "rows": cells, "row_count": rows, "is_whole": True}


def add_document(product: Product, kind: DocumentKind, name: str, **fields: Any) -> ProductDocument:
    """Put a file on a product's page, bytes at the store included."""
    content = fields.pop("content", b"port,calls\nA,1\n")
    document = ProductDocument(
        product=product,
        kind=kind,
        name=name,
        content_type=fields.pop("content_type", "text/csv"),
        size_bytes=len(content),
        sha256="0" * 64,
        **fields,
    )
    document.file.save(name, ContentFile(content), save=True)
    return document


def fill_page(product: Product, *, revisions: int = 300, documents: int = 50) -> None:
    """Give a product many published revisions and documents, and a dictionary of 400 columns."""
    entry = product.published_data_sets.get()
    now = timezone.now()
    made = Revision.objects.bulk_create(
        Revision(data_set_id=entry.data_set_id, comment=f"Week {n}", created_at=at)
        for n in range(revisions)
        for at in [now - timedelta(days=n + 1)]
    )
    Asset.objects.bulk_create(
        Asset(
            revision=revision,
            name=f"part-{part}.csv.gz",
            size_bytes=1000,
            sha256=f"{number:064x}",
            vault_key=f"assets/{revision.pk}-{part}",
        )
        for number, revision in enumerate(made)
        for part in range(6)
    )
    Revision.objects.filter(pk__in=[revision.pk for revision in made]).update(finalized_at=F("created_at"))
    PublishedRevision.objects.bulk_create(
        PublishedRevision(published_data_set=entry, revision=revision, published_at=revision.created_at)
        for revision in made
    )
    ProductDocument.objects.bulk_create(
        ProductDocument(
            product=product,
            kind=kind,
            name=f"{kind}-{number}",
            file=f"products/{kind}-{number}",
            content_type="image/png" if kind == DocumentKind.IMAGE else "text/csv",
            size_bytes=10,
            sha256="0" * 64,
            caption=f"Image {number}",
            width=16,
            height=9,
            preview=table(100, 40) if kind == DocumentKind.SAMPLE and number % 2 else {},
        )
        for number in range(documents)
        for kind in [list(DocumentKind)[number % 3]]
    )
    product.dictionary = [{"column": f"c{n}", "type": "integer", "meaning": f"Number {n}"} for n in range(400)]
    product.save()
