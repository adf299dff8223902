"""Products: what stands between a draft and the catalogue, and which revisions subscribers get."""

import itertools
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from marketplace.core import work
from marketplace.core.errors import Invalid, LimitExceeded
from marketplace.core.models import AuditRecord
from publishers.models import OfferVersion, Product, ProductSearch, PublishedRevision, Revision
from publishers.operations import data_sets, products, revisions
from publishers.operations.products import (
    DataSetAlreadyInProduct,
    DataSetsAreFixed,
    ProductAlreadyPublished,
    ProductIsUnpublished,
    ProductNotReady,
)
from publishers.queries.products import current_offer_version
from publishers.tasks import index_product, publish_revision
from tests.conftest import actor_of, make_listable, put_asset
from tests.together import blocked, outcomes

pytestmark = pytest.mark.django_db
_hours = itertools.count(1)


@pytest.fixture
def draft(publisher) -> Product:
    """A product that lacks nothing but a data set."""
    made = products.create_product(
        owner=publisher.organization,
        name="Departures",
        category="Mobility",
        short_description="Every departure.",
        description="All of them.",
        support_contact="help@example.org",
        terms="Use it well.",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    make_listable(made, publisher)
    return made


def new_data_set(member, name="Arrivals"):
    return data_sets.create_data_set(
        owner=member.organization, name=name, description="x", actor=actor_of(member), at=timezone.now()
    )


def finalized(data_set, member, at=None) -> Revision:
    """A finalized revision whose reaction has not run yet."""
    actor, at = actor_of(member), at or timezone.now()
    revision = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)
    put_asset(revision, "file.csv", b"a\n1\n", member)
    return revisions.finalize_revision(revision=revision, actor=actor, at=at)


def add(product, data_set, member, **rules):
    return products.add_data_set(product=product, data_set=data_set, actor=actor_of(member), at=timezone.now(), **rules)


def publish(product, member):
    return products.publish_product(product=product, actor=actor_of(member), at=timezone.now())


def published(entry) -> list[str]:
    return list(entry.published_revisions.order_by("pk").values_list("revision_id", flat=True))


def test_everything_that_is_missing_is_said_at_once(publisher):
    bare = products.create_product(
        owner=publisher.organization,
        name="Bare",
        category="Mobility",
        terms="x",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    assert [field for field, _ in products.blockers(bare)] == [
        "short_description",
        "description",
        "support_contact",
        "data_sets",
        "dictionary",
        "samples",
    ]
    with pytest.raises(ProductNotReady) as caught:
        publish(bare, publisher)
    for _, sentence in products.blockers(bare):
        assert sentence in caught.value.message
    bare.refresh_from_db()
    assert (bare.state, bare.published_at) == ("DRAFT", None)


def test_a_data_set_without_a_finalized_revision_is_not_enough(draft, publisher, data_set, make_revision):
    add(draft, data_set, publisher)
    make_revision(finalize=False)
    assert [f for f, _ in products.blockers(draft)] == ["data_sets"]
    revoked = make_revision()
    revisions.revoke_revision(
        revision=revoked, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    assert [f for f, _ in products.blockers(draft)] == ["data_sets"]
    make_revision()
    assert products.blockers(draft) == []


def test_publishing_twice_is_refused_and_taking_out_is_for_good(product, publisher):
    with pytest.raises(ProductAlreadyPublished):
        publish(product, publisher)
    for _ in range(2):
        done = products.unpublish_product(product=product, actor=actor_of(publisher), at=timezone.now())
        assert done.state == "UNPUBLISHED"
    assert AuditRecord.objects.filter(action="product.unpublished").count() == 1
    assert not ProductSearch.objects.filter(product=product).exists()
    with pytest.raises(ProductIsUnpublished):
        publish(product, publisher)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"history_rule": "ALL"}, [0, 1, 2]),
        ({"history_rule": "LAST", "history_count": 2}, [1, 2]),
        ({"history_rule": "LAST", "history_count": 100}, [0, 1, 2]),
        ({"history_rule": "NONE"}, []),
        ({"history_rule": "ALL", "future_rule": False}, [0, 1, 2]),
    ],
)
def test_the_history_rule_decides_on_what_was_there_before(draft, publisher, data_set, rules, expected):
    past = [finalized(data_set, publisher) for _ in range(3)]
    entry = add(draft, data_set, publisher, **rules)
    publish(draft, publisher)
    assert published(entry) == [past[n].pk for n in expected]
    # the reactions to the old revisions come late, and again: the rule still holds
    for revision in past * 2:
        publish_revision(revision_id=revision.pk)
    assert published(entry) == [past[n].pk for n in expected]
    future = finalized(data_set, publisher)
    publish_revision(revision_id=future.pk)
    expected_ids = [past[n].pk for n in expected] + ([future.pk] if rules.get("future_rule", True) else [])
    assert published(entry) == expected_ids


