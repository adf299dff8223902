"""Saved searches: what a member keeps of the catalogue, and who is told of new products that match."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode

from django.db import IntegrityError, transaction
from django.db.models import Min, QuerySet

from marketplace.core import audit, scopes
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.models import Membership, Notification, Organization, User
from marketplace.core.operations.inbox import mark_all_read, tell_members
from publishers.models import Product
from publishers.models.facets import FACETS, PUBLISHER, Facet
from publishers.operations.texts import check_text
from publishers.queries.catalogue import Search
from publishers.queries.matching import MOST_NEW, first_unindexed_at, list_new_products, match_products
from subscriptions.models import SavedSearch

MOST = 100
LONGEST_NAME = 120
LONGEST_QUERY = 1_000
LONGEST_WORDS = 200
FIELDS_READ = 100
ACCOUNT_DIGITS = 12
TOPIC = "search.matched"
#: A product carries the instant at which publishing began and is found once that was committed and indexed.
GRACE = timedelta(minutes=2)
#: how long an alert waits for a product whose search row is late
PATIENCE = timedelta(hours=1)
NAMED = 3
#: where a page stands or how it looks, which is no part of what is looked for
_ASIDE = frozenset({"page", "view", "sort"})


class SearchSavedAlready(Conflict):
    message = "You saved this search already."


# --- reads ----------------------------------------------------------------------------------------------------------------
def canonical_query(values: Mapping[str, Iterable[str]]) -> str:
    """Return the query string that stands for a search, the same for everybody who looks for the same.

    values: field of the catalogue's address -> its values. Page, order and layout are left out.
    """
    fields = sorted((name for name in values if name not in _ASIDE), key=lambda name: (name != "q", name))
    return urlencode([(name, value) for name in fields for value in sorted(set(values[name])) if value])


def check_query(text: str) -> str:
    """Return the canonical query of what a program gives: the part of the catalogue's address after the question mark.

    Raises Invalid for a field that the catalogue does not have, and for a word that a filter does not know.
    """
    try:
        given = parse_qs(text.removeprefix("?"), max_num_fields=FIELDS_READ)
    except ValueError:
        raise Invalid(f"Use at most {FIELDS_READ} fields.", field="query") from None
    facets = {facet.name: facet for facet in FACETS}
    for name, values in given.items():
        if name in _ASIDE or name == "q":
            continue
        facet = facets.get(name)
        if facet is None:
            known = ", ".join(["q", *facets])
            raise Invalid(f"The catalogue has no field {name[:40]!r}. Known: {known}.", field="query")
        wrong = [value for value in values if not _is_word(facet, value)]
        if wrong:
            raise Invalid(f"{wrong[0][:40]!r} is no value of {name}.", field="query")
    words = [" ".join(value.replace("\x00", "").split())[:LONGEST_WORDS] for value in given.get("q", [])[:1]]
    return canonical_query({**given, "q": words})


def _is_word(facet: Facet, value: str) -> bool:
    if facet is PUBLISHER:
        return len(value) == ACCOUNT_DIGITS and value.isascii() and value.isdigit()
    return value in facet.words


def list_saved_searches(*, organization: Organization, user: User) -> QuerySet[SavedSearch]:
    """Return the searches that a member saved, newest first."""
    return SavedSearch.objects.filter(organization=organization, user=user).order_by("-created_at", "-pk")


def get_saved_search(*, organization: Organization, user: User, saved_search_id: str) -> SavedSearch:
    """Raise NotFound alike for a search that is missing and for one that is somebody else's."""
    found = list_saved_searches(organization=organization, user=user).filter(pk=saved_search_id).first()
    if found is None:
        raise NotFound("SAVED_SEARCH", saved_search_id)
    return found


def count_new_matches(*, rows: Sequence[tuple[SavedSearch, Search]], membership: Membership, at: datetime) -> list[int]:
    """Return for each saved search how many products came since its member last looked; counted up to MOST_NEW.

    That is what the member was told and has not read, and what came after. Three statements, however many rows.
    """
    keys = [_subject_key(saved) for saved, _ in rows]
    unread = Notification.objects.filter(membership=membership, subject_key__in=keys, read_at=None)
    # the source key ends in the instant from which it tells, and texts of instants sort as the instants do
    first = dict(unread.order_by().values_list("subject_key").annotate(Min("source_key")))
    since = []
    for saved, _ in rows:
        told = first.get(_subject_key(saved), "").rpartition("|")[2]
        since.append(min(datetime.fromisoformat(told), saved.told_until) if told else saved.told_until)
    if not since:
        return []
    newest = list_new_products(since=min(since), until=at).order_by("-published_at", "pk")[:MOST_NEW]
    published = {product.pk: product.published_at for product in newest}
    matches = match_products(searches=[search for _, search in rows], product_ids=published)
    return [
        sum(1 for pk in found if (moment := published[pk]) is not None and moment > begin)
        for begin, found in zip(since, matches, strict=True)
    ]


