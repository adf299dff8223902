"""The only gate through which we reach an address that a tenant can influence.

A name is resolved once, every answer must pass, the connection goes to a checked address, and the peer is checked
again. `guard_botocore` and `session` put the gate below boto3 and requests at the socket, so that a redirect or a
second lookup cannot pass around it. Source: OWASP SSRF prevention; IANA special-purpose registries.
"""

import ipaddress
import os
import re
import socket
import struct
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.poolmanager import PoolManager

from marketplace.core.errors import Invalid

PORTS = {443, 80, 8443}
#: PostgreSQL, Redshift, PgBouncer, and what hosted databases answer on: Supabase, DigitalOcean, CockroachDB.
DATABASE_PORTS = {5432, 5439, 6432, 6543, 25060, 26257}
CONNECT_S = 10.0
#: of a POST: everything together, what is read of the answer's body, and what may arrive at all, the handshake included
POST_S = 15.0
POST_BODY_BYTES = 64 * 1024
POST_ANSWER_BYTES = 512 * 1024
# Ranges that Python calls global but that lead inside: cloud metadata of one vendor, 6to4 and its relays, NAT64,
# Teredo, site-local, IPv4-compatible, documentation and segment-routing blocks.
_REFUSED = [
    ipaddress.ip_network(block)
    for block in (
        "168.63.129.16/32",
        "192.88.99.0/24",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
        "::/96",
        "::ffff:0:0/96",
    )
]
_HOST = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?", re.I
)


class AddressRefused(Invalid):
    """The address may not be reached from here."""

    message = "This address cannot be used."


def is_public(address: str) -> bool:
    """Return True for an address on the public internet."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    return not any(ip in block for block in _REFUSED if block.version == ip.version)


def is_allowed(host: str, port: int) -> bool:
    """Return True when the operator's allowlist (`EGRESS_ALLOWLIST`) names this host and port."""
    return f"{host.rstrip('.').lower()}:{port}" in {entry.lower() for entry in settings.EGRESS_ALLOWLIST}


