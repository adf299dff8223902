"""Agreement, DataGrant and Entitlement: what was accepted, and what may be read because of it; what people ask for."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils import timezone

from marketplace.core.ids import new_agreement_id, new_id
from marketplace.core.models import Organization, User
from publishers.models import DataSet, OfferVersion, Product, PublishedDataSet


class Agreement(models.Model):
    """An organization accepted one version of an offer, whose text never changes."""

    id = models.CharField(primary_key=True, max_length=32, default=new_agreement_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="agreements")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="agreements")
    offer_version = models.ForeignKey(OfferVersion, on_delete=models.PROTECT, related_name="agreements")
    accepted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="agreements")
    accepted_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "product"], condition=Q(ended_at=None), name="one_living_agreement"
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="what_was_accepted_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("offer_version", "organization", "product", "accepted_by", "accepted_at"),
            ),
            pgtrigger.Protect(name="agreements_are_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.organization_id} accepted {self.offer_version_id}"


class GrantDistributionScope(models.TextChoices):
    """Whether the receiver may pass a grant on inside its AWS organization; here a word that is kept and shown."""

    AWS_ORGANIZATION = "AWS_ORGANIZATION"
    NONE = "NONE"


class DataGrant(models.Model):
    """A data set shared directly with one organization, without a product: all its finalized revisions, past and future.

    Source: dataexchange 2017-07-25, CreateDataGrant. A grant that was deleted before it was accepted leaves no row.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    receiver = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="received_data_grants")
    published_data_set = models.OneToOneField(PublishedDataSet, on_delete=models.PROTECT, related_name="data_grant")
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=16_384, blank=True)
    distribution_scope = models.CharField(max_length=16, choices=GrantDistributionScope.choices)
    tags = models.JSONField(default=dict)
    ends_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(distribution_scope__in=GrantDistributionScope.values), name="grant_scope_known"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["receiver", "-created_at", "-id"], name="grant_by_receiver")]

    def __str__(self) -> str:
        return f"{self.name} to {self.receiver_id}"

    @property
    def sender(self) -> Organization:
        """Return who gave it."""
        return self.published_data_set.data_set.owner

    @property
    def state(self) -> str:
        """Return AWS's word: PENDING_RECEIVER_ACCEPTANCE or ACCEPTED."""
        return "PENDING_RECEIVER_ACCEPTANCE" if self.accepted_at is None else "ACCEPTED"

    def has_ended(self, at: datetime) -> bool:
        """Return True when nothing is read under it any more."""
        return self.deleted_at is not None or (self.ends_at is not None and self.ends_at <= at)


class Entitlement(models.Model):
    """An organization may read a published data set in the half-open period [valid_from, valid_until)."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="entitlements")
    published_data_set = models.ForeignKey(PublishedDataSet, on_delete=models.PROTECT, related_name="entitlements")
    agreement = models.ForeignKey(
        Agreement, on_delete=models.PROTECT, null=True, blank=True, related_name="entitlements"
    )
    data_grant = models.ForeignKey(
        DataGrant, on_delete=models.PROTECT, null=True, blank=True, related_name="entitlements"
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agreement", "published_data_set"], name="entitled_once_per_agreement"),
            models.UniqueConstraint(fields=["data_grant"], name="entitled_once_per_grant"),
            CheckConstraint(
                condition=Q(agreement__isnull=True, data_grant__isnull=False)
                | Q(agreement__isnull=False, data_grant__isnull=True),
                name="entitled_by_one_thing",
            ),
            CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="entitlement_period"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "published_data_set"], name="entitlement_by_reader")]

    def __str__(self) -> str:
        return f"{self.organization_id} may read {self.published_data_set_id}"


class NotificationType(models.TextChoices):
    """What a publisher can tell its subscribers. Source: dataexchange 2017-07-25, NotificationType."""

    DATA_DELAY = "DATA_DELAY", "The next update is late"
    DATA_UPDATE = "DATA_UPDATE", "Data was updated"
    DEPRECATION = "DEPRECATION", "The data set will be withdrawn"
    SCHEMA_CHANGE = "SCHEMA_CHANGE", "The schema will change"


class DataSetNotification(models.Model):
    """What a publisher told everybody who was entitled to a data set.

    details, scope: by the member names of NotificationDetails and ScopeDetails, instants as ISO 8601.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    data_set = models.ForeignKey(DataSet, on_delete=models.CASCADE, related_name="notifications")
    type = models.CharField(max_length=13, choices=NotificationType.choices)
    comment = models.CharField(max_length=4096, blank=True)
    details = models.JSONField(default=dict)
    scope = models.JSONField(default=dict)
    client_token = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - none is not the empty token
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["data_set", "client_token"], name="notification_once_per_token"),
            CheckConstraint(condition=Q(type__in=NotificationType.values), name="notification_type_known"),
        ]

    def __str__(self) -> str:
        return f"{self.type} of {self.data_set_id}"


