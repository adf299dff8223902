"""Work of subscriptions: ids in, load, one operation."""

from django.utils import timezone

from marketplace.core import work
from publishers.models import ProductDataSet
from subscriptions import operations


@work.task("subscriptions.extend_entitlements")
def extend_entitlements(*, product_data_set_id: str, **_: object) -> None:
    """Entitle subscribers to a data set that was added to their product."""
    operations.extend_entitlements(
        product_data_set=ProductDataSet.objects.get(pk=product_data_set_id), at=timezone.now()
    )
