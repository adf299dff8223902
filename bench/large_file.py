"""Send a 2 GB file from upload to export and print what web and worker held in memory meanwhile.

The figures are resident set sizes per process, sampled four times a second; the limit is 300 MB each.
"""

import hashlib
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import requests

from tests.journeys.client import Customer
from tests.parts import EXCHANGE

SIZE_BYTES = 2_000_000_000
BLOCK = os.urandom(1024 * 1024)
LIMIT_MB = 300


class Watch(threading.Thread):
    """Samples the resident memory of the installation's web and worker processes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[tuple[str, int], float] = {}
        self.is_over = threading.Event()

    def run(self) -> None:
        """Sample until told that it is over."""
        while not self.is_over.wait(0.25):
            for process in psutil.Process(EXCHANGE.process.pid).children(recursive=True):
                try:
                    command, size_mb = " ".join(process.cmdline()), process.memory_info().rss / 1e6
                except psutil.NoSuchProcess:
                    continue
                name = next((n for n, word in (("web", "granian"), ("worker", "celery")) if word in command), "")
                if name:
                    key = (name, process.pid)
                    self.peaks[key] = max(size_mb, self.peaks.get(key, 0))


class Browser:
    """What the upload page does, without the page: a session, its CSRF token, and the JSON calls of transfer.js."""

    def __init__(self, customer: Customer) -> None:
        self.session = requests.Session()
        login = f"{EXCHANGE.url}/accounts/login/"
        form = {"login": customer.credentials["user_email"], "password": customer.credentials["password"]}
        self.token = self._csrf(login)
        answer = self.session.post(login, data=form | {"csrfmiddlewaretoken": self.token}, headers={"Referer": login})
        answer.raise_for_status()
        self.token = self._csrf(f"{EXCHANGE.url}/publish/data-sets")

    def _csrf(self, url: str) -> str:
        found = re.search(r'name="csrf" content="([^"]+)"', self.session.get(url, timeout=30).text)
        assert found, f"{url} has no CSRF token"
        return found[1]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call one of the upload's endpoints."""
        headers = {"X-CSRFToken": self.token, "Referer": EXCHANGE.url}
        answer = self.session.post(EXCHANGE.url + path, json=body, headers=headers, timeout=120)
        assert answer.ok, f"{path} answered {answer.status_code}: {answer.text[:500]}"
        return dict(answer.json())


def part(number: int, part_size: int) -> bytes:
    """Return the bytes of a part, made anew each time, so that this process stays small as well."""
    size = min(part_size, SIZE_BYTES - (number - 1) * part_size)
    stamp = b"%020d" % number
    return (stamp + BLOCK * (size // len(BLOCK) + 1))[:size]


def upload(browser: Browser, data_set: str, revision: str) -> str:
    """Upload the file by presigned part URLs, four at a time, and return its SHA-256."""
    base = f"/publish/data-sets/{data_set}/revisions/{revision}/uploads"
    begun = browser.post(
        base, {"name": "large.bin", "size": SIZE_BYTES, "type": "application/octet-stream", "modified": 1}
    )
    part_size = begun["part_size"]
    count = -(-SIZE_BYTES // part_size)

    def send(number: int) -> None:
        urls = browser.post(f"{base}/{begun['id']}/sign", {"parts": [number]})["urls"]
        requests.put(urls[str(number)], data=part(number, part_size), timeout=300).raise_for_status()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(1, count + 1)))
    browser.post(f"{base}/{begun['id']}/complete", {})
    digest = hashlib.sha256()
    for number in range(1, count + 1):
        digest.update(part(number, part_size))
    return digest.hexdigest()


def main() -> None:
    """Run the whole way once and print times and peaks."""
    publisher, subscriber = Customer(EXCHANGE, "Publisher"), Customer(EXCHANGE, "Subscriber")
    data_set = publisher.create_data_set("Large")
    first = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, first, "first.csv", b"x\n1\n")
    publisher.finalize(data_set, first)
    entitled = subscriber.subscribe(publisher.list_product(data_set, "Large"))
    bucket = f"large-{first[:12]}"
    subscriber.connect_bucket(bucket)
    subscriber.export_automatically(entitled, bucket)
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    browser = Browser(publisher)
    watch = Watch()
    watch.start()

    started = time.monotonic()
    sha256 = upload(browser, data_set, revision)
    uploaded = time.monotonic()
    while not publisher.dx.list_revision_assets(DataSetId=data_set, RevisionId=revision)["Assets"]:
        time.sleep(0.5)
    checked = time.monotonic()
    publisher.finalize(data_set, revision)
    delivery = subscriber.delivery_of(revision, timeout_s=900)
    delivered = time.monotonic()
    watch.is_over.set()
    watch.join()

    (line,) = subscriber.receipt(delivery["id"])
    assert line["sha256"] == sha256
    assert subscriber.sha256_of(bucket, line["key"]) == sha256
    print(f"upload {uploaded - started:.0f} s, check {checked - uploaded:.0f} s, export {delivered - checked:.0f} s")
    for (name, pid), peak in sorted(watch.peaks.items()):
        print(f"{name:<8} pid {pid:<8} peak {peak:6.0f} MB of {LIMIT_MB} MB")


if __name__ == "__main__":
    main()
