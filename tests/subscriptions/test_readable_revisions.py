"""Who may read what, against a model small enough to be seen to be right."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.core import work
from publishers.models import PublishedDataSet
from publishers.operations import products, revisions
from publishers.operations.data_sets import create_data_set
from publishers.queries.products import current_offer_version
from subscriptions.operations import AlreadySubscribed, accept_offer, end_agreement
from subscriptions.queries import may_read, readable_revisions
from tests.conftest import actor_of, make_listable, make_member, put_asset

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 60


@dataclass
class Model:
    """What we believe, as plain facts: a reader has what was published to a product that it subscribes to now."""

    published: set[tuple[str, str]] = field(default_factory=set)  # (product data set, revision)
    revoked: set[str] = field(default_factory=set)
    products_of: dict[str, set[str]] = field(default_factory=dict)  # reader -> products it subscribes to

    def readable(self, reader: str) -> set[tuple[str, str]]:
        held = set(
            PublishedDataSet.objects.filter(product__in=self.products_of.get(reader, set())).values_list(
                "pk", flat=True
            )
        )
        return {
            (entry, revision) for entry, revision in self.published if entry in held and revision not in self.revoked
        }


class World:
    """Random steps by real operations, each told to the model in the same words."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.publisher = make_member("Publisher")
        self.readers = [make_member(f"Reader{n}") for n in range(3)]
        self.at = START
        self.model = Model()
        self.data_sets = [self._data_set(f"Set {n}") for n in range(3)]
        self.finalized: dict[str, list[str]] = {d.pk: [] for d in self.data_sets}
        self.products: list = []
        self.agreements: dict[tuple[str, str], object] = {}
        for data_set in self.data_sets:
            self.finalize(data_set)
        for n in range(3):
            self.publish(n)

    def _data_set(self, name):
        return create_data_set(
            owner=self.publisher.organization, name=name, description="x", actor=actor_of(self.publisher), at=self.at
        )

    def tick(self) -> datetime:
        self.at += timedelta(minutes=self.dice.randint(1, 600))
        return self.at

    def publish(self, n: int) -> None:
        """A product with one or two data sets under random rules."""
        actor = actor_of(self.publisher)
        product = products.create_product(
            owner=self.publisher.organization,
            name=f"Product {n}",
            short_description="x",
            description="x",
            support_contact="x",
            category="Mobility",
            terms="x",
            actor=actor,
            at=self.tick(),
        )
        for data_set in self.dice.sample(self.data_sets, self.dice.randint(1, 2)):
            self._add(product, data_set)
        make_listable(product, self.publisher)
        self.tick()
        products.publish_product(product=product, actor=actor, at=self.at)
        for entry in product.published_data_sets.all():
            self._history(entry)
        self.products.append(product)

    def _add(self, product, data_set):
        rule, count = self.dice.choice([("ALL", None), ("NONE", None), ("LAST", 1), ("LAST", 2)])
        future = True if rule == "NONE" else self.dice.random() < 0.7
        return products.add_data_set(
            product=product,
            data_set=data_set,
            history_rule=rule,
            history_count=count,
            future_rule=future,
            actor=actor_of(self.publisher),
            at=self.at,
        )

    def _history(self, entry) -> None:
        past = [r for r in self.finalized[entry.data_set_id] if r not in self.model.revoked]
        chosen = {"ALL": past, "NONE": [], "LAST": past[-(entry.history_count or 1) :]}[entry.history_rule]
        self.model.published |= {(entry.pk, revision) for revision in chosen}

    def finalize(self, data_set=None) -> None:
        data_set = data_set or self.dice.choice(self.data_sets)
        actor = actor_of(self.publisher)
        revision = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=self.tick())
        put_asset(revision, "a.csv", b"a\n", self.publisher)
        revisions.finalize_revision(revision=revision, actor=actor, at=self.tick())
        self.finalized[data_set.pk].append(revision.pk)
        for product in self.products:
            for entry in product.published_data_sets.filter(data_set=data_set, future_rule=True):
                self.model.published.add((entry.pk, revision.pk))

    def revoke(self) -> None:
        from publishers.models import Revision

        living = [r for made in self.finalized.values() for r in made if r not in self.model.revoked]
        if len(living) > 3:
            chosen = self.dice.choice(living)
            revisions.revoke_revision(
                revision=Revision.objects.get(pk=chosen),
                comment="The figures were wrong.",
                actor=actor_of(self.publisher),
                at=self.tick(),
            )
            self.model.revoked.add(chosen)

    def accept(self) -> None:
        reader, product = self.dice.choice(self.readers), self.dice.choice(self.products)
        try:
            agreement = accept_offer(
                organization=reader.organization,
                product=product,
                offer_version_id=current_offer_version(product=product).pk,
                terms_accepted=True,
                user=reader.user,
                actor=actor_of(reader),
                at=self.tick(),
            )
        except AlreadySubscribed:
            assert product.pk in self.model.products_of[reader.organization_id]
            return
        self.agreements[reader.organization_id, product.pk] = agreement
        self.model.products_of.setdefault(reader.organization_id, set()).add(product.pk)

    def end(self) -> None:
        if not self.agreements:
            return
        place = self.dice.choice(sorted(self.agreements))
        end_agreement(agreement=self.agreements.pop(place), actor=actor_of(self.readers[0]), at=self.tick())
        self.model.products_of[place[0]].discard(place[1])

    def extend(self) -> None:
        """A published product gets another data set."""
        product = self.dice.choice(self.products)
        held = set(product.published_data_sets.values_list("data_set", flat=True))
        free = [d for d in self.data_sets if d.pk not in held]
        if free:
            self.tick()
            self._history(self._add(product, self.dice.choice(free)))

    def check(self) -> None:
        # facts are told with times of the model's own clock, reactions by the wall's: ask after both
        later = max(self.at, datetime.now(UTC)) + timedelta(days=400)
        for reader in self.readers:
            found = readable_revisions(organization=reader.organization, at=later)
            assert set(found.values_list("published_data_set_id", "revision_id")) == self.model.readable(
                reader.organization_id
            )
        entry, revision = self.dice.choice(sorted(self.model.published))
        for reader in self.readers:
            assert may_read(organization=reader.organization, data_set_id=entry, revision_id=revision, at=later) == (
                (entry, revision) in self.model.readable(reader.organization_id)
            )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_system_agrees_with_the_model_after_every_step(seed):
    print(f"seed {seed}")
    world = World(seed)
    steps = [world.finalize] * 3 + [world.revoke] + [world.accept] * 4 + [world.end] * 2 + [world.extend]
    for _ in range(STEPS):
        world.dice.choice(steps)()
        work.run_due()
        world.check()
    assert world.model.published
    assert any(world.model.readable(r.organization_id) for r in world.readers) or not world.agreements
