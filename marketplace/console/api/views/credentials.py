"""API tokens and access keys."""

from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.account import (
    AccessKeyShape,
    CreatedAccessKey,
    CreatedToken,
    KeyReplacement,
    NewAccessKey,
    NewToken,
    Token,
    TokenReplacement,
)
from marketplace.core import scopes
from marketplace.core.errors import Denied
from marketplace.core.models import AccessKey, ApiToken
from marketplace.core.operations import credentials
from marketplace.core.queries.credentials import (
    get_owned_access_key,
    get_owned_api_token,
    list_access_keys,
    list_api_tokens,
)

NEWEST_FIRST = ("-created_at", "-pk")


class BeyondTheCaller(Denied):
    message = "A credential cannot create one that may do more than itself."


class NotFromASession(Denied):
    message = "Create credentials on the page Keys: it asks for your password again."


def _check(caller: Caller, wanted: frozenset[str]) -> None:
    """Refuse what would turn a narrow or a stolen credential into a wide or a lasting one."""
    if caller.actor.kind == "user":
        raise NotFromASession
    if not wanted & scopes.allowed(caller.membership) <= caller.scopes:
        raise BeyondTheCaller


def _with_text(row: ApiToken | AccessKey, text: str) -> ApiToken | AccessKey:
    row.text = text  # type: ignore[union-attr]
    return row


class TokensView(ApiView):
    tag = "Credentials"

    @operation("list_tokens", scope="keys:write", lists=Token)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the living tokens of your organization, newest first."""
        rows = list_api_tokens(organization=caller.organization)
        return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=["tokens", caller.organization.pk])

    @operation("create_token", scope="keys:write", takes=NewToken, gives=CreatedToken, status=201, has_secret=True)
    def post(self, caller: Caller, body: dict[str, Any]) -> ApiToken | AccessKey:
        """Create a token; its text is in this answer and nowhere else.

        It may do at most what the credential that creates it may do.
        """
        _check(caller, frozenset(body["scopes"]))
        return _with_text(
            *credentials.create_api_token(
                membership=caller.membership,
                name=body["name"],
                wanted_scopes=body["scopes"],
                expires_at=body.get("expires_at"),
                actor=caller.actor,
                at=caller.at,
            )
        )


class TokenView(ApiView):
    tag = "Credentials"

    @operation("revoke_token", scope="keys:write")
    def delete(self, caller: Caller, token_id: str) -> None:
        """Revoke a token; the next request with it is refused."""
        token = get_owned_api_token(organization=caller.organization, token_id=token_id)
        credentials.revoke_api_token(token=token, actor=caller.actor, at=caller.at)


class TokenRotateView(ApiView):
    tag = "Credentials"

    @operation(
        "rotate_token", scope="keys:write", takes=TokenReplacement, gives=CreatedToken, status=201, has_secret=True
    )
    def post(self, caller: Caller, token_id: str, body: dict[str, Any]) -> ApiToken | AccessKey:
        """Replace a token by a new one of the same name and scopes; both work until the overlap is over.

        The new one's text is in this answer and nowhere else. It may do at most what the credential that asks may do.
        """
        token = get_owned_api_token(organization=caller.organization, token_id=token_id)
        _check(caller, frozenset(token.scopes))
        return _with_text(
            *credentials.rotate_api_token(
                token=token,
                membership=caller.membership,
                overlap=credentials.Overlap(body["overlap"]),
                expires_at=body.get("expires_at"),
                actor=caller.actor,
                at=caller.at,
            )
        )


class AccessKeysView(ApiView):
    tag = "Credentials"

    @operation("list_access_keys", scope="keys:write", lists=AccessKeyShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the living access keys of your organization, newest first."""
        rows = list_access_keys(organization=caller.organization)
        return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=["access-keys", caller.organization.pk])

    @operation(
        "create_access_key", scope="keys:write", takes=NewAccessKey, gives=CreatedAccessKey, status=201, has_secret=True
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> ApiToken | AccessKey:
        """Create an access key; its secret is in this answer and nowhere else.

        An access key may do all that its owner's role allows, so the credential that creates it must be allowed that too.
        """
        _check(caller, scopes.ALL)
        return _with_text(
            *credentials.create_access_key(
                membership=caller.membership, name=body["name"], actor=caller.actor, at=caller.at
            )
        )


class AccessKeyView(ApiView):
    tag = "Credentials"

    @operation("revoke_access_key", scope="keys:write")
    def delete(self, caller: Caller, key_id: str) -> None:
        """Revoke an access key; the next request signed with it is refused."""
        key = get_owned_access_key(organization=caller.organization, key_id=key_id)
        credentials.revoke_access_key(key=key, actor=caller.actor, at=caller.at)


class AccessKeyRotateView(ApiView):
    tag = "Credentials"

    @operation(
        "rotate_access_key",
        scope="keys:write",
        takes=KeyReplacement,
        gives=CreatedAccessKey,
        status=201,
        has_secret=True,
    )
    def post(self, caller: Caller, key_id: str, body: dict[str, Any]) -> ApiToken | AccessKey:
        """Replace an access key by a new one of the same name; both work until the overlap is over.

        The new one's secret is in this answer and nowhere else. The credential that asks must be allowed all that its
        owner's role allows.
        """
        key = get_owned_access_key(organization=caller.organization, key_id=key_id)
        _check(caller, scopes.ALL)
        return _with_text(
            *credentials.rotate_access_key(
                key=key,
                membership=caller.membership,
                overlap=credentials.Overlap(body["overlap"]),
                actor=caller.actor,
                at=caller.at,
            )
        )
