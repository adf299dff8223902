"""SiteSettings: what an operator sets in the portal."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone


class SiteSettings(models.Model):
    """How this installation looks and what needs approval; the one row has the id 1.

    An empty name, hue or logo stands for that of the environment. commission: what the operator keeps of each sale, in
    hundredths of a per cent.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(max_length=60, blank=True)
    hue = models.SmallIntegerField(null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(360)])
    logo = models.ImageField(upload_to="site/", null=True, blank=True)
    commission_basis_points = models.IntegerField(default=0)
    approves_publishers = models.BooleanField(default=False)
    approves_products = models.BooleanField(default=False)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(id=1), name="one_row_of_site_settings"),
            CheckConstraint(condition=Q(hue=None) | Q(hue__gte=0, hue__lte=360), name="site_hue_is_an_angle"),
            CheckConstraint(
                condition=Q(commission_basis_points__gte=0, commission_basis_points__lte=10_000),
                name="commission_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return self.name or "settings of the installation"
