"""curl with a token against the running installation: every kind of resource is plain HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.clients.stage import Stage
from tests.journeys.client import Customer

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="This machine has no curl.")


@dataclass
class Curl:
    """curl with a customer's token, which it reads from its standard input and not from its arguments."""

    customer: Customer

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and JSON of an answer; names of headers are written with underscores."""
        command = [str(CURL), "--silent", "--show-error", "--max-time", "60", "--request", method]
        command += ["--header", "@-", "--write-out", "\n%{http_code}"]
        for name, value in headers.items():
            command += ["--header", f"{name.replace('_', '-')}: {value}"]
        if body is not None:
            command += ["--header", "Content-Type: application/json", "--data-binary", json.dumps(body)]
        done = subprocess.run(
            [*command, self.customer.exchange.url + path],
            input=f"Authorization: Bearer {self.customer.credentials['api_token']}\n",
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        text, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(text) if text.strip() else None

    def get(self, path: str) -> Any:
        """Return what a GET answers, which must succeed."""
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer


@pytest.fixture
def publisher(stage: Stage) -> Curl:
    """The publisher's curl."""
    return Curl(stage.publisher)


@pytest.fixture
def subscriber(stage: Stage) -> Curl:
    """The subscriber's curl."""
    return Curl(stage.subscriber)


def encoded(arn: str) -> str:
    """Return an ARN as one segment of a path."""
    return quote(arn, safe="")


def test_data_sets_revisions_and_assets(stage, publisher) -> None:
    wanted = {"AssetType": "S3_SNAPSHOT", "Name": "Plain", "Description": "By HTTP.", "Tags": {"a": "1"}}
    status, made = publisher.call("POST", "/v1/data-sets", wanted)
    assert (status, made["Tags"]) == (201, {"a": "1"})
    path = f"/v1/data-sets/{made['Id']}"
    status, changed = publisher.call("PATCH", path, {"Name": "Plainer"})
    assert (status, changed["Name"]) == (200, "Plainer")
    assert made["Id"] in [row["Id"] for row in publisher.get("/v1/data-sets?origin=OWNED&maxResults=200")["DataSets"]]
    status, revision = publisher.call("POST", f"{path}/revisions", {})
    assert (status, revision["Finalized"]) == (201, False)
    draft = f"{path}/revisions/{revision['Id']}"
    stage.publisher.import_by_signed_url(made["Id"], revision["Id"], "a.csv", b"x\n1\n")
    (asset,) = publisher.get(f"{draft}/assets")["Assets"]
    assert publisher.get(f"{draft}/assets/{asset['Id']}")["AssetDetails"] == {"S3SnapshotAsset": {"Size": 4}}
    status, finalized = publisher.call("PATCH", draft, {"Finalized": True})
    assert (status, finalized["Finalized"]) == (200, True)
    assert publisher.call("PATCH", f"{draft}/assets/{asset['Id']}", {"Name": "b.csv"})[0] == 409
    assert publisher.call("DELETE", draft) == (204, None)
    assert publisher.call("DELETE", path) == (204, None)
    status, refusal = publisher.call("GET", path)
    assert (status, refusal["ResourceType"]) == (404, "DATA_SET")


def test_jobs(stage, subscriber) -> None:
    details = {"DataSetId": stage.entitled, "RevisionId": stage.revision, "AssetId": stage.asset}
    wanted = {"Type": "EXPORT_ASSET_TO_SIGNED_URL", "Details": {"ExportAssetToSignedUrl": details}}
    status, job = subscriber.call("POST", "/v1/jobs", wanted)
    assert (status, job["State"]) == (201, "WAITING")
    path = f"/v1/jobs/{job['Id']}"
    assert subscriber.call("PATCH", path)[0] == 202
    stage.subscriber.wait_for_job(job["Id"])
    url = subscriber.get(path)["Details"]["ExportAssetToSignedUrl"]["SignedUrl"]
    command = [str(CURL), "--silent", "--show-error", "--fail", "--location", url]
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).stdout == b"x\n1\n"
    assert job["Id"] in [row["Id"] for row in subscriber.get(f"/v1/jobs?dataSetId={stage.entitled}")["Jobs"]]
    assert subscriber.call("DELETE", path)[0] == 409


