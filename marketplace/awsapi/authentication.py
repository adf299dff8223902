"""Who calls: from bearer token or signature to organization, actor and scopes; for every interface for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from marketplace.awsapi.sigv4 import (
    AuthenticationFailed,
    Expected,
    SignedRequest,
    Verified,
    is_signed,
    unrecognized,
    verify,
)
from marketplace.awsapi.target import request_target
from marketplace.core import scopes
from marketplace.core.actors import Actor
from marketplace.core.errors import NotFound
from marketplace.core.operations.credentials import (
    SignatureReplayed,
    note_use,
    open_access_key_secret,
    spend_signature,
)
from marketplace.core.queries.credentials import get_access_key, get_api_token, membership_of

if TYPE_CHECKING:
    from marketplace.core.models import AccessKey, ApiToken, Membership, Organization

__all__ = ["AuthenticationFailed", "Credentials", "authenticate", "presents_credentials", "signed_request"]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """An established caller. A token holds its own scopes, an access key its owner's; neither more than the role."""

    organization: Organization
    membership: Membership
    actor: Actor
    scopes: frozenset[str]
    credential: ApiToken | AccessKey


def presents_credentials(request: HttpRequest) -> bool:
    """Return True when the request claims to be a program's, whether or not the claim holds."""
    return _bearer(request) is not None or is_signed(signed_request(request, body=b""))


def authenticate(
    request: HttpRequest,
    *,
    services: Iterable[str],
    at: datetime | None = None,
    region: str | None = None,
    only_reads: bool = False,
) -> Credentials:
    """Establish the caller of a request. Raises AuthenticationFailed.

    services: signing names that this interface accepts. A mutation's signature is spent: it works once.
    only_reads: the call is no mutation although its HTTP method is not a safe one.
    """
    at = at or timezone.now()
    presented = _bearer(request)
    if presented is not None:
        return _by_token(request, presented, at)
    expected = Expected(region=region or settings.S3_REGION, services=frozenset(services))
    is_mutation = request.method not in _SAFE_METHODS and not only_reads
    return _by_signature(request, expected, at, is_mutation=is_mutation)


def _bearer(request: HttpRequest) -> str | None:
    kind, _, presented = request.headers.get("Authorization", "").partition(" ")
    return presented.strip() if kind.lower() == "bearer" else None


def _by_token(request: HttpRequest, presented: str, at: datetime) -> Credentials:
    try:
        token = get_api_token(presented, at)
    except NotFound:
        raise unrecognized() from None
    return _established(request, token, kind="token", at=at, held=frozenset(token.scopes))


def _by_signature(request: HttpRequest, expected: Expected, at: datetime, *, is_mutation: bool) -> Credentials:
    found: dict[str, AccessKey] = {}

    def secret_of(access_key_id: str) -> str | None:
        try:
            found["key"] = get_access_key(access_key_id, at)
        except NotFound:
            return None
        return open_access_key_secret(found["key"])

    verified = verify(signed_request(request, body=request.body), now=at, expected=expected, secret_of=secret_of)
    credentials = _established(request, found["key"], kind="access_key", at=at, held=scopes.ALL)
    if is_mutation:
        _spend(verified)
    return credentials


def _spend(verified: Verified) -> None:
    try:
        spend_signature(verified.signature, expires_at=verified.expires_at)
    except SignatureReplayed as error:
        # Signatures have a resolution of one second: two equal calls within it look like a replay. SDKs answer this
        # status by waiting that second and signing again: an honest caller gets through, a replayed request never.
        raise AuthenticationFailed("ThrottlingException", error.message, status=429, retry_after_s=1) from None


def _established(
    request: HttpRequest, credential: ApiToken | AccessKey, *, kind: str, at: datetime, held: frozenset[str]
) -> Credentials:
    membership = membership_of(credential)
    note_use(credential, at=at)
    actor = Actor(
        kind=kind,
        user_id=credential.user_id,
        organization_id=credential.organization_id,
        credential_id=credential.pk,
        request_id=getattr(request, "request_id", ""),
        ip=request.META.get("REMOTE_ADDR") or None,
    )
    return Credentials(credential.organization, membership, actor, held & scopes.allowed(membership), credential)


def signed_request(request: HttpRequest, *, body: bytes) -> SignedRequest:
    """Return what of a request a signature covers."""
    target = request_target(request)
    return SignedRequest(
        method=request.method or "",
        raw_paths=target.paths,
        raw_query=target.query,
        headers=tuple((name.lower(), value) for name, value in request.headers.items()),
        body=body,
    )
