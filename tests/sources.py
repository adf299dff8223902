"""Sources of tables for tests: a database of its own at the embedded PostgreSQL, and SeaweedFS's Iceberg catalogue."""

from __future__ import annotations

import datetime
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone
from psycopg import sql

from marketplace.core.models import Membership, SourceConnection
from marketplace.core.operations.sources import create_iceberg_source, create_postgresql_source
from marketplace.embedded.ports import FIRST, GRPC_OFFSET, LAST, is_free
from marketplace.embedded.store import weed
from tests.conftest import actor_of
from tests.parts import EXCHANGE

PASSWORD = "what only the reader knows"


# --- a database -------------------------------------------------------------------------------------------------------
@dataclass
class Database:
    """A database with a schema `sales`, and a role that may read a part of it."""

    host: str
    port: int
    name: str
    reader: str
    superuser: dict[str, Any] = field(repr=False)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def execute(self, *statements: str) -> None:
        """Run statements as the owner of everything."""
        with psycopg.connect(dbname=self.name, autocommit=True, **self.superuser) as link:
            for statement in statements:
                link.execute(statement)

    @property
    def registration(self) -> dict[str, Any]:
        """Return what is given to register it."""
        return {
            "name": "Warehouse",
            "host": self.host,
            "port": self.port,
            "database": self.name,
            "username": self.reader,
            "password": PASSWORD,
            "sslmode": "disable",
        }


@contextmanager
def database() -> Iterator[Database]:
    """Make a database and a role for a test module, and drop both."""
    parts = json.loads((EXCHANGE.state / "parts.json").read_text())
    superuser = {
        "host": "127.0.0.1",
        "port": parts["ports"]["postgres"],
        "user": "postgres",
        "password": parts["passwords"]["postgres"],
    }
    stamp = f"{os.getpid()}_{time.time_ns()}"
    made = Database("127.0.0.1", superuser["port"], f"source_{stamp}", f"reader_{stamp}", superuser)
    name, role = sql.Identifier(made.name), sql.Identifier(made.reader)
    with psycopg.connect(dbname="postgres", autocommit=True, **superuser) as link:
        link.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
        link.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            made.execute(
                "CREATE SCHEMA sales",
                "CREATE TABLE sales.orders (id bigint NOT NULL, amount numeric(10,2), at timestamptz)",
                "COMMENT ON TABLE sales.orders IS 'One row an order'",
                "COMMENT ON COLUMN sales.orders.amount IS 'Euros'",
                "INSERT INTO sales.orders SELECT n, n, now() FROM generate_series(1, 250) n",
                "CREATE VIEW sales.large_orders AS SELECT id, amount FROM sales.orders WHERE amount > 200",
                "ANALYZE sales.orders",
                "CREATE SCHEMA hr",
                "CREATE TABLE hr.salaries (person text)",
                "CREATE SCHEMA nothing",
                f"GRANT USAGE ON SCHEMA sales, hr, nothing TO {made.reader}",
                f"GRANT SELECT ON ALL TABLES IN SCHEMA sales TO {made.reader}",
            )
            yield made
        finally:
            link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            link.execute(sql.SQL("DROP ROLE {}").format(role))


def register_database(member: Membership, found: Database, **changes: Any) -> SourceConnection:
    """Register a database for a member's organization."""
    return create_postgresql_source(
        organization=member.organization,
        actor=actor_of(member),
        at=timezone.now(),
        **found.registration | changes,
    )


def unreachable_source(member: Membership) -> SourceConnection:
    """Return a registered database inside a network that nobody may reach."""
    return SourceConnection.objects.create(
        organization=member.organization,
        kind="POSTGRESQL",
        name="Somewhere",
        host="10.0.0.1",
        port=5432,
        database="d",
        username="u",
        sslmode="require",
    )


