"""A product as a schema.org Dataset. Source: schema.org/Dataset, and what Google's dataset search asks for."""

from typing import Any

from django.utils.html import strip_tags

from publishers.standards.described import Column, Described, File

#: columns and files that a page tells of; what a search engine reads of a page is bounded
_MEASURED, _DOWNLOADS = 50, 100
#: Google's dataset search wants 50 to 5,000 characters
_SHORT, _LONG = 50, 5_000


def dataset(product: Described) -> dict[str, Any]:
    """Return the JSON-LD of a product."""
    columns = product.columns or [column for table in product.tables for column in table.columns]
    document: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": product.url,
        "identifier": product.id,
        "name": product.name,
        "description": description_of(product),
        "url": product.url,
        "version": product.version,
        "keywords": [product.category],
        "creator": {
            "@type": "Organization",
            "@id": product.publisher.url,
            "name": product.publisher.name,
            "url": product.publisher.website or product.publisher.url,
        },
        "includedInDataCatalog": {
            "@type": "DataCatalog",
            "name": product.site.name,
            "url": product.site.catalogue_url,
        },
    }
    optional = {
        "license": licence_of(product),
        "isAccessibleForFree": product.offer.price_minor == 0 if product.offer else None,
        "datePublished": product.first_at.date().isoformat() if product.first_at else None,
        "dateModified": product.last_at.date().isoformat() if product.last_at else None,
        "spatialCoverage": product.places[0] if product.places else None,
        "isBasedOn": product.source_url or None,
        "variableMeasured": [_variable(column) for column in columns[:_MEASURED]],
        "distribution": [_download(file) for file in product.files[:_DOWNLOADS]],
        "conditionsOfAccess": "The publisher decides who has access." if product.requires_approval else None,
    }
    return document | {name: value for name, value in optional.items() if value not in (None, [])}


def description_of(product: Described) -> str:
    """Return the summary, with the description after it where the summary alone is shorter than search engines want."""
    if len(product.text) >= _SHORT or not product.description or product.description.startswith(product.text):
        return product.text[:_LONG]
    return f"{product.text}\n\n{strip_tags(product.description)}"[:_LONG]


def licence_of(product: Described) -> dict[str, Any] | None:
    """Return the licence as a creative work with its address; None where the publisher names none and offers nothing."""
    if not product.licence and product.offer is None:
        return None
    name = product.licence or f"Terms of {product.name}"
    return {"@type": "CreativeWork", "name": name, "url": product.terms_url}


def _variable(column: Column) -> dict[str, Any]:
    told: dict[str, Any] = {"@type": "PropertyValue", "name": column.name, "description": column.meaning}
    if column.type in {"integer", "number", "date", "timestamp"} and column.least is not None:
        told |= {"minValue": column.least, "maxValue": column.greatest}
    return told


def _download(file: File) -> dict[str, Any]:
    return {
        "@type": "DataDownload",
        "name": file.name,
        "contentUrl": file.url,
        "encodingFormat": file.packing or file.media_type,
        "contentSize": f"{file.size_bytes} B",
        "sha256": file.sha256,
        "datePublished": file.published_at.date().isoformat(),
    }
