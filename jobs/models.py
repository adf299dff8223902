"""Job, EventAction (auto-export) and Transfer: everything that moves bytes, and the receipt of what was moved."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from marketplace.core.errors import NotFound
from marketplace.core.ids import new_id
from marketplace.core.models import Organization, StorageConnection
from publishers.models import Asset, DataSet, PublishedDataSet, Revision


class JobType(models.TextChoices):
    """What a job does. Source: dataexchange 2017-07-25, Type; the import from a plain URL is ours."""

    IMPORT_ASSETS_FROM_S3 = "IMPORT_ASSETS_FROM_S3", "Import from S3"
    IMPORT_ASSET_FROM_SIGNED_URL = "IMPORT_ASSET_FROM_SIGNED_URL", "Import from a signed upload"
    IMPORT_ASSET_FROM_URL = "IMPORT_ASSET_FROM_URL", "Import from a URL"
    IMPORT_ASSET_FROM_API_GATEWAY_API = "IMPORT_ASSET_FROM_API_GATEWAY_API", "Import of an API"
    IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES = "IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES", "Import of live tables"
    IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY = (
        "IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY",
        "Import of tables of a lake",
    )
    CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET = "CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET", "Access to a bucket"
    EXPORT_ASSETS_TO_S3 = "EXPORT_ASSETS_TO_S3", "Export of files to S3"
    EXPORT_ASSET_TO_SIGNED_URL = "EXPORT_ASSET_TO_SIGNED_URL", "Export to a signed URL"
    EXPORT_REVISIONS_TO_S3 = "EXPORT_REVISIONS_TO_S3", "Export to S3"


#: job types that write objects into a bucket of the organization: those with receipts
DELIVERIES = (JobType.EXPORT_REVISIONS_TO_S3, JobType.EXPORT_ASSETS_TO_S3)
EXPORTS = (*DELIVERIES, JobType.EXPORT_ASSET_TO_SIGNED_URL)


class JobState(models.TextChoices):
    WAITING = "WAITING", "Waiting"
    IN_PROGRESS = "IN_PROGRESS", "Running"
    COMPLETED = "COMPLETED", "Completed"
    ERROR = "ERROR", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"
    TIMED_OUT = "TIMED_OUT", "Timed out"


class Encryption(models.TextChoices):
    """How objects are encrypted at rest in the destination; KMS keys are not offered yet."""

    NONE = "", "As the bucket says"
    AES256 = "AES256", "With a key of the store (SSE-S3)"


FINAL_STATES = (JobState.COMPLETED, JobState.ERROR, JobState.CANCELLED, JobState.TIMED_OUT)


class EventAction(models.Model):
    """Auto-export: each revision published to an entitled data set goes to a bucket under a key pattern."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="event_actions")
    published_data_set = models.ForeignKey(PublishedDataSet, on_delete=models.PROTECT, related_name="event_actions")
    connection = models.ForeignKey(StorageConnection, on_delete=models.PROTECT, related_name="event_actions")
    key_pattern = models.CharField(max_length=1024)
    encryption = models.CharField(max_length=6, choices=Encryption.choices, blank=True, db_default=Encryption.NONE)
    tags = models.JSONField(default=dict, db_default={})
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(encryption__in=Encryption.values), name="auto_export_encryption_known"),
        ]

    def __str__(self) -> str:
        return f"{self.published_data_set_id} to {self.connection_id}"


