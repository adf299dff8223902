"""Saved searches as the catalogue's addresses: from one to what is kept, and back to a search and to words."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import QueryDict
from django.urls import reverse

from marketplace.core.models import Organization
from marketplace.core.queries.organizations import list_organizations
from marketplace.storefront import browsing
from publishers.queries.catalogue import Search
from subscriptions.saved_searches import LONGEST_NAME, canonical_query

PUBLISHERS_CHOSEN = 20
EVERYTHING = "All products"


@dataclass(frozen=True)
class Kept:
    """A search that can be kept: its query, the search that it stands for, and its text and filters in words."""

    query: str
    search: Search
    text: str
    filters: list[str]

    @property
    def name(self) -> str:
        """Return what to call it unless its member says otherwise."""
        words = [self.text] if self.text else []
        return (" · ".join(words + self.filters) or EVERYTHING)[:LONGEST_NAME]

    @property
    def url(self) -> str:
        """Return the address of the catalogue that shows what matches."""
        return reverse("catalogue") + (f"?{self.query}" if self.query else "")


def read_queries(queries: Iterable[str]) -> list[Kept]:
    """Return what query strings of the catalogue stand for, in their order; what makes no sense in one is left out.

    The publishers that they name are read by one query for all.
    """
    params = [QueryDict(query) for query in queries]
    accounts = {account for each in params for account in each.getlist("publisher")[:PUBLISHERS_CHOSEN]}
    known = {o.account_id: o for o in list_organizations(account_ids=accounts)} if accounts else {}
    return [_read(each, known) for each in params]


def read_query(query: str) -> Kept:
    """Return what one query string of the catalogue stands for."""
    return read_queries([query])[0]


def _read(params: QueryDict, known: dict[str, Organization]) -> Kept:
    chosen = {a: known[a] for a in params.getlist("publisher")[:PUBLISHERS_CHOSEN] if a in known}
    search = browsing.read_search(params, chosen)
    clean = browsing.clean_query(search, chosen)
    return Kept(
        query=canonical_query(dict(clean.lists())),
        search=search,
        text=search.text,
        filters=[chip.label for chip in browsing.chips(clean, chosen)],
    )
