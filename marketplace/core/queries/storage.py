"""Storage connections of an organization."""

from django.db.models import QuerySet

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization, StorageConnection


def list_storage_connections(*, organization: Organization) -> QuerySet[StorageConnection]:
    """Return the connected buckets, newest first."""
    return StorageConnection.objects.filter(organization=organization, removed_at=None).order_by("-created_at", "pk")


def get_storage_connection(*, organization: Organization, connection_id: str) -> StorageConnection:
    """Raise NotFound alike for a connection that is missing, removed or somebody else's."""
    try:
        return list_storage_connections(organization=organization).get(pk=connection_id)
    except StorageConnection.DoesNotExist:
        raise NotFound("STORAGE_CONNECTION", connection_id) from None


def get_storage_connection_by_bucket(*, organization: Organization, bucket: str) -> StorageConnection:
    """Return the organization's connection for a bucket name, as AWS-shaped calls give it. Raises NotFound."""
    try:
        return list_storage_connections(organization=organization).get(bucket=bucket)
    except StorageConnection.DoesNotExist:
        raise NotFound(
            "STORAGE_CONNECTION",
            bucket,
            f"The bucket {bucket} is not connected to your organization. Connect it first.",
        ) from None
