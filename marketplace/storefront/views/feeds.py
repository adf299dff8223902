"""Atom feeds (RFC 4287): new products of a search, revisions of a product, products of a publisher."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date, quote_etag
from django.views.decorators.http import require_safe

from marketplace.core import brand, limits
from marketplace.core.errors import NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.queries.organizations import get_organization_by_account
from marketplace.storefront.saved import read_query
from publishers.models import Product
from publishers.queries.matching import list_newest_matches
from publishers.queries.products import get_listed_product
from publishers.queries.publications import list_publications
from publishers.queries.shelves import list_products_of

ENTRIES = 50
ATOM = "http://www.w3.org/2005/Atom"
CONTENT_TYPE = "application/atom+xml; charset=utf-8"
#: per caller; readers ask a few times an hour
FEEDS, WINDOW_S = 60, 60
#: what XML 1.0 cannot hold, escaped or not
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: the day from which tag URIs of what has no day of its own count; any day will do, as long as it stays (RFC 4151)
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """Something that was published. id: a tag URI; url: with host."""

    id: str
    title: str
    url: str
    published_at: datetime
    updated_at: datetime
    summary: str = ""
    author: str = ""
    category: str = ""


@dataclass(frozen=True)
class Feed:
    """A feed as it is written; url: of the page that shows the same. begun_at: what an empty feed was last changed."""

    id: str
    title: str
    url: str
    begun_at: datetime
    entries: list[Entry] = field(default_factory=list)
    subtitle: str = ""
    author: str = ""


@require_safe
def catalogue_feed(request: HttpRequest) -> HttpResponse:
    """Give the newest products of a search; the query is that of the catalogue."""
    _count(request)
    kept = read_query(request.META.get("QUERY_STRING", "")[:4000])
    found = list_newest_matches(search=kept.search, most=ENTRIES)
    words = f": {kept.name}" if kept.query else ""
    feed = Feed(
        id=_tag(f"catalogue?{kept.query}", _SINCE),
        title=f"New data products{words}",
        url=settings.PUBLIC_URL + kept.url,
        begun_at=_SINCE,
        entries=[_entry_of(product) for product in found],
        author=brand.known().name,
    )
    return _respond(request, feed)


@require_safe
def product_feed(request: MemberRequest, product_id: str) -> HttpResponse:
    """Give the newest revisions of a product; whoever sees the product's page sees them."""
    _count(request)
    viewer = request.organization if getattr(request, "membership", None) else None
    found = get_listed_product(product_id=product_id, viewer=viewer)
    page = settings.PUBLIC_URL + reverse("product", args=[found.pk])
    entries = []
    for publication in list_publications(product=found)[:ENTRIES]:
        revision = publication.revision
        revoked = revision.revoked_at is not None
        words = [revision.comment]
        if revoked:
            words.append("Revoked: it is no longer delivered.")
        entries.append(
            Entry(
                id=_tag(f"product/{found.pk}/revisions/{revision.pk}", found.created_at),
                title=f"{'Revoked: r' if revoked else 'R'}evision of {publication.published_at:%d %B %Y, %H:%M} UTC",
                url=f"{page}#revisions",
                published_at=publication.published_at,
                updated_at=revision.revoked_at or publication.published_at,
                summary=" ".join(word for word in words if word),
            )
        )
    feed = Feed(
        id=_tag(f"product/{found.pk}/revisions", found.created_at),
        title=f"Revisions of {found.name}",
        subtitle=found.short_description,
        url=page,
        begun_at=found.published_at or found.created_at,
        entries=entries,
        author=found.owner.name,
    )
    return _respond(request, feed, is_private=True)


