"""What a product's page says, made from what is stored: facts in words, the dictionary, schema.org, who looked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from marketplace.core import media
from marketplace.core.middleware import MemberRequest
from marketplace.storefront.samples import PARAMETERS, filled_and_distinct
from publishers.models import (
    LICENCE_RIGHTS,
    ActivityKind,
    AssetType,
    DocumentKind,
    Frequency,
    HistoryRule,
    OfferVersion,
    PersonalData,
    Product,
    ProductState,
    PublishedDataSet,
    Region,
    Visibility,
)
from publishers.operations import activity
from publishers.operations.search import format_of
from publishers.queries.product_pages import PageDocument, PageFigures

COLUMNS_PER_PAGE = 30
LONGEST_SEARCH = 100
#: how old the newest revision may be before it is later than the frequency promises: once the interval, and a margin
DUE: dict[str, timedelta] = {
    Frequency.HOURLY: timedelta(hours=3),
    Frequency.DAILY: timedelta(days=2),
    Frequency.WEEKLY: timedelta(days=9),
    Frequency.MONTHLY: timedelta(days=36),
    Frequency.QUARTERLY: timedelta(days=106),
    Frequency.YEARLY: timedelta(days=396),
}
#: columns that schema.org is told of; what a search engine reads of a page is bounded
_MEASURED = 50
_IN_SCRIPT = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


@dataclass(frozen=True)
class DictionaryRow:
    """A column of the dictionary with the name that deep links to it carry; filled and distinct are of the sample."""

    column: str
    type: str
    meaning: str
    is_key: bool
    anchor: str
    filled: str
    distinct: int | None


@dataclass(frozen=True)
class Dictionary:
    """One page of a dictionary. total: of all columns, whatever is searched; has_facts: some are in the sample."""

    page: Page[Any]
    total: int
    find: str
    has_facts: bool


@dataclass(frozen=True)
class Image:
    """An image of the gallery."""

    url: str
    caption: str
    width: int | None
    height: int | None


def dictionary_of(product: Product, *, preview: dict[str, Any] | None, params: QueryDict) -> Dictionary:
    """Return the columns that the URL asks for: ?column= finds in names and meanings, ?columns= is the page."""
    known = filled_and_distinct(preview)
    rows, taken = [], set()
    for number, row in enumerate(product.dictionary, start=1):
        column = str(row.get("column", ""))
        anchor = slugify(column) or str(number)
        anchor = anchor if anchor not in taken else f"{anchor}-{number}"
        taken.add(anchor)
        filled, distinct = known.get(column, ("", None))
        rows.append(
            DictionaryRow(
                column=column,
                type=str(row.get("type", "")),
                meaning=str(row.get("meaning", "")),
                is_key=bool(row.get("key")),
                anchor=f"col-{anchor}",
                filled=filled,
                distinct=distinct,
            )
        )
    find = " ".join(params.get("column", "").replace("\x00", "").split())[:LONGEST_SEARCH]
    wanted = find.casefold()
    found = [row for row in rows if not wanted or wanted in f"{row.column}\n{row.type}\n{row.meaning}".casefold()]
    page = Paginator(found, COLUMNS_PER_PAGE).get_page(params.get("columns"))
    return Dictionary(page, len(rows), find, any(row.filled for row in page.object_list))


def images_of(documents: Sequence[PageDocument]) -> list[Image]:
    """Return the gallery, each image by an address of five minutes."""
    return [
        Image(
            url=media.image_url(document.file.name or "", content_type=document.content_type),
            caption=document.caption,
            width=document.width,
            height=document.height,
        )
        for document in documents
        if document.kind == DocumentKind.IMAGE and document.content_type.startswith("image/")
    ]


def formats_of(figures: PageFigures) -> list[str]:
    """Return the words for the formats of what was published."""
    return sorted({format_of(f"x{ending}") for ending in figures.endings})


def ways_of(entries: Sequence[PublishedDataSet]) -> list[str]:
    """Return how the data reaches a subscriber, in a few words."""
    kinds = {entry.data_set.asset_type for entry in entries} or {AssetType.S3_SNAPSHOT.value}
    files = ["S3 export, rows by token"] if AssetType.S3_SNAPSHOT in kinds else []
    return files + [kind.label for kind in AssetType if kind in kinds and kind != AssetType.S3_SNAPSHOT]


def history_of(entries: Sequence[PublishedDataSet], figures: PageFigures) -> str:
    """Return what of the past a subscriber gets, in words; empty while nothing is published."""
    rules = {entry.history_rule for entry in entries}
    if rules == {HistoryRule.NONE}:
        return "From your subscription on"
    if rules == {HistoryRule.LAST}:
        return f"The last {max(entry.history_count or 0 for entry in entries)} revisions"
    return f"From {figures.first_at:%b %Y}" if figures.first_at else ""


def regions_of(product: Product) -> str:
    """Return the regions that a product covers, in words."""
    chosen = set(product.regions)
    return ", ".join(region.label for region in Region if region in chosen)


def frequency_of(product: Product) -> str:
    """Return how often new data comes: in the publisher's words, else as the catalogue's filter has it."""
    return product.update_frequency or (Frequency(product.frequency).label if product.frequency else "")


def personal_data_of(product: Product) -> str:
    """Return what the product holds about people, in a word; empty where the publisher says nothing."""
    return PersonalData(product.personal_data).label if product.personal_data else ""


def is_late(product: Product, *, newest_at: datetime | None, now: datetime) -> bool:
    """Return True when the newest revision is older than the promised frequency allows."""
    due = DUE.get(product.frequency)
    return due is not None and newest_at is not None and now - newest_at > due


def rights_of(product: Product) -> list[tuple[str, bool]]:
    """Return (use, whether the licence allows it) for each use that the publisher spoke of."""
    rights = product.licence_rights
    return [(label, bool(rights[right])) for right, label in LICENCE_RIGHTS.items() if right in rights]


def address_of(product: Product) -> str:
    """Return the lasting address of a product's page."""
    return f"{settings.PUBLIC_URL}{reverse('product', args=[product.pk])}"


