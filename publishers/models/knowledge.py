"""What is known of a revision's data: its profile, table by table; contracts and their checks; times it came late."""

from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils import timezone

from marketplace.core.ids import new_id
from publishers.models.data_sets import DataSet, Revision


class ProfileState(models.TextChoices):
    WAITING = "WAITING", "Waiting"
    RUNNING = "RUNNING", "Measuring"
    DONE = "DONE", "Measured"
    FAILED = "FAILED", "Could not be measured"
    CANCELLED = "CANCELLED", "Cancelled"


class Profile(models.Model):
    """What was measured of a revision, over all rows of all its tables.

    digest: of the manifest that was measured; a draft whose files changed since has another. is_partial: some file could not
    be read whole, or a limit stopped the measuring; `notes` say which and why: [{"file", "reason"}]. A revision without a
    table is DONE and has none.
    """

    revision = models.OneToOneField(Revision, on_delete=models.CASCADE, primary_key=True, related_name="profile")
    state = models.CharField(max_length=9, choices=ProfileState.choices, default=ProfileState.WAITING)
    digest = models.CharField(max_length=64, blank=True)
    is_partial = models.BooleanField(default=False)
    notes = models.JSONField(default=list)
    error = models.CharField(max_length=500, blank=True)
    files_total = models.IntegerField(default=0)
    files_done = models.IntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [CheckConstraint(condition=Q(state__in=ProfileState.values), name="profile_state_known")]

    def __str__(self) -> str:
        return f"profile of {self.revision_id}: {self.state}"

    @property
    def is_live(self) -> bool:
        """Return True while it is still to end."""
        return self.state in {ProfileState.WAITING, ProfileState.RUNNING}


class ProfiledTable(models.Model):
    """One table of a revision, perhaps of many files, and what stands in its columns.

    columns: [{"name", "type", "nulls", "distinct", "least", "greatest", "mean", "deviation", "quantiles": {"0.25": …},
    "histogram": {"edges": […], "counts": […]}, "top": [{"value", "count"}], "longest"}]; a member that does not apply is left
    out. rejected: the first rejected rows, [{"file", "line", "reason"}], of `rejected_count`. keys: sets of columns of which no
    two rows have the same values and none is empty, [["id"], …]. coverage: {"column", "from", "to"} of the main time column.
    files: [{"asset_id", "name", "rows"}]. findings: values that look like personal data, [{"column", "kind", "count"}].
    parquet: objects of the vault that hold the rows, typed, [{"key", "bytes", "rows"}].
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="tables")
    name = models.CharField(max_length=255)
    position = models.IntegerField(default=0)
    row_count = models.BigIntegerField(default=0)
    rejected_count = models.BigIntegerField(default=0)
    rejected = models.JSONField(default=list)
    columns = models.JSONField(default=list)
    keys = models.JSONField(default=list)
    coverage = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    findings = models.JSONField(default=list)
    parquet = models.JSONField(default=list)
    is_partial = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["profile", "name"], name="profiled_table_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.profile_id}"


class Contract(models.Model):
    """A version of what a data set promises: schema, keys, quality rules, service levels. Never changed once it is there.

    document: Open Data Contract Standard 3.1.0. In force from `effective_at` until the next version's; a version that breaks
    the one before has another major number, and its notice period has to pass.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    data_set = models.ForeignKey(DataSet, on_delete=models.CASCADE, related_name="contracts")
    major = models.IntegerField()
    minor = models.IntegerField()
    patch = models.IntegerField()
    document = models.JSONField()
    notice = models.CharField(max_length=1000, blank=True)  # what subscribers were told of it
    created_by_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    effective_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["data_set", "major", "minor", "patch"], name="contract_version_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["data_set", "-effective_at"], name="contract_by_data_set")]

    def __str__(self) -> str:
        return f"{self.data_set_id} {self.version}"

    @property
    def version(self) -> str:
        """Return the version as it is written, "1.2.0"."""
        return f"{self.major}.{self.minor}.{self.patch}"


class CheckState(models.TextChoices):
    WAITING = "WAITING", "Waiting"
    RUNNING = "RUNNING", "Checking"
    PASSED = "PASSED", "Passed"
    FAILED = "FAILED", "Failed"
    ERROR = "ERROR", "Could not be checked"


class ContractCheck(models.Model):
    """A revision held against a contract. digest: of the files that were checked.

    results: [{"rule", "table", "column", "passed", "failing", "text", "examples": [{"file", "line", "row"}]}]. finalizes: the
    revision is finalized by itself once it passes. override_reason: why its publisher finalized it although it failed;
    subscribers see it.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="contract_checks")
    contract = models.ForeignKey(Contract, on_delete=models.CASCADE, related_name="checks")
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=7, choices=CheckState.choices, default=CheckState.WAITING)
    results = models.JSONField(default=list)
    error = models.CharField(max_length=500, blank=True)
    finalizes = models.BooleanField(default=False)
    override_reason = models.CharField(max_length=1000, blank=True)
    overridden_by_id = models.BigIntegerField(null=True)
    overridden_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revision", "contract", "digest"], name="contract_check_once"),
            CheckConstraint(condition=Q(state__in=CheckState.values), name="check_state_known"),
            CheckConstraint(
                condition=Q(override_reason="", overridden_at=None)
                | (~Q(override_reason="") & Q(overridden_at__isnull=False)),
                name="override_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.revision_id} against {self.contract_id}: {self.state}"


class Delay(models.Model):
    """A time when a data set was late: a revision was due and had not come.

    promise: how often one was promised, an ISO 8601 duration, as it stood then. ended_at: when the revision came.
    """

    id = models.BigAutoField(primary_key=True)
    data_set = models.ForeignKey(DataSet, on_delete=models.CASCADE, related_name="delays")
    promise = models.CharField(max_length=20)
    due_at = models.DateTimeField()
    noticed_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    revision = models.ForeignKey(
        Revision, on_delete=models.SET_NULL, null=True, blank=True, related_name="ended_delays"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["data_set", "due_at"], name="delay_once"),
            models.UniqueConstraint(fields=["data_set"], condition=Q(ended_at=None), name="one_open_delay"),
            CheckConstraint(condition=Q(ended_at=None) | Q(ended_at__gte=F("due_at")), name="delay_ends_after_due"),
        ]

    def __str__(self) -> str:
        return f"{self.data_set_id} late since {self.due_at}"
