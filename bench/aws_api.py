"""Measure the AWS-shaped API through the production server against a trivial view of the same server, same run.

GetDataSet is signed by botocore, each request anew; what the client does before it sends is not counted. The peer is a
JSON view that fetches the same row by its primary key, without credentials. ListDataSets pages over 3,000 data sets:
queries a page are counted by PostgreSQL itself.
"""

import http.client
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.journeys.client import Customer
from tests.parts import EXCHANGE, ROOT, free_port

REQUESTS, ROUND, WARM_UP, THREADS, DATA_SETS = 400, 40, 40, 4, 3000
LIMIT = 2.5
Request = tuple[str, dict[str, str]]


def start_server(port: int) -> subprocess.Popen[bytes]:
    """Start the production server with the peer's view, in the installation's own environment."""
    environment = dict(os.environ) | {"DJANGO_SETTINGS_MODULE": "bench.peer.settings", "PYTHONPATH": str(ROOT)}
    granian = Path(sys.executable).with_name("granian")
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
    sizes = ["--workers", "2", "--blocking-threads", "2"]
    process = subprocess.Popen([granian, *options, *sizes, "marketplace.wsgi:application"], cwd=ROOT, env=environment)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok:
                return process
        except requests.RequestException:
            time.sleep(0.2)
    process.terminate()
    raise RuntimeError("the server of the bench did not start")


def signed(customer: Customer, url: str, count: int) -> list[Request]:
    """Return so many requests, each signed with a date of its own."""
    keys = Credentials(customer.credentials["access_key_id"], customer.credentials["secret_access_key"])
    made = []
    for _ in range(count):
        request = AWSRequest("GET", url)
        SigV4Auth(keys, "dataexchange", "us-east-1").add_auth(request)
        made.append((urlsplit(url).path, dict(request.headers.items())))
    return made


def send(port: int, wanted: list[Request]) -> list[float]:
    """Send requests one after another over one connection and return the time of each, in ms."""
    connection, times = http.client.HTTPConnection("127.0.0.1", port), []
    for path, headers in wanted:
        started = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - started) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
    connection.close()
    return times


def rate(port: int, make: Callable[[int], list[Request]]) -> float:
    """Return requests a second with THREADS connections at once."""
    shares = [make(REQUESTS) for _ in range(THREADS)]
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda share: send(port, share), shares))
    return THREADS * REQUESTS / (time.perf_counter() - started)


def getting_a_data_set(customer: Customer, port: int) -> None:
    """GetDataSet against the trivial view: median at one connection, rate at four."""
    data_set_id = customer.create_data_set("Bench")
    url = f"http://127.0.0.1:{port}/v1/data-sets/{data_set_id}"
    plain: list[Request] = [(f"/bench/{data_set_id}", {})]
    send(port, signed(customer, url, WARM_UP))
    send(port, plain * WARM_UP)
    our_times, peer_times = list[float](), list[float]()
    for _ in range(REQUESTS // ROUND):  # by turns, so that whatever else the machine does meets both
        our_times += send(port, signed(customer, url, ROUND))
        peer_times += send(port, plain * ROUND)
    ours, peer = statistics.median(our_times), statistics.median(peer_times)
    print(f"GetDataSet, SigV4, one connection: ours {ours:.2f} ms, peer {peer:.2f} ms, ratio {ours / peer:.2f}")
    our_rate = rate(port, lambda count: signed(customer, url, count))
    peer_rate = rate(port, lambda count: plain * count)
    ratio = peer_rate / our_rate
    print(f"GetDataSet, SigV4, {THREADS} connections: ours {our_rate:.0f}/s, peer {peer_rate:.0f}/s, ratio {ratio:.2f}")
    print(f"limit {LIMIT}: {'held' if max(ratio, ours / peer) <= LIMIT else 'NOT HELD'}")


def listing_data_sets(customer: Customer) -> None:
    """ListDataSets over 3,000 data sets, 200 a page: time of the first and of the last page."""
    with psycopg.connect(EXCHANGE.endpoints["database_url"]) as database:
        owner = database.execute(
            "SELECT id FROM core_organization WHERE account_id = %s", [customer.credentials["account_id"]]
        ).fetchone()
        database.execute(
            """
            INSERT INTO publishers_dataset (id, owner_id, name, description, asset_type, tags, created_at, updated_at)
            SELECT md5(%s || n), %s, 'Data set ' || n, 'x', 'S3_SNAPSHOT', '{}', now() - n * interval '1 second', now()
            FROM generate_series(1, %s) n
            """,
            [str(time.time_ns()), owner[0] if owner else "", DATA_SETS],
        )
    times, token, seen = [], None, 0
    while True:
        more = {"NextToken": token} if token else {}
        started = time.perf_counter()
        page = customer.dx.list_data_sets(Origin="OWNED", MaxResults=200, **more)
        times.append((time.perf_counter() - started) * 1000)
        seen, token = seen + len(page["DataSets"]), page.get("NextToken")
        if not token:
            break
    print(
        f"ListDataSets over {seen} data sets, {len(times)} pages of 200: first {times[0]:.1f} ms, "
        f"median {statistics.median(times):.1f} ms, last full page {times[-2]:.1f} ms"
    )


if __name__ == "__main__":
    someone, server_port = Customer(EXCHANGE, "Bench"), free_port()
    server = start_server(server_port)
    try:
        getting_a_data_set(someone, server_port)
        listing_data_sets(someone)
    finally:
        server.terminate()
        server.wait(timeout=30)
