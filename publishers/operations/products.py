"""Describe products, offer them, put them into the catalogue."""

import io
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Max
from PIL import Image

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.events import publish_on_commit
from marketplace.core.models import Organization
from publishers.models import (
    Category,
    DataSet,
    HistoryRule,
    Offer,
    OfferVersion,
    Product,
    ProductState,
    PublishedDataSet,
    Revision,
)
from publishers.operations import revisions, search
from publishers.operations.locking import lock_data_set
from publishers.operations.texts import check_text

LOGO_BYTES = 2 * 1024 * 1024
LOGO_PIXELS = 4_000_000
LOGO_SIDE = 256
#: field -> (longest, needed before publishing)
TEXTS: dict[str, int] = {
    "name": 72,
    "short_description": 500,
    "description": 30_000,
    "update_frequency": 60,
    "coverage": 120,
    "licence": 120,
    "source_url": 200,
    "support_contact": 254,
}


class ProductNotReady(Conflict):
    message = "This product cannot be published yet."


class ProductAlreadyPublished(Conflict):
    message = "This product is already in the catalogue."


class ProductIsUnpublished(Conflict):
    message = "This product was taken out of the catalogue. Make a new product instead."


class DataSetAlreadyInProduct(Conflict):
    message = "The product already holds this data set."


class DataSetsAreFixed(Conflict):
    message = "A data set cannot be taken out of a published product."


def _texts(values: dict[str, Any]) -> dict[str, str]:
    checked = {}
    for field, value in values.items():
        if field not in TEXTS:
            raise Invalid(f"{field} is not a field of a product.", field=field)
        checked[field] = check_text(str(value).strip(), field=field, longest=TEXTS[field], needed=field == "name")
    if checked.get("source_url") and not checked["source_url"].startswith(("https://", "http://")):
        raise Invalid("The source must be an http or https URL.", field="source_url")
    return checked


