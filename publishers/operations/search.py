"""Fill the catalogue's search row of a product."""

from django.db import connection
from django.db.models import Max, Sum

from publishers.models import Asset, Product, ProductSearch, ProductState, PublishedRevision

FORMATS = {
    "csv": "CSV",
    "tsv": "TSV",
    "json": "JSON",
    "ndjson": "NDJSON",
    "jsonl": "NDJSON",
    "parquet": "Parquet",
    "xlsx": "Excel",
    "arrow": "Arrow",
    "zip": "ZIP",
}


def format_of(name: str) -> str:
    """Return the word for a file's format, from its name."""
    parts = name.rsplit("/", 1)[-1].lower().split(".")
    if len(parts) > 2 and parts[-1] in {"gz", "zst", "bz2"}:
        parts = parts[:-1]
    return FORMATS.get(parts[-1], "Files") if len(parts) > 1 else "Files"


def refresh(*, product: Product) -> None:
    """Write the search row of a published product, remove that of any other."""
    product.refresh_from_db(fields=["state"])  # it may have been taken out since it was loaded
    if product.state != ProductState.PUBLISHED:
        ProductSearch.objects.filter(product=product).delete()
        return
    published = PublishedRevision.objects.filter(published_data_set__product=product, revision__revoked_at=None)
    assets = Asset.objects.filter(revision__publications__in=published)
    names = assets.exclude(vault_key="").order_by("name").values_list("name", flat=True).distinct()[:200]
    facts = published.aggregate(newest=Max("published_at"))
    size = assets.aggregate(total=Sum("size_bytes"))["total"] or 0
    columns = " ".join(f"{row.get('column', '')} {row.get('meaning', '')}" for row in product.dictionary)
    ProductSearch.objects.update_or_create(
        product=product,
        defaults={
            "head": "",
            "full_text": "",
            "category": product.category,
            "owner_id": product.owner_id,
            "formats": sorted({format_of(name) for name in names}),
            "size_bytes": size,
            "revision_count": published.count(),
            "refreshed_at": facts["newest"],
        },
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE publishers_productsearch SET
                head = setweight(to_tsvector('english', %(name)s), 'A') || setweight(to_tsvector('english', %(short)s), 'B'),
                full_text = setweight(to_tsvector('english', %(name)s || ' ' || %(owner)s), 'A')
                    || setweight(to_tsvector('english', %(short)s || ' ' || %(place)s), 'B')
                    || setweight(to_tsvector('english', %(columns)s), 'C')
                    || setweight(to_tsvector('english', left(%(text)s, 30000)), 'D')
            WHERE product_id = %(id)s
            """,
            {
                "id": product.pk,
                "name": product.name,
                "owner": product.owner.name,
                "short": product.short_description,
                "place": f"{product.category} {product.coverage}",
                "columns": columns[:20_000].replace("_", " ") + " " + columns[:20_000],
                "text": product.description,
            },
        )
