"""AWS's own clients for JavaScript against the running installation: signing, ARNs in paths, paging, dates, refusals."""

from __future__ import annotations

import json
import os

import pytest

from tests.clients import node
from tests.parts import ROOT

HERE = ROOT / "tests" / "clients" / "javascript"


@pytest.fixture
def environment(exchange) -> dict[str, str]:
    """The environment of a program that uses the clients; skipped where they could not be installed."""
    if not (HERE / "node_modules" / ".done").exists():
        done = node.run("npm", ["ping", "--fetch-retries=0"], capture_output=True, timeout=120)
        reason = "`make javascript` was not run" if done.returncode == 0 else "npm reaches no registry"
        pytest.skip(f"The JavaScript clients are not installed: {reason}.")
    return {"PATH": os.environ["PATH"], "ENTREPOT_URL": exchange.url, "AWS_DEFAULT_REGION": "us-east-1"}


def test_the_clients_for_javascript_understand_every_answer(stage, environment) -> None:
    for name, customer in (("PUBLISHER", stage.publisher), ("SUBSCRIBER", stage.subscriber)):
        keys = customer.credentials
        environment[name] = json.dumps({"id": keys["access_key_id"], "secret": keys["secret_access_key"]})
    environment["STAGE"] = json.dumps(
        {
            "receiver": stage.receiver_account,
            "grantedDataSet": stage.granted_data_set,
            "dataSet": stage.data_set,
            "product": stage.product["id"],
            "entitled": stage.entitled,
            "revision": stage.revision,
        }
    )
    done = node.run("node", [str(HERE / "exchange.mjs")], env=environment, capture_output=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "name": "By JavaScript ✓",
        "createdIsDate": True,
        "pages": 3,
        "pagesAreWhole": True,
        "comment": "changed",
        "tags": {"b": "2"},
        "acceptance": "ACCEPTED",
        "received": "By JavaScript",
        "originIsGrant": True,
        "assets": ["a.csv"],
        "job": "WAITING",
        "notFound": {"name": "ResourceNotFoundException", "status": 404, "resourceType": "DATA_SET"},
        "noSuchApi": {"name": "AccessDeniedException", "status": 403},
        "productIsListed": True,
    }
