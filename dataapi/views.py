"""Rows and download links of entitled data, as JSON."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dataapi import cache, readers
from dataapi.cursors import BadCursor, Place, read_cursor
from dataapi.door import Reader, data_door
from dataapi.tables import NotTabular, Table, is_tabular
from jobs.operations.signed_exports import asset_of_export_url
from marketplace.awsapi.paging import MOST, keyset_page
from marketplace.core import audit, storage
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.problems import problem_of, problem_response
from marketplace.core.waiting import long_wait
from publishers.models import Asset
from publishers.operations import activity
from publishers.operations.files import require_file
from publishers.queries.data_sets import list_assets
from subscriptions.queries import (
    get_entitled_asset,
    get_entitled_data_set,
    get_entitled_revision,
    list_entitled_data_sets,
    list_entitled_revisions,
)

LATEST = "latest"
DEFAULT_ROWS, MOST_ROWS = 100, 1000
#: How long a request waits for a table that is being built; others are told at once to come back, see core/waiting.py.
WAIT_S, SHORT_WAIT_S = 20.0, 1.0
#: A right that ended is noticed within this many seconds.
ASK_AGAIN_S = 1.0
#: how long the store honours what a signed export leads to
REDIRECT_S = 60


@data_door
def data_sets(request: HttpRequest, reader: Reader) -> HttpResponse:
    """List the data sets that the caller may read, newest entitlement first."""
    found, cursor = keyset_page(
        list_entitled_data_sets(organization=reader.organization, at=reader.at),
        order_by=("-entitled_from", "pk"),
        binding=[reader.organization.pk, "data-sets"],
        size=_limit(request, MOST),
        token=request.GET.get("cursor"),
    )
    items = [
        {
            "id": entry.pk,
            "name": entry.data_set.name,
            "description": entry.data_set.description,
            "asset_type": entry.data_set.asset_type,
            "product_id": entry.product_id,
            "product_name": entry.product.name if entry.product is not None else None,
            "data_grant_id": entry.data_grant.pk if entry.product is None else None,  # type: ignore[attr-defined]
            "publisher": entry.data_set.owner.name,
        }
        for entry in found
    ]
    return JsonResponse({"items": items, "next_cursor": cursor})


@data_door
def revisions(request: HttpRequest, reader: Reader, data_set_id: str) -> HttpResponse:
    """List the readable revisions of an entitled data set, newest first."""
    get_entitled_data_set(organization=reader.organization, data_set_id=data_set_id, at=reader.at)
    found, cursor = keyset_page(
        list_entitled_revisions(organization=reader.organization, data_set_id=data_set_id, at=reader.at),
        order_by=("-published_at", "-pk"),
        binding=[reader.organization.pk, data_set_id, "revisions"],
        size=_limit(request, MOST),
        token=request.GET.get("cursor"),
    )
    items = [
        {
            "id": entry.revision_id,
            "comment": entry.revision.comment,
            "published_at": entry.published_at.isoformat(),
            "asset_count": getattr(entry, "asset_count", 0),
        }
        for entry in found
    ]
    return JsonResponse({"data_set_id": data_set_id, "items": items, "next_cursor": cursor})


@data_door
def assets(request: HttpRequest, reader: Reader, data_set_id: str, revision_id: str) -> HttpResponse:
    """List the assets of a readable revision by name; those that are no files have no size, no SHA-256 and no rows."""
    revision_id = _revision(reader, data_set_id, revision_id)
    publication = get_entitled_revision(
        organization=reader.organization, data_set_id=data_set_id, revision_id=revision_id, at=reader.at
    )
    found, cursor = keyset_page(
        list_assets(revision=publication.revision),
        order_by=("name", "pk"),
        binding=[reader.organization.pk, data_set_id, revision_id, "assets"],
        size=_limit(request, MOST),
        token=request.GET.get("cursor"),
    )
    items = [
        {
            "id": asset.pk,
            "name": asset.name,
            "asset_type": publication.revision.data_set.asset_type,
            "size_bytes": asset.size_bytes if asset.is_file else None,
            "sha256": asset.sha256 or None,
            "has_rows": asset.is_file and is_tabular(asset),
        }
        for asset in found
    ]
    content = {"data_set_id": data_set_id, "revision_id": revision_id, "items": items, "next_cursor": cursor}
    return JsonResponse(content)


@data_door
def rows(request: HttpRequest, reader: Reader, data_set_id: str, revision_id: str, asset_id: str) -> HttpResponse:
    """Answer a page of a file's rows.

    A page may hold fewer rows than asked for when they are long; `next_cursor` is null on the last one.
    """
    limit = _limit(request, MOST_ROWS)
    asset = _asset(reader, data_set_id, _revision(reader, data_set_id, revision_id), asset_id)
    return _answer_rows(request, reader, data_set_id, asset, limit)


@data_door
def newest_rows(request: HttpRequest, reader: Reader, data_set_id: str) -> HttpResponse:
    """Answer a page of the newest revision's only table, or of the one that `file` names.

    A cursor stays with the revision that it began in, also when a newer one arrives meanwhile.
    """
    limit = _limit(request, MOST_ROWS)
    if request.GET.get("cursor"):
        place = read_cursor(request.GET["cursor"])
        if place.data_set_id != data_set_id:
            raise BadCursor
        asset = _asset(reader, data_set_id, place.revision_id, place.asset_id)
    else:
        asset = _only_table(request, reader, data_set_id)
    return _answer_rows(request, reader, data_set_id, asset, limit)


@data_door
def download(request: HttpRequest, reader: Reader, data_set_id: str, revision_id: str, asset_id: str) -> HttpResponse:
    """Answer a link to the file at the store that lives five minutes; with redirect=1 lead there."""
    asset = _asset(reader, data_set_id, _revision(reader, data_set_id, revision_id), asset_id)
    require_file(asset)
    expires_at = timezone.now() + timedelta(seconds=storage.PRESIGNED_S)
    url = storage.public_vault().presign_get(asset.vault_key, filename=asset.name)
    audit.record(
        "asset.downloaded",
        actor=reader.actor,
        subject=asset,
        detail={"data_set_id": data_set_id, "revision_id": asset.revision_id, "size_bytes": asset.size_bytes},
    )
    activity.record_use(published_data_set_id=data_set_id, organization_id=reader.organization.pk, at=reader.at)
    if request.GET.get("redirect") == "1":
        return HttpResponseRedirect(url)
    content = {
        "url": url,
        "expires_at": expires_at.isoformat(),
        "size_bytes": asset.size_bytes,
        "sha256": asset.sha256,
        "name": asset.name,
        "data_set_id": data_set_id,
        "revision_id": asset.revision_id,
        "asset_id": asset.pk,
    }
    return JsonResponse(content)


@require_safe
def signed_export(request: HttpRequest, token: str) -> HttpResponse:
    """Lead to an asset that was exported to a signed URL. The URL is the credential; the entitlement is asked again."""
    try:
        asset, job = asset_of_export_url(token, at=timezone.now())
    except NotFound as error:
        response: HttpResponse = problem_response(problem_of(error), request)
    else:
        url = storage.public_vault().presign_get(asset.vault_key, filename=asset.name, seconds=REDIRECT_S)
        audit.record(
            "asset.downloaded",
            actor=Actor(kind="system", user_id=job.created_by_id, organization_id=job.organization_id),
            subject=asset,
            detail={"job_id": job.pk, "revision_id": asset.revision_id, "size_bytes": asset.size_bytes},
        )
        if job.published_data_set_id is not None:
            activity.record_use(
                published_data_set_id=job.published_data_set_id,
                organization_id=job.organization_id,
                at=timezone.now(),
            )
        response = HttpResponseRedirect(url)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@data_door
def unknown_path(request: HttpRequest, reader: Reader, rest: str = "") -> HttpResponse:
    """Answer 404 for a path below /data that is none of ours."""
    return problem_response(404, request, detail="There is nothing at this path.", code="UnknownPath")


def _answer_rows(request: HttpRequest, reader: Reader, data_set_id: str, asset: Asset, limit: int) -> HttpResponse:
    require_file(asset)
    here = Place(data_set_id, asset.revision_id, asset.pk, asset.sha256, _start(request, data_set_id, asset))
    table = _table(asset)
    try:
        page = readers.read_page(table, start=here.start, limit=limit)
    except readers.TableDamaged:
        cache.forget(table)
        raise cache.NotNow("TableIsBeingBuilt", f"{asset.name} is being prepared again. Try again.", 2) from None
    now = timezone.now()
    if (now - reader.at).total_seconds() > ASK_AGAIN_S:
        # Waiting takes time, and a right may end meanwhile: it is asked again before anything is answered.
        later = Reader(reader.organization, reader.actor, reader.scopes, now)
        _asset(later, data_set_id, asset.revision_id, asset.pk)
    activity.record_use(published_data_set_id=data_set_id, organization_id=reader.organization.pk, at=now)
    after = here.start + page.count
    further = Place(data_set_id, asset.revision_id, asset.pk, asset.sha256, after)
    head: dict[str, Any] = {
        "data_set_id": data_set_id,
        "revision_id": asset.revision_id,
        "asset_id": asset.pk,
        "columns": table.columns,
        "row_count": table.row_count,
        "next_cursor": further.to_cursor() if page.count and after < table.row_count else None,
    }
    # The rows come as JSON and are passed on as they are: no object is made for a row or a value in this process.
    body = json.dumps(head).encode()[:-1] + b', "rows": [' + page.rows + b"]}"
    return HttpResponse(body, content_type="application/json")


def _table(asset: Asset) -> Table:
    with long_wait() as may_wait:
        return cache.get_table(asset, wait_s=WAIT_S if may_wait else SHORT_WAIT_S)


def _limit(request: HttpRequest, most: int) -> int:
    text = request.GET.get("limit", "")
    if not text:
        return DEFAULT_ROWS
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= most):
        raise Invalid(f"limit must be a whole number from 1 to {most}.", field="limit")
    return int(text)


def _start(request: HttpRequest, data_set_id: str, asset: Asset) -> int:
    cursor = request.GET.get("cursor")
    if not cursor:
        return 0
    place = read_cursor(cursor)
    expected = (data_set_id, asset.revision_id, asset.pk, asset.sha256[:16])
    if (place.data_set_id, place.revision_id, place.asset_id, place.sha256) != expected:
        raise BadCursor
    return place.start


def _revision(reader: Reader, data_set_id: str, revision_id: str) -> str:
    """Return the id that `latest` stands for. Raises NotFound when nothing is readable."""
    if revision_id != LATEST:
        return revision_id
    newest = list_entitled_revisions(organization=reader.organization, data_set_id=data_set_id, at=reader.at).first()
    if newest is None:
        raise NotFound("REVISION", revision_id)
    return str(newest.revision_id)


def _asset(reader: Reader, data_set_id: str, revision_id: str, asset_id: str) -> Asset:
    return get_entitled_asset(
        organization=reader.organization,
        data_set_id=data_set_id,
        revision_id=revision_id,
        asset_id=asset_id,
        at=reader.at,
    )


def _only_table(request: HttpRequest, reader: Reader, data_set_id: str) -> Asset:
    publication = get_entitled_revision(
        organization=reader.organization,
        data_set_id=data_set_id,
        revision_id=_revision(reader, data_set_id, LATEST),
        at=reader.at,
    )
    wanted = request.GET.get("file", "").replace("\0", "")
    files = list_assets(revision=publication.revision).order_by("name")
    if wanted:
        found = files.filter(name=wanted).first()
        if found is None:
            raise NotFound("ASSET", wanted)
        return found
    tables = [asset for asset in files.iterator() if asset.is_file and is_tabular(asset)][:2]
    if not tables:
        raise NotTabular("The newest revision has no CSV, TSV or Parquet file.")
    if len(tables) > 1:
        raise Invalid("The newest revision has several tables: name one with `file`.", field="file")
    return tables[0]
