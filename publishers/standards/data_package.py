"""A product as a Data Package 2.0: its files with sizes, hashes and table schemas. Source: https://datapackage.org."""

from typing import Any

from publishers.standards.described import Column, Described, File, Table
from publishers.standards.words import slug_of, unique

PROFILES = "https://datapackage.org/profiles/2.0"
_TYPES = {"timestamp": "datetime"}


def package(product: Described, *, is_local: bool = False) -> dict[str, Any]:
    """Return datapackage.json. is_local: it lies beside the files, so that their paths are their names.

    A package has at least one resource: where nothing is published there is a table without rows, with the columns that the
    dictionary describes.
    """
    tables = {file.id: table for table in reversed(product.tables) for file in table.files}
    taken: set[str] = set()
    resources = [_resource(file, tables.get(file.id), taken, is_local=is_local) for file in product.files]
    if not resources:
        fields = [_field(column) for column in product.columns]
        empty: dict[str, Any] = {"name": "rows", "title": "No file is published yet", "type": "table", "data": []}
        resources = [empty | {"schema": _schema(fields, [])}] if fields else [empty]
    document: dict[str, Any] = {
        "$schema": f"{PROFILES}/datapackage.json",
        "name": slug_of(product.name, otherwise=product.id),
        "id": product.url,
        "title": product.name,
        "description": product.description or product.text,
        "homepage": product.url,
        "version": product.version,
        "created": product.created_at.isoformat(timespec="seconds"),
        "keywords": [product.category],
        "contributors": [
            {"title": product.publisher.name, "path": product.publisher.url, "roles": ["publisher"]},
        ],
        "resources": resources,
    }
    if product.licence or product.offer:
        licence = {"title": product.licence or f"Terms of {product.name}", "path": product.terms_url}
        document["licenses"] = [licence | ({"name": product.spdx} if product.spdx else {})]
    if product.source_url:
        document["sources"] = [{"title": product.source_url, "path": product.source_url}]
    return document


def _resource(file: File, table: Table | None, taken: set[str], *, is_local: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": unique(slug_of(file.name, otherwise="file"), taken),
        "path": file.name if is_local else file.url,
        "title": file.name,
        "bytes": file.size_bytes,
        "hash": f"sha256:{file.sha256}",
        "mediatype": file.packing or file.media_type,
    }
    ending = file.name.lower().rsplit("/", 1)[-1].split(".")
    if file.packing:
        made["compression"] = ending.pop()
    if file.is_table and len(ending) > 1:
        made |= {"type": "table", "format": ending[-1]}
    if table is not None and table.columns:
        made["schema"] = _schema([_field(column) for column in table.columns], table.key)
        if table.row_count is None:  # described by hand, and perhaps not all of it
            made["schema"]["fieldsMatch"] = "subset"
    return made


def _schema(fields: list[dict[str, Any]], key: list[str]) -> dict[str, Any]:
    names = {field["name"] for field in fields}
    schema: dict[str, Any] = {"$schema": f"{PROFILES}/tableschema.json", "fields": fields, "fieldsMatch": "equal"}
    return schema | ({"primaryKey": key} if key and set(key) <= names else {})


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": _TYPES.get(column.type, column.type)}
    if column.type in {"date", "timestamp", "time"}:
        field["format"] = "any"  # files write instants in their own ways
    return field | ({"description": column.meaning} if column.meaning else {})
