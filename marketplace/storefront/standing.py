"""How a reader stands with a product: subscribed, waiting for its publisher, or neither."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from marketplace.core.models import Organization
from publishers.models import Product
from subscriptions.models import Agreement, Entitlement, RequestState, SubscriptionRequest


@dataclass(frozen=True)
class Standing:
    """accepted_at, terms_number: of the living agreement; ends_at: when access ends by itself, None when it does not.

    request_id, requested_at, decided_by: of the request that waits, decided_by being its deadline.
    """

    subscribers: int
    agreement_id: str | None = None
    accepted_at: datetime | None = None
    terms_number: int | None = None
    ends_at: datetime | None = None
    request_id: str | None = None
    requested_at: datetime | None = None
    decided_by: datetime | None = None

    @property
    def has_access(self) -> bool:
        return self.agreement_id is not None

    @property
    def is_waiting(self) -> bool:
        return self.request_id is not None and not self.has_access


def standing_of(*, product: Product, organization: Organization | None, at: datetime) -> Standing:
    """Return how an organization, or None for everybody, stands with a product, in one query."""
    living = Agreement.objects.filter(product=OuterRef("pk"), ended_at=None)
    counted = living.order_by().values("product").annotate(n=Count("pk")).values("n")
    row = Product.objects.filter(pk=product.pk).annotate(
        subscribers=Coalesce(Subquery(counted, output_field=IntegerField()), 0)
    )
    names = ["subscribers"]
    if organization is not None:
        own = living.filter(organization=organization)
        waiting = SubscriptionRequest.objects.filter(
            product=OuterRef("pk"), organization=organization, state=RequestState.PENDING, expires_at__gt=at
        )
        row = row.annotate(
            agreement_id=Subquery(own.values("pk")),
            accepted_at=Subquery(own.values("accepted_at")),
            terms_number=Subquery(own.values("offer_version__number")),
            ends_at=Subquery(
                Entitlement.objects.filter(
                    agreement__product=OuterRef("pk"),
                    agreement__organization=organization,
                    agreement__ended_at=None,
                    valid_until__isnull=False,
                )
                .order_by("valid_until")
                .values("valid_until")[:1]
            ),
            request_id=Subquery(waiting.values("pk")),
            requested_at=Subquery(waiting.values("created_at")),
            decided_by=Subquery(waiting.values("expires_at")),
        )
        names += ["agreement_id", "accepted_at", "terms_number", "ends_at", "request_id", "requested_at", "decided_by"]
    values = row.values(*names).first()
    return Standing(**values) if values else Standing(subscribers=0)
