"""Pages of the audit log: filtered by address, page by page, verified, and as CSV."""

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.awsapi.paging import BadPageToken, keyset_page
from marketplace.console.team_forms import AuditFilterForm
from marketplace.console.trail import entries_of, words_of
from marketplace.core import audit, limits
from marketplace.core.csv_text import csv_line
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import AuditRecord, Organization, User
from marketplace.core.pages import member_page
from marketplace.core.queries.audit import (
    CHECKS,
    CHECKS_WINDOW_S,
    NEWEST_FIRST,
    VERIFIED_AT_ONCE,
    count_audit_records,
    list_audit_records,
)
from marketplace.core.queries.team import list_members

PER_PAGE = 30
MOST_EXPORTED, EXPORTED_AT_ONCE = 100_000, 2_000
_FILTERS = ("person", "action", "object", "result", "period", "first", "last")


def _people(organization: Organization, asked: str) -> list[tuple[str, str]]:
    """Return who can be chosen: the members, and whoever the address names although they have left."""
    people = [(str(m.user_id), m.user.get_full_name()) for m in list_members(organization=organization)]
    if asked.isascii() and asked.isdigit() and asked not in dict(people):
        former = User.objects.filter(pk=int(asked[:18])).first()
        known = (
            former is not None and AuditRecord.objects.filter(scope=organization.pk, actor_user_id=former.pk).exists()
        )
        people.append(
            (asked, f"{former.get_full_name()} (no longer a member)" if former and known else f"Person {asked}")
        )
    return people


def _form(request: MemberRequest) -> AuditFilterForm:
    return AuditFilterForm(request.GET, people=_people(request.organization, request.GET.get("person", "")))


def _empty(form: AuditFilterForm) -> dict[str, Any]:
    return {"form": form, "entries": [], "most_exported": MOST_EXPORTED}


def _question(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "person": values.get("person", ""),
        "action": values.get("action", ""),
        "object_id": values.get("object", ""),
        "result": values.get("result", ""),
        "since": values.get("since"),
        "until": values.get("until"),
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_page("audit:read")
def audit_log(request: MemberRequest) -> HttpResponse:
    """Show the records that fit, newest first; a POST verifies the chain and says so on the page."""
    form = _form(request)
    is_valid = form.is_valid()
    context = _empty(form)
    if request.method == "POST":
        context["verified"] = _verify(request)
    if is_valid:
        token = request.GET.get("cursor") or None
        binding = ["audit", request.organization.pk, {name: request.GET.get(name, "") for name in _FILTERS}]
        found = list_audit_records(organization=request.organization, **_question(form.cleaned_data))
        try:
            rows, following = keyset_page(found, order_by=NEWEST_FIRST, binding=binding, size=PER_PAGE, token=token)
        except BadPageToken:
            messages.warning(request, "That page of the log can no longer be continued. This is its beginning.")
            token = None
            rows, following = keyset_page(found, order_by=NEWEST_FIRST, binding=binding, size=PER_PAGE)
        context |= {
            "entries": entries_of(rows, organization=request.organization),
            "following": following or "",
            "is_later": token is not None,
        }
    context["is_filtered"] = any(request.GET.get(name) for name in _FILTERS)
    return render(request, "console/audit.html", context, status=200 if is_valid else 422)


def _verify(request: MemberRequest) -> dict[str, Any]:
    organization = request.organization
    limits.count(f"verify:{organization.pk}", most=CHECKS, window_s=CHECKS_WINDOW_S)
    total = count_audit_records(organization=organization)
    broken = audit.first_broken_link(organization.pk, last=VERIFIED_AT_ONCE)
    return {"broken": broken, "most": VERIFIED_AT_ONCE, "total": total, "at": timezone.now()}


@never_cache
@require_safe
@member_page("audit:read")
def audit_export(request: MemberRequest) -> HttpResponse:
    """Answer the records that fit as CSV, newest first, and say at its end when there were more."""
    form = _form(request)
    if not form.is_valid():
        return render(request, "console/audit.html", _empty(form) | {"is_filtered": True}, status=422)
    question = _question(form.cleaned_data)
    audit.record("audit.exported", actor=request.actor, subject=request.organization)
    response = StreamingHttpResponse(
        _lines(request.organization, question), content_type="text/csv; charset=utf-8; header=present"
    )
    day = timezone.now().strftime("%Y-%m-%d")
    response.headers["Content-Disposition"] = f'attachment; filename="audit-log-{day}.csv"'
    return cast("HttpResponse", response)  # the views' type, which streams as well as the others


_COLUMNS = (
    "sequence",
    "recorded_at",
    "action",
    "in_words",
    "result",
    "actor",
    "person",
    "credential_id",
    "address",
    "request_id",
    "object_type",
    "object_id",
    "detail",
    "digest",
)


def _lines(organization: Organization, question: dict[str, Any]) -> Iterator[str]:
    yield csv_line(_COLUMNS)
    written = 0
    token: AuditRecord | None = None
    names: dict[int, str] = {}
    found = list_audit_records(organization=organization, **question)
    while True:
        rows, token = _chunk(found, token)
        unknown = {row.actor_user_id for row in rows if row.actor_user_id} - set(names)
        names |= {user.pk: user.email for user in User.objects.filter(pk__in=unknown)}
        for row in rows[: MOST_EXPORTED - written]:
            yield csv_line(
                (
                    row.sequence,
                    row.recorded_at.isoformat(),
                    row.action,
                    words_of(row.action),
                    row.result,
                    row.actor_kind,
                    names.get(row.actor_user_id or 0, ""),
                    row.credential_id,
                    row.ip,
                    row.request_id,
                    row.subject_type,
                    row.subject_id,
                    "; ".join(f"{name}={value}" for name, value in row.detail.items()),
                    row.digest,
                )
            )
        written += len(rows)
        if token is None:
            return
        if written >= MOST_EXPORTED:
            yield csv_line([f"Cut after {MOST_EXPORTED} records; older ones are left out. Choose a shorter period."])
            return


def _chunk(found: Any, last: AuditRecord | None) -> tuple[list[AuditRecord], AuditRecord | None]:
    """Return the next rows after one, and the row to go on from; None at the end. No cursor stays open meanwhile."""
    if last is not None:
        same_instant = Q(recorded_at=last.recorded_at, sequence__lt=last.sequence)
        found = found.filter(Q(recorded_at__lt=last.recorded_at) | same_instant, recorded_at__lte=last.recorded_at)
    rows = list(found.order_by(*NEWEST_FIRST)[: EXPORTED_AT_ONCE + 1])
    if len(rows) <= EXPORTED_AT_ONCE:
        return rows, None
    return rows[:EXPORTED_AT_ONCE], rows[EXPORTED_AT_ONCE - 1]
