"""Read a product out of a file that says it by a standard: a Data Package, Croissant, schema.org or an Open Data Contract."""

from typing import Any

from marketplace.core.errors import Invalid
from publishers.contracts import reading
from publishers.standards import from_croissant, from_data_package, from_odcs
from publishers.standards.listing import Listing, dicts_of

MOST_BYTES = 2 * 1024 * 1024


def read_listing(content: bytes) -> Listing:
    """Return what a file says of a product.

    Nothing but plain values of at most MOST_BYTES is read, nothing that the file points to is fetched. Raises Invalid with a
    sentence on what is wrong with it.
    """
    if len(content) > MOST_BYTES:
        raise Invalid("The file has more than 2 MB. Leave examples and rows out of it.", field="file")
    try:
        document = reading.read(content, most_bytes=MOST_BYTES)
    except reading.DocumentUnreadable as error:
        raise Invalid(error.message, field="file") from None
    found = _read(document)
    if not found.name:
        raise Invalid(f"The {found.standard} names no title. Write one into it.", field="file")
    return found


def _read(document: dict[str, Any]) -> Listing:
    if document.get("kind") == "DataContract" or "datasetKind" in document:
        return from_odcs.read(document)
    if isinstance(document.get("resources"), list):
        return from_data_package.read(document)
    node = _dataset_of(document)
    if node is not None:
        return from_croissant.read(node)
    raise Invalid(
        "The file is no Data Package (it has no resources), no Croissant or schema.org Dataset (no @type Dataset), and no"
        " Open Data Contract (kind is not DataContract).",
        field="file",
    )


def _dataset_of(document: dict[str, Any]) -> dict[str, Any] | None:
    """Return the node that is a Dataset: the document, or one of its graph."""
    for node in [document, *dicts_of(document.get("@graph"))[:100]]:
        kinds = node.get("@type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if any(isinstance(kind, str) and from_croissant.bare(kind) == "Dataset" for kind in kinds):
            return node
    return None
