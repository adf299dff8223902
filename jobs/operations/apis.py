"""Import an API as an asset: its OpenAPI document is uploaded, checked and kept, its address and key stay ours.

Source: dataexchange 2017-07-25, ImportAssetFromApiGatewayApi; any HTTPS API with an OpenAPI 3 document takes the place of
Amazon API Gateway (DESIGN section 6).
"""

import base64
import hashlib
import json
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from django.db import transaction

from jobs.models import Job, JobType
from jobs.operations import describing
from jobs.operations.imports import asset_id_of, check_md5, create_import, incoming
from marketplace.core import crypto, egress, storage, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid
from marketplace.core.models import Organization
from marketplace.core.operations.tags import check_tags
from publishers.models import Asset, AssetType, Revision

LARGEST_SPECIFICATION = 5 * 1024 * 1024


class SpecificationRefused(Invalid):
    """The uploaded document does not describe an API that can be offered."""


def _job_place(job: Job) -> dict[str, str]:
    return {"table": "jobs_job", "column": "request.api_key", "row": job.pk, "organization": job.organization_id}


def key_place(asset: Asset) -> dict[str, str]:
    """Return the place that the key of an API asset is sealed for."""
    owner_id = asset.revision.data_set.owner_id
    return {"table": "publishers_asset", "column": "details.api_key", "row": asset.pk, "organization": owner_id}


@transaction.atomic
def create_import_from_api(
    *,
    organization: Organization,
    revision: Revision,
    api_id: str,
    api_name: str,
    stage: str,
    specification_md5: str,
    description: str,
    api_key: str,
    actor: Actor,
    at: datetime,
    asset_tags: dict[str, str] | None = None,
) -> Job:
    """Create a WAITING import of one API. Its OpenAPI document is put to `imports.signed_url` before the start.

    specification_md5: base64 of the MD5 digest. api_key: sent to the API as `x-api-key` with each call; sealed at rest.
    Raises RevisionIsFinalized, AssetTypeDiffers, AssetNameTaken, LimitExceeded, Invalid.
    """
    for field, value, longest in (("ApiId", api_id, 256), ("Stage", stage, 256), ("ApiKey", api_key, 4096)):
        if len(value) > longest or any(ord(c) < 32 or ord(c) == 127 for c in value):
            raise Invalid(f"{field} has at most {longest} characters and no control characters.", field=field)
    check_md5(specification_md5, field="ApiSpecificationMd5Hash")
    job = create_import(
        organization=organization,
        revision=revision,
        kind=JobType.IMPORT_ASSET_FROM_API_GATEWAY_API,
        request={
            "api_id": api_id,
            "api_name": api_name,
            "stage": stage,
            "md5": specification_md5,
            "description": description,
            "asset_tags": check_tags(asset_tags),
        },
        entries=[(api_id, api_name)],
        actor=actor,
        at=at,
        asset_type=AssetType.API_GATEWAY_API,
    )
    if api_key:
        job.request["sealed_api_key"] = base64.b64encode(crypto.seal(api_key, **_job_place(job))).decode()
        job.save(update_fields=["request"])
    return job


def read_specification(content: bytes) -> tuple[dict[str, Any], str]:
    """Return an OpenAPI 3 document and the address of its API. Raises SpecificationRefused, AddressRefused.

    The address is the first entry of `servers`, its variables filled with their defaults; it must be an https URL.
    """
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise SpecificationRefused("The API specification must be JSON in UTF-8.") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise SpecificationRefused("The API specification must be an OpenAPI 3 document: `openapi` says 3.0 or 3.1.")
    if not isinstance(document.get("paths"), dict):
        raise SpecificationRefused("The API specification must have `paths`.")
    servers = document.get("servers")
    server = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    url, variables = str(server.get("url", "")), server.get("variables")
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        if isinstance(variable, dict):
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    if not url or "{" in url or "?" in url or "#" in url:
        raise SpecificationRefused("The API specification must name the address of the API in `servers[0].url`.")
    egress.check_url(url)
    return document, urljoin(url, ".") if url.endswith("/") else url


def run_import_of_api(*, job: Job) -> None:
    """Check the uploaded document and add the asset. Harmless to run again. Raises TemporaryFailure."""
    key = _specification_key(job)
    describing.run(job=job, describe=lambda _: _describe(job, key))
    asset = Asset.objects.filter(pk=asset_id_of(job, 0)).first()
    if asset is None or asset.details["SpecificationKey"] != key:  # it was refused, or another run was faster
        storage.vault().delete(key)
    if asset is not None:
        storage.vault().delete(incoming(job))


def _specification_key(job: Job) -> str:
    """Return where this run keeps the document; the fence keeps runs apart."""
    lease = work.current_lease()
    return f"specifications/{asset_id_of(job, 0)}-{lease.fence if lease is not None else 0}"


def _describe(job: Job, key: str) -> dict[str, Any]:
    vault, put, request = storage.vault(), incoming(job), job.request
    info = vault.find(put)
    if info is None:
        raise Invalid("No document was put to ApiSpecificationUploadUrl. Create a new job, put it, then start the job.")
    if info.size_bytes > LARGEST_SPECIFICATION:
        raise Invalid(f"The API specification may have at most {LARGEST_SPECIFICATION:,} bytes.")
    content = b"".join(vault.read(put))
    if base64.b64encode(_md5(content)).decode() != request["md5"]:
        raise Invalid("The document does not match ApiSpecificationMd5Hash.")
    _, upstream = read_specification(content)
    vault.write(key, iter([content]), content_type="application/json", size_bytes=len(content))
    details: dict[str, Any] = {
        "ApiGatewayApiAsset": {
            "ApiDescription": request["description"],
            "ApiId": request["api_id"],
            "ApiName": request["api_name"],
            "ProtocolType": "REST",
            "Stage": request["stage"],
        },
        "SpecificationKey": key,
        "Upstream": upstream,
    }
    if "sealed_api_key" in request:
        api_key = crypto.unseal(base64.b64decode(request["sealed_api_key"]), **_job_place(job))
        asset = Asset(id=asset_id_of(job, 0), revision=job.living_revision)
        details["SealedApiKey"] = base64.b64encode(crypto.seal(api_key, **key_place(asset))).decode()
    return details


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()
