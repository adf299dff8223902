"""Read Croissant (1.0, 1.1), or a plain schema.org Dataset. Source: http://mlcommons.org/croissant/1.1.

The JSON-LD is read as it is usually written, compacted by the official context: no context is fetched, none is expanded.
"""

from typing import Any

from publishers.standards.listing import Listing, dicts_of, list_of, text_of

_PREFIXES = ("sc:", "schema:", "cr:", "rai:", "dct:", "https://schema.org/", "http://schema.org/")


def plain_names(document: dict[str, Any]) -> dict[str, Any]:
    """Return a node with the prefixes of its members taken away."""
    return {bare(name): value for name, value in document.items()}


def bare(name: str) -> str:
    """Return a term without its prefix."""
    return next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)


def read(document: dict[str, Any]) -> Listing:
    """Return what a Croissant document says."""
    node = plain_names(document)
    is_croissant = "mlcommons.org/croissant" in str(node.get("conformsTo", "")) or "recordSet" in node
    found = Listing("Croissant" if is_croissant else "schema.org Dataset")
    found.take("name", node.get("name"))
    found.take("name", node.get("alternateName"))
    found.take("description", node.get("description"))
    licences = node.get("license")
    licences = licences if isinstance(licences, list) else [licences] if licences else []
    for licence in licences[:1]:
        if isinstance(licence, dict):
            found.take_licence(name=licence.get("name"), url=licence.get("url") or licence.get("@id"))
        else:
            found.take_licence(name=licence)
    if len(licences) > 1:
        found.leave(f"{len(licences) - 1} more licences: a product names one.")
    found.take("source_url", node.get("url"))
    found.take("source_url", node.get("sameAs"))
    _take_people(found, node)
    found.take_keywords(list_of(node.get("keywords")))
    _take_tables(found, [plain_names(each) for each in dicts_of(node.get("recordSet"))])
    if not found.dictionary:
        rows = dicts_of(node.get("variableMeasured"))
        columns = [(row.get("name"), row.get("unitText") or "", row.get("description")) for row in rows]
        found.add_columns("", columns, is_only=True)
    files = dicts_of(node.get("distribution"))
    if files:
        found.leave(f"The files themselves ({len(files)}): bring them into a data set.")
    found.leave_members(
        node,
        {
            "version": "The version: revisions have their own.",
            "citeAs": "How to cite it: each revision is given a citation of its own.",
            "citation": "Works that it cites.",
            "datePublished": "When it was published elsewhere.",
            "temporalCoverage": "Which time it covers: write it under Coverage.",
            "spatialCoverage": "Which places it covers: write it under Coverage.",
        },
    )
    responsible = sorted(name for name in document if name.startswith("rai:"))
    if responsible:
        found.leave(f"Responsible AI: {', '.join(responsible)[:300]}. Write into the description what readers need.")
    return found


def _take_people(found: Listing, node: dict[str, Any]) -> None:
    people = [plain_names(each) for name in ("creator", "publisher") for each in dicts_of(node.get(name))]
    for person in people:
        found.take("support_contact", person.get("email"))
    names = list(dict.fromkeys(text_of(person.get("name")) for person in people if person.get("name")))
    if names:
        found.leave(f"Creators ({', '.join(names[:5])}): the publisher is your organization.")


def _take_tables(found: Listing, tables: list[dict[str, Any]]) -> None:
    described = [table for table in tables if dicts_of(table.get("field"))]
    for number, table in enumerate(described, start=1):
        name = text_of(table.get("name")) or text_of(table.get("@id")) or f"table {number}"
        columns: list[tuple[Any, Any, Any]] = []
        for each in map(plain_names, dicts_of(table.get("field"))):
            kind = each.get("dataType")
            kind = kind[0] if isinstance(kind, list) and kind else kind
            is_list = each.get("repeated") is True or each.get("isArray") is True
            word = "array" if is_list else bare(text_of(kind))
            column = text_of(each.get("name")) or text_of(each.get("@id")).rsplit("/", 1)[-1]
            columns.append((column, word, each.get("description")))
            if dicts_of(each.get("subField")):
                found.leave(f"The fields inside {name}.{column[:60]}.")
        found.add_columns(name, columns, is_only=len(described) == 1)
        if table.get("data"):
            found.leave(f"The rows written into {name}: bring them as a file.")