def check_url(url: str) -> tuple[str, int]:
    """Check the text of a URL and return (host, port). Raises AddressRefused with the reason.

    https only, ports 443, 80 and 8443; the operator's allowlist (`EGRESS_ALLOWLIST`, host:port) lifts both.
    """
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        raise AddressRefused("This is not a URL.") from None
    host = parts.hostname or ""
    if parts.scheme not in {"https", "http"} or not host:
        raise AddressRefused("The URL must start with https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("The URL must not hold a user name or password.")
    literal = host.strip("[]")
    if ":" not in literal and not _HOST.fullmatch(literal):
        raise AddressRefused("The host name must be plain ASCII letters, digits, dots and hyphens.")
    if is_allowed(host, port):
        return host, port
    if parts.scheme != "https":
        raise AddressRefused("The URL must start with https://.")
    if port not in PORTS:
        raise AddressRefused(f"Port {port} cannot be used; use 443, 80 or 8443.")
    return host, port


def check_database_host(host: str, port: int) -> None:
    """Check the text of a database's host, and its port. Raises AddressRefused with the reason."""
    if ":" in host:
        with suppress(ValueError):
            ipaddress.IPv6Address(host)
            return _check_port(host, port, DATABASE_PORTS)
    if not _HOST.fullmatch(host):
        raise AddressRefused("The host name must be plain ASCII letters, digits, dots and hyphens.")
    return _check_port(host, port, DATABASE_PORTS)


def _check_port(host: str, port: int, ports: Collection[int]) -> None:
    if port in ports or is_allowed(host, port):
        return
    names = [str(each) for each in sorted(ports)]
    raise AddressRefused(f"Port {port} cannot be used for a database; use {', '.join(names[:-1])} or {names[-1]}.")


def database_addresses(host: str, port: int) -> list[str]:
    """Resolve a database's host once and return its addresses, all of them checked, for a driver that connects by address.

    Raises AddressRefused, or OSError when the name has no address.
    """
    check_database_host(host, port)
    return list(dict.fromkeys(str(address[0]) for *_, address in _resolve(host, port)))


def _resolve(host: str, port: int) -> list[Any]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not is_allowed(host, port) and not all(is_public(str(address[0])) for *_, address in found):
        raise AddressRefused("The address leads to a private network and cannot be used.")
    return found


class Watch:
    """Cuts connections whose far side takes too long or sends too much, whatever library reads from them.

    A time-out of a read starts anew with each byte that trickles in, and a driver buffers a result before it shows it.
    """

    def __init__(self, *, seconds: float, most_bytes: int) -> None:
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()
        self.exceeded = ""  # "time" or "size" once it had to cut
        self.renew()

    def add(self, descriptor: int) -> None:
        """Watch an open connection too, by a descriptor of our own."""
        with self._lock:
            self._sockets.append(socket.socket(fileno=os.dup(descriptor)))

    def renew(self) -> None:
        """Start time and size anew, for the next exchange over the same connections."""
        with self._lock:
            self._deadline = monotonic() + self._seconds
            self._before = self._received()

    def seconds_left(self) -> float:
        """Return how long the exchange may still take; not above 0 when its time is over."""
        return self._deadline - monotonic()

    def _received(self) -> int:
        return sum(_received_bytes(sock) for sock in self._sockets)

    def run(self) -> None:
        """Look ten times a second until `close`."""
        while not self._over.wait(0.1):
            with self._lock:
                if monotonic() > self._deadline:
                    self.exceeded = "time"
                elif self._received() - self._before > self._most_bytes:
                    self.exceeded = "size"
                for sock in self._sockets if self.exceeded else ():
                    with suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop looking."""
        self._over.set()
        with self._lock:
            for sock in self._sockets:
                sock.close()
            self._sockets.clear()


def _received_bytes(sock: socket.socket) -> int:
    """Return how many bytes a connection brought so far; 0 where the system does not tell.

    Source: Linux, include/uapi/linux/tcp.h, struct tcp_info: tcpi_bytes_received is the u64 at byte 128.
    """
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return 0
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, option, 136)
    except OSError:
        return 0
    return int(struct.unpack_from("Q", told, 128)[0]) if len(told) >= 136 else 0


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(*, seconds: float, most_bytes: int) -> Iterator[Watch]:
    """Bound what goes over the connections that this thread opens inside, in time and in bytes received."""
    watch = Watch(seconds=seconds, most_bytes=most_bytes)
    keeper = threading.Thread(target=watch.run, name="egress-watch", daemon=True)
    token = _watch.set(watch)
    keeper.start()
    try:
        yield watch
    finally:
        _watch.reset(token)
        watch.close()
        keeper.join()


def _seconds_to_connect(timeout: float | None) -> float:
    """Return how long one address may take: a name can have any number of addresses that do not answer."""
    watch = _watch.get()
    seconds = CONNECT_S if timeout is None else min(timeout, CONNECT_S)
    if watch is not None:
        seconds = min(seconds, watch.seconds_left())
    if seconds <= 0:
        raise TimeoutError("There is no time left to connect.")
    return seconds


def connect(host: str, port: int, timeout: float | None = None) -> socket.socket:
    """Open a socket to a host through the gate. Raises AddressRefused, or OSError when it cannot be reached."""
    allowed = is_allowed(host, port)
    if not allowed and port not in PORTS:
        raise AddressRefused(f"Port {port} cannot be used; use 443, 80 or 8443.")
    found = _resolve(host, port)
    error: OSError | None = None
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_seconds_to_connect(timeout))
            sock.connect(address)
            peer = sock.getpeername()[0]
            if not allowed and not is_public(str(peer)):
                raise AddressRefused("The address leads to a private network and cannot be used.")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if (watch := _watch.get()) is not None:
                watch.add(sock.fileno())
        except OSError as reason:
            sock.close()
            error = reason
        except AddressRefused:
            sock.close()
            raise
        else:
            return sock
    raise error or OSError("The name has no address.")


class _GatedHTTP(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        sock = connect(self.host, int(self.port or 80))
        sock.settimeout(self.timeout if isinstance(self.timeout, (int, float)) else None)
        return sock


class _GatedHTTPS(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        sock = connect(self.host, int(self.port or 443))
        sock.settimeout(self.timeout if isinstance(self.timeout, (int, float)) else None)
        return sock


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GatedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GatedHTTPS


POOLS: dict[str, Any] = {"http": _HTTPPool, "https": _HTTPSPool}


class _GatedAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, **keywords)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = POOLS


class _GatedSession(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Follow nothing, whatever the caller allows: `open_url` checks each step itself."""
        return None


def session() -> requests.Session:
    """Return a requests session behind the gate: no proxies or netrc from the environment, no redirects of its own."""
    gated = _GatedSession()
    gated.trust_env = False
    gated.mount("https://", _GatedAdapter())
    gated.mount("http://", _GatedAdapter())
    return gated


def guard_botocore(client: Any) -> Any:
    """Put the gate below a boto3 client; only core/storage.py makes them."""
    client._endpoint.http_session._manager.pool_classes_by_scheme = POOLS
    return client


def open_url(url: str, *, redirects: int = 3, timeout_s: float = 60) -> requests.Response:
    """Start a streamed GET, following at most `redirects` redirects, each checked like the first URL.

    Raises AddressRefused, Invalid for an answer other than 200, and requests.RequestException when unreachable.
    """
    for _ in range(redirects + 1):
        check_url(url)
        response = session().get(url, stream=True, allow_redirects=False, timeout=(CONNECT_S, timeout_s))
        if response.status_code not in {301, 302, 303, 307, 308}:
            break
        target = response.headers.get("Location", "")
        response.close()
        url = requests.compat.urljoin(url, target)  # type: ignore[attr-defined]
    else:
        raise Invalid(f"The address redirects more than {redirects} times.", field="url")
    if response.status_code != 200:
        status = response.status_code
        response.close()
        raise Invalid(f"The address answered {status}; 200 was expected.", field="url")
    return response


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered to a POST; of the body only that it was read, or that it was too long or too slow."""

    status: int
    headers: Mapping[str, str]


def post(url: str, *, body: bytes, headers: Mapping[str, str], total_s: float = POST_S) -> Answer:
    """Send a POST and return what was answered, whatever its status; redirects are answers like others.

    total_s: seconds for everything, from the look-up of the name to the end of the answer, of which 64 KB are read.
    Raises AddressRefused, and requests.RequestException when there was no answer.
    """
    check_url(url)
    with watched(seconds=total_s, most_bytes=POST_ANSWER_BYTES) as watch:
        try:
            response = session().post(
                url, data=body, headers=headers, stream=True, allow_redirects=False, timeout=(CONNECT_S, total_s)
            )
        except requests.RequestException:
            if not watch.exceeded:
                raise
        if watch.exceeded:  # perhaps amid the headers, which then look complete
            raise requests.Timeout(f"There was no answer within {total_s:g} s.")
        with response, suppress(HTTPError, OSError):  # the status is known: what follows it changes nothing
            response.raw.read(POST_BODY_BYTES, decode_content=False)
        return Answer(response.status_code, response.headers)
