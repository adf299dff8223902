"""What stands around a product: its documents, who may see a private one, and who looked at it."""

from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from marketplace.core.ids import new_id
from marketplace.core.models import Organization
from publishers.models.products import Product


class DocumentKind(models.TextChoices):
    SAMPLE = "SAMPLE", "Sample"
    DICTIONARY = "DICTIONARY", "Data dictionary"
    IMAGE = "IMAGE", "Image"


class ProductDocument(models.Model):
    """A file on a product's page: a sample of the data, a dictionary as a document, an image.

    preview: of a sample that is a table, {"columns": [{"name", "type", "nulls", "distinct", "least", "greatest",
    "histogram"}], "rows": [[text or null]], "row_count", "is_whole"}; empty where it is none.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="documents")
    kind = models.CharField(max_length=10, choices=DocumentKind.choices)
    name = models.CharField(max_length=255)
    file = models.FileField(upload_to="products/", max_length=255)
    content_type = models.CharField(max_length=120)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    caption = models.CharField(max_length=200, blank=True)  # of an image, for those who do not see it
    width = models.IntegerField(null=True, blank=True)
    height = models.IntegerField(null=True, blank=True)
    preview = models.JSONField(default=dict, blank=True)
    position = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(kind__in=DocumentKind.values), name="document_kind_known"),
            models.UniqueConstraint(fields=["product", "kind", "name"], name="document_name_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["product", "kind", "position"], name="document_by_product")]

    def __str__(self) -> str:
        return f"{self.name} of {self.product_id}"


class ProductViewer(models.Model):
    """An organization that may see a private product."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="viewers")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="private_products")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "organization"], name="viewer_once")]

    def __str__(self) -> str:
        return f"{self.organization_id} may see {self.product_id}"


class ActivityKind(models.TextChoices):
    """What somebody did with a product on a day."""

    VIEW = "VIEW", "Viewed the page"
    SAMPLE = "SAMPLE", "Looked at the sample"
    USE = "USE", "Read or received data"


class ProductActivity(models.Model):
    """How often one visitor did one thing with a product on one day in UTC; partitioned by month.

    visitor: the id of an organization, or a keyed digest of an anonymous browser that is another one every day.
    """

    pk = models.CompositePrimaryKey("day", "product_id", "kind", "visitor")
    day = models.DateField()
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="activity")
    kind = models.CharField(max_length=6, choices=ActivityKind.choices)
    visitor = models.CharField(max_length=32)
    is_member = models.BooleanField()  # the visitor is an organization
    count = models.IntegerField(default=1)

    class Meta:
        constraints = [CheckConstraint(condition=Q(kind__in=ActivityKind.values), name="activity_kind_known")]
        indexes: ClassVar = [models.Index(fields=["product", "day"], name="activity_by_product")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.product_id} on {self.day}"
