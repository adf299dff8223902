"""A product out of somebody else's file: what is taken over, what is told, and what is refused."""

import json

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, Role
from publishers.models import Product, ProductState
from publishers.operations.product_imports import import_product
from publishers.standards.describe import describe
from publishers.standards.documents import write
from publishers.standards.importing import MOST_BYTES, read_listing
from tests.conftest import actor_of
from tests.console.pages import member_with, sign_in
from tests.standards import validators

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")]
PACKAGE = {
    "name": "port-calls",
    "title": "Port calls",
    "description": "Every call.\n\n- by port",
    "licenses": [{"name": "CC-BY-4.0", "path": "https://creativecommons.org/licenses/by/4.0/"}, {"name": "x"}],
    "sources": [{"title": "Harbour", "path": "https://example.org/ports"}],
    "contributors": [{"title": "Ann", "email": "ann@example.org"}],
    "keywords": ["Shipping", "weekly"],
    "resources": [
        {
            "name": "calls",
            "path": "calls.csv",
            "schema": {
                "fields": [
                    {"name": "port", "type": "string", "description": "Name"},
                    {"name": "at", "type": "datetime", "constraints": {"required": True}},
                ],
                "primaryKey": "port",
            },
        },
        {"name": "other", "path": "https://169.254.169.254/x.csv", "schema": "https://example.org/schema.json"},
    ],
}


def test_a_data_package_becomes_a_draft(publisher):
    made = import_product(
        owner=publisher.organization,
        content=json.dumps(PACKAGE).encode(),
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    product = made.product
    assert (product.name, product.category, product.licence, product.state) == (
        "Port calls",
        "Mobility",
        "CC-BY-4.0",
        ProductState.DRAFT,
    )
    assert product.description.startswith("Every call.\n\n- by port")
    assert product.short_description == "Every call. - by port"
    assert (product.source_url, product.support_contact) == ("https://example.org/ports", "ann@example.org")
    assert product.dictionary == [
        {"column": "port", "type": "string", "meaning": "Name"},
        {"column": "at", "type": "timestamp", "meaning": ""},
    ]
    assert "creativecommons.org" in product.offers.get().versions.get().terms
    told = " ".join(made.left_out)
    for words in (
        "1 more licences",
        "Keywords: Shipping, weekly",
        "not fetched",
        "Keys and constraints of calls",
        "Ann",
    ):
        assert words in told, words
    record = AuditRecord.objects.get(action="product.imported")
    assert record.detail["standard"] == "Data Package"


@pytest.mark.parametrize(
    ("name", "columns", "column"),
    [
        ("full-example", 3, "tbl.transaction_reference_date"),
        ("column-validity", 1, "air_quality_status"),
        ("database-table-sla", 0, ""),
        ("all-data-types", 9, "account_id"),
        ("postgresql-adventureworks-contract", 100, ""),
        ("table-columns-with-partition", 1, ""),
    ],
)
def test_the_official_contracts_are_read(publisher, name, columns, column):
    content = validators.beside(f"odcs-examples/{name}.odcs.yaml").read_bytes()
    made = import_product(
        owner=publisher.organization,
        content=content,
        category="Science",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    assert made.standard == "Open Data Contract"
    assert made.product.name
    assert len(made.product.dictionary) >= columns
    if column:
        assert made.product.dictionary[0]["column"] == column
    validators.check_odcs(json.loads(write(describe(product=made.product, at=timezone.now()), asked="odcs").text))


@pytest.mark.parametrize("asked", ["croissant", "schema-org", "datapackage", "odcs"])
def test_what_we_write_we_read_again(rich, asked):
    written = write(describe(product=rich, at=timezone.now()), asked=asked)
    found = read_listing(written.text.encode())
    assert (found.name, found.category) == (rich.name, "Mobility")
    assert found.description.startswith("Every departure.") or "2013" in found.description
    names = [row["column"] for row in found.dictionary]
    assert names == ["id", "delay"]
    if asked != "odcs":
        assert found.licence in {"CC BY 4.0", "CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"}
    again = yaml.safe_dump(json.loads(written.text)).encode()
    assert read_listing(again).dictionary == found.dictionary


DEEP = b"{" + b'"a":{' * 3000 + b"}" * 3001
BOMB = b"kind: DataContract\nname: x\na: &a [1,1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(9)
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b"just words",
        b"{}",
        b'{"resources": []}',
        b'{"@type": "Person", "name": "x"}',
        b'{"resources": 3, "title": "x"}',
        b"a: b: c",
        b"--- 1\n--- 2\n",
        b"kind: DataContract\nname: !!python/object/apply:os.system ['id']\n",
        b'{"title": "\\ud800", "resources": []}',
        b'{"title": "a\\u0000b", "resources": []}',
        b'{"title": "x", "resources": [], "n": ' + b"9" * 5000 + b"}",
        b"kind: DataContract\nname: " + b"[" * 5000,
        DEEP,
        BOMB,
        b'{"title": "' + b"x" * MOST_BYTES + b'", "resources": []}',
    ],
    ids=range(18),
)
def test_hostile_and_other_files_are_refused_with_a_sentence(content):
    with pytest.raises(Invalid) as caught:
        read_listing(content)
    assert caught.value.field == "file"
    assert caught.value.message.endswith(".")
    assert len(caught.value.message) < 500


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "title", "url", "x"]), inner),
    max_leaves=12,
)
_MEMBERS = ["name", "title", "description", "licenses", "license", "keywords", "resources", "recordSet", "schema"]
_MEMBERS += ["contributors", "creator", "support", "slaProperties", "tags", "authoritativeDefinitions", "distribution"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([{"kind": "DataContract"}, {"@type": "sc:Dataset"}, {"resources": []}]),
    st.dictionaries(st.sampled_from(_MEMBERS), _VALUES),
)
def test_no_shape_of_a_file_is_an_error_of_ours(head, members):
    try:
        found = read_listing(json.dumps(members | head).encode())
    except Invalid:
        return
    assert 0 < len(found.name) <= 72
    assert all(row["column"] for row in found.dictionary)