def is_findable(product: Product) -> bool:
    """Return True for what search engines may keep: in the catalogue, for everybody."""
    return product.state == ProductState.PUBLISHED and product.visibility == Visibility.PUBLIC


def schema_of(product: Product, *, offer: OfferVersion | None, figures: PageFigures, site_name: str) -> SafeString:
    """Return the page as a schema.org Dataset, JSON that is safe within a script element.

    Source: schema.org/Dataset, and what Google's dataset search asks for.
    """
    owner = product.owner
    described: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": address_of(product),
        "identifier": product.pk,
        "name": product.name,
        "description": product.short_description or product.name,
        "url": address_of(product),
        "keywords": [product.category],
        "creator": {
            "@type": "Organization",
            "name": owner.name,
            "url": f"{settings.PUBLIC_URL}{reverse('publisher', args=[owner.account_id])}",
        },
        "includedInDataCatalog": {
            "@type": "DataCatalog",
            "name": site_name,
            "url": f"{settings.PUBLIC_URL}{reverse('catalogue')}",
        },
    }
    places = [place for place in (product.coverage, regions_of(product)) if place]
    optional = {
        "license": {"@type": "CreativeWork", "name": product.licence} if product.licence else None,
        "isAccessibleForFree": offer.price_minor == 0 if offer else None,
        "datePublished": figures.first_at.date().isoformat() if figures.first_at else None,
        "dateModified": figures.last_at.date().isoformat() if figures.last_at else None,
        "spatialCoverage": places[0] if places else None,
        "isBasedOn": product.source_url or None,
        "variableMeasured": [
            {"@type": "PropertyValue", "name": row.get("column", ""), "description": row.get("meaning", "")}
            for row in product.dictionary[:_MEASURED]
        ],
    }
    described |= {name: value for name, value in optional.items() if value not in (None, [])}
    text = json.dumps(described, ensure_ascii=False).translate(_IN_SCRIPT)
    return mark_safe(text)  # noqa: S308 - JSON without the three characters that could end the element


def count_look(request: MemberRequest, product: Product, *, at: datetime, is_sample: bool = False) -> None:
    """Count a look at the page, or at the sample where its part of the URL is asked for. Prefetching is no look."""
    is_sample = is_sample or any(name in request.GET for name in PARAMETERS)
    if request.method != "GET" or "prefetch" in request.headers.get("Sec-Purpose", ""):
        return
    if not is_sample and request.headers.get("HX-Request"):
        return
    activity.record(
        product_id=product.pk,
        kind=ActivityKind.SAMPLE if is_sample else ActivityKind.VIEW,
        organization=request.organization if request.membership else None,
        address=request.META.get("REMOTE_ADDR", ""),
        agent=request.headers.get("User-Agent", ""),
        at=at,
    )
