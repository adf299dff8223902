"""Pages that everybody may see: the front, the catalogue, a publisher."""

from dataclasses import replace

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from marketplace.core import limits
from marketplace.core.errors import NotFound
from marketplace.core.queries.organizations import get_organization_by_account, list_organizations
from marketplace.storefront import browsing
from publishers.queries.catalogue import PAGE, search_catalogue
from publishers.queries.shelves import catalogue_figures, list_newest_products, list_products_of, shelf_counts

NEWEST_SHOWN = 8
PUBLISHERS_OFFERED = 12
PUBLISHERS_CHOSEN = 20
#: per caller; typing asks at most every 200 ms, so a person stays well under it
SEARCHES, SEARCH_WINDOW_S = 50, 10


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Say what the exchange holds, and lead into it."""
    newest = list_newest_products()[:NEWEST_SHOWN]
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
    accounts = params.getlist("publisher")[:PUBLISHERS_CHOSEN]
    organizations = {o.account_id: o for o in list_organizations(account_ids=accounts)} if accounts else {}
    search = browsing.read_search(params, organizations)
    found = search_catalogue(search)
    if search.page > 1 and not found.products:
        search = replace(search, page=browsing.last_page(found))
        found = search_catalogue(search)
    owners = sorted(found.facets["publisher"].items(), key=lambda entry: (-entry[1], entry[0]))[:PUBLISHERS_OFFERED]
    organizations |= {o.account_id: o for o in list_organizations(ids=[owner for owner, _ in owners])}
    query = browsing.clean_query(search, organizations)
    counts = shelf_counts()
    first = (search.page - 1) * PAGE + 1
    context = {
        "search": search,
        "found": found,
        "cards": browsing.cards(found.products, words=search.text),
        "shelves": browsing.shelves(counts, query),
        "all_shelves": browsing.without_category(query),
        "total_listed": sum(counts.values()),
        "facets": browsing.facets(found, search, counts, organizations),
        "chips": browsing.chips(query, organizations),
        "sorts": browsing.SORT_LABELS,
        "pages": browsing.page_links(found, search, query),
        "first": first,
        "last": first + len(found.products) - 1,
        "has_more": search.page < browsing.last_page(found),
    }
    response = render(request, "storefront/catalogue.html", context)
    if request.headers.get("HX-Request"):
        # The form sends every field; the address bar gets the shortest URL that says the same.
        encoded = query.urlencode()
        response.headers["HX-Push-Url"] = reverse("catalogue") + (f"?{encoded}" if encoded else "")
    return response


@require_safe
def publisher(request: HttpRequest, account_id: str) -> HttpResponse:
    """Show a publisher with its products; an organization that lists nothing is nobody's business."""
    organization = get_organization_by_account(account_id)
    listed = list_products_of(owner=organization)
    page = Paginator(listed, PAGE).get_page(request.GET.get("page"))
    if not page.paginator.count:
        raise NotFound("ACCOUNT", account_id)
    context = {"organization": organization, "page": page, "cards": browsing.cards(page.object_list)}
    return render(request, "storefront/publisher.html", context)
