"""What an operator of the installation reads: settings, organizations, people, work that was parked.

Nothing here is scoped to an organization, so only pages and operations of operators may ask.
"""

from django.db.models import Count, Q, QuerySet

from marketplace.core.errors import NotFound
from marketplace.core.models import AuditRecord, Membership, Organization, PublisherState, SiteSettings, User, WorkItem
from marketplace.core.models.work import WorkState


def get_site_settings() -> SiteSettings:
    """Return the settings of the installation; the defaults while nobody has set anything."""
    return SiteSettings.objects.filter(pk=1).first() or SiteSettings()


def may_publish(organization: Organization) -> bool:
    """Return True when the organization may put products into the catalogue."""
    return organization.publisher_state == PublisherState.APPROVED or not get_site_settings().approves_publishers


def list_publisher_requests() -> QuerySet[Organization]:
    """Return the organizations that wait for the approval to publish, by name."""
    return Organization.objects.filter(publisher_state=PublisherState.REQUESTED).order_by("name", "pk")


def search_organizations(words: str = "") -> QuerySet[Organization]:
    """Return all organizations by name, or those with these words in the name or this account id."""
    found = Organization.objects.all()
    if words := _clean(words):
        found = found.filter(Q(name__icontains=words) | Q(account_id=words) | Q(pk=words))
    return found.order_by("name", "pk")


def get_organization(organization_id: str) -> Organization:
    """Raises NotFound."""
    try:
        return Organization.objects.get(pk=organization_id)
    except Organization.DoesNotExist:
        raise NotFound("ORGANIZATION", organization_id) from None


def list_members(*, organization: Organization) -> QuerySet[Membership]:
    """Return the members of an organization, oldest first."""
    return Membership.objects.filter(organization=organization).select_related("user").order_by("created_at", "pk")


def search_users(words: str = "") -> QuerySet[User]:
    """Return all users by e-mail address, or those with these words in address or name; `organizations` counts theirs."""
    found = User.objects.annotate(organizations=Count("memberships"))
    if words := _clean(words):
        found = found.filter(Q(email__icontains=words) | Q(name__icontains=words))
    return found.order_by("email")


def get_user(user_id: int) -> User:
    """Raises NotFound."""
    try:
        return User.objects.get(pk=user_id)
    except User.DoesNotExist:
        raise NotFound("USER", str(user_id)) from None


def list_parked_work() -> QuerySet[WorkItem]:
    """Return the work that ten attempts did not finish, newest first."""
    return WorkItem.objects.filter(state=WorkState.PARKED).order_by("-finished_at", "-pk")


def list_installation_records() -> QuerySet[AuditRecord]:
    """Return the audit rows of the installation's own chain, newest first."""
    return AuditRecord.objects.filter(scope="").order_by("-recorded_at", "-sequence")


def _clean(words: str) -> str:
    return words.replace("\x00", "").strip()[:100]
