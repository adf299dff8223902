"""StorageConnection: a bucket that an organization has proved is its own."""

from django.db import models
from django.utils import timezone

from marketplace.core.ids import new_id
from marketplace.core.models.identity import Organization


class StorageConnection(models.Model):
    """Endpoint, region, bucket and encrypted credentials; usable once a test object was written and deleted."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="storage_connections")
    name = models.CharField(max_length=120)
    endpoint_url = models.CharField(max_length=500)
    region = models.CharField(max_length=40, default="us-east-1")
    bucket = models.CharField(max_length=63)
    access_key_id = models.CharField(max_length=128)
    sealed_secret = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    proved_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=500, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "bucket"], condition=models.Q(removed_at=None), name="storage_bucket_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.bucket})"

    @property
    def is_proved(self) -> bool:
        """Return True while the last test write went well."""
        return self.proved_at is not None and (self.failed_at is None or self.failed_at < self.proved_at)
