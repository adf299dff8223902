"""What looks like personal data in a product of the caller's, and the answer to it."""

from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.serializers.findings import FindingsAnswer, FindingsShape
from publishers.models import Product
from publishers.operations.findings import acknowledge_findings, missing_answers
from publishers.queries.findings import list_findings
from publishers.queries.products import get_owned_product


def _told(product: Product) -> dict[str, Any]:
    found = list_findings(product=product)
    return {
        "personal_data": product.personal_data,
        "blocks": bool(missing_answers(product, found)),
        "findings": found,
    }


class ProductFindingsView(ApiView):
    tag = "Products"

    @operation("get_product_findings", scope="publish:read", gives=FindingsShape)
    def get(self, caller: Caller, product_id: str) -> dict[str, Any]:
        """Read which columns of a product's samples and newest measured revision look like personal data.

        A product that everybody finds is published once each finding is acknowledged and a class is declared that fits.
        """
        return _told(get_owned_product(owner=caller.organization, product_id=product_id))


class ProductFindingsAcknowledgeView(ApiView):
    tag = "Products"

    @operation("acknowledge_product_findings", scope="publish:write", takes=FindingsAnswer, gives=FindingsShape)
    def post(self, caller: Caller, product_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Say which findings may be published, and what the product holds about people.

        It is the whole list: what is found and not among them is not acknowledged any more. One that is not found yet may be
        among them, for a sample to come. The same again changes nothing.
        """
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        return _told(acknowledge_findings(product=product, actor=caller.actor, at=caller.at, **body))
