"""URLs of the console's pages; mounted at the root."""

from django.urls import path

from marketplace.console.views import data_grants, docs, home, keys, organizations, publishing, sources, storage

urlpatterns = [
    path("home", home.home, name="home"),
    path("organization/switch", organizations.organization_switch, name="organization-switch"),
    path("organization/new", organizations.organization_create, name="organization-create"),
    path("storage", storage.storage, name="storage"),
    path("storage/new", storage.storage_create, name="storage-create"),
    path("storage/<str:connection_id>/test", storage.storage_test, name="storage-test"),
    path("storage/<str:connection_id>/remove", storage.storage_remove, name="storage-remove"),
    path("sources", sources.sources, name="sources"),
    path("sources/new", sources.source_create, name="source-create"),
    path("sources/<str:source_id>/test", sources.source_test, name="source-test"),
    path("sources/<str:source_id>/remove", sources.source_remove, name="source-remove"),
    path("keys", keys.keys, name="keys"),
    path("keys/tokens/new", keys.token_create, name="token-create"),
    path("keys/tokens/<str:token_id>/revoke", keys.token_revoke, name="token-revoke"),
    path("keys/access-keys/new", keys.access_key_create, name="access-key-create"),
    path("keys/access-keys/<str:key_id>/revoke", keys.access_key_revoke, name="access-key-revoke"),
    path("publish", publishing.publish, name="publish"),
    path("publish/subscribers", publishing.subscribers, name="subscribers"),
    path("publish/data-grants", data_grants.data_grants, name="data-grants"),
    path("publish/data-grants/new", data_grants.data_grant_create, name="data-grant-create"),
    path("publish/data-grants/<str:data_grant_id>/delete", data_grants.data_grant_delete, name="data-grant-delete"),
    path("publish/deliveries", publishing.publisher_deliveries, name="publisher-deliveries"),
    path("publish/deliveries/<str:job_id>", publishing.publisher_delivery, name="publisher-delivery"),
    path("docs", docs.docs, name="docs"),
]
