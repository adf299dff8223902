"""What the real server tells about a request is enough to route ARNs and to verify signatures."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.awsapi.granian_app import SECRET

ROOT = Path(__file__).resolve().parents[2]
ARN = "arn:aws:dataexchange:us-east-1:123456789012:data-sets/" + "0f" * 16 + "/revisions/" + "1e" * 16
GRANT = "arn:aws:dataexchange:us-east-1:123456789012:data-grants/" + "a1" * 16


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "1", "tests.awsapi.granian_app:application"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        try:
            for _ in range(150):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def ask(port: int, method: str, target: str, body: bytes = b"", *, sent: str | None = None) -> dict[str, Any]:
    """Sign a target with botocore and send it, or another one in its place."""
    request = AWSRequest(method=method, url=f"http://127.0.0.1:{port}{target}", data=body)
    SigV4Auth(Credentials("ENTKABCDEFGHIJKLMNOP", SECRET), "dataexchange", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, sent or target, body or None, dict(request.headers))
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


@pytest.mark.parametrize(
    ("method", "path", "query", "operation", "labels"),
    [
        ("GET", "/tags/" + quote(ARN, safe=""), "", "ListTagsForResource", {"ResourceArn": ARN}),
        ("DELETE", "/tags/" + quote(ARN, safe=""), "tagKeys=a&tagKeys=b%20c", "UntagResource", {"ResourceArn": ARN}),
        (
            "POST",
            "/v1/data-grants/" + quote(GRANT, safe="") + "/accept",
            "",
            "AcceptDataGrant",
            {"DataGrantArn": GRANT},
        ),
        ("GET", "/v1/data-sets", "maxResults=5&nextToken=a%2Bb%3D", "ListDataSets", {}),
        ("PATCH", "/v1/jobs/" + quote("é ü+%", safe=""), "", "StartJob", {"JobId": "é ü+%"}),
        ("POST", "/v1", "a=%2F&b=", "SendApiAsset", {}),
    ],
)
def test_granian_serves_signed_requests(
    server: int, method: str, path: str, query: str, operation: str, labels: dict[str, str]
) -> None:
    answer = ask(
        server, method, path + (f"?{query}" if query else ""), b'{"a":"\xc3\xa9"}' if method == "POST" else b""
    )
    assert (answer["verdict"], answer["operation"], answer["labels"]) == ("verified", operation, labels)


def test_another_path_than_the_signed_one_is_refused(server: int) -> None:
    other = "/tags/" + quote(ARN[:-1] + "f", safe="")
    assert ask(server, "GET", "/tags/" + quote(ARN, safe=""), sent=other)["verdict"] == "InvalidSignatureException"
