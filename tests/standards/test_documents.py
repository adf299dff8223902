"""Each product by each standard, held against the standard's own validator."""

import hashlib
import json
from datetime import timedelta

import frictionless
import pytest
from django.utils import timezone
from rdflib import DCAT, ODRL2, Graph, Literal, URIRef
from rdflib.compare import isomorphic

from marketplace.core import storage
from publishers.models import Contract
from publishers.operations.revisions import revoke_revision
from publishers.standards import data_package
from publishers.standards.describe import describe, describe_many
from publishers.standards.documents import STANDARDS, write
from tests.conftest import actor_of
from tests.standards import validators

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")]


def documents_of(product) -> dict[str, dict]:
    """Return the documents of a product by standard, as they are sent."""
    described = describe(product=product, at=timezone.now())
    return {standard.name: json.loads(write(described, asked=standard.name).text) for standard in STANDARDS}


def check(product) -> dict[str, dict]:
    """Hold every document of a product against its validator."""
    described = describe(product=product, at=timezone.now())
    made = documents_of(product)
    validators.check_croissant(made["croissant"])
    validators.check_data_package(made["datapackage"])
    validators.check_odrl(made["odrl"], profile=described.site.profile_url)
    assert made["schema-org"]["name"] == product.name
    validators.check_odcs(made["odcs"])
    validators.check_odps(made["odps"])
    turtle = validators.check_dcat(write(described, asked="dcat.ttl").text)
    assert isomorphic(turtle, Graph().parse(data=json.dumps(made["dcat"]), format="json-ld"))
    return made


