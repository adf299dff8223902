"""From the URL of the catalogue to a search, and from what was found to cards, facets, chips and page links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Paginator
from django.http import QueryDict
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from marketplace.core.models import Organization
from publishers.models import Category, Product, ProductSearch
from publishers.queries.catalogue import MATCHES_RANKED, PAGE, SORTS, Found, Search
from publishers.queries.shelves import MARK_BEGIN, MARK_END, mark_words

SORT_LABELS = {
    "relevant": "Most relevant",
    "updated": "Recently updated",
    "popular": "Most subscribed",
    "name": "Name, A to Z",
}
LONGEST_TEXT = 200
CATEGORY_ICONS = {
    "Finance": "landmark",
    "Energy": "zap",
    "Location": "map-pin",
    "Weather": "sun",
    "Climate": "leaf",
    "Agriculture": "sprout",
    "Retail": "store",
    "Health": "heart-pulse",
    "Mobility": "car",
    "Economy": "chart-line",
    "Science": "sparkles",
}


@dataclass(frozen=True)
class Card:
    """A product as a list shows it; the two texts are HTML with the matches marked."""

    product: Product
    name: SafeString
    description: SafeString
    formats: list[str]
    size_bytes: int
    revision_count: int
    refreshed_at: datetime | None


@dataclass(frozen=True)
class Option:
    """One tick box of a facet."""

    value: str
    label: str
    count: int
    is_on: bool


@dataclass(frozen=True)
class Facet:
    """The tick boxes under one name of the URL."""

    name: str
    title: str
    options: list[Option]


@dataclass(frozen=True)
class Chip:
    """A filter that is applied, and the address without it."""

    label: str
    without: str


@dataclass(frozen=True)
class Shelf:
    """A category with its count and the address that shows only it."""

    name: str
    icon: str
    count: int
    url: str
    is_on: bool


def read_search(params: QueryDict, organizations: dict[str, Organization]) -> Search:
    """Return what the URL asks for; whatever makes no sense in it is left out. organizations: by account id."""
    text = " ".join(params.get("q", "").replace("\x00", "").split())[:LONGEST_TEXT]
    page = params.get("page", "")
    sort = params.get("sort", "")
    return Search(
        text=text,
        categories=tuple(c for c in params.getlist("category") if c in Category.values),
        formats=tuple(f[:20] for f in params.getlist("format") if f and "\x00" not in f)[:20],
        publishers=tuple(organizations[a].pk for a in params.getlist("publisher") if a in organizations),
        sort=sort if sort in SORTS else "relevant",
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


def clean_query(search: Search, organizations: dict[str, Organization]) -> QueryDict:
    """Return the search as the shortest query that asks for the same, its page left out."""
    query = QueryDict(mutable=True)
    if search.text:
        query["q"] = search.text
    query.setlist("category", list(search.categories))
    query.setlist("format", list(search.formats))
    query.setlist("publisher", [account for account, o in organizations.items() if o.pk in search.publishers])
    if search.sort != "relevant":
        query["sort"] = search.sort
    return query


def _address(query: QueryDict) -> str:
    encoded = query.urlencode()
    return f"?{encoded}" if encoded else "?"


def _without(query: QueryDict, name: str, value: str) -> str:
    rest = query.copy()
    rest.setlist(name, [v for v in rest.getlist(name) if v != value])
    return _address(rest)


def chips(query: QueryDict, organizations: dict[str, Organization]) -> list[Chip]:
    """Return one chip for each filter that is applied."""
    found = []
    for name in ("category", "format", "publisher"):
        for value in query.getlist(name):
            label = organizations[value].name if name == "publisher" else value
            found.append(Chip(label, _without(query, name, value)))
    return found


def shelves(counts: dict[str, int], query: QueryDict) -> list[Shelf]:
    """Return the categories that hold products, each as a link that keeps the other filters."""
    chosen = query.getlist("category")
    found = []
    for name in Category.values:
        if name in counts or name in chosen:
            narrowed = query.copy()
            narrowed["category"] = name
            found.append(
                Shelf(name, CATEGORY_ICONS.get(name, "tag"), counts.get(name, 0), _address(narrowed), chosen == [name])
            )
    return found


def without_category(query: QueryDict) -> str:
    """Return the address of the same search over all categories."""
    rest = query.copy()
    rest.pop("category", None)
    return _address(rest)


def facets(
    found: Found, search: Search, shelf_counts: dict[str, int], organizations: dict[str, Organization]
) -> list[Facet]:
    """Return category, format and publisher with counts; what is chosen stays visible at zero."""
    category = found.facets["category"]
    names = [c for c in Category.values if c in shelf_counts or c in search.categories]
    formats = found.facets["format"]
    owners = found.facets["publisher"]
    by_count = sorted(set(formats) | set(search.formats), key=lambda f: (-formats.get(f, 0), f))
    publishers = sorted(
        (o for o in organizations.values() if o.pk in owners or o.pk in search.publishers),
        key=lambda o: (-owners.get(o.pk, 0), o.name),
    )
    return [
        Facet("category", "Category", [Option(c, c, category.get(c, 0), c in search.categories) for c in names]),
        Facet("format", "Format", [Option(f, f, formats.get(f, 0), f in search.formats) for f in by_count]),
        Facet(
            "publisher",
            "Publisher",
            [Option(o.account_id, o.name, owners.get(o.pk, 0), o.pk in search.publishers) for o in publishers],
        ),
    ]


def page_links(found: Found, search: Search, query: QueryDict) -> list[tuple[str, str, bool]]:
    """Return (label, address, is current) per page; an empty address stands for pages left out."""
    paginator = Paginator(range(min(found.total, MATCHES_RANKED)), PAGE)
    if paginator.num_pages < 2:
        return []
    links = []
    for number in paginator.get_elided_page_range(search.page, on_each_side=2, on_ends=1):
        if isinstance(number, int):
            there = query.copy()
            if number > 1:
                there["page"] = str(number)
            links.append((str(number), _address(there), number == search.page))
        else:
            links.append((str(number), "", False))
    return links


def last_page(found: Found) -> int:
    """Return the number of the last page that can be shown."""
    return Paginator(range(min(found.total, MATCHES_RANKED)), PAGE).num_pages


def _marked(text: str) -> SafeString:
    escaped = escape(text).replace(MARK_BEGIN, "<mark>").replace(MARK_END, "</mark>")
    return mark_safe(escaped)  # noqa: S308 - escaped above; only our own marks are put in


def cards(products: Iterable[Product], *, words: str = "") -> list[Card]:
    """Return products as cards, the words of a search marked."""
    shown = list(products)
    texts: Sequence[str] = [text for p in shown for text in (p.name, p.short_description)]
    marked = [_marked(text) for text in mark_words(texts=texts, words=words)]
    made = []
    for index, product in enumerate(shown):
        facts: ProductSearch = product.search
        made.append(
            Card(
                product=product,
                name=marked[2 * index],
                description=marked[2 * index + 1],
                formats=list(facts.formats),
                size_bytes=facts.size_bytes,
                revision_count=facts.revision_count,
                refreshed_at=facts.refreshed_at,
            )
        )
    return made
