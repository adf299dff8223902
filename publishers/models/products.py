"""Product, its data sets, its offers with immutable versions, and the search row of the catalogue."""

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils import timezone

from marketplace.core.ids import new_id, new_product_id
from marketplace.core.models import Organization
from publishers.models.data_sets import DataSet, Revision
from publishers.models.facets import DELIVERY, FORMAT, PRICE


class Category(models.TextChoices):
    """Shelves of the catalogue; the words are those of the data marketplaces that people know."""

    FINANCE = "Finance"
    ENERGY = "Energy"
    LOCATION = "Location"
    WEATHER = "Weather"
    CLIMATE = "Climate"
    AGRICULTURE = "Agriculture"
    RETAIL = "Retail"
    HEALTH = "Health"
    MOBILITY = "Mobility"
    ECONOMY = "Economy"
    SCIENCE = "Science"


class Frequency(models.TextChoices):
    """How often a product gets new data, as the catalogue's filter has it."""

    HOURLY = "HOURLY", "Hourly or faster"
    DAILY = "DAILY", "Daily"
    WEEKLY = "WEEKLY", "Weekly"
    MONTHLY = "MONTHLY", "Monthly"
    QUARTERLY = "QUARTERLY", "Quarterly"
    YEARLY = "YEARLY", "Yearly"
    IRREGULAR = "IRREGULAR", "Irregular"
    ONCE = "ONCE", "Published once"


class Region(models.TextChoices):
    """Which part of the world a product covers."""

    GLOBAL = "GLOBAL", "Global"
    EUROPE = "EUROPE", "Europe"
    NORTH_AMERICA = "NORTH_AMERICA", "North America"
    SOUTH_AMERICA = "SOUTH_AMERICA", "South America"
    ASIA_PACIFIC = "ASIA_PACIFIC", "Asia Pacific"
    MIDDLE_EAST = "MIDDLE_EAST", "Middle East"
    AFRICA = "AFRICA", "Africa"


class PersonalData(models.TextChoices):
    """What a product holds about people. Source: AWS Data Exchange, sensitivity of a data set."""

    NONE = "NONE", "None"
    PSEUDONYMOUS = "PSEUDONYMOUS", "Pseudonymous"
    PERSONAL = "PERSONAL", "Personal data"


class Visibility(models.TextChoices):
    """Who finds a published product: everybody, whoever has its address, or the organizations that were named."""

    PUBLIC = "PUBLIC", "Public"
    UNLISTED = "UNLISTED", "Unlisted"
    PRIVATE = "PRIVATE", "Private"


#: What a licence says of each use; a right that is not among a product's licence_rights is not spoken of.
LICENCE_RIGHTS: dict[str, str] = {
    "commercial_use": "Commercial use",
    "derived_works": "Derived works",
    "model_training": "Model training",
    "redistribution": "Redistribution",
    "resale": "Resale",
}


class ProductState(models.TextChoices):
    DRAFT = "DRAFT", "Draft"
    PUBLISHED = "PUBLISHED", "Published"
    UNPUBLISHED = "UNPUBLISHED", "Unpublished"


class HistoryRule(models.TextChoices):
    """Which revisions from before a subscription a subscriber may read. Source: AWS, revision access rules."""

    ALL = "ALL", "All past revisions"
    LAST = "LAST", "The last revisions"
    NONE = "NONE", "No past revisions"


class ProductQuerySet(models.QuerySet["Product"]):
    def owned_by(self, organization: Organization) -> "ProductQuerySet":
        return self.filter(owner=organization)

    def listed(self) -> "ProductQuerySet":
        return self.filter(state=ProductState.PUBLISHED, visibility=Visibility.PUBLIC)


