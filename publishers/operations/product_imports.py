"""Begin a product with what a file says of it by a standard."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid
from marketplace.core.models import Organization
from publishers.models import Category, Product
from publishers.operations import products
from publishers.standards.importing import read_listing
from publishers.standards.words import licence_of

#: written into a new product, so that nobody starts from nothing
FIRST_TERMS = (
    "You may use this data inside your organization, for any purpose. You may not pass it on. It is provided as it is,"
    " without warranty."
)


@dataclass(frozen=True)
class Imported:
    """The draft that was made, by which standard, and what of the file could not be taken over, in sentences."""

    product: Product
    standard: str
    left_out: list[str]


@transaction.atomic
def import_product(
    *,
    owner: Organization,
    content: bytes,
    actor: Actor,
    at: datetime,
    name: str = "",
    category: str = "",
    support_contact: str = "",
) -> Imported:
    """Create a draft product from a Data Package, Croissant, schema.org or Open Data Contract file.

    name, category: instead of what the file says; support_contact: where the file says none. Raises Invalid naming `file`
    or `category`, LimitExceeded "Products per account".
    """
    found = read_listing(content)
    category = category or found.category
    if not category:
        raise Invalid(
            f"No keyword of the file fits a category. Choose one of {', '.join(Category.values)}.", field="category"
        )
    product = products.create_product(
        owner=owner,
        category=category,
        terms=_terms(found.licence),
        dictionary=found.dictionary,
        name=name or found.name,
        short_description=found.short_description,
        description=found.description,
        licence=found.licence,
        source_url=found.source_url,
        frequency=found.frequency,
        support_contact=found.support_contact or support_contact,
        actor=actor,
        at=at,
    )
    digest = hashlib.sha256(content).hexdigest()
    detail = {"standard": found.standard, "sha256": digest, "left_out": len(found.left_out)}
    audit.record("product.imported", actor=actor, subject=product, detail=detail, at=at)
    return Imported(product, found.standard, found.left_out)


def _terms(licence: str) -> str:
    """Return terms that fit the licence that the file names; the publisher reads them before anybody else does."""
    if not licence:
        return FIRST_TERMS
    _, address = licence_of(licence)
    named = f"{licence} ({address})" if address else licence
    return f"You may use this data under the licence {named}. It is provided as it is, without warranty."
