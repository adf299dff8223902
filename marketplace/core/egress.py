"""The only gate through which we reach an address that a tenant can influence.

A name is resolved once, every answer must pass, the connection goes to a checked address, and the peer is checked
again. `guard_botocore` and `session` put the gate below boto3 and requests at the socket, so that a redirect or a
second lookup cannot pass around it. Source: OWASP SSRF prevention; IANA special-purpose registries.
"""

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from marketplace.core.errors import Invalid

PORTS = {443, 80, 8443}
CONNECT_S = 10.0
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


def _is_allowed(host: str, port: int) -> bool:
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
    if _is_allowed(host, port):
        return host, port
    if parts.scheme != "https":
        raise AddressRefused("The URL must start with https://.")
    if port not in PORTS:
        raise AddressRefused(f"Port {port} cannot be used; use 443, 80 or 8443.")
    return host, port


def connect(host: str, port: int, timeout: float | None = None) -> socket.socket:
    """Open a socket to a host through the gate. Raises AddressRefused, or OSError when it cannot be reached."""
    allowed = _is_allowed(host, port)
    if not allowed and port not in PORTS:
        raise AddressRefused(f"Port {port} cannot be used; use 443, 80 or 8443.")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not allowed and not all(is_public(str(address[0])) for *_, address in found):
        raise AddressRefused("The address leads to a private network and cannot be used.")
    error: OSError | None = None
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(CONNECT_S if timeout is None else min(timeout, CONNECT_S))
            sock.connect(address)
            peer = sock.getpeername()[0]
            if not allowed and not is_public(str(peer)):
                raise AddressRefused("The address leads to a private network and cannot be used.")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
