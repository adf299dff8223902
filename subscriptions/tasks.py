"""Work of subscriptions: ids in, load, one operation."""

from django.utils import timezone

from marketplace.core import work
from publishers.models import PublishedDataSet
from subscriptions import operations


@work.task("subscriptions.extend_entitlements")
def extend_entitlements(*, published_data_set_id: str, **_: object) -> None:
    """Entitle subscribers to a data set that was added to their product."""
    operations.extend_entitlements(
        published_data_set=PublishedDataSet.objects.get(pk=published_data_set_id), at=timezone.now()
    )