def test_a_rich_product_says_everything_in_every_standard(rich, finalized_revision, django_assert_max_num_queries):
    with django_assert_max_num_queries(8 + 1):
        describe(product=rich, at=timezone.now())
    made = check(rich)
    asset = finalized_revision.assets.get()

    croissant = made["croissant"]
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert croissant["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert croissant["version"] == "2.0.0"  # the contract's major, no revision before
    assert "sha256:" in croissant["citeAs"]
    (file,) = croissant["distribution"]
    assert (file["name"], file["sha256"]) == ("departures.csv", asset.sha256)
    (records,) = croissant["recordSet"]
    assert [(f["name"], f["dataType"]) for f in records["field"]] == [("id", "sc:Integer"), ("delay", "sc:Integer")]
    assert records["field"][1]["description"] == "Minutes late"
    assert records["key"] == [{"@id": records["field"][0]["@id"]}]
    assert records["field"][0]["source"]["fileObject"] == {"@id": file["@id"]}

    (resource,) = made["datapackage"]["resources"]
    assert (resource["bytes"], resource["hash"]) == (asset.size_bytes, f"sha256:{asset.sha256}")
    assert resource["schema"]["primaryKey"] == ["id"]
    assert made["datapackage"]["licenses"][0]["name"] == "CC-BY-4.0"

    contract = made["odcs"]
    assert (contract["id"], contract["version"]) == (rich.pk, "2.1.0")
    assert [row["property"] for row in contract["slaProperties"]] == ["latency", "frequency"]
    assert contract["schema"][0]["properties"][0]["quality"] == [
        {"metric": "nullValues", "mustBe": 0, "type": "library"}
    ]
    assert "secret" not in json.dumps(made)
    assert "internal" not in json.dumps(made)
    assert [port["contractId"] for port in made["odps"]["outputPorts"]] == [rich.pk]

    graph = Graph().parse(data=json.dumps(made["odrl"]), format="json-ld")
    forbidden = {str(a) for r in graph.objects(None, ODRL2.prohibition) for a in graph.objects(r, ODRL2.action)}
    assert {action.rsplit("#")[-1].rsplit("/")[-1] for action in forbidden} == {"sell", "trainModel"}
    (allowed,) = [r for r in graph.objects(None, ODRL2.permission) if (r, ODRL2.action, ODRL2.use) in graph]
    (limit,) = graph.objects(allowed, ODRL2.constraint)
    assert (limit, ODRL2.operator, ODRL2.neq) in graph
    assert list(graph.objects(allowed, ODRL2.duty))  # the publisher decides

    assert made["schema-org"]["variableMeasured"][1] == {
        "@type": "PropertyValue",
        "name": "delay",
        "description": "Minutes late",
    }


def test_a_bare_draft_is_still_described(bare):
    made = check(bare)
    assert made["datapackage"]["resources"] == [
        {"name": "rows", "title": "No file is published yet", "type": "table", "data": []}
    ]
    assert made["croissant"]["distribution"] == []
    assert made["odcs"]["status"] == "draft"


def test_what_strangers_write_stays_text(hostile):
    made = check(hostile)
    assert made["croissant"]["name"] == hostile.name
    assert made["datapackage"]["title"] == hostile.name
    assert len(made["croissant"]["distribution"]) == 2
    assert all(" " not in part["@id"] for part in made["croissant"]["distribution"])
    turtle = write(describe(product=hostile, at=timezone.now()), asked="dcat.ttl").text
    graph = Graph().parse(data=turtle, format="turtle")
    assert (URIRef(made["croissant"]["url"]), DCAT.keyword, Literal("Mobility")) in graph


def test_products_of_the_demo_pass(demo_products):
    for product in demo_products(2):
        made = check(product)
        assert made["croissant"]["distribution"]
        assert made["croissant"]["recordSet"][0]["field"]
        assert made["schema-org"]["license"]["url"].startswith("http")


def test_the_data_fits_the_package_beside_it(rich, tmp_path):
    described = describe(product=rich, at=timezone.now())
    for file in described.files:
        path = tmp_path / file.name
        with path.open("wb") as out:
            for chunk in storage.vault().read(rich_key(rich, file.id)):
                out.write(chunk)
    (tmp_path / "datapackage.json").write_text(json.dumps(data_package.package(described, is_local=True)))
    report = frictionless.validate(str(tmp_path / "datapackage.json"))
    assert report.valid, report.flatten(["type", "note"])
    (tmp_path / "departures.csv").write_bytes(b"id,delay\n1,5\n2,-4\n")
    assert {row[0] for row in frictionless.validate(str(tmp_path / "datapackage.json")).flatten(["type"])} == {
        "hash-count"
    }


def rich_key(product, asset_id: str) -> str:
    entry = product.published_data_sets.get()
    return entry.data_set.revisions.get(assets=asset_id).assets.get(pk=asset_id).vault_key


def test_only_what_is_in_force_and_readable_is_told(rich, make_revision, publisher, data_set, finalized_revision):
    now = timezone.now()
    Contract.objects.update(effective_at=now + timedelta(days=9))  # so that it is not checked here
    second = make_revision({"later.csv": b"id\n9\n", "notes.txt": b"x"})
    Contract.objects.update(effective_at=now)
    Contract.objects.create(
        data_set=data_set, major=3, minor=0, patch=0, document={}, effective_at=now + timedelta(days=9)
    )
    described = describe(product=rich, at=timezone.now())
    assert described.version == "2.1.0"
    assert [file.name for file in described.files] == ["later.csv", "notes.txt"]
    assert described.tables[0].files[0].name == "later.csv"  # by the contract: the new one is not measured
    revoke_revision(revision=second, comment="Wrong port.", actor=actor_of(publisher), at=timezone.now())
    assert [file.name for file in describe(product=rich, at=timezone.now()).files] == ["departures.csv"]


def test_many_are_described_at_the_price_of_one(rich, bare, django_assert_max_num_queries):
    with django_assert_max_num_queries(6 + 1):  # now and then the name of the exchange is read anew
        both = describe_many(products=[rich, bare], at=timezone.now())
    assert [(each.name, len(each.files), each.tables) for each in both] == [
        ("Departures of New York", 1, []),
        ("Bare", 0, []),
    ]


def test_a_document_is_the_same_bytes_each_time(rich):
    for asked in ("dcat.ttl", "dcat.jsonld", "croissant", "odcs"):
        twice = {
            hashlib.sha256(write(describe(product=rich, at=timezone.now()), asked=asked).text.encode()).hexdigest()
            for _ in range(2)
        }
        assert len(twice) == 1, asked
