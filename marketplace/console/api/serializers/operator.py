"""The installation as its operator sees and changes it."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Flag, Number, Strict, Text
from marketplace.console.api.paging import PageQuery


class SearchQuery(PageQuery):
    """How much of a list, and which words are searched for."""

    q = serializers.CharField(required=False, max_length=100, help_text="Words of the name or the address.")


class SiteSettingsShape(serializers.Serializer[Any]):
    """How the installation looks and what needs approval."""

    name = serializers.CharField(help_text="Empty for the name of the environment.")
    hue = serializers.IntegerField(allow_null=True, help_text="0 to 360; null for the hue of the environment.")
    has_logo = serializers.BooleanField(source="logo", help_text="False for the logo of the environment.")
    commission_basis_points = serializers.IntegerField(help_text="Kept of each sale, in hundredths of a per cent.")
    approves_publishers = serializers.BooleanField()
    approves_products = serializers.BooleanField()
    updated_at = serializers.DateTimeField()


class NewSiteSettings(Strict):
    """All settings at once."""

    name = Text(max_length=60)
    hue = Number(min_value=0, max_value=360, allow_null=True)
    commission_basis_points = Number(min_value=0, max_value=10_000)
    approves_publishers = Flag()
    approves_products = Flag()


class Reason(Strict):
    """Why something is declined; it is told to the organization."""

    reason = Text(max_length=500)


class OrganizationRow(serializers.Serializer[Any]):
    """An organization of the installation."""

    id = serializers.CharField()
    account_id = serializers.CharField()
    name = serializers.CharField()
    is_verified = serializers.BooleanField()
    publisher_state = serializers.CharField(
        help_text="`REQUESTED`, `APPROVED` or `DECLINED`; empty when it never asked to publish."
    )
    publisher_note = serializers.CharField(help_text="What it wrote when it asked, or why it was declined.")
    created_at = serializers.DateTimeField()


class OrganizationFactsShape(serializers.Serializer[Any]):
    """Figures of an organization."""

    members = serializers.IntegerField()
    data_sets = serializers.IntegerField()
    products = serializers.IntegerField()
    products_listed = serializers.IntegerField()
    size_bytes = serializers.IntegerField(help_text="All files it keeps here.")
    subscriptions = serializers.IntegerField()
    subscribers = serializers.IntegerField()
    last_published_at = serializers.DateTimeField(allow_null=True)


class OperatedOrganization(OrganizationRow):
    """An organization with what it tells about itself and its figures."""

    about = serializers.CharField()
    website = serializers.CharField()
    support_contact = serializers.CharField()
    facts = OrganizationFactsShape()


class Verification(Strict):
    """Whether an organization carries the badge of those whose identity was checked."""

    is_verified = Flag()


class SubmittedProduct(serializers.Serializer[Any]):
    """A product that waits to be listed."""

    id = serializers.CharField()
    name = serializers.CharField()
    owner_id = serializers.CharField()
    owner_name = serializers.CharField(source="owner.name")
    category = serializers.CharField()
    short_description = serializers.CharField()
    submitted_at = serializers.DateTimeField()


class UserRow(serializers.Serializer[Any]):
    """A person who may sign in."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    name = serializers.CharField()
    is_active = serializers.BooleanField(help_text="False while suspended.")
    is_operator = serializers.BooleanField(source="is_staff")
    last_login = serializers.DateTimeField(allow_null=True)
    date_joined = serializers.DateTimeField()


class ParkedWork(serializers.Serializer[Any]):
    """Work that ten attempts did not finish."""

    id = serializers.IntegerField()
    task = serializers.CharField()
    key = serializers.CharField()
    attempts = serializers.IntegerField()
    last_error = serializers.CharField()
    finished_at = serializers.DateTimeField(allow_null=True)


class DatabaseShape(serializers.Serializer[Any]):
    """PostgreSQL."""

    version = serializers.CharField()
    size_bytes = serializers.IntegerField()
    connections = serializers.IntegerField()
    connections_most = serializers.IntegerField()
    oldest_transaction_s = serializers.FloatField()


class StoreShape(serializers.Serializer[Any]):
    """The object store."""

    write_s = serializers.FloatField()
    read_s = serializers.FloatField()
    vault_bytes = serializers.IntegerField()


class TaskWorkShape(serializers.Serializer[Any]):
    """Work rows of one task; `failed` and `done` within the last hour."""

    task = serializers.CharField()
    pending = serializers.IntegerField()
    due = serializers.IntegerField()
    running = serializers.IntegerField()
    parked = serializers.IntegerField()
    failed = serializers.IntegerField()
    done = serializers.IntegerField()


class ProcessShape(serializers.Serializer[Any]):
    """A worker or the scheduler."""

    name = serializers.CharField()
    beat_at = serializers.DateTimeField()
    is_silent = serializers.BooleanField()


class DiskShape(serializers.Serializer[Any]):
    """The volume under a directory."""

    path = serializers.CharField()
    free_bytes = serializers.IntegerField()
    total_bytes = serializers.IntegerField()


class HealthShape(serializers.Serializer[Any]):
    """How the installation is. A part that does not answer is null and stands in `problems`."""

    state = serializers.CharField(help_text="`ok`, `warn` or `bad`: the worst of all parts.")
    faults = serializers.SerializerMethodField(help_text="What somebody should look at, the worst first.")
    measured_at = serializers.DateTimeField()
    database = DatabaseShape(allow_null=True)
    broker_s = serializers.FloatField(allow_null=True)
    store = StoreShape(allow_null=True)
    work = TaskWorkShape(many=True)
    oldest_due_s = serializers.FloatField()
    processes = ProcessShape(many=True)
    disks = DiskShape(many=True)
    problems = serializers.DictField(child=serializers.CharField())

    def get_faults(self, health: Any) -> list[str]:
        """Return the sentences."""
        return [sentence for _, sentence in health.faults]


class MailAnswerShape(serializers.Serializer[Any]):
    """What became of a test mail."""

    is_sent = serializers.BooleanField()
    answer = serializers.CharField(help_text="What the mail server said, or what went wrong.")


class PublisherApproval(serializers.Serializer[Any]):
    """Where an organization stands with the approval to publish."""

    state = serializers.CharField(
        source="publisher_state", help_text="`REQUESTED`, `APPROVED` or `DECLINED`; empty when it never asked."
    )
    note = serializers.CharField(source="publisher_note", help_text="What was asked, or why it was declined.")


class NewPublisherApproval(Strict):
    """What the organization wants to publish."""

    note = Text(max_length=500)
