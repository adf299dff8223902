"""DataSet, Revision, Asset, and the uploads that become assets."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from marketplace.core.ids import new_id
from marketplace.core.models import Organization, User


class AssetType(models.TextChoices):
    """What the assets of a data set are. Source: dataexchange 2017-07-25, AssetType; what stands behind: DESIGN section 6."""

    S3_SNAPSHOT = "S3_SNAPSHOT", "Files"
    API_GATEWAY_API = "API_GATEWAY_API", "APIs"
    REDSHIFT_DATA_SHARE = "REDSHIFT_DATA_SHARE", "Live tables of a database"
    S3_DATA_ACCESS = "S3_DATA_ACCESS", "Live access to a bucket"
    LAKE_FORMATION_DATA_PERMISSION = "LAKE_FORMATION_DATA_PERMISSION", "Tables of a lake"


#: asset type -> (LimitName of revisions in a data set, LimitName of assets in a revision)
LIMITS: dict[str, tuple[str, str]] = {
    AssetType.S3_SNAPSHOT: ("Revisions per data set", "Assets per revision"),
    AssetType.API_GATEWAY_API: (
        "Revisions per Amazon API Gateway API data set",
        "Amazon API Gateway API assets per revision",
    ),
    AssetType.REDSHIFT_DATA_SHARE: (
        "Revisions per Amazon Redshift datashare data set",
        "Amazon Redshift datashare assets per revision",
    ),
    AssetType.S3_DATA_ACCESS: (
        "Revisions per Amazon S3 data access data set",
        "Amazon S3 data access assets per revision",
    ),
    AssetType.LAKE_FORMATION_DATA_PERMISSION: (
        "Revisions per AWS Lake Formation data permission data set",
        "AWS Lake Formation data permission assets per revision",
    ),
}


class DataSetQuerySet(models.QuerySet["DataSet"]):
    def owned_by(self, organization: Organization) -> "DataSetQuerySet":
        return self.filter(owner=organization)


class DataSet(models.Model):
    """A series of revisions of one kind of data. The asset type is fixed at creation."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    owner = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="data_sets")
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=16_384)
    asset_type = models.CharField(max_length=40, choices=AssetType.choices, default=AssetType.S3_SNAPSHOT)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = DataSetQuerySet.as_manager()

    class Meta:
        constraints = [CheckConstraint(condition=Q(asset_type__in=AssetType.values), name="asset_type_known")]
        indexes: ClassVar = [models.Index(fields=["owner", "-created_at", "-id"], name="data_set_by_owner")]

    def __str__(self) -> str:
        return self.name

    @property
    def holds_files(self) -> bool:
        """Return True when its assets are files, which can be uploaded, delivered and read."""
        return self.asset_type == AssetType.S3_SNAPSHOT

    @property
    def asset_noun(self) -> str:
        """Return what one of its assets is called in a sentence."""
        return "file" if self.holds_files else "asset"


class RevisionQuerySet(models.QuerySet["Revision"]):
    def owned_by(self, organization: Organization) -> "RevisionQuerySet":
        return self.filter(data_set__owner=organization)


class Revision(models.Model):
    """Draft, then finalized (immutable, and published by itself), perhaps revoked."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    data_set = models.ForeignKey(DataSet, on_delete=models.PROTECT, related_name="revisions")
    comment = models.CharField(max_length=16_384, blank=True)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    finalized_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_comment = models.CharField(max_length=512, blank=True)

    objects = RevisionQuerySet.as_manager()

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(revoked_at=None) | ~Q(finalized_at=None), name="revoked_only_if_finalized"),
        ]
        indexes: ClassVar = [models.Index(fields=["data_set", "-created_at", "-id"], name="revision_by_data_set")]
        triggers: ClassVar = [
            # What was finalized stays as it is; it may be revoked, and then stays revoked. Until it is published its
            # owner may open it again or delete it. Source: AWS Data Exchange user guide, revisions.
            pgtrigger.Trigger(
                name="finalized_is_immutable",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__finalized_at__isnull=False),
                func="""
                    IF (TG_OP = 'DELETE' OR NEW.finalized_at IS NULL)
                        AND EXISTS (SELECT 1 FROM publishers_publishedrevision WHERE revision_id = OLD.id) THEN
                        RAISE EXCEPTION 'revision % is published and cannot be opened or deleted', OLD.id
                            USING ERRCODE = 'check_violation';
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    IF (NEW.finalized_at IS NOT NULL AND NEW.finalized_at <> OLD.finalized_at)
                        OR NEW.data_set_id <> OLD.data_set_id
                        OR NEW.comment <> OLD.comment OR NEW.created_at <> OLD.created_at OR NEW.id <> OLD.id
                        OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at) THEN
                        RAISE EXCEPTION 'revision % is finalized and cannot be changed', OLD.id USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.data_set_id}/{self.id}"

    @property
    def is_finalized(self) -> bool:
        return self.finalized_at is not None

    @property
    def state(self) -> str:
        """Return DRAFT, FINALIZED or REVOKED."""
        if self.revoked_at is not None:
            return "REVOKED"
        return "FINALIZED" if self.finalized_at is not None else "DRAFT"


