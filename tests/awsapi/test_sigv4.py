"""SigV4: whatever botocore signs is accepted, whatever is changed afterwards is refused."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest import mock
from urllib.parse import quote, unquote_to_bytes, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from marketplace.awsapi.sigv4 import (
    AuthenticationFailed,
    Claim,
    Expected,
    SignedRequest,
    Verified,
    is_signed,
    sign,
    signing_key,
    verify,
)
from marketplace.awsapi.target import raw_target

NOW = datetime(2030, 1, 31, 12, 0, 0, tzinfo=UTC)
KEY_ID, SECRET = "ENTKABCDEFGHIJKLMNOP", "s3cr3t/+=" + "x" * 31
EXPECTED = Expected(region="eu-west-1", services=frozenset({"dataexchange"}))
ARN = "arn:aws:dataexchange:eu-west-1:123456789012:data-sets/0f0f/revisions/1e1e"
PATHS = [
    "/",
    "/v1/data-sets",
    "/v1/data-sets/" + "0f" * 16 + "/revisions",
    "/tags/" + quote(ARN, safe=""),
    "/v1/data-grants/" + quote(ARN, safe="") + "/accept",
    "/v1//data-sets///x/",
    "/v1/" + quote("Größe 漢字 ~-_.", safe=""),
    "/v1/a%20b%2Bc%25d",
    "/v1/" + quote("!$&'()*+,;=:@", safe=""),
]
QUERIES = [
    "",
    "maxResults=100",
    "tagKeys=b&tagKeys=a&tagKeys=a%20c",
    "nextToken=eyJ%2B%2F%3D%3D&a=&b",
    "A=1&a=2&%C3%A9=x",
    "a=1&&b=2",
    "z=1&acceptanceState=ACCEPTED&acceptanceState=PENDING_RECEIVER_ACCEPTANCE",
]
BODIES = [b"", b"{}", '{"Name":"Größe"}'.encode(), b"\x00\xff" * 50]
HEADERS: list[dict[str, str]] = [
    {},
    {"Content-Type": "application/json"},
    {"X-Amz-Meta-B": "  two   spaces ", "x-amz-meta-a": "1"},
    {
        "x-amzn-dataexchange-asset-id": "0f" * 16,
        "x-amzn-dataexchange-header-Accept": "text/csv, */*",
        "User-Agent": "x",
    },
]


def secret_of(access_key_id: str) -> str | None:
    return SECRET if access_key_id == KEY_ID else None


def botocore_signed(
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
    *,
    at: datetime = NOW,
    presigned_s: int | None = None,
    service: str = "dataexchange",
    region: str = "eu-west-1",
    token: str | None = None,
) -> AWSRequest:
    request = AWSRequest(method=method, url=f"http://127.0.0.1:8000{target}", headers=dict(headers), data=body)
    credentials = Credentials(KEY_ID, SECRET, token)
    if presigned_s is None:
        signer = botocore.auth.SigV4Auth(credentials, service, region)
    else:
        signer = botocore.auth.SigV4QueryAuth(credentials, service, region, expires=presigned_s)
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.replace(tzinfo=None)):
        signer.add_auth(request)
    return request


def received(request: AWSRequest, *, exact: bool = True) -> SignedRequest:
    """Return what a server sees: with its raw target, or only with the decoded path."""
    parts = urlsplit(request.url)
    told = {"PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"), "QUERY_STRING": parts.query}
    if exact:
        told["RAW_URI"] = parts.path + (f"?{parts.query}" if parts.query else "")
    target = raw_target(told)
    headers = {"host": parts.netloc} | {name.lower(): str(value) for name, value in request.headers.items()}
    return SignedRequest(request.method, target.paths, target.query, tuple(headers.items()), request.body or b"")


def check(request: SignedRequest, *, now: datetime = NOW, expected: Expected = EXPECTED) -> Verified:
    return verify(request, now=now, expected=expected, secret_of=secret_of)


def refusal(request: SignedRequest, *, now: datetime = NOW, expected: Expected = EXPECTED) -> str:
    with pytest.raises(AuthenticationFailed) as caught:
        check(request, now=now, expected=expected)
    assert SECRET not in str(caught.value)
    return caught.value.code


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    kept = tuple((n, v) for n, v in request.headers if n != name)
    return replace(request, headers=kept if value is None else (*kept, (name, value)))


def header(request: SignedRequest, name: str) -> str:
    return dict(request.headers)[name]


@pytest.mark.parametrize("presigned_s", [None, 3600], ids=["header", "query"])
@pytest.mark.parametrize("path", PATHS)
def test_what_botocore_signs_is_accepted(path: str, presigned_s: int | None) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        for query in QUERIES:
            for headers in HEADERS:
                # botocore moves a body into the query string before it presigns
                for body in BODIES if presigned_s is None else [b""]:
                    target = path + (f"?{query}" if query else "")
                    signed = botocore_signed(method, target, headers, body, presigned_s=presigned_s)
                    assert check(received(signed)).access_key_id == KEY_ID


@pytest.mark.parametrize("path", [path for path in PATHS if "//" not in path])
def test_it_is_accepted_too_where_the_server_tells_only_the_decoded_path(path: str) -> None:
    for query in QUERIES:
        signed = botocore_signed("GET", path + (f"?{query}" if query else ""), {}, b"")
        assert check(received(signed, exact=False)).service == "dataexchange"


def test_a_query_that_is_not_encoded_is_accepted_as_sent() -> None:
    assert check(received(botocore_signed("GET", "/v1/data-sets?a=b:c/d&t=1+2", {}, b"")))


def test_s3_encodes_once_and_keeps_empty_segments() -> None:
    expected = Expected("eu-west-1", frozenset({"s3"}), is_s3=True)
    for path in ("/bucket/a//b%20c/%C3%BC", "/bucket/../x"):
        request = AWSRequest(method="GET", url=f"http://127.0.0.1:8000{path}", data=b"")
        with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
            botocore.auth.S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", "eu-west-1").add_auth(request)
        assert check(received(request), expected=expected)


def test_an_unsigned_payload_is_for_s3_reads_over_tls_only() -> None:
    def presigned(method: str) -> SignedRequest:
        request = AWSRequest(method=method, url="https://127.0.0.1:8000/bucket/key")
        with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
            botocore.auth.S3SigV4QueryAuth(Credentials(KEY_ID, SECRET), "s3", "eu-west-1", expires=60).add_auth(request)
        return received(request)

    tls = Expected("eu-west-1", frozenset({"s3"}), is_s3=True, unsigned_payload=True)
    assert check(presigned("GET"), expected=tls)
    assert refusal(presigned("PUT"), expected=tls) == "InvalidSignatureException"
    assert refusal(presigned("GET"), expected=replace(tls, unsigned_payload=False)) == "InvalidSignatureException"
    other = received(botocore_signed("GET", "/", {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, b"x"))
    assert refusal(other) == "InvalidSignatureException"


def changed(text: str, dice: random.Random) -> str:
    place, kind = dice.randrange(len(text)), dice.randrange(3)
    if kind == 0:
        return text[:place] + text[place + 1 :]
    letter = dice.choice("abcXYZ019%/=&;-_.~ :")
    return text[:place] + letter + text[place + (kind == 1) :]


def _change_path(request: SignedRequest, dice: random.Random) -> SignedRequest:
    return replace(request, raw_paths=tuple(changed(path, dice) for path in request.raw_paths))


def _change_query(request: SignedRequest, dice: random.Random) -> SignedRequest:
    return replace(request, raw_query=changed(request.raw_query, dice))


def _change_header(request: SignedRequest, dice: random.Random) -> SignedRequest:
    name, value = dice.choice(request.headers)
    return with_header(request, name, changed(value, dice))


def _change_header_name(request: SignedRequest, dice: random.Random) -> SignedRequest:
    name, value = dice.choice(request.headers)
    renamed = changed(name, dice).lower()
    return replace(request, headers=tuple((renamed, v) if n == name else (n, v) for n, v in request.headers))


def _change_body(request: SignedRequest, dice: random.Random) -> SignedRequest:
    place = dice.randrange(len(request.body) + 1)
    if place == len(request.body):
        return replace(request, body=request.body + dice.randbytes(1))
    flipped = bytes([request.body[place] ^ (1 << dice.randrange(8))])
    return replace(request, body=request.body[:place] + flipped + request.body[place + 1 :])


def _change_method(request: SignedRequest, dice: random.Random) -> SignedRequest:
    return replace(request, method=dice.choice(["GET", "PUT", "DELETE", "post", "PATCH"]))


MUTATIONS: list[Callable[[SignedRequest, random.Random], SignedRequest]] = [
    _change_path,
    _change_query,
    _change_header,
    _change_header_name,
    _change_body,
    _change_method,
]


def _meaning(request: SignedRequest) -> object:
    """Return what a request says: two spellings of one path, query or header value are no change."""
    pairs = sorted(
        tuple(unquote_to_bytes(part) for part in pair.partition("=")[::2]) for pair in request.raw_query.split("&")
    )
    headers = sorted((name, " ".join(value.split())) for name, value in request.headers)
    headers = [(n, v.replace(", ", ",").replace(" ,", ",") if n == "authorization" else v) for n, v in headers]
    paths = {
        b"/".join(s for s in unquote_to_bytes(p).split(b"/") if s) + (b"/" if p.endswith("/") else b"")
        for p in request.raw_paths
    }
    return request.method, paths, pairs, headers, request.body


@pytest.mark.parametrize("presigned_s", [None, 600], ids=["header", "query"])
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__.strip("_"))
def test_a_changed_request_is_refused(
    mutation: Callable[[SignedRequest, random.Random], SignedRequest], presigned_s: int | None
) -> None:
    target = "/tags/" + quote(ARN, safe="") + "?tagKeys=a&tagKeys=b%20c"
    headers = {"X-Amz-Meta-A": "one two", "x-amzn-dataexchange-asset-id": "0f" * 16}
    original = received(
        botocore_signed(
            "POST", target, headers, b'{"Name":"x"}' if presigned_s is None else b"", presigned_s=presigned_s
        )
    )
    assert check(original)
    dice, refused = random.Random(f"{mutation.__name__}{presigned_s}"), 0
    for _ in range(1500):
        mutant = mutation(original, dice)
        if _meaning(mutant) != _meaning(original):
            refusal(mutant)
            refused += 1
    assert refused > 1000


@pytest.mark.parametrize("position", range(64))
def test_each_digit_of_the_signature_counts(position: int) -> None:
    original = received(botocore_signed("GET", "/v1/data-sets", {}, b""))
    text = header(original, "authorization")
    place = len(text) - 64 + position
    other = "0" if text[place] != "0" else "1"
    assert refusal(with_header(original, "authorization", text[:place] + other + text[place + 1 :])) == (
        "InvalidSignatureException"
    )


def signed_by_hand(
    request: SignedRequest, *, date: str = "20300131", names: tuple[str, ...] = ("host", "x-amz-date")
) -> SignedRequest:
    """Sign what no SDK would sign: the signature itself is right, so that only the rule in question can refuse it."""
    claim = Claim(KEY_ID, date, "eu-west-1", "dataexchange", "20300131T120000Z", names, "")
    request = with_header(request, "x-amz-date", claim.timestamp)
    block = "".join(f"{name}:{header(request, name)}\n" for name in names)
    digest = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join((request.method, request.raw_paths[0], request.raw_query, block, ";".join(names), digest))
    signature = sign(signing_key(SECRET, date, claim.region, claim.service), claim, canonical)
    scope = f"{KEY_ID}/{date}/{claim.region}/{claim.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return with_header(request, "authorization", text)


def test_a_right_signature_does_not_excuse_what_it_leaves_out() -> None:
    plain = SignedRequest("GET", ("/v1/data-sets",), "", (("host", "127.0.0.1"),), b"")
    assert check(signed_by_hand(plain))
    assert refusal(signed_by_hand(plain, date="20300130")) == "InvalidSignatureException"
    assert refusal(signed_by_hand(plain, names=("x-amz-date",))) == "InvalidSignatureException"
    assert refusal(signed_by_hand(plain, names=("host",))) == "InvalidSignatureException"
    names = ("host", "x-amz-content-sha256", "x-amz-date")
    declared = with_header(plain, "x-amz-content-sha256", hashlib.sha256(b"").hexdigest())
    assert check(signed_by_hand(declared, names=names))
    wrong = with_header(plain, "x-amz-content-sha256", "0" * 64)
    assert refusal(signed_by_hand(wrong, names=names)) == "InvalidSignatureException"


def test_an_added_amz_header_must_be_signed() -> None:
    original = received(botocore_signed("POST", "/v1/data-sets", {}, b"{}"))
    for name in ("x-amz-meta-new", "x-amzn-dataexchange-path", "x-amz-target"):
        assert refusal(with_header(original, name, "1")) == "InvalidSignatureException"
    assert check(with_header(original, "x-amzn-trace-id", "Root=1"))
    assert check(with_header(original, "accept", "*/*"))


def test_the_host_must_be_signed() -> None:
    original = received(botocore_signed("GET", "/v1/data-sets", {}, b""))
    text = header(original, "authorization").replace("host;x-amz-date", "x-amz-date")
    assert refusal(with_header(original, "authorization", text)) == "InvalidSignatureException"
    assert refusal(with_header(original, "host", None)) == "InvalidSignatureException"


@pytest.mark.parametrize("path", ["/v1/data-sets/0f/revisions/..", "/v1/./data-sets/0f", "/v1/x/../data-sets/0f"])
def test_dot_segments_cannot_lead_a_signature_to_another_path(path: str) -> None:
    original = received(botocore_signed("GET", "/v1/data-sets/0f", {}, b""))
    assert refusal(replace(original, raw_paths=(path,))) == "InvalidSignatureException"


def test_the_clock_may_be_15_minutes_off_and_not_more() -> None:
    original = received(botocore_signed("GET", "/v1/data-sets", {}, b""))
    for minutes in (-15, 15):
        assert check(original, now=NOW + timedelta(minutes=minutes)).expires_at == NOW + timedelta(minutes=15)
    assert refusal(original, now=NOW + timedelta(minutes=15, seconds=1)) == "InvalidSignatureException"
    assert refusal(original, now=NOW - timedelta(minutes=15, seconds=1)) == "InvalidSignatureException"


def test_a_presigned_request_lives_as_long_as_it_says_and_at_most_an_hour() -> None:
    original = received(botocore_signed("GET", "/v1/data-sets", {}, b"", presigned_s=3600))
    assert check(original, now=NOW + timedelta(seconds=3600)).expires_at == NOW + timedelta(seconds=3600)
    assert refusal(original, now=NOW + timedelta(seconds=3601)) == "RequestExpired"
    assert refusal(original, now=NOW - timedelta(minutes=16)) == "InvalidSignatureException"
    for seconds in (0, 3601, 604800):
        too_long = received(botocore_signed("GET", "/v1/data-sets", {}, b"", presigned_s=seconds))
        assert refusal(too_long) == "InvalidSignatureException"


def test_the_scope_is_exact() -> None:
    for scope in ({"region": "us-east-1"}, {"service": "s3"}, {"service": "aws-marketplace"}):
        assert (
            refusal(received(botocore_signed("GET", "/v1/data-sets", {}, b"", **scope))) == "InvalidSignatureException"
        )  # type: ignore[arg-type]
    original = received(botocore_signed("GET", "/v1/data-sets", {}, b""))
    for old, new in (("/20300131/", "/20300130/"), ("aws4_request", "aws4_requesT")):
        refusal(with_header(original, "authorization", header(original, "authorization").replace(old, new)))


def test_an_unknown_key_and_a_session_token_are_unrecognized() -> None:
    original = received(botocore_signed("GET", "/v1/data-sets", {}, b""))
    text = header(original, "authorization").replace(KEY_ID, "ENTKZZZZZZZZZZZZZZZZ")
    assert refusal(with_header(original, "authorization", text)) == "UnrecognizedClientException"
    for presigned_s in (None, 60):
        with_token = received(botocore_signed("GET", "/v1", {}, b"", token="FwoG", presigned_s=presigned_s))
        assert refusal(with_token) == "UnrecognizedClientException"


def test_a_declared_body_hash_must_be_the_bodys() -> None:
    digest = hashlib.sha256(b"{}").hexdigest()
    original = received(botocore_signed("POST", "/v1/data-sets", {"X-Amz-Content-SHA256": digest}, b"{}"))
    assert check(original)
    assert refusal(replace(original, body=b"{} ")) == "InvalidSignatureException"


def test_an_incomplete_signature_says_so() -> None:
    unsigned = SignedRequest("GET", ("/v1/data-sets",), "", (("host", "x"),), b"")
    assert refusal(unsigned) == "MissingAuthenticationTokenException"
    assert not is_signed(unsigned) and is_signed(replace(unsigned, raw_query="X-Amz-Signature=0"))
    original = received(botocore_signed("GET", "/v1/data-sets", {}, b""))
    assert is_signed(original)
    text = header(original, "authorization")
    for bad in (
        "AWS4-HMAC-SHA256",
        "Basic eDp5",
        text.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
        text.replace("SignedHeaders=", "Signed="),
        text.replace("host;x-amz-date", "x-amz-date;host"),
        text.replace("host;x-amz-date", "host;host;x-amz-date"),
        text.replace("host;x-amz-date", "Host;x-amz-date"),
        text[:-64] + text[-64:].upper().replace("0", "A"),
        text + ", Signature=" + "0" * 64,
    ):
        assert refusal(with_header(original, "authorization", bad)) == "IncompleteSignatureException", bad
    assert refusal(with_header(original, "x-amz-date", None)) == "IncompleteSignatureException"
    assert refusal(with_header(original, "x-amz-date", "20301331T120000Z")) in {
        "IncompleteSignatureException",
        "InvalidSignatureException",
    }


def test_two_signatures_or_half_a_presigned_one_are_refused() -> None:
    presigned = received(botocore_signed("GET", "/v1/data-sets", {}, b"", presigned_s=60))
    both = with_header(
        presigned, "authorization", header(received(botocore_signed("GET", "/", {}, b"")), "authorization")
    )
    assert refusal(both) == "IncompleteSignatureException"
    twice = replace(presigned, raw_query=presigned.raw_query + "&X-Amz-Expires=60")
    assert refusal(twice) == "IncompleteSignatureException"
    without = "&".join(part for part in presigned.raw_query.split("&") if not part.startswith("X-Amz-Expires"))
    assert refusal(replace(presigned, raw_query=without)) == "IncompleteSignatureException"
