"""The examples of docs/api.md run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients import node
from tests.parts import ROOT

GUIDE = (ROOT / "docs" / "api.md").read_text()
CLIENTS = ROOT / "tests" / "clients" / "javascript"


def examples(kind: str) -> list[str]:
    """Return the examples of the guide that are marked to run, in their order."""
    return re.findall(rf"<!-- run: {kind} -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def environment(stage, tmp_path) -> dict[str, str]:
    """What the guide says to set, and nothing of the machine but where programs are."""
    keys = stage.publisher.credentials
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "ENTREPOT_URL": stage.exchange.url,
        "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "TOKEN": keys["api_token"],
    }


def test_the_example_in_python_runs(environment) -> None:
    (program,) = examples("python")
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Harbour tides" in done.stdout


@pytest.mark.parametrize("number", range(len(examples("sh"))))
def test_the_examples_of_a_shell_run(number, environment) -> None:
    program = examples("sh")[number]
    done = subprocess.run(
        ["bash", "-euc", program], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"DataSets"' in done.stdout


def test_the_example_in_javascript_runs(environment, tmp_path) -> None:
    if not (CLIENTS / "node_modules" / ".done").exists():
        pytest.skip("The JavaScript clients are not installed: run `make javascript`.")
    (program,) = examples("javascript")
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    (tmp_path / "example.mjs").write_text(program)
    done = node.run("node", [str(tmp_path / "example.mjs")], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[")
