"""A create that is repeated: one effect and one answer, by the header or by the token that SDKs send."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from marketplace.awsapi import registry
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, IdempotencyRecord
from marketplace.core.operations.credentials import create_api_token
from publishers.models import DataSet
from tests.conftest import actor_of, make_member

pytestmark = pytest.mark.django_db(transaction=True)
NEW = {"AssetType": "S3_SNAPSHOT", "Name": "Tides", "Description": "Heights."}


def caller(member: Any) -> dict[str, str]:
    _, token = create_api_token(
        membership=member,
        name="t",
        wanted_scopes=["publish:read", "publish:write", "subscriptions:write"],
        actor=actor_of(member),
        at=timezone.now(),
    )
    return {"Authorization": f"Bearer {token}"}


def create(headers: dict[str, str], members: dict[str, Any], key: str | None = None) -> Any:
    extra = {"Idempotency-Key": key} if key is not None else {}
    body = json.dumps(members)
    return Client().post("/v1/data-sets", data=body, content_type="application/json", headers=headers | extra)


@pytest.mark.parametrize("way", ["header", "token"])
def test_a_repeated_create_answers_the_same_and_does_nothing_again(publisher: Any, way: str) -> None:
    headers = caller(publisher)
    key, token = ("k-1", {}) if way == "header" else (None, {"ClientToken": "k-1"})
    first, again = create(headers, NEW | token, key), create(headers, dict(reversed(NEW.items())) | token, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert (first.headers["Content-Type"], again.headers["Content-Type"]) == ("application/json", "application/json")
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert DataSet.objects.count() == 1
    kept = json.dumps(IdempotencyRecord.objects.get().body)
    assert "Tides" not in kept, "answers may hold signed URLs and are stored sealed"


def test_header_and_token_are_the_same_key_and_the_header_wins(publisher: Any) -> None:
    headers = caller(publisher)
    create(headers, NEW, "k-1")
    assert "Idempotency-Replayed" in create(headers, NEW | {"ClientToken": "k-1"}).headers
    assert "Idempotency-Replayed" in create(headers, NEW | {"ClientToken": "another"}, "k-1").headers
    assert DataSet.objects.count() == 1


def test_a_key_with_other_parameters_is_refused(publisher: Any) -> None:
    headers = caller(publisher)
    create(headers, NEW, "k-1")
    other = create(headers, NEW | {"Name": "Winds"}, "k-1")
    assert (other.status_code, other.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert "belongs to another request" in other.json()["Message"]
    assert DataSet.objects.count() == 1


def test_keys_of_other_organizations_and_of_the_other_interface_are_other_keys(publisher: Any) -> None:
    headers, others = caller(publisher), caller(make_member("Other"))
    assert [create(h, NEW, "k-1").status_code for h in (headers, others)] == [201, 201]
    product = {"name": "Tides", "category": "Weather", "terms": "Use it well."}
    for key in ("k-1", IdempotencyRecord.objects.first().key.replace(" ", "")):  # type: ignore[union-attr]
        made = Client().post(
            "/api/products",
            data=json.dumps(product),
            content_type="application/json",
            headers=headers | {"Idempotency-Key": key},
        )
        assert made.status_code == 201
    assert all(
        " " in key
        for key in IdempotencyRecord.objects.exclude(status=201, body__has_key="id").values_list("key", flat=True)
    )


def test_a_refused_create_gives_its_key_back(publisher: Any) -> None:
    headers = caller(publisher)
    refused = create(headers, NEW | {"Name": "  "}, "k-1")
    assert (refused.status_code, IdempotencyRecord.objects.count()) == (400, 0)
    assert create(headers, NEW, "k-1").status_code == 201


def test_a_create_that_is_being_worked_on_is_a_conflict(publisher: Any) -> None:
    headers = caller(publisher)
    create(headers, NEW, "k-1")
    IdempotencyRecord.objects.update(status=None, body=None)  # as it is while the first one works
    busy = create(headers, NEW, "k-1")
    assert (busy.status_code, busy.headers["x-amzn-errortype"]) == (409, "ConflictException")
    assert (busy.headers["Retry-After"], DataSet.objects.count()) == ("1", 1)
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(minutes=2))  # it died: its lease ran out
    assert (create(headers, NEW, "k-1").status_code, DataSet.objects.count()) == (201, 2)


def test_two_simultaneous_calls_do_the_work_once(publisher: Any) -> None:
    headers = caller(publisher)

    def call(_: int) -> int:
        try:
            return int(create(headers, NEW, "k-1").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(call, range(4)))
    assert 201 in statuses
    assert set(statuses) <= {201, 409}
    assert DataSet.objects.count() == 1
    assert create(headers, NEW, "k-1").status_code == 201
    assert DataSet.objects.count() == 1


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"ClientToken": "x" * 65}, None),
        ({"ClientToken": 5}, None),
        ({"ClientToken": ""}, None),
        ({}, "a b"),
        ({}, "x" * 256),
    ],
)
def test_a_malformed_key_is_a_validation_error(publisher: Any, members: dict[str, Any], key: str | None) -> None:
    refused = create(caller(publisher), NEW | members, key)
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert DataSet.objects.count() == 0


def test_other_operations_take_no_key(publisher: Any) -> None:
    headers = caller(publisher)
    made = create(headers, NEW).json()["Id"]
    answer = Client().patch(
        f"/v1/data-sets/{made}/revisions/{made}",
        data=json.dumps({"ClientToken": "k-1"}),
        content_type="application/json",
        headers=headers | {"Idempotency-Key": "k-1"},
    )
    assert answer.status_code == 404
    assert IdempotencyRecord.objects.count() == 0


def test_work_that_talks_to_the_outside_is_not_in_a_transaction_with_its_answer(
    publisher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.discover()
    seen: list[bool] = []

    def act(context: Any, **members: Any) -> None:
        seen.append(connection.in_atomic_block)
        raise Invalid("The bucket cannot be written.")

    event = {"Event": {"RevisionPublished": {"DataSetId": "0f" * 16}}, "Action": {}}
    for service, name, path, body in (
        ("dataexchange", "CreateEventAction", "/v1/event-actions", event),
        ("dataexchange", "CreateDataSet", "/v1/data-sets", NEW),
    ):
        monkeypatch.setitem(registry._handlers, (service, name), act)  # type: ignore[arg-type]
        Client().post(
            path,
            data=json.dumps(body),
            content_type="application/json",
            headers=caller(publisher) | {"Idempotency-Key": "k-1"},
        )
    assert seen == [False, True]
    assert IdempotencyRecord.objects.count() == 0
    assert not AuditRecord.objects.filter(action="api.refused").exists()


def test_the_query_parameters_that_the_model_does_not_have_are_options(
    publisher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.discover()
    seen: list[Any] = []

    def look(context: Any, **members: Any) -> dict[str, Any]:
        seen.append((dict(context.options), members))
        return {"DataSets": []}

    monkeypatch.setitem(registry._handlers, ("dataexchange", "ListDataSets"), look)  # type: ignore[arg-type]
    path = "/v1/data-sets?wait=30&maxResults=5&wait=60&other=a%20b&X-Amz-Expires=5"
    assert Client().get(path, headers=caller(publisher)).status_code == 200
    assert seen == [({"wait": "30", "other": "a b"}, {"max_results": 5})]