def test_without_future_revisions_not_even_the_first_one_comes(draft, publisher, data_set):
    """A data set that was empty when the product was published stays empty under that rule."""
    other = new_data_set(publisher)
    finalized(other, publisher)
    add(draft, other, publisher)
    entry = add(draft, data_set, publisher, future_rule=False)
    publish(draft, publisher)
    publish_revision(revision_id=finalized(data_set, publisher).pk)
    assert published(entry) == []


def test_a_data_set_added_to_a_published_product_is_published_at_once(product, publisher):
    other = new_data_set(publisher)
    past = [finalized(other, publisher) for _ in range(2)]
    entry = add(product, other, publisher, history_rule="LAST", history_count=1)
    assert published(entry) == [past[1].pk]
    for revision in past:
        publish_revision(revision_id=revision.pk)
    assert published(entry) == [past[1].pk]


def test_one_revision_goes_to_every_product_that_holds_its_data_set_once(product, draft, publisher, data_set):
    second = add(draft, data_set, publisher)
    publish(draft, publisher)
    revision = finalized(data_set, publisher)
    for _ in range(3):
        publish_revision(revision_id=revision.pk)
    entries = [product.published_data_sets.get(), second]
    assert [PublishedRevision.objects.filter(published_data_set=e, revision=revision).count() for e in entries] == [
        1,
        1,
    ]


