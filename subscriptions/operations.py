"""Accept offers, grant and end entitlements."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, Value
from django.db.models.functions import Greatest

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.events import publish_on_commit
from marketplace.core.models import Organization, User
from publishers.models import OfferVersion, Product, ProductSearch, ProductState, PublishedDataSet
from publishers.queries.products import current_offer_version
from subscriptions.models import Agreement, Entitlement


class AlreadySubscribed(Conflict):
    message = "Your organization already subscribes to this product."


class ProductNotOffered(Conflict):
    message = "This product is not offered at the moment."


class OfferHasChanged(Conflict):
    message = "The offer has changed since you read it. Read the new terms, then accept them."


class TermsNotAccepted(Invalid):
    message = "Accept the terms to subscribe."


@transaction.atomic
def accept_offer(
    *,
    organization: Organization,
    product: Product,
    offer_version_id: str,
    terms_accepted: bool,
    user: User,
    actor: Actor,
    at: datetime,
) -> Agreement:
    """Accept the offer version that was read; the organization is entitled to each data set of the product at once.

    Raises TermsNotAccepted, ProductNotOffered, OfferHasChanged, AlreadySubscribed.
    """
    if not terms_accepted:
        raise TermsNotAccepted(field="terms")
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.state != ProductState.PUBLISHED:
        raise ProductNotOffered("PRODUCT", product.pk)
    version: OfferVersion = current_offer_version(product=product)
    if version.pk != offer_version_id:
        raise OfferHasChanged("OFFER", offer_version_id)
    try:
        with transaction.atomic():
            agreement = Agreement.objects.create(
                organization=organization, product=product, offer_version=version, accepted_by=user, accepted_at=at
            )
    except IntegrityError:
        raise AlreadySubscribed("PRODUCT", product.pk) from None
    Entitlement.objects.bulk_create(
        Entitlement(organization=organization, published_data_set=entry, agreement=agreement, valid_from=at)
        for entry in product.published_data_sets.all()
    )
    ProductSearch.objects.filter(product=product).update(popularity=Agreement.objects.filter(product=product).count())
    audit.record(
        "offer.accepted",
        actor=actor,
        subject=agreement,
        detail={"offer_version_id": version.pk, "product_id": product.pk},
    )
    publish_on_commit(
        "agreement.accepted", organization_id=organization.pk, agreement_id=agreement.pk, product_id=product.pk
    )
    return agreement


@transaction.atomic
def end_agreement(*, agreement: Agreement, actor: Actor, at: datetime) -> Agreement:
    """End a subscription now: nothing is read or delivered any more; what was delivered stays. Twice changes nothing."""
    agreement = Agreement.objects.select_for_update().get(pk=agreement.pk)
    if agreement.ended_at is None:
        agreement.ended_at = at
        agreement.save(update_fields=["ended_at"])
        # The clocks of two machines may differ: no period ends before it begins.
        Entitlement.objects.filter(agreement=agreement).filter(Q(valid_until=None) | Q(valid_until__gt=at)).update(
            valid_until=Greatest("valid_from", Value(at))
        )
        audit.record("agreement.ended", actor=actor, subject=agreement)
        publish_on_commit("agreement.ended", organization_id=agreement.organization_id, agreement_id=agreement.pk)
    return agreement


@transaction.atomic
def extend_entitlements(*, published_data_set: PublishedDataSet, at: datetime) -> None:
    """Entitle everybody who subscribes to a product to a data set that was added to it. Twice adds nothing."""
    # Locked, so that an agreement that is ending right now is not entitled after its end.
    living = Agreement.objects.filter(product_id=published_data_set.product_id, ended_at=None).select_for_update()
    Entitlement.objects.bulk_create(
        (
            Entitlement(
                organization_id=agreement.organization_id,
                published_data_set=published_data_set,
                agreement=agreement,
                valid_from=at,
            )
            for agreement in living.order_by("pk")
        ),
        ignore_conflicts=True,
    )
