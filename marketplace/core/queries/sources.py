"""Registered databases and catalogues of an organization."""

from django.db.models import QuerySet

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization, SourceConnection


def list_source_connections(*, organization: Organization, kind: str = "") -> QuerySet[SourceConnection]:
    """Return the registered sources, newest first; kind: of SourceKind, all when empty."""
    rows = SourceConnection.objects.filter(organization=organization, removed_at=None)
    return (rows.filter(kind=kind) if kind else rows).order_by("-created_at", "pk")


def get_source_connection(*, organization: Organization, connection_id: str, kind: str = "") -> SourceConnection:
    """Raise NotFound alike for a source that is missing, removed, somebody else's, or of another kind."""
    try:
        return list_source_connections(organization=organization, kind=kind).get(pk=connection_id)
    except SourceConnection.DoesNotExist:
        raise NotFound("SOURCE_CONNECTION", connection_id) from None
