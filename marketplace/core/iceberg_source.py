"""An organization's own Iceberg REST catalogue: namespaces, tables and their properties, behind the egress gate.

Source: Apache Iceberg, REST catalog specification (open-api/rest-catalog-open-api.yaml), v1: config, oauth/tokens,
namespaces, tables; levels of a namespace are joined by the unit separator 0x1F in paths.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
import urllib3

from marketplace.core import egress
from marketplace.core.egress import AddressRefused
from marketplace.core.models import SourceAuthentication, SourceConnection
from marketplace.core.sources import SourceFault, secret_of

#: of one request with its answer
REQUEST_S = 15
MOST_BYTES = 10 * 1024 * 1024
PAGE = 100
MOST_PAGES = 200
MOST_NAMESPACES = 1_000
MOST_TABLES = 2_000
MOST_LEVELS = 10
MOST_COLUMNS = 2_000  # of a table
LONGEST_COMMENT = 500
_SEPARATOR = "\x1f"
_CHUNK = 64 * 1024

Namespace = tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """type: Iceberg's word, such as `decimal(10,2)`; a nested type only by its kind: struct, list or map."""

    name: str
    type: str
    is_nullable: bool
    comment: str


@dataclass(frozen=True)
class Table:
    """location: the table's root in the lake; properties as the catalogue tells them, without the namespace's."""

    namespace: Namespace
    name: str
    location: str
    properties: dict[str, str] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)


