"""The audit log."""

from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.team import AuditQuery, AuditRecordShape, Verification
from marketplace.core import audit, limits
from marketplace.core.queries.audit import (
    CHECKS,
    CHECKS_WINDOW_S,
    NEWEST_FIRST,
    VERIFIED_AT_ONCE,
    count_audit_records,
    list_audit_records,
)

_FILTERS = ("person", "action", "object_id", "result", "since", "until")


class AuditRecordsView(ApiView):
    tag = "Audit log"

    @operation("list_audit_records", scope="audit:read", asks=AuditQuery, lists=AuditRecordShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List what was done and refused in your organization, newest first."""
        wanted = {name: query[name] for name in _FILTERS if name in query}
        rows = list_audit_records(organization=caller.organization, **wanted)
        binding = ["audit", caller.organization.pk, *(f"{name}={value}" for name, value in sorted(wanted.items()))]
        return page_of(rows, order_by=NEWEST_FIRST, query=query, binding=binding)


class AuditVerifyView(ApiView):
    tag = "Audit log"

    @operation("verify_audit_records", scope="audit:read", gives=Verification)
    def post(self, caller: Caller) -> dict[str, Any]:
        """Verify that the newest 10,000 records are as they were written, in order and without gaps."""
        organization = caller.organization
        limits.count(f"verify:{organization.pk}", most=CHECKS, window_s=CHECKS_WINDOW_S)
        total = count_audit_records(organization=organization)
        broken = audit.first_broken_link(organization.pk, last=VERIFIED_AT_ONCE)
        return {
            "first_broken": broken,
            "records": min(total, VERIFIED_AT_ONCE),
            "total": total,
            "verified_at": caller.at,
        }