def _dictionary(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(rows) > 2000:
        raise Invalid("A dictionary has at most 2,000 columns.", field="dictionary")
    clean = []
    for row in rows:
        if not isinstance(row, dict) or not str(row.get("column", "")).strip():
            raise Invalid("Each row of the dictionary names a column.", field="dictionary")
        clean.append({key: str(row.get(key, "")).strip()[:500] for key in ("column", "type", "meaning")})
    return clean


@transaction.atomic
def create_product(
    *,
    owner: Organization,
    category: str,
    actor: Actor,
    at: datetime,
    terms: str,
    dictionary: list[dict[str, str]] | None = None,
    **texts: str,
) -> Product:
    """Create a draft product with one free public offer. texts: the fields of TEXTS.

    Raises Invalid naming the field, LimitExceeded "Products per account".
    """
    if category not in Category.values:
        raise Invalid(f"Choose one of the categories {', '.join(Category.values)}.", field="category")
    if "name" not in texts:
        raise Invalid("This field is needed.", field="name")
    Organization.objects.select_for_update().get(pk=owner.pk)
    limit = settings.QUOTAS["Products per account"]
    if Product.objects.owned_by(owner).exclude(state=ProductState.UNPUBLISHED).count() >= limit:
        raise LimitExceeded("Products per account", limit)
    product = Product.objects.create(
        owner=owner,
        category=category,
        created_at=at,
        updated_at=at,
        dictionary=_dictionary(dictionary or []),
        **_texts(texts),
    )
    offer = Offer.objects.create(product=product, created_at=at)
    _add_version(offer=offer, terms=terms, at=at)
    audit.record("product.created", actor=actor, subject=product)
    return product


@transaction.atomic
def update_product(
    *,
    product: Product,
    actor: Actor,
    at: datetime,
    category: str | None = None,
    terms: str | None = None,
    dictionary: list[dict[str, str]] | None = None,
    **texts: str,
) -> Product:
    """Change the page of a product; new terms make a new offer version, agreements keep the one they accepted."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    if category is not None:
        if category not in Category.values:
            raise Invalid(f"Choose one of the categories {', '.join(Category.values)}.", field="category")
        product.category = category
    for field, value in _texts(texts).items():
        setattr(product, field, value)
    if dictionary is not None:
        product.dictionary = _dictionary(dictionary)
    product.updated_at = at
    product.save()
    if terms is not None:
        offer = product.offers.select_for_update().get(is_public=True, withdrawn_at=None)
        newest = offer.versions.order_by("-number").first()
        if newest is None or newest.terms != terms.strip():
            _add_version(offer=offer, terms=terms, at=at)
    audit.record("product.updated", actor=actor, subject=product)
    search.refresh(product=product)
    return product


def _add_version(*, offer: Offer, terms: str, at: datetime) -> OfferVersion:
    terms = check_text(terms.strip(), field="terms", longest=100_000)
    number = (offer.versions.aggregate(newest=Max("number"))["newest"] or 0) + 1
    return OfferVersion.objects.create(
        offer=offer, number=number, terms=terms, currency=settings.CURRENCY, created_at=at
    )


@transaction.atomic
def add_data_set(
    *,
    product: Product,
    data_set: DataSet,
    actor: Actor,
    at: datetime,
    history_rule: str = HistoryRule.ALL,
    history_count: int | None = None,
    future_rule: bool = True,
) -> PublishedDataSet:
    """List a data set in a product. In a published product its finalized revisions are published at once.

    Raises DataSetAlreadyInProduct, Invalid, LimitExceeded "Data sets per product".
    """
    product = Product.objects.select_for_update().get(pk=product.pk)
    data_set = lock_data_set(data_set.pk)
    if history_rule not in HistoryRule.values:
        raise Invalid(f"Choose one of {', '.join(HistoryRule.values)}.", field="history_rule")
    if (history_rule == HistoryRule.LAST) != (history_count is not None) or history_count not in {None, *range(1, 101)}:
        raise Invalid("Give 1 to 100 revisions with the rule LAST, and only with it.", field="history_count")
    if history_rule == HistoryRule.NONE and not future_rule:
        raise Invalid("Subscribers must get past revisions, future ones, or both.", field="future_rule")
    if product.published_data_sets.filter(data_set=data_set).exists():
        raise DataSetAlreadyInProduct("DATA_SET", data_set.pk)
    if data_set.owner_id != product.owner_id:
        raise NotFound("DATA_SET", data_set.pk)
    limit = settings.QUOTAS["Data sets per product"]
    if product.published_data_sets.count() >= limit:
        raise LimitExceeded("Data sets per product", limit)
    entry = PublishedDataSet.objects.create(
        product=product,
        data_set=data_set,
        history_rule=history_rule,
        history_count=history_count,
        future_rule=future_rule,
        added_at=at,
    )
    audit.record("product.data_set_added", actor=actor, subject=product, detail={"data_set_id": data_set.pk})
    if product.state == ProductState.PUBLISHED:
        revisions.publish_history(entry=entry, at=at)
        publish_on_commit("product.data_set_added", organization_id=product.owner_id, published_data_set_id=entry.pk)
    return entry


@transaction.atomic
def remove_data_set(*, product: Product, data_set: DataSet, actor: Actor) -> None:
    """Take a data set out of a draft product. Raises DataSetsAreFixed once it was published."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.published_at is not None:
        raise DataSetsAreFixed("PRODUCT", product.pk)
    if product.published_data_sets.filter(data_set=data_set).delete()[0]:
        audit.record("product.data_set_removed", actor=actor, subject=product, detail={"data_set_id": data_set.pk})


def blockers(product: Product) -> list[tuple[str, str]]:
    """Return (field, sentence) for everything that still stands between a draft and the catalogue."""
    found = []
    if not product.short_description:
        found.append(("short_description", "Write a short description: it is what people see in the catalogue."))
    if not product.description:
        found.append(
            ("description", "Write a description: what the data is, where it comes from, what teams use it for.")
        )
    if not product.support_contact:
        found.append(("support_contact", "Name a support contact."))
    entries = list(product.published_data_sets.all())
    if not entries:
        found.append(("data_sets", "Add a data set."))
    elif not Revision.objects.filter(
        data_set__published_data_sets__in=entries, finalized_at__isnull=False, revoked_at=None
    ).exists():
        found.append(("data_sets", "Finalize a revision of a data set, so that subscribers get something."))
    return found


@transaction.atomic
def publish_product(*, product: Product, actor: Actor, at: datetime) -> Product:
    """Put a product into the catalogue and publish its finalized revisions under its history rules.

    Raises ProductAlreadyPublished, ProductIsUnpublished, ProductNotReady with everything that is missing.
    """
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.state == ProductState.PUBLISHED:
        raise ProductAlreadyPublished("PRODUCT", product.pk)
    if product.state == ProductState.UNPUBLISHED:
        raise ProductIsUnpublished("PRODUCT", product.pk)
    missing = blockers(product)
    if missing:
        raise ProductNotReady("PRODUCT", product.pk, " ".join(sentence for _, sentence in missing))
    product.state = ProductState.PUBLISHED
    product.published_at = product.updated_at = at
    product.save(update_fields=["state", "published_at", "updated_at"])
    entries = product.published_data_sets.select_related("product__owner", "data_set").order_by("data_set", "pk")
    for entry in entries:
        lock_data_set(entry.data_set_id)  # all of them before the first audit row, as whoever publishes a revision
    for entry in entries:
        revisions.publish_history(entry=entry, at=at)
    audit.record("product.published", actor=actor, subject=product)
    publish_on_commit("product.published", organization_id=product.owner_id, product_id=product.pk)
    search.refresh(product=product)
    return product


@transaction.atomic
def unpublish_product(*, product: Product, actor: Actor, at: datetime) -> Product:
    """Take a product out of the catalogue for good; who subscribed keeps access. Twice changes nothing."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.state == ProductState.PUBLISHED:
        product.state = ProductState.UNPUBLISHED
        product.updated_at = at
        product.save(update_fields=["state", "updated_at"])
        audit.record("product.unpublished", actor=actor, subject=product)
        search.refresh(product=product)
    return product


def read_logo(content: bytes) -> Image.Image:
    """Decode a PNG, JPEG or WebP and return it within LOGO_SIDE x LOGO_SIDE pixels. Raises Invalid."""
    if len(content) > LOGO_BYTES:
        raise Invalid("The logo may have at most 2 MB.", field="logo")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > LOGO_PIXELS:
                raise Invalid("The logo may have at most 4 megapixels.", field="logo")
            picture = image.convert("RGBA")
    except Invalid:
        raise
    except Exception:  # noqa: BLE001 - decoders meet damage with whatever comes to them, SyntaxError among it
        raise Invalid("This is not a PNG, JPEG or WebP image.", field="logo") from None
    picture.thumbnail((LOGO_SIDE, LOGO_SIDE))
    return picture


def set_logo(*, product: Product, content: bytes, actor: Actor, at: datetime) -> Product:
    """Decode an image and keep it, re-encoded, as a square-bounded PNG of at most 256 px. Raises Invalid.

    The given bytes are never stored: what a browser will be shown is what Pillow has written.
    """
    picture = read_logo(content)
    encoded = io.BytesIO()
    picture.save(encoded, "PNG", optimize=True)
    product.logo.save(f"{product.pk}.png", ContentFile(encoded.getvalue()), save=False)
    with transaction.atomic():
        product.updated_at = at
        product.save(update_fields=["logo", "logo_width", "logo_height", "updated_at"])
        audit.record("product.logo_set", actor=actor, subject=product)
    return product
