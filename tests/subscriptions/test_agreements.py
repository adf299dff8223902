"""Accepting and ending: exactly what was read is accepted, and the end takes effect with the next question."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from marketplace.core import work
from marketplace.core.errors import NotFound
from marketplace.core.models import AuditRecord, OutboxEvent
from publishers.models import ProductSearch
from publishers.operations import products, revisions
from publishers.operations.data_sets import create_data_set
from publishers.queries.products import current_offer_version
from subscriptions.models import Agreement, Entitlement
from subscriptions.operations import (
    AlreadySubscribed,
    OfferHasChanged,
    ProductNotOffered,
    TermsNotAccepted,
    accept_offer,
    end_agreement,
    extend_entitlements,
)
from subscriptions.queries import (
    active_entitlements,
    get_agreement,
    get_entitled_asset,
    get_entitled_data_set,
    get_entitled_revision,
    list_entitled_data_sets,
    list_subscribers,
    living_agreement,
    may_read,
    readable_revisions,
)
from subscriptions.tasks import extend_entitlements as extend_task
from tests.conftest import actor_of, put_asset
from tests.together import blocked, outcomes

pytestmark = pytest.mark.django_db


def accept(member, product, *, version=None, terms=True, at=None):
    return accept_offer(
        organization=member.organization,
        product=product,
        offer_version_id=version or current_offer_version(product=product).pk,
        terms_accepted=terms,
        user=member.user,
        actor=actor_of(member),
        at=at or timezone.now(),
    )


def end(agreement, member, at=None):
    return end_agreement(agreement=agreement, actor=actor_of(member), at=at or timezone.now())


def add_data_set(product, member, name="Arrivals"):
    """Add a further data set with one finalized revision to a product."""
    actor, at = actor_of(member), timezone.now()
    data_set = create_data_set(owner=member.organization, name=name, description="x", actor=actor, at=at)
    revision = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)
    put_asset(revision, "a.csv", b"a\n", member)
    revisions.finalize_revision(revision=revision, actor=actor, at=at)
    return products.add_data_set(product=product, data_set=data_set, actor=actor, at=at)


def readable(member, at=None):
    return readable_revisions(organization=member.organization, at=at or timezone.now())


def test_accepting_entitles_to_every_data_set_at_once(product, subscriber, publisher):
    add_data_set(product, publisher)
    at = timezone.now()
    agreement = accept(subscriber, product, at=at)
    assert agreement.offer_version == current_offer_version(product=product)
    assert (agreement.accepted_by, agreement.accepted_at, agreement.ended_at) == (subscriber.user, at, None)
    assert {(e.published_data_set_id, e.valid_from, e.valid_until) for e in agreement.entitlements.all()} == {
        (entry.pk, at, None) for entry in product.published_data_sets.all()
    }
    assert readable(subscriber).count() == 2
    assert OutboxEvent.objects.get(name="agreement.accepted").payload == {
        "agreement_id": agreement.pk,
        "product_id": product.pk,
    }
    assert ProductSearch.objects.get(product=product).popularity == 1


def test_accepting_twice_is_refused(product, subscriber, agreement):
    with pytest.raises(AlreadySubscribed):
        accept(subscriber, product)
    assert (Agreement.objects.count(), Entitlement.objects.count()) == (1, 1)


def test_without_the_terms_nothing_is_accepted(product, subscriber):
    with pytest.raises(TermsNotAccepted):
        accept(subscriber, product, terms=False)
    assert Agreement.objects.count() == 0


def test_a_version_that_is_not_the_newest_cannot_be_accepted(product, subscriber, publisher):
    read = current_offer_version(product=product).pk
    products.update_product(product=product, terms="Pay attention.", actor=actor_of(publisher), at=timezone.now())
    for version in (read, "0" * 32, ""):
        with pytest.raises(OfferHasChanged):
            accept_offer(
                organization=subscriber.organization,
                product=product,
                offer_version_id=version,
                terms_accepted=True,
                user=subscriber.user,
                actor=actor_of(subscriber),
                at=timezone.now(),
            )
    assert Agreement.objects.count() == 0
    assert accept(subscriber, product).offer_version.number == 2


def test_a_product_outside_the_catalogue_cannot_be_subscribed_and_subscribers_keep_it(
    product, subscriber, stranger, publisher, agreement
):
    products.unpublish_product(product=product, actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(ProductNotOffered):
        accept(stranger, product)
    assert readable(subscriber).count() == 1


def test_a_later_change_of_the_offer_leaves_what_was_accepted(product, agreement, publisher):
    products.update_product(product=product, terms="Pay attention.", actor=actor_of(publisher), at=timezone.now())
    agreement.refresh_from_db()
    assert agreement.offer_version.terms == "Use it well."
    newest = current_offer_version(product=product)
    for change in (
        lambda: Agreement.objects.filter(pk=agreement.pk).update(offer_version=newest),
        lambda: Agreement.objects.filter(pk=agreement.pk).update(accepted_at=timezone.now()),
        lambda: Agreement.objects.filter(pk=agreement.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_an_entitlement_holds_from_its_first_instant_and_not_at_its_last(product, subscriber):
    start = timezone.now() - timedelta(days=2)
    stop = start + timedelta(days=1)
    agreement = accept(subscriber, product, at=start)
    Entitlement.objects.filter(agreement=agreement).update(valid_until=stop)
    tick = timedelta(microseconds=1)
    held = [
        active_entitlements(organization=subscriber.organization, at=at).exists()
        for at in (start - tick, start, stop - tick, stop, stop + tick)
    ]
    assert held == [False, True, True, False, False]


def test_the_database_refuses_a_period_that_ends_before_it_begins(agreement):
    with pytest.raises(IntegrityError, match="entitlement_period"), transaction.atomic():
        Entitlement.objects.update(valid_until=agreement.accepted_at - timedelta(days=1))


def test_the_end_cuts_off_every_way_to_read_at_once(agreement, subscriber, entitled_data_set, finalized_revision):
    organization, asset = subscriber.organization, finalized_revision.assets.get()
    place = {"organization": organization, "data_set_id": entitled_data_set.pk}
    at = timezone.now()
    assert may_read(**place, revision_id=finalized_revision.pk, at=at)
    assert get_entitled_asset(**place, revision_id=finalized_revision.pk, asset_id=asset.pk, at=at) == asset
    end(agreement, subscriber, at)
    assert not may_read(**place, revision_id=finalized_revision.pk, at=at)
    assert readable(subscriber, at).count() == 0
    assert list_entitled_data_sets(organization=organization, at=at).count() == 0
    for ask in (
        lambda: get_entitled_data_set(**place, at=at),
        lambda: get_entitled_revision(**place, revision_id=finalized_revision.pk, at=at),
        lambda: get_entitled_asset(**place, revision_id=finalized_revision.pk, asset_id=asset.pk, at=at),
    ):
        with pytest.raises(NotFound):
            ask()


def test_ending_twice_changes_nothing(agreement, subscriber):
    at = timezone.now()
    end(agreement, subscriber, at)
    end(agreement, subscriber, at + timedelta(days=1))
    agreement.refresh_from_db()
    assert agreement.ended_at == at
    assert agreement.entitlements.get().valid_until == at
    assert AuditRecord.objects.filter(action="agreement.ended").count() == 1
    assert OutboxEvent.objects.filter(name="agreement.ended").count() == 1


def test_an_end_whose_clock_is_behind_that_of_the_start_leaves_an_empty_period(product, subscriber):
    at = timezone.now()
    agreement = accept(subscriber, product, at=at)
    end(agreement, subscriber, at - timedelta(seconds=1))
    period = agreement.entitlements.get()
    assert period.valid_until == period.valid_from
    assert period.valid_from == at
    assert readable(subscriber, at).count() == 0


def test_who_has_ended_may_subscribe_again(product, agreement, subscriber):
    end(agreement, subscriber)
    again = accept(subscriber, product)
    assert living_agreement(organization=subscriber.organization, product=product) == again
    assert readable(subscriber).count() == 1
    assert [a.pk for a in list_subscribers(owner=product.owner)] == [again.pk]


def test_a_data_set_added_later_reaches_living_subscribers_only(product, agreement, subscriber, stranger, publisher):
    end(accept(stranger, product), stranger)
    entry = add_data_set(product, publisher)
    assert readable(subscriber).count() == 1
    work.run_due()
    assert set(readable(subscriber).values_list("published_data_set", flat=True)) == set(
        product.published_data_sets.values_list("pk", flat=True)
    )
    assert readable(stranger).count() == 0
    for _ in range(2):
        extend_task(published_data_set_id=entry.pk)
    assert Entitlement.objects.filter(published_data_set=entry).count() == 1


def test_a_strangers_agreement_is_not_there(agreement, subscriber, stranger):
    assert get_agreement(organization=subscriber.organization, agreement_id=agreement.pk) == agreement
    with pytest.raises(NotFound):
        get_agreement(organization=stranger.organization, agreement_id=agreement.pk)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_many_acceptances_at_once_one_is_kept(self, product, subscriber):
        found = outcomes(*[lambda: accept(subscriber, product)] * 4)
        assert sum(isinstance(f, Agreement) for f in found) == 1
        assert sum(isinstance(f, AlreadySubscribed) for f in found) == 3
        assert (Agreement.objects.count(), Entitlement.objects.count()) == (1, 1)

    def test_a_new_data_set_does_not_reach_an_agreement_that_is_ending(self, product, agreement, subscriber, publisher):
        entry = add_data_set(product, publisher)
        with transaction.atomic():
            end(agreement, subscriber)
            with blocked(lambda: extend_entitlements(published_data_set=entry, at=timezone.now())) as extending:
                pass
        extending.outcome()
        assert Entitlement.objects.filter(published_data_set=entry).count() == 0
        assert readable(subscriber).count() == 0

    def test_an_acceptance_during_a_change_of_the_terms_sees_the_change(self, product, subscriber, publisher):
        read = current_offer_version(product=product).pk
        with transaction.atomic():
            products.update_product(product=product, terms="New terms.", actor=actor_of(publisher), at=timezone.now())
            with blocked(lambda: accept(subscriber, product, version=read)) as late:
                pass
        with pytest.raises(OfferHasChanged):
            late.outcome()
        assert Agreement.objects.count() == 0
