"""Calls to a publisher's API: what arrives there, what comes back, and who and what is kept out."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from django.utils import timezone

from dataapi import api, proxy
from marketplace.core import work
from marketplace.core.actors import SYSTEM
from marketplace.core.operations.credentials import create_access_key
from publishers.operations import products, revisions
from publishers.queries.products import current_offer_version
from subscriptions.operations import accept_offer, delete_data_grant, end_agreement
from tests.callers import Caller, token_of
from tests.conftest import actor_of, make_listable
from tests.grants import accept, give_data_grant
from tests.jobs.apis import document, import_api, make_api_draft

pytestmark = pytest.mark.django_db
MISSING = "0f" * 16
KEY = "the-publishers-own-key"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class PublishersApi:
    """A real web server; `answer` says what the next requests are answered."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = reply(b'{"ok":true}', Content_Type="application/json")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append(Seen(self.command, self.path, headers, body))
                outer.answer(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _take  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a caller that went away is part of the tests
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def last(self) -> Seen:
        """Return the newest request."""
        return self.seen[-1]

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def reply(body: bytes, *, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with a body; names of headers with underscores."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    return answer


@pytest.fixture
def upstream(settings):
    """The publisher's API, which the operator allows."""
    server = PublishersApi()
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, server.address]
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def many_calls(monkeypatch):
    """Let tests call as often as they like; one test looks at the limit."""
    monkeypatch.setattr(api, "CALLS", 10_000)


def import_at(publisher, url: str, **changes: Any) -> Any:
    """Import the API at a URL into a new data set and finalize it; return the asset."""
    job = import_api(make_api_draft(publisher), publisher, document(url), **changes)
    assert job.state == "COMPLETED", job.errors
    revisions.finalize_revision(revision=job.revision, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    return job.revision.assets.select_related("revision__data_set").get()


def ids_of(asset, data_set_id: str = "") -> dict[str, str]:
    return {
        "AssetId": asset.pk,
        "RevisionId": asset.revision_id,
        "DataSetId": data_set_id or asset.revision.data_set_id,
    }


@pytest.fixture
def asset(publisher, upstream):
    """The API as an asset of a finalized revision."""
    return import_at(publisher, f"http://{upstream.address}/base", api_key=KEY)


@pytest.fixture
def grant(publisher, subscriber, asset):
    """The subscriber's accepted data grant of it."""
    made = give_data_grant(publisher, subscriber, asset.revision.data_set)
    accept(made, subscriber)
    return made


@pytest.fixture
def ids(asset, grant) -> dict[str, str]:
    """The asset as the subscriber names it."""
    return ids_of(asset, grant.published_data_set_id)


@pytest.fixture
def program(subscriber, grant) -> Caller:
    """The subscriber's program."""
    return Caller(subscriber, "data:read")


# --- what arrives -------------------------------------------------------------------------------------------------------
def test_verb_path_query_body_and_key_arrive(program, ids, upstream):
    answer = program.call(
        "SendApiAsset",
        Method="POST",
        Path="/orders/7",
        QueryStringParameters={"q": "a b&c=d", "é": "ü", "empty": ""},
        RequestHeaders={"content-type": "text/plain", "accept-language": "de"},
        Body="größe",
        **ids,
    )
    assert (answer.status, answer.body) == (200, {"ok": True})
    seen = upstream.last
    assert (seen.method, seen.body) == ("POST", "größe".encode())
    path, _, query = seen.target.partition("?")
    assert path == "/base/orders/7"
    assert sorted(query.split("&")) == ["%C3%A9=%C3%BC", "empty=", "q=a+b%26c%3Dd"]
    assert (seen.headers["content-type"], seen.headers["accept-language"]) == ("text/plain", "de")
    assert seen.headers["x-api-key"] == KEY
    assert seen.headers["host"] == upstream.address


def test_without_verb_and_path_it_is_the_calls_own_verb_at_the_root(program, ids, upstream):
    assert program.call("SendApiAsset", **ids).status == 200
    assert (upstream.last.method, upstream.last.target, upstream.last.body) == ("POST", "/base/", b"")


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "patch"])
def test_every_verb_arrives(program, ids, upstream, method):
    answer = program.call("SendApiAsset", Method=method, Path="/x", **ids)
    assert (answer.status, upstream.last.method) == (200, method.upper())
    assert answer.content == (b"" if method == "HEAD" else b'{"ok":true}')


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "BREW", "GET /x HTTP/1.1", ""])
def test_other_verbs_are_refused(program, ids, upstream, method):
    assert program.refused("SendApiAsset", Method=method, Path="/x", **ids) == (400, "Validation")
    assert upstream.seen == []


