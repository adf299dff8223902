"""Databases and catalogues of organizations: proved by signing in and reading before anything is stored about them."""

import json
import socket
import threading

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.core import crypto, egress, iceberg_source, postgres_source
from marketplace.core.egress import AddressRefused
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import AuditRecord, SourceConnection
from marketplace.core.operations.sources import (
    SourceConnectionExists,
    SourceNotProved,
    create_iceberg_source,
    prove_source_connection,
    remove_source_connection,
)
from marketplace.core.queries.sources import get_source_connection, list_source_connections
from marketplace.core.sources import SourceFault, secret_of
from tests import sources
from tests.conftest import actor_of
from tests.core.test_egress import PRIVATE
from tests.webserver import WebServer, plain, redirect, truncated

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def database():
    with sources.database() as made:
        yield made


@pytest.fixture(scope="module")
def lake():
    made = sources.filled_lake()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def allowed(settings, database):
    """What the operator lets through: the database of the test."""
    settings.EGRESS_ALLOWLIST = [database.address]
    return settings.EGRESS_ALLOWLIST


@pytest.fixture
def catalogue(lake, allowed):
    allowed.append(lake.address)
    return lake


@pytest.fixture
def far(allowed):
    """A web server that answers as a test says."""
    server = WebServer()
    allowed.append(server.address)
    server.answers["/v1/config"] = as_json({"defaults": {}, "overrides": {}})
    server.answers["/v1/namespaces"] = as_json({"namespaces": []})
    yield server
    server.stop()


def as_json(value, *, status=200):
    return plain(json.dumps(value).encode(), status=status, Content_Type="application/json")


def register_far(member, far, **changes):
    return create_iceberg_source(
        organization=member.organization,
        actor=actor_of(member),
        at=timezone.now(),
        **{"name": "Lake", "uri": far.url} | changes,
    )


# --- databases --------------------------------------------------------------------------------------------------------
def test_a_database_is_registered_after_it_answered_and_its_password_is_sealed_for_this_row(publisher, database):
    made = sources.register_database(publisher, database)
    assert made.is_proved
    row = get_source_connection(organization=publisher.organization, connection_id=made.pk, kind="POSTGRESQL")
    assert row.address == f"127.0.0.1:{database.port}/{database.name}"
    assert sources.PASSWORD.encode() not in bytes(row.sealed_secret)
    assert secret_of(row) == sources.PASSWORD
    assert AuditRecord.objects.get(action="source_connection.created").detail == {
        "kind": "POSTGRESQL",
        "address": row.address,
    }
    assert sources.PASSWORD not in str(list(AuditRecord.objects.values()))
    row.organization_id = "0" * 32
    with pytest.raises(crypto.SecretCannotBeOpened):
        secret_of(row)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"password": "wrong"}, "password", "refused the user reader_.* or the password"),
        ({"username": "nobody_here"}, "password", "refused the user nobody_here or the password"),
        ({"database": "no_such_database"}, "database", "The database no_such_database does not exist at"),
        ({"sslmode": "require"}, "sslmode", "does not offer encryption"),
        ({"sslmode": "verify-full"}, "sslmode", "does not offer encryption"),
    ],
)
def test_a_database_that_cannot_be_read_is_refused_with_the_reason(publisher, database, changes, field, sentence):
    with pytest.raises(SourceNotProved, match=sentence) as caught:
        sources.register_database(publisher, database, **changes)
    assert caught.value.field == field
    assert sources.PASSWORD not in caught.value.message
    assert SourceConnection.objects.count() == 0


def test_a_database_where_nobody_listens_is_refused_with_the_reason(publisher, database, allowed):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    allowed.append(f"127.0.0.1:{port}")
    with pytest.raises(SourceNotProved, match=f"The database 127.0.0.1:{port} cannot be reached") as caught:
        sources.register_database(publisher, database, port=port)
    assert caught.value.field == "host"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"host": ""}, "host"),
        ({"host": "/var/run/postgresql"}, "host"),
        ({"host": "@abstract"}, "host"),
        ({"host": "a,b"}, "host"),
        ({"host": "exämple.org"}, "host"),
        ({"port": 22}, "port"),
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"database": ""}, "database"),
        ({"database": "a\x00b"}, "database"),
        ({"username": "u" * 129}, "username"),
        ({"password": ""}, "password"),
        ({"password": "a\x00b"}, "password"),
        ({"sslmode": "prefer"}, "sslmode"),
    ],
)
def test_a_wrong_field_of_a_database_is_named_before_anything_is_opened(
    publisher, database, monkeypatch, changes, field
):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))
    with pytest.raises(Invalid) as caught:
        sources.register_database(publisher, database, **changes)
    assert caught.value.field == field
    assert SourceConnection.objects.count() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "[::1]", "localhost"])
