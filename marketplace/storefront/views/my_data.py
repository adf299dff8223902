"""What an organization is entitled to: data sets, revisions, files; accepting a data grant, ending a subscription."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from jobs.models import EventAction, Job, JobState
from jobs.queries import latest_of_data_sets, list_deliveries, list_event_actions
from marketplace.core import audit, scopes, storage
from marketplace.core.errors import Conflict
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import Organization
from marketplace.core.pages import member_page, status_of
from marketplace.core.queries.storage import list_storage_connections
from marketplace.storefront.snippets import auto_export_call, snippets
from publishers.models import AssetType, PublishedDataSet
from publishers.operations import activity
from publishers.operations.files import require_file
from publishers.queries.data_sets import list_assets
from publishers.queries.publications import first_assets
from subscriptions import operations
from subscriptions.queries import (
    active_entitlements,
    get_agreement,
    get_entitled_asset,
    get_entitled_data_set,
    get_entitled_revision,
    get_received_data_grant,
    list_agreements,
    list_entitled_data_sets,
    list_entitled_revisions,
    list_received_data_grants,
    list_revoked_revisions,
    living_agreement,
)

DATA_SETS_PER_PAGE = 50
REVISIONS_PER_PAGE = 20
FILES_PER_REVISION = 3
FILES_PER_PAGE = 100
GRANTS_SHOWN = 50
DELIVERIES_SHOWN = 10
AGREEMENTS_PER_PAGE = 50
#: beyond so many data sets a search stands above them
SEARCHED_FROM = 20
LONGEST_SEARCH = 200
#: access that ends within this time is marked
SOON = timedelta(days=14)


@require_safe
@member_page("subscriptions:read")
def my_data(request: MemberRequest) -> HttpResponse:
    """List the entitled data sets with what is new, where it goes and until when; ?tab=subscriptions lists the agreements."""
    return _page(request)


@dataclass(frozen=True)
class EntitledRow:
    """An entitled data set in the list. days_left: whole days until access ends, None without an end."""

    entry: PublishedDataSet
    actions: list[EventAction]
    latest: Job | None
    ends_at: datetime | None
    days_left: int | None
    ends_soon: bool


def _ends(organization: Organization, shown: list[PublishedDataSet], *, at: datetime) -> dict[str, datetime | None]:
    """Return when the last entitlement to each data set ends; None for one that has no end."""
    found: dict[str, datetime | None] = {}
    periods = active_entitlements(organization=organization, at=at).filter(published_data_set__in=shown)
    for data_set_id, until in periods.values_list("published_data_set", "valid_until"):
        before = found.get(data_set_id, until)
        found[data_set_id] = None if until is None or before is None else max(before, until)
    return found


def _rows(organization: Organization, shown: list[PublishedDataSet], *, at: datetime) -> list[EntitledRow]:
    by_set: dict[str, list[EventAction]] = {}
    for action in list_event_actions(organization=organization).filter(published_data_set__in=shown):
        by_set.setdefault(action.published_data_set_id, []).append(action)
    latest = latest_of_data_sets(organization=organization, data_set_ids=[entry.pk for entry in shown])
    ends = _ends(organization, shown, at=at)
    rows = []
    for entry in shown:
        ends_at = ends.get(entry.pk)
        left = None if ends_at is None else ends_at - at
        rows.append(
            EntitledRow(
                entry,
                by_set.get(entry.pk, []),
                latest.get(entry.pk),
                ends_at,
                None if left is None else max(0, left.days),
                left is not None and left < SOON,
            )
        )
    return rows


def _page(request: MemberRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    organization, now = request.organization, timezone.now()
    agreements = list_agreements(organization=organization)
    agreement_count = agreements.count()
    context: dict[str, Any] = {
        "tab": "subscriptions" if request.GET.get("tab") == "subscriptions" and agreement_count else "data",
        "agreement_count": agreement_count,
        "can_change": "subscriptions:write" in scopes.allowed(request.membership),
    }
    if context["tab"] == "subscriptions":
        # the living ones first
        ordered = agreements.order_by(F("ended_at").desc(nulls_first=True), "-accepted_at", "pk")
        context["page"] = Paginator(ordered, AGREEMENTS_PER_PAGE).get_page(request.GET.get("page"))
        context["total"] = list_entitled_data_sets(organization=organization, at=now).count()
    else:
        context |= _data_sets(request, at=now)
    return render(request, "storefront/my_data.html", context | more, status=status)


def _data_sets(request: MemberRequest, *, at: datetime) -> dict[str, Any]:
    organization = request.organization
    entitled = list_entitled_data_sets(organization=organization, at=at)
    total = entitled.count()
    search = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:LONGEST_SEARCH]
    found = entitled
    for word in search.split():
        found = found.filter(
            Q(data_set__name__icontains=word)
            | Q(data_set__owner__name__icontains=word)
            | Q(product__name__icontains=word)
            | Q(data_grant__name__icontains=word)
        )
    paginator = Paginator(found, DATA_SETS_PER_PAGE)
    if not search:
        paginator.count = total  # it was counted above
    page = paginator.get_page(request.GET.get("page"))
    rows = _rows(organization, list(page.object_list), at=at)
    return {
        "page": page,
        "total": total,
        "search": search,
        "is_searched": total > SEARCHED_FROM or bool(search),
        "grants": [
            grant
            for grant in list_received_data_grants(receiver=organization).filter(accepted_at=None)[:GRANTS_SHOWN]
            if not grant.has_ended(at)
        ],
        "rows": rows,
        "live": any(row.latest is not None and row.latest.state == JobState.IN_PROGRESS for row in rows),
        "has_connections": list_storage_connections(organization=organization).exists(),
        "has_auto_exports": any(row.actions for row in rows) or list_event_actions(organization=organization).exists(),
        "has_files": any(row.entry.data_set.holds_files for row in rows)
        or entitled.filter(data_set__asset_type=AssetType.S3_SNAPSHOT).exists(),
    }


@require_safe
@member_page("subscriptions:read")
def my_data_set(request: MemberRequest, data_set_id: str) -> HttpResponse:
    """Show one entitled data set: revisions, auto-exports, how programs reach it, the agreement."""
    organization, now = request.organization, timezone.now()
    entry = get_entitled_data_set(organization=organization, data_set_id=data_set_id, at=now)
    revisions = list_entitled_revisions(organization=organization, data_set_id=entry.pk, at=now)
    page = Paginator(revisions, REVISIONS_PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    files = first_assets(revision_ids=[p.revision_id for p in shown], each=FILES_PER_REVISION)
    counts = {p.revision_id: getattr(p, "asset_count", 0) for p in shown}
    actions = list_event_actions(organization=organization).filter(published_data_set=entry)
    deliveries = list_deliveries(organization=organization).filter(published_data_set=entry)
    delivered = set(
        deliveries.filter(revision__in=[p.revision_id for p in shown], state=JobState.COMPLETED).values_list(
            "revision_id", flat=True
        )
    )
    recent = list(deliveries[:5])
    context = {
        "entry": entry,
        "page": page,
        "revisions": [
            (p, counts[p.revision_id], files.get(p.revision_id, []), p.revision_id in delivered) for p in shown
        ],
        "revoked": list_revoked_revisions(organization=organization, data_set_id=entry.pk, at=now)[:20],
        "actions": actions,
        "deliveries": recent,
        "live": any(job.state == JobState.IN_PROGRESS for job in recent),
        "agreement": entry.product and living_agreement(organization=organization, product=entry.product),
        "grant": None if entry.product else entry.data_grant,  # type: ignore[attr-defined]
        "entitled_with": list_entitled_data_sets(organization=organization, at=now).filter(
            product__isnull=False, product=entry.product
        ),
        "snippets": snippets(data_set_id=entry.pk, holds_files=entry.data_set.holds_files),
        "auto_export_call": auto_export_call(data_set_id=entry.pk),
        "can_change": "subscriptions:write" in scopes.allowed(request.membership),
        "can_read": "data:read" in scopes.allowed(request.membership),
    }
    return render(request, "storefront/my_data_set.html", context)


@require_safe
@member_page("subscriptions:read")
def my_revision(request: MemberRequest, data_set_id: str, revision_id: str) -> HttpResponse:
    """Show one readable revision: its files and where it was delivered."""
    organization, now = request.organization, timezone.now()
    entry = get_entitled_data_set(organization=organization, data_set_id=data_set_id, at=now)
    publication = get_entitled_revision(
        organization=organization, data_set_id=data_set_id, revision_id=revision_id, at=now
    )
    assets = list_assets(revision=publication.revision).order_by("name", "pk")
    deliveries = list_deliveries(organization=organization).filter(
        published_data_set=entry, revision=publication.revision_id
    )
    recent = list(deliveries[:DELIVERIES_SHOWN])
    context = {
        "entry": entry,
        "publication": publication,
        "revision": publication.revision,
        "page": Paginator(assets, FILES_PER_PAGE).get_page(request.GET.get("page")),
        "size_bytes": sum(assets.values_list("size_bytes", flat=True)),
        "deliveries": recent,
        "live": any(job.state == JobState.IN_PROGRESS for job in recent),
        "can_change": "subscriptions:write" in scopes.allowed(request.membership),
        "can_read": "data:read" in scopes.allowed(request.membership),
    }
    return render(request, "storefront/my_revision.html", context)


@require_safe
@member_page("data:read")
def my_asset_download(request: MemberRequest, data_set_id: str, revision_id: str, asset_id: str) -> HttpResponse:
    """Send the browser to the file at the store by a URL that lives five minutes; the audit keeps that it was asked."""
    asset = get_entitled_asset(
        organization=request.organization,
        data_set_id=data_set_id,
        revision_id=revision_id,
        asset_id=asset_id,
        at=timezone.now(),
    )
    require_file(asset)
    audit.record(
        "asset.downloaded",
        actor=request.actor,
        subject=asset,
        detail={"data_set_id": data_set_id, "revision_id": revision_id, "size_bytes": asset.size_bytes},
    )
    activity.record_use(published_data_set_id=data_set_id, organization_id=request.organization.pk, at=timezone.now())
    response = HttpResponseRedirect(storage.public_vault().presign_get(asset.vault_key, filename=asset.name))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@require_POST
@member_page("subscriptions:write")
def data_grant_accept(request: MemberRequest, data_grant_id: str) -> HttpResponse:
    """Accept a data grant: its data set is among the organization's own at once."""
    grant = get_received_data_grant(receiver=request.organization, data_grant_id=data_grant_id)
    try:
        operations.accept_data_grant(
            data_grant=grant, receiver=request.organization, actor=request.actor, at=timezone.now()
        )
    except Conflict as error:
        return _page(request, status=status_of(error), refusal=error)
    messages.success(request, f"Accepted. {grant.published_data_set.data_set.name} can be read now.")
    return redirect("my-data-set", data_set_id=grant.published_data_set_id)


@require_POST
@member_page("subscriptions:write")
def subscription_end(request: MemberRequest, agreement_id: str) -> HttpResponse:
    """End a subscription at once; what was delivered stays where it is."""
    agreement = get_agreement(organization=request.organization, agreement_id=agreement_id)
    operations.end_agreement(agreement=agreement, actor=request.actor, at=timezone.now())
    messages.success(request, f"Subscription to {agreement.product.name} ended. Delivered files stay in your buckets.")
    return redirect("my-data")
