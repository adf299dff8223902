"""Pages of auto-exports: what is delivered where, set up, pause, resume, delete."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from jobs import key_patterns
from jobs.forms import AutoExportForm, pattern_variables
from jobs.models import EventAction, Job
from jobs.operations import event_actions
from jobs.progress import Progress, progress_of
from jobs.queries import get_event_action, latest_of_auto_exports, list_event_actions
from marketplace.core import scopes
from marketplace.core.errors import Conflict, Invalid, LimitExceeded
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page, refuse
from marketplace.core.queries.storage import get_storage_connection, list_storage_connections
from publishers.models import Asset, AssetType, PublishedRevision
from publishers.operations.files import require_files
from subscriptions.queries import get_entitled_data_set, list_entitled_data_sets, list_entitled_revisions

PER_PAGE = 50


@dataclass(frozen=True)
class AutoExportRow:
    """state: on, paused, ended (nothing may be read any more) or disconnected (the bucket was taken away).

    progress: of the latest delivery. export_url: where the newest revision is exported the same way, by hand and at once.
    """

    action: EventAction
    state: str
    latest: Job | None
    progress: Progress | None
    export_url: str


def auto_export_rows(request: MemberRequest, actions: list[EventAction]) -> list[AutoExportRow]:
    """Return the auto-exports with their state in one word and the last delivery of each."""
    readable = set(
        list_entitled_data_sets(organization=request.organization, at=timezone.now()).values_list("pk", flat=True)
    )
    now = timezone.now()
    latest = latest_of_auto_exports(action.pk for action in actions)
    rows = []
    for action in actions:
        if action.published_data_set_id not in readable:
            state = "ended"
        elif action.connection.removed_at is not None:
            state = "disconnected"
        else:
            state = "on" if action.is_enabled else "paused"
        job = latest.get(action.pk)
        asked = {
            "data_set": action.published_data_set_id,
            "connection": action.connection_id,
            "key_pattern": action.key_pattern,
        }
        rows.append(
            AutoExportRow(
                action,
                state,
                job,
                None if job is None else progress_of(job, at=now),
                f"{reverse('export-create')}?{urlencode(asked)}",
            )
        )
    return rows


@require_safe
@member_page("subscriptions:read")
def auto_exports(request: MemberRequest) -> HttpResponse:
    """Show every auto-export with its state and last result."""
    page = Paginator(list_event_actions(organization=request.organization), PER_PAGE).get_page(request.GET.get("page"))
    rows = auto_export_rows(request, list(page.object_list))
    entitled = list_entitled_data_sets(organization=request.organization, at=timezone.now()).filter(
        data_set__asset_type=AssetType.S3_SNAPSHOT
    )
    return render(
        request,
        "jobs/auto_exports.html",
        {
            "rows": rows,
            "page": page,
            "live": any(row.latest is not None and row.latest.state == "IN_PROGRESS" for row in rows),
            "has_data": bool(rows) or entitled.exists(),
            "can_change": "subscriptions:write" in scopes.allowed(request.membership),
        },
    )


def example_key(pattern: str, publication: PublishedRevision | None) -> tuple[str, str]:
    """Return (key, "") of the newest revision's first file under a pattern, or ("", why the pattern is refused)."""
    try:
        pattern = key_patterns.check(pattern)
    except Invalid as error:
        return "", error.message
    asset = None
    if publication is not None:
        asset = Asset.objects.filter(revision=publication.revision_id).order_by("name", "pk").first()
    return (
        key_patterns.render(
            pattern,
            asset_id=asset.pk if asset else "0123456789abcdef0123456789abcdef",
            asset_name=asset.name if asset else "data.csv",
            revision_id=publication.revision_id if publication else "fedcba9876543210fedcba9876543210",
            created_at=publication.published_at if publication else timezone.now(),
        ),
        "",
    )


