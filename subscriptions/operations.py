"""Accept offers, give and accept data grants; grant and end entitlements."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Greatest

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.events import publish_on_commit
from marketplace.core.models import Organization, User
from marketplace.core.operations.tags import check_tags
from publishers.models import DataSet, OfferVersion, Product, ProductSearch, ProductState, PublishedDataSet
from publishers.operations.locking import lock_data_set
from publishers.operations.revisions import publish_history
from publishers.operations.texts import check_text
from publishers.queries.products import current_offer_version, may_see
from subscriptions.models import (
    Agreement,
    DataGrant,
    Entitlement,
    GrantDistributionScope,
    RequestState,
    SubscriptionRequest,
)


class AlreadySubscribed(Conflict):
    message = "Your organization already subscribes to this product."


class ProductNotOffered(Conflict):
    message = "This product is not offered at the moment."


class OfferHasChanged(Conflict):
    message = "The offer has changed since you read it. Read the new terms, then accept them."


class ApprovalNeeded(Conflict):
    message = (
        "The publisher of this product decides who subscribes. Ask for access on the product's page, or by "
        "POST /api/subscription-requests."
    )


class TermsNotAccepted(Invalid):
    message = "Accept the terms to subscribe."


class DataGrantAlreadyAccepted(Conflict):
    message = "This data grant was accepted before."


class DataGrantHasEnded(Conflict):
    message = "This data grant has ended. Ask its sender for a new one."


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

    Raises TermsNotAccepted, ProductNotOffered, OfferHasChanged, AlreadySubscribed, NotFound for a private product
    that the organization may not see, ApprovalNeeded for a product whose publisher decides. A request that still waits
    from when it was such a product is over.
    """
    if not terms_accepted:
        raise TermsNotAccepted(field="terms")
    if product.state == ProductState.PUBLISHED and not may_see(product=product, organization=organization):
        raise NotFound("PRODUCT", product.pk)
    product, version = lock_offered(product=product, offer_version_id=offer_version_id)
    if (
        product.requires_approval
        and not Agreement.objects.filter(organization=organization, product=product, ended_at=None).exists()
    ):
        raise ApprovalNeeded("PRODUCT", product.pk)
    SubscriptionRequest.objects.filter(organization=organization, product=product, state=RequestState.PENDING).update(
        state=RequestState.CANCELLED, decided_at=at, decided_by=user
    )
    agreement = conclude_agreement(organization=organization, product=product, version=version, user=user, at=at)
    audit.record(
        "offer.accepted",
        actor=actor,
        subject=agreement,
        detail={"offer_version_id": version.pk, "product_id": product.pk},
    )
    return agreement


def lock_offered(*, product: Product, offer_version_id: str) -> tuple[Product, OfferVersion]:
    """Lock a product that is in the catalogue and return it with its newest offer version, the one that was read.

    Raises ProductNotOffered, OfferHasChanged. Needs a transaction.
    """
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.state != ProductState.PUBLISHED:
        raise ProductNotOffered("PRODUCT", product.pk)
    version: OfferVersion = current_offer_version(product=product)
    if version.pk != offer_version_id:
        raise OfferHasChanged("OFFER", offer_version_id)
    return product, version


def conclude_agreement(
    *, organization: Organization, product: Product, version: OfferVersion, user: User, at: datetime
) -> Agreement:
    """Make the agreement on a locked product and entitle to each of its data sets; who calls writes the audit.

    Raises AlreadySubscribed. Needs a transaction.
    """
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
    count_popularity(product_id=product.pk)
    publish_on_commit(
        "agreement.accepted", organization_id=organization.pk, agreement_id=agreement.pk, product_id=product.pk
    )
    return agreement


def count_popularity(*, product_id: str) -> None:
    """Write into the catalogue how many agreements a product had; a row that was just made holds none."""
    agreements = Agreement.objects.filter(product=product_id).count()
    ProductSearch.objects.filter(product=product_id).update(popularity=agreements)


@transaction.atomic
def end_agreement(*, agreement: Agreement, actor: Actor, at: datetime) -> Agreement:
    """End a subscription now: nothing is read or delivered any more; what was delivered stays. Twice changes nothing."""
    agreement = Agreement.objects.select_for_update().get(pk=agreement.pk)
    if agreement.ended_at is None:
        agreement.ended_at = at
        agreement.save(update_fields=["ended_at"])
        _end_entitlements(Entitlement.objects.filter(agreement=agreement), at=at)
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


