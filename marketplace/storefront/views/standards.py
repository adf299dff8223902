"""Products for machines: each by the standards, the whole catalogue for harvesters, and the ODRL profile that offers use."""

import hashlib
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date, quote_etag
from django.views.decorators.http import require_safe

from marketplace.core import limits
from marketplace.core.middleware import MemberRequest
from marketplace.storefront.views.feeds import FEEDS, WINDOW_S
from publishers.queries.products import list_catalogue_after
from publishers.standards import dcat, odrl
from publishers.standards.describe import describe, describe_many, site_of
from publishers.standards.documents import JSON_LD, TURTLE, write
from subscriptions.queries import get_shown_product

PRODUCTS_PER_PAGE = 100
#: per caller; a page is read with all of its documents
DOCUMENTS = 120


def count(request: HttpRequest, *, kind: str, most: int) -> None:
    """Count a call of whoever asks. Raises TooManyRequests."""
    limits.count(f"{kind}:{request.META.get('REMOTE_ADDR', '')}", most=most, window_s=WINDOW_S)


def respond(
    request: HttpRequest, text: str, *, content_type: str, modified_at: datetime | None = None, is_private: bool = False
) -> HttpResponse:
    """Answer a document, or 304 to whoever has it already."""
    content = text.encode()
    etag = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    response = HttpResponse(content, content_type=f"{content_type}; charset=utf-8")
    response.headers["ETag"] = etag
    if modified_at is not None:
        response.headers["Last-Modified"] = http_date(int(modified_at.timestamp()))
    answer = get_conditional_response(request, etag=etag, response=response) or response
    answer.headers["Cache-Control"] = "private, no-cache" if is_private else "public, max-age=300"
    if is_private:
        patch_vary_headers(answer, ["Cookie"])
    return answer  # type: ignore[return-value]


@require_safe
def product_metadata(request: MemberRequest, product_id: str, name: str) -> HttpResponse:
    """Give a product by a standard; whoever sees the product's page sees it."""
    count(request, kind="metadata", most=DOCUMENTS)
    viewer = request.organization if request.membership else None
    found = get_shown_product(product_id=product_id, viewer=viewer)
    written = write(describe(product=found, at=timezone.now()), asked=name)
    answer = respond(request, written.text, content_type=written.content_type, is_private=True)
    answer.headers["Content-Disposition"] = f'inline; filename="{written.file_name}"'
    return answer


@require_safe
def catalogue_turtle(request: HttpRequest) -> HttpResponse:
    """Give a page of the catalogue to harvesters as Turtle."""
    return _catalogue(request, kind=TURTLE)


@require_safe
def catalogue_json_ld(request: HttpRequest) -> HttpResponse:
    """Give a page of the catalogue to harvesters as JSON-LD."""
    return _catalogue(request, kind=JSON_LD)


@require_safe
def odrl_profile(request: HttpRequest) -> HttpResponse:
    """Give the profile of the offers: what the actions and purposes that are no common ones mean."""
    site = site_of()
    return respond(request, odrl.profile(url=site.profile_url, name=site.name), content_type=TURTLE)


def _catalogue(request: HttpRequest, *, kind: str) -> HttpResponse:
    """Pages are continued behind an id, so that a page is the same work wherever it stands, and none is missed."""
    count(request, kind="feed", most=FEEDS)
    after = request.GET.get("after", "")[:32].replace("\0", "")
    found = list_catalogue_after(after=after, most=PRODUCTS_PER_PAGE + 1)
    shown = found[:PRODUCTS_PER_PAGE]
    first = settings.PUBLIC_URL + reverse("catalogue-turtle" if kind == TURTLE else "catalogue-json-ld")
    described = describe_many(products=shown, at=timezone.now())
    modified_at = max((each.last_at for each in described if each.last_at), default=None)
    graph = dcat.catalogue_graph(
        described,
        site=site_of(),
        page_url=f"{first}?{urlencode({'after': after})}" if after else first,
        first_url=first,
        next_url=f"{first}?{urlencode({'after': shown[-1].pk})}" if len(found) > PRODUCTS_PER_PAGE else "",
        modified_at=modified_at,
    )
    text = dcat.turtle(graph) if kind == TURTLE else dcat.json_ld(graph)
    return respond(request, text, content_type=kind, modified_at=modified_at)