def test_without_a_fitting_keyword_the_category_is_asked_for(publisher):
    content = json.dumps(PACKAGE | {"keywords": ["unheard of"]}).encode()
    by = {"owner": publisher.organization, "actor": actor_of(publisher), "at": timezone.now()}
    with pytest.raises(Invalid) as caught:
        import_product(content=content, **by)
    assert caught.value.field == "category"
    assert not Product.objects.exists()
    assert import_product(content=content, category="Health", **by).product.category == "Health"


def test_the_page_takes_a_file_and_tells_what_was_left_out(client, publisher):
    sign_in(client, publisher)
    assert client.get("/publish/products/import").status_code == 302  # nothing was imported yet
    upload = SimpleUploadedFile("datapackage.json", json.dumps(PACKAGE).encode())
    answer = client.post("/publish/products/import", {"file": upload, "category": ""})
    assert (answer.status_code, answer.url) == (302, "/publish/products/import")
    page = client.get(answer.url).content.decode()
    assert "Port calls" in page
    assert "1 more licences" in page
    assert Product.objects.get().support_contact == "ann@example.org"
    refused = client.post("/publish/products/import", {"file": SimpleUploadedFile("x.json", b"[1]"), "category": ""})
    assert refused.status_code == 422
    assert "one mapping" in refused.content.decode()
    viewer = sign_in(client, member_with(Role.VIEWER))
    upload.seek(0)
    assert viewer.post("/publish/products/import", {"file": upload}).status_code == 403


def test_programs_import_too(publisher):
    from tests.api.conftest import Program, token_of

    program = Program(token_of(publisher))
    headers = {"Authorization": f"Bearer {program.token}", "Idempotency-Key": "once"}
    for _ in range(2):
        answer = program.client.post(
            "/api/products/import?name=Calls", json.dumps(PACKAGE), content_type="application/json", headers=headers
        )
        assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["standard"], made["product"]["name"], made["product"]["state"]) == ("Data Package", "Calls", "DRAFT")
    assert made["id"] == made["product"]["id"]
    assert Product.objects.count() == 1
    contract = b"kind: DataContract\napiVersion: v3.1.0\nname: Rain\ndomain: weather\n"
    as_yaml = program.client.post(
        "/api/products/import", contract, content_type="application/yaml", headers=headers | {"Idempotency-Key": "two"}
    )
    assert as_yaml.json()["product"]["category"] == "Weather"
    refused = program.client.post(
        "/api/products/import",
        b"[]",
        content_type="application/json",
        headers={"Authorization": headers["Authorization"]},
    )
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "file")
