"""SourceConnection: a database or a lake's catalogue that an organization has registered and proved."""

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from marketplace.core.ids import new_id
from marketplace.core.models.identity import Organization


class SourceKind(models.TextChoices):
    POSTGRESQL = "POSTGRESQL", "PostgreSQL database"
    ICEBERG_REST = "ICEBERG_REST", "Iceberg catalogue"


class SslMode(models.TextChoices):
    """How a connection to a database is protected, spelled as libpq spells it."""

    REQUIRE = "require", "Encrypted"
    VERIFY_FULL = "verify-full", "Encrypted, certificate and host name checked"
    DISABLE = "disable", "Not encrypted"


class SourceAuthentication(models.TextChoices):
    """How a catalogue knows us. Source: Apache Iceberg, REST catalog specification, security schemes."""

    NONE = "NONE", "Nothing: it is open"
    TOKEN = "TOKEN", "A bearer token"
    CLIENT_CREDENTIALS = "CLIENT_CREDENTIALS", "OAuth2 client credentials"


class SourceConnection(models.Model):
    """Where a database or a catalogue is and how we sign in; usable once a test went well. Fields of the other kind are empty."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="source_connections")
    kind = models.CharField(max_length=12, choices=SourceKind.choices)
    name = models.CharField(max_length=120)
    # --- POSTGRESQL
    host = models.CharField(max_length=253, blank=True)
    port = models.IntegerField(default=0)
    database = models.CharField(max_length=63, blank=True)
    username = models.CharField(max_length=128, blank=True)
    sslmode = models.CharField(max_length=11, choices=SslMode.choices, blank=True)
    # --- ICEBERG_REST
    uri = models.CharField(max_length=500, blank=True)
    warehouse = models.CharField(max_length=200, blank=True)
    prefix = models.CharField(max_length=100, blank=True)
    authentication = models.CharField(max_length=18, choices=SourceAuthentication.choices, blank=True)
    client_id = models.CharField(max_length=256, blank=True)
    oauth_scope = models.CharField(max_length=500, blank=True)
    token_url = models.CharField(max_length=500, blank=True)

    sealed_secret = models.BinaryField(default=b"")  # password, token or client secret
    created_at = models.DateTimeField(default=timezone.now)
    proved_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=500, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "host", "port", "database", "username", "uri", "warehouse", "prefix"],
                condition=Q(removed_at=None),
                name="source_once",
            ),
            CheckConstraint(
                condition=(
                    Q(kind=SourceKind.POSTGRESQL, uri="", warehouse="", prefix="", authentication="")
                    & Q(sslmode__in=SslMode.values, port__gte=1, port__lte=65_535)
                    & ~Q(host="")
                    & ~Q(database="")
                    & ~Q(username="")
                )
                | (
                    Q(kind=SourceKind.ICEBERG_REST, host="", port=0, database="", username="", sslmode="")
                    & Q(authentication__in=SourceAuthentication.values)
                    & ~Q(uri="")
                ),
                name="source_fields_of_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"

    @property
    def address(self) -> str:
        """Return where it is, without a credential."""
        if self.kind == SourceKind.POSTGRESQL:
            host = f"[{self.host}]" if ":" in self.host else self.host
            return f"{host}:{self.port}/{self.database}"
        return self.uri

    @property
    def is_proved(self) -> bool:
        """Return True while the last test went well."""
        return self.proved_at is not None and (self.failed_at is None or self.failed_at < self.proved_at)
