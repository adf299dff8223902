"""Tell organizations what happened: one event row each, and one delivery for each endpoint that wants it."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction

from marketplace.core import work
from marketplace.core.models import WebhookEndpoint

BATCH = 1000
# Taken before a sequence number is drawn and held until the commit, so that numbers become visible in their order: a
# reader that continues after one has missed none below it.
_LOCK = 731_004_001

#: Every name that an event may have. Source: Amazon EventBridge events reference, AWS Data Exchange; the last is ours.
DETAIL_TYPES = (
    "Data Sets Published To Product",
    "Redshift Data Shares Data Sets Published To Product",
    "API Gateway API Data Sets Published To Product",
    "Lake Formation Data Permission Data Sets Published To Product",
    "S3 Data Access Data Set(s) Published to Product(s)",
    "Revision Published To Data Set",
    "Revision Published To Redshift Data Shares Data Set",
    "Revision Published To API Gateway API Data Set",
    "Revision Published To Lake Formation Data Permission Data Set",
    "Revision Published to S3 Data Access Data Set(s)",
    "Revision Revoked",
    "Revision Revoked from S3 Data Access Data Set(s)",
    "Auto-export Job Completed",
    "Auto-export Job Failed",
    "Data Set Update Delayed",
    "Data Updated in Data Set",
    "Deprecation Planned for Data Set",
    "Schema Change Planned for Data Set",
    "Data Grant Accepted",
    "Data Grant Extended",
    "Data Grant Revoked",
    "Webhook Test",
)


def send_event(
    *,
    detail_type: str,
    source_key: str,
    occurred_at: datetime,
    resources: list[str],
    detail: dict[str, Any],
    receivers: Iterable[str],
    endpoint: WebhookEndpoint | None = None,
) -> int:
    """Write the same event for each receiver and have it sent to their endpoints; return how many events are new.

    source_key and occurred_at (an aware UTC instant) belong to the fact: the same again adds nothing, so that a task may
    run twice. receivers: ids of organizations, any number of them; each thousand is a transaction.
    endpoint: the only one that gets it, whatever it wants else; without it, all that want events of this name.
    """
    if detail_type not in DETAIL_TYPES:
        raise ValueError(f"{detail_type} is not among DETAIL_TYPES.")
    return sum(
        len(_send_batch(batch, detail_type, source_key, occurred_at, resources, detail, endpoint))
        for batch in _batches(receivers)
    )


def _batches(receivers: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(receivers)
    while batch := list(islice(rest, BATCH)):
        yield batch


@transaction.atomic
def _send_batch(
    receivers: list[str],
    detail_type: str,
    source_key: str,
    occurred_at: datetime,
    resources: list[str],
    detail: dict[str, Any],
    endpoint: WebhookEndpoint | None,
) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(
            """
            INSERT INTO core_event (id, occurred_at, organization_id, sequence, detail_type, source_key, resources, detail)
            SELECT gen_random_uuid(), %s, receiver, nextval('core_event_sequence'), %s, %s, %s::jsonb, %s::jsonb
            FROM unnest(%s::text[]) AS receiver
            ON CONFLICT (occurred_at, organization_id, source_key) DO NOTHING
            RETURNING id::text, organization_id
            """,
            [occurred_at, detail_type, source_key, json.dumps(resources), json.dumps(detail), receivers],
        )
        written: list[tuple[str, str]] = cursor.fetchall()
        if not written:
            return []
        # Only for events that are new: a second run must not send to an endpoint that was added in between.
        cursor.execute(
            """
            WITH made AS (
                INSERT INTO core_webhookdelivery (id, endpoint_id, event_id, event_occurred_at, detail_type, state, attempts,
                                                  failures, turn, last_error, next_attempt_at, created_at)
                SELECT replace(gen_random_uuid()::text, '-', ''), endpoint.id, event.id, %s, %s, 'PENDING', 0, 0, 1, '',
                       now(), now()
                FROM unnest(%s::uuid[], %s::text[]) AS event (id, organization_id)
                JOIN core_webhookendpoint endpoint ON endpoint.organization_id = event.organization_id
                WHERE endpoint.disabled_at IS NULL AND CASE
                    WHEN %s::text IS NOT NULL THEN endpoint.id = %s
                    ELSE endpoint.detail_types = '{}' OR EXISTS (
                        SELECT 1 FROM unnest(endpoint.detail_types) AS wanted
                        WHERE wanted = %s OR (right(wanted, 1) = '*' AND starts_with(%s, left(wanted, -1)))
                    )
                END
                RETURNING id, endpoint_id
            )
            SELECT made.id, endpoint.organization_id FROM made
            JOIN core_webhookendpoint endpoint ON endpoint.id = made.endpoint_id
            """,
            [
                occurred_at,
                detail_type,
                [event_id for event_id, _ in written],
                [organization_id for _, organization_id in written],
                endpoint.pk if endpoint else None,
                endpoint.pk if endpoint else None,
                detail_type,
                detail_type,
            ],
        )
        deliveries = cursor.fetchall()
    work.enqueue_many(
        "core.deliver_webhook",
        [
            (f"{delivery_id}:1", organization_id, {"delivery_id": delivery_id, "turn": 1})
            for delivery_id, organization_id in deliveries
        ],
    )
    return written
