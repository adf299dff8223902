"""Objects of the vault that no asset owns: what clients put for jobs that never took it, and what killed runs wrote."""

from datetime import datetime, timedelta

from jobs.models import Job
from marketplace.core import storage
from publishers.models import Asset

#: nothing younger is touched: a run may be at work on it
AGE = timedelta(days=1)


def remove_left_overs(*, at: datetime) -> int:
    """Remove uploads of jobs that have ended, and API specifications without an asset; return how many. Raises StorageFault."""
    vault, removed = storage.vault(), 0
    for found in vault.walk("incoming/"):
        if found.modified_at > at - AGE:
            continue
        job = Job.objects.filter(pk=found.key.removeprefix("incoming/")).first()
        if job is None or job.is_final:
            vault.delete(found.key)
            removed += 1
    for found in vault.walk("specifications/"):
        is_young = found.modified_at > at - AGE
        if not is_young and not Asset.objects.filter(details__SpecificationKey=found.key).exists():
            vault.delete(found.key)
            removed += 1
    return removed