class RequestState(models.TextChoices):
    """Where a subscription request stands. Source: AWS Data Exchange user guide, subscription verification."""

    PENDING = "PENDING", "Waiting"
    APPROVED = "APPROVED", "Approved"
    DECLINED = "DECLINED", "Declined"
    CANCELLED = "CANCELLED", "Withdrawn"
    EXPIRED = "EXPIRED", "Expired"


class SubscriptionRequest(models.Model):
    """An organization asks for a product whose publisher decides; the terms and questions are those of that moment.

    answers: [{"key", "label", "kind", "answer"}] as they were given. rule: the approval rule that decided, when one did.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="subscription_requests")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="subscription_requests")
    offer_version = models.ForeignKey(OfferVersion, on_delete=models.PROTECT, related_name="subscription_requests")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    answers = models.JSONField(default=list)
    state = models.CharField(max_length=9, choices=RequestState.choices, default=RequestState.PENDING)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=1000, blank=True)
    rule = models.JSONField(default=dict, blank=True)
    agreement = models.OneToOneField(
        Agreement, on_delete=models.PROTECT, null=True, blank=True, related_name="subscription_request"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "product"], condition=Q(state="PENDING"), name="one_pending_request"
            ),
            CheckConstraint(condition=Q(state__in=RequestState.values), name="request_state_known"),
            CheckConstraint(
                condition=Q(state="APPROVED", agreement__isnull=False)
                | (~Q(state="APPROVED") & Q(agreement__isnull=True)),
                name="approved_request_has_agreement",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["product", "-created_at", "-id"], name="request_by_product"),
            models.Index(fields=["expires_at"], condition=Q(state="PENDING"), name="request_deadline"),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} asks for {self.product_id}"


class SavedSearch(models.Model):
    """A search of the catalogue that a member keeps, and is told of new matches if they want.

    query: the part of the catalogue's address after the question mark, in the order of its fields.
    told_until: products published at or before this instant are known already.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="saved_searches")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(max_length=120)
    query = models.CharField(max_length=1000, blank=True)
    alerts = models.BooleanField(default=True)
    told_until = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user", "query"], name="search_saved_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["told_until"], condition=Q(alerts=True), name="search_to_tell")]

    def __str__(self) -> str:
        return self.name


class DataRequest(models.Model):
    """Data that somebody looks for and the catalogue does not have; everybody reads it, publishers answer."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="data_requests")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=120)
    description = models.TextField(max_length=5000)
    category = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    vote_count = models.IntegerField(default=0)  # of organizations besides its own; kept with the votes

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-vote_count", "-created_at"], condition=Q(closed_at=None), name="requests_wanted"),
        ]

    def __str__(self) -> str:
        return self.title


class DataRequestVote(models.Model):
    """An organization that wants the same."""

    data_request = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="votes")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="data_request_votes")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["data_request", "organization"], name="one_vote_an_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} wants {self.data_request_id}"


class DataRequestAnswer(models.Model):
    """What a publisher says to a data request, with a product of its own where it has one."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    data_request = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="answers")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="data_request_answers")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(max_length=5000)
    product = models.ForeignKey(Product, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["data_request", "created_at"], name="answer_by_request")]

    def __str__(self) -> str:
        return f"answer of {self.organization_id} to {self.data_request_id}"
