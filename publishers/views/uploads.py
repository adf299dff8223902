"""The JSON calls of browser uploads; static/js/transfer.js is their client and names the contract."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.core import scopes
from marketplace.core.errors import Conflict, DomainError, Invalid
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import View, status_of
from marketplace.core.storage import StorageFault
from publishers.models import AssetType, Revision, UploadState
from publishers.operations import uploads as operations
from publishers.operations.revisions import check_asset_type
from publishers.queries.data_sets import get_owned_revision, get_upload


def _answers_json(view: Callable[..., dict[str, Any] | None]) -> View:
    """Answer with JSON: what the view returns, 204 for None, or {"detail"} with the status of a refusal."""

    @wraps(view)
    def answering(request: MemberRequest, *args: Any, **keywords: Any) -> HttpResponse:
        if not request.user.is_authenticated or request.membership is None:
            return JsonResponse({"detail": "Your session has ended. Sign in again; nothing is lost."}, status=401)
        try:
            scopes.require(scopes.allowed(request.membership), "publish:write")
            found = view(request, *args, **keywords)
        except DomainError as error:
            return JsonResponse({"detail": error.message}, status=status_of(error))
        except StorageFault as fault:
            return JsonResponse({"detail": str(fault)}, status=503)
        return HttpResponse(status=204) if found is None else JsonResponse(found)

    answering.required_scope = "publish:write"  # type: ignore[attr-defined]
    return answering


def _body(request: MemberRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        raise Invalid("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    return body


def _text(body: dict[str, Any], name: str, longest: int) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(f"{name} must be a text of at most {longest:,} characters.", field=name)
    return value


def _whole(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise Invalid(f"{name} must be a whole number that is not negative.", field=name)
    return value


def _revision(request: MemberRequest, data_set_id: str, revision_id: str) -> Revision:
    return get_owned_revision(owner=request.organization, data_set_id=data_set_id, revision_id=revision_id)


@require_POST
@_answers_json
def uploads(request: MemberRequest, data_set_id: str, revision_id: str) -> dict[str, Any]:
    """Begin an upload, or find the one of the same file: {name, size, type, modified} -> {id, part_size, done}."""
    body = _body(request)
    revision = _revision(request, data_set_id, revision_id)
    check_asset_type(revision, AssetType.S3_SNAPSHOT)
    upload, done = operations.open_upload(
        revision=revision,
        user=request.user,
        name=_text(body, "name", 1024),
        size_bytes=_whole(body, "size"),
        content_type=_text(body, "type", 255),
        modified_ms=_whole(body, "modified"),
        actor=request.actor,
        at=timezone.now(),
    )
    return {"id": upload.pk, "part_size": upload.part_bytes, "done": done}


@require_POST
@_answers_json
def upload_sign(request: MemberRequest, data_set_id: str, revision_id: str, upload_id: str) -> dict[str, Any]:
    """Hand out a URL per part: {parts} -> {urls}."""
    upload = get_upload(revision=_revision(request, data_set_id, revision_id), upload_id=upload_id)
    numbers = _body(request).get("parts")
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise Invalid("parts must be a list of whole numbers.", field="parts")
    return {"urls": operations.sign_parts(upload=upload, numbers=numbers)}


@require_POST
@_answers_json
def upload_complete(request: MemberRequest, data_set_id: str, revision_id: str, upload_id: str) -> dict[str, Any]:
    """Put the parts together; a worker then reads the file and makes it an asset."""
    upload = get_upload(revision=_revision(request, data_set_id, revision_id), upload_id=upload_id)
    upload = operations.complete_upload(upload=upload, actor=request.actor, at=timezone.now())
    return {"id": upload.pk, "state": upload.state}


@require_http_methods(["DELETE"])
@_answers_json
def upload(request: MemberRequest, data_set_id: str, revision_id: str, upload_id: str) -> None:
    """Cancel an upload and drop what has arrived."""
    found = get_upload(revision=_revision(request, data_set_id, revision_id), upload_id=upload_id)
    if found.state in {UploadState.CHECKING, UploadState.DONE}:
        raise Conflict("UPLOAD", found.pk, "The file has arrived. Delete it from the list of files instead.")
    operations.abort_upload(upload=found, actor=request.actor, at=timezone.now())
