"""The addresses of documents and revisions: who sees them, what they are sent as, and the catalogue for harvesters."""

import json
import re
from datetime import timedelta

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from rdflib import DCAT, RDF, Graph, URIRef
from rdflib.compare import isomorphic

from marketplace.storefront.views import feeds, standards
from publishers.models import Product
from publishers.operations.revisions import revoke_revision
from publishers.queries.manifests import digest_of, manifest_digest, manifest_of
from tests.conftest import actor_of
from tests.console.pages import sign_in
from tests.pages import fill_page
from tests.standards import validators

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")]
HYDRA = "http://www.w3.org/ns/hydra/core#"


@pytest.fixture
def url(rich) -> str:
    return f"/products/{rich.pk}"


def test_each_document_is_linked_from_the_page_and_sent_as_what_it_is(client, url):
    page = client.get(url)
    linked = re.findall(
        r'<link rel="describedby" type="([^"]+)" title="[^"]+"\s+href="([^"]+)">', page.content.decode()
    )
    assert len(linked) == 7
    for kind, href in linked:
        answer = client.get(href)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8"), href
        assert f'{href}>; rel="describedby"; type="{kind}"' in page.headers["Link"]
        assert client.get(href, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    turtle = client.get(f"{url}/metadata/dcat.ttl")
    assert turtle.headers["Content-Type"] == "text/turtle; charset=utf-8"
    assert (
        'filename="datapackage.json"' in client.get(f"{url}/metadata/datapackage.json").headers["Content-Disposition"]
    )
    for name in ("dcat.xml", "croissant.ttl", "nothing", "odcs.", "..", "odcs.json.json"):
        assert client.get(f"{url}/metadata/{name}").status_code == 404, name


def test_who_does_not_see_the_page_sees_no_document_and_no_revision(
    client, rich, url, publisher, subscriber, stranger, finalized_revision
):
    paths = [f"{url}/metadata/odcs", f"{url}/revisions/{finalized_revision.pk}"]
    paths += [f"{paths[1]}/{name}" for name in ("manifest.txt", "CITATION.cff", "citation.bib")]
    Product.objects.filter(pk=rich.pk).update(visibility="PRIVATE")
    for path in paths:
        assert client.get(path).status_code == 404
        assert sign_in(Client(), stranger).get(path).status_code == 404
        assert sign_in(Client(), publisher).get(path).status_code == 200
    assert rich.name not in client.get("/catalogue.ttl").content.decode()


def test_a_harvester_reads_the_catalogue_page_by_page(client, rich, demo_products, monkeypatch):
    demo_products(2)
    Product.objects.filter(pk=rich.pk).update(visibility="UNLISTED")
    monkeypatch.setattr(standards, "PRODUCTS_PER_PAGE", 1)
    found, path = [], "/catalogue.ttl"
    while path:
        answer = client.get(path)
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        graph = validators.check_dcat(answer.content.decode())
        found += list(graph.subjects(RDF.type, DCAT.Dataset))
        assert list(graph.subjects(RDF.type, DCAT.Distribution))
        (following,) = list(graph.objects(None, URIRef(f"{HYDRA}next"))) or [""]
        same = client.get(path.replace(".ttl", ".jsonld"))
        assert len(Graph().parse(data=same.content.decode(), format="json-ld")) == len(graph)
        assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
        path = str(following).partition("http://")[2].partition("/")[2]
        path = f"/{path}" if path else ""
    assert sorted(str(each).rsplit("/", 1)[1] for each in found) == sorted(
        Product.objects.listed().values_list("pk", flat=True)
    )
    assert not isomorphic(graph, Graph())
    assert client.get("/catalogue.ttl?after=%00'").status_code == 200


def test_harvesting_is_counted_like_reading_feeds(client, monkeypatch):
    monkeypatch.setattr(standards, "FEEDS", 2)
    assert [client.get("/catalogue.jsonld").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/catalogue.atom").status_code == 200  # the same count, with its own limit
    assert feeds.FEEDS == 60


def test_the_profile_of_offers_is_there(client):
    graph = Graph().parse(data=client.get("/odrl-profile").content.decode(), format="turtle")
    assert any(str(subject).endswith("#trainModel") for subject in graph.subjects())


# --- revisions --------------------------------------------------------------------------------------------------------
def test_a_revision_says_what_it_holds_and_how_it_is_cited(
    client, agreement, url, rich, finalized_revision, subscriber
):
    there = f"{url}/revisions/{finalized_revision.pk}"
    assert there in client.get(url).content.decode()
    page = client.get(there).content.decode()
    asset = finalized_revision.assets.get()
    digest = digest_of(f"{asset.sha256}  {asset.size_bytes}  departures.csv\n")
    assert manifest_digest(revision=finalized_revision) == digest
    for words in (
        "departures.csv",
        asset.sha256,
        f"sha256:{digest}",
        "How to cite",
        "@misc{",
        f"/data/digests/{digest}",
    ):
        assert words in page.replace("{{", "{"), words
    assert "Open in My data" not in page
    assert "Open in My data" in sign_in(Client(), subscriber).get(there).content.decode()
    manifest = client.get(f"{there}/manifest.txt")
    assert digest_of(manifest.content.decode()) == digest
    cited = yaml.safe_load(client.get(f"{there}/CITATION.cff").content)
    assert (cited["cff-version"], cited["type"], cited["title"]) == ("1.2.0", "dataset", rich.name)
    assert cited["license"] == "CC-BY-4.0"
    assert cited["identifiers"][0]["value"] == f"sha256:{digest}"
    assert "attachment" in client.get(f"{there}/citation.bib").headers["Content-Disposition"]
    assert client.get(f"{there}/other.txt").status_code == 404
    assert client.get(f"{url}/revisions/{'0' * 32}").status_code == 404


def test_a_revoked_revision_stays_with_its_reason_and_without_its_files(
    client, url, finalized_revision, publisher, make_revision, rich
):
    there = f"{url}/revisions/{finalized_revision.pk}"
    revoke_revision(revision=finalized_revision, comment="Wrong port.", actor=actor_of(publisher), at=timezone.now())
    page = client.get(there).content.decode()
    assert "Wrong port." in page
    assert "departures.csv" not in page
    assert client.get(f"{there}/manifest.txt").status_code == 404
    assert client.get(f"{there}/CITATION.cff").status_code == 200


def test_the_digest_is_over_lines_sorted_by_bytes_whatever_the_names(make_revision):
    names = ["b.csv", "a/ü.csv", "a b.csv", "Z.csv", "back\\slash.csv"]
    revision = make_revision({name: name.encode() for name in names})
    manifest = manifest_of(revision.assets.all())
    assert manifest.splitlines() == sorted(manifest.splitlines(), key=str.encode)
    assert "back\\\\slash.csv" in manifest
    assert manifest_digest(revision=revision) == digest_of(manifest)


def test_what_strangers_write_is_text_in_citations_too(client, hostile, make_revision):
    entry = hostile.published_data_sets.get()
    there = (
        f"/products/{hostile.pk}/revisions/{entry.published_revisions.order_by('-published_at').first().revision_id}"
    )
    page = client.get(there).content.decode()
    assert "<img src=x" not in page
    assert yaml.safe_load(client.get(f"{there}/CITATION.cff").content)["title"].startswith("</script>")
    bib = client.get(f"{there}/citation.bib").content.decode()
    assert bib.count("{") == bib.count("}")
    assert "<img src=x" not in client.get(f"/products/{hostile.pk}").content.decode()


def test_a_revision_with_many_files_is_paged(client, url, rich, django_assert_max_num_queries):
    fill_page(rich, revisions=30)
    newest = rich.published_data_sets.get().published_revisions.order_by("published_at").first()
    with django_assert_max_num_queries(15):
        page = client.get(f"{url}/revisions/{newest.revision_id}").content.decode()
    assert "There is a newer revision" in page
    assert newest.published_at < timezone.now() - timedelta(days=1)


# --- programs ---------------------------------------------------------------------------------------------------------
def test_the_api_gives_the_same(client, rich, finalized_revision):
    listed = client.get(f"/api/catalogue/{rich.pk}/metadata").json()["items"]
    assert [item["name"] for item in listed][:3] == ["schema-org", "croissant", "dcat"]
    for item in listed:
        got = client.get(f"/api/catalogue/{rich.pk}/metadata/{item['name']}").json()
        path = item["url"].partition("/products/")[2]
        assert got["document"] == json.loads(client.get(f"/products/{path}").content), item["name"]
    assert client.get(f"/api/catalogue/{rich.pk}/metadata/nothing").status_code == 404
    shape = client.get(f"/api/catalogue/{rich.pk}/revisions/{finalized_revision.pk}").json()
    assert shape["digest"] == manifest_digest(revision=finalized_revision)
    assert [file["name"] for file in shape["files"]] == ["departures.csv"]
    assert shape["citation"]["cff"].startswith("cff-version: 1.2.0")
