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
from marketplace.core.operations.publishers import tell_operators
from marketplace.core.queries.site import get_site_settings, may_publish
from publishers.models import (
    LICENCE_RIGHTS,
    Category,
    DataSet,
    DocumentKind,
    Frequency,
    HistoryRule,
    Offer,
    OfferVersion,
    PersonalData,
    Product,
    ProductState,
    ProductViewer,
    PublishedDataSet,
    Region,
    Revision,
    Visibility,
)
from publishers.operations import questions, revisions, search
from publishers.operations.locking import lock_data_set
from publishers.operations.texts import check_text

LOGO_BYTES = 2 * 1024 * 1024
LOGO_PIXELS = 4_000_000
LOGO_SIDE = 256
MOST_VIEWERS = 500
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


#: field -> what it may be; empty when the publisher does not say
CHOICES: dict[str, type[Frequency] | type[PersonalData]] = {"frequency": Frequency, "personal_data": PersonalData}
OTHERS = frozenset({*CHOICES, "regions", "licence_rights", "requires_approval", "questions", "approval_rules"})


class ProductNotReady(Conflict):
    message = "This product cannot be published yet."


class ProductAlreadyPublished(Conflict):
    message = "This product is already in the catalogue."


class ProductIsSubmitted(Conflict):
    message = "This product waits for the operator's approval already."


class ProductIsUnpublished(Conflict):
    message = "This product was taken out of the catalogue. Make a new product instead."


class DataSetAlreadyInProduct(Conflict):
    message = "The product already holds this data set."


class NotEnoughForAll(Conflict):
    message = "A product that everybody finds needs a sample and a data dictionary."


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


def _choices(values: dict[str, Any]) -> dict[str, Any]:
    """Return the checked fields of a product that are no free text. Raises Invalid naming the field."""
    checked: dict[str, Any] = {}
    for field, value in values.items():
        if field in CHOICES:
            if value not in {"", *CHOICES[field].values}:
                raise Invalid(f"Choose one of {', '.join(CHOICES[field].values)}.", field=field)
            checked[field] = value
        elif field == "regions":
            if not isinstance(value, list) or not set(value) <= set(Region.values):
                raise Invalid(f"Choose among {', '.join(Region.values)}.", field=field)
            checked[field] = [region for region in Region.values if region in value]
        elif field == "licence_rights":
            known = isinstance(value, dict) and set(value) <= set(LICENCE_RIGHTS)
            if not known or not all(isinstance(allowed, bool) for allowed in value.values()):
                raise Invalid(f"Give true or false for any of {', '.join(LICENCE_RIGHTS)}.", field=field)
            checked[field] = {right: value[right] for right in LICENCE_RIGHTS if right in value}
        elif field == "requires_approval":
            checked[field] = bool(value)
        elif field == "questions":
            checked[field] = questions.check_questions(value)
        else:
            checked[field] = questions.check_rules(value)
    return checked


def _split(values: dict[str, Any]) -> dict[str, Any]:
    """Return the checked fields of a product, texts and others. Raises Invalid naming the field."""
    chosen = {field: value for field, value in values.items() if field in OTHERS}
    return _texts({field: value for field, value in values.items() if field not in OTHERS}) | _choices(chosen)


@transaction.atomic
def create_product(
    *,
    owner: Organization,
    category: str,
    actor: Actor,
    at: datetime,
    terms: str,
    dictionary: list[dict[str, str]] | None = None,
    visibility: str = Visibility.PUBLIC,
    **fields: Any,
) -> Product:
    """Create a draft product with one free public offer. fields: those of TEXTS and OTHERS.

    Raises Invalid naming the field, LimitExceeded "Products per account".
    """
    if category not in Category.values:
        raise Invalid(f"Choose one of the categories {', '.join(Category.values)}.", field="category")
    if "name" not in fields:
        raise Invalid("This field is needed.", field="name")
    _check_visibility(visibility)
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
        visibility=visibility,
        **_split(fields),
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
    visibility: str | None = None,
    **fields: Any,
) -> Product:
    """Change the page of a product; new terms make a new offer version, agreements keep the one they accepted.

    fields: those of TEXTS and OTHERS. Raises Invalid naming the field, NotEnoughForAll.
    """
    product = Product.objects.select_for_update().get(pk=product.pk)
    if category is not None:
        if category not in Category.values:
            raise Invalid(f"Choose one of the categories {', '.join(Category.values)}.", field="category")
        product.category = category
    for field, value in _split(fields).items():
        setattr(product, field, value)
    if dictionary is not None:
        dictionary = _dictionary(dictionary)
        if product.dictionary and not dictionary and _is_for_all(product):
            raise Invalid("A product in the catalogue keeps its data dictionary.", field="dictionary")
        product.dictionary = dictionary
    product.updated_at = at
    product.save()
    if visibility is not None and visibility != product.visibility:
        product = set_visibility(product=product, visibility=visibility, actor=actor, at=at)
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
        search.refresh(product=product)
    return entry


