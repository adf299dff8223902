"""Pages that everybody may see: the front and the catalogue."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from marketplace.core import limits
from marketplace.core.models import Organization
from marketplace.core.queries.organizations import list_organizations
from marketplace.storefront import browsing
from publishers.models.facets import CATEGORY
from publishers.queries.catalogue import PAGE, Found, Search, search_catalogue, whole_counts
from publishers.queries.shelves import catalogue_figures, shelf_counts

NEWEST_SHOWN = 8
#: per caller; typing asks at most every 200 ms, so a person stays well under it
SEARCHES, SEARCH_WINDOW_S = 50, 10


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Say what the exchange holds, and lead into it."""
    newest = search_catalogue(Search(sort="newest", size=NEWEST_SHOWN)).products
    context = {
        "figures": catalogue_figures(),
        "shelves": browsing.shelves(shelf_counts(), QueryDict(mutable=True)),
        "cards": browsing.cards(newest),
    }
    return render(request, "storefront/front.html", context)


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Search the catalogue; everything that is chosen stands in the URL, and htmx asks for the same one."""
    params = request.GET
    if params:
        limits.count(f"search:{request.META.get('REMOTE_ADDR', '')}", most=SEARCHES, window_s=SEARCH_WINDOW_S)
    layout = browsing.read_layout(params)
    accounts = params.getlist("publisher")[: browsing.MOST_CHOSEN]
    organizations = {o.account_id: o for o in list_organizations(account_ids=accounts)} if accounts else {}
    search = browsing.read_search(params, organizations)
    found = search_catalogue(search)
    if search.page > 1 and not found.products:
        search = replace(search, page=browsing.last_page(found))
        found = search_catalogue(search)
    organizations |= _publishers_to_show(found, layout)
    whole = whole_counts()
    query = browsing.clean_query(search, layout=layout)
    searched = browsing.clean_query(replace(search, sort="relevant"))
    first = (search.page - 1) * PAGE + 1
    context = {
        "search": search,
        "layout": layout,
        "found": found,
        "cards": browsing.cards(found.products, words=search.text),
        "shelves": browsing.shelves(found.facets[CATEGORY.name], query, listed=whole.facets[CATEGORY.name]),
        "all_shelves": browsing.without_category(query),
        "all_count": found.without.get(CATEGORY.name, found.total),
        "total_listed": whole.total,
        "facets": browsing.facets(found, search, whole, organizations, query, layout),
        "chips": browsing.chips(query, organizations),
        "clear_url": browsing.without_filters(query),
        "ways_out": browsing.ways_out(found, query),
        "sorts": browsing.SORT_LABELS,
        "views": browsing.views(query, layout),
        "pages": browsing.page_links(found, search, query),
        "first": first,
        "last": first + len(found.products) - 1,
        "has_more": search.page < browsing.last_page(found),
        "search_query": searched.urlencode(),
    }
    response = render(request, "storefront/catalogue.html", context)
    if request.headers.get("HX-Request"):
        # The form sends every field; the address bar gets the shortest URL that says the same. Words that are typed on
        # take the place of those before, so that Back leads out of the typing and not through it.
        encoded = query.urlencode()
        name = "HX-Replace-Url" if _is_typed_on(request, search, organizations) else "HX-Push-Url"
        response.headers[name] = reverse("catalogue") + (f"?{encoded}" if encoded else "")
    return response


def _publishers_to_show(found: Found, layout: browsing.Layout) -> dict[str, Organization]:
    accounts = browsing.publishers_to_show(found, layout)
    if not accounts:
        return {}
    wanted = list_organizations(account_ids=accounts)
    if layout.publisher_name:
        wanted = wanted.filter(name__icontains=layout.publisher_name)[: browsing.PUBLISHERS_AT_MOST]
    return {o.account_id: o for o in wanted}


def _is_typed_on(request: HttpRequest, search: Search, organizations: Mapping[str, Organization]) -> bool:
    """Return True when the page before showed the same but for the words, and had some."""
    before = QueryDict(urlsplit(request.headers.get("HX-Current-URL", "")).query[:4000])
    shown = browsing.read_search(before, organizations)
    return bool(shown.text) and replace(shown, text="", page=1) == replace(search, text="", page=1)
