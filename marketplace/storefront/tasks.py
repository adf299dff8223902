"""Work of the storefront: alerts of saved searches, whose queries are the catalogue's addresses."""

from django.utils import timezone

from marketplace.core import work
from marketplace.storefront.saved import read_query
from subscriptions import saved_searches


@work.task("storefront.tell_saved_searches")
def tell_saved_searches(**_: object) -> None:
    """Tell members of new products for their saved searches; each distinct query is asked once."""
    at = timezone.now()
    horizon = saved_searches.horizon_of(at=at)
    if horizon is None:
        return
    for query in saved_searches.list_queries_to_tell(horizon=horizon):
        saved_searches.tell_matches(query=query, search=read_query(query).search, horizon=horizon, at=at)