def test_who_calls_is_told_by_us_and_by_nobody_else(program, ids, asset, subscriber, publisher, upstream):
    false = {
        "x-amz-source-account": "999999999999",
        "x-amzn-dataexchange-requester-account-id": "999999999999",
        "x-amzn-dataexchange-product-id": "prod-false",
        "x-amz-dataexchange-subscription-metadata": "{}",
        "x-api-key": "false",
        "authorization": "Bearer false",
        "authentication": "false",
        "cookie": "session=false",
        "host": "false.example.org",
        "connection": "upgrade",
        "upgrade": "websocket",
        "transfer-encoding": "chunked",
        "content-length": "3",
        "expect": "100-continue",
        "te": "trailers",
        "via": "false",
        "forwarded": "for=1.2.3.4",
        "x-forwarded-for": "1.2.3.4",
        "x-forwarded-host": "false.example.org",
        "x-real-ip": "1.2.3.4",
        "proxy-authorization": "false",
        "proxy-connection": "keep-alive",
    }
    answer = program.call("SendApiAsset", RequestHeaders=false | {"x-mine": "true"}, Path="/x", Method="GET", **ids)
    assert answer.status == 200
    headers = upstream.last.headers
    owner = publisher.organization.account_id
    assert {name: value for name, value in headers.items() if name.startswith("x-")} == {
        "x-mine": "true",
        "x-api-key": KEY,
        "x-amz-source-account": owner,
        "x-amz-source-arn": headers["x-amz-source-arn"],
        "x-amzn-dataexchange-asset-id": asset.pk,
        "x-amzn-dataexchange-data-set-id": asset.revision.data_set_id,
        "x-amzn-dataexchange-revision-id": asset.revision_id,
        "x-amzn-dataexchange-requester-account-id": subscriber.organization.account_id,
    }
    assert headers["x-amz-source-arn"].endswith(f":{owner}:data-sets/{asset.revision.data_set_id}")
    assert headers["host"] == upstream.address
    kept_out = {"authorization", "authentication", "cookie", "upgrade", "transfer-encoding", "expect", "te", "via"}
    assert not (kept_out | {"forwarded", "proxy-authorization", "proxy-connection"}) & set(headers)
    assert "false" not in str(headers)
    assert program.headers["Authorization"] not in str(headers)


