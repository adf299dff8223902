"""The code of "Use it", run as it stands on the page against the running installation."""

import os
import subprocess
import sys
import time

import pytest

from marketplace.storefront.snippets import snippets
from tests.journeys.client import Customer

TABLES = {"first.csv": b"port,calls\nA,1\n", "second.csv": b"port,calls\nB,2\nC,3\n"}


@pytest.fixture(scope="module")
def stage_of_snippets():
    """Return a subscriber with one data set whose newest revision has two tables, and a token that reads it."""
    from tests.parts import EXCHANGE

    EXCHANGE.wait_until_ready()
    publisher, subscriber = Customer(EXCHANGE, "Snippets"), Customer(EXCHANGE, "Coder")
    data_set = publisher.create_data_set("Calls")
    revision = publisher.dx.create_revision(DataSetId=data_set, Comment="October")["Id"]
    for name, content in TABLES.items():
        publisher.import_by_signed_url(data_set, revision, name, content)
    publisher.finalize(data_set, revision)
    entitled = subscriber.subscribe(publisher.list_product(data_set, f"Snippets {time.time_ns()}"))
    return subscriber, entitled


def code_of(key: str, subscriber: Customer, data_set_id: str, settings) -> str:
    """Return a snippet, filled for a reader of the running installation, with the reader's key in its place."""
    settings.PUBLIC_URL = subscriber.exchange.url
    settings.S3_REGION = "us-east-1"
    code = next(s.code for s in snippets(data_set_id=data_set_id, file_name="second.csv") if s.key == key)
    code = code.replace("YOUR-ACCESS-KEY-ID", subscriber.credentials["access_key_id"])
    return code.replace("YOUR-SECRET-ACCESS-KEY", subscriber.credentials["secret_access_key"])


def run(words: list[str], subscriber: Customer, directory) -> str:
    """Run a program that must succeed and return what it printed."""
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(directory), "ENTREPOT_TOKEN": subscriber.credentials["api_token"]}
    done = subprocess.run(
        words, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_duckdb_reads_the_newest_file(stage_of_snippets, settings, tmp_path):
    subscriber, data_set = stage_of_snippets
    printed = run([sys.executable, "-c", code_of("duckdb", subscriber, data_set, settings)], subscriber, tmp_path)
    assert "calls" in printed
    assert (tmp_path / "newest.csv").read_bytes() == TABLES["second.csv"]


def test_pandas_reads_the_rows(stage_of_snippets, settings, tmp_path):
    subscriber, data_set = stage_of_snippets
    printed = run([sys.executable, "-c", code_of("pandas", subscriber, data_set, settings)], subscriber, tmp_path)
    assert "calls" in printed


def test_curl_reads_the_rows(stage_of_snippets, settings, tmp_path):
    subscriber, data_set = stage_of_snippets
    printed = run(["bash", "-c", code_of("rows", subscriber, data_set, settings)], subscriber, tmp_path)
    assert '"rows": [{"port":"B","calls":2},{"port":"C","calls":3}]' in printed


def test_the_aws_command_line_lists_revisions(stage_of_snippets, settings, tmp_path):
    subscriber, data_set = stage_of_snippets
    printed = run(["bash", "-c", code_of("cli", subscriber, data_set, settings)], subscriber, tmp_path)
    assert "October" in printed


def test_boto3_lists_and_exports(stage_of_snippets, settings, tmp_path):
    subscriber, data_set = stage_of_snippets
    bucket = f"snippets-{data_set[:10]}"
    subscriber.connect_bucket(bucket)
    code = code_of("boto3", subscriber, data_set, settings).replace("YOUR-CONNECTED-BUCKET", bucket)
    assert "October" in run([sys.executable, "-c", code], subscriber, tmp_path)
    deadline = time.monotonic() + 60
    while len(subscriber.s3.list_objects_v2(Bucket=bucket).get("Contents", [])) < len(TABLES):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_name_that_is_not_plain_does_not_get_into_code():
    for name in ('x"; import os.csv', "a$(id).csv", "a'b.csv", "\u202egpj.csv", "n\nx.csv"):
        assert not any(
            name[:3] in s.code
            for s in snippets(data_set_id="d", file_name=name)
            if s.key == "rows" and "file=" in s.code
        )
        assert [s.code for s in snippets(data_set_id="d", file_name=name)] == [
            s.code for s in snippets(data_set_id="d")
        ]