@member_page("subscriptions:write")
def auto_export_create(request: MemberRequest) -> HttpResponse:
    """Set up an auto-export. The example key follows the form through the URL, with htmx while somebody types."""
    organization, now = request.organization, timezone.now()
    data_sets = list(
        list_entitled_data_sets(organization=organization, at=now).filter(data_set__asset_type=AssetType.S3_SNAPSHOT)
    )
    connections = list(list_storage_connections(organization=organization))
    asked = request.POST if request.method == "POST" else request.GET
    chosen = asked.get("data_set", "") or (data_sets[0].pk if len(data_sets) == 1 else "")
    entry = get_entitled_data_set(organization=organization, data_set_id=chosen, at=now) if chosen else None
    if entry is not None:
        require_files(entry.data_set)
    if request.method == "POST":
        form = AutoExportForm(request.POST, data_sets=data_sets, connections=connections)
        status = 422
        if form.is_valid() and entry is not None:
            connection = get_storage_connection(
                organization=organization, connection_id=form.cleaned_data["connection"]
            )
            try:
                event_actions.create_event_action(
                    organization=organization,
                    published_data_set=entry,
                    connection=connection,
                    key_pattern=form.cleaned_data["key_pattern"],
                    actor=request.actor,
                    at=now,
                )
            except (Invalid, Conflict, LimitExceeded) as error:
                refuse(form, error)
                status = 422 if isinstance(error, Invalid) else 409
            else:
                messages.success(
                    request, f"Auto-export set up: new revisions of {entry.data_set.name} go to {connection.bucket}."
                )
                return redirect("my-data-set", data_set_id=entry.pk)
    else:
        status = 200
        form = AutoExportForm(
            initial={
                "data_set": chosen,
                "connection": asked.get("connection", ""),
                "key_pattern": asked.get("key_pattern", key_patterns.DEFAULT_FOR_EVENT_ACTIONS),
            },
            data_sets=data_sets,
            connections=connections,
        )
    newest = None
    if entry is not None:
        newest = list_entitled_revisions(organization=organization, data_set_id=entry.pk, at=now).first()
    key, refusal = example_key(asked.get("key_pattern", key_patterns.DEFAULT_FOR_EVENT_ACTIONS), newest)
    context = {
        "form": form,
        "entry": entry,
        "example": key,
        "example_refusal": refusal,
        "variables": pattern_variables(),
        "has_connections": bool(connections),
        "has_data": bool(data_sets),
    }
    return render(request, "jobs/auto_export_create.html", context, status=status)


@require_POST
@member_page("subscriptions:write")
def auto_export_pause(request: MemberRequest, auto_export_id: str) -> HttpResponse:
    """Stop delivering new revisions until it is resumed."""
    action = get_event_action(organization=request.organization, event_action_id=auto_export_id)
    event_actions.set_enabled(event_action=action, is_enabled=False, actor=request.actor, at=timezone.now())
    messages.success(request, f"Paused. New revisions of {action.published_data_set.data_set.name} are not delivered.")
    return redirect("auto-exports")


@require_POST
@member_page("subscriptions:write")
def auto_export_resume(request: MemberRequest, auto_export_id: str) -> HttpResponse:
    """Deliver new revisions again; those of the pause are exported by hand."""
    action = get_event_action(organization=request.organization, event_action_id=auto_export_id)
    event_actions.set_enabled(event_action=action, is_enabled=True, actor=request.actor, at=timezone.now())
    messages.success(
        request, f"Resumed. The next revision of {action.published_data_set.data_set.name} is delivered again."
    )
    return redirect("auto-exports")


@require_POST
@member_page("subscriptions:write")
def auto_export_delete(request: MemberRequest, auto_export_id: str) -> HttpResponse:
    """Stop for good; what was delivered and its receipts stay."""
    action = get_event_action(organization=request.organization, event_action_id=auto_export_id)
    event_actions.delete_event_action(event_action=action, actor=request.actor, at=timezone.now())
    messages.success(request, f"Auto-export of {action.published_data_set.data_set.name} deleted. Its receipts stay.")
    return redirect("auto-exports")
