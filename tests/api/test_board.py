"""/api of saved searches, data requests and the contents of buckets."""

import pytest

from marketplace.core import storage
from subscriptions.models import DataRequest, SavedSearch
from tests.conftest import connect

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_search_is_saved_changed_and_deleted_by_its_member(subscriber, stranger, program_of):
    program = program_of(subscriber, "catalogue:read")
    made = program.call("POST", "/api/saved-searches", {"name": "Ferries", "query": "category=Mobility&q=ferry"})
    assert made.status_code == 201
    body = made.json()
    assert (body["query"], body["alerts"]) == ("q=ferry&category=Mobility", True)
    path = f"/api/saved-searches/{body['id']}"
    assert program.call("PATCH", path, {"alerts": False}).json()["alerts"] is False
    assert program.call("PATCH", path, {"name": "Boats"}).json()["name"] == "Boats"
    assert [s["name"] for s in program.call("GET", "/api/saved-searches").json()["items"]] == ["Boats"]
    again = program.call("POST", "/api/saved-searches", {"name": "x", "query": "q=ferry&category=Mobility"})
    assert (again.status_code, again.json()["code"]) == (409, "SearchSavedAlready")
    wrong = program.call("POST", "/api/saved-searches", {"name": "x", "query": "colour=red"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "query")
    other = program_of(stranger)
    assert other.call("GET", "/api/saved-searches").json()["items"] == []
    assert [other.call(m, path, {}).status_code for m in ("GET", "PATCH", "DELETE")] == [404, 404, 404]
    assert program.call("DELETE", path).status_code == 204
    assert not SavedSearch.objects.exists()


def test_data_is_asked_for_wanted_answered_and_closed(subscriber, publisher, product, program_of, anonymous):
    asker, other = program_of(subscriber), program_of(publisher)
    made = asker.call("POST", "/api/data-requests", {"title": "Ferries", "description": "All.", "category": "Mobility"})
    assert made.status_code == 201
    path = f"/api/data-requests/{made.json()['id']}"
    assert [r["title"] for r in anonymous.call("GET", "/api/data-requests?q=ferr").json()["items"]] == ["Ferries"]
    assert anonymous.call("GET", "/api/data-requests?category=Health").json()["items"] == []
    assert [other.call("PUT", f"{path}/vote").json()["vote_count"] for _ in range(2)] == [1, 1]
    own = asker.call("PUT", f"{path}/vote")
    assert (own.status_code, own.json()["code"]) == (409, "OwnRequest")
    assert other.call("DELETE", f"{path}/vote").status_code == 204
    answered = other.call("POST", f"{path}/answers", {"text": "Here.", "product_id": product.pk})
    assert answered.json()["product_id"] == product.pk
    assert other.call("POST", f"{path}/answers", {"text": "x", "product_id": "prod-x"}).status_code == 404
    assert other.call("POST", f"{path}/close").status_code == 404
    closed = asker.call("POST", f"{path}/close").json()
    assert (closed["vote_count"], closed["answer_count"], len(closed["answers"])) == (0, 1, 1)
    assert closed["closed_at"] is not None
    late = other.call("POST", f"{path}/answers", {"text": "Late."})
    assert (late.status_code, late.json()["code"]) == (409, "RequestIsClosed")
    assert anonymous.call("GET", path).json()["answers"][0]["organization"]["name"] == "Publisher"
    assert [r["id"] for r in anonymous.call("GET", "/api/data-requests?state=closed").json()["items"]] == [closed["id"]]


def test_a_request_is_made_once_per_idempotency_key(subscriber, program_of):
    program = program_of(subscriber)
    body = {"title": "Ferries", "description": "All."}
    first, again = (program.call("POST", "/api/data-requests", body, Idempotency_Key="one") for _ in range(2))
    assert first.json() == again.json()
    assert DataRequest.objects.count() == 1


def test_a_bucket_is_looked_through_level_by_level(publisher, stranger, program_of, bucket_name):
    connection = connect(publisher, bucket_name)
    for key in ("a.csv", "b.csv", "2026/c.csv"):
        storage.bucket_of(connection).write(key, iter([b"1\n"]), content_type="text/csv")
    program = program_of(publisher, "publish:write")
    path = f"/api/storage-connections/{connection.pk}/entries"
    first = program.call("GET", f"{path}?limit=2").json()
    rest = program.call("GET", f"{path}?limit=2&cursor={first['next_cursor']}").json()
    entries = first["items"] + rest["items"]
    assert sorted((e["is_folder"], e["key"], e["size_bytes"]) for e in entries) == [
        (False, "a.csv", 2),
        (False, "b.csv", 2),
        (True, "2026/", None),
    ]
    assert rest["next_cursor"] is None
    assert [e["key"] for e in program.call("GET", f"{path}?prefix=2026/").json()["items"]] == ["2026/c.csv"]
    assert program_of(stranger).call("GET", path).status_code == 404
    for key in ("a.csv", "b.csv", "2026/c.csv"):
        storage.bucket_of(connection).delete(key)
