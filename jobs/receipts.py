"""The receipt of a delivery as a document: what stands where, and how each object was shown to be the right one."""

from typing import Any

from jobs.models import Job, TransferState
from jobs.queries import list_transfers


def manifest(job: Job) -> dict[str, Any]:
    """Return the receipt of a job's delivered objects as JSON values; times are ISO 8601 in UTC."""
    transfers = list(list_transfers(job=job).filter(state=TransferState.DONE))
    objects = [
        {
            "key": transfer.key,
            "name": transfer.name,
            "size_bytes": transfer.size_bytes,
            "sha256": transfer.sha256,
            "etag": transfer.etag,
            "attempts": transfer.attempts,
            "method": transfer.method,
            "verified_by": transfer.verified_by,
            "started_at": transfer.started_at,
            "finished_at": transfer.finished_at,
        }
        for transfer in transfers
    ]
    connection = job.connection
    return {
        "job_id": job.pk,
        "state": job.state,
        "data_set_id": job.published_data_set_id or job.data_set_id,
        "data_set_name": job.data_set_name,
        "revision_id": job.revision_id,
        "auto_export_id": job.event_action_id,
        "destination": {
            "bucket": connection.bucket if connection else "",
            "endpoint_url": connection.endpoint_url if connection else "",
            "key_pattern": job.request.get("key_pattern", ""),
        },
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "objects": objects,
        "totals": {
            "objects": len(objects),
            "objects_planned": job.objects_total,
            "size_bytes": sum(transfer.size_bytes for transfer in transfers),
        },
    }
