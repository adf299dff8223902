"""Fixtures that tests share: an organization of each kind, and things made by real operations."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from marketplace.core import storage, work
from marketplace.core.actors import Actor
from marketplace.core.models import Membership, StorageConnection
from marketplace.core.operations.organizations import create_organization
from marketplace.core.operations.storage import create_storage_connection
from publishers.models import DataSet, DocumentKind, Product, ProductDocument, Revision
from publishers.operations import data_sets, documents, products, revisions
from publishers.queries.products import current_offer_version
from subscriptions.operations import accept_offer
from tests.parts import EXCHANGE

_count = itertools.count(1)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Let no connection that a thread of a test left to the collector keep the database from being dropped."""
    yield
    with django_db_blocker.unblock():
        name = database.settings_dict["NAME"]
        database.close()
        database.close_pool()
        with database.creation._nodb_cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'",
                [name],
            )


@pytest.fixture
def exchange():
    """The running installation: web, worker and scheduler over their own database."""
    EXCHANGE.wait_until_ready()
    return EXCHANGE


def actor_of(member: Membership) -> Actor:
    """Return a member as the actor of an operation."""
    return Actor(kind="user", user_id=member.user_id, organization_id=member.organization_id)


def make_member(name: str) -> Membership:
    """Create an organization with its owner."""
    from marketplace.core.models import User

    # Without a password: nobody signs in with it here, and to hash one costs as much as twenty tests.
    user = User.objects.create_user(f"{name.lower()}{next(_count)}@example.org", name=name)
    return create_organization(name=name, owner=user, actor=Actor(kind="system"), at=timezone.now())


@pytest.fixture
def publisher(db) -> Membership:
    """The owner of a publishing organization."""
    return make_member("Publisher")


@pytest.fixture
def subscriber(db) -> Membership:
    """The owner of a subscribing organization."""
    return make_member("Subscriber")


@pytest.fixture
def stranger(db) -> Membership:
    """The owner of an organization that has nothing to do with the others."""
    return make_member("Stranger")


@pytest.fixture
def data_set(publisher: Membership) -> DataSet:
    """A data set of the publisher without revisions."""
    return data_sets.create_data_set(
        owner=publisher.organization,
        name="Departures",
        description="Flights that left.",
        actor=actor_of(publisher),
        at=timezone.now(),
    )


def put_asset(revision: Revision, name: str, content: bytes, member: Membership) -> Any:
    """Put a file into a draft revision, bytes in the vault included."""
    from marketplace.core.ids import new_id

    asset_id = new_id()
    key = f"assets/{asset_id}"
    etag, digests = storage.vault().write(key, iter([content]), content_type="text/csv")
    return revisions.add_asset(
        revision=revision,
        asset_id=asset_id,
        name=name,
        digests=digests,
        etag=etag,
        vault_key=key,
        content_type="text/csv",
        actor=actor_of(member),
        at=timezone.now(),
    )


@pytest.fixture
def make_revision(publisher: Membership, data_set: DataSet) -> Callable[..., Revision]:
    """Make a revision of the data set with the given files, finalized unless asked otherwise."""

    def make(files: dict[str, bytes] | None = None, *, finalize: bool = True, at: datetime | None = None) -> Revision:
        actor = actor_of(publisher)
        revision = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at or timezone.now())
        for name, content in (files or {"departures.csv": b"id,delay\n1,5\n2,-3\n"}).items():
            put_asset(revision, name, content, publisher)
        if finalize:
            revision = revisions.finalize_revision(revision=revision, actor=actor, at=at or timezone.now())
            work.run_due()
        return revision

    return make


@pytest.fixture
def draft_revision(make_revision: Callable[..., Revision]) -> Revision:
    """A draft revision with one file."""
    return make_revision(finalize=False)


@pytest.fixture
def finalized_revision(make_revision: Callable[..., Revision]) -> Revision:
    """A finalized revision with one file."""
    return make_revision()


def make_listable(product: Product, member: Membership) -> ProductDocument:
    """Give a product what those that everybody finds need: a small sample, and a dictionary where it has none."""
    by: dict[str, Any] = {"actor": actor_of(member), "at": timezone.now()}
    content = io.BytesIO(b"id,delay\n1,5\n2,-3\n")
    kind = DocumentKind.SAMPLE
    sample = documents.add_document(product=product, kind=kind, name="sample.csv", stream=content, **by)
    product.refresh_from_db(fields=["dictionary"])
    if not product.dictionary:
        documents.fill_dictionary(product=product, **by)
        product.refresh_from_db()
    return sample


@pytest.fixture
def product(publisher: Membership, data_set: DataSet, finalized_revision: Revision) -> Product:
    """A published product with the data set and one finalized revision."""
    actor = actor_of(publisher)
    made = products.create_product(
        owner=publisher.organization,
        name="Departures of New York",
        category="Mobility",
        short_description="Every departure.",
        description="All departures of **2013**.",
        support_contact="help@example.org",
        terms="Use it well.",
        dictionary=[{"column": "delay", "type": "integer", "meaning": "Minutes late"}],
        actor=actor,
        at=timezone.now(),
    )
    products.add_data_set(product=made, data_set=data_set, actor=actor, at=timezone.now())
    make_listable(made, publisher)
    made = products.publish_product(product=made, actor=actor, at=timezone.now())
    work.run_due()
    return made


@pytest.fixture
def agreement(product: Product, subscriber: Membership):
    """The subscriber's agreement on the product."""
    return accept_offer(
        organization=subscriber.organization,
        product=product,
        offer_version_id=current_offer_version(product=product).pk,
        terms_accepted=True,
        user=subscriber.user,
        actor=actor_of(subscriber),
        at=timezone.now(),
    )


@pytest.fixture
def entitled_data_set(agreement):
    """The product's data set as the subscriber sees it."""
    return agreement.entitlements.get().published_data_set


@pytest.fixture
def bucket_name() -> str:
    """A fresh, empty bucket at the store."""
    name = f"landing-{os.getpid()}-{next(_count)}"
    storage.vault().make_sibling(name)
    return name


def connect(member: Membership, bucket: str, **changes: Any) -> StorageConnection:
    """Connect a bucket of the embedded store to a member's organization."""
    from django.conf import settings

    wanted: dict[str, Any] = {
        "name": "Landing",
        "endpoint_url": settings.S3_ENDPOINT_URL,
        "region": settings.S3_REGION,
        "bucket": bucket,
        "access_key_id": settings.S3_ACCESS_KEY_ID,
        "secret_access_key": settings.S3_SECRET_ACCESS_KEY,
    } | changes
    return create_storage_connection(
        organization=member.organization, actor=actor_of(member), at=timezone.now(), **wanted
    )


@pytest.fixture
def connection(subscriber: Membership, bucket_name: str) -> StorageConnection:
    """The subscriber's own bucket, connected."""
    return connect(subscriber, bucket_name)
