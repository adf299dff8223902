"""From the URL of the catalogue to a search, and from what was found to cards, facets, chips and page links."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Paginator
from django.http import QueryDict
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from marketplace.core.models import Organization
from marketplace.storefront.product_page import is_late
from publishers.models import Category, Frequency, Product, ProductSearch, Region
from publishers.models.facets import FACETS, FREQUENCY, PUBLISHER, Delivery, PriceKind
from publishers.queries.catalogue import MATCHES_RANKED, PAGE, SORTS, Counts, Found, Search
from publishers.queries.shelves import MARK_BEGIN, MARK_END, mark_words

SORT_LABELS = {
    "relevant": "Most relevant",
    "newest": "Newest",
    "popular": "Most subscribed",
    "updated": "Recently updated",
    "name": "Name, A to Z",
}
LONGEST_TEXT = 200
MOST_CHOSEN = 20
PUBLISHERS_SHOWN = 10
PUBLISHERS_AT_MOST = 200
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
#: word of a facet -> how it is called, where that is not the word itself
LABELS: dict[str, dict[str, str]] = {
    "price": {kind.value: str(kind.label) for kind in PriceKind},
    "delivery": {kind.value: str(kind.label) for kind in Delivery},
    "format": {"Files": "Other files"},
    "frequency": {kind.value: str(kind.label) for kind in Frequency},
    "region": {kind.value: str(kind.label) for kind in Region},
}
#: facets whose words have an order of their own; the others show the commonest first
ORDERED = {"price", "delivery", "frequency"}


@dataclass(frozen=True)
class Card:
    """A product as a list shows it; the two texts are HTML with the matches marked."""

    product: Product
    name: SafeString
    description: SafeString
    formats: list[str]
    frequency: str
    size_bytes: int
    revision_count: int
    refreshed_at: datetime | None
    is_late: bool


@dataclass(frozen=True)
class Option:
    """One tick box of a facet."""

    value: str
    label: str
    count: int
    is_on: bool


@dataclass(frozen=True)
class FacetBox:
    """The tick boxes under one name of the URL. more: how many options are left out. all_url: where they are not."""

    name: str
    title: str
    options: list[Option]
    more: int = 0
    all_url: str = ""
    has_search: bool = False


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


@dataclass(frozen=True)
class WayOut:
    """What to take off when nothing matches: the address without it, and how many products are there."""

    label: str
    url: str
    count: int


@dataclass(frozen=True)
class Layout:
    """How results are laid out; part of the address, no part of the search. publisher_name: typed into that facet."""

    is_list: bool = False
    has_all_publishers: bool = False
    publisher_name: str = ""


def read_layout(params: QueryDict) -> Layout:
    """Return how the URL wants its results laid out."""
    return Layout(
        is_list=params.get("view") == "list",
        has_all_publishers=params.get("publishers") == "all",
        publisher_name=" ".join(params.get("publisher_name", "").replace("\x00", "").split())[:60],
    )


def read_search(params: QueryDict, organizations: Mapping[str, Organization]) -> Search:
    """Return what the URL asks for; whatever makes no sense in it is left out. organizations: by account id."""
    text = " ".join(params.get("q", "").replace("\x00", "").split())[:LONGEST_TEXT]
    page = params.get("page", "")
    sort = params.get("sort", "")
    chosen = {
        facet.name: tuple(w for w in facet.words if w in set(params.getlist(facet.name)))
        for facet in FACETS
        if facet is not PUBLISHER
    }
    accounts = dict.fromkeys(params.getlist("publisher"))
    return Search(
        text=text,
        categories=chosen["category"],
        prices=chosen["price"],
        deliveries=chosen["delivery"],
        formats=chosen["format"],
        frequencies=chosen["frequency"],
        regions=chosen["region"],
        publishers=tuple(a for a in accounts if a in organizations)[:MOST_CHOSEN],
        sort=sort if sort in SORTS else "relevant",
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


def clean_query(
    search: Search, organizations: Mapping[str, Organization] | None = None, layout: Layout | None = None
) -> QueryDict:
    """Return the search as the shortest query that asks for the same, its page left out; in the order of the page."""
    query = QueryDict(mutable=True)
    if search.text:
        query["q"] = search.text
    for name, words in search.chosen.items():
        query.setlist(name, list(words))
    if search.sort != "relevant":
        query["sort"] = search.sort
    if layout is not None and layout.is_list:
        query["view"] = "list"
    if layout is not None and layout.has_all_publishers:
        query["publishers"] = "all"
    return query


def _address(query: QueryDict) -> str:
    encoded = query.urlencode()
    return f"?{encoded}" if encoded else "?"


def _with(query: QueryDict, **changes: str | None) -> QueryDict:
    changed = query.copy()
    for name, value in changes.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    return changed


def _without(query: QueryDict, name: str, value: str) -> str:
    rest = query.copy()
    rest.setlist(name, [v for v in rest.getlist(name) if v != value])
    return _address(rest)


def label_of(facet: str, value: str, organizations: Mapping[str, Organization]) -> str:
    """Return how a word of a facet is called."""
    if facet == PUBLISHER.name:
        return organizations[value].name if value in organizations else value
    return LABELS.get(facet, {}).get(value, value)


def chips(query: QueryDict, organizations: Mapping[str, Organization]) -> list[Chip]:
    """Return one chip for each filter that is applied."""
    return [
        Chip(label_of(facet.name, value, organizations), _without(query, facet.name, value))
        for facet in FACETS
        for value in query.getlist(facet.name)
    ]


def shelves(counts: dict[str, int], query: QueryDict, *, listed: Mapping[str, int] | None = None) -> list[Shelf]:
    """Return the categories that hold products, each as a link that keeps the other filters; one that is on leads out.

    counts: how many products each would show. listed: how many each holds in all, when that is not the same.
    """
    chosen = query.getlist("category")
    found = []
    for name in Category.values:
        if name in (counts if listed is None else listed) or name in chosen:
            is_on = name in chosen
            url = _without(query, "category", name) if is_on else _address(_with(query, category=name))
            found.append(Shelf(name, CATEGORY_ICONS.get(name, "tag"), counts.get(name, 0), url, is_on))
    return found


def without_category(query: QueryDict) -> str:
    """Return the address of the same search over all categories."""
    return _address(_with(query, category=None))


def without_filters(query: QueryDict) -> str:
    """Return the address of the same words without any filter."""
    return _address(_with(query, **dict.fromkeys(facet.name for facet in FACETS)))


def facets(
    found: Counts,
    search: Search,
    whole: Counts,
    organizations: Mapping[str, Organization],
    query: QueryDict,
    layout: Layout,
) -> list[FacetBox]:
    """Return every facet but the category with counts. What no product of the catalogue has is left out.

    whole: the counts of the whole catalogue. organizations: those that are shown or chosen, by account id.
    """
    made = []
    for facet in FACETS[1:]:
        if facet is PUBLISHER:
            continue
        counts, chosen = found.facets[facet.name], search.chosen.get(facet.name, ())
        words = [word for word in facet.words if word in whole.facets[facet.name] or word in chosen]
        if facet.name not in ORDERED:
            words.sort(key=lambda word, listed=whole.facets[facet.name]: -listed.get(word, 0))  # type: ignore[misc]
        labels = LABELS.get(facet.name, {})
        options = [Option(word, labels.get(word, word), counts.get(word, 0), word in chosen) for word in words]
        made.append(FacetBox(facet.name, facet.title, options))
    return [*made, _publishers(found, search, whole, organizations, query, layout)]


def _publishers(
    found: Counts,
    search: Search,
    whole: Counts,
    organizations: Mapping[str, Organization],
    query: QueryDict,
    layout: Layout,
) -> FacetBox:
    counts = found.facets[PUBLISHER.name]
    shown = [
        Option(account, o.name, counts.get(account, 0), account in search.publishers)
        for account, o in organizations.items()
        if account in counts or account in search.publishers
    ]
    shown.sort(key=lambda option: (not option.is_on, -option.count, option.label))
    total = len(counts)
    is_short = not layout.has_all_publishers and not layout.publisher_name
    return FacetBox(
        PUBLISHER.name,
        PUBLISHER.title,
        shown,
        more=max(0, total - len(shown)) if is_short else 0,
        all_url=_address(_with(query, publishers="all")),
        has_search=len(whole.facets[PUBLISHER.name]) > PUBLISHERS_SHOWN,
    )


def views(query: QueryDict, layout: Layout) -> list[tuple[str, str, str, bool]]:
    """Return (icon, label, address, is current) of each layout of the results."""
    grid, rows = _address(_with(query, view=None)), _address(_with(query, view="list"))
    return [("layout-grid", "Grid", grid, not layout.is_list), ("list", "List", rows, layout.is_list)]


def publishers_to_show(found: Counts, layout: Layout) -> list[str]:
    """Return the account ids that the facet of publishers needs names for, those with most matches first."""
    counts = found.facets[PUBLISHER.name]
    accounts = sorted(counts, key=lambda account: (-counts[account], account))
    if layout.publisher_name:
        return accounts
    return accounts[: PUBLISHERS_AT_MOST if layout.has_all_publishers else PUBLISHERS_SHOWN]


def ways_out(found: Counts, query: QueryDict) -> list[WayOut]:
    """Return the filters that can be taken off to find something, the one that gives most first."""
    titles = {facet.name: facet.title.lower() for facet in FACETS}
    ways = [
        WayOut(f"any {titles[name]}", _address(_with(query, **{name: None})), count)
        for name, count in found.without.items()
        if count
    ]
    return sorted(ways, key=lambda way: -way.count)


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
    """Return products as cards, the words of a search marked. They need owner and search row."""
    shown = list(products)
    texts: Sequence[str] = [text for p in shown for text in (p.name, p.short_description)]
    marked = [_marked(text) for text in mark_words(texts=texts, words=words)]
    made, now = [], timezone.now()
    for index, product in enumerate(shown):
        facts: ProductSearch = product.search
        frequency = LABELS[FREQUENCY.name].get(product.frequency, product.update_frequency)
        made.append(
            Card(
                product=product,
                name=marked[2 * index],
                description=marked[2 * index + 1],
                formats=["Other files" if name == "Files" else name for name in facts.formats],
                frequency=frequency,
                size_bytes=facts.size_bytes,
                revision_count=facts.revision_count,
                refreshed_at=facts.refreshed_at,
                is_late=is_late(product, newest_at=facts.refreshed_at, now=now),
            )
        )
    return made