def test_a_product_is_named_where_there_is_one(publisher, subscriber, asset, upstream):
    at, actor = timezone.now(), actor_of(publisher)
    product = products.create_product(
        owner=publisher.organization,
        name="Status",
        category="Mobility",
        short_description="x",
        description="x",
        support_contact="x",
        terms="x",
        actor=actor,
        at=at,
    )
    products.add_data_set(product=product, data_set=asset.revision.data_set, actor=actor, at=at)
    make_listable(product, publisher)
    product = products.publish_product(product=product, actor=actor, at=timezone.now())
    work.run_due()
    agreement = accept_offer(
        organization=subscriber.organization,
        product=product,
        offer_version_id=current_offer_version(product=product).pk,
        terms_accepted=True,
        user=subscriber.user,
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    program = Caller(subscriber)
    wanted = ids_of(asset, agreement.entitlements.get().published_data_set_id)
    assert program.call("SendApiAsset", Method="GET", Path="/x", **wanted).status == 200
    assert upstream.last.headers["x-amzn-dataexchange-product-id"] == product.pk
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    assert program.refused("SendApiAsset", Method="GET", Path="/x", **wanted) == (403, "AccessDenied")
    assert len(upstream.seen) == 1


@pytest.mark.parametrize("value", ["a\r\nx-smuggled: 1", "a\nb", "a\x00b", "a\x7fb", "x" * 8193, "€"])
def test_a_header_that_is_no_header_is_refused(program, ids, upstream, value):
    answer = program.client.post(
        "/v1",
        headers=program.headers
        | {
            "x-amzn-dataexchange-asset-id": ids["AssetId"],
            "x-amzn-dataexchange-data-set-id": ids["DataSetId"],
            "x-amzn-dataexchange-revision-id": ids["RevisionId"],
            "x-amzn-dataexchange-header-x-mine": value,
        },
    )
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert upstream.seen == []


def test_space_around_a_header_is_no_part_of_it(program, ids, upstream):
    assert program.call("SendApiAsset", RequestHeaders={"x-mine": "  a b\t"}, **ids).status == 200
    assert upstream.last.headers["x-mine"] == "a b"


@pytest.mark.parametrize(
    "path",
    [
        "/../admin",
        "/a/../../admin",
        "/a/..",
        "/./a",
        "/%2e%2e/admin",
        "/%2E%2e%2Fadmin",
        "/a/..%2f..%2fadmin",
        "/.%2e/admin",
        "/..\\admin",
        "/..%5cadmin",
        "/%2e",
        "admin",
        "http://127.0.0.1/",
        "@127.0.0.1/",
        ":80/",
        ".evil.example/",
        "/a?b=1",
        "/a#b",
        "/a b",
        "/a%0d%0aX: 1",
        "/a%00",
        "/a%7f",
        "/" + "a" * 4096,
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(program, ids, upstream, path):
    assert program.refused("SendApiAsset", Method="GET", Path=path, **ids) == (400, "Validation")
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/base/"),
        ("/a/b.c/..d/e..", "/base/a/b.c/..d/e.."),
        ("//other.example.org/x", "/base//other.example.org/x"),
        ("/@other.example.org", "/base/@other.example.org"),
        ("/%252e%252e/x", "/base/%252e%252e/x"),
        ("/a%20b%C3%A9", "/base/a%20b%C3%A9"),
        ("/a%2Fb", "/base/a%2Fb"),
        ("/a;v=1,2", "/base/a;v=1,2"),
    ],
)
def test_a_path_below_the_address_arrives_as_it_is(program, ids, upstream, path, target):
    assert program.call("SendApiAsset", Method="GET", Path=path, **ids).status == 200
    assert upstream.last.target == target


# --- what comes back ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [200, 201, 302, 307, 400, 401, 403, 404, 429, 500, 503])
def test_status_headers_and_body_are_those_of_the_api(program, ids, upstream, status):
    upstream.answer = reply(b"as it is", status=status, Content_Type="text/x", X_Rate="9", Location="/elsewhere")
    answer = program.call("SendApiAsset", Method="GET", Path="/x", **ids)
    assert (answer.status, answer.content, answer.error) == (status, b"as it is", "")
    assert (answer.headers["Content-Type"], answer.headers["X-Rate"], answer.headers["Location"]) == (
        "text/x",
        "9",
        "/elsewhere",
    )
    assert answer.headers["x-amzn-RequestId"]
    assert len(upstream.seen) == 1


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_have_none(program, ids, upstream, status):
    upstream.answer = reply(b"", status=status)
    answer = program.call("SendApiAsset", Method="GET", Path="/x", **ids)
    assert (answer.status, answer.content) == (status, b"")


def test_binary_and_compressed_answers_are_passed_on_unchanged(program, ids, upstream):
    body = bytes(range(256)) * 9
    upstream.answer = reply(body, Content_Type="application/x-thing")
    assert program.call("SendApiAsset", Path="/x", **ids).content == body
    packed = gzip.compress(body)
    upstream.answer = reply(packed, Content_Encoding="gzip")
    answer = program.call("SendApiAsset", Path="/x", **ids)
    assert (answer.content, answer.headers["Content-Encoding"]) == (packed, "gzip")
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_what_is_between_hosts_or_about_ours_is_not_passed_on(program, ids, upstream):
    upstream.answer = reply(
        b"x",
        Set_Cookie="sessionid=stolen; Path=/",
        X_Amzn_ErrorType="InternalServerException",
        x_amzn_RequestId="false",
        Access_Control_Allow_Origin="*",
        Proxy_Authenticate="Basic",
        Keep_Alive="timeout=5",
        X_Kept="yes",
    )
    answer = program.call("SendApiAsset", Path="/x", **ids)
    assert (answer.status, answer.error, answer.headers["X-Kept"]) == (200, "", "yes")
    assert answer.headers["x-amzn-RequestId"] != "false"
    for name in ("Set-Cookie", "Access-Control-Allow-Origin", "Proxy-Authenticate", "Keep-Alive"):
        assert name not in answer.headers


@pytest.mark.parametrize("framing", ["length", "close"])
def test_10_mb_are_passed_on_and_11_are_not(program, ids, upstream, framing):
    def send(size: int):
        body = b"x" * size
        if framing == "length":
            return reply(body)

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Connection", "close")
            request.end_headers()
            request.close_connection = True
            request.wfile.write(body)

        return answer

    upstream.answer = send(proxy.LARGEST_BODY)
    assert len(program.call("SendApiAsset", Path="/x", **ids).content) == proxy.LARGEST_BODY
    for size in (proxy.LARGEST_BODY + 1, 11 * 1024 * 1024):
        upstream.answer = send(size)
        refused = program.call("SendApiAsset", Path="/x", **ids)
        assert (refused.status, refused.error) == (502, "BadGateway")
        assert "more than 10 MB" in refused.message


def trickle(head: bytes, piece: bytes, pause_s: float = 0.1):
    """Send a beginning, then something small for ever."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.wfile.write(head)
        for _ in range(300):
            request.wfile.write(piece)
            request.wfile.flush()
            time.sleep(pause_s)

    return answer


def silence(request: BaseHTTPRequestHandler) -> None:
    """Answer nothing for longer than the test waits."""
    time.sleep(5)


@pytest.mark.parametrize(
    "how",
    [
        silence,
        trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x"),
        trickle(b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        trickle(b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["silence", "body", "body without length", "headers", "chunks"],
)
def test_an_api_that_takes_too_long_is_given_up(program, ids, upstream, monkeypatch, how):
    monkeypatch.setattr(proxy, "ANSWER_S", 1.0)
    upstream.answer = how
    refused = program.call("SendApiAsset", Path="/x", **ids)
    assert (refused.status, refused.error) == (504, "GatewayTimeout"), refused.body
    assert KEY not in refused.message


def raw(content: bytes):
    """Send bytes and hang up."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.wfile.write(content)

    return answer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_is_502_and_never_half_an_answer(program, ids, upstream, content):
    upstream.answer = raw(content)
    refused = program.call("SendApiAsset", Path="/x", **ids)
    assert (refused.status, refused.error) == (502, "BadGateway"), refused.content
    assert upstream.address not in refused.message


def test_an_api_that_is_away_is_502(program, ids, upstream):
    upstream.stop()
    refused = program.call("SendApiAsset", Path="/x", **ids)
    assert (refused.status, refused.error) == (502, "BadGateway")


# --- who may call, and how often ----------------------------------------------------------------------------------------
def test_the_owner_calls_its_own_and_no_requester_but_itself_is_named(publisher, asset, upstream):
    owner = Caller(publisher)
    assert owner.call("SendApiAsset", Path="/x", **ids_of(asset)).status == 200
    headers = upstream.last.headers
    assert headers["x-amzn-dataexchange-requester-account-id"] == publisher.organization.account_id
    assert "x-amzn-dataexchange-product-id" not in headers


def test_who_is_not_entitled_calls_nothing(stranger, subscriber, publisher, asset, grant, ids, upstream):
    pending = give_data_grant(publisher, stranger, asset.revision.data_set)
    for member, wanted in (
        (stranger, ids),
        (stranger, ids_of(asset)),
        (stranger, ids_of(asset, pending.published_data_set_id)),
        (stranger, ids | {"DataSetId": MISSING}),
        (subscriber, ids_of(asset)),
        (publisher, ids),
    ):
        assert Caller(member).refused("SendApiAsset", Path="/x", **wanted) == (403, "AccessDenied")
    assert upstream.seen == []


def test_a_token_needs_the_scope(subscriber, grant, ids, upstream):
    other = Caller(subscriber, "subscriptions:read", "subscriptions:write", "publish:read", "publish:write")
    assert other.refused("SendApiAsset", Path="/x", **ids) == (403, "AccessDenied")
    assert upstream.seen == []


def test_what_is_not_there_is_not_found(program, ids, asset, publisher, upstream):
    draft = revisions.create_revision(
        data_set=asset.revision.data_set, comment="", actor=actor_of(publisher), at=timezone.now()
    )
    for wrong in ({"RevisionId": MISSING}, {"AssetId": MISSING}, {"RevisionId": draft.pk}):
        assert program.refused("SendApiAsset", Path="/x", **(ids | wrong)) == (404, "ResourceNotFound")
    assert upstream.seen == []


def test_what_is_no_api_is_not_called(subscriber, entitled_data_set, finalized_revision):
    wanted = ids_of(finalized_revision.assets.get(), entitled_data_set.pk)
    assert Caller(subscriber).refused("SendApiAsset", Path="/x", **wanted) == (400, "Validation")


@pytest.mark.parametrize("how", ["revoked", "deleted"])
def test_a_right_that_has_ended_ends_with_the_next_call(program, ids, asset, grant, publisher, upstream, how):
    assert program.call("SendApiAsset", Path="/x", **ids).status == 200
    if how == "revoked":
        revisions.revoke_revision(
            revision=asset.revision, comment="The API was wrong.", actor=actor_of(publisher), at=timezone.now()
        )
        owner = Caller(publisher).call("SendApiAsset", Path="/x", **ids_of(asset))
        assert (owner.status, "The API was wrong." in owner.message) == (403, True)
    else:
        delete_data_grant(data_grant=grant, actor=actor_of(publisher), at=timezone.now())
    assert program.refused("SendApiAsset", Path="/x", **ids) == (403, "AccessDenied")
    assert len(upstream.seen) == 1


def test_calls_are_counted_per_organization_and_asset(program, ids, asset, publisher, upstream, monkeypatch):
    monkeypatch.setattr(api, "CALLS", 3)
    monkeypatch.setattr(api, "WINDOW_S", 60)
    assert [program.call("SendApiAsset", Path="/x", **ids).status for _ in range(4)] == [200, 200, 200, 429]
    over = program.call("SendApiAsset", Path="/x", **ids)
    assert (over.error, 1 <= int(over.headers["Retry-After"]) <= 61) == ("Throttling", True)
    assert len(upstream.seen) == 3
    assert Caller(publisher).call("SendApiAsset", Path="/x", **ids_of(asset)).status == 200


def test_the_limit_is_that_of_aws(monkeypatch):
    monkeypatch.undo()
    assert (api.CALLS, api.WINDOW_S) == (10, 1)


# --- where it may not go ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("host", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"])
def test_a_private_address_is_refused_before_a_byte_is_sent(publisher, host, monkeypatch):
    asset = import_at(publisher, f"https://{host}/api", api_key=KEY)
    tried: list[Any] = []
    connect = socket.socket.connect

    def watch(self, address):
        if address[0] in host and address[1] == 443:
            tried.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watch)
    refused = Caller(publisher).call("SendApiAsset", Path="/x", **ids_of(asset))
    assert (refused.status, refused.error, tried) == (400, "Validation", [])
    assert "private network" in refused.message