class Job(models.Model):
    """One import or export. It always reaches a final state; progress is counted in objects and bytes.

    A job outlives the data set and the revision that it was about: their ids stay, the rows may be gone.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="jobs")
    type = models.CharField(max_length=48, choices=JobType.choices)
    state = models.CharField(max_length=11, choices=JobState.choices, default=JobState.WAITING)
    request = models.JSONField(default=dict)  # what was asked for, by our own names; never a credential
    data_set = models.ForeignKey(
        DataSet, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="jobs"
    )
    published_data_set = models.ForeignKey(
        PublishedDataSet, on_delete=models.PROTECT, null=True, blank=True, related_name="jobs"
    )
    revision = models.ForeignKey(
        Revision, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="jobs"
    )
    connection = models.ForeignKey(
        StorageConnection, on_delete=models.PROTECT, null=True, blank=True, related_name="jobs"
    )
    event_action = models.ForeignKey(EventAction, on_delete=models.PROTECT, null=True, blank=True, related_name="jobs")
    created_by_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    run = models.IntegerField(default=0)  # 1 at the first start, +1 with each Retry
    errors = models.JSONField(default=list)  # see lifecycle.finish_job
    objects_total = models.IntegerField(default=0)
    objects_done = models.IntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    bytes_moving = models.BigIntegerField(default=0)  # of objects under way; a display, never a fact

    class Meta:
        constraints = [
            # One job per auto-export and revision, whatever is delivered twice or raced.
            models.UniqueConstraint(fields=["event_action", "revision"], name="one_job_per_auto_export_and_revision"),
            CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            CheckConstraint(condition=Q(type__in=JobType.values), name="job_type_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-created_at", "-id"], name="job_by_organization"),
            models.Index(fields=["published_data_set", "-created_at"], name="job_by_published_set"),
            models.Index(
                fields=["organization", "type"], condition=Q(state="IN_PROGRESS"), name="job_in_progress_by_type"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}: {self.state}"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def is_export(self) -> bool:
        return self.type in EXPORTS

    @property
    def living_revision(self) -> Revision:
        """Return the revision that the job is about. Raises NotFound when it was deleted."""
        if self.revision is None:
            raise NotFound("REVISION", self.revision_id or "")
        return self.revision

    @property
    def data_set_name(self) -> str:
        """Return the name of the data set, or a word for one that was deleted."""
        return self.data_set.name if self.data_set is not None else "a deleted data set"

    @property
    def bytes_seen(self) -> int:
        """Return how many bytes have moved so far, objects under way included; of imports the total is not known."""
        seen = self.bytes_done + self.bytes_moving
        return min(seen, self.bytes_total) if self.bytes_total else seen

    @property
    def cause(self) -> str:
        """Return why the job failed, in a sentence; empty when it did not."""
        first: dict[str, Any] = self.errors[0] if self.errors else {}
        return str(first.get("message", ""))


class TransferState(models.TextChoices):
    PENDING = "PENDING", "Waiting"
    DONE = "DONE", "Delivered"
    FAILED = "FAILED", "Failed"


class Transfer(models.Model):
    """One object of a job: what is to be moved, and, once DONE, the receipt. Partitioned by month of the job.

    (job, number) names it; (job, key, connection) is unique too, so that two assets never land on one key.
    """

    pk = models.CompositePrimaryKey("job_created_at", "job_id", "number")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="transfers")
    job_created_at = models.DateTimeField()
    number = models.IntegerField()
    asset = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True, related_name="transfers")
    # where the object goes when a job writes to several buckets; else the job's connection says it
    connection = models.ForeignKey(
        StorageConnection, on_delete=models.PROTECT, null=True, blank=True, related_name="transfers"
    )
    key = models.CharField(max_length=1100)  # object key at the other side
    name = models.CharField(max_length=1024)  # asset name
    state = models.CharField(max_length=7, choices=TransferState.choices, default=TransferState.PENDING)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    etag = models.CharField(max_length=64, blank=True)
    method = models.CharField(max_length=12, blank=True)  # copy, stream, found: how the bytes came to be there
    verified_by = models.CharField(max_length=12, blank=True)  # etag, checksum, read-back
    attempts = models.IntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["job_created_at", "job", "key", "connection"], nulls_distinct=False, name="transfer_key_once"
            ),
            CheckConstraint(condition=Q(state__in=TransferState.values), name="transfer_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.state}"