def test_event_actions(stage, subscriber) -> None:
    status, made = subscriber.call("POST", "/v1/event-actions", stage.event_action_request())
    assert status == 201
    path = f"/v1/event-actions/{made['Id']}"
    assert subscriber.get(path)["Arn"] == made["Arn"]
    found = subscriber.get(f"/v1/event-actions?eventSourceId={stage.entitled}")["EventActions"]
    assert made["Id"] in [row["Id"] for row in found]
    assert subscriber.call("PATCH", path, {"Action": made["Action"]})[0] == 200
    assert subscriber.call("DELETE", path) == (204, None)


def test_data_grants_sent_and_received(stage, publisher, subscriber) -> None:
    status, made = publisher.call("POST", "/v1/data-grants", stage.grant_request())
    assert status == 201
    assert publisher.get(f"/v1/data-grants/{encoded(made['Arn'])}")["Id"] == made["Id"]
    assert made["Id"] in [row["Id"] for row in publisher.get("/v1/data-grants?maxResults=200")["DataGrantSummaries"]]
    states = "acceptanceState=PENDING_RECEIVER_ACCEPTANCE&acceptanceState=ACCEPTED"
    found = subscriber.get(f"/v1/received-data-grants?{states}&maxResults=200")["DataGrantSummaries"]
    assert made["Arn"] in [row["Arn"] for row in found]
    assert subscriber.get(f"/v1/received-data-grants/{encoded(made['Arn'])}")["Name"] == made["Name"]
    status, accepted = subscriber.call("POST", f"/v1/data-grants/{encoded(made['Arn'])}/accept")
    assert (status, accepted["AcceptanceState"]) == (200, "ACCEPTED")
    assert publisher.call("DELETE", f"/v1/data-grants/{made['Id']}") == (204, None)


def test_tags(stage, publisher) -> None:
    arn = encoded(publisher.get(f"/v1/data-sets/{stage.new_data_set()}")["Arn"])
    assert publisher.call("POST", f"/tags/{arn}", {"tags": {"a": "1", "b c": "2"}}) == (204, None)
    assert publisher.call("DELETE", f"/tags/{arn}?tagKeys=a&tagKeys=nobody") == (204, None)
    assert publisher.get(f"/tags/{arn}") == {"tags": {"b c": "2"}}


def test_notifications_and_revoking(stage, publisher) -> None:
    revision = stage.published_revision()
    path = f"/v1/data-sets/{stage.data_set}"
    status, _ = publisher.call("POST", f"{path}/notification", {"Type": "DATA_DELAY", "Comment": "Late."})
    assert status == 202
    wanted = {"RevocationComment": "Wrong by a day."}
    status, revoked = publisher.call("POST", f"{path}/revisions/{revision}/revoke", wanted)
    assert (status, revoked["Revoked"]) == (200, True)


def test_calls_of_a_proxied_api(stage, subscriber) -> None:
    names = {"DataSetId": "data_set_id", "RevisionId": "revision_id", "AssetId": "asset_id"}
    headers = {f"x_amzn_dataexchange_{names[name]}": value for name, value in stage.api_asset.items()}
    method_and_path = {"x_amzn_dataexchange_http_method": "GET", "x_amzn_dataexchange_path": "/healthz"}
    status, _ = subscriber.call("POST", "/v1", **headers, **method_and_path)
    assert status == 200


def test_a_repeated_create_has_one_effect(publisher) -> None:
    wanted = {"AssetType": "S3_SNAPSHOT", "Name": "Once", "Description": "x"}
    first = publisher.call("POST", "/v1/data-sets", wanted, Idempotency_Key="once-by-curl")
    assert publisher.call("POST", "/v1/data-sets", wanted, Idempotency_Key="once-by-curl") == first
    assert publisher.call("POST", "/v1/data-sets", wanted | {"Name": "Twice"}, Idempotency_Key="once-by-curl")[0] == 400


def test_a_path_beyond_ascii_reaches_its_operation(publisher) -> None:
    status, refusal = publisher.call("GET", "/v1/data-sets/%C3%A9%E2%89%A0")
    assert (status, "'dataSetId'" in refusal["Message"]) == (400, True)


def test_a_wrong_token_is_refused(stage) -> None:
    stranger = Curl(stage.publisher)
    stranger.customer = type("Nobody", (), {"exchange": stage.exchange, "credentials": {"api_token": "entt_none"}})()
    status, refusal = stranger.call("GET", "/v1/data-sets")
    assert (status, refusal["message"]) == (403, "The security token included in the request is invalid.")