def test_a_database_inside_the_network_is_refused(publisher, database, settings, host):
    settings.EGRESS_ALLOWLIST = []
    with pytest.raises(SourceNotProved, match="private network") as caught:
        sources.register_database(publisher, database, host=host, port=5432, sslmode="require")
    assert caught.value.field == "host"


def test_a_name_is_resolved_once_and_the_driver_gets_the_checked_address(monkeypatch):
    """DNS rebinding: a second lookup would lead inside."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    def resolve(_, port, *__, **___):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    given = {}
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(
        postgres_source.psycopg,
        "connect",
        lambda **options: (given.update(options), (_ for _ in ()).throw(postgres_source.psycopg.OperationalError()))[1],
    )
    row = SourceConnection(host="db.example.org", port=5432, database="d", username="u", sslmode="require")
    with pytest.raises(SourceFault, match="cannot be reached"):
        postgres_source.check(row)
    assert (given["host"], given["hostaddr"]) == ("db.example.org", "93.184.216.34")
    assert (given["connect_timeout"], given["sslcertmode"], given["require_auth"]) == (10, "disable", "!gss,!sspi")
    assert len(answers) == 1


def test_one_private_answer_among_public_ones_refuses_a_database(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 5432)) for a in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(AddressRefused):
        egress.database_addresses("mixed.example.org", 5432)


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_inside_is_given_to_the_driver(monkeypatch, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address.split("%")[0], 5432))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(AddressRefused, match="private network"):
        egress.database_addresses("inside.example.org", 5432)


def test_a_database_outside_must_be_encrypted(publisher, database, settings):
    settings.EGRESS_ALLOWLIST = []
    with pytest.raises(SourceNotProved, match="must be encrypted") as caught:
        sources.register_database(publisher, database, host="db.example.org", port=5432)
    assert caught.value.field == "sslmode"


def test_the_exchanges_own_database_is_refused(publisher, database, settings):
    with pytest.raises(Invalid, match="belongs to the exchange itself") as caught:
        sources.register_database(publisher, database, database=settings.DATABASES["default"]["NAME"])
    assert caught.value.field == "database"


@pytest.fixture
def tls(database, tmp_path, allowed):
    """The database behind TLS, under the name localhost and a certificate that nobody knows."""
    front = sources.TlsFront(database, tmp_path, host="localhost")
    allowed += [f"localhost:{front.port}", f"127.0.0.1:{front.port}"]
    yield front
    front.stop()


def test_an_encrypted_database_is_read_and_only_verify_full_asks_whose_it_is(publisher, database, tls, monkeypatch):
    made = sources.register_database(publisher, database, port=tls.port, sslmode="require")
    assert [t.name for t in postgres_source.read_share(made, schema="sales")] == ["large_orders", "orders"]
    with pytest.raises(SourceNotProved, match="not one that a public authority issued") as caught:
        sources.register_database(publisher, database, host="localhost", port=tls.port, sslmode="verify-full")
    assert caught.value.field == "sslmode"
    monkeypatch.setattr("requests.utils.DEFAULT_CA_BUNDLE_PATH", str(tls.certificate))
    known = sources.register_database(publisher, database, host="localhost", port=tls.port, sslmode="verify-full")
    assert known.is_proved
    with pytest.raises(SourceNotProved, match="for this host name"):
        sources.register_database(publisher, database, host="127.0.0.1", port=tls.port, sslmode="verify-full")


def test_the_tables_of_a_schema_are_described(publisher, database):
    made = sources.register_database(publisher, database)
    view, table = postgres_source.read_share(made, schema="sales")
    assert (table.schema, table.name, table.kind, table.comment) == ("sales", "orders", "TABLE", "One row an order")
    assert table.estimated_rows == 250
    assert [(c.name, c.type, c.is_nullable, c.comment) for c in table.columns] == [
        ("id", "bigint", False, ""),
        ("amount", "numeric(10,2)", True, "Euros"),
        ("at", "timestamp with time zone", True, ""),
    ]
    assert (view.name, view.kind, view.estimated_rows) == ("large_orders", "VIEW", None)
    assert [c.name for c in view.columns] == ["id", "amount"]
    assert postgres_source.read_share(made, schema="sales", table="orders") == [table]


@pytest.mark.parametrize(
    ("share", "cause", "sentence"),
    [
        ({"schema": "sales", "table": "nowhere"}, "missing", "There is no table sales.nowhere at"),
        ({"schema": "nowhere"}, "missing", "There is no schema nowhere, or no table in it"),
        ({"schema": "nothing"}, "missing", "There is no schema nothing, or no table in it"),
        ({"schema": "SALES"}, "missing", "mostly in lower case"),
        ({"schema": "hr"}, "unauthorized", "may not select from hr.salaries. Grant it"),
        ({"schema": "pg_catalog"}, "rejected", "is the database's own"),
        ({"schema": "information_schema"}, "rejected", "is the database's own"),
        ({"schema": 'sales"; DROP TABLE sales.orders; --'}, "missing", "There is no schema"),
    ],
)
def test_a_share_that_cannot_be_given_is_refused_with_the_reason(publisher, database, share, cause, sentence):
    made = sources.register_database(publisher, database)
    with pytest.raises(SourceFault, match=sentence) as caught:
        postgres_source.read_share(made, **share)
    assert caught.value.cause == cause


def test_too_many_tables_or_columns_are_refused(publisher, database, monkeypatch):
    made = sources.register_database(publisher, database)
    monkeypatch.setattr(postgres_source, "MOST_TABLES", 1)
    with pytest.raises(SourceFault, match="sales has more than 1 tables") as caught:
        postgres_source.read_share(made, schema="sales")
    assert caught.value.cause == "too_large"
    monkeypatch.setattr(postgres_source, "MOST_COLUMNS", 2)
    with pytest.raises(SourceFault, match="more than 2 columns"):
        postgres_source.read_share(made, schema="sales", table="orders")


def fault_of(row, *statements):
    with pytest.raises(SourceFault) as caught, postgres_source._visit(row) as link:
        for statement in statements:
            link.execute(statement)
    return caught.value


def test_nothing_can_be_written_and_no_statement_runs_for_ever(publisher, database, monkeypatch):
    made = sources.register_database(publisher, database)
    with pytest.raises(SourceFault, match="read-only transaction"), postgres_source._visit(made) as link:
        link.execute("CREATE TEMPORARY TABLE t (a int)")
    monkeypatch.setattr(postgres_source, "STATEMENT_S", 0.2)
    fault = fault_of(made, "SELECT pg_sleep(30)")
    assert "did not answer a question within" in str(fault)
    assert fault.is_temporary


def test_a_database_that_takes_for_ever_or_sends_without_end_is_cut_off(publisher, database, monkeypatch):
    """The far side does not keep its own statement time-out: here it is given none."""
    made = sources.register_database(publisher, database)
    monkeypatch.setattr(postgres_source, "VISIT_S", 0.5)
    fault = fault_of(made, "SET LOCAL statement_timeout = 0", "SELECT pg_sleep(60)")
    assert "did not answer all questions within" in str(fault)
    assert fault.cause == "busy"
    monkeypatch.setattr(postgres_source, "VISIT_S", 60)
    monkeypatch.setattr(postgres_source, "MOST_BYTES", 100_000)
    fault = fault_of(made, "SELECT repeat('x', 10000), pg_sleep(0.002) FROM generate_series(1, 1000000)")
    assert "for a description" in str(fault)
    assert fault.cause == "too_large"


# --- catalogues -------------------------------------------------------------------------------------------------------
def test_a_catalogue_is_registered_after_it_answered(publisher, catalogue):
    made = sources.register_lake(publisher, catalogue)
    assert made.is_proved
    assert secret_of(made) == catalogue.SECRET_KEY
    assert (made.address, made.port) == (catalogue.uri, 0)
    other = sources.register_lake(
        publisher, catalogue, warehouse="lake", authentication="TOKEN", client_id="", secret=catalogue.token()
    )
    rows = list_source_connections(organization=publisher.organization, kind="ICEBERG_REST")
    assert list(rows) == [other, made]


@pytest.mark.parametrize("is_given", [False, True])
def test_namespaces_and_tables_of_a_real_catalogue_are_read(publisher, catalogue, is_given):
    changes = {"warehouse": "", "prefix": "lake"} if is_given else {}
    made = sources.register_lake(publisher, catalogue, **changes)
    with iceberg_source.open_catalogue(made) as found:
        assert found.namespaces() == [("hr",), ("sales",), ("sales", "eu")]
        assert found.properties_of(("sales", "eu")) == {
            "domain": "sales",
            "tier": "silver",
            "location": "s3://lake/sales.eu",
        }
        assert found.properties_of(("nowhere",)) == {}
        assert found.table_names(("sales",)) == ["orders", "refunds"]
        assert found.table_names(("sales", "eu")) == ["orders"]
        table = found.table(("sales",), "orders")
        assert found.table(("sales",), "nowhere") is None
    assert table is not None
    assert table.location == "s3://lake/sales/orders"
    assert table.properties["sensitivity"] == "public"
    assert [(c.name, c.type, c.is_nullable, c.comment) for c in table.columns] == [
        ("id", "long", False, "Key"),
        ("amount", "decimal(10, 2)", True, ""),
    ]


def test_pages_are_followed_to_the_end(publisher, catalogue, monkeypatch):
    made = sources.register_lake(publisher, catalogue)
    monkeypatch.setattr(iceberg_source, "PAGE", 1)
    with iceberg_source.open_catalogue(made) as found:
        assert found.namespaces() == [("hr",), ("sales",), ("sales", "eu")]
        assert found.table_names(("sales",)) == ["orders", "refunds"]


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"secret": "wrong"}, "secret", "refused the credentials"),
        ({"authentication": "TOKEN", "client_id": "", "secret": "abc"}, "secret", "refused the credentials"),
        ({"authentication": "NONE", "client_id": "", "secret": ""}, "authentication", "asks for credentials"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_refused_with_the_reason(publisher, catalogue, changes, field, sentence):
    with pytest.raises(SourceNotProved, match=sentence) as caught:
        sources.register_lake(publisher, catalogue, **changes)
    assert caught.value.field == field
    assert SourceConnection.objects.count() == 0


@pytest.mark.parametrize(
    ("answer", "field", "sentence"),
    [
        (plain(b"<html>"), "uri", "the answer is not a JSON object"),
        (plain(b"[]"), "uri", "the answer is not a JSON object"),
        (plain(b"[" * 100_000), "uri", "the answer is not a JSON object"),
        (plain(b"{}"), "uri", "no defaults and overrides"),
        (plain(b"", status=404), "uri", "answered 404"),
        (plain(b"", status=500), "", "is busy"),
        (plain(b"", status=418), "uri", "answered 418; 200 was expected"),
        (redirect("https://169.254.169.254/"), "uri", "answered 302"),
        (plain(b"x" * 11_000_000), "", "more than 10 MB"),
        (plain(b"x", Content_Encoding="gzip"), "uri", "compressed"),
        (truncated(b"{", announced=100), "uri", "cannot be reached"),
    ],
)
def test_what_is_no_catalogue_is_refused_with_the_reason(publisher, far, monkeypatch, answer, field, sentence):
    monkeypatch.setattr(iceberg_source, "REQUEST_S", 1)
    far.answers["/v1/config"] = answer
    with pytest.raises(SourceNotProved, match=sentence) as caught:
        register_far(publisher, far)
    assert caught.value.field == field
    assert [path for path, _ in far.seen] == ["/v1/config"]


def test_a_catalogue_that_trickles_is_cut_off(publisher, far, monkeypatch):
    """Each byte would start a time-out of a read anew."""
    monkeypatch.setattr(iceberg_source, "REQUEST_S", 1)
    ended = threading.Event()

    def trickle(request):
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while not ended.wait(0.1):
                request.wfile.write(b"X-More: and more\r\n")
        except OSError:
            ended.set()

    far.answers["/v1/config"] = trickle
    with pytest.raises(SourceNotProved, match="did not answer within 1 s"):
        register_far(publisher, far)
    assert ended.wait(10)


def test_a_token_goes_to_the_catalogue_and_nothing_else_does(publisher, far, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    register_far(publisher, far, authentication="TOKEN", secret="the token", warehouse="w 1")
    assert [path for path, _ in far.seen] == ["/v1/config?warehouse=w+1", "/v1/namespaces?pageSize=1"]
    assert {headers["Authorization"] for _, headers in far.seen} == {"Bearer the token"}
    assert not any("Cookie" in headers for _, headers in far.seen)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"uri": ""}, "uri"),
        ({"uri": "http://catalog.example.org"}, "uri"),
        ({"uri": "https://u:p@catalog.example.org"}, "uri"),
        ({"uri": "https://catalog.example.org:22"}, "uri"),
        ({"uri": "https://catalog.example.org/?a=b"}, "uri"),
        ({"uri": "https://catalog.example.org/ä"}, "uri"),
        ({"uri": "ftp://catalog.example.org"}, "uri"),
        ({"authentication": "BASIC"}, "authentication"),
        ({"authentication": "TOKEN"}, "secret"),
        ({"authentication": "TOKEN", "secret": "t\r\nX-Evil: 1"}, "secret"),
        ({"authentication": "CLIENT_CREDENTIALS", "secret": "s"}, "client_id"),
        ({"secret": "s"}, "secret"),
        ({"client_id": "c"}, "authentication"),
        (
            {
                "authentication": "CLIENT_CREDENTIALS",
                "secret": "s",
                "client_id": "c",
                "token_url": "http://127.0.0.1/token",
            },
            "token_url",
        ),
        ({"warehouse": "w" * 201}, "warehouse"),
    ],
)
def test_a_wrong_field_of_a_catalogue_is_named_before_anything_is_opened(publisher, far, changes, field):
    with pytest.raises(Invalid) as caught:
        register_far(publisher, far, **changes)
    assert caught.value.field == field
    assert far.seen == []


@pytest.mark.parametrize("uri", ["https://10.0.0.1", "https://localhost", "https://[::1]", "https://169.254.169.254"])
def test_a_catalogue_inside_the_network_is_refused(publisher, far, uri):
    with pytest.raises(SourceNotProved, match="private network") as caught:
        register_far(publisher, far, uri=uri)
    assert caught.value.field == "uri"


def test_a_catalogue_without_end_is_refused(publisher, far, monkeypatch):
    made = register_far(publisher, far)
    monkeypatch.setattr(iceberg_source, "MOST_NAMESPACES", 5)
    far.answers["/v1/namespaces"] = as_json({"namespaces": [[f"n{n}"] for n in range(6)]})
    with pytest.raises(SourceFault, match="more than 5 namespaces"), iceberg_source.open_catalogue(made) as found:
        found.namespaces()
    monkeypatch.setattr(iceberg_source, "MOST_PAGES", 3)
    count = iter(range(1000))

    def more(request):
        as_json({"namespaces": [], "next-page-token": f"t{next(count)}"})(request)

    far.answers["/v1/namespaces"] = more
    with pytest.raises(SourceFault, match="more than 3 pages"), iceberg_source.open_catalogue(made) as found:
        found.namespaces()


# --- both -------------------------------------------------------------------------------------------------------------
def test_a_source_is_registered_once_and_again_after_it_was_removed(publisher, database):
    made = sources.register_database(publisher, database)
    with pytest.raises(SourceConnectionExists):
        sources.register_database(publisher, database, name="Again")
    at = timezone.now()
    remove_source_connection(connection=made, actor=actor_of(publisher), at=at)
    remove_source_connection(connection=made, actor=actor_of(publisher), at=timezone.now())
    made.refresh_from_db()
    assert (made.removed_at, bytes(made.sealed_secret)) == (at, b"")
    assert AuditRecord.objects.filter(action="source_connection.removed").count() == 1
    with pytest.raises(NotFound):
        get_source_connection(organization=publisher.organization, connection_id=made.pk)
    again = sources.register_database(publisher, database)
    assert list(list_source_connections(organization=publisher.organization)) == [again]


def test_the_database_refuses_a_second_living_source_and_fields_of_another_kind(publisher, database):
    made = sources.register_database(publisher, database)
    made.pk = "f" * 32
    with pytest.raises(IntegrityError), transaction.atomic():
        made.save(force_insert=True)
    made.uri = "https://catalog.example.org"
    with pytest.raises(IntegrityError), transaction.atomic():
        made.save(force_insert=True)


def test_a_strangers_source_and_one_of_another_kind_are_not_there(publisher, stranger, database):
    made = sources.register_database(publisher, database)
    with pytest.raises(NotFound):
        get_source_connection(organization=stranger.organization, connection_id=made.pk)
    with pytest.raises(NotFound):
        get_source_connection(organization=publisher.organization, connection_id=made.pk, kind="ICEBERG_REST")


def test_a_later_test_records_the_failure_and_its_healing(publisher, database):
    made = sources.register_database(publisher, database)
    at = timezone.now()
    SourceConnection.objects.filter(pk=made.pk).update(database="no_such_database")
    made.refresh_from_db()
    with pytest.raises(SourceFault):
        prove_source_connection(connection=made, at=at)
    made.refresh_from_db()
    assert (made.failed_at, made.is_proved) == (at, False)
    assert made.failure.startswith("The database no_such_database does not exist at")
    SourceConnection.objects.filter(pk=made.pk).update(database=database.name)
    made.refresh_from_db()
    prove_source_connection(connection=made, at=timezone.now())
    made.refresh_from_db()
    assert (made.failed_at, made.failure, made.is_proved) == (None, "", True)
