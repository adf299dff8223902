"""The AWS CLI against the running installation: at least one call of each kind of resource."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.stage import Stage
from tests.journeys.client import Customer

AWS = Path(sys.executable).with_name("aws")


class CommandLine:
    """The AWS CLI with a customer's access key and nothing else of the machine's configuration."""

    def __init__(self, customer: Customer, home: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ACCESS_KEY_ID": customer.credentials["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": customer.credentials["secret_access_key"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_DATAEXCHANGE": customer.exchange.url,
            "AWS_ENDPOINT_URL_MARKETPLACE_CATALOG": customer.exchange.url,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *words: str, service: str = "dataexchange") -> subprocess.CompletedProcess[str]:
        """Run a command and return how it ended."""
        command = [str(AWS), service, *words, "--output", "json"]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def __call__(self, *words: str, service: str = "dataexchange") -> Any:
        """Run a command that must succeed and return what it printed."""
        done = self.run(*words, service=service)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def publisher(stage: Stage, tmp_path: Path) -> CommandLine:
    """The publisher's command line."""
    return CommandLine(stage.publisher, tmp_path)


@pytest.fixture
def subscriber(stage: Stage, tmp_path: Path) -> CommandLine:
    """The subscriber's command line."""
    return CommandLine(stage.subscriber, tmp_path)


def test_data_sets_revisions_assets_and_tags(stage, publisher) -> None:
    made = publisher(
        "create-data-set", "--asset-type", "S3_SNAPSHOT", "--name", "By hand", "--description", "d", "--tags", "a=1,b=2"
    )
    named = ("--data-set-id", made["Id"])
    assert publisher("get-data-set", *named)["Tags"] == {"a": "1", "b": "2"}
    assert publisher("update-data-set", *named, "--name", "Renamed")["Name"] == "Renamed"
    assert made["Id"] in [row["Id"] for row in publisher("list-data-sets", "--page-size", "2")["DataSets"]]
    publisher("untag-resource", "--resource-arn", made["Arn"], "--tag-keys", "a")
    publisher("tag-resource", "--resource-arn", made["Arn"], "--tags", "c=3")
    assert publisher("list-tags-for-resource", "--resource-arn", made["Arn"])["Tags"] == {"b": "2", "c": "3"}

    revision = publisher("create-revision", *named, "--comment", "First")["Id"]
    stage.publisher.import_by_signed_url(made["Id"], revision, "a.csv", b"x\n1\n")
    named += ("--revision-id", revision)
    (asset,) = publisher("list-revision-assets", *named)["Assets"]
    assert publisher("get-asset", *named, "--asset-id", asset["Id"])["Name"] == "a.csv"
    assert publisher("update-asset", *named, "--asset-id", asset["Id"], "--name", "z.csv")["Name"] == "z.csv"
    assert publisher("update-revision", *named, "--finalized")["Finalized"] is True
    assert publisher("update-revision", *named, "--no-finalized")["Finalized"] is False
    publisher("delete-asset", *named, "--asset-id", asset["Id"])
    publisher("delete-revision", *named)
    publisher("delete-data-set", "--data-set-id", made["Id"])
    refused = publisher.run("get-data-set", "--data-set-id", made["Id"])
    assert refused.returncode != 0
    assert "ResourceNotFoundException" in refused.stderr


def test_jobs(stage, subscriber) -> None:
    details = {"DataSetId": stage.entitled, "RevisionId": stage.revision, "AssetId": stage.asset}
    made = subscriber(
        "create-job",
        "--type",
        "EXPORT_ASSET_TO_SIGNED_URL",
        "--details",
        json.dumps({"ExportAssetToSignedUrl": details}),
    )
    subscriber("start-job", "--job-id", made["Id"])
    stage.subscriber.wait_for_job(made["Id"])
    assert subscriber("get-job", "--job-id", made["Id"])["State"] == "COMPLETED"
    assert made["Id"] in [row["Id"] for row in subscriber("list-jobs", "--data-set-id", stage.entitled)["Jobs"]]
    refused = subscriber.run("cancel-job", "--job-id", made["Id"])
    assert "ConflictException" in refused.stderr


def test_event_actions(stage, subscriber) -> None:
    wanted = stage.event_action_request()
    made = subscriber(
        "create-event-action", "--event", json.dumps(wanted["Event"]), "--action", json.dumps(wanted["Action"])
    )
    named = ("--event-action-id", made["Id"])
    assert subscriber("get-event-action", *named)["Event"] == wanted["Event"]
    wanted["Action"]["ExportRevisionToS3"]["RevisionDestination"]["KeyPattern"] = "x/${Asset.Name}"
    changed = subscriber("update-event-action", *named, "--action", json.dumps(wanted["Action"]))
    assert changed["Action"] == wanted["Action"]
    found = subscriber("list-event-actions", "--event-source-id", stage.entitled)["EventActions"]
    assert made["Id"] in [row["Id"] for row in found]
    subscriber("delete-event-action", *named)


def test_data_grants_sent_and_received(stage, publisher, subscriber) -> None:
    made = publisher(
        "create-data-grant",
        *("--name", "By hand", "--grant-distribution-scope", "NONE"),
        *("--receiver-principal", stage.receiver_account, "--source-data-set-id", stage.granted_data_set),
        *("--ends-at", "2099-01-31T12:00:00Z"),
    )
    assert publisher("get-data-grant", "--data-grant-id", made["Arn"])["EndsAt"].startswith("2099-01-31T12:00:00")
    assert made["Id"] in [row["Id"] for row in publisher("list-data-grants")["DataGrantSummaries"]]
    pending = subscriber("list-received-data-grants", "--acceptance-state", "PENDING_RECEIVER_ACCEPTANCE", "ACCEPTED")
    assert made["Arn"] in [row["Arn"] for row in pending["DataGrantSummaries"]]
    assert subscriber("get-received-data-grant", "--data-grant-arn", made["Arn"])["Name"] == "By hand"
    assert subscriber("accept-data-grant", "--data-grant-arn", made["Arn"])["AcceptanceState"] == "ACCEPTED"
    publisher("delete-data-grant", "--data-grant-id", made["Id"])


def test_notifications(stage, publisher) -> None:
    wanted = stage.notify()
    publisher(
        "send-data-set-notification", "--data-set-id", wanted["DataSetId"], "--type", "DATA_DELAY", "--comment", "Late."
    )


def test_calls_of_a_proxied_api(stage, subscriber) -> None:
    place = stage.api_asset
    answer = subscriber(
        "send-api-asset",
        *("--data-set-id", place["DataSetId"], "--revision-id", place["RevisionId"], "--asset-id", place["AssetId"]),
        *("--method", "GET", "--path", "/healthz", "--query-string-parameters", "q=a b"),
    )
    assert answer["ResponseHeaders"]


def test_revoking(stage, publisher) -> None:
    named = ("--data-set-id", stage.data_set, "--revision-id", stage.published_revision())
    made = publisher("revoke-revision", *named, "--revocation-comment", "Wrong by a day.")
    assert made["Revoked"] is True


def test_the_catalogue_of_products(stage, publisher) -> None:
    found = publisher(
        "list-entities", "--catalog", "AWSMarketplace", "--entity-type", "DataProduct", service="marketplace-catalog"
    )
    assert stage.product["id"] in [row["EntityId"] for row in found["EntitySummaryList"]]