class Catalogue:
    """An open catalogue. Methods raise SourceFault; a visit uses one connection and is watched, see `open_catalogue`."""

    def __init__(self, connection: SourceConnection, session: requests.Session, watch: egress.Watch) -> None:
        self._connection = connection
        self._session = session
        self._watch = watch
        self._base = f"{connection.uri.rstrip('/')}/v1"
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        self._prefix = connection.prefix

    def sign_in(self) -> None:
        """Get a token where the catalogue wants one, then read its configuration, which may name the prefix of all paths."""
        kind, secret = self._connection.authentication, secret_of(self._connection)
        if kind == SourceAuthentication.CLIENT_CREDENTIALS:
            secret = self._fetch_token(secret)
        if kind != SourceAuthentication.NONE:
            self._headers["Authorization"] = f"Bearer {secret}"
        warehouse = self._connection.warehouse
        config = self._get("config", {"warehouse": warehouse} if warehouse else {})
        defaults, overrides = config.get("defaults"), config.get("overrides")
        if not isinstance(defaults, dict) or not isinstance(overrides, dict):
            raise self._strange("its configuration has no defaults and overrides")
        self._prefix = str(overrides.get("prefix") or self._prefix or defaults.get("prefix") or "").strip("/")

    def _fetch_token(self, secret: str) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._connection.client_id,
            "client_secret": secret,
            "scope": self._connection.oauth_scope,
        }
        url = self._connection.token_url or f"{self._base}/oauth/tokens"
        data = {name: value for name, value in form.items() if value}
        answer = self._call("POST", url, is_sign_in=True, data=data)
        token = answer.get("access_token")
        if not isinstance(token, str) or not 0 < len(token) < 16_384 or not token.isascii() or not token.isprintable():
            raise self._strange("the token service gave no access_token")
        return token

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        url = f"{self._base}/{path}"
        return self._call("GET", f"{url}?{urlencode(query)}" if query else url)

    def _within(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        return self._get(f"{quote(self._prefix, safe='/')}/{path}" if self._prefix else path, query)

    def _call(self, method: str, url: str, *, is_sign_in: bool = False, **options: Any) -> dict[str, Any]:
        self._watch.renew()
        try:
            egress.check_url(url)
            with self._session.request(
                method,
                url,
                headers=self._headers,
                stream=True,
                allow_redirects=False,
                timeout=(egress.CONNECT_S, REQUEST_S),
                **options,
            ) as response:
                body = self._read(response)
        except AddressRefused as error:
            raise SourceFault("refused", error.message, field="token_url" if is_sign_in else "uri") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable() from error
        if self._watch.exceeded:  # headers that are cut short look complete to the HTTP library
            raise self._unreachable()
        if response.status_code != 200:
            raise self._refusal(response.status_code, is_sign_in=is_sign_in)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._strange("the answer is not a JSON object")
        return answer

    def _read(self, response: requests.Response) -> bytes:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._strange("the answer is compressed although that was not asked for")
        body = bytearray()
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > MOST_BYTES:
                raise SourceFault(
                    "too_large", f"{self._host} answered more than {MOST_BYTES // 2**20} MB to one question."
                )
        return bytes(body)

    @property
    def _host(self) -> str:
        return urlsplit(self._connection.uri).netloc

    def _strange(self, what: str) -> SourceFault:
        return SourceFault(
            "rejected",
            f"{self._host} does not answer as an Iceberg REST catalogue: {what}. Check the URI.",
            field="uri",
        )

    def _unreachable(self) -> SourceFault:
        if self._watch.exceeded == "size":
            return SourceFault("too_large", f"{self._host} sent more than {MOST_BYTES // 2**20} MB to one question.")
        if self._watch.exceeded:
            return SourceFault("unreachable", f"{self._host} did not answer within {REQUEST_S} s.", field="uri")
        return SourceFault(
            "unreachable",
            f"The catalogue {self._host} cannot be reached. Check the URI and that it may be reached from here.",
            field="uri",
        )

    def _refusal(self, status: int, *, is_sign_in: bool) -> SourceFault:
        """Only the status goes into the sentence: what the far side writes is not ours to show."""
        if status in {401, 403} or (is_sign_in and status == 400):
            if self._connection.authentication == SourceAuthentication.NONE:
                return SourceFault(
                    "unauthorized",
                    f"{self._host} asks for credentials ({status}). Give a token or client credentials.",
                    field="authentication",
                )
            return SourceFault(
                "unauthorized",
                f"{self._host} refused the credentials ({status}). Check them, and what they may read.",
                field="secret",
            )
        if status == 404:
            return SourceFault(
                "missing", f"{self._host} answered 404: check the URI, the warehouse and the prefix.", field="uri"
            )
        if status >= 500 or status == 429:
            return SourceFault("busy", f"{self._host} is busy ({status}).")
        return SourceFault("rejected", f"{self._host} answered {status}; 200 was expected.", field="uri")

    def _pages(self, path: str, query: dict[str, str], member: str) -> Iterator[Any]:
        token = ""
        for _ in range(MOST_PAGES):
            answer = self._within(path, query | {"pageSize": str(PAGE), "pageToken": token})
            entries = answer.get(member)
            if not isinstance(entries, list):
                raise self._strange(f"a list has no {member}")
            yield from entries
            following = answer.get("next-page-token")
            if not isinstance(following, str) or not following or following == token:
                return
            token = following
        raise SourceFault("too_large", f"{self._host} lists more than {MOST_PAGES} pages below one name.")

    def peek(self) -> None:
        """Ask for one namespace, to see whether we may."""
        self._within("namespaces", {"pageSize": "1"})

    def namespaces(self) -> list[Namespace]:
        """Return every namespace, nested ones too, parents first. Raises SourceFault "too_large" beyond the bounds."""
        found: dict[Namespace, None] = {}
        waiting: list[Namespace] = [()]
        while waiting:
            parent = waiting.pop()
            query = {"parent": _SEPARATOR.join(parent)} if parent else {}
            for entry in self._pages("namespaces", query, "namespaces"):
                if not isinstance(entry, list) or not entry or not all(_is_name(level) for level in entry):
                    raise self._strange("a namespace has no usable name")
                namespace = tuple(entry)
                # Some list the nested ones with their parents.
                if namespace in found or len(namespace) <= len(parent) or namespace[: len(parent)] != parent:
                    continue
                if len(found) >= MOST_NAMESPACES or len(namespace) > MOST_LEVELS:
                    raise SourceFault(
                        "too_large",
                        f"{self._host} has more than {MOST_NAMESPACES:,} namespaces or {MOST_LEVELS} levels of them."
                        " Register a warehouse that holds fewer.",
                    )
                found[namespace] = None
                waiting.append(namespace)
        return sorted(found)

    def properties_of(self, namespace: Namespace) -> dict[str, str]:
        """Return the properties of a namespace; none when it was dropped meanwhile."""
        try:
            answer = self._within(f"namespaces/{_path(namespace)}", {})
        except SourceFault as fault:
            if fault.cause == "missing":
                return {}
            raise
        return _properties(answer.get("properties"))

    def table_names(self, namespace: Namespace) -> list[str]:
        """Return the tables of a namespace, by name."""
        names: set[str] = set()
        for entry in self._pages(f"namespaces/{_path(namespace)}/tables", {}, "identifiers"):
            name = entry.get("name") if isinstance(entry, dict) else None
            if not _is_name(name):
                raise self._strange("a table has no usable name")
            names.add(str(name))
            if len(names) > MOST_TABLES:
                raise SourceFault("too_large", f"{self._host} has more than {MOST_TABLES:,} tables in one namespace.")
        return sorted(names)

    def table(self, namespace: Namespace, name: str) -> Table | None:
        """Return a table; None when it was dropped meanwhile."""
        try:
            answer = self._within(f"namespaces/{_path(namespace)}/tables/{quote(name, safe='')}", {"snapshots": "refs"})
        except SourceFault as fault:
            if fault.cause == "missing":
                return None
            raise
        metadata = answer.get("metadata")
        if not isinstance(metadata, dict):
            raise self._strange("a table has no metadata")
        location = metadata.get("location")
        return Table(
            namespace=namespace,
            name=name,
            location=location[:1000] if isinstance(location, str) else "",
            properties=_properties(metadata.get("properties")),
            columns=_columns(metadata),
        )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()


def _path(namespace: Namespace) -> str:
    return quote(_SEPARATOR.join(namespace), safe="")


def _properties(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key): text for key, text in value.items() if isinstance(text, str)}


