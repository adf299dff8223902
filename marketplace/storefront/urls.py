"""URLs of the storefront; mounted at the root."""

from django.urls import path

from marketplace.awsapi.views import with_calls
from marketplace.storefront.views import (
    catalogue,
    feeds,
    my_data,
    products,
    publishers,
    requests_board,
    searches,
    subscribing,
)

urlpatterns = [
    path("", with_calls(catalogue.front), name="front"),
    path("catalogue", catalogue.catalogue, name="catalogue"),
    path("products/<str:product_id>", products.product, name="product"),
    path(
        "products/<str:product_id>/documents/<str:document_id>/download",
        products.document_download,
        name="product-document-download",
    ),
    path("products/<str:product_id>/subscribe", subscribing.subscribe, name="subscribe"),
    path("organizations/<str:account_id>.atom", feeds.organization_feed, name="organization-atom"),
    path("organizations/<str:account_id>", publishers.publisher, name="publisher"),
    path("catalogue.atom", feeds.catalogue_feed, name="catalogue-atom"),
    path("products/<str:product_id>/revisions.atom", feeds.product_feed, name="product-atom"),
    path("searches", searches.searches, name="searches"),
    path("searches/new", searches.saved_search_create, name="saved-search-create"),
    path("searches/<str:saved_search_id>", searches.saved_search, name="saved-search"),
    path("searches/<str:saved_search_id>/edit", searches.saved_search_edit, name="saved-search-edit"),
    path("searches/<str:saved_search_id>/alerts", searches.saved_search_alerts, name="saved-search-alerts"),
    path("searches/<str:saved_search_id>/delete", searches.saved_search_delete, name="saved-search-delete"),
    path("requests", requests_board.data_requests_board, name="data-requests"),
    path("requests/new", requests_board.data_request_create, name="data-request-create"),
    path("requests/<str:data_request_id>", requests_board.data_request, name="data-request"),
    path("requests/<str:data_request_id>/vote", requests_board.data_request_vote, name="data-request-vote"),
    path("requests/<str:data_request_id>/answer", requests_board.data_request_answer, name="data-request-answer"),
    path("requests/<str:data_request_id>/close", requests_board.data_request_close, name="data-request-close"),
    path("my-data", my_data.my_data, name="my-data"),
    path("my-data/requests", subscribing.my_requests, name="my-requests"),
    path("my-data/requests/<str:request_id>", subscribing.my_request, name="my-request"),
    path("my-data/requests/<str:request_id>/withdraw", subscribing.my_request_withdraw, name="my-request-withdraw"),
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
