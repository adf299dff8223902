"""Idempotency-Key: the same POST twice has one effect and one answer. Source: draft-ietf-httpapi-idempotency-key-header."""

import json
import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from marketplace.console.api.authentication import Caller
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.operations.idempotency import give_back_key, keep_answer, take_key

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class SecretShownOnce(Conflict):
    message = (
        "The first request with this Idempotency-Key did this, and its answer held a secret that is shown once. "
        "If that answer is lost, revoke what it created and create another one."
    )


def key_of(request: Request) -> str | None:
    """Return the key of a request, None without one. Raises Invalid."""
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid("An Idempotency-Key has 1 to 255 visible ASCII characters.", field=HEADER)
    return key


def fingerprint(request: Request, body: Any) -> str:
    """Return what makes two requests the same: method, path, query and body; keyed, since a body may hold secrets."""
    parts = [request.method, request.get_full_path(), body]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return salted_hmac("api.idempotency", text, algorithm="sha256").hexdigest()


def run_once(
    request: Request,
    caller: Caller,
    work: Callable[[], Response],
    *,
    key: str | None,
    in_transaction: bool,
    has_secret: bool,
) -> Response:
    """Do the work of a POST, or replay the answer that is kept under its key for 24 hours.

    in_transaction: work and kept answer are one transaction, so that a process that dies leaves neither. Only work that
    talks to the outside goes without, and has a unique row of its own against a second effect.
    has_secret: nothing but the id of what was created is kept. A refusal keeps nothing and frees the key.
    Raises IdempotencyKeyReused, RequestInProgress, SecretShownOnce.
    """
    if key is None:
        return _do(work, in_transaction=in_transaction)
    record, is_mine = take_key(
        organization=caller.organization,
        key=key,
        fingerprint=fingerprint(request, request.data),
        user=caller.user,
        at=caller.at,
    )
    if not is_mine:
        if has_secret:
            raise SecretShownOnce(resource_id=(record.body or {}).get("id", ""))
        return Response(record.body, status=record.status, headers={"Idempotency-Replayed": "true"})

    def work_and_keep() -> Response:
        answer = work()
        kept = {"id": answer.data["id"]} if has_secret else answer.data
        keep_answer(record=record, status=answer.status_code, body=_plain(kept))
        return answer

    try:
        return _do(work_and_keep, in_transaction=in_transaction)
    except Exception:
        give_back_key(record=record)
        raise


def _do(work: Callable[[], Response], *, in_transaction: bool) -> Response:
    if not in_transaction:
        return work()
    with transaction.atomic():
        return work()


def _plain(data: Any) -> Any:
    """Return the data as JSON holds it: a replay must read as the first answer did."""
    return json.loads(json.dumps(data, cls=JSONEncoder))
