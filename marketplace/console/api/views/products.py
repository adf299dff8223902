"""Products of the caller's organization."""

from collections.abc import Mapping
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser, MultiPartParser

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.products import (
    NewProduct,
    NewProductDataSet,
    ProductChange,
    ProductDataSetShape,
    ProductShape,
    ProductSummary,
)
from marketplace.console.api.views.catalogue import ProductPage, page_of_product
from publishers.models import Product, ProductState, PublishedDataSet
from publishers.operations import products
from publishers.queries.data_sets import get_owned_data_set
from publishers.queries.products import get_owned_product, list_owned_products


def page_of_owned(product: Product) -> ProductPage:
    """Return a product as its owner sees it, with what a draft lacks."""
    missing = products.blockers(product) if product.state == ProductState.DRAFT else []
    return page_of_product(product, missing=missing)


class ProductsView(ApiView):
    tag = "Products"

    @operation("list_products", scope="publish:read", lists=ProductSummary)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List your products, newest first."""
        rows = list_owned_products(owner=caller.organization)
        return page_of(rows, order_by=("-created_at", "-pk"), query=query, binding=["products", caller.organization.pk])

    @operation("create_product", scope="publish:write", takes=NewProduct, gives=ProductShape, status=201)
    def post(self, caller: Caller, body: dict[str, Any]) -> ProductPage:
        """Create a draft product with one free public offer."""
        return page_of_owned(
            products.create_product(owner=caller.organization, actor=caller.actor, at=caller.at, **body)
        )


class ProductView(ApiView):
    tag = "Products"

    @operation("get_product", scope="publish:read", gives=ProductShape)
    def get(self, caller: Caller, product_id: str) -> ProductPage:
        """Read one of your products."""
        return page_of_owned(get_owned_product(owner=caller.organization, product_id=product_id))

    @operation("update_product", scope="publish:write", takes=ProductChange, gives=ProductShape)
    def patch(self, caller: Caller, product_id: str, body: dict[str, Any]) -> ProductPage:
        """Change the page of a product.

        New terms make a new version of the offer; who has subscribed keeps the one they accepted.
        """
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        if body:
            product = products.update_product(product=product, actor=caller.actor, at=caller.at, **body)
        return page_of_owned(product)


class ProductDataSetsView(ApiView):
    tag = "Products"

    @operation(
        "add_product_data_set", scope="publish:write", takes=NewProductDataSet, gives=ProductDataSetShape, status=201
    )
    def post(self, caller: Caller, product_id: str, body: dict[str, Any]) -> PublishedDataSet:
        """List a data set in a product.

        In a published product its finalized revisions are published at once.
        """
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        data_set = get_owned_data_set(owner=caller.organization, data_set_id=body.pop("data_set_id"))
        return products.add_data_set(product=product, data_set=data_set, actor=caller.actor, at=caller.at, **body)


class ProductDataSetView(ApiView):
    tag = "Products"

    @operation("remove_product_data_set", scope="publish:write")
    def delete(self, caller: Caller, product_id: str, data_set_id: str) -> None:
        """Take a data set out of a draft product."""
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        data_set = get_owned_data_set(owner=caller.organization, data_set_id=data_set_id)
        products.remove_data_set(product=product, data_set=data_set, actor=caller.actor)


class ProductPublishView(ApiView):
    tag = "Products"

    @operation("publish_product", scope="publish:write", gives=ProductShape)
    def post(self, caller: Caller, product_id: str) -> ProductPage:
        """Put a product into the catalogue.

        Its finalized revisions are published under the history rules of its data sets. Where the operator approves products
        it stays a draft, with `submitted_at`, until one has decided.
        """
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        return page_of_owned(products.publish_product(product=product, actor=caller.actor, at=caller.at))


class ProductWithdrawView(ApiView):
    tag = "Products"

    @operation("withdraw_product", scope="publish:write", gives=ProductShape)
    def post(self, caller: Caller, product_id: str) -> ProductPage:
        """Take a product back that waits for the operator's approval."""
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        return page_of_owned(products.withdraw_product(product=product, actor=caller.actor, at=caller.at))


class ProductUnpublishView(ApiView):
    tag = "Products"

    @operation("unpublish_product", scope="publish:write", gives=ProductShape)
    def post(self, caller: Caller, product_id: str) -> ProductPage:
        """Take a product out of the catalogue for good; who subscribed keeps access."""
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        return page_of_owned(products.unpublish_product(product=product, actor=caller.actor, at=caller.at))


class ImageParser(BaseParser):
    """An image as the whole body."""

    media_type = "image/*"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, bytes]:
        """Return at most one byte more than a logo may have, so that a longer one is refused and not cut."""
        return {"logo": stream.read(products.LOGO_BYTES + 1)}


_IMAGE = {"type": "string", "format": "binary"}


class ProductLogoView(ApiView):
    tag = "Products"
    parser_classes = (ImageParser, MultiPartParser)

    @operation(
        "set_product_logo",
        scope="publish:write",
        gives=ProductShape,
        media={
            "image/*": _IMAGE,
            "multipart/form-data": {"type": "object", "properties": {"logo": _IMAGE}, "required": ["logo"]},
        },
    )
    def put(self, caller: Caller, product_id: str) -> ProductPage:
        """Set the logo.

        Send a PNG, JPEG or WebP image of at most 2 MB as the body, or as the form field `logo`. It is decoded and written
        anew as a PNG of at most 256 by 256 pixels.
        """
        product = get_owned_product(owner=caller.organization, product_id=product_id)
        data: Any = self.request.data
        given = data.get("logo")
        content = given.read(products.LOGO_BYTES + 1) if isinstance(given, UploadedFile) else given
        if not isinstance(content, bytes) or not content:
            raise ValidationError({"logo": ["Send an image."]})
        return page_of_owned(products.set_logo(product=product, content=content, actor=caller.actor, at=caller.at))
