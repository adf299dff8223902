"""Pages by key: opaque tokens, bound to the question that they continue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet

from marketplace.awsapi.context import ApiContext
from marketplace.core.errors import Invalid

M = TypeVar("M", bound=Model)

DEFAULT_SIZE = 100
MOST = 200
TOKEN_LIFE_S = 24 * 3600
_PAGING_MEMBERS = frozenset({"maxresults", "nexttoken"})


class BadPageToken(Invalid):
    """The token is not ours, too old, or belongs to another question or organization."""

    message = "The pagination token is not valid for this request. Start again without it."


def page(
    queryset: QuerySet[M],
    *,
    order_by: Sequence[str],
    context: ApiContext,
    max_results: int | None = None,
    next_token: str | None = None,
) -> tuple[list[M], str | None]:
    """Return a page and the token of the next one (None on the last), in one query.

    order_by: fields without nulls, together unique; `-` for descending. Raises BadPageToken.
    The token is bound to organization, operation and all members but the paging ones.
    """
    filters = {name: value for name, value in context.members.items() if name.lower() not in _PAGING_MEMBERS}
    binding = (context.organization.pk, context.service, context.operation, filters)
    return keyset_page(queryset, order_by=order_by, binding=binding, size=max_results or DEFAULT_SIZE, token=next_token)


def keyset_page(
    queryset: QuerySet[M],
    *,
    order_by: Sequence[str],
    binding: object,
    size: int = DEFAULT_SIZE,
    token: str | None = None,
) -> tuple[list[M], str | None]:
    """Return a page and the next token for any list; `binding` is what the token may be used for, as JSON.

    Raises BadPageToken, and ValueError for a size beyond 1 to 200.
    """
    if not 1 <= size <= MOST:
        raise ValueError(f"A page has 1 to {MOST} rows.")
    digest = hashlib.sha256(json.dumps([binding, list(order_by)], sort_keys=True, default=str).encode()).hexdigest()
    salt = f"awsapi.page.{digest}"
    if token is not None:
        queryset = queryset.filter(_after(order_by, _open(token, salt, len(order_by))))
    rows = list(queryset.order_by(*order_by)[: size + 1])
    if len(rows) <= size:
        return rows, None
    key = [_plain(_value(rows[size - 1], name.lstrip("-"))) for name in order_by]
    return rows[:size], signing.dumps(key, salt=salt, compress=True)


def _open(token: str, salt: str, length: int) -> list[Any]:
    try:
        key = signing.loads(token, salt=salt, max_age=TOKEN_LIFE_S)
    except signing.BadSignature:
        raise BadPageToken(field="NextToken") from None
    if not isinstance(key, list) or len(key) != length:
        raise BadPageToken(field="NextToken")
    return key


def _after(order_by: Sequence[str], key: list[Any]) -> Q:
    """Return (a, b, c) > key, each field in its own direction, in a form that an index can start on."""
    condition = Q()
    for name, value in reversed(list(zip(order_by, key, strict=True))):
        field = name.lstrip("-")
        beyond = "lt" if name.startswith("-") else "gt"
        inner = Q(**{f"{field}__{beyond}": value})
        condition = inner | (Q(**{field: value}) & condition) if condition else inner
    # Redundant, and what lets PostgreSQL begin its scan at the key instead of reading all rows before it.
    first = order_by[0].lstrip("-")
    return Q(**{f"{first}__{'lte' if order_by[0].startswith('-') else 'gte'}": key[0]}) & condition


def _value(row: Model, field: str) -> Any:
    value: Any = row
    for part in field.split("__"):
        value = getattr(value, part)
    if value is None:
        raise ValueError(f"{field} is null: a page cannot be ordered by it")
    return value


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
