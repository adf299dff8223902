"""How punctual and how good a product's data is, for everybody who may see its page."""

from django.utils import timezone

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import PUBLIC, ApiView, operation
from marketplace.console.api.serializers.trust import FreshnessShape, QualityShape
from marketplace.console.api.views.catalogue import viewer_of
from publishers.queries.freshness import Freshness, freshness_of
from publishers.queries.measured import list_measured
from publishers.queries.products import get_listed_product
from publishers.queries.quality import Quality, quality_of


class CatalogueFreshnessView(ApiView):
    tag = "Catalogue"

    @operation("get_catalogue_freshness", scope=PUBLIC, gives=FreshnessShape)
    def get(self, caller: Caller | None, product_id: str) -> Freshness:
        """Read how punctual a product's data is.

        A data set is late when its promise, a latency that its contract allows, and a grace have passed since its newest
        revision; publisher and subscribers are then told. A period is the time for which one revision was promised.
        """
        product = get_listed_product(product_id=product_id, viewer=viewer_of(caller))
        at = timezone.now()
        return freshness_of(list_measured(product=product, at=at), at=at)


class CatalogueQualityView(ApiView):
    tag = "Catalogue"

    @operation("get_catalogue_quality", scope=PUBLIC, gives=QualityShape)
    def get(self, caller: Caller | None, product_id: str) -> Quality:
        """Read the quality score of a product's data, with every part it is computed from.

        The score is the mean of the parts by weight, rounded down. A part that is not known is left out, and the weights
        of the others are raised.
        """
        product = get_listed_product(product_id=product_id, viewer=viewer_of(caller))
        at = timezone.now()
        measured = list_measured(product=product, at=at)
        freshness = freshness_of(measured, at=at)
        return quality_of(measured, freshness=freshness, dictionary=product.dictionary)
