"""Work of subscriptions: ids in, load, one operation."""

from django.utils import timezone

from marketplace.core import work
from publishers.models import Product, PublishedDataSet, PublishedRevision, Revision
from subscriptions import data_requests, events, operations, requests, tellings
from subscriptions.models import Agreement, DataGrant, DataSetNotification, SubscriptionRequest


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
    return DataGrant.objects.select_related("receiver", "published_data_set__data_set__owner").get(pk=data_grant_id)


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


# --- what members are told --------------------------------------------------------------------------------------------
@work.task("subscriptions.tell_of_revision")
def tell_of_revision(*, published_data_set_id: str, revision_id: str, **_: object) -> None:
    """Tell readers' members that a revision was published; one that went with its data grant since is nobody's."""
    publication = (
        PublishedRevision.objects.select_related("revision", "published_data_set__data_set")
        .filter(published_data_set=published_data_set_id, revision=revision_id)
        .first()
    )
    if publication is not None:
        tellings.tell_of_revision(publication=publication, at=timezone.now())


@work.task("subscriptions.tell_of_revocation")
def tell_of_revocation(*, revision_id: str, **_: object) -> None:
    """Tell readers' members that a revision was taken back."""
    tellings.tell_of_revocation(revision=Revision.objects.get(pk=revision_id), at=timezone.now())


@work.task("subscriptions.tell_of_notification")
def tell_of_notification(*, notification_id: str, **_: object) -> None:
    """Pass a publisher's notice on to readers' members; one that went with its data set since is nobody's."""
    notification = DataSetNotification.objects.select_related("data_set").filter(pk=notification_id).first()
    if notification is not None:
        tellings.tell_of_notification(notification=notification, at=timezone.now())


@work.task("subscriptions.tell_of_grant")
def tell_of_grant(*, data_grant_id: str, **_: object) -> None:
    """Tell the receiver's members of a data grant that waits; one that was deleted or accepted since waits no more."""
    grants = DataGrant.objects.select_related("published_data_set__data_set__owner")
    grant = grants.filter(pk=data_grant_id, accepted_at=None, deleted_at=None).first()
    if grant is not None:
        tellings.tell_of_grant(grant=grant, at=timezone.now())


@work.task("subscriptions.tell_of_grant_accepted")
def tell_of_grant_accepted(*, data_grant_id: str, **_: object) -> None:
    """Tell the sender's members that a data grant was accepted."""
    tellings.tell_of_grant_accepted(grant=_grant(data_grant_id), at=timezone.now())


@work.task("subscriptions.tell_of_agreement")
def tell_of_agreement(*, agreement_id: str, **_: object) -> None:
    """Tell a publisher's members that somebody subscribed."""
    agreement = Agreement.objects.select_related("product", "organization").get(pk=agreement_id)
    tellings.tell_of_agreement(agreement=agreement, at=timezone.now())


def _request(request_id: str) -> SubscriptionRequest:
    return SubscriptionRequest.objects.select_related("organization", "product__owner").get(pk=request_id)


@work.task("subscriptions.tell_of_request")
def tell_of_request(*, request_id: str, **_: object) -> None:
    """Tell the publisher that somebody asks for a product."""
    requests.tell_of_request(request=_request(request_id))


@work.task("subscriptions.tell_of_decision")
def tell_of_decision(*, request_id: str, **_: object) -> None:
    """Tell whoever asked what the publisher decided."""
    requests.tell_of_decision(request=_request(request_id))


@work.task("subscriptions.tell_of_expiry")
def tell_of_expiry(*, request_id: str, **_: object) -> None:
    """Tell both parties that a request has expired."""
    requests.tell_of_expiry(request=_request(request_id))


@work.task("subscriptions.attend_to_requests")
def attend_to_requests(**_: object) -> None:
    """End the requests whose time is over, and remind publishers of those that are about to end."""
    now = timezone.now()
    requests.expire_requests(at=now)
    requests.remind_of_requests(at=now)


@work.task("subscriptions.tell_author_of_answer")
def tell_author_of_answer(*, answer_id: str, **_: object) -> None:
    """Tell who asked for data that a publisher answered."""
    data_requests.tell_author(answer_id=answer_id, at=timezone.now())


@work.task("subscriptions.count_popularity")
def count_popularity(*, product_id: str, **_: object) -> None:
    """Count agreements of a product that is found again."""
    operations.count_popularity(product_id=product_id)
