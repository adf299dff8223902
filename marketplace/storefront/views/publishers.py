"""A publisher's own page: who it is, its figures, its products to search in, what it answered on the board."""

from dataclasses import replace

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketplace.core import limits
from marketplace.core.errors import NotFound
from marketplace.core.queries.organizations import get_organization_by_account
from marketplace.storefront import browsing
from publishers.queries.catalogue import MATCHES_RANKED, PAGE, search_catalogue
from publishers.queries.shelves import list_products_of, publisher_figures
from subscriptions.data_requests import list_answers_of
from subscriptions.queries import count_subscribing_organizations

ANSWERS_SHOWN = 5
#: per caller, as for the catalogue
SEARCHES, SEARCH_WINDOW_S = 50, 10


@require_safe
def publisher(request: HttpRequest, account_id: str) -> HttpResponse:
    """Show a publisher with its products; an organization that lists nothing is nobody's business."""
    organization = get_organization_by_account(account_id)
    if not list_products_of(owner=organization).exists():
        raise NotFound("ACCOUNT", account_id)
    params = QueryDict(mutable=True)
    for name in ("q", "sort", "page"):
        if name in request.GET:
            params[name] = request.GET[name]
    if params:
        limits.count(f"search:{request.META.get('REMOTE_ADDR', '')}", most=SEARCHES, window_s=SEARCH_WINDOW_S)
    params["publisher"] = organization.account_id
    search = browsing.read_search(params, {organization.account_id: organization})
    found = search_catalogue(search)
    if search.page > 1 and not found.products:
        search = replace(search, page=browsing.last_page(found))
        found = search_catalogue(search)
    page = Paginator(range(min(found.total, MATCHES_RANKED)), PAGE).get_page(search.page)
    context = {
        "organization": organization,
        "figures": publisher_figures(owner=organization),
        "subscriber_count": count_subscribing_organizations(owner=organization),
        "search": search,
        "sorts": browsing.SORT_LABELS,
        "found": found,
        "cards": browsing.cards(found.products, words=search.text),
        "page": page,
        "answers": list(list_answers_of(organization=organization)[:ANSWERS_SHOWN]),
    }
    return render(request, "storefront/publisher.html", context)
