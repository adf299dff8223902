"""Credentials by what a client presents; never by id alone."""

from datetime import datetime

from django.db.models import QuerySet

from marketplace.core import tokens
from marketplace.core.errors import NotFound
from marketplace.core.models import AccessKey, ApiToken, Membership, Organization


def get_api_token(presented: str, at: datetime) -> ApiToken:
    """Return the living token that was presented. Raises NotFound alike for malformed, unknown, expired and revoked."""
    if tokens.is_well_formed(presented):
        found = (
            ApiToken.objects.select_related("organization", "user")
            .filter(digest=tokens.digest(presented), revoked_at=None, expires_at__gt=at, user__is_active=True)
            .first()
        )
        if found is not None:
            return found
    raise NotFound("API_TOKEN", "")


def get_access_key(access_key_id: str) -> AccessKey:
    """Return the living access key. Raises NotFound alike for unknown and revoked."""
    try:
        return AccessKey.objects.select_related("organization", "user").get(
            access_key_id=access_key_id, revoked_at=None, user__is_active=True
        )
    except AccessKey.DoesNotExist:
        raise NotFound("ACCESS_KEY", "") from None


def membership_of(credential: ApiToken | AccessKey) -> Membership | None:
    """Return the membership of the credential's user; None once the user has left the organization."""
    return Membership.objects.filter(organization=credential.organization, user=credential.user).first()


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