class TlsFront:
    """Speaks TLS as a PostgreSQL server does, in front of one that does not."""

    def __init__(self, found: Database, directory: Path, *, host: str) -> None:
        self._behind = (found.host, found.port)
        self.certificate = directory / "certificate.pem"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, _make_certificate(self.certificate, host))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with suppress(OSError):
            assert client.recv(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # SSLRequest
            client.sendall(b"S")
            inner = self._context.wrap_socket(client, server_side=True)
            behind = socket.create_connection(self._behind)
            threading.Thread(target=_pump, args=(behind, inner), daemon=True).start()
            _pump(inner, behind)

    def stop(self) -> None:
        """Stop taking connections."""
        self._listener.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _make_certificate(path: Path, host: str) -> Path:
    """Write a certificate that signs itself, and its key beside it; return the key's path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = path.with_suffix(".key")
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return secret


# --- a lake -----------------------------------------------------------------------------------------------------------
class Lake:
    """SeaweedFS with its Iceberg REST catalogue on loopback, one table bucket in it; a real implementation."""

    ACCESS_KEY, SECRET_KEY, BUCKET = "LAKEKEY", "lake secret of the test", "lake"

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="entrepot-lake-"))
        identity = {
            "name": "lake",
            "credentials": [{"accessKey": self.ACCESS_KEY, "secretKey": self.SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self._directory / "identities.json").write_text(json.dumps({"identities": [identity]}))
        master, volume, filer, s3, catalogue = _free_ports(5)
        self.address = f"127.0.0.1:{catalogue}"
        self.uri = f"http://{self.address}"
        self._servers = [f"-master=127.0.0.1:{master}", f"-filer=127.0.0.1:{filer}"]
        options = [
            *["-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}", f"-volume.port={volume}"],
            *["-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}", "-s3.config=identities.json"],
            *["-s3.iam=false", f"-s3.port.iceberg={catalogue}", "-s3.port.lance=0", "-master.telemetry=false"],
            *["-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock", "-disableHttp", "-filer.disableHttp"],
            *["-master.electionTimeout=1s", "-volume.max=0", "-master.volumeSizeLimitMB=64"],
        ]
        self._environment = {"HOME": str(self._directory), "PATH": os.environ["PATH"]}
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [weed(), "-logtostderr=true", "server", *options],
                cwd=self._directory,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + 90
        while not self._has_bucket() or not self._serves():
            assert self._process.poll() is None, (self._directory / "log").read_text()[-4000:]
            if time.monotonic() > deadline:
                raise RuntimeError(f"The lake did not start:\n{(self._directory / 'log').read_text()[-4000:]}")
            time.sleep(0.3)
        self._bearer = {"Authorization": f"Bearer {self.token()}"}

    def _has_bucket(self) -> bool:
        done = subprocess.run(
            [weed(), "shell", *self._servers],
            cwd=self._directory,
            env=self._environment,
            input=f"s3tables.bucket -create -name {self.BUCKET} -account 000000000000\n".encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        return b"ARN: arn:aws:s3tables" in done.stdout or b"is already used" in done.stdout

    def _serves(self) -> bool:
        try:
            return requests.get(f"{self.uri}/v1/config", timeout=5).ok
        except OSError:
            return False

    def token(self) -> str:
        """Return a token as a client gets one."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.ACCESS_KEY,
            "client_secret": self.SECRET_KEY,
        }
        answer = requests.post(f"{self.uri}/v1/oauth/tokens", data=form, timeout=10)
        answer.raise_for_status()
        return answer.json()["access_token"]

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer = requests.post(f"{self.uri}/v1/{self.BUCKET}/{path}", json=body, headers=self._bearer, timeout=30)
        assert answer.ok, answer.text

    def create_namespace(self, *levels: str, **properties: str) -> None:
        """Create a namespace with its properties."""
        self._post("namespaces", {"namespace": list(levels), "properties": properties})

    def create_table(self, *path: str, **properties: str) -> None:
        """Create a table; path: the levels of its namespace, then its name."""
        *levels, name = path
        fields = [
            {"id": 1, "name": "id", "type": "long", "required": True, "doc": "Key"},
            {"id": 2, "name": "amount", "type": "decimal(10, 2)", "required": False},
        ]
        schema = {"type": "struct", "schema-id": 0, "fields": fields}
        joined = "%1F".join(levels)
        self._post(f"namespaces/{joined}/tables", {"name": name, "schema": schema, "properties": properties})

    @property
    def registration(self) -> dict[str, Any]:
        """Return what is given to register it."""
        return {
            "name": "Lake",
            "uri": self.uri,
            "warehouse": f"s3://{self.BUCKET}/",
            "authentication": "CLIENT_CREDENTIALS",
            "client_id": self.ACCESS_KEY,
            "secret": self.SECRET_KEY,
        }

    def stop(self) -> None:
        """End it and remove what it wrote."""
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.sample(range(FIRST, LAST), LAST - FIRST):
        if is_free(port) and is_free(port + GRPC_OFFSET):
            found.append(port)
            if len(found) == count:
                return found
    raise RuntimeError("no free ports for a lake")


def register_lake(member: Membership, lake: Lake, **changes: Any) -> SourceConnection:
    """Register a lake's catalogue for a member's organization."""
    return create_iceberg_source(
        organization=member.organization,
        actor=actor_of(member),
        at=timezone.now(),
        **lake.registration | changes,
    )


def filled_lake() -> Lake:
    """Start a lake with namespaces and tables of several tags."""
    lake = Lake()
    try:
        lake.create_namespace("sales", domain="sales", tier="gold")
        lake.create_namespace("sales", "eu", domain="sales", tier="silver")
        lake.create_namespace("hr", domain="people")
        lake.create_table("sales", "orders", sensitivity="public")
        lake.create_table("sales", "refunds", sensitivity="internal", tier="bronze")
        lake.create_table("sales", "eu", "orders", sensitivity="public")
        lake.create_table("hr", "salaries", sensitivity="secret")
    except BaseException:
        lake.stop()
        raise
    return lake
