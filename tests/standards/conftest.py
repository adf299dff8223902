"""Products that are described: with everything, with nothing, and with what strangers write."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from marketplace.demo import load
from marketplace.demo.catalogue import PUBLISHERS
from publishers.models import Contract, Product, Profile, ProfiledTable, ProfileState
from publishers.operations import products
from publishers.queries.manifests import manifest_digest
from tests.conftest import actor_of, make_member

EVIL = '</script><img src=x onerror=alert(1)> "q" \' \\ \t\x01 {{7*7}} ${x} €𝄞 @id <http://x/> .'


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Let nothing that checks a document look for a host: what a context or a shape names is not fetched."""
    plain = socket.getaddrinfo

    def only_here(host, *rest, **named):
        assert host in {"localhost", "127.0.0.1", "::1", None}, f"{host} was looked for"
        return plain(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)


@pytest.fixture
def rich(product: Product, finalized_revision, data_set) -> Product:
    """A product with all of its page, a measured revision, and a contract."""
    Product.objects.filter(pk=product.pk).update(
        licence="CC BY 4.0",
        licence_rights={"commercial_use": False, "derived_works": True, "model_training": False, "resale": False},
        frequency="DAILY",
        regions=["EUROPE", "ASIA_PACIFIC"],
        coverage="Harbours, 2013",
        personal_data="NONE",
        source_url="https://example.org/ports?a=1&b=2",
        requires_approval=True,
        dictionary=[
            {"column": "id", "type": "bigint", "meaning": "Number of the call", "key": True},
            {"column": "delay", "type": "integer", "meaning": "Minutes late"},
        ],
    )
    profile, _ = Profile.objects.update_or_create(
        revision=finalized_revision,
        defaults={"state": ProfileState.DONE, "digest": manifest_digest(revision=finalized_revision)},
    )
    profile.tables.all().delete()
    asset = finalized_revision.assets.get()
    ProfiledTable.objects.create(
        profile=profile,
        name="departures",
        row_count=2,
        columns=[
            {"name": "id", "type": "integer", "nulls": 0, "distinct": 2, "least": 1, "greatest": 2},
            {"name": "delay", "type": "integer", "nulls": 0, "distinct": 2, "least": -3, "greatest": 5},
        ],
        keys=[["id"], ["delay"]],
        files=[{"asset_id": asset.pk, "name": asset.name, "rows": 2}],
    )
    Contract.objects.create(
        data_set=data_set,
        major=2,
        minor=1,
        patch=0,
        document={
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "theirs",
            "version": "2.1.0",
            "status": "active",
            "description": {"usage": "Planning of berths.", "authoritativeDefinitions": [{"type": "x", "url": "y"}]},
            "servers": [{"server": "inner", "type": "postgres", "host": "db.internal", "database": "d", "schema": "s"}],
            "team": {"name": "secret team"},
            "schema": [
                {
                    "name": "departures",
                    "properties": [
                        {
                            "name": "id",
                            "logicalType": "integer",
                            "primaryKey": True,
                            "primaryKeyPosition": 1,
                            "required": True,
                            "transformLogic": "SELECT secret FROM inner",
                            "quality": [
                                {"metric": "nullValues", "mustBe": 0, "type": "library"},
                                {"type": "sql", "query": "SELECT secret", "mustBe": 0},
                            ],
                        },
                        {"name": "delay", "logicalType": "integer"},
                    ],
                }
            ],
            "slaProperties": [{"property": "latency", "value": 4, "unit": "h"}],
        },
    )
    return Product.objects.select_related("owner").get(pk=product.pk)


@pytest.fixture
def bare(publisher) -> Product:
    """A draft with a name and terms only."""
    return products.create_product(
        owner=publisher.organization,
        name="Bare",
        category="Weather",
        terms="t",
        actor=actor_of(publisher),
        at=timezone.now(),
    )


@pytest.fixture
def hostile(product: Product, publisher, data_set, make_revision) -> Product:
    """A product whose every text is what a stranger would try."""
    make_revision({f"{name} <b>&\"'{{}}.csv": b"a\n1\n" for name in ("x y", "ü/ö")})
    type(publisher.organization).objects.filter(pk=publisher.organization_id).update(
        name=EVIL[:100], website=f"https://x/{EVIL}"
    )
    type(data_set).objects.filter(pk=data_set.pk).update(name=EVIL, description=EVIL)
    Product.objects.filter(pk=product.pk).update(
        name=EVIL[:72],
        short_description=EVIL,
        description=EVIL * 3,
        licence=EVIL[:100],
        coverage=EVIL[:100],
        update_frequency=EVIL[:60],
        support_contact=f"a@b {EVIL}"[:200],
        source_url=f"https://example.org/{EVIL}"[:200],
        licence_rights={"unknown": True, "resale": True},
        dictionary=[{"column": EVIL + n, "type": EVIL, "meaning": EVIL} for n in ("", "2", "2")]
        + [{"meaning": "no name"}],
    )
    return Product.objects.select_related("owner").get(pk=product.pk)


@pytest.fixture
def demo_products(db, tmp_path: Path) -> Callable[[int], list[Product]]:
    """List the first products of the demo, as the demo does it."""

    def make(most: int) -> list[Product]:
        for publisher in PUBLISHERS[:most]:
            member = make_member(publisher.name.split()[0])
            load._product(member, publisher.products[0], publisher.email, tmp_path)
        return list(Product.objects.select_related("owner").order_by("pk"))

    return make
