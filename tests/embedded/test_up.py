"""`manage.py up`: two installations side by side, every part killed and healed, and an end without a trace."""

import json
import re
import signal
import subprocess
import sys
import time

import boto3
import psutil
import pytest
import requests
from botocore.config import Config

from marketplace.embedded import processes
from tests.journeys.client import Customer
from tests.parts import EXCHANGE, ROOT, Exchange, free_port

#: Longest time from a kill to healthy again; the store needs up to 30 s, all else a few seconds.
HEALED_S = {"web": 30, "worker": 30, "scheduler": 30, "postgres": 40, "valkey": 30, "store": 60}
ENDED_S = 25


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A second installation beside the one of the test run."""
    made = Exchange(tmp_path_factory.mktemp("other") / "state", free_port())
    made.wait_until_ready()
    wait_for_line(made, "Entrepot is ready at")
    yield made
    made.stop()


def wait_for_line(exchange: Exchange, words: str, timeout_s: float = 60) -> str:
    """Return the line of the terminal that holds the words."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for line in exchange.log.read_text().splitlines():
            if words in line:
                return line
        time.sleep(0.1)
    raise AssertionError(f"{words!r} was not said:\n{exchange.log.read_text()[-3000:]}")


def part(exchange: Exchange, name: str) -> psutil.Process:
    """Return the process of a part, the one that `up` itself has started."""
    for child in psutil.Process(exchange.process.pid).children():
        try:
            if child.cwd() == str(exchange.state / name):  # two of them write over their environment
                return child
            if child.environ().get(processes.MARK) == processes.mark(exchange.state, name):
                return child
        except psutil.Error:
            continue
    raise LookupError(name)


