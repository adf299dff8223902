"""Agreements as both of their parties see them, and what can be agreed on."""

from datetime import UTC, datetime

from django.db.models import Case, CharField, DateTimeField, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization
from publishers.models import Offer, OfferVersion, ProductState
from subscriptions.models import Agreement

#: in place of an end that is not known
NO_END = datetime(9999, 1, 1, tzinfo=UTC)


def list_party_agreements(*, organization: Organization) -> QuerySet[Agreement]:
    """Return the agreements that the organization accepted or proposed, with `status`, `end_or_never`, `changed_at`."""
    return (
        Agreement.objects.filter(Q(organization=organization) | Q(product__owner=organization))
        .select_related("organization", "product__owner", "offer_version")
        .annotate(
            status=Case(
                When(ended_at=None, then=Value("ACTIVE")), default=Value("CANCELLED"), output_field=CharField()
            ),
            end_or_never=Coalesce(F("ended_at"), Value(NO_END), output_field=DateTimeField()),
            changed_at=Coalesce(F("ended_at"), F("accepted_at"), output_field=DateTimeField()),
        )
    )


def get_party_agreement(*, organization: Organization, agreement_id: str) -> Agreement:
    """Raise NotFound alike for an agreement that is missing and for one between others."""
    try:
        return list_party_agreements(organization=organization).get(pk=agreement_id)
    except Agreement.DoesNotExist:
        raise NotFound("AGREEMENT", agreement_id) from None


def get_proposed_version(*, proposal_id: str) -> OfferVersion:
    """Return the version that a proposal names: by its own id, or by that of its offer, whose newest version it then is.

    Raises NotFound for what is not offered to everybody in the catalogue.
    """
    versions = OfferVersion.objects.select_related("offer__product").filter(
        offer__is_public=True, offer__withdrawn_at=None, offer__product__state=ProductState.PUBLISHED
    )
    if Offer.objects.filter(pk=proposal_id).exists():
        version = versions.filter(offer_id=proposal_id).order_by("-number").first()
    else:
        version = versions.filter(pk=proposal_id).first()
    if version is None:
        raise NotFound("AGREEMENT_PROPOSAL", proposal_id)
    return version
