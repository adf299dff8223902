"""Pages of imports: choose objects of a bucket or give a URL, and follow the import until it is done."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from jobs.forms import UrlImportForm
from jobs.models import Job, JobState, JobType, TransferState
from jobs.operations import imports, lifecycle
from jobs.picking import MOST_PICKED, Selection, expand, read_selection
from jobs.progress import progress_of
from jobs.queries import get_job, list_transfers, waiting_attempt
from marketplace.core import scopes, storage
from marketplace.core.errors import Conflict, DomainError, Invalid, NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import StorageConnection
from marketplace.core.pages import member_page, refuse, status_of
from marketplace.core.queries.storage import get_storage_connection, list_storage_connections
from publishers.models import AssetType, Revision
from publishers.operations.revisions import check_asset_type
from publishers.queries.data_sets import get_owned_revision

OBJECTS_PER_PAGE = 100
#: files and folders of one level of a bucket
LISTED_PER_PAGE = 200
#: imports of files; the others bring descriptions and no bytes
OF_FILES = (JobType.IMPORT_ASSETS_FROM_S3, JobType.IMPORT_ASSET_FROM_SIGNED_URL, JobType.IMPORT_ASSET_FROM_URL)
SOURCES = {"s3": "From a bucket", "url": "From a URL"}


@member_page("publish:write")
def import_create(request: MemberRequest, data_set_id: str, revision_id: str) -> HttpResponse:
    """Choose what to import into a draft: objects of a connected bucket, or one URL (?from=url). For files only."""
    revision = get_owned_revision(owner=request.organization, data_set_id=data_set_id, revision_id=revision_id)
    check_asset_type(revision, AssetType.S3_SNAPSHOT)
    source = request.GET.get("from", "s3")
    if source == "url":
        return _import_from_url(request, revision)
    return _import_from_bucket(request, revision)


def _page(
    request: MemberRequest, revision: Revision, source: str, context: dict[str, Any], status: int
) -> HttpResponse:
    tabs = [
        {"label": label, "url": f"?from={name}", "current": name == source, "count": ""}
        for name, label in SOURCES.items()
    ]
    shared = {"revision": revision, "data_set": revision.data_set, "source": source, "tabs": tabs}
    return render(request, "jobs/import_create.html", shared | context, status=status)


def _start(request: MemberRequest, job: Job) -> HttpResponse:
    lifecycle.start_job(job=job, actor=request.actor, at=timezone.now())
    messages.success(request, f"Import of {job.objects_total} file{'' if job.objects_total == 1 else 's'} started.")
    return redirect("import", job_id=job.pk)


def _import_from_url(request: MemberRequest, revision: Revision) -> HttpResponse:
    form = UrlImportForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                with transaction.atomic():  # a job that could not be started is not left waiting
                    job = imports.create_import_from_url(
                        organization=request.organization,
                        revision=revision,
                        url=form.cleaned_data["url"],
                        name=form.cleaned_data["name"],
                        actor=request.actor,
                        at=timezone.now(),
                    )
                    return _start(request, job)
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
    return _page(request, revision, "url", {"form": form}, status)


def _import_from_bucket(request: MemberRequest, revision: Revision) -> HttpResponse:
    """Browse a bucket and start an import. What is ticked goes along in the form while somebody moves through folders."""
    connections = list(list_storage_connections(organization=request.organization))
    chosen = request.GET.get("connection", "") or (connections[0].pk if connections else "")
    connection = get_storage_connection(organization=request.organization, connection_id=chosen) if chosen else None
    prefix = request.GET.get("prefix", "").replace("\x00", "")[:1024]
    picked = read_selection(request.POST) if request.method == "POST" else Selection()
    context: dict[str, Any] = {
        "connections": connections,
        "connection": connection,
        "prefix": prefix,
        "most": settings.QUOTAS["Assets per import job from Amazon S3"],
    }
    if picked.is_cut:
        context["refusal"] = f"At most {MOST_PICKED} lines can be ticked; the rest is left out."
    status = 200
    # Moving to another folder or page is a button of the same form (name "go"), so that it works without scripts.
    if request.method == "POST" and connection is not None and "go" not in request.POST:
        try:
            return _import_picked(request, revision, connection, prefix, picked)
        except (DomainError, storage.StorageFault) as error:
            status = status_of(error) if isinstance(error, DomainError) else 502
            context["refusal"] = str(error)
    if connection is not None:
        context |= _browse(connection, prefix, request.GET.get("after", ""))
        context |= _picked_here(picked, context.get("objects", []), context.get("folders", []))
        context["inside"] = next((folder for folder in picked.folders if prefix.startswith(folder)), "")
    return _page(request, revision, "s3", context, status)


def _import_picked(
    request: MemberRequest, revision: Revision, connection: StorageConnection, prefix: str, picked: Selection
) -> HttpResponse:
    """Start an import of what is ticked, or of everything below the prefix. Raises Invalid, LimitExceeded, StorageFault.

    One folder alone has no limit: what is below it is found when the import runs. Else the folders are walked here,
    before the transaction.
    """
    common: dict[str, Any] = {
        "organization": request.organization,
        "revision": revision,
        "actor": request.actor,
        "at": timezone.now(),
    }
    bucket = storage.bucket_of(connection)
    below = prefix if "all" in request.POST else picked.only_folder
    keys: list[str] = []
    if below is not None:
        if not bucket.list_keys(below, limit=2):
            raise Invalid("There is no file below this folder.")
    else:
        keys = expand(bucket, picked, most=settings.QUOTAS["Assets per import job from Amazon S3"])
    with transaction.atomic():  # a job that could not be started is not left waiting
        if below is not None:
            job = imports.create_import_from_listing(connection=connection, prefix=below, **common)
        else:
            sources = [{"bucket": connection.bucket, "key": key} for key in keys]
            job = imports.create_import_from_s3(sources=sources, **common)
        return _start(request, job)


def _browse(connection: StorageConnection, prefix: str, after: str) -> dict[str, Any]:
    """Return one page of one level of the bucket, and the way to it."""
    try:
        listing = storage.bucket_of(connection).browse(prefix, after=after, limit=LISTED_PER_PAGE)
    except storage.StorageFault as fault:
        return {"fault": str(fault)}
    parts = prefix.rstrip("/").split("/") if prefix else []
    return {
        "way": [(part, "/".join(parts[: number + 1]) + "/") for number, part in enumerate(parts)],
        "folders": [(folder, folder[len(prefix) :].rstrip("/")) for folder in listing.folders],
        "objects": [(found, found.key[len(prefix) :]) for found in listing.objects],
        "example": next((o.key for o in listing.objects if not o.key.startswith("_")), f"{prefix}prices.csv"),
        "next_token": listing.next_token,
        "after": after,
    }


def _picked_here(
    picked: Selection, objects: list[tuple[storage.ListedObject, str]], folders: list[tuple[str, str]]
) -> dict[str, Any]:
    """Return what is ticked on this page and what is ticked elsewhere, with the size of the files."""
    here = {found.key: found.size_bytes for found, _ in objects}
    elsewhere = {key: size for key, size in picked.keys.items() if key not in here}
    ticked = {key: here[key] for key in picked.keys if key in here}
    folders_here = {folder for folder, _ in folders}
    return {
        "ticked": ticked,
        "ticked_folders": [folder for folder in picked.folders if folder in folders_here],
        "other_keys": list(elsewhere.items()),
        "other_folders": [folder for folder in picked.folders if folder not in folders_here],
        "picked_files": len(ticked) + len(elsewhere),
        "picked_folders": len(picked.folders),
        "picked_bytes": sum(ticked.values()) + sum(elsewhere.values()),
    }


def _get_import(request: MemberRequest, job_id: str) -> Job:
    job = get_job(organization=request.organization, job_id=job_id)
    if job.is_export:
        raise NotFound("JOB", job_id)
    return job


@require_safe
@member_page("publish:read")
def import_(request: MemberRequest, job_id: str) -> HttpResponse:
    """Show an import: live while it runs, then what became of each file."""
    job = _get_import(request, job_id)
    return render(request, "jobs/import.html", _import_context(request, job))


def _import_context(request: MemberRequest, job: Job) -> dict[str, Any]:
    live = job.state == JobState.IN_PROGRESS
    transfers = list_transfers(job=job)
    return {
        "job": job,
        "progress": progress_of(job, at=timezone.now()),
        "live": live,
        "of_files": job.type in OF_FILES,
        "noun": "file" if job.type in OF_FILES else "asset",
        "attempt": waiting_attempt(job=job) if live else None,
        "page": Paginator(transfers, OBJECTS_PER_PAGE).get_page(request.GET.get("page")),
        "failed_count": transfers.filter(state=TransferState.FAILED).count(),
        "can_change": "publish:write" in scopes.allowed(request.membership),
    }


@require_POST
@member_page("publish:write")
def import_retry(request: MemberRequest, job_id: str) -> HttpResponse:
    """Run a failed import again: what came in stays, the rest is tried anew."""
    job = _get_import(request, job_id)
    try:
        lifecycle.retry_job(job=job, actor=request.actor, at=timezone.now())
    except Conflict as error:
        return render(request, "jobs/import.html", _import_context(request, job) | {"refusal": error}, status=409)
    messages.success(request, "Retrying. What came in before stays.")
    return redirect("import", job_id=job.pk)
