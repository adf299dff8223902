"""A publisher's figures of a period."""

from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.serializers.usage import UsageQuery, UsageShape
from marketplace.console.usage import Usage, usage_of
from publishers.queries.products import get_owned_product, list_owned_products


class UsageView(ApiView):
    tag = "Products"

    @operation("get_usage", scope="publish:read", asks=UsageQuery, gives=UsageShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Usage:
        """Read who looked at your products, who subscribed, and who had data delivered or read it."""
        product_id = query.get("product_id")
        if product_id:
            products = [get_owned_product(owner=caller.organization, product_id=product_id.replace("\0", ""))]
        else:
            products = list(list_owned_products(owner=caller.organization))
        return usage_of(products=products, days=int(query["days"]), at=caller.at)
