"""Products as their owner sees them, and as the catalogue shows them."""

from django.db.models import QuerySet

from marketplace.core.errors import NotFound
from marketplace.core.models import Organization
from publishers.models import OfferVersion, Product, ProductState, PublishedDataSet, Visibility


def list_owned_products(*, owner: Organization) -> QuerySet[Product]:
    """Return an organization's products, newest first."""
    return Product.objects.owned_by(owner).select_related("search").order_by("-created_at", "-pk")


def get_owned_product(*, owner: Organization, product_id: str) -> Product:
    """Raise NotFound alike for a product that is missing and for one that is somebody else's."""
    try:
        return Product.objects.owned_by(owner).select_related("owner").get(pk=product_id)
    except Product.DoesNotExist:
        raise NotFound("PRODUCT", product_id) from None


def may_see(*, product: Product, organization: Organization | None) -> bool:
    """Tell whether an organization, or None for everybody, may know of a product.

    Its owner always; others once it is published, of a private one only the organizations that were named.
    """
    if organization is not None and product.owner_id == organization.pk:
        return True
    if product.state != ProductState.PUBLISHED:
        return False
    if product.visibility != Visibility.PRIVATE:
        return True
    return organization is not None and product.viewers.filter(organization=organization).exists()


def get_listed_product(*, product_id: str, viewer: Organization | None = None) -> Product:
    """Return a product that the viewer may see. Raises NotFound alike for a missing, a draft and a private one."""
    product = Product.objects.select_related("owner", "search").filter(pk=product_id.replace("\0", "")).first()
    if product is None or not may_see(product=product, organization=viewer):
        raise NotFound("PRODUCT", product_id)
    return product


def current_offer_version(*, product: Product) -> OfferVersion:
    """Return the newest version of the public offer. Raises NotFound when the product has none."""
    version = (
        OfferVersion.objects.select_related("offer")
        .filter(offer__product=product, offer__is_public=True, offer__withdrawn_at=None)
        .order_by("-number")
        .first()
    )
    if version is None:
        raise NotFound("OFFER", product.pk)
    return version


def list_product_data_sets(*, product: Product) -> QuerySet[PublishedDataSet]:
    """Return the data sets of a product, in the order they were added."""
    return PublishedDataSet.objects.filter(product=product).select_related("data_set").order_by("added_at", "pk")
