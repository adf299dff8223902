"""A create that is repeated has one effect and one answer: the key is a header, or the token that SDKs send by themselves."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.crypto import salted_hmac

from marketplace.awsapi import parser
from marketplace.awsapi.authentication import Credentials
from marketplace.awsapi.serializer import WireResponse
from marketplace.awsapi.service import Operation
from marketplace.awsapi.values import Unreadable
from marketplace.core import crypto
from marketplace.core.errors import Invalid
from marketplace.core.models import IdempotencyRecord
from marketplace.core.operations.idempotency import give_back_key, keep_answer, take_key

HEADER = "Idempotency-Key"
TOKEN = "ClientToken"  # noqa: S105 - the name of a member
#: A space stands in no key of /api, so that the keys of the two interfaces are never the same.
_NAMESPACE = "aws "
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")
_CREATING = ("Create", "StartChangeSet", "SendDataSetNotification")
#: It remembers the tokens of each data set itself, for good, and refuses other content as a conflict.
_KEEPS_TOKENS = frozenset({"SendDataSetNotification"})


def token_member(operation: Operation) -> str:
    """Return the member that carries the token of an operation: the model's own, or the one that we add to each create."""
    members = operation.input.members.values() if operation.input is not None else ()
    return next((member.name for member in members if member.is_idempotency_token), TOKEN)


def key_of(operation: Operation, *, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the key of a create, None without one and for other operations. The header wins over the body.

    headers: names in lower case. Raises Invalid for a key that is malformed, Unreadable for a body that is.
    """
    if operation.method != "POST" or not operation.name.startswith(_CREATING):
        return None
    header = headers.get(HEADER.lower())
    if header is not None:
        if not _KEY.fullmatch(header):
            raise Invalid("An Idempotency-Key has 1 to 255 visible ASCII characters.", field=HEADER)
        return header
    if operation.name in _KEEPS_TOKENS:
        return None
    name = token_member(operation)
    token = parser.json_object(body).get(name) if body.strip() else None
    if token is None:
        return None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Unreadable(name[:1].lower() + name[1:], "must have 1 to 64 visible ASCII characters")
    return token


def fingerprint(operation: Operation, members: Mapping[str, Any]) -> str:
    """Return what makes two requests the same, whatever their tokens; keyed, since members may hold secrets."""
    without = {name: value for name, value in members.items() if name != token_member(operation)}
    text = json.dumps([operation.service, operation.name, without], sort_keys=True, default=_plain)
    return salted_hmac("awsapi.idempotency", text, algorithm="sha256").hexdigest()


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def run_once(
    operation: Operation,
    work: Callable[[], WireResponse],
    *,
    key: str,
    members: Mapping[str, Any],
    credentials: Credentials,
    at: datetime,
    is_atomic: bool,
) -> WireResponse:
    """Do the work of a create, or answer what is kept under its key for 24 hours.

    is_atomic: work and kept answer are one transaction, so that a process that dies leaves neither; otherwise the answer
    is kept right after. A refusal keeps nothing and frees the key.
    Raises IdempotencyKeyReused, RequestInProgress, RequestTakenOver.
    """
    record, is_mine = take_key(
        organization=credentials.organization,
        key=_stored(operation, key),
        fingerprint=fingerprint(operation, members),
        user=credentials.membership.user,
        at=at,
    )
    if not is_mine:
        return _kept(record)

    def work_and_keep() -> WireResponse:
        answer = work()
        keep_answer(record=record, status=answer.status, body=_sealed(record, answer))
        return answer

    try:
        if not is_atomic:
            return work_and_keep()
        with transaction.atomic():
            return work_and_keep()
    except Exception:
        give_back_key(record=record)
        raise


def _stored(operation: Operation, key: str) -> str:
    digest = salted_hmac("awsapi.idempotency.key", key, algorithm="sha256").hexdigest()
    return f"{_NAMESPACE}{operation.service} {digest}"


def _place(record: IdempotencyRecord) -> dict[str, str]:
    return {
        "table": "core_idempotencyrecord",
        "column": "body",
        "row": str(record.pk),
        "organization": record.organization_id,
    }


def _sealed(record: IdempotencyRecord, answer: WireResponse) -> dict[str, Any]:
    """Return what is kept. The body may hold a signed URL, which is not stored as it is."""
    sealed = crypto.seal(answer.body.decode(), **_place(record))
    return {"headers": answer.headers, "sealed": base64.b64encode(sealed).decode()}


def _kept(record: IdempotencyRecord) -> WireResponse:
    kept, status = record.body, record.status
    if not isinstance(kept, dict) or status is None:
        raise TypeError(f"The answer kept in row {record.pk} is not one of this interface.")
    body = crypto.unseal(base64.b64decode(kept["sealed"]), **_place(record)).encode()
    return WireResponse(status, body, {**kept["headers"], "Idempotency-Replayed": "true"})
