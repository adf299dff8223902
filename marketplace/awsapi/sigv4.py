"""AWS Signature Version 4, verified: header form and presigned query form. Pure functions, no clock, no database.

Sources: "Signing AWS API requests" (AWS General Reference); botocore.auth, whose canonical forms the SDKs share.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
CLOCK_SKEW = timedelta(minutes=15)
LONGEST_PRESIGNED_S = 3600
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_CREDENTIAL = re.compile(r"([A-Za-z0-9]{16,128})/([0-9]{8})/([^/]+)/([^/]+)/aws4_request")
_HEADER_NAMES = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+(?:;[a-z0-9!#$%&'*+.^_`|~-]+)*")
#: Added by proxies and runtimes after signing; carries nothing that we read.
_NEVER_SIGNED = frozenset({"x-amzn-trace-id"})
#: Parameters of a presigned request.
PRESIGNED_NAMES = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)


class AuthenticationFailed(Exception):
    """Who calls is not established; `code` is AWS's word for why. Nothing about secrets is in the message."""

    def __init__(self, code: str, message: str, *, status: int = 403, retry_after_s: int | None = None) -> None:
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came: `raw_paths` are the spellings of one path (see `target.Target`), the query is undecoded."""

    method: str
    raw_paths: tuple[str, ...]
    raw_query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Expected:
    """What a scope must say, and the path rules: S3 encodes once and keeps empty and dot segments."""

    region: str
    services: frozenset[str]
    is_s3: bool = False
    #: True only for GET of the S3 door over TLS
    unsigned_payload: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says about its signature, before anything of it is proved."""

    access_key_id: str
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    #: None in the header form
    expires_s: int | None = None

    @property
    def signed_at(self) -> datetime:
        """Return the instant of signing. Raises ValueError for a date that does not exist."""
        return datetime.strptime(self.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verified:
    """A proved signature; a mutation must spend it until `expires_at`, after which the clock refuses it anyway."""

    access_key_id: str
    signature: str
    expires_at: datetime
    service: str


def verify(
    request: SignedRequest, *, now: datetime, expected: Expected, secret_of: Callable[[str], str | None]
) -> Verified:
    """Prove the signature of a request. Raises AuthenticationFailed.

    now: aware UTC. secret_of: returns None for an access key that does not live.
    """
    claim = read_claim(request)
    _check_scope(claim, expected)
    expires_at = _check_clock(claim, now)
    headers = _header_values(request.headers)
    _check_signed_headers(claim, headers)
    body_hash = _body_hash(request, headers, claim, expected)
    secret = secret_of(claim.access_key_id)
    if secret is None:
        raise unrecognized()
    key = signing_key(secret, claim.date, claim.region, claim.service)
    # Every form is compared, so that the time taken does not tell which one came close.
    matches = [
        hmac.compare_digest(sign(key, claim, canonical), claim.signature)
        for canonical in canonical_requests(request, claim, headers, body_hash, is_s3=expected.is_s3)
    ]
    if not any(matches):
        raise AuthenticationFailed(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your secret access key and signing method.",
        )
    return Verified(claim.access_key_id, claim.signature, expires_at, claim.service)


def is_signed(request: SignedRequest) -> bool:
    """Return True when the request claims a signature of either form, well formed or not."""
    return any(name.lower() == "authorization" and value.startswith("AWS4-") for name, value in request.headers) or any(
        name in PRESIGNED_NAMES for name, _ in _decoded_pairs(request.raw_query)
    )


def read_claim(request: SignedRequest) -> Claim:
    """Return what the request says about its signature. Raises AuthenticationFailed for anything incomplete."""
    headers = _header_values(request.headers)
    query = _decoded_pairs(request.raw_query)
    if "x-amz-security-token" in headers or any(name.lower() == "x-amz-security-token" for name, _ in query):
        # None is ever issued here, so that any token is an unknown one.
        raise unrecognized()
    presigned = [(name, value) for name, value in query if name in PRESIGNED_NAMES]
    if presigned and "authorization" in headers:
        raise _incomplete("Only one of the Authorization header and the query string may sign a request.")
    return _query_claim(presigned) if presigned else _header_claim(headers)


def unrecognized() -> AuthenticationFailed:
    """Return AWS's answer to a credential that does not live."""
    message = "The security token included in the request is invalid."
    return AuthenticationFailed("UnrecognizedClientException", message)


def _incomplete(message: str) -> AuthenticationFailed:
    return AuthenticationFailed("IncompleteSignatureException", message)


def _invalid(message: str) -> AuthenticationFailed:
    return AuthenticationFailed("InvalidSignatureException", message)


def _header_claim(headers: dict[str, str]) -> Claim:
    authorization = headers.get("authorization", "")
    if not authorization:
        raise AuthenticationFailed("MissingAuthenticationTokenException", "Missing Authentication Token")
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"The algorithm must be {ALGORITHM}.")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, mark, value = part.strip().partition("=")
        if not mark or name in parts:
            raise _incomplete("The Authorization header is not well formed.")
        parts[name] = value
    for name in ("Credential", "SignedHeaders", "Signature"):
        if name not in parts:
            raise _incomplete(f"Authorization header requires {name!r} parameter.")
    if "x-amz-date" not in headers:
        raise _incomplete("Authorization header requires existence of an 'X-Amz-Date' header.")
    return _claim(parts["Credential"], headers["x-amz-date"], parts["SignedHeaders"], parts["Signature"], None)


