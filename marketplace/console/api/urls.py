"""Paths of /api; mounted below api/."""

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from marketplace.console.api.problems import unknown_path
from marketplace.console.api.views import (
    account,
    catalogue,
    credentials,
    data_grants,
    data_sets,
    deliveries,
    documentation,
    events,
    products,
    sources,
    storage,
    subscriptions,
)


class IdConverter(StringConverter):
    """An id of ours; anything else is an unknown path, and a NUL never reaches the database."""

    regex = "[A-Za-z0-9-]{1,40}"


register_converter(IdConverter, "id")

urlpatterns = [
    path("whoami", account.WhoamiView.as_view(), name="api-whoami"),
    path("catalogue", catalogue.CatalogueView.as_view(), name="api-catalogue"),
    path("catalogue/<id:product_id>", catalogue.CatalogueProductView.as_view(), name="api-catalogue-product"),
    path("products", products.ProductsView.as_view(), name="api-products"),
    path("products/<id:product_id>", products.ProductView.as_view(), name="api-product"),
    path("products/<id:product_id>/logo", products.ProductLogoView.as_view(), name="api-product-logo"),
    path("products/<id:product_id>/publish", products.ProductPublishView.as_view(), name="api-product-publish"),
    path("products/<id:product_id>/unpublish", products.ProductUnpublishView.as_view(), name="api-product-unpublish"),
    path("products/<id:product_id>/data-sets", products.ProductDataSetsView.as_view(), name="api-product-data-sets"),
    path(
        "products/<id:product_id>/data-sets/<id:data_set_id>",
        products.ProductDataSetView.as_view(),
        name="api-product-data-set",
    ),
    path("data-sets/<id:data_set_id>", data_sets.DataSetView.as_view(), name="api-data-set"),
    path(
        "data-sets/<id:data_set_id>/revisions/<id:revision_id>",
        data_sets.RevisionView.as_view(),
        name="api-revision",
    ),
    path(
        "data-sets/<id:data_set_id>/revisions/<id:revision_id>/reopen",
        data_sets.RevisionReopenView.as_view(),
        name="api-revision-reopen",
    ),
    path("data-grants", data_grants.DataGrantsView.as_view(), name="api-data-grants"),
    path("data-grants/<id:data_grant_id>", data_grants.DataGrantView.as_view(), name="api-data-grant"),
    path("received-data-grants", data_grants.ReceivedDataGrantsView.as_view(), name="api-received-data-grants"),
    path(
        "received-data-grants/<id:data_grant_id>",
        data_grants.ReceivedDataGrantView.as_view(),
        name="api-received-data-grant",
    ),
    path(
        "received-data-grants/<id:data_grant_id>/accept",
        data_grants.ReceivedDataGrantAcceptView.as_view(),
        name="api-received-data-grant-accept",
    ),
    path("subscriptions", subscriptions.SubscriptionsView.as_view(), name="api-subscriptions"),
    path("subscriptions/<id:subscription_id>", subscriptions.SubscriptionView.as_view(), name="api-subscription"),
    path("entitlements", subscriptions.EntitlementsView.as_view(), name="api-entitlements"),
    path("storage-connections", storage.StorageConnectionsView.as_view(), name="api-storage-connections"),
    path(
        "storage-connections/<id:connection_id>", storage.StorageConnectionView.as_view(), name="api-storage-connection"
    ),
    path(
        "storage-connections/<id:connection_id>/test",
        storage.StorageConnectionTestView.as_view(),
        name="api-storage-connection-test",
    ),
    path("source-connections", sources.SourceConnectionsView.as_view(), name="api-source-connections"),
    path("source-connections/<id:source_id>", sources.SourceConnectionView.as_view(), name="api-source-connection"),
    path(
        "source-connections/<id:source_id>/test",
        sources.SourceConnectionTestView.as_view(),
        name="api-source-connection-test",
    ),
    path("auto-exports", storage.AutoExportsView.as_view(), name="api-auto-exports"),
    path("auto-exports/<id:auto_export_id>", storage.AutoExportView.as_view(), name="api-auto-export"),
    path("deliveries", deliveries.DeliveriesView.as_view(), name="api-deliveries"),
    path("deliveries/<id:delivery_id>", deliveries.DeliveryView.as_view(), name="api-delivery"),
    path("deliveries/<id:delivery_id>/receipt", deliveries.ReceiptView.as_view(), name="api-delivery-receipt"),
    path("deliveries/<id:delivery_id>/retry", deliveries.DeliveryRetryView.as_view(), name="api-delivery-retry"),
    path("published-deliveries", deliveries.PublishedDeliveriesView.as_view(), name="api-published-deliveries"),
    path(
        "published-deliveries/<id:delivery_id>",
        deliveries.PublishedDeliveryView.as_view(),
        name="api-published-delivery",
    ),
    path(
        "published-deliveries/<id:delivery_id>/receipt",
        deliveries.PublishedReceiptView.as_view(),
        name="api-published-delivery-receipt",
    ),
    path("exports", deliveries.ExportsView.as_view(), name="api-exports"),
    path("imports", deliveries.ImportsView.as_view(), name="api-imports"),
    path("imports/<id:import_id>", deliveries.ImportView.as_view(), name="api-import"),
    path("events", events.EventsView.as_view(), name="api-events"),
    path("webhooks", events.WebhooksView.as_view(), name="api-webhooks"),
    path("webhooks/<id:webhook_id>", events.WebhookView.as_view(), name="api-webhook"),
    path(
        "webhooks/<id:webhook_id>/rotate-secret", events.WebhookSecretView.as_view(), name="api-webhook-rotate-secret"
    ),
    path("webhooks/<id:webhook_id>/test", events.WebhookTestView.as_view(), name="api-webhook-test"),
    path("webhooks/<id:webhook_id>/deliveries", events.WebhookDeliveriesView.as_view(), name="api-webhook-deliveries"),
    path("webhooks/<id:webhook_id>/deliveries/replay", events.WebhookReplayView.as_view(), name="api-webhook-replay"),
    path(
        "webhooks/<id:webhook_id>/deliveries/<id:delivery_id>/replay",
        events.WebhookDeliveryReplayView.as_view(),
        name="api-webhook-delivery-replay",
    ),
    path("tokens", credentials.TokensView.as_view(), name="api-tokens"),
    path("tokens/<id:token_id>", credentials.TokenView.as_view(), name="api-token"),
    path("access-keys", credentials.AccessKeysView.as_view(), name="api-access-keys"),
    path("access-keys/<id:key_id>", credentials.AccessKeyView.as_view(), name="api-access-key"),
    path("schema/", documentation.schema, name="api-schema"),
    path("docs/", documentation.docs, name="api-docs"),
    path("docs/<slug:section>/", documentation.docs_section, name="api-docs-section"),
    re_path(r"^[\w\W]*\Z", unknown_path, name="api-unknown"),
]