def test_an_address_that_the_operator_no_longer_allows_is_refused(program, ids, upstream, settings):
    settings.EGRESS_ALLOWLIST = []
    assert program.refused("SendApiAsset", Path="/x", **ids) == (400, "Validation")
    assert upstream.seen == []


def test_a_redirect_is_not_followed(program, ids, upstream):
    upstream.answer = reply(b"", status=302, Location="http://169.254.169.254/latest/meta-data/")
    answer = program.call("SendApiAsset", Path="/x", **ids)
    assert (answer.status, answer.headers["Location"]) == (302, "http://169.254.169.254/latest/meta-data/")
    assert len(upstream.seen) == 1


# --- the raw form and the client library --------------------------------------------------------------------------------
def test_the_raw_form_takes_verb_path_query_headers_and_body_of_the_request(program, ids, upstream, settings):
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "api-fulfill.exchange.example"]
    own = {f"x-amzn-dataexchange-{name}-id": ids[member] for name, member in NAMES}
    headers = (
        program.headers
        | own
        | {
            "Host": "api-fulfill.exchange.example",
            "Accept": "text/csv",
            "Cookie": "sessionid=mine",
            "X-Forwarded-For": "1.2.3.4",
            "X-Amz-Date": "20260101T000000Z",
            "X-Mine": "1",
        }
    )
    body = b"\x00\xff"
    answer = program.client.generic(
        "PUT", "/v1/orders/7?a=1&b=c%20d", data=body, content_type="application/x-bytes", headers=headers
    )
    assert (answer.status_code, answer.content) == (200, b'{"ok":true}')
    seen = upstream.last
    assert (seen.method, seen.target, seen.body) == ("PUT", "/base/orders/7?a=1&b=c+d", body)
    assert (seen.headers["accept"], seen.headers["content-type"], seen.headers["x-mine"]) == (
        "text/csv",
        "application/x-bytes",
        "1",
    )
    assert not {"cookie", "authorization", "x-forwarded-for", "x-amz-date"} & set(seen.headers)
    assert program.client.get("/v1", headers=headers).status_code == 200
    assert (upstream.last.method, upstream.last.target) == ("GET", "/base/")
    for path in ("/v1/../admin", "/v1/%2e%2e/admin", "/v1/a/%2E%2E/%2e%2e/admin"):
        assert program.client.get(path, headers=headers).status_code in {400, 404}, path
    assert program.client.get("/v2/x", headers=headers).status_code == 404
    without = {name: value for name, value in headers.items() if name != "Authorization"}
    assert program.client.get("/v1/x", headers=without).status_code == 403
    assert len(upstream.seen) == 2


