"""Work of subscriptions: ids in, load, one operation."""

from django.utils import timezone

from marketplace.core import work
from publishers.models import Product, PublishedDataSet, PublishedRevision, Revision
from subscriptions import events, operations
from subscriptions.models import DataGrant, DataSetNotification


@work.task("subscriptions.extend_entitlements")
def extend_entitlements(*, published_data_set_id: str, **_: object) -> None:
    """Entitle subscribers to a data set that was added to their product."""
    operations.extend_entitlements(
        published_data_set=PublishedDataSet.objects.get(pk=published_data_set_id), at=timezone.now()
    )


@work.task("subscriptions.announce_product")
def announce_product(*, product_id: str, **_: object) -> None:
    """Tell the owner that a product was published."""
    events.announce_product(product=Product.objects.get(pk=product_id))


@work.task("subscriptions.announce_data_set")
def announce_data_set(*, published_data_set_id: str, **_: object) -> None:
    """Tell the owner that a data set was added to a published product."""
    entry = PublishedDataSet.objects.select_related("data_set", "product").get(pk=published_data_set_id)
    events.announce_data_set(entry=entry)


@work.task("subscriptions.announce_revision")
def announce_revision(*, published_data_set_id: str, revision_id: str, **_: object) -> None:
    """Tell readers that a revision was published; one that went with its data grant since is nobody's."""
    publication = (
        PublishedRevision.objects.select_related(
            "revision", "published_data_set__data_set", "published_data_set__product"
        )
        .filter(published_data_set=published_data_set_id, revision=revision_id)
        .first()
    )
    if publication is not None:
        events.announce_revision(publication=publication, at=timezone.now())


@work.task("subscriptions.announce_revocation")
def announce_revocation(*, revision_id: str, **_: object) -> None:
    """Tell readers that a revision was revoked."""
    events.announce_revocation(revision=Revision.objects.get(pk=revision_id), at=timezone.now())


@work.task("subscriptions.announce_notification")
def announce_notification(*, notification_id: str, **_: object) -> None:
    """Pass a publisher's notification on to readers; one that went with its data set since is nobody's."""
    notification = DataSetNotification.objects.select_related("data_set").filter(pk=notification_id).first()
    if notification is not None:
        events.announce_notification(notification=notification, at=timezone.now())


def _grant(data_grant_id: str) -> DataGrant:
    return DataGrant.objects.select_related("published_data_set__data_set__owner").get(pk=data_grant_id)


@work.task("subscriptions.announce_grant_accepted")
def announce_grant_accepted(*, data_grant_id: str, **_: object) -> None:
    """Tell the sender that a data grant was accepted."""
    events.announce_grant_accepted(grant=_grant(data_grant_id))


@work.task("subscriptions.announce_grant_extended")
def announce_grant_extended(*, data_grant_id: str, **_: object) -> None:
    """Tell the receiver that a data grant ends later."""
    events.announce_grant_extended(grant=_grant(data_grant_id))


@work.task("subscriptions.announce_grant_revoked")
def announce_grant_revoked(*, data_grant_id: str, **_: object) -> None:
    """Tell the receiver that a data grant was ended."""
    events.announce_grant_revoked(grant=_grant(data_grant_id))
