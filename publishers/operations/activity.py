"""Count what visitors do with a product: one row a product, day, kind and visitor. Never fails what it counts."""

import logging
import re
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils.crypto import salted_hmac

from marketplace.core.models import Organization
from publishers.models import ActivityKind

logger = logging.getLogger(__name__)

#: programs that read pages without a reader; a person's browser names none of these words
_BOTS = re.compile(
    r"bot|crawl|spider|slurp|preview|facebookexternalhit|embedly|whatsapp|monitor|uptime|headless|lighthouse|"
    r"curl|wget|python|aiohttp|httpx|okhttp|go-http|java/|libwww|scrapy|axios|node-fetch|postman",
    re.IGNORECASE,
)
#: (published data set, organization) whose reading was counted today by this process
_used: set[tuple[str, str]] = set()
_used_on: date | None = None
_USED_KEPT = 20_000


def visitor_of(*, address: str, agent: str, day: date) -> str:
    """Return the name of an anonymous browser on one day: 32 hexadecimal digits that lead back to nobody."""
    digest = salted_hmac("publishers.activity", f"{day} {address} {agent}", algorithm="sha256")
    return digest.hexdigest()[:32]


def record(
    *,
    product_id: str,
    kind: ActivityKind,
    organization: Organization | None,
    address: str,
    agent: str,
    at: datetime,
) -> None:
    """Count one look at a product. address, agent: of the request; at: aware UTC.

    The owner's own looks and those of programs that are not signed in are not counted. An error of the database is logged.
    """
    day = at.astimezone(UTC).date()
    if organization is not None:
        visitor = organization.pk
    elif not agent or _BOTS.search(agent):
        return
    else:
        visitor = visitor_of(address=address, agent=agent, day=day)
    _write(
        """
        INSERT INTO publishers_productactivity AS a (day, product_id, kind, visitor, is_member, count)
        SELECT %s, p.id, %s, %s, %s, 1 FROM publishers_product p WHERE p.id = %s AND p.owner_id <> %s
        ON CONFLICT (day, product_id, kind, visitor) DO UPDATE SET count = a.count + 1
        """,
        [day, kind.value, visitor, organization is not None, product_id, visitor],
    )


def record_use(*, published_data_set_id: str, organization_id: str, at: datetime) -> None:
    """Note that an organization read or received data of a product: once a day, so that again changes nothing.

    A data set that is had by a data grant belongs to no product and leaves no row.
    """
    global _used_on
    day = at.astimezone(UTC).date()
    if _used_on != day or len(_used) >= _USED_KEPT:
        _used.clear()
        _used_on = day
    use = (published_data_set_id, organization_id)
    if use in _used:
        return
    is_written = _write(
        """
        INSERT INTO publishers_productactivity (day, product_id, kind, visitor, is_member, count)
        SELECT %s, p.id, %s, %s, true, 1
        FROM publishers_publisheddataset d JOIN publishers_product p ON p.id = d.product_id
        WHERE d.id = %s AND p.owner_id <> %s
        ON CONFLICT (day, product_id, kind, visitor) DO NOTHING
        """,
        [day, ActivityKind.USE.value, organization_id, published_data_set_id, organization_id],
    )
    if is_written:
        transaction.on_commit(lambda: _used.add(use))


def _write(statement: str, values: Sequence[Any]) -> bool:
    """Run a statement in a savepoint of its own where a transaction is open; False when it failed."""
    try:
        with transaction.atomic() if connection.in_atomic_block else nullcontext(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except DatabaseError:
        logger.exception("activity was not counted")
        return False
    return True
