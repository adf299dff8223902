"""Data requests: data that people look for and the catalogue does not have, who wants the same, and what publishers answer."""

from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Prefetch, Q, QuerySet

from marketplace.core import audit, limits
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.events import publish_on_commit
from marketplace.core.models import Organization, User
from marketplace.core.operations.inbox import tell_members
from publishers.models import Category, Product
from publishers.operations.texts import check_text
from subscriptions.models import DataRequest, DataRequestAnswer, DataRequestVote

MOST_OPEN = 10
#: of one organization a day
REQUESTS_A_DAY, ANSWERS_A_DAY, VOTES_A_DAY, DAY_S = 20, 50, 200, 86_400
LONGEST_TITLE, LONGEST_TEXT = 120, 5_000
WORDS_USED = 8
SORTS = {"wanted": ("-vote_count", "-created_at", "-pk"), "newest": ("-created_at", "-pk")}


class RequestIsClosed(Conflict):
    message = "This request is closed. Votes and answers are no longer taken."


class OwnRequest(Conflict):
    message = "Your organization asked for this itself."


# --- reads ----------------------------------------------------------------------------------------------------------------
def list_data_requests(
    *, text: str = "", category: str = "", is_open: bool = True, sort: str = "wanted"
) -> QuerySet[DataRequest]:
    """Return requests as everybody sees them, with `answer_count`. text: each of its words stands in title or description."""
    found = DataRequest.objects.filter(closed_at__isnull=is_open).select_related("organization")
    if category:
        found = found.filter(category=category)
    for word in text.replace("\x00", "").split()[:WORDS_USED]:
        found = found.filter(Q(title__icontains=word) | Q(description__icontains=word))
    return found.annotate(answer_count=Count("answers")).order_by(*SORTS.get(sort, SORTS["wanted"]))


def count_by_category(*, is_open: bool = True) -> dict[str, int]:
    """Return how many requests stand in each category; those without one under the empty word."""
    rows = DataRequest.objects.filter(closed_at__isnull=is_open).values_list("category").annotate(n=Count("pk"))
    return dict(rows.order_by("category"))


def get_data_request(data_request_id: str) -> DataRequest:
    """Return a request with `answer_count`. Raises NotFound."""
    rows = DataRequest.objects.select_related("organization").annotate(answer_count=Count("answers"))
    found = rows.filter(pk=data_request_id).first()
    if found is None:
        raise NotFound("DATA_REQUEST", data_request_id)
    return found


def list_answers(*, data_request: DataRequest) -> QuerySet[DataRequestAnswer]:
    """Return the answers to a request, oldest first; `product` is there only while everybody sees it."""
    return _with_listed_products(DataRequestAnswer.objects.filter(data_request=data_request)).order_by(
        "created_at", "pk"
    )


def list_answers_of(*, organization: Organization) -> QuerySet[DataRequestAnswer]:
    """Return what a publisher answered on the board, newest first, with the requests."""
    rows = _with_listed_products(DataRequestAnswer.objects.filter(organization=organization))
    return rows.select_related("organization", "data_request").order_by("-created_at", "-pk")


def _with_listed_products(rows: QuerySet[DataRequestAnswer]) -> QuerySet[DataRequestAnswer]:
    listed = Product.objects.listed().select_related("owner", "search")
    return rows.select_related("organization").prefetch_related(Prefetch("product", queryset=listed))


def wanted_by(*, organization: Organization, data_request_ids: list[str]) -> set[str]:
    """Return which of the requests an organization wants too."""
    votes = DataRequestVote.objects.filter(organization=organization, data_request__in=data_request_ids)
    return set(votes.values_list("data_request_id", flat=True))


def list_answerable_products(*, owner: Organization) -> QuerySet[Product]:
    """Return the products that an answer can name: one's own that everybody sees, by name."""
    return Product.objects.listed().filter(owner=owner).order_by("name", "pk")


# --- writes ---------------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_data_request(
    *, organization: Organization, user: User, title: str, description: str, category: str, actor: Actor, at: datetime
) -> DataRequest:
    """Ask for data on the board, where everybody reads it with the organization's name. category may be empty.

    Raises Invalid, LimitExceeded "Open data requests", TooManyRequests.
    """
    title = check_text(" ".join(title.split()), field="title", longest=LONGEST_TITLE)
    description = check_text(description.strip(), field="description", longest=LONGEST_TEXT)
    if category and category not in Category.values:
        raise Invalid("Choose a category of the list.", field="category")
    # one after another for each organization, so that two at once do not get past the limit
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if DataRequest.objects.filter(organization=organization, closed_at=None).count() >= MOST_OPEN:
        words = f"Your organization has {MOST_OPEN} open requests. Close one that is answered or no longer needed."
        raise LimitExceeded("Open data requests", MOST_OPEN, words)
    limits.count(f"data-request:{organization.pk}", most=REQUESTS_A_DAY, window_s=DAY_S)
    made = DataRequest.objects.create(
        organization=organization,
        user=user,
        title=title,
        description=description,
        category=category,
        created_at=at,
    )
    audit.record("data_request.created", actor=actor, subject=made)
    return made


