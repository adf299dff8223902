"""What the operator decides on products that were submitted, where the installation approves each one."""

from datetime import datetime

from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict
from marketplace.core.operations.inbox import tell_members
from publishers.models import Product
from publishers.operations import products
from publishers.operations.texts import check_text

REASON = 500


class ProductIsNotSubmitted(Conflict):
    message = "This product does not wait for a decision."


@transaction.atomic
def approve_product(*, product: Product, actor: Actor, at: datetime) -> Product:
    """Publish a product that was submitted, and tell its owner.

    Raises ProductIsNotSubmitted, ProductNotReady when something is missing by now; it then waits on.
    """
    product = _submitted(product)
    product = products.release(product=product, actor=actor, at=at)
    _tell(product, f"{product.name} was approved and is in the catalogue.", "approved", at)
    return product


@transaction.atomic
def refuse_product(*, product: Product, reason: str, actor: Actor, at: datetime) -> Product:
    """Send a submitted product back to its owner, who reads the reason and may submit it again.

    reason: 1 to 500 characters. Raises ProductIsNotSubmitted, Invalid.
    """
    reason = check_text(" ".join(reason.split()), field="reason", longest=REASON)
    product = _submitted(product)
    product.submitted_at, product.refusal = None, reason
    product.save(update_fields=["submitted_at", "refusal"])
    audit.record("product.refused", actor=actor, subject=product, detail={"reason": reason}, at=at)
    _tell(product, f"{product.name} was not approved: {reason}", "refused", at)
    return product


def _submitted(product: Product) -> Product:
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.submitted_at is None:
        raise ProductIsNotSubmitted("PRODUCT", product.pk)
    return product


def _tell(product: Product, text: str, outcome: str, at: datetime) -> None:
    tell_members(
        organization_ids=[product.owner_id],
        topic="product.reviewed",
        source_key=f"product.{outcome}:{product.pk}:{at.isoformat()}",
        subject_key=f"product:{product.pk}",
        subject_label=product.name,
        text=text,
        path=f"/publish/products/{product.pk}",
        at=at,
    )
