"""Read-only look into an organization's own PostgreSQL-protocol database: does it answer, and which tables are there.

The host is resolved once by the egress gate and libpq is given the checked address beside the name (`hostaddr`), so that
TLS still verifies the name. Nothing of this machine is offered to the far side: no password file, client certificate or
Kerberos ticket. Source: PostgreSQL documentation, libpq, "Parameter Key Words".
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import requests.utils
from psycopg import errors, sql
from psycopg.rows import tuple_row

from marketplace.core import egress
from marketplace.core.egress import AddressRefused
from marketplace.core.models import SourceConnection, SslMode
from marketplace.core.sources import SourceFault, secret_of

CONNECT_S = 10
STATEMENT_S = 15
#: of one visit with all its statements
VISIT_S = 60
#: A name may have many addresses; each that does not answer costs CONNECT_S.
ADDRESSES = 3
MOST_BYTES = 32 * 1024 * 1024
#: of one share
MOST_TABLES = 500
MOST_COLUMNS = 5_000
LONGEST_COMMENT = 500
#: Schemas of the database's own.
INTERNAL = {"information_schema", "pg_catalog", "pg_toast"}
#: table, partitioned table, view, materialized view, foreign table
_KINDS = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED_VIEW", "f": "FOREIGN_TABLE"}


@dataclass(frozen=True)
class Column:
    """type: as the database spells it, such as `numeric(10,2)`."""

    name: str
    type: str
    is_nullable: bool
    comment: str


@dataclass(frozen=True)
class Table:
    """estimated_rows: of the database's own statistics; None for a view, and for a table that it never counted."""

    schema: str
    name: str
    kind: str
    comment: str
    estimated_rows: int | None
    columns: list[Column]


def explain(error: psycopg.Error, connection: SourceConnection) -> SourceFault:
    """Return the fault with a sentence that says what is wrong and what to do."""
    where = f"{connection.host}:{connection.port}"
    text = str(error)
    if isinstance(error, (errors.InvalidPassword, errors.InvalidAuthorizationSpecification)) or any(
        words in text for words in ("password authentication failed", "no password supplied", "pg_hba.conf")
    ):
        if "pg_hba.conf" in text:
            return SourceFault(
                "unauthorized",
                f"{where} does not let the user {connection.username} in from here, or not with this encryption."
                " Allow it in pg_hba.conf or in the settings of your provider.",
                field="username",
            )
        return SourceFault(
            "unauthorized", f"{where} refused the user {connection.username} or the password.", field="password"
        )
    if isinstance(error, errors.InvalidCatalogName) or (f'database "{connection.database}" does not exist' in text):
        return SourceFault(
            "missing", f"The database {connection.database} does not exist at {where}.", field="database"
        )
    if "does not support SSL" in text:
        return SourceFault(
            "rejected",
            f"{where} does not offer encryption. Switch TLS on there: passwords and data are not sent in the clear.",
            field="sslmode",
        )
    if "certificate verify failed" in text or "server certificate for" in text:
        return SourceFault(
            "rejected",
            f"The certificate of {where} is not one that a public authority issued for this host name.",
            field="sslmode",
        )
    if isinstance(error, (errors.InsufficientPrivilege,)):
        return SourceFault("unauthorized", f"{connection.username} may not read this at {where}.", field="username")
    if isinstance(error, errors.QueryCanceled):
        return SourceFault("busy", f"{where} did not answer a question within {STATEMENT_S} s.")
    if isinstance(error, (errors.TooManyConnections, errors.CannotConnectNow, errors.AdminShutdown)):
        return SourceFault("busy", f"{where} takes no connections at the moment.")
    if isinstance(error, psycopg.OperationalError):
        return SourceFault(
            "unreachable",
            f"The database {where} cannot be reached. Check host and port, and that it may be reached from here.",
            field="host",
        )
    reason = text.splitlines()[0][:200] if text else type(error).__name__
    return SourceFault("rejected", f"{where} refused: {reason}")


