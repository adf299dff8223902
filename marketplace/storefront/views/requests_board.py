"""The board of data requests: what people look for, who wants the same, what publishers answer."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from marketplace.core import limits, scopes
from marketplace.core.errors import DomainError, NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import Organization
from marketplace.core.pages import member_page, refuse, status_of
from marketplace.storefront import browsing
from marketplace.storefront.request_forms import AnswerForm, DataRequestForm
from publishers.models import Category, Product
from publishers.queries.products import get_owned_product
from subscriptions import data_requests
from subscriptions.models import DataRequest

PER_PAGE = 20
PRODUCTS_OFFERED = 500
SORT_LABELS = {"wanted": "Most wanted", "newest": "Newest"}
#: per caller, as for the catalogue
SEARCHES, SEARCH_WINDOW_S = 50, 10


def _viewer(request: MemberRequest) -> tuple[Organization | None, frozenset[str]]:
    """Return for whom somebody looks and what they may do; everybody may look."""
    if getattr(request, "membership", None) is None:
        return None, frozenset()
    return request.organization, scopes.allowed(request.membership)


@require_safe
def data_requests_board(request: MemberRequest) -> HttpResponse:
    """Show what people look for; everything that is chosen stands in the URL."""
    viewer, held = _viewer(request)
    text = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:200]
    if text:
        limits.count(f"search:{request.META.get('REMOTE_ADDR', '')}", most=SEARCHES, window_s=SEARCH_WINDOW_S)
    category = request.GET.get("category", "")
    category = category if category in Category.values else ""
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORT_LABELS else "wanted"
    is_open = request.GET.get("state") != "closed"
    counts = data_requests.count_by_category(is_open=is_open)
    found = data_requests.list_data_requests(text=text, category=category, is_open=is_open, sort=sort)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    wanted = data_requests.wanted_by(organization=viewer, data_request_ids=[r.pk for r in rows]) if viewer else set()
    context = {
        "page": page,
        "rows": [(each, each.pk in wanted, viewer is not None and each.organization_id == viewer.pk) for each in rows],
        "tabs": _tabs(counts, category, _chosen(text, "", sort, is_open)),
        "text": text,
        "category": category,
        "sort": sort,
        "sorts": SORT_LABELS,
        "is_open": is_open,
        "back": "?" + request.GET.urlencode(),
        "can_vote": viewer is None or "subscriptions:write" in held,
        "can_ask": viewer is None or "subscriptions:write" in held,
    }
    return render(request, "storefront/board.html", context)


def _tabs(counts: dict[str, int], category: str, rest: QueryDict) -> list[dict[str, object]]:
    """Return all requests and each category that holds some as tabs; none while there is nothing to choose from."""
    names = [name for name in Category.values if name in counts or name == category]
    if not names:
        return []
    tabs: list[dict[str, object]] = [
        {"label": "All", "url": f"?{rest.urlencode()}", "current": not category, "count": sum(counts.values())}
    ]
    for name in names:
        there = rest.copy()
        there["category"] = name
        tabs.append(
            {
                "label": name,
                "url": f"?{there.urlencode()}",
                "current": name == category,
                "count": counts.get(name, 0),
                "icon": browsing.CATEGORY_ICONS.get(name, "tag"),
            }
        )
    return tabs


def _chosen(text: str, category: str, sort: str, is_open: bool) -> QueryDict:
    query = QueryDict(mutable=True)
    values = {"q": text, "category": category, "sort": "" if sort == "wanted" else sort}
    values["state"] = "" if is_open else "closed"
    for name, value in values.items():
        if value:
            query[name] = value
    return query


@member_page("subscriptions:write")
def data_request_create(request: MemberRequest) -> HttpResponse:
    """Ask for data. ?title= fills in what somebody searched for in vain."""
    title = " ".join(request.GET.get("title", "").replace("\x00", "").split())[: data_requests.LONGEST_TITLE]
    form = DataRequestForm(request.POST or None, initial={"title": title, "category": request.GET.get("category", "")})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made = data_requests.create_data_request(
                    organization=request.organization,
                    user=request.user,
                    actor=request.actor,
                    at=timezone.now(),
                    **form.cleaned_data,
                )
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
            else:
                messages.success(request, "Your request is on the board. You are told when a publisher answers.")
                return redirect("data-request", data_request_id=made.pk)
    return render(request, "storefront/data_request_create.html", {"form": form}, status=status)


@require_safe
def data_request(request: MemberRequest, data_request_id: str) -> HttpResponse:
    """Show a request with its answers."""
    return _page(request, data_requests.get_data_request(data_request_id), None, 200)


def _page(
    request: MemberRequest,
    found: DataRequest,
    form: AnswerForm | None,
    status: int,
    *,
    refusal: DomainError | None = None,
) -> HttpResponse:
    viewer, held = _viewer(request)
    is_own = viewer is not None and viewer.pk == found.organization_id
    is_open = found.closed_at is None
    can_answer = "publish:write" in held and is_open and not is_own
    if can_answer and viewer is not None and form is None:
        form = AnswerForm(products=_offered(viewer))
    answers = list(data_requests.list_answers(data_request=found))
    cards = {card.product.pk: card for card in browsing.cards([a.product for a in answers if a.product is not None])}
    wanted = data_requests.wanted_by(organization=viewer, data_request_ids=[found.pk]) if viewer else set()
    context = {
        "data_request": found,
        "answers": [(answer, cards.get(answer.product_id or "")) for answer in answers],
        "is_own": is_own,
        "is_open": is_open,
        "is_wanted": found.pk in wanted,
        "can_vote": is_open and not is_own and (viewer is None or "subscriptions:write" in held),
        "can_close": is_open and is_own and "subscriptions:write" in held,
        "can_answer": can_answer,
        "form": form,
        "refusal": refusal,
    }
    return render(request, "storefront/data_request.html", context, status=status)


def _offered(owner: Organization) -> list[Product]:
    return list(data_requests.list_answerable_products(owner=owner)[:PRODUCTS_OFFERED])


@require_POST
@member_page("subscriptions:write")
def data_request_vote(request: MemberRequest, data_request_id: str) -> HttpResponse:
    """Say that the organization wants the same (wanted=yes), or take that back. Leads back to where it was said."""
    found = data_requests.get_data_request(data_request_id)
    try:
        if request.POST.get("wanted") == "no":
            data_requests.unvote(data_request=found, organization=request.organization, actor=request.actor)
        else:
            data_requests.vote(
                data_request=found, organization=request.organization, actor=request.actor, at=timezone.now()
            )
    except NotFound:
        raise
    except DomainError as error:
        return _page(request, data_requests.get_data_request(data_request_id), None, status_of(error), refusal=error)
    back = request.POST.get("back", "")
    if back.startswith("?"):
        return redirect(f"{reverse('data-requests')}{back}#request-{found.pk}")
    return redirect("data-request", data_request_id=found.pk)


@require_POST
@member_page("publish:write")
def data_request_answer(request: MemberRequest, data_request_id: str) -> HttpResponse:
    """Answer a request, with a product of one's own where there is one."""
    found = data_requests.get_data_request(data_request_id)
    organization = request.organization
    form = AnswerForm(request.POST, products=_offered(organization))
    if not form.is_valid():
        return _page(request, found, form, 422)
    chosen = form.cleaned_data.get("product", "")
    try:
        made = data_requests.answer(
            data_request=found,
            organization=organization,
            user=request.user,
            text=form.cleaned_data["text"],
            product=get_owned_product(owner=organization, product_id=chosen) if chosen else None,
            actor=request.actor,
            at=timezone.now(),
        )
    except NotFound:
        raise
    except DomainError as error:
        refuse(form, error)
        return _page(request, data_requests.get_data_request(data_request_id), form, status_of(error), refusal=error)
    messages.success(request, "Answered. Whoever asked is told.")
    return redirect(f"{reverse('data-request', args=[found.pk])}#answer-{made.pk}")


@require_POST
@member_page("subscriptions:write")
def data_request_close(request: MemberRequest, data_request_id: str) -> HttpResponse:
    """Take one's own request off the board."""
    found = data_requests.get_own_data_request(organization=request.organization, data_request_id=data_request_id)
    data_requests.close_data_request(data_request=found, actor=request.actor, at=timezone.now())
    messages.success(request, "Request closed. It can still be read.")
    return redirect("data-request", data_request_id=found.pk)
