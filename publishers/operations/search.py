"""Fill the catalogue's search row of a product."""

from django.db import connection
from django.db.models import CharField, Count, Func, Max, Sum, Value
from django.db.models.functions import Lower

from marketplace.core.errors import NotFound
from publishers.models import (
    Asset,
    AssetType,
    Frequency,
    Product,
    ProductSearch,
    ProductState,
    PublishedDataSet,
    PublishedRevision,
    Region,
    Visibility,
)
from publishers.models.facets import CATEGORY, DELIVERY, FORMAT, FREQUENCY, PRICE, REGION, Delivery, PriceKind
from publishers.queries.products import current_offer_version

FORMATS = {
    "csv": "CSV",
    "tsv": "TSV",
    "tab": "TSV",
    "json": "JSON",
    "ndjson": "NDJSON",
    "jsonl": "NDJSON",
    "parquet": "Parquet",
    "pq": "Parquet",
    "xlsx": "Excel",
    "xls": "Excel",
    "arrow": "Arrow",
    "feather": "Arrow",
    "zip": "ZIP",
    "avro": "Avro",
    "orc": "ORC",
    "geojson": "GeoJSON",
    "gpkg": "GeoPackage",
    "tif": "GeoTIFF",
    "tiff": "GeoTIFF",
    "xml": "XML",
    "nc": "NetCDF",
    "h5": "HDF5",
    "hdf5": "HDF5",
    "sqlite": "SQLite",
    "pdf": "PDF",
    "txt": "Text",
}
#: formats whose rows the data API reads
TABULAR = frozenset({"CSV", "TSV", "Parquet"})
_DELIVERIES: dict[str, Delivery] = {
    AssetType.S3_SNAPSHOT: Delivery.S3_EXPORT,
    AssetType.API_GATEWAY_API: Delivery.API,
    AssetType.S3_DATA_ACCESS: Delivery.S3_ACCESS,
    AssetType.REDSHIFT_DATA_SHARE: Delivery.TABLES,
    AssetType.LAKE_FORMATION_DATA_PERMISSION: Delivery.TABLES,
}
#: the ending of a name in lower case, that of a packing included; every file of one ending has one format
_ENDING = r"(\.[^./]*(\.(gz|zst|bz2))?)$"
_COLUMNS = (
    "product_id",
    "publisher",
    "category_code",
    "price_bits",
    "delivery_bits",
    "frequency_code",
    "region_bits",
    "format_bits",
    "sort_name",
    "size_bytes",
    "revision_count",
    "listed_at",
    "refreshed_at",
)
_WRITE = f"""
    INSERT INTO publishers_productsearch ({", ".join(_COLUMNS)}, popularity, head, full_text)
    VALUES ({", ".join(f"%({column})s" for column in _COLUMNS)}, 0,
        setweight(to_tsvector('english', %(name)s), 'A') || setweight(to_tsvector('english', %(short)s), 'B'),
        setweight(to_tsvector('english', %(name)s || ' ' || %(owner)s), 'A')
            || setweight(to_tsvector('english', %(short)s || ' ' || %(place)s), 'B')
            || setweight(to_tsvector('english', %(columns)s), 'C')
            || setweight(to_tsvector('english', left(%(text)s, 30000)), 'D'))
    ON CONFLICT (product_id) DO UPDATE SET
        {", ".join(f"{column} = excluded.{column}" for column in (*_COLUMNS[1:], "head", "full_text"))}
"""


def format_of(name: str) -> str:
    """Return the word for a file's format, from its name."""
    parts = name.rsplit("/", 1)[-1].lower().split(".")
    if len(parts) > 2 and parts[-1] in {"gz", "zst", "bz2"}:
        parts = parts[:-1]
    return FORMATS.get(parts[-1], "Files") if len(parts) > 1 else "Files"


def row_of(product: Product) -> ProductSearch:
    """Return the search row that a product has, or would have, without its texts; not saved. Needs the owner."""
    published = PublishedRevision.objects.filter(published_data_set__product=product, revision__revoked_at=None)
    assets = Asset.objects.filter(revision__publications__in=published)
    files = assets.exclude(vault_key="").order_by()
    ending = Func(Lower("name"), Value(_ENDING), function="substring", output_field=CharField())
    endings = files.annotate(ending=ending).values_list("ending", flat=True).distinct()
    formats = {format_of(f"x{found or ''}") for found in endings}
    facts = published.aggregate(newest=Max("published_at"), count=Count("pk"))
    return ProductSearch(
        product=product,
        publisher=int(product.owner.account_id),
        category_code=CATEGORY.code(product.category),
        price_bits=PRICE.bits(_prices(product)),
        delivery_bits=DELIVERY.bits(_deliveries(product, formats)),
        frequency_code=FREQUENCY.code(product.frequency),
        region_bits=REGION.bits(product.regions),
        format_bits=FORMAT.bits(formats),
        sort_name=" ".join(product.name.lower().split())[:24],
        size_bytes=assets.aggregate(total=Sum("size_bytes"))["total"] or 0,
        revision_count=facts["count"],
        listed_at=product.published_at,
        refreshed_at=facts["newest"],
    )


def refresh(*, product: Product) -> None:
    """Write the search row of a product that everybody may find, remove that of any other.

    The row is made from what the database holds now, not from the object given. Popularity is left as it is.
    """
    product = Product.objects.select_related("owner").get(pk=product.pk)
    if product.state != ProductState.PUBLISHED or product.visibility != Visibility.PUBLIC:
        ProductSearch.objects.filter(product=product).delete()
        return
    row = row_of(product)
    columns = " ".join(f"{entry.get('column', '')} {entry.get('meaning', '')}" for entry in product.dictionary)[:20_000]
    place = [product.category, product.coverage, *(str(region.label) for region in Region if region in product.regions)]
    frequency = [str(Frequency(product.frequency).label)] if product.frequency else []
    formats = [name for name in row.formats if name != "Files"]
    values = {column: getattr(row, column) for column in _COLUMNS} | {
        "name": product.name,
        "owner": product.owner.name,
        "short": product.short_description,
        "place": " ".join([*place, *frequency, *formats]),
        "columns": f"{columns.replace('_', ' ')} {columns}",
        "text": product.description,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)


def _prices(product: Product) -> list[str]:
    try:
        version = current_offer_version(product=product)
    except NotFound:
        return []
    return [PriceKind.PAID if version.price_minor else PriceKind.FREE]


def _deliveries(product: Product, formats: set[str]) -> set[str]:
    entries = PublishedDataSet.objects.filter(product=product).order_by()
    types = set(entries.values_list("data_set__asset_type", flat=True))
    found: set[str] = {_DELIVERIES[asset_type] for asset_type in types}
    if AssetType.S3_SNAPSHOT in types and formats & TABULAR:
        found.add(Delivery.ROWS)
    return found