# --- writes ---------------------------------------------------------------------------------------------------------------
@transaction.atomic
def save_search(
    *, organization: Organization, user: User, name: str, query: str, alerts: bool, actor: Actor, at: datetime
) -> SavedSearch:
    """Keep a search; what is published from now on is new. query: as `canonical_query` gives it.

    Raises SearchSavedAlready, Invalid, LimitExceeded "Saved searches".
    """
    name = _check_name(name)
    check_text(query, field="query", longest=LONGEST_QUERY, needed=False)
    # one after another for each member, so that two at once do not get past the limit
    Membership.objects.select_for_update().filter(organization=organization, user=user).first()
    mine = list_saved_searches(organization=organization, user=user)
    known = mine.filter(query=query).first()
    if known is not None:
        raise SearchSavedAlready("SAVED_SEARCH", known.pk, f"You saved this search already, as “{known.name}”.")
    if mine.count() >= MOST:
        raise LimitExceeded(
            "Saved searches", MOST, f"You can keep {MOST} searches. Delete one that you no longer need."
        )
    try:
        with transaction.atomic():
            saved = SavedSearch.objects.create(
                organization=organization,
                user=user,
                name=name,
                query=query,
                alerts=alerts,
                told_until=at,
                created_at=at,
            )
    except IntegrityError:
        raise SearchSavedAlready("SAVED_SEARCH") from None
    audit.record("saved_search.created", actor=actor, subject=saved)
    return saved


@transaction.atomic
def change_saved_search(
    *, saved_search: SavedSearch, actor: Actor, name: str | None = None, alerts: bool | None = None
) -> SavedSearch:
    """Rename a search, switch its alerts on or off; None leaves as it is. Raises Invalid, NotFound."""
    row = SavedSearch.objects.select_for_update().filter(pk=saved_search.pk).first()
    if row is None:
        raise NotFound("SAVED_SEARCH", saved_search.pk)
    row.name = row.name if name is None else _check_name(name)
    row.alerts = row.alerts if alerts is None else alerts
    row.save(update_fields=["name", "alerts"])
    audit.record("saved_search.changed", actor=actor, subject=row, detail={"alerts": row.alerts})
    return row


@transaction.atomic
def delete_saved_search(*, saved_search: SavedSearch, actor: Actor) -> None:
    """Forget a search; a second time changes nothing."""
    if SavedSearch.objects.filter(pk=saved_search.pk).delete()[0]:
        audit.record("saved_search.deleted", actor=actor, subject=saved_search)


@transaction.atomic
def see_saved_search(*, saved_search: SavedSearch, membership: Membership, at: datetime) -> None:
    """Note that a member looks at the matches: what was published before is no longer new."""
    SavedSearch.objects.filter(pk=saved_search.pk, told_until__lt=at - GRACE).update(told_until=at - GRACE)
    held = scopes.allowed(membership)
    mark_all_read(membership=membership, held=held, at=at, subject_key=_subject_key(saved_search))


def list_queries_to_tell(*, horizon: datetime) -> list[str]:
    """Return the queries of the searches with alerts that nobody looked through up to the horizon, each once."""
    due = SavedSearch.objects.filter(alerts=True, told_until__lt=horizon)
    return list(due.order_by("query").values_list("query", flat=True).distinct())


def horizon_of(*, at: datetime) -> datetime | None:
    """Return up to when all that was published can be told now; None when nobody is to be told anything.

    It stays behind what is not indexed yet, and takes at most about MOST_NEW products at a time.
    """
    due = SavedSearch.objects.filter(alerts=True).aggregate(since=Min("told_until"))["since"]
    horizon = at - GRACE
    if due is None or due >= horizon:
        return None
    waiting = first_unindexed_at(since=max(due, at - PATIENCE))
    if waiting is not None and waiting <= horizon:
        horizon = max(due, waiting - timedelta(microseconds=1))
    rest = list_new_products(since=due, until=horizon).values_list("published_at", flat=True)
    last = rest[MOST_NEW - 1 : MOST_NEW].first()
    return last or horizon


def tell_matches(*, query: str, search: Search, horizon: datetime, at: datetime) -> int:
    """Tell the members who saved a query, with alerts, of products that match and were published up to the horizon.

    Return how many were told. The same again tells nobody: each row moves on in the transaction in which it is told.
    """
    due = SavedSearch.objects.filter(alerts=True, query=query, told_until__lt=horizon)
    since = due.aggregate(since=Min("told_until"))["since"]
    if since is None:
        return 0
    new = list(list_new_products(since=since, until=horizon))
    (matching,) = match_products(searches=[search], product_ids=[product.pk for product in new])
    chosen = [product for product in new if product.pk in set(matching)]
    told = 0
    if chosen:
        for saved_search_id in list(due.order_by("pk").values_list("pk", flat=True)):
            told += _tell(saved_search_id, chosen, horizon, at)
    due.update(told_until=horizon)
    return told


@transaction.atomic
def _tell(saved_search_id: str, matching: list[Product], horizon: datetime, at: datetime) -> int:
    rows = SavedSearch.objects.select_for_update()
    saved = rows.filter(pk=saved_search_id, alerts=True, told_until__lt=horizon).first()
    if saved is None:
        return 0
    new = [product for product in matching if product.published_at and product.published_at > saved.told_until]
    if new:
        tell_members(
            organization_ids=[saved.organization_id],
            user_ids=[saved.user_id],
            topic=TOPIC,
            source_key=f"{_subject_key(saved)}|{saved.told_until.isoformat(timespec='microseconds')}",
            subject_key=_subject_key(saved),
            subject_label=saved.name,
            text=_sentence(saved.name, [product.name for product in new]),
            path=f"/searches/{saved.pk}",
            at=at,
        )
    saved.told_until = horizon
    saved.save(update_fields=["told_until"])
    return bool(new)


def _sentence(name: str, products: list[str]) -> str:
    count = len(products)
    named = ", ".join(products[:NAMED])
    rest = f" and {count - NAMED} more" if count > NAMED else ""
    return f"{count} new product{'' if count == 1 else 's'} for “{name}”: {named}{rest}"


def _subject_key(saved: SavedSearch) -> str:
    return f"saved_search:{saved.pk}"


def _check_name(name: str) -> str:
    return check_text(" ".join(name.split()), field="name", longest=LONGEST_NAME)
