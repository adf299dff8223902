"""The audit log of an organization, as those with audit:read see it."""

from datetime import datetime

from django.db.models import QuerySet

from marketplace.core.models import AuditHead, AuditRecord, Organization

#: newest first, together unique within an organization; served by the index (scope, -recorded_at) of each partition
NEWEST_FIRST = ("-recorded_at", "-sequence")
#: the actor of what the installation did by itself
SYSTEM = "system"
#: so many records are verified in one request; and how often an organization may ask, in how many seconds
VERIFIED_AT_ONCE = 10_000
CHECKS, CHECKS_WINDOW_S = 10, 60


def list_audit_records(
    *,
    organization: Organization,
    person: str = "",
    action: str = "",
    object_id: str = "",
    result: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditRecord]:
    """Return the records of an organization that fit; order them by NEWEST_FIRST.

    person: the id of a user, or `system`. action: a whole one, or an area that ends in a dot such as `revision.`.
    since, until: a half-open period of aware UTC instants.
    """
    found = AuditRecord.objects.filter(scope=organization.pk)
    if person == SYSTEM:
        found = found.filter(actor_kind=SYSTEM)
    elif person:
        found = found.filter(actor_user_id=int(person)) if person.isascii() and person.isdigit() else found.none()
    if action:
        found = found.filter(action__startswith=action) if action.endswith(".") else found.filter(action=action)
    if object_id:
        found = found.filter(subject_id=object_id)
    if result:
        found = found.filter(result=result)
    if since is not None:
        found = found.filter(recorded_at__gte=since)
    if until is not None:
        found = found.filter(recorded_at__lt=until)
    return found


def count_audit_records(*, organization: Organization) -> int:
    """Return how many records the chain of an organization has, read from its head."""
    return AuditHead.objects.filter(pk=organization.pk).values_list("sequence", flat=True).first() or 0
