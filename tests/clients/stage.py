"""A publisher, a subscriber and what lies between them at the running installation; made once, by the APIs themselves."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from functools import cached_property
from typing import Any

import boto3
import requests
from botocore.config import Config

from tests.journeys.client import Customer
from tests.parts import Exchange

_count = itertools.count(1)


def client_of(customer: Customer, service: str = "dataexchange") -> Any:
    """Return a boto3 client of a customer that calls every operation on the one host that there is here."""
    return boto3.session.Session().client(
        service,
        region_name="us-east-1",
        endpoint_url=customer.exchange.url,
        aws_access_key_id=customer.credentials["access_key_id"],
        aws_secret_access_key=customer.credentials["secret_access_key"],
        config=Config(inject_host_prefix=False),
    )


class Stage:
    """What scenarios of all clients start from. Each property is made at first use and then shared: change none of them."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @cached_property
    def publisher(self) -> Customer:
        """An organization that publishes."""
        return Customer(self.exchange, "Publisher")

    @cached_property
    def subscriber(self) -> Customer:
        """An organization that subscribes."""
        return Customer(self.exchange, "Subscriber")

    @property
    def receiver_account(self) -> str:
        """The subscriber's account id."""
        return str(self.subscriber.credentials["account_id"])

    # --- published -----------------------------------------------------------------------------------------------------
    @cached_property
    def data_set(self) -> str:
        """The publisher's data set; it is in a product."""
        return self.publisher.create_data_set("Tides")

    @cached_property
    def revision(self) -> str:
        """A finalized revision of it, published."""
        return self.finalized_revision(self.data_set)

    @cached_property
    def asset(self) -> str:
        """The one asset of the finalized revision."""
        return self.asset_of(self.data_set, self.revision)

    @cached_property
    def product(self) -> dict[str, Any]:
        """The product, as the catalogue shows it."""
        assert self.revision
        return self.publisher.list_product(self.data_set, "Tides")

    @cached_property
    def entitled(self) -> str:
        """The data set as the subscriber sees it."""
        return self.subscriber.subscribe(self.product)

    @cached_property
    def bucket(self) -> str:
        """A bucket that the subscriber has connected."""
        name = f"clients-{time.time_ns()}"
        self.subscriber.connect_bucket(name)
        return name

    @cached_property
    def source(self) -> str:
        """A bucket that the publisher has connected, with one object `b.csv`."""
        name = f"clients-source-{time.time_ns()}"
        self.publisher.connect_bucket(name)
        self.publisher.s3.put_object(Bucket=name, Key="b.csv", Body=b"x\n2\n")
        return name

    @cached_property
    def api_asset(self) -> dict[str, str]:
        """Ids of an API that the subscriber is entitled to call: the health of the object store, GET /healthz."""
        data_set = self.publisher.dx.create_data_set(AssetType="API_GATEWAY_API", Name="Health", Description="x")["Id"]
        revision = self.publisher.dx.create_revision(DataSetId=data_set)["Id"]
        specification = {
            "openapi": "3.0.3",
            "info": {"title": "Health", "version": "1"},
            "servers": [{"url": self.publisher.store["endpoint_url"]}],
            "paths": {"/healthz": {"get": {"responses": {"200": {"description": "It is well."}}}}},
        }
        content = json.dumps(specification).encode()
        details = {
            "ApiId": "health",
            "ApiName": "health",
            "ApiSpecificationMd5Hash": base64.b64encode(hashlib.md5(content).digest()).decode(),
            "DataSetId": data_set,
            "ProtocolType": "REST",
            "RevisionId": revision,
            "Stage": "main",
        }
        job = self.publisher.dx.create_job(
            Type="IMPORT_ASSET_FROM_API_GATEWAY_API", Details={"ImportAssetFromApiGatewayApi": details}
        )
        answered = job["Details"]["ImportAssetFromApiGatewayApi"]
        put = requests.put(
            answered["ApiSpecificationUploadUrl"],
            data=content,
            headers={"Content-MD5": details["ApiSpecificationMd5Hash"]},
            timeout=60,
        )
        assert put.status_code == 200, put.text
        self.publisher.dx.start_job(JobId=job["Id"])
        self.publisher.wait_for_job(job["Id"])
        self.publisher.finalize(data_set, revision)
        entitled = self.subscriber.subscribe(self.publisher.list_product(data_set, "Health"))
        return {"DataSetId": entitled, "RevisionId": revision, "AssetId": self.asset_of(data_set, revision)}

    # --- new ones ------------------------------------------------------------------------------------------------------
    def new_data_set(self) -> str:
        """Return a data set without revisions, in no product."""
        return self.publisher.create_data_set(f"Number {next(_count)}")

    def draft_revision(self, data_set: str) -> str:
        """Return a draft with one asset."""
        revision = str(self.publisher.dx.create_revision(DataSetId=data_set, Comment="A draft")["Id"])
        self.publisher.import_by_signed_url(data_set, revision, "a.csv", b"x\n1\n")
        return revision

    def finalized_revision(self, data_set: str) -> str:
        """Return a finalized revision with one asset."""
        revision = self.draft_revision(data_set)
        self.publisher.finalize(data_set, revision)
        return revision

    def published_revision(self) -> str:
        """Return a new revision of the data set in the product, once the subscriber sees it."""
        revision, entitled = self.finalized_revision(self.data_set), self.entitled
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            seen = self.subscriber.dx.list_data_set_revisions(DataSetId=entitled)["Revisions"]
            if revision in [row["Id"] for row in seen]:
                return revision
            time.sleep(0.1)
        raise AssertionError(f"revision {revision} was not published within 60 s")

    def asset_of(self, data_set: str, revision: str) -> str:
        """Return the only asset of a revision of the publisher."""
        (asset,) = self.publisher.dx.list_revision_assets(DataSetId=data_set, RevisionId=revision)["Assets"]
        return str(asset["Id"])

    def import_job(self, data_set: str, revision: str) -> str:
        """Return a job that waits for its upload."""
        details = {"AssetName": "c.csv", "DataSetId": data_set, "RevisionId": revision, "Md5Hash": "A" * 22 + "=="}
        wanted = {"Type": "IMPORT_ASSET_FROM_SIGNED_URL", "Details": {"ImportAssetFromSignedUrl": details}}
        return str(self.publisher.dx.create_job(**wanted)["Id"])

    def grant_request(self, **changes: Any) -> dict[str, Any]:
        """Return the members of a data grant from the publisher to the subscriber."""
        return {
            "Name": f"Grant {next(_count)}",
            "GrantDistributionScope": "NONE",
            "ReceiverPrincipal": self.receiver_account,
            "SourceDataSetId": self.granted_data_set,
        } | changes

    @cached_property
    def granted_data_set(self) -> str:
        """A data set of the publisher with a finalized revision, in no product."""
        data_set = self.new_data_set()
        self.finalized_revision(data_set)
        return data_set

    def new_grant(self) -> dict[str, Any]:
        """Return a grant that waits for the subscriber."""
        made: dict[str, Any] = self.publisher.dx.create_data_grant(**self.grant_request())
        return made

    def new_event_action(self, data_set: str | None = None) -> dict[str, Any]:
        """Return an auto-export of the subscriber."""
        made: dict[str, Any] = self.subscriber.dx.create_event_action(**self.event_action_request(data_set))
        return made

    def event_action_request(self, data_set: str | None = None) -> dict[str, Any]:
        """Return the members of an auto-export to the connected bucket."""
        return {
            "Event": {"RevisionPublished": {"DataSetId": data_set or self.entitled}},
            "Action": {"ExportRevisionToS3": {"RevisionDestination": {"Bucket": self.bucket}}},
        }

    def notify(self, **changes: Any) -> dict[str, Any]:
        """Return the members of a notification about a data set in a product."""
        assert self.product
        return {"DataSetId": self.data_set, "Type": "DATA_DELAY", "Comment": "Late by a day."} | changes

    def call(self, customer: Customer, method: str, path: str, **options: Any) -> requests.Response:
        """Call with the customer's token and return the answer, whatever it is."""
        headers = customer.bearer | options.pop("headers", {})
        return requests.request(method, self.exchange.url + path, headers=headers, timeout=60, **options)
