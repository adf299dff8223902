"""The documents that each product has: by what standard, under what name, of what content type, and who writes it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from marketplace.core.errors import NotFound
from publishers.standards import croissant, data_package, dcat, odcs, odps, odrl, schema_org
from publishers.standards.citations import Cited, bibtex
from publishers.standards.described import Described

TURTLE = "text/turtle"
JSON_LD = "application/ld+json"


@dataclass(frozen=True)
class Written:
    """A document as it is sent."""

    text: str
    content_type: str
    file_name: str


@dataclass(frozen=True)
class Standard:
    """A standard. name: in addresses. ending, content_type: of the document when none is asked for."""

    name: str
    title: str
    version: str
    content_type: str
    ending: str
    make: Callable[[Described], Any]
    has_turtle: bool = False

    @property
    def address(self) -> str:
        """Return the last part of the document's address."""
        return f"{self.name}.{self.ending}"


def cited_of(product: Described) -> Cited | None:
    """Return the newest revision of a product as it is cited, None while nothing is published."""
    newest = [each.revision for each in product.data_sets if each.revision is not None]
    if not newest:
        return None
    revision = max(newest, key=lambda each: each.published_at)
    return Cited(
        title=product.name,
        publisher=product.publisher.name,
        site=product.site.name,
        published_at=revision.published_at,
        revision_id=revision.id,
        digest=revision.digest,
        url=revision.url,
        summary=product.summary,
        spdx=product.spdx,
        licence_url=product.terms_url,
    )


def _croissant(product: Described) -> dict[str, Any]:
    cited = cited_of(product)
    return croissant.dataset(product, citation=bibtex(cited) if cited else "")


def _dcat(product: Described) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(dcat.json_ld(dcat.dataset_graph(product)))
    return made


STANDARDS: tuple[Standard, ...] = (
    Standard("schema-org", "schema.org Dataset", "", JSON_LD, "jsonld", schema_org.dataset),
    Standard("croissant", "Croissant", "1.1", JSON_LD, "jsonld", _croissant),
    Standard("dcat", "DCAT-AP", "3.0.1", JSON_LD, "jsonld", _dcat, has_turtle=True),
    Standard("datapackage", "Data Package", "2.0", "application/json", "json", data_package.package),
    Standard("odcs", "Open Data Contract", "3.1.0", "application/json", "json", odcs.contract),
    Standard("odps", "Open Data Product", "1.0.0", "application/json", "json", odps.descriptor),
    Standard("odrl", "ODRL offer", "2.2", JSON_LD, "jsonld", odrl.offer),
)
BY_NAME = {standard.name: standard for standard in STANDARDS}


def standard_of(name: str) -> Standard:
    """Return a standard by its name in addresses. Raises NotFound."""
    found = BY_NAME.get(name)
    if found is None:
        raise NotFound("METADATA", name)
    return found


def write(product: Described, *, asked: str) -> Written:
    """Return the document of a name with or without an ending: "croissant", "dcat.ttl", "odcs.json". Raises NotFound."""
    name, dot, ending = asked.partition(".")
    standard = standard_of(name)
    is_turtle = ending == "ttl" and standard.has_turtle
    if not is_turtle and ending not in ({"json", standard.ending} if dot else {""}):
        raise NotFound("METADATA", asked)
    if is_turtle:
        text, content_type, ending = dcat.turtle(dcat.dataset_graph(product)), TURTLE, "ttl"
    else:
        text = json.dumps(standard.make(product), ensure_ascii=False, indent=1)
        ending = ending or standard.ending
        content_type = "application/json" if ending == "json" else standard.content_type
    file_name = "datapackage.json" if standard.name == "datapackage" else f"{product.id}-{standard.name}.{ending}"
    return Written(f"{text}\n" if not text.endswith("\n") else text, content_type, file_name)
