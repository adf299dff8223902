"""Jump to: pages, products, data sets, deliveries and documentation by a few letters, for the keyboard and without scripts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from jobs.queries import list_jobs
from marketplace.console.guides import GUIDES
from marketplace.core import limits, scopes
from marketplace.core.middleware import MemberRequest
from publishers.models import DataSet, Product
from publishers.queries.matching import list_best_matches
from subscriptions.queries import active_entitlements
from subscriptions.saved_searches import list_saved_searches

M = TypeVar("M", bound=Model)
EACH = 5
LONGEST = 200
WORDS_USED = 6
#: per caller; typing asks at most every 150 ms
ASKED, WINDOW_S = 80, 10
#: how ids of jobs and data sets begin; shorter ones would match by chance
_ID = re.compile(r"[0-9a-f]{4,32}")
SIGNED_IN = "signed in"


@dataclass(frozen=True)
class Place:
    """A page that stands for itself. scope: of core/scopes.py, SIGNED_IN, or empty for everybody. words: found by these too."""

    label: str
    route: str
    icon: str
    scope: str = ""
    words: str = ""


PLACES = (
    Place("Home", "home", "house", SIGNED_IN, "start overview dashboard"),
    Place("Browse data products", "catalogue", "store", "", "catalogue search shop find"),
    Place("Data people look for", "data-requests", "inbox", "", "requests board wanted ask"),
    Place("Ask for data", "data-request-create", "plus", "subscriptions:write", "new request board"),
    Place("Saved searches", "searches", "search", "catalogue:read", "alerts"),
    Place("My data", "my-data", "database", "subscriptions:read", "entitlements subscriptions"),
    Place("Deliveries", "deliveries", "package-check", "subscriptions:read", "exports receipts history"),
    Place("Auto-exports", "auto-exports", "refresh-cw", "subscriptions:read", "automatic deliveries"),
    Place("New auto-export", "auto-export-create", "plus", "subscriptions:write", "create automatic delivery"),
    Place("Export a revision", "export-create", "cloud-download", "subscriptions:write", "download deliver"),
    Place("Storage connections", "storage", "hard-drive", "subscriptions:read", "buckets s3"),
    Place("Connect a bucket", "storage-create", "plus", "subscriptions:write", "new storage s3"),
    Place("Publish", "publish", "upload", "publish:read", "publisher overview"),
    Place("Data sets", "data-sets", "database", "publish:read", "own publish revisions"),
    Place("New data set", "data-set-create", "plus", "publish:write", "create upload"),
    Place("Products", "products", "package", "publish:read", "own publish listings offers"),
    Place("New product", "product-create", "plus", "publish:write", "create list publish"),
    Place(
        "Requests for your products",
        "received-requests",
        "inbox",
        "publish:read",
        "subscription approve decline verification",
    ),
    Place("Usage", "usage", "chart-line", "publish:read", "views funnel statistics charts"),
    Place("Subscribers", "subscribers", "users", "publish:read", "customers"),
    Place("Data grants", "data-grants", "handshake", "publish:read", "share directly"),
    Place("Deliveries to subscribers", "publisher-deliveries", "package-check", "publish:read", "receipts publisher"),
    Place("Sources", "sources", "server", "publish:read", "databases catalogues connections"),
    Place("Notifications", "notifications", "bell", SIGNED_IN, "inbox messages unread"),
    Place("Notification settings", "notification-settings", "settings", SIGNED_IN, "e-mail topics"),
    Place("My requests", "my-requests", "clipboard-check", "subscriptions:read", "subscription asked access"),
    Place("Team", "team", "users", "team:read", "members roles invite"),
    Place("Organization", "organization", "building-2", "team:write", "name about website support"),
    Place("Audit log", "audit", "scroll-text", "audit:read", "history who did what"),
    Place("Operate", "operate", "settings", "operator:write", "installation approvals"),
    Place("Health", "operator-health", "activity", "operator:write", "queues workers storage"),
    Place("Branding", "branding", "settings", "operator:write", "name hue logo"),
    Place("Keys", "keys", "key-round", "keys:write", "tokens access api secret"),
    Place("New API token", "token-create", "plus", "keys:write", "create key"),
    Place("New access key", "access-key-create", "plus", "keys:write", "create aws sdk"),
    Place("Sign-in and security", "mfa_index", "shield-check", SIGNED_IN, "password two factor passkey mfa"),
    Place("New organization", "organization-create", "building-2", SIGNED_IN, "create account"),
    Place("Documentation", "docs", "book-open", "", "help guide manual"),
    Place("Reference", "docs-reference", "book-open", "", "documentation receipts key patterns errors limits quotas"),
    Place("API", "api-docs", "code", "", "rest openapi reference aws"),
)


@dataclass(frozen=True)
class Item:
    """One line: where it leads, what it is called, and a word beside it."""

    label: str
    url: str
    icon: str
    hint: str = ""


@dataclass(frozen=True)
class Group:
    """Lines of one kind under a title."""

    title: str
    items: list[Item] = field(default_factory=list)


@require_safe
def palette(request: MemberRequest) -> HttpResponse:
    """Offer where to go: a page of its own, whose results the dialog on every page asks for while somebody types."""
    text = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:LONGEST]
    limits.count(f"palette:{request.META.get('REMOTE_ADDR', '')}", most=ASKED, window_s=WINDOW_S)
    groups = [group for group in _groups(request, text) if group.items]
    context = {
        "text": text,
        "groups": groups,
        "count": sum(len(group.items) for group in groups),
        "search_url": f"{reverse('catalogue')}?{urlencode({'q': text})}",
    }
    is_part = "HX-Request" in request.headers
    response = render(request, "console/_palette.html" if is_part else "console/palette.html", context)
    patch_vary_headers(response, ["HX-Request"])
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _groups(request: MemberRequest, text: str) -> Iterator[Group]:
    membership = getattr(request, "membership", None)
    held = scopes.allowed(membership) if membership is not None else frozenset()
    words = text.lower().split()[:WORDS_USED]
    yield Group("Pages", _pages(words, held, is_signed_in=request.user.is_authenticated))
    if not words:
        return
    if membership is not None:
        yield from _own(request, text, words, held)
    found = list_best_matches(text=text, most=EACH)
    yield Group("Data products", [_product(p, p.owner.name) for p in found])
    yield Group(
        "Documentation",
        [
            Item(guide.title, reverse("guide", args=[guide.slug]), "book-open", guide.summary)
            for guide in GUIDES
            if _holds(f"{guide.title} {guide.summary}", words)
        ],
    )


def _own(request: MemberRequest, text: str, words: list[str], held: frozenset[str]) -> Iterator[Group]:
    """Yield what the organization has: each kind by one query."""
    organization = request.organization
    if "subscriptions:read" in held:
        entitled = active_entitlements(organization=organization, at=timezone.now()).select_related(
            "published_data_set__data_set", "published_data_set__product"
        )
        rows = _matching(entitled, text, words, "published_data_set__data_set__name", "published_data_set__id")
        entries = {row.published_data_set_id: row.published_data_set for row in rows}
        yield Group(
            "My data",
            [
                Item(entry.data_set.name, reverse("my-data-set", args=[entry.pk]), "database", entry.origin)
                for entry in entries.values()
            ],
        )
    if "publish:read" in held:
        own = _matching(DataSet.objects.owned_by(organization).order_by("-created_at", "-pk"), text, words)
        yield Group(
            "Data sets that you publish",
            [Item(each.name, reverse("data-set", args=[each.pk]), "database") for each in own],
        )
        products = _matching(Product.objects.owned_by(organization).order_by("-created_at", "-pk"), text, words)
        yield Group(
            "Your products",
            [
                Item(each.name, reverse("product-edit", args=[each.pk]), "package", each.get_state_display())
                for each in products
            ],
        )
    if _ID.fullmatch(text.lower()):
        jobs = list_jobs(organization=organization).filter(pk__startswith=text.lower())[:EACH]
        yield Group(
            "Deliveries and imports",
            [
                Item(
                    job.pk,
                    reverse("delivery" if job.is_export else "import", args=[job.pk]),
                    "package-check" if job.is_export else "download",
                    job.get_state_display(),
                )
                for job in jobs
                if ("subscriptions:read" if job.is_export else "publish:read") in held
            ],
        )
    saved = _matching(list_saved_searches(organization=organization, user=request.user), text, words)
    yield Group(
        "Saved searches", [Item(each.name, reverse("saved-search", args=[each.pk]), "search") for each in saved]
    )


def _pages(words: list[str], held: frozenset[str], *, is_signed_in: bool) -> list[Item]:
    return [
        Item(place.label, reverse(place.route), place.icon)
        for place in PLACES
        if (not place.scope or (place.scope == SIGNED_IN and is_signed_in) or place.scope in held)
        and _holds(f"{place.label} {place.words}", words)
    ]


def _holds(text: str, words: list[str]) -> bool:
    lower = text.lower()
    return all(word in lower for word in words)


def _product(product: Product, hint: str) -> Item:
    return Item(product.name, reverse("product", args=[product.pk]), "store", hint)


def _matching(rows: QuerySet[M], text: str, words: list[str], name: str = "name", key: str = "pk") -> QuerySet[M]:
    """Return the first few rows whose name holds every word, or whose id begins with the text."""
    named = Q()
    for word in words:
        named &= Q(**{f"{name}__icontains": word})
    return rows.filter(named | Q(**{f"{key}__startswith": text.lower()}))[:EACH]
