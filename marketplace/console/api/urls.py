"""Paths of /api; mounted below api/."""

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from marketplace.console.api.problems import unknown_path
from marketplace.console.api.views import (
    account,
    audit,
    board,
    buckets,
    catalogue,
    credentials,
    data_grants,
    data_sets,
    deliveries,
    documentation,
    documents,
    events,
    notifications,
    operator,
    product_pages,
    products,
    sources,
    storage,
    subscription_requests,
    subscriptions,
    team,
    usage,
)


class IdConverter(StringConverter):
    """An id of ours; anything else is an unknown path, and a NUL never reaches the database."""

    regex = "[A-Za-z0-9-]{1,40}"


register_converter(IdConverter, "id")

urlpatterns = [
    path("whoami", account.WhoamiView.as_view(), name="api-whoami"),
    path("catalogue", catalogue.CatalogueView.as_view(), name="api-catalogue"),
    path("catalogue/<id:product_id>", catalogue.CatalogueProductView.as_view(), name="api-catalogue-product"),
    path(
        "catalogue/<id:product_id>/documents",
        product_pages.CatalogueDocumentsView.as_view(),
        name="api-catalogue-documents",
    ),
    path(
        "catalogue/<id:product_id>/documents/<id:document_id>",
        product_pages.CatalogueDocumentView.as_view(),
        name="api-catalogue-document",
    ),
    path("usage", usage.UsageView.as_view(), name="api-usage"),
    path("products", products.ProductsView.as_view(), name="api-products"),
    path("products/<id:product_id>", products.ProductView.as_view(), name="api-product"),
    path("products/<id:product_id>/logo", products.ProductLogoView.as_view(), name="api-product-logo"),
    path("products/<id:product_id>/publish", products.ProductPublishView.as_view(), name="api-product-publish"),
    path("products/<id:product_id>/unpublish", products.ProductUnpublishView.as_view(), name="api-product-unpublish"),
    path("products/<id:product_id>/withdraw", products.ProductWithdrawView.as_view(), name="api-product-withdraw"),
    path("products/<id:product_id>/sample", documents.ProductSampleView.as_view(), name="api-product-sample"),
    path(
        "products/<id:product_id>/dictionary/fill",
        documents.ProductDictionaryFillView.as_view(),
        name="api-product-dictionary-fill",
    ),
    path(
        "products/<id:product_id>/files/<str:file_name>", documents.ProductFileView.as_view(), name="api-product-file"
    ),
    path("products/<id:product_id>/documents", documents.ProductDocumentsView.as_view(), name="api-product-documents"),
    path(
        "products/<id:product_id>/documents/<id:document_id>",
        documents.ProductDocumentView.as_view(),
        name="api-product-document",
    ),
    path("products/<id:product_id>/viewers", documents.ProductViewersView.as_view(), name="api-product-viewers"),
    path(
        "products/<id:product_id>/viewers/<id:account_id>",
        documents.ProductViewerView.as_view(),
        name="api-product-viewer",
    ),
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
    path(
        "catalogue/<id:product_id>/request-form",
        subscription_requests.RequestFormView.as_view(),
        name="api-request-form",
    ),
    path(
        "subscription-requests",
        subscription_requests.SubscriptionRequestsView.as_view(),
        name="api-subscription-requests",
    ),
    path(
        "subscription-requests/<id:request_id>",
        subscription_requests.SubscriptionRequestView.as_view(),
        name="api-subscription-request",
    ),
    path(
        "subscription-requests/<id:request_id>/cancel",
        subscription_requests.SubscriptionRequestCancelView.as_view(),
        name="api-subscription-request-cancel",
    ),
    path(
        "received-subscription-requests",
        subscription_requests.ReceivedRequestsView.as_view(),
        name="api-received-subscription-requests",
    ),
    path(
        "received-subscription-requests/<id:request_id>",
        subscription_requests.ReceivedRequestView.as_view(),
        name="api-received-subscription-request",
    ),
    path(
        "received-subscription-requests/<id:request_id>/approve",
        subscription_requests.ReceivedRequestApproveView.as_view(),
        name="api-received-subscription-request-approve",
    ),
    path(
        "received-subscription-requests/<id:request_id>/decline",
        subscription_requests.ReceivedRequestDeclineView.as_view(),
        name="api-received-subscription-request-decline",
    ),
    path("entitlements", subscriptions.EntitlementsView.as_view(), name="api-entitlements"),
    path("saved-searches", board.SavedSearchesView.as_view(), name="api-saved-searches"),
    path("saved-searches/<id:saved_search_id>", board.SavedSearchView.as_view(), name="api-saved-search"),
    path("data-requests", board.DataRequestsView.as_view(), name="api-data-requests"),
    path("data-requests/<id:data_request_id>", board.DataRequestView.as_view(), name="api-data-request"),
    path("data-requests/<id:data_request_id>/vote", board.DataRequestVoteView.as_view(), name="api-data-request-vote"),
    path(
        "data-requests/<id:data_request_id>/answers",
        board.DataRequestAnswersView.as_view(),
        name="api-data-request-answers",
    ),
    path(
        "data-requests/<id:data_request_id>/close",
        board.DataRequestCloseView.as_view(),
        name="api-data-request-close",
    ),
    path("storage-connections", storage.StorageConnectionsView.as_view(), name="api-storage-connections"),
    path(
        "storage-connections/<id:connection_id>", storage.StorageConnectionView.as_view(), name="api-storage-connection"
    ),
    path(
        "storage-connections/<id:connection_id>/test",
        storage.StorageConnectionTestView.as_view(),
        name="api-storage-connection-test",
    ),
    path(
        "storage-connections/<id:connection_id>/entries",
        buckets.BucketEntriesView.as_view(),
        name="api-storage-connection-entries",
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
    path("deliveries/retry-failed", deliveries.DeliveriesRetryView.as_view(), name="api-deliveries-retry"),
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
    path("notifications", notifications.NotificationsView.as_view(), name="api-notifications"),
    path("notifications/read", notifications.NotificationsReadView.as_view(), name="api-notifications-read"),
    path("notifications/unread", notifications.NotificationsUnreadView.as_view(), name="api-notifications-unread"),
    path("notifications/<id:notification_id>", notifications.NotificationView.as_view(), name="api-notification"),
    path(
        "notification-settings",
        notifications.NotificationSettingsView.as_view(),
        name="api-notification-settings",
    ),
    path("organization", team.OrganizationView.as_view(), name="api-organization"),
    path("organization/leave", team.LeaveView.as_view(), name="api-organization-leave"),
    path("members", team.MembersView.as_view(), name="api-members"),
    path("members/<id:member_id>", team.MemberView.as_view(), name="api-member"),
    path("members/<id:member_id>/transfer-ownership", team.MemberTransferView.as_view(), name="api-member-transfer"),
    path("invitations", team.InvitationsView.as_view(), name="api-invitations"),
    path("invitations/<id:invitation_id>", team.InvitationView.as_view(), name="api-invitation"),
    path("invitations/<id:invitation_id>/resend", team.InvitationResendView.as_view(), name="api-invitation-resend"),
    path("audit-records", audit.AuditRecordsView.as_view(), name="api-audit-records"),
    path("audit-records/verify", audit.AuditVerifyView.as_view(), name="api-audit-verify"),
    path("tokens", credentials.TokensView.as_view(), name="api-tokens"),
    path("tokens/<id:token_id>", credentials.TokenView.as_view(), name="api-token"),
    path("tokens/<id:token_id>/rotate", credentials.TokenRotateView.as_view(), name="api-token-rotate"),
    path("access-keys", credentials.AccessKeysView.as_view(), name="api-access-keys"),
    path("access-keys/<id:key_id>", credentials.AccessKeyView.as_view(), name="api-access-key"),
    path("access-keys/<id:key_id>/rotate", credentials.AccessKeyRotateView.as_view(), name="api-access-key-rotate"),
    path("publisher-approval", operator.PublisherApprovalView.as_view(), name="api-publisher-approval"),
    path("operator/settings", operator.OperatorSettingsView.as_view(), name="api-operator-settings"),
    path("operator/settings/logo", operator.OperatorLogoView.as_view(), name="api-operator-logo"),
    path("operator/publisher-requests", operator.PublisherRequestsView.as_view(), name="api-publisher-requests"),
    path(
        "operator/organizations/<id:organization_id>/approve-publisher",
        operator.PublisherApproveView.as_view(),
        name="api-publisher-approve",
    ),
    path(
        "operator/organizations/<id:organization_id>/decline-publisher",
        operator.PublisherDeclineView.as_view(),
        name="api-publisher-decline",
    ),
    path("operator/organizations", operator.OperatedOrganizationsView.as_view(), name="api-operated-organizations"),
    path(
        "operator/organizations/<id:organization_id>",
        operator.OperatedOrganizationView.as_view(),
        name="api-operated-organization",
    ),
    path("operator/submitted-products", operator.ProductSubmissionsView.as_view(), name="api-submitted-products"),
    path(
        "operator/submitted-products/<id:product_id>/approve",
        operator.ProductApproveView.as_view(),
        name="api-product-approve",
    ),
    path(
        "operator/submitted-products/<id:product_id>/decline",
        operator.ProductDeclineView.as_view(),
        name="api-product-decline",
    ),
    path("operator/users", operator.OperatedUsersView.as_view(), name="api-operated-users"),
    path("operator/users/<int:user_id>/suspend", operator.UserSuspendView.as_view(), name="api-user-suspend"),
    path("operator/users/<int:user_id>/reactivate", operator.UserReactivateView.as_view(), name="api-user-reactivate"),
    path("operator/health", operator.OperatorHealthView.as_view(), name="api-operator-health"),
    path("operator/parked-work", operator.ParkedWorkView.as_view(), name="api-parked-work"),
    path("operator/parked-work/<int:item_id>/run-again", operator.ParkedWorkRunView.as_view(), name="api-parked-run"),
    path(
        "operator/parked-work/<int:item_id>/give-up", operator.ParkedWorkGiveUpView.as_view(), name="api-parked-give-up"
    ),
    path("operator/email-test", operator.EmailTestView.as_view(), name="api-email-test"),
    path("schema/", documentation.schema, name="api-schema"),
    path("docs/", documentation.docs, name="api-docs"),
    path("docs/<slug:section>/", documentation.docs_section, name="api-docs-section"),
    re_path(r"^[\w\W]*\Z", unknown_path, name="api-unknown"),
]
