"""JSON 1.0: the operation stands in X-Amz-Target of a POST to `/`, which GET keeps as the front page."""

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.awsapi import registry
from marketplace.awsapi.router import Router, UnknownRoute
from marketplace.awsapi.service import load_service
from marketplace.core.errors import NotFound
from marketplace.core.operations.credentials import create_api_token
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db
AGREEMENT = load_service("marketplace-agreement")
PREFIX = "AWSMPCommerceService_v20200301"
NOW = timezone.now()


@pytest.fixture
def headers(subscriber: Any) -> dict[str, str]:
    wanted = ["subscriptions:read", "subscriptions:write", "publish:read", "publish:write", "data:read"]
    _, token = create_api_token(
        membership=subscriber, name="t", wanted_scopes=wanted, actor=actor_of(subscriber), at=timezone.now()
    )
    return {"Authorization": f"Bearer {token}"}


def call(operation: str, members: Any, headers: dict[str, str], *, prefix: str = PREFIX) -> Any:
    body = members if isinstance(members, bytes | str) else json.dumps(members)
    return Client().post(
        "/",
        data=body,
        content_type="application/x-amz-json-1.0",
        headers=headers | {"X-Amz-Target": f"{prefix}.{operation}"},
    )


def parsed(answer: Any) -> Any:
    assert answer.headers["Content-Type"] in {"application/x-amz-json-1.0", "application/json"}
    return json.loads(answer.content)


def test_the_target_names_the_operation() -> None:
    router = Router([AGREEMENT, load_service("dataexchange")])
    for operation in AGREEMENT.operations.values():
        assert router.match("POST", ["/"], target=operation.target).operation is operation
    for method, path, target in (
        ("POST", "/", "AWSMPCommerceService_v20200301.Nothing"),
        ("POST", "/", None),
        ("GET", "/", "AWSMPCommerceService_v20200301.DescribeAgreement"),
        ("POST", "/v2", "AWSMPCommerceService_v20200301.DescribeAgreement"),
    ):
        with pytest.raises(UnknownRoute):
            router.match(method, [path], target=target)


def test_members_come_from_the_body_and_timestamps_are_numbers(
    headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.discover()
    seen: list[Any] = []

    def describe(context: Any, **members: Any) -> dict[str, Any]:
        seen.append((context.service, context.operation, members))
        return {"agreementId": members["agreement_id"], "startTime": NOW, "status": "ACTIVE"}

    key = ("marketplace-agreement", "DescribeAgreement")
    monkeypatch.setitem(registry._handlers, key, describe)  # type: ignore[arg-type]
    answer = call("DescribeAgreement", {"agreementId": "agmt-1", "unknown": 1}, headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-amz-json-1.0")
    assert parsed(answer) == {"agreementId": "agmt-1", "startTime": round(NOW.timestamp(), 3), "status": "ACTIVE"}
    assert seen == [("marketplace-agreement", "DescribeAgreement", {"agreement_id": "agmt-1"})]


def test_errors_tell_their_type_in_the_body_too(headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    registry.discover()

    def describe(context: Any, **members: Any) -> None:
        raise NotFound("AGREEMENT", members["agreement_id"])

    key = ("marketplace-agreement", "DescribeAgreement")
    monkeypatch.setitem(registry._handlers, key, describe)  # type: ignore[arg-type]
    answer = call("DescribeAgreement", {"agreementId": "agmt-1"}, headers)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert parsed(answer)["__type"] == "ResourceNotFoundException"
    assert parsed(answer)["resourceId"] == "agmt-1"


@pytest.mark.parametrize("body", ["{", "[1]", b"\xff\xfe", "", '{"agreementId": 5}', '{"agreementId": "no spaces"}'])
def test_a_bad_body_is_a_validation_error(headers: dict[str, str], body: Any) -> None:
    answer = call("DescribeAgreement", body, headers)
    assert (answer.status_code, parsed(answer)["__type"]) == (400, "ValidationException")


def test_unknown_targets_callers_and_operations_that_are_not_served(headers: dict[str, str]) -> None:
    unknown = call("Nothing", {}, headers)
    assert (unknown.status_code, parsed(unknown)["__type"]) == (400, "UnknownOperationException")
    unsigned = call("DescribeAgreement", {"agreementId": "a"}, {})
    assert (unsigned.status_code, parsed(unsigned)["__type"]) == (403, "MissingAuthenticationTokenException")
    for operation in set(AGREEMENT.operations) - registry.served("marketplace-agreement"):
        answer = call(operation, {}, headers)
        assert (answer.status_code, parsed(answer)["__type"]) == (501, "UnsupportedOperationException"), operation


def test_operations_of_the_catalog_that_are_not_served_say_so(headers: dict[str, str]) -> None:
    catalog = load_service("marketplace-catalog")
    served = registry.served("marketplace-catalog")
    assert {"ListEntities", "DescribeEntity", "StartChangeSet", "CancelChangeSet"} <= served
    for operation in (o for o in catalog.operations.values() if o.name not in served):
        answer = getattr(Client(), operation.method.lower())(operation.request_uri, headers=headers)
        assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (501, "UnsupportedOperationException")


def test_the_front_page_stays_where_it_is() -> None:
    assert Client().get("/").headers["Content-Type"].startswith("text/html")
    assert Client().get("/", headers={"X-Amz-Target": f"{PREFIX}.DescribeAgreement"}).status_code == 200
    assert Client().post("/").status_code == 405


def test_paths_of_the_catalog_are_routed_with_their_methods(headers: dict[str, str]) -> None:
    for operation in load_service("marketplace-catalog").operations.values():
        other = "get" if operation.method != "GET" else "post"
        answer = getattr(Client(), other)(operation.request_uri, headers=headers)
        assert (answer.status_code, answer.headers["Allow"]) == (405, operation.method), operation.name
    for path in ("/StartChangeSets", "/startchangeset", "/StartChangeSet/"):
        assert Client().post(path).status_code == 404