@require_safe
def organization_feed(request: HttpRequest, account_id: str) -> HttpResponse:
    """Give the newest products of a publisher; one that lists nothing has no feed."""
    _count(request)
    organization = get_organization_by_account(account_id)
    found = list(list_products_of(owner=organization)[:ENTRIES])
    if not found:
        raise NotFound("ACCOUNT", account_id)
    feed = Feed(
        id=_tag(f"organization/{organization.account_id}", organization.created_at),
        title=f"Data products of {organization.name}",
        url=settings.PUBLIC_URL + reverse("publisher", args=[organization.account_id]),
        begun_at=organization.created_at,
        entries=[_entry_of(product) for product in found],
        author=organization.name,
    )
    return _respond(request, feed)


def _count(request: HttpRequest) -> None:
    limits.count(f"feed:{request.META.get('REMOTE_ADDR', '')}", most=FEEDS, window_s=WINDOW_S)


def _entry_of(product: Product) -> Entry:
    published_at = product.published_at or product.created_at
    return Entry(
        id=_tag(f"product/{product.pk}", product.created_at),
        title=product.name,
        url=settings.PUBLIC_URL + reverse("product", args=[product.pk]),
        published_at=published_at,
        updated_at=max(published_at, product.updated_at),
        summary=product.short_description,
        author=product.owner.name,
        category=product.category,
    )


def _tag(specific: str, day: datetime) -> str:
    """Return a tag URI (RFC 4151): it names a thing for good, whatever address it is read at."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return f"tag:{host},{day.astimezone(UTC):%Y-%m-%d}:{quote(specific, safe='/?=&+%-._~')}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    clean = {key: _NOT_XML.sub("", value) for key, value in attributes.items()}
    made = ElementTree.SubElement(parent, name, clean)
    made.text = _NOT_XML.sub("", text) or None
    return made


def write(feed: Feed, *, self_url: str) -> bytes:
    """Return a feed as XML; characters that XML cannot hold are left out."""
    root = ElementTree.Element("feed", {"xmlns": ATOM})
    _add(root, "id", feed.id)
    _add(root, "title", feed.title)
    if feed.subtitle:
        _add(root, "subtitle", feed.subtitle)
    _add(root, "updated", _instant(_updated_at(feed.entries, feed.begun_at)))
    _add(root, "link", rel="self", type="application/atom+xml", href=self_url)
    _add(root, "link", rel="alternate", type="text/html", href=feed.url)
    _add(_add(root, "author"), "name", feed.author)
    for entry in feed.entries:
        made = _add(root, "entry")
        _add(made, "id", entry.id)
        _add(made, "title", entry.title)
        _add(made, "link", rel="alternate", type="text/html", href=entry.url)
        _add(made, "published", _instant(entry.published_at))
        _add(made, "updated", _instant(entry.updated_at))
        if entry.author:
            _add(_add(made, "author"), "name", entry.author)
        if entry.category:
            _add(made, "category", term=entry.category)
        if entry.summary:
            _add(made, "summary", entry.summary)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _updated_at(entries: Iterable[Entry], begun_at: datetime) -> datetime:
    return max((entry.updated_at for entry in entries), default=begun_at)


def _respond(request: HttpRequest, feed: Feed, *, is_private: bool = False) -> HttpResponse:
    """Answer a feed, or 304 to whoever has it already."""
    query = request.META.get("QUERY_STRING", "")
    self_url = settings.PUBLIC_URL + request.path + (f"?{query}" if query else "")
    content = write(feed, self_url=self_url)
    etag = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    modified = int(_updated_at(feed.entries, feed.begun_at).timestamp())
    response = HttpResponse(content, content_type=CONTENT_TYPE)
    response.headers["ETag"] = etag
    response.headers["Last-Modified"] = http_date(modified)
    # What an entry says can change without its instant: the tag decides, and an instant alone never makes a 304.
    answer = get_conditional_response(request, etag=etag, response=response) or response
    answer.headers["Cache-Control"] = "private, no-cache" if is_private else "public, max-age=300"
    if is_private:
        patch_vary_headers(answer, ["Cookie"])
    return answer  # type: ignore[return-value]