NAMES = (("asset", "AssetId"), ("data-set", "DataSetId"), ("revision", "RevisionId"))


@pytest.mark.django_db(transaction=True)
def test_boto3_and_plain_http_call_the_api_of_a_live_server(live_server, subscriber, ids, upstream, settings):
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "api-fulfill.localhost"]
    key, secret = create_access_key(membership=subscriber, name="key", actor=SYSTEM, at=timezone.now())
    client = boto3.client(
        "dataexchange",
        endpoint_url=live_server.url,
        region_name=settings.S3_REGION,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"mode": "standard", "max_attempts": 1}, inject_host_prefix=False),
    )
    answer = client.send_api_asset(
        Method="POST", Path="/q", QueryStringParameters={"a": "1"}, RequestHeaders={"X-Mine": "1"}, Body="{}", **ids
    )
    assert json.loads(answer["Body"]) == {"ok": True}
    seen = upstream.last
    assert (seen.method, seen.target, seen.body, seen.headers["x-mine"]) == ("POST", "/base/q?a=1", b"{}", "1")
    assert not {"authorization", "x-amz-date"} & set(seen.headers)
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.send_api_asset(**(ids | {"DataSetId": MISSING}))
    with pytest.raises(client.exceptions.ValidationException):
        client.send_api_asset(Path="/../x", **ids)
    headers = {f"x-amzn-dataexchange-{name}-id": ids[member] for name, member in NAMES}
    headers |= {"Authorization": f"Bearer {token_of(subscriber)}", "Host": "api-fulfill.localhost"}
    upstream.answer = reply(b"\x00\xff", status=418, Content_Type="application/x-bytes")
    got = requests.delete(f"{live_server.url}/v1/q/7", headers=headers, timeout=10)
    assert (got.status_code, got.content, upstream.last.method) == (418, b"\x00\xff", "DELETE")
