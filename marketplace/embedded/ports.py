"""Loopback ports: chosen once, kept by later starts while nobody else has taken them."""

import random
import socket
from collections.abc import Mapping

import psutil

HOST = "127.0.0.1"
#: Below the range from which Linux takes the ports of outgoing connections (32768), even with the offset added.
FIRST, LAST = 12_000, 21_999
#: SeaweedFS listens for gRPC this much above each of its ports.
GRPC_OFFSET = 10_000
STORE_PORTS = ("store_master", "store_volume", "store_filer", "store_s3")
PORT_NAMES = ("postgres", "valkey", *STORE_PORTS)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that a former server left in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def owner_of(port: int) -> str:
    """Return "name (pid N)" of the process that listens on a port, or "another program" when that cannot be seen."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another program"


def choose_ports(known: Mapping[str, int]) -> dict[str, int]:
    """Return a free port for every name, the known one where it is still free."""
    chosen: dict[str, int] = {}
    for name in PORT_NAMES:
        candidates = iter([known[name]] if name in known else [])
        port = next(candidates, 0)
        while not (FIRST <= port <= LAST and port not in chosen.values() and _is_usable(name, port)):
            # At random, so that two installations that start at the same moment do not choose alike.
            port = random.randint(FIRST, LAST)  # noqa: S311
        chosen[name] = port
    return chosen


def _is_usable(name: str, port: int) -> bool:
    return is_free(port) and (name not in STORE_PORTS or is_free(port + GRPC_OFFSET))