_ASSET_GUARD = """
        IF TG_OP = 'DELETE' THEN target := OLD.revision_id; ELSE target := NEW.revision_id; END IF;
        IF TG_OP = 'UPDATE' AND (NEW.revision_id <> OLD.revision_id OR NEW.vault_key <> OLD.vault_key
            OR NEW.sha256 <> OLD.sha256 OR NEW.size_bytes <> OLD.size_bytes OR NEW.details <> OLD.details) THEN
            RAISE EXCEPTION 'the content of asset % cannot be changed', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        -- what remains are tags and times, which may change at any moment
        IF TG_OP = 'UPDATE' AND NEW.id = OLD.id AND NEW.name = OLD.name AND NEW.etag = OLD.etag AND NEW.md5 = OLD.md5
            AND NEW.content_type = OLD.content_type AND NEW.created_at = OLD.created_at THEN RETURN NEW; END IF;
        -- FOR SHARE waits for a finalize that is under way, and makes a later one wait for us
        PERFORM 1 FROM publishers_revision WHERE id = target
            AND (finalized_at IS NULL OR (TG_OP = 'DELETE' AND revoked_at IS NOT NULL)) FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'revision % is finalized, its assets cannot be changed', target USING ERRCODE = 'check_violation';
        END IF;
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
"""


class Asset(models.Model):
    """A file of a revision, or what stands behind another asset type.

    A file's bytes lie in the vault under a key of their own that is never used again. Other types have no bytes here:
    `details` says what they give access to, by the member names of their AssetDetails; secrets among it are sealed.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="assets")
    name = models.CharField(max_length=1024)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    md5 = models.CharField(max_length=32, blank=True)
    etag = models.CharField(max_length=64, blank=True)
    content_type = models.CharField(max_length=120, default="application/octet-stream")
    vault_key = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict, db_default={})
    tags = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revision", "name"], name="asset_name_once"),
            CheckConstraint(condition=Q(size_bytes__gte=0), name="asset_size_positive"),
            models.UniqueConstraint(fields=["vault_key"], condition=~Q(vault_key=""), name="asset_bytes_once"),
            CheckConstraint(
                condition=Q(vault_key="", sha256="") | (~Q(vault_key="") & Q(sha256__regex=r"^[0-9a-f]{64}$")),
                name="asset_sha256_shape",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="finalized_assets_are_immutable",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=_ASSET_GUARD,
                declare=[("target", "text")],
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_file(self) -> bool:
        """Return True when there are bytes to deliver and to read."""
        return bool(self.vault_key)

    @property
    def vault_keys(self) -> list[str]:
        """Return what of the vault goes with the asset: a file's bytes, an API's specification."""
        return [key for key in (self.vault_key, self.details.get("SpecificationKey", "")) if key]


class UploadState(models.TextChoices):
    OPEN = "OPEN", "Uploading"
    CHECKING = "CHECKING", "Checking"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"
    ABORTED = "ABORTED", "Cancelled"


class Upload(models.Model):
    """A browser's multi-part upload into a draft revision. It becomes an asset once its digests are known."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="uploads")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="uploads")
    name = models.CharField(max_length=1024)
    size_bytes = models.BigIntegerField()
    modified_ms = models.BigIntegerField()
    content_type = models.CharField(max_length=120)
    part_bytes = models.BigIntegerField()
    upload_id = models.CharField(max_length=400)
    vault_key = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=8, choices=UploadState.choices, default=UploadState.OPEN)
    checked_bytes = models.BigIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    asset = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["revision", "name"], condition=Q(state__in=["OPEN", "CHECKING"]), name="upload_name_once"
            ),
            CheckConstraint(condition=Q(state__in=UploadState.values), name="upload_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