def test_a_revision_revoked_before_it_was_published_is_not_published(product, publisher, data_set):
    revision = finalized(data_set, publisher)
    revisions.revoke_revision(
        revision=revision, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    publish_revision(revision_id=revision.pk)
    assert not PublishedRevision.objects.filter(revision=revision).exists()


def test_revoking_takes_the_revision_out_of_the_catalogues_figures(product, publisher, finalized_revision):
    assert ProductSearch.objects.get(product=product).revision_count == 1
    revisions.revoke_revision(
        revision=finalized_revision, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    row = ProductSearch.objects.get(product=product)
    assert (row.revision_count, row.size_bytes, row.formats) == (0, 0, [])


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"history_rule": "SOME"}, "history_rule"),
        ({"history_rule": "LAST"}, "history_count"),
        ({"history_rule": "LAST", "history_count": 0}, "history_count"),
        ({"history_rule": "LAST", "history_count": 101}, "history_count"),
        ({"history_rule": "ALL", "history_count": 5}, "history_count"),
        ({"history_rule": "NONE", "future_rule": False}, "future_rule"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(draft, publisher, data_set, rules, field):
    with pytest.raises(Invalid) as caught:
        add(draft, data_set, publisher, **rules)
    assert caught.value.field == field
    assert draft.published_data_sets.count() == 0


def test_the_database_refuses_rules_that_contradict_themselves(product):
    for change in (
        "history_rule = 'LAST'",
        "history_count = 3",
        "history_rule = 'NONE', future_rule = false",
        "history_rule = 'SOME'",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE publishers_publisheddataset SET {change}")


def test_a_data_set_stands_once_in_a_product_and_leaves_only_a_draft(draft, publisher, data_set, make_revision):
    add(draft, data_set, publisher)
    with pytest.raises(DataSetAlreadyInProduct):
        add(draft, data_set, publisher)
    products.remove_data_set(product=draft, data_set=data_set, actor=actor_of(publisher))
    products.remove_data_set(product=draft, data_set=data_set, actor=actor_of(publisher))
    assert AuditRecord.objects.filter(action="product.data_set_removed").count() == 1
    add(draft, data_set, publisher)
    make_revision()
    publish(draft, publisher)
    with pytest.raises(DataSetsAreFixed):
        products.remove_data_set(product=draft, data_set=data_set, actor=actor_of(publisher))
    assert draft.published_data_sets.count() == 1


def test_the_limits_of_the_installation_hold(draft, publisher, data_set, settings):
    settings.QUOTAS = settings.QUOTAS | {"Data sets per product": 1, "Products per account": 1}
    add(draft, data_set, publisher)
    with pytest.raises(LimitExceeded, match="Data sets per product"):
        add(draft, new_data_set(publisher), publisher)
    with pytest.raises(LimitExceeded, match="Products per account"):
        products.create_product(
            owner=publisher.organization,
            name="B",
            category="Mobility",
            terms="x",
            actor=actor_of(publisher),
            at=timezone.now(),
        )
    assert Product.objects.count() == 1


def test_new_terms_make_a_new_version_and_the_old_text_is_frozen(product, publisher):
    first = current_offer_version(product=product)
    for terms in ("Use it well.", "Use it better.", "Use it better. "):
        products.update_product(product=product, terms=terms, actor=actor_of(publisher), at=timezone.now())
    newest = current_offer_version(product=product)
    assert (newest.number, newest.terms, OfferVersion.objects.count()) == (2, "Use it better.", 2)
    for change in (lambda: OfferVersion.objects.filter(pk=first.pk).update(terms="x"), first.delete):
        with pytest.raises(DatabaseError, match="Cannot (update|delete)"), transaction.atomic():
            change()


def test_a_price_cannot_be_written_before_there_is_a_way_to_pay(product):
    version = current_offer_version(product=product)
    with pytest.raises(IntegrityError, match="offer_is_free"), transaction.atomic():
        OfferVersion.objects.create(offer=version.offer, number=9, price_minor=100, terms="x")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 73}, "name"),
        ({"short_description": "x" * 501}, "short_description"),
        ({"description": "x" * 30_001}, "description"),
        ({"description": "a\x00b"}, "description"),
        ({"category": "Magic"}, "category"),
        ({"terms": " "}, "terms"),
        ({"source_url": "javascript:alert(1)"}, "source_url"),
        ({"state": "PUBLISHED"}, "state"),
        ({"owner": "x"}, "owner"),
        ({"dictionary": [{"type": "x"}]}, "dictionary"),
        ({"dictionary": [{"column": "x"}] * 2001}, "dictionary"),
    ],
)
def test_a_wrong_text_is_refused_at_its_field(draft, publisher, changes, field):
    with pytest.raises(Invalid) as caught:
        products.update_product(product=draft, actor=actor_of(publisher), at=timezone.now(), **changes)
    assert caught.value.field == field
    before = Product.objects.get(pk=draft.pk)
    assert (before.name, before.state, before.category) == ("Departures", "DRAFT", "Mobility")


def test_indexing_twice_changes_nothing(product):
    before = ProductSearch.objects.filter(product=product).values().get()
    index_product(product_id=product.pk)
    index_product(product_id=product.pk)
    assert ProductSearch.objects.filter(product=product).values().get() == before


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_a_revision_finalized_while_the_product_is_being_published_is_not_lost(self, draft, publisher, data_set):
        finalized(data_set, publisher)
        entry = add(draft, data_set, publisher)
        with transaction.atomic():
            publish(draft, publisher)
            late: list[Revision] = []
            with blocked(lambda: (late.append(finalized(data_set, publisher)), work.run_due())) as other:
                pass
        other.outcome()
        work.run_due()
        assert published(entry)[-1] == late[0].pk
        assert len(published(entry)) == 2

    def test_of_two_publications_at_once_one_wins(self, draft, publisher, data_set):
        finalized(data_set, publisher, timezone.now() - timedelta(hours=next(_hours)))
        entry = add(draft, data_set, publisher)
        found = outcomes(*[lambda: publish(draft, publisher)] * 3)
        assert sum(isinstance(f, Product) for f in found) == 1
        assert sum(isinstance(f, ProductAlreadyPublished) for f in found) == 2
        assert len(published(entry)) == 1
