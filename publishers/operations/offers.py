"""Name an offer. What is accepted, its terms, stands in its versions: see products.update_product."""

from datetime import datetime

from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from publishers.models import Offer
from publishers.operations.texts import check_text


@transaction.atomic
def update_offer(*, offer: Offer, name: str | None, description: str | None, actor: Actor, at: datetime) -> Offer:
    """Change what an offer is called; None leaves a field as it is. Raises Invalid."""
    offer = Offer.objects.select_for_update().get(pk=offer.pk)
    if name is not None:
        offer.name = check_text(name.strip(), field="name", longest=150)
    if description is not None:
        offer.description = check_text(description.strip(), field="description", longest=255, needed=False)
    offer.save(update_fields=["name", "description"])
    audit.record("offer.updated", actor=actor, subject=offer, at=at)
    return offer
