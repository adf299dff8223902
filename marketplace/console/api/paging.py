"""Pages of lists: {"items": [...], "next_cursor": ...} with opaque cursors, bound to the question they continue."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, QuerySet
from rest_framework import serializers

from marketplace.awsapi.paging import TOKEN_LIFE_S, BadPageToken, keyset_page
from marketplace.console.api.fields import Query

M = TypeVar("M", bound=Model)
DEFAULT_SIZE = 50
MOST = 200


class PageQuery(Query):
    """How much of a list."""

    limit = serializers.IntegerField(
        required=False, default=DEFAULT_SIZE, min_value=1, max_value=MOST, help_text="How many items a page holds."
    )
    cursor = serializers.CharField(
        required=False, max_length=2000, help_text="`next_cursor` of the page before; the first page has none."
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, and the cursor of those that follow; None on the last page."""

    rows: Sequence[Any]
    next_cursor: str | None


@cache
def page_shape(item: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """Return the shape of a page of items; for the description only."""
    members = {"items": item(many=True), "next_cursor": serializers.CharField(allow_null=True)}
    return type(f"{item.__name__.removesuffix('Shape')}Page", (serializers.Serializer,), members)


def page_of(
    queryset: QuerySet[M], *, order_by: Sequence[str], query: dict[str, Any], binding: Sequence[str | None]
) -> Page:
    """Return the page that a query asks for. Raises BadPageToken.

    order_by: fields without nulls, together unique. binding: what names the list (whose, which, filters).
    """
    rows, cursor = keyset_page(
        queryset, order_by=order_by, binding=["api", *binding], size=query["limit"], token=query.get("cursor")
    )
    return Page(rows, cursor)


def number_of(cursor: str | None, *, binding: Sequence[Any]) -> int:
    """Return the number of the page that a cursor of a ranked search names, 1 without one. Raises BadPageToken."""
    if cursor is None:
        return 1
    try:
        bound, number = signing.loads(cursor, salt="api.search.page", max_age=TOKEN_LIFE_S)
    except (signing.BadSignature, TypeError, ValueError):
        raise BadPageToken(field="cursor") from None
    if bound != list(binding):
        raise BadPageToken(field="cursor")
    return int(number)


def cursor_of(number: int, *, binding: Sequence[Any]) -> str:
    """Return the cursor of a page of a ranked search: rank has no key to continue from, so pages are counted."""
    return signing.dumps([list(binding), number], salt="api.search.page", compress=True)
