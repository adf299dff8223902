"""Signatures at the door: what the pure functions promise holds for whole requests, for all services and both hosts."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import quote

import boto3
import botocore.auth
import pytest
import requests
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from django.conf import settings as django_settings
from django.utils import timezone

from marketplace.awsapi import registry
from marketplace.core.models import UsedSignature
from marketplace.core.operations.credentials import create_access_key
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db(transaction=True)
ID = "0f" * 16
NEW = json.dumps({"AssetType": "S3_SNAPSHOT", "Name": "Tides", "Description": "Heights."}).encode()
LIST = json.dumps({"Catalog": "AWSMarketplace", "EntityType": "DataProduct"}).encode()
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def key(publisher: Any) -> tuple[str, str]:
    row, secret = create_access_key(membership=publisher, name="k", actor=actor_of(publisher), at=timezone.now())
    return row.access_key_id, secret


@pytest.fixture
def call(live_server: Any, key: tuple[str, str]) -> Callable[..., requests.Response]:
    """Sign a request as botocore does, let it be changed, and send it."""

    def send(
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        service: str = "dataexchange",
        region: str = django_settings.S3_REGION,
        token: str | None = None,
        at: datetime | None = None,
        presigned_s: int | None = None,
        sent: bytes | None = None,
        added: dict[str, str] | None = None,
        times: int = 1,
    ) -> requests.Response:
        request = AWSRequest(method=method, url=live_server.url + path, headers=headers or {}, data=body)
        credentials = Credentials(*key, token)
        signer = (
            botocore.auth.SigV4Auth(credentials, service, region)
            if presigned_s is None
            else botocore.auth.SigV4QueryAuth(credentials, service, region, expires=presigned_s)
        )
        with mock.patch("botocore.auth.get_current_datetime", return_value=(at or timezone.now()).replace(tzinfo=None)):
            signer.add_auth(request)
        prepared = request.prepare()
        for _ in range(times):
            answer = requests.request(
                method,
                prepared.url,
                headers=dict(prepared.headers) | (added or {}),
                data=body if sent is None else sent,
                timeout=30,
            )
        return answer

    return send


def seen(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers.get("x-amzn-errortype", "")


def test_right_signatures_of_both_forms_are_accepted(call: Any) -> None:
    assert call("GET", "/v1/data-sets").status_code == 200
    assert call("GET", "/v1/data-sets?maxResults=5", presigned_s=60).status_code == 200
    assert call("POST", "/v1/data-sets", NEW, headers=JSON).status_code == 201
    assert call("POST", "/ListEntities", LIST, headers=JSON, service="aws-marketplace").status_code == 200


def test_an_arn_in_the_path_is_signed_as_it_travels(call: Any) -> None:
    arn = quote(f"arn:aws:dataexchange:us-east-1:123456789012:data-sets/{ID}", safe="")
    answer = call("GET", f"/tags/{arn}")
    assert seen(answer)[1] not in {"InvalidSignatureException", "UnknownOperationException"}
    assert seen(call("GET", f"/tags/{arn}", presigned_s=60))[1] != "InvalidSignatureException"


@pytest.mark.parametrize("presigned_s", [None, 60])
def test_changed_bytes_are_refused(call: Any, presigned_s: int | None) -> None:
    if presigned_s is None:
        answer = call("POST", "/v1/data-sets", NEW, headers=JSON, sent=NEW.replace(b"Tides", b"Winds"))
    else:
        answer = call("POST", "/v1/data-sets", headers=JSON, presigned_s=presigned_s, sent=NEW)
    assert seen(answer) == (403, "InvalidSignatureException")


def test_a_payload_is_never_unsigned(call: Any) -> None:
    headers = JSON | {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert seen(call("POST", "/v1/data-sets", NEW, headers=headers)) == (403, "InvalidSignatureException")
    digest = hashlib.sha256(NEW).hexdigest()
    assert call("POST", "/v1/data-sets", NEW, headers=JSON | {"X-Amz-Content-SHA256": digest}).status_code == 201


def test_headers_of_ours_must_be_signed(call: Any) -> None:
    added = {"x-amzn-dataexchange-asset-id": ID}
    assert seen(call("GET", "/v1/data-sets", added=added)) == (403, "InvalidSignatureException")


def test_the_clock_may_be_a_quarter_of_an_hour_off(call: Any) -> None:
    for minutes, status in ((14, 200), (-14, 200), (16, 403), (-16, 403)):
        assert call("GET", "/v1/data-sets", at=timezone.now() + timedelta(minutes=minutes)).status_code == status
    late = call("GET", "/v1/data-sets", at=timezone.now() - timedelta(seconds=90), presigned_s=60)
    assert seen(late) == (400, "RequestExpired")


@pytest.mark.parametrize("presigned_s", [None, 60])
def test_a_session_token_is_unrecognized(call: Any, presigned_s: int | None) -> None:
    answer = call("GET", "/v1/data-sets", token="FwoGZXIvYXdz", presigned_s=presigned_s)
    assert seen(answer) == (403, "UnrecognizedClientException")


@pytest.mark.parametrize(
    ("method", "path", "body", "scope"),
    [
        ("GET", "/v1/data-sets", b"", {"region": "eu-north-9"}),
        ("GET", "/v1/data-sets", b"", {"service": "aws-marketplace"}),
        ("GET", "/v1/data-sets", b"", {"service": "s3"}),
        ("POST", "/ListEntities", LIST, {"service": "dataexchange"}),
        ("POST", "/ListEntities", LIST, {"service": "marketplace-catalog"}),
    ],
)
def test_the_scope_must_name_this_region_and_the_services_signing_name(
    call: Any, method: str, path: str, body: bytes, scope: dict[str, str]
) -> None:
    assert seen(call(method, path, body, headers=JSON, **scope)) == (403, "InvalidSignatureException")


def test_a_mutation_is_not_replayed_in_either_form(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(call("POST", "/v1/data-sets", NEW, headers=JSON, times=2)) == (429, "ThrottlingException")
    registry.discover()
    cancelled: list[str] = []
    handler = lambda context, job_id: cancelled.append(job_id)  # noqa: E731
    monkeypatch.setitem(registry._handlers, ("dataexchange", "CancelJob"), handler)  # type: ignore[arg-type]
    assert seen(call("DELETE", f"/v1/jobs/{ID}", presigned_s=60, times=2)) == (429, "ThrottlingException")
    assert cancelled == [ID]


def test_a_post_that_only_reads_may_be_repeated(call: Any) -> None:
    answer = call("POST", "/ListEntities", LIST, headers=JSON, service="aws-marketplace", times=3)
    assert answer.status_code == 200
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AWSMPCommerceService_v20200301.SearchAgreements",
    }
    assert call("POST", "/", b"{}", headers=headers, service="aws-marketplace", times=3).status_code == 200
    assert UsedSignature.objects.count() == 0


def test_the_target_is_part_of_what_is_signed(call: Any) -> None:
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AWSMPCommerceService_v20200301.SearchAgreements",
    }
    other = {"X-Amz-Target": "AWSMPCommerceService_v20200301.DescribeAgreement"}
    answer = call("POST", "/", b"{}", headers=headers, service="aws-marketplace", added=other)
    assert seen(answer) == (403, "InvalidSignatureException")
    assert answer.json()["__type"] == "InvalidSignatureException"


@pytest.mark.parametrize("host", ["", "api-fulfill.localhost"])
def test_a_proxied_call_is_signed_for_the_host_that_it_is_sent_to(
    call: Any, host: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "api-fulfill.localhost"]
    registry.discover()
    calls: list[dict[str, Any]] = []

    def send(context: Any, **members: Any) -> dict[str, Any]:
        calls.append(members)
        return {"Body": b"done"}

    monkeypatch.setitem(registry._handlers, ("dataexchange", "SendApiAsset"), send)  # type: ignore[arg-type]
    headers = {f"x-amzn-dataexchange-{name}-id": ID for name in ("asset", "data-set", "revision")}
    headers |= {"x-amzn-dataexchange-http-method": "GET", "x-amzn-dataexchange-path": "/orders"}
    answer = call("POST", "/v1", b'{"a":1}', headers=headers | ({"Host": host} if host else {}))
    assert (answer.status_code, answer.content) == (200, b"done")
    assert (calls[0]["method"], calls[0]["path"], calls[0]["body"]) == ("GET", "/orders", b'{"a":1}')
    if host:  # signed for one host, sent to the other
        moved = call("POST", "/v1", b'{"a":1}', headers=headers, added={"Host": host})
        assert seen(moved) == (403, "InvalidSignatureException")
    assert len(calls) == 1
    # what only reads at the publisher's may be repeated within a second
    assert (
        call("POST", "/v1", b'{"a":1}', headers=headers | ({"Host": host} if host else {}), times=3).status_code == 200
    )
    changing = headers | {"x-amzn-dataexchange-http-method": "PUT"} | ({"Host": host} if host else {})
    assert seen(call("POST", "/v1", b'{"a":1}', headers=changing, times=2))[0] == 429
    assert [c["method"] for c in calls] == ["GET"] * 4 + ["PUT"]
    calls.clear()
    if host:  # the raw form, of which a GET only reads
        raw = {name: value for name, value in headers.items() if name.endswith("-id")}
        assert call("GET", "/v1/orders", headers=raw | {"Host": host}, times=2).status_code == 200
        assert seen(call("PUT", "/v1/orders", headers=raw | {"Host": host}, times=2))[0] == 429
        assert [c["method"] for c in calls] == ["GET", "GET", "PUT"]


def test_boto3_is_told_the_same_words(live_server: Any, key: tuple[str, str]) -> None:
    def client(**changes: Any) -> Any:
        wanted: dict[str, Any] = {
            "region_name": django_settings.S3_REGION,
            "aws_access_key_id": key[0],
            "aws_secret_access_key": key[1],
        } | changes
        config = Config(retries={"mode": "standard", "max_attempts": 1})
        return boto3.session.Session().client("dataexchange", endpoint_url=live_server.url, config=config, **wanted)

    assert client().list_data_sets()["DataSets"] == []
    for changes, code in (
        ({"aws_session_token": "FwoGZXIvYXdz"}, "UnrecognizedClientException"),
        ({"aws_access_key_id": "ENTKZZZZZZZZZZZZZZZZ"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "x" * 40}, "InvalidSignatureException"),
        ({"region_name": "eu-north-9"}, "InvalidSignatureException"),
    ):
        with pytest.raises(ClientError) as caught:
            client(**changes).list_data_sets()
        assert caught.value.response["Error"]["Code"] == code