class Product(models.Model):
    """What the catalogue shows: one or more data sets with a page and offers.

    update_frequency, coverage: in the publisher's words; frequency, regions: what the catalogue filters by.
    licence_rights: right of LICENCE_RIGHTS -> whether it is allowed.
    questions: what a subscriber answers before the publisher decides, each {"key", "label", "kind", "help", "is_required",
    "choices"}. approval_rules: whom to let in without deciding, each {"kind", "value"}.
    draft: fields of the editor that were typed and not saved yet. submitted_at: it waits for the operator's approval.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_product_id, editable=False)
    owner = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="products")
    name = models.CharField(max_length=72)
    short_description = models.CharField(max_length=500, blank=True)
    description = models.TextField(max_length=30_000, blank=True)
    category = models.CharField(max_length=20, choices=Category.choices)
    logo = models.ImageField(
        upload_to="logos/", null=True, blank=True, width_field="logo_width", height_field="logo_height"
    )
    logo_width = models.IntegerField(null=True, blank=True, editable=False)
    logo_height = models.IntegerField(null=True, blank=True, editable=False)
    update_frequency = models.CharField(max_length=60, blank=True)
    coverage = models.CharField(max_length=120, blank=True)
    licence = models.CharField(max_length=120, blank=True)
    source_url = models.URLField(blank=True)
    support_contact = models.CharField(max_length=254, blank=True)
    dictionary = models.JSONField(default=list)  # [{"column", "type", "meaning"}]
    frequency = models.CharField(max_length=9, choices=Frequency.choices, blank=True, default="", db_default="")
    regions: models.Field = ArrayField(  # type: ignore[type-arg]
        models.CharField(max_length=13, choices=Region.choices), default=list, blank=True, db_default=[]
    )
    personal_data = models.CharField(max_length=12, choices=PersonalData.choices, blank=True, default="", db_default="")
    licence_rights = models.JSONField(default=dict, blank=True, db_default={})
    visibility = models.CharField(
        max_length=8, choices=Visibility.choices, default=Visibility.PUBLIC, db_default=Visibility.PUBLIC
    )
    requires_approval = models.BooleanField(default=False, db_default=False)
    questions = models.JSONField(default=list, blank=True, db_default=[])
    approval_rules = models.JSONField(default=list, blank=True, db_default=[])
    draft = models.JSONField(default=dict, blank=True, db_default={})
    draft_saved_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    refusal = models.CharField(max_length=500, blank=True, default="", db_default="")
    state = models.CharField(max_length=11, choices=ProductState.choices, default=ProductState.DRAFT)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True, blank=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(state__in=ProductState.values), name="product_state_known"),
            CheckConstraint(condition=Q(category__in=Category.values), name="product_category_known"),
            CheckConstraint(condition=~Q(state="PUBLISHED") | Q(published_at__isnull=False), name="published_has_time"),
            CheckConstraint(condition=Q(visibility__in=Visibility.values), name="product_visibility_known"),
            CheckConstraint(condition=Q(frequency__in=["", *Frequency.values]), name="product_frequency_known"),
            CheckConstraint(condition=Q(personal_data__in=["", *PersonalData.values]), name="personal_data_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-created_at"], name="product_by_owner"),
            GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="product_name_trigrams"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def slug(self) -> str:
        """Return what the drawn mark of the product is made from."""
        return self.id


class PublishedDataSet(models.Model):
    """A data set as others get it: in a product, or, without one, by a data grant.

    Its id is the entitled data set's id: receivers see this one, not the owner's. What a closed one has published stays
    as it is; nothing more is published to it.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, null=True, blank=True, related_name="published_data_sets"
    )
    data_set = models.ForeignKey(DataSet, on_delete=models.PROTECT, related_name="published_data_sets")
    history_rule = models.CharField(max_length=4, choices=HistoryRule.choices, default=HistoryRule.ALL)
    history_count = models.IntegerField(null=True, blank=True, validators=[MaxValueValidator(100)])
    future_rule = models.BooleanField(default=True)
    added_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "data_set"], name="data_set_once_per_product"),
            CheckConstraint(condition=Q(history_rule__in=HistoryRule.values), name="history_rule_known"),
            CheckConstraint(
                # isnull first: a comparison with NULL is neither true nor false, and a check lets that pass
                condition=Q(
                    history_rule="LAST", history_count__isnull=False, history_count__gte=1, history_count__lte=100
                )
                | (~Q(history_rule="LAST") & Q(history_count=None)),
                name="history_count_with_last",
            ),
            CheckConstraint(condition=Q(future_rule=True) | ~Q(history_rule="NONE"), name="some_revisions_readable"),
        ]

    def __str__(self) -> str:
        return f"{self.data_set_id} in {self.product_id}" if self.product_id else f"{self.data_set_id} by grant"

    @property
    def origin(self) -> str:
        """Return what a reader got it through, in words."""
        return self.product.name if self.product is not None else "a data grant"

    @property
    def slug(self) -> str:
        """Return what sets the detail of its mark: that of the product, or one of its own."""
        return self.product.slug if self.product is not None else self.pk

    @property
    def category(self) -> str:
        """Return the shelf of the product; empty without one."""
        return self.product.category if self.product is not None else ""