@contextmanager
def _visit(connection: SourceConnection) -> Iterator[psycopg.Connection[Any]]:
    """Open a read-only transaction with time-outs. Raises SourceFault, for what goes wrong inside too."""
    is_plain = connection.sslmode == SslMode.DISABLE
    if is_plain and not egress.is_allowed(connection.host, connection.port):
        raise SourceFault(
            "refused", "A database outside the operator's own network must be encrypted.", field="sslmode"
        )
    try:
        addresses = egress.database_addresses(connection.host, connection.port)[:ADDRESSES]
    except AddressRefused as error:
        raise SourceFault("refused", error.message, field="host") from error
    except OSError as error:
        raise SourceFault(
            "unreachable", f"The name {connection.host} has no address. Check the host.", field="host"
        ) from error
    link: psycopg.Connection[Any] | None = None
    try:
        with egress.watched(seconds=VISIT_S, most_bytes=MOST_BYTES) as watch:
            try:
                link = psycopg.connect(
                    host=",".join([connection.host] * len(addresses)),
                    hostaddr=",".join(addresses),
                    port=connection.port,
                    dbname=connection.database,
                    user=connection.username,
                    password=secret_of(connection),
                    sslmode=connection.sslmode,
                    sslrootcert=str(requests.utils.DEFAULT_CA_BUNDLE_PATH)
                    if connection.sslmode == SslMode.VERIFY_FULL
                    else "",
                    sslcertmode="disable",
                    gssencmode="disable",
                    require_auth="!gss,!sspi",
                    passfile=os.devnull,
                    connect_timeout=CONNECT_S,
                    application_name="entrepot",
                    prepare_threshold=None,
                    autocommit=False,
                    row_factory=tuple_row,
                )
                watch.add(link.fileno())
                if link.info.hostaddr not in addresses:
                    raise SourceFault("refused", "The connection went to another address.", field="host")
                link.read_only = True
                link.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(STATEMENT_S * 1000))
                yield link
            except psycopg.Error as error:
                if watch.exceeded == "size":
                    raise SourceFault(
                        "too_large", f"{connection.host} sent more than {MOST_BYTES // 2**20} MB for a description."
                    ) from error
                if watch.exceeded == "time":
                    raise SourceFault(
                        "busy", f"{connection.host} did not answer all questions within {VISIT_S} s."
                    ) from error
                raise explain(error, connection) from error
            finally:
                if link is not None:
                    link.close()
    except UnicodeError as error:
        raise SourceFault("rejected", f"{connection.host} sent text that is not UTF-8.") from error


def check(connection: SourceConnection) -> None:
    """Connect and read `SELECT 1` in a read-only transaction. Raises SourceFault."""
    with _visit(connection) as link:
        link.execute("SELECT 1").fetchone()


def read_share(connection: SourceConnection, *, schema: str, table: str = "") -> list[Table]:
    """Return the tables of a schema, or the one that is named, with their columns, by name.

    Each was selected from. Raises SourceFault: "missing" when there are none, "unauthorized" naming the first that the
    registered user may not read, "too_large" beyond MOST_TABLES or MOST_COLUMNS.
    """
    if schema in INTERNAL or schema.startswith(("pg_temp_", "pg_toast_temp_")):
        raise SourceFault("rejected", f"The schema {schema} is the database's own and cannot be shared.")
    with _visit(connection) as link:
        found = _read_tables(link, schema, table)
        if not found:
            what = f"table {schema}.{table}" if table else f"schema {schema}, or no table in it,"
            raise SourceFault(
                "missing",
                f"There is no {what} at {connection.address} that {connection.username} can see. Names are as the"
                " database keeps them, mostly in lower case.",
            )
        if len(found) > MOST_TABLES:
            raise SourceFault(
                "too_large", f"{schema} has more than {MOST_TABLES} tables. Share tables of it by name: {schema}.table."
            )
        for _, name, *_ in found:
            _try_to_select(link, connection, schema, name)
        columns = _read_columns(link, [oid for oid, *_ in found])
    return [
        Table(schema, name, _KINDS[kind], comment, int(rows) if rows >= 0 and kind in "rpmf" else None, columns[oid])
        for oid, name, kind, comment, rows in found
    ]


def _read_tables(link: psycopg.Connection[Any], schema: str, table: str) -> list[tuple[int, str, str, str, float]]:
    rows = link.cursor().stream(
        """
        SELECT c.oid, c.relname, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), ''),
               c.reltuples::float8
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND (%s::text = '' OR c.relname = %s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        ORDER BY c.relname LIMIT %s
        """,
        [schema, table, table, MOST_TABLES + 1],
    )
    return [
        (int(oid), str(name), str(kind), str(comment)[:LONGEST_COMMENT], float(count))
        for oid, name, kind, comment, count in rows
    ]


def _try_to_select(link: psycopg.Connection[Any], connection: SourceConnection, schema: str, name: str) -> None:
    try:
        link.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(schema, name)))
    except errors.InsufficientPrivilege as error:
        raise SourceFault(
            "unauthorized",
            f"{connection.username} may not select from {schema}.{name}."
            " Grant it USAGE on the schema and SELECT on the table.",
        ) from error


def _read_columns(link: psycopg.Connection[Any], oids: list[int]) -> dict[int, list[Column]]:
    found: dict[int, list[Column]] = {oid: [] for oid in oids}
    rows = link.cursor().stream(
        """
        SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
               coalesce(col_description(a.attrelid, a.attnum), '')
        FROM pg_attribute a WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attrelid, a.attnum LIMIT %s
        """,
        [oids, MOST_COLUMNS + 1],
    )
    for count, (oid, name, kind, is_nullable, comment) in enumerate(rows):
        if count == MOST_COLUMNS:
            raise SourceFault("too_large", f"The tables have more than {MOST_COLUMNS:,} columns. Share fewer at once.")
        found[int(oid)].append(Column(str(name), str(kind)[:200], bool(is_nullable), str(comment)[:LONGEST_COMMENT]))
    return found
