"""URLs of the console's pages; mounted at the root."""

from django.urls import path

from marketplace.console.views import docs, home, keys, organizations, publishing, storage

urlpatterns = [
    path("home", home.home, name="home"),
    path("organization/switch", organizations.organization_switch, name="organization-switch"),
    path("organization/new", organizations.organization_create, name="organization-create"),
    path("storage", storage.storage, name="storage"),
    path("storage/new", storage.storage_create, name="storage-create"),
    path("storage/<str:connection_id>/test", storage.storage_test, name="storage-test"),
    path("storage/<str:connection_id>/remove", storage.storage_remove, name="storage-remove"),
    path("keys", keys.keys, name="keys"),
    path("keys/tokens/new", keys.token_create, name="token-create"),
    path("keys/tokens/<str:token_id>/revoke", keys.token_revoke, name="token-revoke"),
    path("keys/access-keys/new", keys.access_key_create, name="access-key-create"),
    path("keys/access-keys/<str:key_id>/revoke", keys.access_key_revoke, name="access-key-revoke"),
    path("publish", publishing.publish, name="publish"),
    path("publish/subscribers", publishing.subscribers, name="subscribers"),
    path("publish/deliveries", publishing.publisher_deliveries, name="publisher-deliveries"),
    path("publish/deliveries/<str:job_id>", publishing.publisher_delivery, name="publisher-delivery"),
    path("docs", docs.docs, name="docs"),
]
