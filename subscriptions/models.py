"""Agreement and Entitlement: what was accepted, and what may be read because of it."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils import timezone

from marketplace.core.ids import new_agreement_id, new_id
from marketplace.core.models import Organization, User
from publishers.models import OfferVersion, Product, ProductDataSet


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


class Entitlement(models.Model):
    """An organization may read a product's data set in the half-open period [valid_from, valid_until)."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="entitlements")
    product_data_set = models.ForeignKey(ProductDataSet, on_delete=models.PROTECT, related_name="entitlements")
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="entitlements")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agreement", "product_data_set"], name="entitled_once_per_agreement"),
            CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="entitlement_period"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "product_data_set"], name="entitlement_by_reader")]

    def __str__(self) -> str:
        return f"{self.organization_id} may read {self.product_data_set_id}"