def _query_claim(presigned: list[tuple[str, str]]) -> Claim:
    values = dict(presigned)
    missing = [name for name in PRESIGNED_NAMES if name not in values]
    if missing or len(presigned) != len(values):
        raise _incomplete(f"A presigned request needs once each: {', '.join(PRESIGNED_NAMES)}.")
    if values["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"The algorithm must be {ALGORITHM}.")
    expires = values["X-Amz-Expires"]
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 1 <= int(expires) <= LONGEST_PRESIGNED_S:
        raise _invalid(f"X-Amz-Expires must be from 1 to {LONGEST_PRESIGNED_S} seconds.")
    return _claim(
        values["X-Amz-Credential"],
        values["X-Amz-Date"],
        values["X-Amz-SignedHeaders"],
        values["X-Amz-Signature"],
        int(expires),
    )


def _claim(credential: str, timestamp: str, signed_headers: str, signature: str, expires_s: int | None) -> Claim:
    scope = _CREDENTIAL.fullmatch(credential)
    if scope is None:
        raise _incomplete("Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request.")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise _incomplete("X-Amz-Date must be in ISO 8601 basic format, such as 20300131T120000Z.")
    if not _SIGNATURE.fullmatch(signature):
        raise _incomplete("Signature must be 64 lowercase hexadecimal digits.")
    names = tuple(signed_headers.split(";"))
    if not _HEADER_NAMES.fullmatch(signed_headers) or list(names) != sorted(set(names)):
        raise _incomplete("SignedHeaders must be lowercase names, sorted, each once, separated by semicolons.")
    return Claim(scope[1], scope[2], scope[3], scope[4], timestamp, names, signature, expires_s)


def _check_scope(claim: Claim, expected: Expected) -> None:
    if claim.region != expected.region:
        raise _invalid(f"Credential should be scoped to a valid region, here {expected.region!r}.")
    if claim.service not in expected.services:
        services = ", ".join(sorted(expected.services))
        raise _invalid(f"Credential should be scoped to correct service: {services!r}.")
    if claim.date != claim.timestamp[:8]:
        raise _invalid("Date in Credential scope does not match YYYYMMDD of X-Amz-Date.")


def _check_clock(claim: Claim, now: datetime) -> datetime:
    try:
        signed_at = claim.signed_at
    except ValueError:
        raise _incomplete("X-Amz-Date is not a date.") from None
    written = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if signed_at - now > CLOCK_SKEW:
        raise _invalid(f"Signature not yet current: {claim.timestamp} is still later than {written} (15 min.)")
    if claim.expires_s is None:
        expires_at = signed_at + CLOCK_SKEW
        if now > expires_at:
            raise _invalid(f"Signature expired: {claim.timestamp} is now earlier than {written} (15 min.)")
        return expires_at
    expires_at = signed_at + timedelta(seconds=claim.expires_s)
    if now > expires_at:
        message = f"The request expired: it was valid {claim.expires_s} s."
        raise AuthenticationFailed("RequestExpired", message, status=400)
    return expires_at


def _check_signed_headers(claim: Claim, headers: dict[str, str]) -> None:
    absent = [name for name in claim.signed_headers if name not in headers]
    if absent:
        raise _invalid(f"Signed headers are not in the request: {', '.join(absent)}.")
    must = {name for name in headers if name.startswith(("x-amz-", "x-amzn-"))} - _NEVER_SIGNED | {"host"}
    unsigned = sorted(must - set(claim.signed_headers))
    if unsigned:
        raise _invalid(f"These headers must be signed: {', '.join(unsigned)}.")


def _body_hash(request: SignedRequest, headers: dict[str, str], claim: Claim, expected: Expected) -> str:
    actual = hashlib.sha256(request.body).hexdigest()
    declared = headers.get("x-amz-content-sha256")
    may_be_unsigned = expected.is_s3 and expected.unsigned_payload and request.method == "GET"
    if may_be_unsigned and (declared == UNSIGNED or (declared is None and claim.expires_s is not None)):
        return UNSIGNED
    if declared is not None and not hmac.compare_digest(declared.encode(), actual.encode()):
        raise _invalid("The provided x-amz-content-sha256 header does not match what was computed.")
    return actual


def _header_values(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return canonical values by lowercase name: trimmed, inner spaces collapsed, repetitions joined by a comma."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(" ".join(value.split()))
    return {name: ",".join(values) for name, values in found.items()}


def _raw_pairs(raw_query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in raw_query.split("&")) if raw_query else ()
    return [(name, value) for name, _, value in pairs]


def _decoded_pairs(raw_query: str) -> list[tuple[str, str]]:
    return [
        (unquote_to_bytes(name).decode("utf-8", "replace"), unquote_to_bytes(value).decode("utf-8", "replace"))
        for name, value in _raw_pairs(raw_query)
    ]


def _reencoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


def canonical_queries(raw_query: str, *, is_presigned: bool) -> Iterator[str]:
    """Yield the canonical query string: encoded anew as the specification says, and as sent, which botocore signs."""
    pairs = [
        (name, value)
        for name, value in _raw_pairs(raw_query)
        if not (is_presigned and unquote_to_bytes(name) == b"X-Amz-Signature")
    ]
    forms = dict.fromkeys(
        "&".join(f"{name}={value}" for name, value in sorted(form))
        for form in ([(_reencoded(name), _reencoded(value)) for name, value in pairs], pairs)
    )
    yield from forms


def canonical_paths(raw_paths: tuple[str, ...], *, is_s3: bool) -> Iterator[str]:
    """Yield the canonical URI of each spelling: encoded once more for all services but S3."""
    if is_s3:
        yield from dict.fromkeys(quote(unquote_to_bytes(path), safe="/-_.~") for path in raw_paths)
        return
    yield from dict.fromkeys(quote(_without_empty_segments(path), safe="/-_.~") for path in raw_paths)


def _without_empty_segments(path: str) -> str:
    """Remove empty segments: AWS's rule on consecutive slashes.

    Dot segments stay, unlike in botocore: the router keeps them too, and a signature must not fit another path.
    """
    kept = [segment for segment in path.split("/") if segment]
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def canonical_requests(
    request: SignedRequest, claim: Claim, headers: dict[str, str], body_hash: str, *, is_s3: bool
) -> Iterator[str]:
    """Yield the canonical requests that the request may have been signed as; all mean the same request."""
    block = "".join(f"{name}:{headers[name]}\n" for name in claim.signed_headers)
    names = ";".join(claim.signed_headers)
    for path in canonical_paths(request.raw_paths, is_s3=is_s3):
        for query in canonical_queries(request.raw_query, is_presigned=claim.expires_s is not None):
            yield "\n".join((request.method, path, query, block, names, body_hash))


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Return the key of a scope."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, claim: Claim, canonical_request: str) -> str:
    """Return the signature that a canonical request must have."""
    hashed = hashlib.sha256(canonical_request.encode("utf-8", "surrogateescape")).hexdigest()
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    return hmac.digest(key, "\n".join((ALGORITHM, claim.timestamp, scope, hashed)).encode(), "sha256").hex()
