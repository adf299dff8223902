"""Facts of publishing and sharing as sentences in the inboxes of those whom they concern.

Each function may run twice for one fact: what a member is told by is named after the fact, never after the run.
"""

from datetime import datetime

from django.urls import reverse

from marketplace.core.operations.inbox import tell_members
from publishers.models import PublishedDataSet, PublishedRevision, Revision
from subscriptions.models import Agreement, DataGrant, DataSetNotification
from subscriptions.queries import list_entitled_organization_ids, list_living_publications

LONGEST_REMARK = 400


def subject_of(entry: PublishedDataSet) -> str:
    """Return the key under which an inbox groups what is about a data set that its organization has."""
    return f"data-set:{entry.pk}"


def _remark(text: str) -> str:
    """Return what somebody wrote, in one line that ends the sentence before it."""
    words = " ".join(text.split())
    return f": {words[:LONGEST_REMARK]}{'…' if len(words) > LONGEST_REMARK else ''}" if words else "."


def _readers(entry: PublishedDataSet, *, happened_at: datetime, at: datetime) -> list[str]:
    """Return the organizations that were entitled when something happened and still are: not those that came later."""
    then = set(list_entitled_organization_ids(published_data_set=entry, at=happened_at))
    return [pk for pk in list_entitled_organization_ids(published_data_set=entry, at=at) if pk in then]


# --- to whoever is entitled -------------------------------------------------------------------------------------------
def tell_of_revision(*, publication: PublishedRevision, at: datetime) -> int:
    """Tell readers that a revision was published; return how many are new. One that was taken back since is not told of."""
    entry, revision = publication.published_data_set, publication.revision
    if revision.revoked_at is not None:
        return 0
    return tell_members(
        organization_ids=_readers(entry, happened_at=publication.published_at, at=at),
        topic="revision.published",
        source_key=f"revision-published:{publication.pk}",
        subject_key=subject_of(entry),
        subject_label=entry.data_set.name,
        text=f"A new revision was published{_remark(revision.comment)}",
        path=reverse("my-revision", args=[entry.pk, revision.pk]),
        at=at,
    )


def tell_of_revocation(*, revision: Revision, at: datetime) -> int:
    """Tell readers that a revision was taken back; return how many are new."""
    revoked_at = revision.revoked_at
    if revoked_at is None:
        return 0
    publications = PublishedRevision.objects.filter(revision=revision).select_related("published_data_set__data_set")
    told = 0
    for publication in publications.order_by("pk"):
        entry = publication.published_data_set
        told += tell_members(
            organization_ids=_readers(entry, happened_at=revoked_at, at=at),
            topic="revision.revoked",
            source_key=f"revision-revoked:{publication.pk}",
            subject_key=subject_of(entry),
            subject_label=entry.data_set.name,
            text=f"The publisher took revision {revision.pk[:8]} back{_remark(revision.revocation_comment)}",
            path=reverse("my-data-set", args=[entry.pk]),
            at=at,
        )
    return told


def tell_of_notification(*, notification: DataSetNotification, at: datetime) -> int:
    """Pass a publisher's notice on to readers; return how many are new."""
    data_set = notification.data_set
    told = 0
    for entry in list_living_publications(data_set=data_set, at=notification.created_at):
        told += tell_members(
            organization_ids=_readers(entry, happened_at=notification.created_at, at=at),
            topic="data_set.notified",
            source_key=f"notification:{notification.pk}:{entry.pk}",
            subject_key=subject_of(entry),
            subject_label=data_set.name,
            text=f"{notification.get_type_display()}{_remark(notification.comment)}",
            path=reverse("my-data-set", args=[entry.pk]),
            at=at,
        )
    return told


# --- between two organizations ----------------------------------------------------------------------------------------
def tell_of_grant(*, grant: DataGrant, at: datetime) -> int:
    """Tell the receiver of a data grant that it waits to be accepted; return how many are new."""
    return tell_members(
        organization_ids=[grant.receiver_id],
        topic="data_grant.received",
        source_key=f"data-grant-created:{grant.pk}",
        subject_key=f"data-grant:{grant.pk}",
        subject_label=grant.published_data_set.data_set.name,
        text=f"{grant.sender.name} shares it with you by the data grant “{grant.name}”. It waits for you to accept it.",
        path=f"{reverse('my-data')}#grant-{grant.pk}",
        at=at,
    )


def tell_of_grant_accepted(*, grant: DataGrant, at: datetime) -> int:
    """Tell the sender of a data grant that it was accepted; return how many are new."""
    return tell_members(
        organization_ids=[grant.sender.pk],
        topic="data_grant.accepted",
        source_key=f"data-grant-accepted:{grant.pk}",
        subject_key=f"data-grant:{grant.pk}",
        subject_label=grant.published_data_set.data_set.name,
        text=f"{grant.receiver.name} accepted the data grant “{grant.name}”.",
        path=f"{reverse('data-grants')}#grant-{grant.pk}",
        at=at,
    )


def tell_of_agreement(*, agreement: Agreement, at: datetime) -> int:
    """Tell the publisher of a product that somebody subscribed to it; return how many are new."""
    product = agreement.product
    return tell_members(
        organization_ids=[product.owner_id],
        topic="subscription.started",
        source_key=f"agreement-accepted:{agreement.pk}",
        subject_key=f"product:{product.pk}",
        subject_label=product.name,
        text=f"{agreement.organization.name} accepted the terms and subscribes now.",
        path=f"{reverse('subscribers')}#{agreement.pk}",
        at=at,
    )
