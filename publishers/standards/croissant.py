"""A product as Croissant 1.1: its files with their SHA-256, its tables as record sets with typed fields.

Source: http://mlcommons.org/croissant/1.1. The context is the official one, written out: nobody has to fetch it.
"""

from typing import Any
from urllib.parse import quote

from publishers.standards.described import Described, File, Table
from publishers.standards.schema_org import description_of, licence_of
from publishers.standards.words import slug_of, unique

VERSION = "http://mlcommons.org/croissant/1.1"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
#: record sets of a document; a table of many files has one for each file
MOST_RECORD_SETS = 100
_TYPES = {
    "string": "sc:Text",
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "timestamp": "sc:DateTime",
    "time": "sc:Time",
    "object": "sc:Text",
    "array": "sc:Text",
}


def dataset(product: Described, *, citation: str = "") -> dict[str, Any]:
    """Return the Croissant document of a product. citation: BibTeX, as the standard wants it."""
    owner = {"@type": "sc:Organization", "name": product.publisher.name, "url": product.publisher.url}
    licence = product.licence_url or licence_of(product)
    taken: set[str] = set()
    ids = {file.id: unique(f"files/{quote(file.name, safe='')}", taken) for file in product.files}
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "@id": product.url,
        "name": product.name,
        "description": description_of(product),
        "conformsTo": VERSION,
        "url": product.url,
        "version": product.version,
        "keywords": [product.category],
        "creator": owner,
        "publisher": owner,
        "isLiveDataset": bool(product.duration),
        "distribution": [_file(file, ids[file.id]) for file in product.files],
        "recordSet": _record_sets(product, ids),
    }
    optional = {
        "license": licence,
        "citeAs": citation,
        "datePublished": product.first_at.date().isoformat() if product.first_at else None,
        "dateModified": product.last_at.date().isoformat() if product.last_at else None,
        "dateCreated": product.created_at.date().isoformat(),
    }
    return document | {name: value for name, value in optional.items() if value}


def _file(file: File, node_id: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": node_id,
        "name": file.name,
        "contentUrl": file.url,
        "contentSize": f"{file.size_bytes} B",
        "encodingFormat": [file.packing, file.media_type] if file.packing else file.media_type,
        "sha256": file.sha256,
    }


def _record_sets(product: Described, ids: dict[str, str]) -> list[dict[str, Any]]:
    """Return the tables whose files are known: the standard wants to be told where each field is read."""
    taken: set[str] = set()
    pairs = [(table, file) for table in product.tables for file in table.files]
    found = []
    for table, file in pairs[:MOST_RECORD_SETS]:
        name = table.name if len(table.files) == 1 else f"{table.name}/{file.name}"
        node_id = unique(f"tables/{slug_of(name, otherwise='table')}", taken)
        found.append(_record_set(table, name, node_id, ids[file.id]))
    return found


def _record_set(table: Table, name: str, node_id: str, file_id: str) -> dict[str, Any]:
    taken: set[str] = set()
    fields, columns = [], {}
    for column in table.columns:
        there = unique(f"{node_id}/{quote(column.name, safe='')}", taken)
        columns[column.name] = there
        field = {
            "@type": "cr:Field",
            "@id": there,
            "name": column.name,
            "description": column.meaning or column.name,
            "dataType": _TYPES[column.type],
            "source": {"fileObject": {"@id": file_id}, "extract": {"column": column.name}},
        }
        fields.append(field)
    made: dict[str, Any] = {"@type": "cr:RecordSet", "@id": node_id, "name": name, "field": fields}
    if table.row_count is not None and not table.is_partial:
        made["description"] = f"{table.row_count:,} rows."
    key = [{"@id": columns[column]} for column in table.key if column in columns]
    return made | ({"key": key} if key else {})