@transaction.atomic
def create_data_grant(
    *,
    sender: Organization,
    receiver_account_id: str,
    data_set: DataSet,
    name: str,
    actor: Actor,
    at: datetime,
    description: str = "",
    distribution_scope: str = GrantDistributionScope.NONE,
    ends_at: datetime | None = None,
    tags: dict[str, str] | None = None,
) -> DataGrant:
    """Offer all finalized revisions of a data set, past and future, to one organization; nothing is read until it accepts.

    receiver_account_id: its 12 digits. ends_at: aware UTC, in the future. Raises Invalid naming the field, NotFound,
    LimitExceeded "Active and pending data grants" or "Pending data grants per consumer".
    Source: dataexchange 2017-07-25, CreateDataGrant.
    """
    name = check_text(name, field="name", longest=256)
    description = check_text(description, field="description", longest=16_384, needed=False)
    tags = check_tags(tags)
    if distribution_scope not in GrantDistributionScope.values:
        raise Invalid(f"Choose one of {', '.join(GrantDistributionScope.values)}.", field="distribution_scope")
    if ends_at is not None and ends_at <= at:
        raise Invalid("The end must be in the future.", field="ends_at")
    if receiver_account_id == sender.account_id:
        raise Invalid("This is your own account. Name the receiver's.", field="receiver_account_id")
    receiver = Organization.objects.filter(account_id=receiver_account_id).first()
    if receiver is None:
        message = f"This exchange has no account {receiver_account_id}. Ask the receiver for the account id."
        raise Invalid(message, field="receiver_account_id")
    # Both at once and in one order: quotas of both are counted below.
    list(Organization.objects.select_for_update().filter(pk__in=[sender.pk, receiver.pk]).order_by("pk"))
    data_set = lock_data_set(data_set.pk)
    if not data_set.revisions.filter(finalized_at__isnull=False, revoked_at=None).exists():
        raise Invalid("Finalize a revision of the data set first, so that the receiver gets something.")
    living = DataGrant.objects.filter(deleted_at=None).filter(Q(ends_at=None) | Q(ends_at__gt=at))
    for limit, count in (
        ("Active and pending data grants", living.filter(published_data_set__data_set__owner=sender).count()),
        ("Pending data grants per consumer", living.filter(receiver=receiver, accepted_at=None).count()),
    ):
        if count >= settings.QUOTAS[limit]:
            raise LimitExceeded(limit, settings.QUOTAS[limit])
    entry = PublishedDataSet.objects.create(data_set=data_set, added_at=at)
    grant = DataGrant.objects.create(
        receiver=receiver,
        published_data_set=entry,
        name=name,
        description=description,
        distribution_scope=distribution_scope,
        tags=tags,
        ends_at=ends_at,
        created_at=at,
        updated_at=at,
    )
    publish_history(entry=entry, at=at)
    audit.record("data_grant.created", actor=actor, subject=grant, detail={"receiver": receiver.account_id})
    publish_on_commit("data_grant.created", organization_id=sender.pk, data_grant_id=grant.pk)
    return grant


def _lock_data_grant(data_grant: DataGrant) -> DataGrant:
    grants = DataGrant.objects.select_for_update(of=("self",)).select_related("published_data_set__data_set__owner")
    found = grants.filter(pk=data_grant.pk, deleted_at=None).first()
    if found is None:
        raise NotFound("DATA_GRANT", data_grant.pk)
    return found


@transaction.atomic
def accept_data_grant(*, data_grant: DataGrant, receiver: Organization, actor: Actor, at: datetime) -> DataGrant:
    """Accept a data grant: its data set is readable until the grant ends. Only its receiver may.

    Raises DataGrantAlreadyAccepted, DataGrantHasEnded, NotFound.
    """
    grant = _lock_data_grant(data_grant)
    if grant.receiver_id != receiver.pk:
        raise NotFound("DATA_GRANT", grant.pk)
    if grant.accepted_at is not None:
        raise DataGrantAlreadyAccepted("DATA_GRANT", grant.pk)
    if grant.has_ended(at):
        raise DataGrantHasEnded("DATA_GRANT", grant.pk)
    grant.accepted_at = grant.updated_at = at
    grant.save(update_fields=["accepted_at", "updated_at"])
    Entitlement.objects.create(
        organization=receiver,
        published_data_set=grant.published_data_set,
        data_grant=grant,
        valid_from=at,
        valid_until=grant.ends_at,
    )
    audit.record("data_grant.accepted", actor=actor, subject=grant)
    publish_on_commit("data_grant.accepted", organization_id=grant.sender.pk, data_grant_id=grant.pk)
    return grant


@transaction.atomic
def extend_data_grant(*, data_grant: DataGrant, ends_at: datetime | None, actor: Actor, at: datetime) -> DataGrant:
    """Move the end of a data grant that has not ended to a later instant, or (None) take the end away.

    Raises Invalid, DataGrantHasEnded, NotFound. AWS has this in its console only.
    """
    grant = _lock_data_grant(data_grant)
    if grant.has_ended(at):
        raise DataGrantHasEnded("DATA_GRANT", grant.pk)
    if ends_at is not None and (grant.ends_at is None or ends_at <= grant.ends_at):
        raise Invalid("A data grant can only be extended. Delete it to end it earlier.", field="ends_at")
    grant.ends_at, grant.updated_at = ends_at, at
    grant.save(update_fields=["ends_at", "updated_at"])
    Entitlement.objects.filter(data_grant=grant).update(valid_until=ends_at)
    audit.record("data_grant.extended", actor=actor, subject=grant)
    publish_on_commit("data_grant.extended", organization_id=grant.sender.pk, data_grant_id=grant.pk)
    return grant


@transaction.atomic
def delete_data_grant(*, data_grant: DataGrant, actor: Actor, at: datetime) -> None:
    """End a data grant now: nothing is read or delivered under it any more; what was delivered stays. Raises NotFound.

    One that was never accepted leaves nothing behind.
    """
    grant = _lock_data_grant(data_grant)
    entry = grant.published_data_set
    if grant.accepted_at is None:
        lock_data_set(entry.data_set_id)  # nothing is published to it meanwhile
    audit.record("data_grant.deleted", actor=actor, subject=grant)
    if grant.accepted_at is None:
        grant.delete()
        entry.published_revisions.all().delete()
        entry.delete()
        return
    grant.deleted_at = grant.updated_at = at
    grant.save(update_fields=["deleted_at", "updated_at"])
    PublishedDataSet.objects.filter(pk=entry.pk).update(closed_at=at)
    _end_entitlements(Entitlement.objects.filter(data_grant=grant), at=at)
    publish_on_commit("data_grant.revoked", organization_id=grant.receiver_id, data_grant_id=grant.pk)


def _end_entitlements(entitlements: QuerySet[Entitlement], *, at: datetime) -> None:
    # The clocks of two machines may differ: no period ends before it begins.
    entitlements.filter(Q(valid_until=None) | Q(valid_until__gt=at)).update(
        valid_until=Greatest("valid_from", Value(at))
    )
