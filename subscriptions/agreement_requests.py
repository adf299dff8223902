"""Request an agreement, then accept it: a request is a quote of one version of an offer for one organization.

Nothing is stored of a request: its id names the version, and holds for the organization that asked as long as that is
the offer's newest one.
"""

from datetime import datetime

from django.utils.crypto import constant_time_compare, salted_hmac

from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import Organization, User
from publishers.models import OfferVersion
from publishers.queries.products import current_offer_version, may_see
from subscriptions.agreement_queries import get_proposed_version
from subscriptions.models import Agreement
from subscriptions.operations import AlreadySubscribed, OfferHasChanged, accept_offer
from subscriptions.queries import living_agreement

_PREFIX = "ar-"
_ID, _SEAL = 32, 24


def request_agreement(*, organization: Organization, proposal_id: str, term_ids: list[str]) -> tuple[str, OfferVersion]:
    """Return the id of a request, and the version that it is for.

    term_ids: the terms that are asked for; an offer has one, whose id is that of the version that holds the text.
    Raises NotFound, OfferHasChanged for a version that is not the newest, Invalid.
    """
    version = get_proposed_version(proposal_id=proposal_id)
    if not may_see(product=version.offer.product, organization=organization):
        raise NotFound("AGREEMENT_PROPOSAL", proposal_id)
    newest = current_offer_version(product=version.offer.product)
    if version.pk != newest.pk:
        raise OfferHasChanged("AGREEMENT_PROPOSAL", proposal_id)
    if term_ids != [version.pk]:
        message = f"Ask for the one term of the offer: its id is {version.pk}, that of the version of the offer."
        raise Invalid(message, field="requestedTerms")
    return f"{_PREFIX}{version.pk}{_seal(organization, version.pk)}", version


def _seal(organization: Organization, version_id: str) -> str:
    digest = salted_hmac("subscriptions.agreement_request", f"{organization.pk} {version_id}", algorithm="sha256")
    return digest.hexdigest()[:_SEAL]


def accept_agreement_request(
    *, organization: Organization, request_id: str, user: User, actor: Actor, at: datetime
) -> Agreement:
    """Accept what was requested, its terms above all. Twice returns the same agreement, as long as that lives.

    Raises NotFound, OfferHasChanged, AlreadySubscribed under other terms, and what accept_offer raises.
    """
    version_id, seal = request_id[len(_PREFIX) :][:_ID], request_id[len(_PREFIX) :][_ID:]
    if not request_id.startswith(_PREFIX) or not constant_time_compare(seal, _seal(organization, version_id)):
        raise NotFound("AGREEMENT_REQUEST", request_id)
    version = get_proposed_version(proposal_id=version_id)
    product = version.offer.product
    try:
        return accept_offer(
            organization=organization,
            product=product,
            offer_version_id=version.pk,
            terms_accepted=True,
            user=user,
            actor=actor,
            at=at,
        )
    except AlreadySubscribed:
        living = living_agreement(organization=organization, product=product)
        if living is None or living.offer_version_id != version.pk:
            raise
        return living