class PublishedRevision(models.Model):
    """A finalized revision in a product's data set: from this moment subscribers may have it."""

    id = models.BigAutoField(primary_key=True)
    published_data_set = models.ForeignKey(
        PublishedDataSet, on_delete=models.PROTECT, related_name="published_revisions"
    )
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="publications")
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["published_data_set", "revision"], name="revision_published_once")
        ]
        indexes: ClassVar = [models.Index(fields=["published_data_set", "-published_at"], name="published_newest")]

    def __str__(self) -> str:
        return f"{self.revision_id} in {self.published_data_set_id}"


class Offer(models.Model):
    """How a product can be had. Everything that a subscriber accepts stands in a version."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="offers")
    is_public = models.BooleanField(default=True)
    name = models.CharField(max_length=150, blank=True, default="", db_default="")
    description = models.CharField(max_length=255, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product"], condition=Q(is_public=True, withdrawn_at=None), name="one_public_offer"
            ),
        ]

    def __str__(self) -> str:
        return f"offer {self.id} of {self.product_id}"


class OfferVersion(models.Model):
    """The text and price at one moment; what was accepted is frozen, so a version never changes."""

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="versions")
    number = models.IntegerField()
    price_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="EUR")
    terms = models.TextField(max_length=100_000)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["offer", "number"], name="offer_version_once"),
            # Paid offers come with the payment part; until then a price cannot be written.
            CheckConstraint(condition=Q(price_minor=0), name="offer_is_free"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="accepted_text_is_frozen", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.offer_id} v{self.number}"


class ProductSearch(models.Model):
    """The narrow row that the catalogue searches: one for each product that everybody may find; filled by search.refresh.

    What is filtered and counted stands in it as numbers (publishers/models/facets.py); `full_text` is only ever read through
    its index, so that a row takes some 300 bytes. publisher: the account id as a number. sort_name: the name's beginning.
    Figures of the design: docs/performance.md.
    """

    product = models.OneToOneField(Product, on_delete=models.CASCADE, primary_key=True, related_name="search")
    head = SearchVectorField()
    full_text = SearchVectorField()
    publisher = models.BigIntegerField(default=0, db_default=0)
    category_code = models.SmallIntegerField(default=0, db_default=0)
    price_bits = models.SmallIntegerField(default=0, db_default=0)
    delivery_bits = models.SmallIntegerField(default=0, db_default=0)
    frequency_code = models.SmallIntegerField(default=0, db_default=0)
    region_bits = models.SmallIntegerField(default=0, db_default=0)
    format_bits = models.IntegerField(default=0, db_default=0)
    sort_name = models.CharField(max_length=24, default="", db_default="", db_collation="C")
    popularity = models.IntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    revision_count = models.IntegerField(default=0)
    listed_at = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            GinIndex(fields=["full_text"], name="product_search_words", fastupdate=False),
            GinIndex(fields=["head"], name="product_search_head", fastupdate=False),
            models.Index(fields=["category_code", "-popularity", "product"], name="product_search_shelf"),
            models.Index(fields=["publisher", "-popularity", "product"], name="product_search_publisher"),
            models.Index(fields=["-popularity", "product"], name="product_search_popular"),
            models.Index(fields=["-listed_at", "product"], name="product_search_newest"),
            models.Index(F("refreshed_at").desc(nulls_last=True), "product", name="product_search_updated"),
            models.Index(fields=["sort_name", "product"], name="product_search_name"),
        ]

    def __str__(self) -> str:
        return self.product_id

    @property
    def formats(self) -> list[str]:
        """Return the formats of its files in words."""
        return FORMAT.read(self.format_bits)

    @property
    def deliveries(self) -> list[str]:
        """Return how it is delivered, as Delivery has it."""
        return DELIVERY.read(self.delivery_bits)

    @property
    def prices(self) -> list[str]:
        """Return what it costs, as PriceKind has it."""
        return PRICE.read(self.price_bits)
