"""Answers kept for repeated requests: the unique row is taken before the work is done."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from marketplace.core.errors import Conflict, Invalid
from marketplace.core.models import IdempotencyRecord, Organization, User

LIFE = timedelta(hours=24)
#: after which a request that recorded no answer counts as dead: no request may take that long
LEASE = timedelta(seconds=60)


class IdempotencyKeyReused(Invalid):
    message = "This Idempotency-Key belongs to another request. Use a new key for new parameters."


class RequestInProgress(Conflict):
    message = "A request with this Idempotency-Key is being worked on. Ask again for its answer."
    retry_after_s = 1


class RequestTakenOver(Conflict):
    """The request took longer than its lease and another one with the same key does the work: nothing was changed."""

    message = "This request took too long and was taken over by its repetition. Ask again for the answer."
    retry_after_s = 1


def take_key(
    *, organization: Organization, key: str, fingerprint: str, user: User, at: datetime
) -> tuple[IdempotencyRecord, bool]:
    """Return the row of a key, and True when the work is now the caller's; else the row holds the kept answer.

    Raises IdempotencyKeyReused for other parameters, RequestInProgress while another caller works.
    """
    wanted = {"fingerprint": fingerprint, "user": user, "created_at": at}
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(organization=organization, key=key, **wanted), True
    except IntegrityError:
        found = IdempotencyRecord.objects.filter(organization=organization, key=key).first()
    if found is None:  # given back between the two statements
        raise RequestInProgress
    is_old = found.created_at <= at - LIFE
    if not is_old and found.fingerprint != fingerprint:
        raise IdempotencyKeyReused(field="Idempotency-Key")
    if not is_old and found.status is not None:
        return found, False
    if not is_old and found.created_at > at - LEASE:
        raise RequestInProgress
    # created_at is the fence: whoever held the row before cannot keep an answer in it any more
    same = IdempotencyRecord.objects.filter(pk=found.pk, created_at=found.created_at)
    if not same.update(status=None, body=None, **wanted):
        raise RequestInProgress
    found.refresh_from_db()
    return found, True


def keep_answer(*, record: IdempotencyRecord, status: int, body: Any) -> None:
    """Keep the answer, in the transaction of the work where there is one. Raises RequestTakenOver."""
    mine = IdempotencyRecord.objects.filter(pk=record.pk, created_at=record.created_at, status=None)
    if not mine.update(status=status, body=body):
        raise RequestTakenOver


def give_back_key(*, record: IdempotencyRecord) -> None:
    """Free a key whose request was refused: nothing moved, so the same key may be tried again."""
    IdempotencyRecord.objects.filter(pk=record.pk, created_at=record.created_at, status=None).delete()