def _columns(metadata: dict[str, Any]) -> list[Column]:
    """Return the columns of the current schema; version 1 may have only `schema`."""
    schemas = metadata.get("schemas")
    current = metadata.get("current-schema-id")
    candidates = [s for s in schemas if isinstance(s, dict)] if isinstance(schemas, list) else []
    schema = next((s for s in candidates if s.get("schema-id") == current), metadata.get("schema"))
    fields = schema.get("fields") if isinstance(schema, dict) else None
    columns = []
    for entry in fields[:MOST_COLUMNS] if isinstance(fields, list) else []:
        if not isinstance(entry, dict):
            continue
        kind = entry.get("type")
        word = kind if isinstance(kind, str) else kind.get("type", "") if isinstance(kind, dict) else ""
        columns.append(
            Column(
                name=str(entry.get("name", ""))[:255],
                type=str(word)[:100],
                is_nullable=entry.get("required") is not True,
                comment=str(entry.get("doc") or "")[:LONGEST_COMMENT],
            )
        )
    return columns


@contextmanager
def open_catalogue(connection: SourceConnection) -> Iterator[Catalogue]:
    """Sign in to a catalogue for one visit. Raises SourceFault.

    Each answer comes within REQUEST_S and MOST_BYTES, or its connection is cut.
    """
    with (
        # what TLS and headers add to the body, which is counted apart
        egress.watched(seconds=REQUEST_S, most_bytes=2 * MOST_BYTES) as watch,
        egress.session() as session,
    ):
        catalogue = Catalogue(connection, session, watch)
        catalogue.sign_in()
        yield catalogue


def check(connection: SourceConnection) -> None:
    """Sign in, read the configuration and one namespace. Raises SourceFault.

    Some catalogues tell everybody their configuration, so that alone proves no credential.
    """
    with open_catalogue(connection) as catalogue:
        catalogue.peek()
