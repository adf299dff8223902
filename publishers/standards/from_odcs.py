"""Read an Open Data Contract, version 2.2 to 3.1. Source: https://bitol-io.github.io/open-data-contract-standard/."""

from typing import Any

from publishers.contracts.comparing import days_of
from publishers.contracts.model import ServiceLevel
from publishers.standards.listing import Listing, dicts_of, list_of, text_of


def read(document: dict[str, Any]) -> Listing:
    """Return what a data contract says of the data; what it promises belongs into a contract of the data set."""
    found = Listing("Open Data Contract")
    tables = dicts_of(document.get("schema") or document.get("dataset"))
    told = document.get("description")
    told = told if isinstance(told, dict) else {"purpose": told}
    for name in (document.get("name"), document.get("dataProduct"), document.get("quantumName")):
        found.take("name", name)
    found.take(
        "name", tables[0].get("businessName") or tables[0].get("name") or tables[0].get("table") if tables else ""
    )
    parts = [text_of(told.get("purpose")), text_of(told.get("usage"))]
    parts += [f"Limitations: {text_of(told.get('limitations'))}"] if text_of(told.get("limitations")) else []
    if not any(parts):
        parts = [text_of(table.get("description")) for table in tables[:1]]
    found.take("description", "\n\n".join(part for part in parts if part))
    links = dicts_of(document.get("authoritativeDefinitions"))
    for link in sorted(links, key=lambda each: text_of(each.get("type")) != "canonical")[:1]:
        found.take("source_url", link.get("url"))
    for channel in dicts_of(document.get("support")):
        url = text_of(channel.get("url"))
        found.take("support_contact", url.removeprefix("mailto:") or channel.get("channel"))
    found.take_keywords([document.get("domain"), *list_of(document.get("tags"))])
    _take_tables(found, tables)
    _take_levels(found, dicts_of(document.get("slaProperties")))
    found.leave_members(
        document,
        {
            "price": "The price: an offer here is free for now.",
            "servers": "Servers: where the data lies is not published.",
            "team": "The team: the publisher is your organization.",
            "roles": "Roles: who gets access is decided by subscriptions.",
            "version": "The version: give it to a contract of the data set.",
            "customProperties": "Custom properties.",
        },
    )
    return found


def _take_tables(found: Listing, tables: list[dict[str, Any]]) -> None:
    described = [table for table in tables if dicts_of(table.get("properties") or table.get("columns"))]
    for table in described:
        name = text_of(table.get("name") or table.get("table"))
        rows = dicts_of(table.get("properties") or table.get("columns"))
        columns: list[tuple[Any, Any, Any]] = [
            (
                row.get("name") or row.get("column"),
                row.get("logicalType") or row.get("physicalType"),
                row.get("description") or row.get("businessName"),
            )
            for row in rows
        ]
        found.add_columns(name, columns, is_only=len(described) == 1)
        if table.get("quality") or any(row.get("quality") for row in rows):
            found.leave(f"Quality rules of {name}: give this file to a contract of the data set, which checks them.")
        if any(row.get("properties") or row.get("items") for row in rows):
            found.leave(f"What is inside columns of {name}.")
        if table.get("relationships") or any(row.get("relationships") for row in rows):
            found.leave(f"Relationships of {name}.")


def _take_levels(found: Listing, levels: list[dict[str, Any]]) -> None:
    for level in levels:
        name, value = text_of(level.get("property")), level.get("value")
        if name == "frequency" and isinstance(value, int | float | str):
            days = days_of(ServiceLevel(property=name, value=value, unit=text_of(level.get("unit"))))
            if days:
                found.take_frequency(days)
                continue
        found.leave(f"The service level {name[:60]}: give this file to a contract of the data set.")
