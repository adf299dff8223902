"""A product as an Open Data Product Standard 1.0.0 document: one output port for each data set."""

from typing import Any

from publishers.standards.described import Described

VERSION = "v1.0.0"


def descriptor(product: Described) -> dict[str, Any]:
    """Return the descriptor of a product; its ports refer to the contract that odcs.contract writes."""
    document: dict[str, Any] = {
        "apiVersion": VERSION,
        "kind": "DataProduct",
        "id": product.id,
        "name": product.name,
        "version": product.version,
        "status": "active" if product.first_at else "draft",
        "domain": product.category,
        "tenant": product.publisher.name,
        "tags": [product.category],
        "productCreatedTs": product.created_at.isoformat(timespec="seconds"),
        "authoritativeDefinitions": [{"type": "canonical", "url": product.url}],
        "description": {
            "purpose": product.text,
            "usage": product.description or product.text,
            "limitations": f"{product.licence or 'Terms'}: {product.terms_url}",
        },
        "outputPorts": [
            {
                "name": each.name,
                "description": each.description,
                "type": "files" if each.holds_files else "access",
                "version": each.contract_version or product.version,
                "contractId": product.id,
            }
            for each in product.data_sets
        ],
        "managementPorts": [
            {
                "name": "metadata",
                "content": "dictionary",
                "type": "rest",
                "url": f"{product.metadata_url}/odcs.json",
                "description": "The data contract.",
            },
            {
                "name": "catalogue",
                "content": "discoverability",
                "type": "rest",
                "url": f"{product.metadata_url}/dcat.jsonld",
                "description": "The product as DCAT-AP.",
            },
        ],
        "team": {"name": product.publisher.name, "description": product.publisher.url},
    }
    if product.contact:
        there = f"mailto:{product.contact}" if "@" in product.contact and " " not in product.contact else product.url
        document["support"] = [{"channel": product.contact, "url": there, "scope": "interactive"}]
    return document
