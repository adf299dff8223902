"""Read a Data Package, of version 1 or 2. Source: https://datapackage.org/standard/data-package/."""

from typing import Any

from publishers.standards.listing import Listing, dicts_of, list_of, text_of


def read(document: dict[str, Any]) -> Listing:
    """Return what datapackage.json says. Nothing that it points to is fetched."""
    found = Listing("Data Package")
    found.take("name", document.get("title"))
    found.take("name", document.get("name"))
    found.take("description", document.get("description"))
    licences = dicts_of(document.get("licenses"))
    for licence in licences[:1]:
        found.take_licence(name=licence.get("title") or licence.get("name"), url=licence.get("path"))
    found.take_licence(name=document.get("license"))
    if len(licences) > 1:
        found.leave(f"{len(licences) - 1} more licences: a product names one.")
    for source in dicts_of(document.get("sources"))[:1]:
        found.take("source_url", source.get("path"))
    found.take("source_url", document.get("homepage"))
    contributors = dicts_of(document.get("contributors"))
    for contributor in contributors:
        found.take("support_contact", contributor.get("email"))
    if contributors:
        names = ", ".join(text_of(each.get("title")) for each in contributors[:5])
        found.leave(f"Contributors ({names}): the publisher is your organization.")
    found.take_keywords(list_of(document.get("keywords")))
    _take_tables(found, dicts_of(document.get("resources")))
    found.leave_members(
        document,
        {
            "version": "The version: revisions have their own.",
            "image": "The image: add it to the product's page.",
            "contributor": "The contributor.",
        },
    )
    return found


def _take_tables(found: Listing, resources: list[dict[str, Any]]) -> None:
    described = []
    for number, resource in enumerate(resources, start=1):
        name = text_of(resource.get("name")) or f"resource {number}"
        schema = resource.get("schema")
        if isinstance(schema, dict) and dicts_of(schema.get("fields")):
            described.append((name, schema))
        elif isinstance(schema, str):
            found.leave(f"The schema of {name}: it stands at another address, which is not fetched.")
    for name, schema in described:
        columns = [
            (row.get("name"), row.get("type"), row.get("description") or row.get("title"))
            for row in dicts_of(schema.get("fields"))
        ]
        found.add_columns(name, columns, is_only=len(described) == 1)
        if (
            schema.get("primaryKey")
            or schema.get("foreignKeys")
            or any(row.get("constraints") for row in dicts_of(schema.get("fields")))
        ):
            found.leave(f"Keys and constraints of {name}: write them into a contract of the data set.")
    if resources:
        found.leave(f"The files themselves ({len(resources)}): bring them into a data set.")
