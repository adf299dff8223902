"""What was typed in the editor and not saved yet: kept with the product until it is saved or discarded.

A draft is the form as it was sent, field -> list of texts; nothing in it is checked before it is saved, so that nobody
loses half a sentence. A token names the state of product and draft that a page was made from: who comes with an older
one is told that somebody else was quicker, instead of overwriting unseen.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from publishers.models import Product
from publishers.operations import products

#: characters of all fields together; the longest allowed form has about half of that
LONGEST = 400_000


class ChangedMeanwhile(Conflict):
    message = "Somebody else has changed this product since you opened it."


class DraftTooLong(Invalid):
    """More was typed than any product can hold."""


def token_of(product: Product) -> str:
    """Return the token of what is stored now."""
    saved = product.draft_saved_at.isoformat() if product.draft_saved_at else ""
    return f"{product.updated_at.isoformat()}/{saved}"


@transaction.atomic
def save_draft(*, product: Product, values: dict[str, list[str]], token: str, at: datetime) -> Product:
    """Keep what was typed. token: of the page, empty for whoever has none. Raises ChangedMeanwhile, DraftTooLong."""
    if sum(len(key) + sum(map(len, texts)) for key, texts in values.items()) > LONGEST:
        raise DraftTooLong(f"This is more than can be kept: at most {LONGEST:,} characters in all.")
    product = _unchanged(product, token)
    product.draft = {key: [text.replace("\x00", "") for text in texts] for key, texts in values.items()}
    product.draft_saved_at = at
    product.save(update_fields=["draft", "draft_saved_at"])
    return product


@transaction.atomic
def apply_draft(*, product: Product, changes: dict[str, Any], token: str, actor: Actor, at: datetime) -> Product:
    """Save checked values as the product's own, in place of the draft.

    changes: keywords of products.update_product. Raises ChangedMeanwhile and what update_product raises; the draft stays.
    """
    product = _unchanged(product, token)
    product = products.update_product(product=product, actor=actor, at=at, **changes)
    _clear(product)
    return product


@transaction.atomic
def discard_draft(*, product: Product, actor: Actor, at: datetime) -> Product:
    """Forget what was typed and not saved. Twice changes nothing."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.draft_saved_at is not None:
        _clear(product)
        audit.record("product.draft_discarded", actor=actor, subject=product, at=at)
    return product


def _clear(product: Product) -> None:
    product.draft, product.draft_saved_at = {}, None
    product.save(update_fields=["draft", "draft_saved_at"])


def _unchanged(product: Product, token: str) -> Product:
    product = Product.objects.select_for_update().get(pk=product.pk)
    if token and token != token_of(product):
        raise ChangedMeanwhile("PRODUCT", product.pk)
    return product