@transaction.atomic
def vote(*, data_request: DataRequest, organization: Organization, actor: Actor, at: datetime) -> DataRequest:
    """Say that an organization wants the same; a second time changes nothing. Raises RequestIsClosed, OwnRequest."""
    row = _lock_open(data_request)
    if row.organization_id == organization.pk:
        raise OwnRequest("DATA_REQUEST", row.pk)
    limits.count(f"data-request-vote:{organization.pk}", most=VOTES_A_DAY, window_s=DAY_S)
    _, is_new = DataRequestVote.objects.get_or_create(
        data_request=row, organization=organization, defaults={"created_at": at}
    )
    if is_new:
        _count(row, 1)
        audit.record("data_request.voted", actor=actor, subject=row)
    return row


@transaction.atomic
def unvote(*, data_request: DataRequest, organization: Organization, actor: Actor) -> DataRequest:
    """Take a vote back; without one nothing changes. Raises RequestIsClosed."""
    row = _lock_open(data_request)
    if DataRequestVote.objects.filter(data_request=row, organization=organization).delete()[0]:
        _count(row, -1)
        audit.record("data_request.unvoted", actor=actor, subject=row)
    return row


@transaction.atomic
def answer(
    *,
    data_request: DataRequest,
    organization: Organization,
    user: User,
    text: str,
    product: Product | None,
    actor: Actor,
    at: datetime,
) -> DataRequestAnswer:
    """Answer a request, with a listed product of one's own where there is one; its author is told.

    Raises RequestIsClosed, OwnRequest, Invalid, TooManyRequests.
    """
    row = _lock_open(data_request)
    if row.organization_id == organization.pk:
        raise OwnRequest("DATA_REQUEST", row.pk)
    text = check_text(text.strip(), field="text", longest=LONGEST_TEXT)
    if product is not None and not list_answerable_products(owner=organization).filter(pk=product.pk).exists():
        raise Invalid("Name a product of your own that is in the catalogue.", field="product")
    limits.count(f"data-request-answer:{organization.pk}", most=ANSWERS_A_DAY, window_s=DAY_S)
    made = DataRequestAnswer.objects.create(
        data_request=row, organization=organization, user=user, text=text, product=product, created_at=at
    )
    audit.record("data_request.answered", actor=actor, subject=made, detail={"data_request_id": row.pk})
    publish_on_commit("data_request.answered", organization_id=row.organization_id, answer_id=made.pk)
    return made


@transaction.atomic
def close_data_request(*, data_request: DataRequest, actor: Actor, at: datetime) -> DataRequest:
    """Take a request off the board; a closed one stays as it is. Only its own organization may ask for this."""
    row = DataRequest.objects.select_for_update().get(pk=data_request.pk)
    if row.closed_at is None:
        row.closed_at = at
        row.save(update_fields=["closed_at"])
        audit.record("data_request.closed", actor=actor, subject=row)
    return row


def get_own_data_request(*, organization: Organization, data_request_id: str) -> DataRequest:
    """Return a request of an organization's own. Raises NotFound alike for a missing one and for somebody else's."""
    found = get_data_request(data_request_id)
    if found.organization_id != organization.pk:
        raise NotFound("DATA_REQUEST", data_request_id)
    return found


def tell_author(*, answer_id: str, at: datetime) -> None:
    """Tell who asked of an answer; an answer that is gone tells nobody, and a second run nobody twice."""
    rows = DataRequestAnswer.objects.select_related("organization", "data_request")
    made = rows.filter(pk=answer_id).first()
    if made is None:
        return
    asked = made.data_request
    tell_members(
        organization_ids=[asked.organization_id],
        user_ids=[asked.user_id],
        topic="data_request.answered",
        source_key=f"data_request_answer:{made.pk}",
        subject_key=f"data_request:{asked.pk}",
        subject_label=asked.title,
        text=f"{made.organization.name} answered your request “{asked.title}”",
        path=f"/requests/{asked.pk}#answer-{made.pk}",
        at=at,
    )


def _lock_open(data_request: DataRequest) -> DataRequest:
    row = DataRequest.objects.select_for_update().get(pk=data_request.pk)
    if row.closed_at is not None:
        raise RequestIsClosed("DATA_REQUEST", row.pk)
    return row


def _count(row: DataRequest, change: int) -> None:
    """Keep the number of votes; the row is locked."""
    DataRequest.objects.filter(pk=row.pk).update(vote_count=F("vote_count") + change)
    row.vote_count += change
