"""Credentials by what a client presents; never by id alone."""

from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast

from django.db import connection
from django.db.models import Model, QuerySet

from marketplace.core import tokens
from marketplace.core.errors import NotFound
from marketplace.core.models import AccessKey, ApiToken, Membership, Organization, User

C = TypeVar("C", ApiToken, AccessKey)
#: what a credential is found with, in the order in which the columns are read
_COMPANIONS: tuple[type[Model], ...] = (Organization, User, Membership)


@cache
def _statement(kind: type[Model], where: str) -> str:
    """Return the one statement that finds a living credential with its organization, user and membership.

    Each call of a program begins with it: put together anew by the ORM it cost a third of a GetDataSet.
    """
    tables = [(kind, "c"), *zip(_COMPANIONS, "oum", strict=True)]
    columns = ", ".join(f'{alias}."{column}"' for model, alias in tables for column in _columns(model))
    credential, organization, user, membership = (model._meta.db_table for model, _ in tables)
    return (
        f'SELECT {columns} FROM "{credential}" c'
        f' JOIN "{organization}" o ON o.id = c.organization_id JOIN "{user}" u ON u.id = c.user_id AND u.is_active'
        f' JOIN "{membership}" m ON m.organization_id = o.id AND m.user_id = u.id'
        f" WHERE c.revoked_at IS NULL AND {where}"
    )


def _columns(model: type[Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields]


def _find(kind: type[C], where: str, parameters: list[Any]) -> C | None:
    """Return the credential if it was not revoked and its user is active and still a member."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(kind, where), parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    rows: list[Any] = []
    rest = list(row)
    for model in (kind, *_COMPANIONS):
        names = [field.attname for field in model._meta.concrete_fields]
        rows.append(model.from_db(connection.alias, names, rest[: len(names)]))
        rest = rest[len(names) :]
    credential, organization, user, membership = rows
    for holder in (credential, membership):
        holder.organization, holder.user = organization, user
    credential.membership = membership
    return cast("C", credential)


def get_api_token(presented: str, at: datetime) -> ApiToken:
    """Return the living token that was presented. Raises NotFound alike for malformed, unknown, expired and revoked."""
    if tokens.is_well_formed(presented):
        found = _find(ApiToken, "c.digest = %s AND c.expires_at > %s", [tokens.digest(presented), at])
        if found is not None:
            return found
    raise NotFound("API_TOKEN", "")


def get_access_key(access_key_id: str, at: datetime) -> AccessKey:
    """Return the living access key. Raises NotFound alike for unknown, ended and revoked."""
    found = _find(
        AccessKey, "c.access_key_id = %s AND (c.expires_at IS NULL OR c.expires_at > %s)", [access_key_id, at]
    )
    if found is None:
        raise NotFound("ACCESS_KEY", "")
    return found


def membership_of(credential: ApiToken | AccessKey) -> Membership:
    """Return the membership of the user of a credential that `get_api_token` or `get_access_key` has found."""
    membership: Membership = credential.membership  # type: ignore[union-attr]
    return membership


def list_api_tokens(*, organization: Organization) -> QuerySet[ApiToken]:
    """Return the tokens of an organization, newest first, revoked ones left out."""
    return (
        ApiToken.objects.filter(organization=organization, revoked_at=None)
        .select_related("user", "rotated_to")
        .order_by("-created_at", "-pk")
    )


def list_access_keys(*, organization: Organization) -> QuerySet[AccessKey]:
    """Return the access keys of an organization, newest first, revoked ones left out."""
    return (
        AccessKey.objects.filter(organization=organization, revoked_at=None)
        .select_related("user", "rotated_to")
        .order_by("-created_at", "-pk")
    )


def get_owned_api_token(*, organization: Organization, token_id: str) -> ApiToken:
    """Raise NotFound alike for a token that is missing and for one that is somebody else's."""
    try:
        return ApiToken.objects.get(organization=organization, pk=token_id)
    except ApiToken.DoesNotExist:
        raise NotFound("API_TOKEN", token_id) from None


def get_owned_access_key(*, organization: Organization, key_id: str) -> AccessKey:
    """Raise NotFound alike for a key that is missing and for one that is somebody else's."""
    try:
        return AccessKey.objects.get(organization=organization, pk=key_id)
    except AccessKey.DoesNotExist:
        raise NotFound("ACCESS_KEY", key_id) from None