@transaction.atomic
def remove_data_set(*, product: Product, data_set: DataSet, actor: Actor) -> None:
    """Take a data set out of a draft product. Raises DataSetsAreFixed once it was published."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.published_at is not None:
        raise DataSetsAreFixed("PRODUCT", product.pk)
    if product.published_data_sets.filter(data_set=data_set).delete()[0]:
        audit.record("product.data_set_removed", actor=actor, subject=product, detail={"data_set_id": data_set.pk})


# --- who finds it ----------------------------------------------------------------------------------------------------
def _check_visibility(visibility: str) -> None:
    if visibility not in Visibility.values:
        raise Invalid(f"Choose one of {', '.join(Visibility.values)}.", field="visibility")


def _is_for_all(product: Product) -> bool:
    return product.state == ProductState.PUBLISHED and product.visibility == Visibility.PUBLIC


@transaction.atomic
def set_visibility(*, product: Product, visibility: str, actor: Actor, at: datetime) -> Product:
    """Say who finds a product, published or not; who subscribed keeps access. The same again changes nothing.

    Raises Invalid, NotEnoughForAll when a published product lacks what one that everybody finds must have.
    """
    _check_visibility(visibility)
    product = Product.objects.select_for_update().get(pk=product.pk)
    before = product.visibility
    if before == visibility:
        return product
    product.visibility = visibility
    if _is_for_all(product) and (missing := _missing_for_all(product)):
        raise NotEnoughForAll("PRODUCT", product.pk, " ".join(sentence for _, sentence in missing))
    product.updated_at = at
    product.save(update_fields=["visibility", "updated_at"])
    audit.record(
        "product.visibility_set", actor=actor, subject=product, detail={"before": before, "visibility": visibility}
    )
    search.refresh(product=product)
    publish_on_commit("product.visibility_set", organization_id=product.owner_id, product_id=product.pk)
    return product


@transaction.atomic
def add_viewer(*, product: Product, account_id: str, actor: Actor, at: datetime) -> ProductViewer:
    """Let an organization see the product while it is private. Twice changes nothing. Raises Invalid, LimitExceeded."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    viewer = Organization.objects.filter(account_id="".join(account_id.split())[:12]).first()
    if viewer is None:
        raise Invalid("There is no organization with this account id.", field="account_id")
    if viewer.pk == product.owner_id:
        raise Invalid("Your own organization sees its products anyway.", field="account_id")
    if product.viewers.count() >= MOST_VIEWERS:
        raise LimitExceeded("Viewers per product", MOST_VIEWERS)
    row, is_new = ProductViewer.objects.get_or_create(product=product, organization=viewer, defaults={"added_at": at})
    if is_new:
        audit.record(
            "product.viewer_added", actor=actor, subject=product, detail={"account_id": viewer.account_id}, at=at
        )
    return row


@transaction.atomic
def remove_viewer(*, product: Product, account_id: str, actor: Actor, at: datetime) -> None:
    """Hide a private product from an organization again; if it subscribed, it keeps access. Twice changes nothing."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.viewers.filter(organization__account_id=account_id).delete()[0]:
        audit.record("product.viewer_removed", actor=actor, subject=product, detail={"account_id": account_id}, at=at)


# --- into the catalogue and out of it --------------------------------------------------------------------------------
def _missing_for_all(product: Product) -> list[tuple[str, str]]:
    """Return (field, sentence) for what only a product that everybody finds needs."""
    found = []
    if not product.dictionary:
        found.append(("dictionary", "Describe the columns in the data dictionary."))
    if not product.documents.filter(kind=DocumentKind.SAMPLE).exists():
        found.append(("samples", "Add a sample, so that people can judge the data before they subscribe."))
    return found


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
    if product.visibility == Visibility.PUBLIC:
        found += _missing_for_all(product)
    if not may_publish(product.owner):
        found.append(("publisher", "Your organization needs the operator's approval to publish. Ask for it first."))
    return found


@transaction.atomic
def publish_product(*, product: Product, actor: Actor, at: datetime) -> Product:
    """Put a product into the catalogue and publish its finalized revisions under its history rules.

    Where an operator approves products it is submitted instead: it stays a draft with `submitted_at` until one decides.
    Raises ProductAlreadyPublished, ProductIsUnpublished, ProductIsSubmitted, ProductNotReady with everything that is
    missing.
    """
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.submitted_at is not None:
        raise ProductIsSubmitted("PRODUCT", product.pk)
    if not get_site_settings().approves_products:
        return release(product=product, actor=actor, at=at)
    check_ready(product)
    product.submitted_at, product.refusal = at, ""
    product.save(update_fields=["submitted_at", "refusal"])
    audit.record("product.submitted", actor=actor, subject=product, at=at)
    tell_operators(
        source_key=f"product-submitted:{product.pk}:{at.isoformat()}",
        subject_key=f"product:{product.pk}",
        subject_label=product.name,
        text=f"{product.owner.name} wants to publish {product.name}.",
        path=f"/operate/approvals/products/{product.pk}",
        at=at,
    )
    return product


def check_ready(product: Product) -> None:
    """Raise ProductAlreadyPublished, ProductIsUnpublished, or ProductNotReady with everything that is missing."""
    if product.state == ProductState.PUBLISHED:
        raise ProductAlreadyPublished("PRODUCT", product.pk)
    if product.state == ProductState.UNPUBLISHED:
        raise ProductIsUnpublished("PRODUCT", product.pk)
    missing = blockers(product)
    if missing:
        raise ProductNotReady("PRODUCT", product.pk, " ".join(sentence for _, sentence in missing))


def release(*, product: Product, actor: Actor, at: datetime) -> Product:
    """Publish a product whose row the caller has locked; see publish_product. Nobody is asked any more."""
    check_ready(product)
    product.state = ProductState.PUBLISHED
    product.published_at = product.updated_at = at
    product.submitted_at, product.refusal = None, ""
    product.save(update_fields=["state", "published_at", "updated_at", "submitted_at", "refusal"])
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
def withdraw_product(*, product: Product, actor: Actor, at: datetime) -> Product:
    """Take a submitted product back from the operator. Twice changes nothing."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    if product.submitted_at is not None:
        product.submitted_at = None
        product.save(update_fields=["submitted_at"])
        audit.record("product.withdrawn", actor=actor, subject=product, at=at)
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
