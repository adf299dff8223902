"""The audit trail: written in the transaction of the fact, chained by SHA-256 per organization."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from marketplace.core.actors import Actor
from marketplace.core.models import AuditHead, AuditRecord

_NEWEST_FIRST = ("-recorded_at", "-sequence")


def _digest(record: AuditRecord) -> str:
    content = [
        record.scope,
        record.sequence,
        record.recorded_at.isoformat(),
        record.action,
        record.result,
        record.actor_kind,
        record.actor_user_id,
        record.credential_id,
        record.request_id,
        record.ip,
        record.subject_type,
        record.subject_id,
        record.detail,
        record.previous_digest,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def record(
    action: str,
    *,
    actor: Actor,
    subject: models.Model,
    detail: dict[str, Any] | None = None,
    result: str = "done",
    organization_id: str | None = None,
    at: datetime | None = None,
) -> None:
    """Append a row to the chain of the actor's organization. No secret, signed URL or row content belongs in `detail`."""
    scope = organization_id or actor.organization_id or ""
    with transaction.atomic():
        AuditHead.objects.bulk_create([AuditHead(scope=scope)], ignore_conflicts=True)
        head = AuditHead.objects.select_for_update().get(pk=scope)
        row = AuditRecord(
            scope=scope,
            sequence=head.sequence + 1,
            recorded_at=at or timezone.now(),
            action=action,
            result=result,
            actor_kind=actor.kind,
            actor_user_id=actor.user_id,
            credential_id=actor.credential_id,
            request_id=actor.request_id,
            ip=actor.ip,
            subject_type=subject._meta.label,
            subject_id=str(subject.pk),
            detail=detail or {},
            previous_digest=head.digest,
        )
        row.digest = _digest(row)
        row.save(force_insert=True)
        AuditHead.objects.filter(pk=scope).update(sequence=row.sequence, digest=row.digest)


def first_broken_link(scope: str, *, last: int | None = None) -> int | None:
    """Return the sequence of the first audit row that was changed, removed or reordered; None when the chain holds.

    last: look only at so many of the newest rows, which one request has time for.
    """
    chain = AuditRecord.objects.filter(scope=scope)
    head = AuditHead.objects.filter(pk=scope).first()
    before = 0 if head is None or last is None else max(0, head.sequence - last)
    rows: Iterable[AuditRecord]
    if head is not None and before:
        # by time, which is what the index has; rows of later time but lower sequence are passed over
        newest = chain.filter(sequence__gt=before, sequence__lte=head.sequence).order_by(*_NEWEST_FIRST)[:last]
        rows = sorted(newest, key=lambda row: row.sequence)
    else:
        rows = chain.order_by("sequence").iterator(chunk_size=1000)
    previous, expected = "0" * 64, before + 1
    while True:
        first = expected
        for row in rows:
            if expected == before + 1 and before:
                previous = row.previous_digest  # what stands before is not looked at
            if row.sequence != expected or row.previous_digest != previous or row.digest != _digest(row):
                return expected
            previous, expected = row.digest, expected + 1
        head = AuditHead.objects.filter(pk=scope).first()
        if head is None or head.digest == previous:
            return None
        if head.sequence < expected or expected == first:
            return expected
        rows = chain.filter(sequence__gte=expected).order_by("sequence")  # written while we read
