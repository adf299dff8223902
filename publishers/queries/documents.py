"""Files on a product's page as its owner sees them."""

from django.db.models import QuerySet

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization
from publishers.models import Product, ProductDocument, ProductViewer


def list_documents(*, product: Product) -> QuerySet[ProductDocument]:
    """Return the files of a product by kind, each kind in its order, without the previews of samples."""
    return ProductDocument.objects.filter(product=product).defer("preview").order_by("kind", "position", "pk")


def get_owned_document(*, owner: Organization, product_id: str, document_id: str) -> ProductDocument:
    """Raise NotFound alike for a file that is missing and for one of somebody else's product."""
    try:
        return ProductDocument.objects.select_related("product").get(
            pk=document_id, product=product_id, product__owner=owner
        )
    except ProductDocument.DoesNotExist:
        raise NotFound("DOCUMENT", document_id) from None


def list_viewers(*, product: Product) -> QuerySet[ProductViewer]:
    """Return the organizations that may see a private product, by name."""
    return ProductViewer.objects.filter(product=product).select_related("organization").order_by("organization__name")
