"""Killing parts in the middle of an export: everything arrives once, nobody has to help."""

import os
import random
import signal
import time

import psutil
import pytest
import redis

from tests.journeys.client import Customer

OBJECTS = 200
KILLS = 10


def worker_process(exchange) -> psutil.Process:
    """Return the worker of the running installation."""
    for child in psutil.Process(exchange.process.pid).children(recursive=True):
        if "celery" in " ".join(child.cmdline()) and "worker" in child.cmdline():
            return child
    raise LookupError("no worker is running")


@pytest.fixture(scope="module")
def parties():
    """A publisher with a revision of 200 objects in draft, and a subscriber."""
    from tests.parts import EXCHANGE

    EXCHANGE.wait_until_ready()
    publisher, subscriber = Customer(EXCHANGE, "Publisher"), Customer(EXCHANGE, "Subscriber")
    source = f"source-{time.time_ns()}"
    publisher.connect_bucket(source)
    keys = [f"part-{n:03d}.csv" for n in range(OBJECTS)]
    for n, key in enumerate(keys):
        publisher.s3.put_object(
            Bucket=source, Key=key, Body=b"n,text\n" + b"%d,%s\n" % (n, os.urandom(30_000).hex().encode())
        )
    data_set = publisher.create_data_set("Many objects")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "first.csv", b"x\n1\n")
    publisher.finalize(data_set, revision)
    entitled = subscriber.subscribe(publisher.list_product(data_set, f"Many objects {time.time_ns()}"))
    return publisher, subscriber, data_set, entitled, source, keys


def deliver_under_faults(parties, exchange, fault) -> None:
    """Finalize a revision of all objects, cause faults while it is exported, and check what arrived."""
    publisher, subscriber, data_set, entitled, source, keys = parties
    bucket = f"landing-{time.time_ns()}"
    subscriber.connect_bucket(bucket)
    action = subscriber.export_automatically(entitled, bucket)
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_from_s3(data_set, revision, source, keys)
    publisher.finalize(data_set, revision)
    fault()
    delivery = subscriber.delivery_of(revision, timeout_s=300)
    subscriber.call("DELETE", f"/api/auto-exports/{action}")

    receipt = subscriber.receipt(delivery["id"])
    assert sorted(line["key"] for line in receipt) == [f"{revision}/{key}" for key in keys]
    assert all(line["sha256"] and line["etag"] and line["finished_at"] for line in receipt)
    assert delivery["objects_done"] == delivery["objects_total"] == OBJECTS
    there = subscriber.s3.list_objects_v2(Bucket=bucket, Prefix=f"{revision}/")["Contents"]
    assert sorted(o["Key"] for o in there) == [f"{revision}/{key}" for key in keys]
    for line in random.Random(7).sample(receipt, 20):
        assert subscriber.sha256_of(bucket, line["key"]) == line["sha256"]
    deliveries = [d for d in subscriber.call("GET", "/api/deliveries")["items"] if d["revision_id"] == revision]
    assert len(deliveries) == 1


def test_the_worker_killed_ten_times_in_the_middle_of_an_export(parties, exchange):
    seed = 20261124
    print(f"seed {seed}")
    dice = random.Random(seed)

    def kill_ten_times() -> None:
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.1, 1.2))
            for _ in range(100):
                try:
                    worker_process(exchange).send_signal(signal.SIGKILL)
                    break
                except (LookupError, psutil.NoSuchProcess):
                    time.sleep(0.2)

    deliver_under_faults(parties, exchange, kill_ten_times)


def test_the_broker_flushed_in_the_middle_of_an_export(parties, exchange):
    def flush() -> None:
        broker = redis.Redis.from_url(exchange.endpoints["broker_url"])
        for _ in range(5):
            time.sleep(0.3)
            broker.flushall()

    deliver_under_faults(parties, exchange, flush)
