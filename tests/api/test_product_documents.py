"""/api: files on a product's page, its dictionary, who sees it, and what a subscriber is asked."""

import io

import pytest
from PIL import Image

from publishers.models import Product, ProductDocument, ProductSearch

pytestmark = pytest.mark.django_db(transaction=True)
NEW = {"name": "Tides", "category": "Weather", "terms": "t"}


@pytest.fixture
def program(publisher, program_of):
    """A program of the publisher."""
    return program_of(publisher)


@pytest.fixture
def path(program) -> str:
    """The path of a draft product."""
    return f"/api/products/{program.call('POST', '/api/products', NEW).json()['id']}"


def put(program, path, name, content, **query):
    headers = {"Authorization": f"Bearer {program.token}"}
    return program.client.put(
        f"{path}/files/{name}", content, content_type="application/octet-stream", headers=headers, query_params=query
    )


def test_a_sample_is_put_read_replaced_and_removed(program, path):
    made = put(program, path, "calls.csv", b"port,calls\nA,1\nB,2\n", kind="SAMPLE")
    assert made.status_code == 200, made.content
    shape = made.json()
    assert (shape["name"], shape["kind"], shape["size_bytes"], shape["position"]) == ("calls.csv", "SAMPLE", 19, 1)
    again = put(program, path, "calls.csv", b"port,calls\nA,1\n", kind="SAMPLE").json()
    assert [item["id"] for item in program.call("GET", f"{path}/documents").json()["items"]] == [again["id"]]
    detail = program.call("GET", f"{path}/documents/{again['id']}").json()
    assert detail["table"]["rows"] == [["A", "1"]]
    assert [column["type"] for column in detail["table"]["columns"]] == ["string", "integer"]
    assert "attachment" in detail["download_url"]
    filled = program.call("POST", f"{path}/dictionary/fill").json()
    assert [row["column"] for row in filled["dictionary"]] == ["port", "calls"]
    assert program.call("DELETE", f"{path}/documents/{again['id']}").status_code == 204
    assert not ProductDocument.objects.exists()


def test_an_image_needs_its_words_and_changes_its_place(program, path):
    picture = io.BytesIO()
    Image.new("RGB", (60, 30), "navy").save(picture, "PNG")
    refused = put(program, path, "a.png", picture.getvalue(), kind="IMAGE")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "caption")
    for name in "ab":
        put(program, path, f"{name}.png", picture.getvalue(), kind="IMAGE", caption=name)
    items = program.call("GET", f"{path}/documents").json()["items"]
    assert [(item["name"], item["content_type"]) for item in items] == [
        ("a.webp", "image/webp"),
        ("b.webp", "image/webp"),
    ]
    moved = program.call("PATCH", f"{path}/documents/{items[1]['id']}", {"position": 1, "caption": "First"}).json()
    assert (moved["position"], moved["caption"]) == (1, "First")
    assert put(program, path, "c.svg", b"<svg/>", kind="IMAGE", caption="c").status_code == 422
    assert put(program, path, "c.csv", b"", kind="SAMPLE").status_code == 422
    assert put(program, path, "c.csv", b"a\n1\n").status_code == 422
    assert put(program, path, "c.csv", b"a\n1\n", kind="LOGO").status_code == 422


def test_a_sample_is_made_of_the_data_once(program, path, data_set, finalized_revision):
    none = program.call("POST", f"{path}/sample")
    assert (none.status_code, none.json()["code"]) == (409, "NoTableToSample")
    program.call("POST", f"{path}/data-sets", {"data_set_id": data_set.pk})
    assert program.call("POST", f"{path}/sample").json()["name"] == "departures-sample.csv"
    assert program.call("POST", f"{path}/sample").json()["code"] == "DocumentExists"


def test_who_finds_a_product_and_who_is_named(program, path, publisher, stranger, program_of):
    account = stranger.organization.account_id
    added = program.call("POST", f"{path}/viewers", {"account_id": account})
    assert (added.status_code, added.json()["id"]) == (201, account)
    unknown = program.call("POST", f"{path}/viewers", {"account_id": "999999999999"})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "account_id")
    assert [v["id"] for v in program.call("GET", f"{path}/viewers").json()["items"]] == [account]
    assert program.call("PATCH", path, {"visibility": "PRIVATE"}).json()["visibility"] == "PRIVATE"
    assert program.call("DELETE", f"{path}/viewers/{account}").status_code == 204
    assert program.call("GET", f"{path}/viewers").json()["items"] == []


def test_a_product_in_the_catalogue_is_hidden_and_shown(program, product):
    path = f"/api/products/{product.pk}"
    for visibility, is_found in (("UNLISTED", False), ("PUBLIC", True), ("PRIVATE", False)):
        assert program.call("PATCH", path, {"visibility": visibility}).status_code == 200
        assert ProductSearch.objects.filter(product=product).exists() is is_found


def test_questions_and_rules_come_back_as_they_were_given(program, path):
    body = {
        "requires_approval": True,
        "questions": [{"label": "Why?", "kind": "choice", "choices": ["Research", "Trading"]}, {"label": "Who?"}],
        "approval_rules": [{"kind": "verified_organization"}, {"kind": "email_domain", "value": "Example.org"}],
        "frequency": "DAILY",
        "regions": ["EUROPE"],
        "personal_data": "NONE",
        "licence_rights": {"resale": False},
    }
    made = program.call("PATCH", path, body)
    assert made.status_code == 200, made.content
    shape = made.json()
    assert [q["label"] for q in shape["questions"]] == ["Why?", "Who?"]
    assert shape["questions"][0]["is_required"] is True
    assert shape["approval_rules"] == [
        {"kind": "verified_organization"},
        {"kind": "email_domain", "value": "example.org"},
    ]
    assert (shape["frequency"], shape["regions"], shape["licence_rights"]) == ("DAILY", ["EUROPE"], {"resale": False})
    again = program.call("PATCH", path, {"questions": shape["questions"]}).json()
    assert again["questions"] == shape["questions"]
    for wrong in (
        {"questions": [{"label": ""}]},
        {"questions": [{"label": "x", "kind": "password"}]},
        {"approval_rules": [{"kind": "everybody"}]},
        {"licence_rights": {"theft": True}},
        {"licence_rights": {"resale": "no"}},
        {"regions": ["MARS"]},
        {"visibility": "SECRET"},
        {"draft": {}},
        {"submitted_at": None},
    ):
        assert program.call("PATCH", path, wrong).status_code == 422, wrong
    assert Product.objects.get().questions == shape["questions"]
