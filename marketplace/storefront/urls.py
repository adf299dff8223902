"""URLs of the storefront; mounted at the root."""

from django.urls import path

from marketplace.awsapi.views import with_calls
from marketplace.storefront.views import catalogue, my_data, products

urlpatterns = [
    path("", with_calls(catalogue.front), name="front"),
    path("catalogue", catalogue.catalogue, name="catalogue"),
    path("products/<str:product_id>", products.product, name="product"),
    path("products/<str:product_id>/subscribe", products.subscribe, name="subscribe"),
    path("organizations/<str:account_id>", catalogue.publisher, name="publisher"),
    path("my-data", my_data.my_data, name="my-data"),
    path("my-data/<str:data_set_id>", my_data.my_data_set, name="my-data-set"),
    path("my-data/<str:data_set_id>/revisions/<str:revision_id>", my_data.my_revision, name="my-revision"),
    path(
        "my-data/<str:data_set_id>/revisions/<str:revision_id>/assets/<str:asset_id>/download",
        my_data.my_asset_download,
        name="my-asset-download",
    ),
    path("data-grants/<str:data_grant_id>/accept", my_data.data_grant_accept, name="data-grant-accept"),
    path("subscriptions/<str:agreement_id>/end", my_data.subscription_end, name="subscription-end"),
]
