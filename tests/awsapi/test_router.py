"""Every operation is found by what botocore sends, with servers that tell the raw target and with those that do not."""

import random
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from marketplace.awsapi.router import Router, UnknownRoute
from marketplace.awsapi.service import load_service
from marketplace.awsapi.target import query_pairs, raw_target, spellings
from tests.awsapi.examples import example, prepared

SERVICE = load_service("dataexchange")
ROUTER = Router([SERVICE])
ARN = "arn:aws:dataexchange:us-east-1:123456789012:data-sets/" + "0f" * 16 + "/revisions/" + "1e" * 16
GRANT = "arn:aws:dataexchange:us-east-1:123456789012:data-grants/" + "a1" * 16


def environ(raw: str, *, exact: bool) -> dict[str, str]:
    path, _, query = raw.partition("?")
    told = {"PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "QUERY_STRING": query}
    return told | {"RAW_URI": raw} if exact else told


@pytest.mark.parametrize("exact", [True, False], ids=["raw", "decoded"])
@pytest.mark.parametrize("name", SERVICE.operations)
def test_each_operation_is_found_with_its_labels(name: str, exact: bool) -> None:
    operation = SERVICE.operations[name]
    assert operation.input is not None
    given = {"ResourceArn": ARN, "EventActionId": "0f" * 16, "Body": "text"}
    members = example(operation.input, random.Random(name), whole=True)
    members |= {member: value for member, value in given.items() if member in members}
    request = prepared(name, members)
    parts = urlsplit(request.url)
    target = raw_target(environ(parts.path + (f"?{parts.query}" if parts.query else ""), exact=exact))
    match = ROUTER.match(request.method, target.paths, host="127.0.0.1:9")
    assert match.operation is operation
    assert match.path == parts.path
    assert match.labels == {n: members[n] for n, m in operation.input.members.items() if m.location == "uri"}


@pytest.mark.parametrize(
    ("method", "path", "operation", "labels"),
    [
        ("POST", f"/v1/data-grants/{GRANT}/accept", "AcceptDataGrant", {"DataGrantArn": GRANT}),
        ("GET", f"/v1/data-grants/{GRANT}", "GetDataGrant", {"DataGrantId": GRANT}),
        ("GET", f"/v1/received-data-grants/{GRANT}", "GetReceivedDataGrant", {"DataGrantArn": GRANT}),
        ("DELETE", f"/tags/{ARN}/assets/{'2d' * 16}", "UntagResource", {"ResourceArn": f"{ARN}/assets/{'2d' * 16}"}),
        ("POST", "/v1", "SendApiAsset", {}),
    ],
)
def test_an_arn_keeps_its_slashes_when_the_server_decoded_them(
    method: str, path: str, operation: str, labels: dict[str, str]
) -> None:
    match = ROUTER.match(method, raw_target({"PATH_INFO": path, "QUERY_STRING": ""}).paths)
    assert (match.operation.name, match.labels) == (operation, labels)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v2/data-sets",
        "/v1/data-sets/",
        "/v1//data-sets",
        "/v1/data-sets//revisions",
        "/v1/x",
        "/tags",
        "/tags/%FF",
    ],
)
def test_other_paths_are_unknown(path: str) -> None:
    with pytest.raises(UnknownRoute) as caught:
        ROUTER.match("GET", [path])
    assert caught.value.allowed == ()


def test_another_method_names_those_that_are_allowed() -> None:
    with pytest.raises(UnknownRoute) as caught:
        ROUTER.match("PUT", ["/v1/jobs/abc"])
    assert caught.value.allowed == ("DELETE", "GET", "PATCH")


def test_the_api_host_takes_every_verb_below_v1_and_nothing_else() -> None:
    match = ROUTER.match("DELETE", ["/v1/orders/7%2F8"], host="API-fulfill.exchange.example:8000")
    assert (match.operation.name, match.rest) == ("SendApiAsset", "/orders/7%2F8")
    assert ROUTER.match("POST", ["/v1"], host="api-fulfill.exchange.example").rest == ""
    with pytest.raises(UnknownRoute):
        ROUTER.match("GET", ["/tags/x"], host="api-fulfill.exchange.example")
    with pytest.raises(UnknownRoute):
        ROUTER.match("GET", ["/v1x"], host="api-fulfill.exchange.example")


def test_an_encoded_slash_does_not_split_a_segment() -> None:
    assert ROUTER.match("GET", ["/v1/data-sets/a%2Frevisions"]).labels == {"DataSetId": "a/revisions"}


def test_a_raw_target_that_is_another_path_is_ignored() -> None:
    told = {"PATH_INFO": "/v1/jobs", "QUERY_STRING": "", "RAW_URI": "/v1/data-sets"}
    assert raw_target(told).paths == ("/v1/jobs",)
    assert raw_target(told | {"RAW_URI": "/v1/jobs?x=1"}).paths == ("/v1/jobs",)
    assert raw_target(told | {"RAW_URI": "http://host/v1/j%6fbs"}).paths == ("/v1/j%6fbs",)


def test_all_spellings_decode_to_the_path() -> None:
    for path in (f"/tags/{ARN}", "/a b/é/%/+~*", "//x//", "/"):
        raw = path.encode()
        assert {unquote_to_bytes(spelling) for spelling in spellings(raw)} == {raw}
    assert len(spellings(b"/tags/arn:" + b"/x" * 500)) < 12


def test_query_pairs_keep_order_repetitions_and_plus_signs() -> None:
    assert query_pairs("tagKeys=a&tagKeys=b%20c&&x&t=1+2%2B") == [
        ("tagKeys", "a"),
        ("tagKeys", "b c"),
        ("x", ""),
        ("t", "1+2+"),
    ]