def part_other_than(exchange: Exchange, name: str, pid: int, timeout_s: float) -> psutil.Process:
    """Wait until a part runs under another pid."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            found = part(exchange, name)
            if found.pid != pid and found.status() != psutil.STATUS_ZOMBIE:
                return found
        except (LookupError, psutil.Error):
            pass
        time.sleep(0.1)
    raise AssertionError(f"{name} was not replaced within {timeout_s} s")


def store_of(exchange: Exchange):
    place = exchange.endpoints["s3"]
    return place["vault_bucket"], boto3.client(
        "s3",
        endpoint_url=place["endpoint_url"],
        region_name=place["region"],
        aws_access_key_id=place["access_key_id"],
        aws_secret_access_key=place["secret_access_key"],
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture(scope="module")
def kept(other):
    """What must survive everything: an organization with its token, a data set, an object."""
    organization = other.create_organization("Harbour", "harbour@example.org")
    headers = {"Authorization": f"Bearer {organization['api_token']}"}
    body = {"AssetType": "S3_SNAPSHOT", "Name": "Tides", "Description": "High water."}
    made = requests.post(f"{other.url}/v1/data-sets", json=body, headers=headers, timeout=30)
    assert made.status_code == 201, made.text
    bucket, s3 = store_of(other)
    s3.put_object(Bucket=bucket, Key="kept", Body=b"kept")
    return {"headers": headers, "data_set": made.json()["Id"]}


def assert_kept(exchange: Exchange, kept) -> None:
    found = requests.get(f"{exchange.url}/v1/data-sets/{kept['data_set']}", headers=kept["headers"], timeout=30)
    assert (found.status_code, found.json()["Name"]) == (200, "Tides")
    bucket, s3 = store_of(exchange)
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"kept"


def up(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_two_installations_run_side_by_side_and_share_nothing(other):
    assert EXCHANGE.is_healthy()
    assert other.is_healthy()
    mine, theirs = EXCHANGE.endpoints, other.endpoints
    for name in ("url", "database_url", "broker_url"):
        assert mine[name] != theirs[name]
    for name in ("endpoint_url", "access_key_id", "secret_access_key"):
        assert mine["s3"][name] != theirs["s3"][name]


def test_endpoints_are_written_as_documented_for_the_owner_only(other):
    path = other.state / "endpoints.json"
    assert path.stat().st_mode & 0o777 == 0o600
    content = json.loads(path.read_text())
    assert set(content) == {"url", "database_url", "broker_url", "s3"}
    assert set(content["s3"]) == {"endpoint_url", "region", "access_key_id", "secret_access_key", "vault_bucket"}
    assert content["url"] == other.url
    assert content["database_url"].startswith("postgresql://")
    for name in ("secrets.json", "parts.json"):
        assert (other.state / name).stat().st_mode & 0o777 == 0o600
    assert other.state.stat().st_mode & 0o077 == 0


def test_every_listener_is_on_loopback(other):
    pids = {p.pid for p in processes.strays(other.state)}
    listening = [c for c in psutil.net_connections("tcp") if c.pid in pids and c.status == psutil.CONN_LISTEN]
    assert len(listening) >= 5
    assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::1"}


def test_a_created_organization_is_printed_as_json(other):
    made = other.create_organization("Field Lab", "Lab@example.org")
    assert set(made) == {
        "account_id",
        "user_email",
        "password",
        "api_token",
        "access_key_id",
        "secret_access_key",
    }
    assert made["user_email"] == "lab@example.org"
    with pytest.raises(RuntimeError, match="A user with this e-mail address exists already"):
        other.create_organization("Field Lab", "lab@example.org")


def test_a_taken_port_is_named_with_who_holds_it(other, tmp_path):
    done = up("--state", str(tmp_path / "state"), "--port", str(other.port))
    assert done.returncode == 1
    assert f"entrepot: Port {other.port} of 127.0.0.1 is taken by " in done.stderr
    assert "choose another with --port" in done.stderr
    assert processes.strays(tmp_path / "state") == []


def test_a_directory_in_use_is_refused_with_the_pid(other):
    done = up("--state", str(other.state), "--port", str(free_port()))
    assert done.returncode == 1
    assert f"is in use by a running `manage.py up` (pid {other.process.pid})" in done.stderr
    assert other.is_healthy()


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    done = up("--state", str(tmp_path / "state"), "--port", port)
    assert done.returncode == 2
    assert "--port" in done.stderr


@pytest.mark.parametrize("name", sorted(HEALED_S))
def test_a_killed_part_is_replaced_and_said_so(other, kept, name):
    victim = part(other, name)
    victim.send_signal(signal.SIGKILL)
    started = time.monotonic()
    replacement = part_other_than(other, name, victim.pid, HEALED_S[name])
    assert wait_for_line(other, f"{name} (pid {victim.pid}) died by signal 9") == (
        f"{name} (pid {victim.pid}) died by signal 9; restarted as pid {replacement.pid}"
    )
    while not other.is_healthy():
        assert time.monotonic() - started < HEALED_S[name], other.log.read_text()[-3000:]
        time.sleep(0.2)
    assert_kept(other, kept)


def test_nobody_waits_for_a_broker_that_hangs_and_work_goes_on_when_it_is_back(other):
    """Requests have 4 s; whoever talks to a hung broker waits 5 s and more."""
    publisher = Customer(other, "Publisher")
    data_set = publisher.create_data_set("Tides")
    first, second = (publisher.dx.create_revision(DataSetId=data_set)["Id"] for _ in range(2))
    publisher.import_by_signed_url(data_set, first, "monday.csv", b"x\n1\n")
    publisher.import_by_signed_url(data_set, second, "tuesday.csv", b"x\n2\n")
    publisher.finalize(data_set, first)
    product = publisher.list_product(data_set, "Tides at the pier")["id"]
    broker, person = part(other, "valkey"), requests.Session()
    broker.suspend()
    try:
        login = f"{other.url}/accounts/login/"
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', person.get(login, timeout=4).text)[1]
        form = {"login": publisher.credentials["user_email"], "password": publisher.credentials["password"]}
        form |= {"csrfmiddlewaretoken": token}
        signed_in = person.post(login, data=form, headers={"Referer": login}, timeout=4, allow_redirects=False)
        assert (signed_in.status_code, signed_in.headers["Location"]) == (302, "/home")
        path = f"{other.url}/v1/data-sets/{data_set}/revisions/{second}"
        finalized = requests.patch(path, json={"Finalized": True}, headers=publisher.bearer, timeout=4)
        assert (finalized.status_code, finalized.json()["Finalized"]) == (200, True)
    finally:
        broker.resume()
    deadline = time.monotonic() + 90
    while publisher.call("GET", f"/api/catalogue/{product}")["revision_count"] != 2:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_killed_web_worker_is_replaced_and_said_so(other):
    worker = part(other, "web").children()[0]
    worker.send_signal(signal.SIGKILL)
    wait_for_line(other, f"web worker (pid {worker.pid}) died; replaced by pid")
    assert other.is_healthy()


def test_parts_end_with_a_killed_up_and_the_next_one_finds_everything(other, kept):
    before = other.endpoints
    other.process.send_signal(signal.SIGKILL)
    other.process.wait(10)
    deadline = time.monotonic() + ENDED_S
    while processes.strays(other.state) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [p.name() for p in processes.strays(other.state)] == []

    again = Exchange(other.state, other.port)
    other.process = again.process  # the fixture ends this one
    again.wait_until_ready()
    after = again.endpoints
    assert after["s3"]["access_key_id"] == before["s3"]["access_key_id"]
    assert after["s3"]["secret_access_key"] == before["s3"]["secret_access_key"]
    assert after["database_url"].split("@")[0] == before["database_url"].split("@")[0]
    assert_kept(again, kept)


def test_sigterm_ends_everything_in_order_and_in_time(other):
    assert len(processes.strays(other.state)) > 6
    started = time.monotonic()
    assert other.stop() == 0
    assert time.monotonic() - started < ENDED_S
    assert processes.strays(other.state) == []
    wait_for_line(other, "stopped")
    assert "Traceback" not in other.log.read_text()
    assert EXCHANGE.is_healthy()
