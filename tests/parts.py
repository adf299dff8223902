"""Starts one whole Entrepot for the test run, before Django reads its settings.

Tests of rules use its PostgreSQL (in a database of their own), its broker and its store; tests of journeys talk to
its web server, worker and scheduler. Nothing is faked. When pytest-xdist shares the tests out (`-n 2`), each of its
workers has an installation of its own; the process that hands them out has none.
"""

import atexit
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
READY_S = 180


def free_port() -> int:
    """Return a free loopback port below the range that outgoing connections take."""
    for port in random.sample(range(8100, 8900), 800):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port from 8100 to 8899")


class Exchange:
    """A running installation: its address, its state directory and the process that supervises it."""

    def __init__(self, directory: Path, port: int, *options: str) -> None:
        self.state = directory
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = directory.with_name(f"{directory.name}.log")
        environment = {k: v for k, v in os.environ.items() if k not in {"ENTREPOT_STATE", "DJANGO_SETTINGS_MODULE"}}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--state", str(directory), "--port", str(port), *options],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self, timeout_s: float = READY_S) -> None:
        """Return when /healthz answers 200; raise with the end of the log when it does not."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self.is_healthy():
                return
            time.sleep(0.3)
        raise RuntimeError(f"Entrepot did not start:\n{self.log.read_text()[-4000:]}")

    def is_healthy(self) -> bool:
        """Return True when /healthz answers 200."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def endpoints(self) -> dict:
        """Return what endpoints.json says."""
        return json.loads((self.state / "endpoints.json").read_text())

    def manage(self, *arguments: str, timeout_s: float = 120) -> str:
        """Run a management command against this installation and return what it printed."""
        environment = dict(os.environ) | {"ENTREPOT_STATE": str(self.state)}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def create_organization(self, name: str, email: str) -> dict[str, str]:
        """Create an organization and return its credentials."""
        return json.loads(self.manage("create_organization", name, "--email", email).strip().splitlines()[-1])

    def stop(self) -> int:
        """End it with SIGTERM and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def _start() -> Exchange:
    directory = Path(tempfile.mkdtemp(prefix="entrepot-test-"))
    exchange = Exchange(directory / "state", free_port())

    def clean_up() -> None:
        exchange.stop()
        shutil.rmtree(directory, ignore_errors=True)

    atexit.register(clean_up)
    exchange.wait_until_ready()
    os.environ["ENTREPOT_STATE"] = str(exchange.state)
    os.environ["STATIC_ROOT"] = str(exchange.state / "static")
    return exchange


if "PYTEST_XDIST_WORKER" in os.environ or not any(argument.startswith("-n") for argument in sys.argv):
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings.main"
    EXCHANGE = _start()
else:
    _environment = dict(os.environ)
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings.check"
    EXCHANGE = None  # type: ignore[assignment]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let the workers inherit the environment as it was, without the stand-ins that the settings above have set."""
    os.environ.clear()
    os.environ.update(_environment)
