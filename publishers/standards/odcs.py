"""A product as an Open Data Contract 3.1.0: the contracts of its data sets, else what is known of its tables."""

from typing import Any

from publishers.standards.described import Column, Described, Table

VERSION = "v3.1.0"
_STATUS = {True: "active", False: "draft"}
_UNITS = {"PT1H": (1, "h"), "P1D": (1, "d"), "P1W": (7, "d"), "P1M": (1, "mo"), "P3M": (3, "mo"), "P1Y": (1, "y")}


def contract(product: Described) -> dict[str, Any]:
    """Return the data contract of a product; its id is the product's, to which ODPS refers."""
    told = [each.contract for each in product.data_sets if each.contract]
    versions = {each.contract_version for each in product.data_sets if each.contract_version}
    covered = {each.id for each in product.data_sets if each.contract.get("schema")}
    schema = [row for each in told for row in each.get("schema", [])]
    schema += [_object(table) for table in product.tables if table.data_set_id not in covered]
    document: dict[str, Any] = {
        "apiVersion": VERSION,
        "kind": "DataContract",
        "id": product.id,
        "name": product.name,
        "version": versions.pop() if len(versions) == 1 else product.version,
        "status": _STATUS[product.first_at is not None],
        "domain": product.category,
        "tenant": product.publisher.name,
        "dataProduct": product.name,
        "tags": sorted({product.category, *(tag for each in told for tag in each.get("tags", []))}),
        "description": _description(product, told),
        "authoritativeDefinitions": [{"type": "canonical", "url": product.url}],
        "contractCreatedTs": product.created_at.isoformat(timespec="seconds"),
        "team": {"name": product.publisher.name, "description": product.publisher.url},
        "schema": schema,
        "slaProperties": _levels(product, told),
        "servers": [
            {
                "server": "data-api",
                "type": "api",
                "location": product.site.data_url,
                "description": "Rows and files, for subscribers.",
            }
        ],
    }
    if product.offer is not None:
        document["price"] = {
            "priceAmount": product.offer.price_minor / 100,
            "priceCurrency": product.offer.currency,
            "priceUnit": "subscription",
        }
    if product.contact:
        document["support"] = [{"channel": product.contact, "scope": "interactive"}]
    return {name: value for name, value in document.items() if value != []}


def _description(product: Described, told: list[dict[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = next((each["description"] for each in told if each.get("description")), {})
    limits = f"Licence: {product.licence}." if product.licence else f"Terms: {product.terms_url}"
    return {"purpose": product.text, "limitations": limits} | found


def _levels(product: Described, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    levels = [row for each in told for row in each.get("slaProperties", [])]
    if product.duration and not any(row["property"] == "frequency" for row in levels):
        value, unit = _UNITS[product.duration]
        levels.append({"property": "frequency", "value": value, "unit": unit})
    return levels


def _object(table: Table) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": table.name or "table",
        "logicalType": "object",
        "physicalType": "file",
        "properties": [_property(column, table) for column in table.columns],
    }
    if table.row_count is not None and not table.is_partial:
        made["dataGranularityDescription"] = f"{table.row_count:,} rows in the newest revision"
    return made


def _property(column: Column, table: Table) -> dict[str, Any]:
    made: dict[str, Any] = {"name": column.name, "logicalType": column.type}
    if column.meaning:
        made["description"] = column.meaning
    if column.name in table.key:
        made |= {"primaryKey": True, "primaryKeyPosition": table.key.index(column.name) + 1}
    return made
