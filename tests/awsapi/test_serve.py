"""The door itself: boto3 and plain HTTP against the running server."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from marketplace.awsapi import registry
from marketplace.awsapi.service import load_service
from marketplace.core.actors import SYSTEM
from marketplace.core.errors import Denied
from marketplace.core.models import AccessKey, ApiToken, AuditRecord, Membership, UsedSignature
from marketplace.core.operations import credentials, organizations

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("marketplace.awsapi.urls")]
SERVICE = load_service("dataexchange")
ID = "0f" * 16


@pytest.fixture
def owner() -> Membership:
    user, _ = organizations.create_user(email="owner@example.org")
    return organizations.create_organization(name="Owner", owner=user, actor=SYSTEM, at=timezone.now())


@pytest.fixture
def access_key(owner: Membership) -> tuple[AccessKey, str]:
    return credentials.create_access_key(membership=owner, name="key", actor=SYSTEM, at=timezone.now())


def token_of(membership: Membership, *scopes: str) -> tuple[ApiToken, str]:
    return credentials.create_api_token(
        membership=membership, name="token", wanted_scopes=list(scopes), actor=SYSTEM, at=timezone.now()
    )


@pytest.fixture
def bearer(owner: Membership) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(owner, 'publish:read', 'publish:write')[1]}"}


@pytest.fixture
def client(live_server: Any, access_key: tuple[AccessKey, str]) -> Any:
    return boto3.client(
        "dataexchange",
        endpoint_url=live_server.url,
        region_name=settings.S3_REGION,
        aws_access_key_id=access_key[0].access_key_id,
        aws_secret_access_key=access_key[1],
        config=Config(retries={"mode": "standard", "max_attempts": 1}, inject_host_prefix=False),
    )


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[tuple[str, str], Any]]:
    """Registered handlers, of which a test may replace some."""
    registry.discover()
    replaced = dict(registry._handlers)
    monkeypatch.setattr(registry, "_handlers", replaced)
    yield replaced


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = caught.value.response
    assert response["ResponseMetadata"]["RequestId"]
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_a_handler_gets_the_members_and_its_answer_arrives(client: Any, handlers: Any, owner: Membership) -> None:
    calls: list[dict[str, Any]] = []

    def update(context: Any, **members: Any) -> dict[str, Any]:
        calls.append(members)
        assert (context.organization, context.operation, context.region) == (
            owner.organization,
            "UpdateRevision",
            settings.S3_REGION,
        )
        assert (context.actor.kind, context.actor.user_id) == ("access_key", owner.user_id)
        return {"Id": ID, "Arn": context.arn(f"data-sets/{ID}"), "CreatedAt": context.now, "Finalized": False}

    handlers["dataexchange", "UpdateRevision"] = update
    answer = client.update_revision(DataSetId=ID, RevisionId=ID, Finalized=False, Comment="Größe")
    assert calls == [{"data_set_id": ID, "revision_id": ID, "finalized": False, "comment": "Größe"}]
    assert answer["Arn"] == f"arn:aws:dataexchange:{settings.S3_REGION}:{owner.organization.account_id}:data-sets/{ID}"
    assert abs(answer["CreatedAt"] - timezone.now()) < timedelta(minutes=1)


def test_an_arn_travels_in_the_path(client: Any, handlers: Any) -> None:
    arn = f"arn:aws:dataexchange:us-east-1:123456789012:data-sets/{ID}/revisions/{ID}"
    handlers["dataexchange", "ListTagsForResource"] = lambda context, resource_arn: {"Tags": {"arn": resource_arn}}
    handlers["dataexchange", "UntagResource"] = lambda context, resource_arn, tag_keys: None
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"arn": arn}
    assert client.untag_resource(ResourceArn=arn, TagKeys=["a", "b c"])["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_proxied_call_keeps_verb_path_headers_and_bytes(
    client: Any, handlers: Any, live_server: Any, owner: Membership, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "api-fulfill.localhost"]
    calls: list[dict[str, Any]] = []

    def send(context: Any, **members: Any) -> dict[str, Any]:
        calls.append(members)
        body = b"\x00\xff" if members["method"] == "DELETE" else b"text"  # boto3 reads text only
        return {"Body": body, "ResponseHeaders": {"Content-Type": "application/x-bytes", "X-Rate": "9"}}

    handlers["dataexchange", "SendApiAsset"] = send
    ids = {"AssetId": ID, "DataSetId": ID, "RevisionId": ID}
    client.send_api_asset(**ids, Method="GET", Path="/orders", QueryStringParameters={"q": "a b"}, Body="text")
    assert (calls[0]["method"], calls[0]["path"], calls[0]["body"]) == ("GET", "/orders", b"text")
    assert calls[0]["query_string_parameters"] == {"q": "a b"}
    headers = {f"x-amzn-dataexchange-{name}-id": ID for name in ("asset", "data-set", "revision")}
    headers |= {"Authorization": f"Bearer {token_of(owner, 'data:read')[1]}", "Accept": "text/csv"}
    answer = requests.delete(
        f"{live_server.url}/v1/orders/7?a=1", headers=headers | {"Host": "api-fulfill.localhost"}, timeout=10
    )
    assert (answer.status_code, answer.content, answer.headers["X-Rate"]) == (200, b"\x00\xff", "9")
    assert (calls[1]["method"], calls[1]["path"], calls[1]["request_headers"]["accept"]) == (
        "DELETE",
        "/orders/7",
        "text/csv",
    )
    assert not {"authorization", "host", "cookie"} & set(calls[1]["request_headers"])


def test_refusals_are_modelled_exceptions(client: Any, handlers: Any) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_data_set(DataSetId=ID)
    assert (caught.value.response["ResourceId"], caught.value.response["ResourceType"]) == (ID, "DATA_SET")
    with pytest.raises(client.exceptions.ValidationException) as caught:
        client.list_data_sets(MaxResults=500)
    assert "at 'maxResults' failed to satisfy constraint" in caught.value.response["Error"]["Message"]


def test_a_denied_call_leaves_an_audit_row(client: Any, handlers: Any, owner: Membership) -> None:
    def refuse(context: Any, **members: Any) -> None:
        raise Denied("No.")

    handlers["dataexchange", "DeleteDataSet"] = refuse
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.delete_data_set(DataSetId=ID)
    row = AuditRecord.objects.get(action="api.refused")
    assert (row.result, row.scope, row.detail) == (
        "denied",
        owner.organization_id,
        {"operation": "dataexchange:DeleteDataSet", "code": "Denied"},
    )


def test_a_fault_of_ours_tells_nothing(client: Any, handlers: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(context: Any, **members: Any) -> None:
        raise RuntimeError("password=hunter2")

    handlers["dataexchange", "GetJob"] = fail
    with pytest.raises(ClientError) as caught:
        client.get_job(JobId=ID)
    assert code_of(caught) == (500, "InternalServerException")
    assert "hunter2" not in json.dumps(caught.value.response)
    assert any(record.getMessage() == "api call failed" for record in caplog.records)


def test_an_answer_beside_the_model_is_a_fault(client: Any, handlers: Any) -> None:
    handlers["dataexchange", "GetJob"] = lambda context, job_id: {"Colour": "red"}
    with pytest.raises(ClientError) as caught:
        client.get_job(JobId=ID)
    assert code_of(caught) == (500, "InternalServerException")


def test_a_database_that_is_away_means_try_again(client: Any, handlers: Any) -> None:
    def fail(context: Any, **members: Any) -> None:
        raise OperationalError("connection refused")

    handlers["dataexchange", "GetJob"] = fail
    with pytest.raises(ClientError) as caught:
        client.get_job(JobId=ID)
    assert code_of(caught) == (503, "ServiceUnavailableException")


def test_every_operation_is_served_or_refused_by_name(
    live_server: Any, bearer: dict[str, str], owner: Membership
) -> None:
    everything = token_of(
        owner, "publish:read", "publish:write", "subscriptions:read", "subscriptions:write", "data:read"
    )
    headers = {"Authorization": f"Bearer {everything[1]}"}
    for operation in SERVICE.operations.values():
        path = operation.request_uri
        for label in ("DataSetId", "RevisionId", "AssetId", "JobId", "EventActionId", "DataGrantId"):
            path = path.replace(f"{{{label}}}", ID)
        path = path.replace("{DataGrantArn}", "arn%3Aaws%3Ax").replace("{ResourceArn}", "arn%3Aaws%3Ax")
        answer = requests.request(operation.method, live_server.url + path, headers=headers, timeout=10)
        assert answer.headers["x-amzn-RequestId"]
        if operation.name in registry.served("dataexchange"):
            assert answer.status_code < 500, operation.name
        else:
            assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (501, "UnsupportedOperationException")
            assert operation.name in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/jobs", 405),
        ("OPTIONS", "/v1/jobs", 405),
        ("GET", "/tags", 404),
        ("GET", "/v1/a%0Ab", 404),
    ],
)
def test_unknown_routes(live_server: Any, method: str, path: str, status: int) -> None:
    answer = requests.request(method, live_server.url + path, timeout=10)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (status, "UnknownOperationException")


def test_head_is_not_a_method_of_these_apis(live_server: Any) -> None:
    answer = requests.head(f"{live_server.url}/v1/jobs", timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer entt_nonsense"}, "UnrecognizedClientException"),
        ({"Authorization": "Basic eDp5"}, "IncompleteSignatureException"),
        ({"Cookie": "sessionid=x"}, "MissingAuthenticationTokenException"),
    ],
)
def test_an_unknown_caller_is_refused(live_server: Any, headers: dict[str, str], code: str) -> None:
    answer = requests.get(f"{live_server.url}/v1/data-sets", headers=headers, timeout=10)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, code)


def test_a_wrong_secret_a_revoked_key_and_a_user_who_left_are_refused(
    client: Any, live_server: Any, access_key: tuple[AccessKey, str], owner: Membership, bearer: dict[str, str]
) -> None:
    wrong = boto3.client(
        "dataexchange",
        endpoint_url=live_server.url,
        region_name=settings.S3_REGION,
        aws_access_key_id=access_key[0].access_key_id,
        aws_secret_access_key="x" * 40,
    )
    with pytest.raises(ClientError) as caught:
        wrong.list_data_sets()
    assert code_of(caught) == (403, "InvalidSignatureException")
    assert client.list_data_sets()["DataSets"] == []
    credentials.revoke_access_key(key=access_key[0], actor=SYSTEM, at=timezone.now())
    with pytest.raises(ClientError) as caught:
        client.list_data_sets()
    assert code_of(caught) == (403, "UnrecognizedClientException")
    assert requests.get(f"{live_server.url}/v1/data-sets", headers=bearer, timeout=10).status_code == 200
    owner.delete()
    assert requests.get(f"{live_server.url}/v1/data-sets", headers=bearer, timeout=10).status_code == 403


def test_a_token_does_what_its_scopes_say(live_server: Any, owner: Membership) -> None:
    headers = {"Authorization": f"Bearer {token_of(owner, 'publish:read')[1]}"}
    assert requests.get(f"{live_server.url}/v1/data-sets", headers=headers, timeout=10).status_code == 200
    body = {"Name": "n", "Description": "d", "AssetType": "S3_SNAPSHOT"}
    refused = requests.post(f"{live_server.url}/v1/data-sets", headers=headers, json=body, timeout=10)
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert "publish:write" in refused.json()["Message"]


def test_a_role_bounds_what_an_access_key_may_do(client: Any, owner: Membership) -> None:
    Membership.objects.filter(pk=owner.pk).update(role="viewer")
    assert client.list_data_sets()["DataSets"] == []
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.create_data_set(Name="n", Description="d", AssetType="S3_SNAPSHOT")


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[1]", 400), (b"\xff\xfe", 400), (b" " * (10 * 1024 * 1024 + 1), 413)]
)
def test_a_bad_body_is_a_validation_error(live_server: Any, bearer: dict[str, str], body: bytes, status: int) -> None:
    answer = requests.post(f"{live_server.url}/v1/data-sets", headers=bearer, data=body, timeout=30)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (status, "ValidationException")


def test_a_chunked_body_is_refused_and_not_taken_for_an_empty_one(live_server: Any, bearer: dict[str, str]) -> None:
    path = f"{live_server.url}/v1/data-sets/{ID}"
    answer = requests.patch(path, headers=bearer, data=iter([b'{"Name":', b'"n"}']), timeout=30)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert "Content-Length" in answer.json()["Message"]


def signed_post(url: str, key: tuple[AccessKey, str], body: bytes) -> dict[str, str]:
    request = AWSRequest(method="POST", url=url, data=body)
    SigV4Auth(Credentials(key[0].access_key_id, key[1]), "dataexchange", settings.S3_REGION).add_auth(request)
    return dict(request.headers)


def test_a_mutation_cannot_be_replayed_and_a_read_can(
    live_server: Any, handlers: Any, access_key: tuple[AccessKey, str], client: Any
) -> None:
    done: list[str] = []
    handlers["dataexchange", "CreateDataSet"] = lambda context, **members: done.append(members["name"])
    url, body = f"{live_server.url}/v1/data-sets", b'{"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT"}'
    headers = signed_post(url, access_key, body)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: requests.post(url, headers=headers, data=body, timeout=10), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 429, 429, 429]
    assert done == ["n"]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.headers["x-amzn-errortype"], refused.headers["Retry-After"]) == ("ThrottlingException", "1")
    assert UsedSignature.objects.count() == 1
    client.list_data_sets()
    client.list_data_sets()
    assert UsedSignature.objects.count() == 1


def test_equal_calls_in_one_second_get_through_because_sdks_sign_again(
    live_server: Any, handlers: Any, access_key: tuple[AccessKey, str]
) -> None:
    done: list[str] = []
    handlers["dataexchange", "CreateRevision"] = lambda context, **members: done.append(members["data_set_id"])
    client = boto3.client(
        "dataexchange",
        endpoint_url=live_server.url,
        region_name=settings.S3_REGION,
        aws_access_key_id=access_key[0].access_key_id,
        aws_secret_access_key=access_key[1],
    )
    for _ in range(3):
        client.create_revision(DataSetId=ID)
    assert done == [ID] * 3
