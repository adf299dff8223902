"""Register, prove and remove the databases and catalogues of organizations."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from marketplace.core import audit, egress, iceberg_source, postgres_source
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.models import Organization, SourceAuthentication, SourceConnection, SourceKind, SslMode
from marketplace.core.sources import SourceFault, seal_secret

#: per organization; each test opens a connection to an address that the organization chose
TESTS, TESTS_WINDOW_S = 30, 60


class SourceConnectionExists(Conflict):
    message = "This source is already registered."


class SourceNotProved(Invalid):
    """The test failed; the message is the reason in a sentence."""


def _check_text(value: str, *, field: str, longest: int, needed: bool = True) -> str:
    value = value.strip()
    if needed and not value:
        raise Invalid("This field is needed.", field=field)
    if len(value) > longest:
        raise Invalid(f"Use at most {longest} characters.", field=field)
    if any(ord(letter) < 32 for letter in value):
        raise Invalid("Control characters cannot be used.", field=field)
    return value


def _check_secret(value: str, *, field: str, longest: int) -> str:
    """A password may begin or end with a space."""
    if not value.strip():
        raise Invalid("This field is needed.", field=field)
    if len(value) > longest:
        raise Invalid(f"Use at most {longest} characters.", field=field)
    if "\x00" in value:
        raise Invalid("A NUL character cannot be used.", field=field)
    return value


def create_postgresql_source(
    *,
    organization: Organization,
    name: str,
    host: str,
    port: int,
    database: str,
    username: str,
    password: str,
    actor: Actor,
    at: datetime,
    sslmode: str = SslMode.REQUIRE,
) -> SourceConnection:
    """Register a PostgreSQL-protocol database after `SELECT 1` went well; nothing is stored when it did not.

    Raises Invalid naming the field, SourceNotProved with the reason, SourceConnectionExists.
    """
    row = SourceConnection(
        organization=organization,
        kind=SourceKind.POSTGRESQL,
        name=_check_text(name, field="name", longest=120),
        host=_check_text(host, field="host", longest=253).lower().removeprefix("[").removesuffix("]"),
        port=port,
        database=_check_text(database, field="database", longest=63),
        username=_check_text(username, field="username", longest=128),
        sslmode=sslmode,
        created_at=at,
        proved_at=at,
    )
    password = _check_secret(password, field="password", longest=1024)
    if sslmode not in SslMode.values:
        raise Invalid(f"Use one of {', '.join(SslMode.values)}.", field="sslmode")
    if not 1 <= port <= 65_535:
        raise Invalid("A port is a number from 1 to 65535.", field="port")
    try:
        egress.check_database_host(row.host, port)
    except egress.AddressRefused as error:
        raise Invalid(error.message, field="port" if error.message.startswith("Port") else "host") from None
    _refuse_own_database(row)
    seal_secret(row, password)
    return _prove_and_store(row, actor=actor)


def _refuse_own_database(row: SourceConnection) -> None:
    """A host may have many names; from outside ours cannot be reached unless the operator's allowlist names it."""
    ours = settings.DATABASES["default"]
    may_be_ours = row.host == str(ours["HOST"]).lower() or egress.is_allowed(row.host, row.port)
    if may_be_ours and row.port == int(ours["PORT"] or 5432) and row.database == ours["NAME"]:
        raise Invalid("This database belongs to the exchange itself. Register one of your own.", field="database")


def create_iceberg_source(
    *,
    organization: Organization,
    name: str,
    uri: str,
    actor: Actor,
    at: datetime,
    warehouse: str = "",
    prefix: str = "",
    authentication: str = SourceAuthentication.NONE,
    secret: str = "",
    client_id: str = "",
    oauth_scope: str = "",
    token_url: str = "",
) -> SourceConnection:
    """Register an Iceberg REST catalogue after its configuration was read; nothing is stored when it could not be.

    uri: without the `/v1` that the specification adds. secret: the token, or the client's secret. token_url: the
    catalogue's own `/v1/oauth/tokens` when empty. Raises Invalid naming the field, SourceNotProved,
    SourceConnectionExists.
    """
    uri = _check_text(uri, field="uri", longest=500).rstrip("/")
    has_client = authentication == SourceAuthentication.CLIENT_CREDENTIALS
    if authentication not in SourceAuthentication.values:
        raise Invalid(f"Use one of {', '.join(SourceAuthentication.values)}.", field="authentication")
    row = SourceConnection(
        organization=organization,
        kind=SourceKind.ICEBERG_REST,
        name=_check_text(name, field="name", longest=120),
        uri=uri.removesuffix("/v1"),
        warehouse=_check_text(warehouse, field="warehouse", longest=200, needed=False),
        prefix=_check_text(prefix, field="prefix", longest=100, needed=False).strip("/"),
        authentication=authentication,
        client_id=_check_text(client_id, field="client_id", longest=256, needed=has_client),
        oauth_scope=_check_text(oauth_scope, field="oauth_scope", longest=500, needed=False),
        token_url=_check_text(token_url, field="token_url", longest=500, needed=False),
        created_at=at,
        proved_at=at,
    )
    if authentication == SourceAuthentication.NONE:
        if secret:
            raise Invalid("An open catalogue takes no secret. Choose how to sign in.", field="secret")
    else:
        secret = _check_secret(secret, field="secret", longest=8192).strip()
        if not (secret.isascii() and secret.isprintable()):
            raise Invalid("Use plain ASCII letters, digits and signs.", field="secret")
    if not has_client and (row.client_id or row.oauth_scope or row.token_url):
        raise Invalid("Client id, scope and token URL belong to OAuth2 client credentials.", field="authentication")
    for field in ("uri", "token_url"):
        url = getattr(row, field)
        if "?" in url or "#" in url:
            raise Invalid("Give the URL without a query or a fragment.", field=field)
        if not url.isascii() or " " in url:
            raise Invalid("Write other letters than plain ASCII as %XX.", field=field)
        try:
            if url:
                egress.check_url(url)
        except egress.AddressRefused as error:
            raise Invalid(error.message, field=field) from None
    seal_secret(row, secret)
    return _prove_and_store(row, actor=actor)


def _check_source(row: SourceConnection) -> None:
    """Raises SourceFault."""
    if row.kind == SourceKind.POSTGRESQL:
        postgres_source.check(row)
    else:
        iceberg_source.check(row)


def _prove_and_store(row: SourceConnection, *, actor: Actor) -> SourceConnection:
    try:
        _check_source(row)
    except SourceFault as fault:
        raise SourceNotProved(str(fault), field=fault.field) from fault
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            audit.record(
                "source_connection.created", actor=actor, subject=row, detail={"kind": row.kind, "address": row.address}
            )
    except IntegrityError:
        raise SourceConnectionExists("SOURCE_CONNECTION", row.address) from None
    return row


def prove_source_connection(*, connection: SourceConnection, at: datetime) -> None:
    """Test a source again and record the outcome. Raises SourceFault after recording it."""
    try:
        _check_source(connection)
    except SourceFault as fault:
        SourceConnection.objects.filter(pk=connection.pk).update(failed_at=at, failure=str(fault)[:500])
        raise
    SourceConnection.objects.filter(pk=connection.pk).update(proved_at=at, failed_at=None, failure="")


@transaction.atomic
def remove_source_connection(*, connection: SourceConnection, actor: Actor, at: datetime) -> None:
    """Forget a source and its secret: nothing is read there any more. Twice changes nothing."""
    changed = SourceConnection.objects.filter(pk=connection.pk, removed_at=None)
    if changed.update(removed_at=at, sealed_secret=b""):
        audit.record("source_connection.removed", actor=actor, subject=connection)
