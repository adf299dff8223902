"""An API as an asset: its document, and the import of it by the real job."""

import base64
import hashlib
import json
from typing import Any

import requests
from django.utils import timezone

from jobs.models import Job
from jobs.operations import apis, imports, lifecycle
from marketplace.core import work
from marketplace.core.models import Membership
from publishers.models import AssetType, Revision
from publishers.operations import data_sets, revisions
from tests.conftest import actor_of


def document(url: str = "https://api.example.org/v2", **changes: Any) -> bytes:
    """Return an OpenAPI document of an API at a URL."""
    content = {
        "openapi": "3.0.3",
        "info": {"title": "Status", "version": "1"},
        "servers": [{"url": url}],
        "paths": {"/flights": {"get": {"responses": {"200": {"description": "Flights"}}}}},
    }
    return json.dumps(content | changes).encode()


SPECIFICATION = document()


def md5_of(content: bytes) -> str:
    """Return the base64 of the MD5 digest."""
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def make_api_draft(owner: Membership) -> Revision:
    """Make an empty draft of a new data set of APIs."""
    at, actor = timezone.now(), actor_of(owner)
    data_set = data_sets.create_data_set(
        owner=owner.organization,
        name="Flight status",
        description="Live.",
        asset_type=AssetType.API_GATEWAY_API,
        actor=actor,
        at=at,
    )
    return revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)


def create_api_job(draft: Revision, member: Membership, content: bytes = SPECIFICATION, **changes: Any) -> Job:
    """Create the job that imports an API."""
    wanted: dict[str, Any] = {
        "api_id": "a1",
        "api_name": "status",
        "stage": "prod",
        "specification_md5": md5_of(content),
        "description": "Every flight.",
        "api_key": "",
    }
    return apis.create_import_from_api(
        organization=member.organization,
        revision=draft,
        actor=actor_of(member),
        at=timezone.now(),
        **(wanted | changes),
    )


def put_document(job: Job, content: bytes = SPECIFICATION) -> int:
    """Put the document where the job wants it, as a client does, and return the status."""
    url, _ = imports.signed_url(job, at=timezone.now())
    return requests.put(url, data=content, headers={"Content-MD5": md5_of(content)}, timeout=30).status_code


def run(job: Job, member: Membership) -> Job:
    """Start a job and let it run."""
    lifecycle.start_job(job=job, actor=actor_of(member), at=timezone.now())
    work.run_due()
    return Job.objects.select_related("revision__data_set__owner", "data_set").get(pk=job.pk)


def import_api(draft: Revision, member: Membership, content: bytes = SPECIFICATION, **changes: Any) -> Job:
    """Import an API, from the job to its end."""
    job = create_api_job(draft, member, content, **changes)
    assert put_document(job, content) == 200
    return run(job, member)
