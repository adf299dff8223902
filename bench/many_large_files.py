"""Import and export many large files of another store at the same time and print what the worker held in memory.

The embedded store under another spelling of its address is another store to the exchange: every byte is streamed. The
limit is 300 MB resident, whatever the number of jobs and the size of their files.
"""

import os
import time
from typing import Any

from bench.large_file import LIMIT_MB, Watch
from tests import parts
from tests.journeys.client import Customer

JOBS, FILES, FILE_BYTES = 4, 3, 120 * 1024 * 1024


def connect(customer: Customer, bucket: str) -> dict[str, Any]:
    """Create a bucket and connect it under the other spelling."""
    customer.s3.create_bucket(Bucket=bucket)
    keys = {name: customer.store[name] for name in ("region", "access_key_id", "secret_access_key")}
    endpoint = customer.store["endpoint_url"].replace("127.0.0.1", "localhost")
    return customer.call(
        "POST", "/api/storage-connections", json={"name": bucket, "endpoint_url": endpoint, "bucket": bucket} | keys
    )


def main() -> None:
    """Run once and print times and the peak."""
    exchange = parts.EXCHANGE
    port = exchange.endpoints["s3"]["endpoint_url"].rsplit(":", 1)[1]
    exchange.stop()  # it reads what it may reach when it starts
    os.environ["EGRESS_ALLOWLIST"] = f"127.0.0.1:{port},localhost:{port}"
    again = parts.Exchange(exchange.state, exchange.port)
    exchange.process = again.process
    again.wait_until_ready()

    publisher, subscriber = Customer(again, "Publisher"), Customer(again, "Subscriber")
    stamp = time.time_ns()
    connect(publisher, f"far-{stamp}")
    block = os.urandom(1024 * 1024)
    for number in range(JOBS * FILES):
        body = number.to_bytes(8, "big") + block * (FILE_BYTES // len(block))
        publisher.s3.put_object(Bucket=f"far-{stamp}", Key=f"{number}.bin", Body=body)
    data_set = publisher.create_data_set("Large files")
    first = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, first, "first.csv", b"x\n1\n")
    publisher.finalize(data_set, first)
    entitled = subscriber.subscribe(publisher.list_product(data_set, f"Large files {stamp}"))
    connect(subscriber, f"landing-{stamp}")
    subscriber.export_automatically(entitled, f"landing-{stamp}")

    watch = Watch()
    watch.start()
    started = time.monotonic()
    revisions, jobs = [], []
    for number in range(JOBS):
        revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
        keys = [f"{number * FILES + n}.bin" for n in range(FILES)]
        sources = [{"Bucket": f"far-{stamp}", "Key": key} for key in keys]
        details = {"AssetSources": sources, "DataSetId": data_set, "RevisionId": revision}
        job = publisher.dx.create_job(Type="IMPORT_ASSETS_FROM_S3", Details={"ImportAssetsFromS3": details})["Id"]
        publisher.dx.start_job(JobId=job)
        revisions.append(revision)
        jobs.append(job)
    for job in jobs:
        publisher.wait_for_job(job, timeout_s=600)
    imported = time.monotonic()
    for revision in revisions:
        publisher.finalize(data_set, revision)
    receipts = [subscriber.receipt(subscriber.delivery_of(r, timeout_s=600)["id"]) for r in revisions]
    delivered = time.monotonic()
    watch.is_over.set()
    watch.join()

    assert {line["method"] for receipt in receipts for line in receipt} == {"stream"}
    total = JOBS * FILES * FILE_BYTES / 1e6
    print(f"{total:.0f} MB in {JOBS} jobs: import {imported - started:.0f} s, export {delivered - imported:.0f} s")
    for (name, pid), peak in sorted(watch.peaks.items()):
        print(f"{name:<8} pid {pid:<8} peak {peak:6.0f} MB of {LIMIT_MB} MB")


if __name__ == "__main__":
    main()
