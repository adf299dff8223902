"""Memberships and organizations as their members see them."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from marketplace.core.errors import NotFound
from marketplace.core.models import Membership, Organization, User


def list_memberships(*, user: User) -> QuerySet[Membership]:
    """Return the memberships of a user, oldest first."""
    return Membership.objects.filter(user=user).select_related("organization", "user").order_by("created_at", "pk")


def get_organization_by_account(account_id: str) -> Organization:
    """Raises NotFound."""
    try:
        return Organization.objects.get(account_id=account_id)
    except Organization.DoesNotExist:
        raise NotFound("ACCOUNT", account_id) from None


def list_organizations(*, ids: Iterable[str] = (), account_ids: Iterable[str] = ()) -> QuerySet[Organization]:
    """Return organizations by id or by account id, by name; what is not there is left out."""
    wanted = Q(pk__in=list(ids)) | Q(account_id__in=[a for a in account_ids if a.isascii() and a.isdigit()])
    return Organization.objects.filter(wanted).order_by("name", "pk")
