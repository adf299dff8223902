"""The gate to addresses that a tenant can influence: what is refused is refused before a socket is opened."""

import socket

import pytest
import requests

from marketplace.core import egress
from marketplace.core.egress import AddressRefused
from marketplace.core.errors import Invalid
from tests.webserver import WebServer, plain, redirect

PUBLIC = "93.184.216.34"
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
TEXTS = [
    "",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "//example.org/x",
    "https://",
    "https:///path",
    "https://user@example.org/",
    "https://user:password@example.org/",
    "https://:@example.org/",
    "https://example.org:99999/",
    "https://example.org:x/",
    "https://example.org:22/",
    "https://example.org:5432/",
    "https://example.org:0/",
    "http://example.org/",
    "http://example.org:443/",
    "https://exämple.org/",
    "https://example.org\\@127.0.0.1/",
    "https://exam ple.org/",
    "https://example..org/",
    "https://-example.org/",
    "https://a_b.example.org/",
    "https://%31%32%37.0.0.1/",
    "https://[::1/",
    f"https://{'a' * 64}.org/",
]
#: spellings of loopback that C libraries understand; the name passes as text, the resolved address does not
SPELLINGS = ["127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "localhost", "LOCALHOST.", "127.0.0.1."]


class NoSockets:
    """Stands where a connection would be made: none may be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried: list[object] = []
        monkeypatch.setattr(socket.socket, "connect", lambda _, address: self.tried.append(address))


@pytest.fixture
def no_sockets(monkeypatch):
    return NoSockets(monkeypatch)


@pytest.fixture
def names(monkeypatch):
    """What the resolver answers, per lookup."""
    answers: list[list[str]] = []

    def resolve(host, port, *_, **__):
        found = answers.pop(0)
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.fixture
def far(settings):
    server = WebServer()
    settings.EGRESS_ALLOWLIST = [server.address]
    yield server
    server.stop()


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_leads_inside_is_not_public(address):
    assert not egress.is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_an_address_of_the_internet_is_public(address):
    assert egress.is_public(address)


@pytest.mark.parametrize("url", TEXTS)
def test_a_url_that_is_wrong_as_text_is_refused(url, no_sockets):
    with pytest.raises(AddressRefused):
        egress.check_url(url)
    with pytest.raises(AddressRefused):
        egress.open_url(url)
    assert no_sockets.tried == []


@pytest.mark.parametrize(
    "host", ["example.org", "EXAMPLE.org", "a.b-c.example.org", "example.org.", "xn--exmple-cua.org"]
)
def test_a_plain_https_url_is_accepted(host):
    assert egress.check_url(f"https://{host}/a?b=c#d") == (host.lower(), 443)
    assert egress.check_url(f"https://{host}:8443/")[1] == 8443


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_inside_is_refused_before_a_socket_opens(address, names, no_sockets):
    names.append([address.split("%")[0]])
    with pytest.raises(AddressRefused, match="private network"):
        egress.open_url("https://inside.example.org/")
    assert no_sockets.tried == []


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_loopback_gets_through(host, no_sockets):
    with pytest.raises((AddressRefused, requests.ConnectionError)):  # one that the resolver does not know: no address
        egress.open_url(f"https://{host}/")
    assert no_sockets.tried == []


@pytest.mark.parametrize(
    "url", ["https://[::1]/", "https://127.0.0.1/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/"]
)
def test_a_literal_address_inside_is_refused(url, no_sockets):
    with pytest.raises(AddressRefused):
        egress.open_url(url)
    assert no_sockets.tried == []


def test_one_private_answer_among_public_ones_refuses_the_name(names, no_sockets):
    names.append([PUBLIC, "10.0.0.1"])
    with pytest.raises(AddressRefused):
        egress.connect("mixed.example.org", 443)
    assert no_sockets.tried == []


def test_a_name_that_changes_its_answer_is_asked_only_once(names, no_sockets, monkeypatch):
    """DNS rebinding: the connection goes to the address that was checked."""
    monkeypatch.setattr(socket.socket, "getpeername", lambda _: (PUBLIC, 443))
    names += [[PUBLIC], ["127.0.0.1"]]
    egress.connect("rebinding.example.org", 443).close()
    assert no_sockets.tried == [(PUBLIC, 443)]
    assert names == [["127.0.0.1"]]


def test_a_connection_that_ends_up_inside_is_dropped(names, no_sockets, monkeypatch):
    monkeypatch.setattr(socket.socket, "getpeername", lambda _: ("10.0.0.1", 443))
    names.append([PUBLIC])
    with pytest.raises(AddressRefused):
        egress.connect("proxied.example.org", 443)


def test_a_port_that_is_not_for_the_web_is_refused_at_the_socket_too(names, no_sockets):
    with pytest.raises(AddressRefused, match="Port 5432"):
        egress.connect("db.example.org", 5432)
    assert no_sockets.tried == []


def test_the_operators_allowlist_opens_exactly_its_host_and_port(far, settings):
    far.answers["/x"] = plain(b"hello")
    with egress.open_url(f"{far.url}/x") as answer:
        assert answer.content == b"hello"
    settings.EGRESS_ALLOWLIST = [f"localhost:{far.address.split(':')[1]}"]
    with pytest.raises(AddressRefused):
        egress.open_url(f"{far.url}/x")
    settings.EGRESS_ALLOWLIST = ["127.0.0.1:1"]
    with pytest.raises(AddressRefused):
        egress.open_url(f"{far.url}/x")
    assert len(far.seen) == 1


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "http://localhost/",
        "file:///etc/passwd",
        "//10.0.0.1/x",
        "https://user:pw@example.org/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_inside_is_refused(far, target, status):
    far.answers["/start"] = redirect(target, status=status)
    with pytest.raises(AddressRefused):
        egress.open_url(f"{far.url}/start")
    assert [path for path, _ in far.seen] == ["/start"]


def test_three_redirects_are_followed_and_a_fourth_is_refused(far):
    for n in range(4):
        far.answers[f"/{n}"] = redirect(f"/{n + 1}")
    far.answers["/4"] = plain(b"end")
    with egress.open_url(f"{far.url}/1") as answer:
        assert answer.content == b"end"
    with pytest.raises(Invalid, match="redirects more than 3 times"):
        egress.open_url(f"{far.url}/0")


@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 404, 500])
def test_an_answer_other_than_200_is_refused_with_its_number(far, status):
    far.answers["/x"] = plain(b"", status=status)
    with pytest.raises(Invalid, match=f"answered {status}; 200 was expected"):
        egress.open_url(f"{far.url}/x")


def test_nothing_of_the_machine_is_sent_along(far, monkeypatch, tmp_path):
    """No proxy and no netrc of the environment: they would pass around the gate, or give a password away."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    far.answers["/x"] = plain(b"hello")
    with egress.open_url(f"{far.url}/x") as answer:
        assert answer.content == b"hello"
    assert "Authorization" not in far.seen[0][1]
    assert "Cookie" not in far.seen[0][1]
