"""Credentials by what a client presents; never by id alone."""

from datetime import datetime
from typing import Any, TypeVar

from django.db.models import F, QuerySet

from marketplace.core import tokens
from marketplace.core.errors import NotFound
from marketplace.core.models import AccessKey, ApiToken, Membership, Organization


C = TypeVar("C", ApiToken, AccessKey)


def _living(credentials: QuerySet[C]) -> QuerySet[C]:
    """Return those that were not revoked and whose user is active and still a member, all of it in one query."""
    return (
        credentials.select_related("organization", "user")
        .filter(revoked_at=None, user__is_active=True, organization__memberships__user=F("user"))
        .annotate(
            member_id=F("organization__memberships__pk"),
            member_role=F("organization__memberships__role"),
            member_since=F("organization__memberships__created_at"),
        )
    )


def get_api_token(presented: str, at: datetime) -> ApiToken:
    """Return the living token that was presented. Raises NotFound alike for malformed, unknown, expired and revoked."""
    if tokens.is_well_formed(presented):
        found = _living(ApiToken.objects.filter(digest=tokens.digest(presented), expires_at__gt=at)).first()
        if found is not None:
            return found
    raise NotFound("API_TOKEN", "")


def get_access_key(access_key_id: str) -> AccessKey:
    """Return the living access key. Raises NotFound alike for unknown and revoked."""
    found = _living(AccessKey.objects.filter(access_key_id=access_key_id)).first()
    if found is None:
        raise NotFound("ACCESS_KEY", "")
    return found


def membership_of(credential: ApiToken | AccessKey) -> Membership:
    """Return the membership of the user of a credential that `get_api_token` or `get_access_key` has found."""
    annotated: Any = credential
    return Membership(
        id=annotated.member_id,
        organization=credential.organization,
        user=credential.user,
        role=annotated.member_role,
        created_at=annotated.member_since,
    )


def list_api_tokens(*, organization: Organization) -> QuerySet[ApiToken]:
    """Return the tokens of an organization, newest first, revoked ones left out."""
    return (
        ApiToken.objects.filter(organization=organization, revoked_at=None)
        .select_related("user")
        .order_by("-created_at")
    )


def list_access_keys(*, organization: Organization) -> QuerySet[AccessKey]:
    """Return the access keys of an organization, newest first, revoked ones left out."""
    return (
        AccessKey.objects.filter(organization=organization, revoked_at=None)
        .select_related("user")
        .order_by("-created_at")
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
