"""URLs of the publisher's pages; mounted at the root."""

from django.urls import path

from publishers.views import data_sets, documents, editing, products, revisions, uploads

_REVISION = "publish/data-sets/<str:data_set_id>/revisions/<str:revision_id>"
_PRODUCT = "publish/products/<str:product_id>"

urlpatterns = [
    path("publish/data-sets", data_sets.data_sets, name="data-sets"),
    path("publish/data-sets/new", data_sets.data_set_create, name="data-set-create"),
    path("publish/data-sets/<str:data_set_id>", data_sets.data_set, name="data-set"),
    path("publish/data-sets/<str:data_set_id>/edit", data_sets.data_set_edit, name="data-set-edit"),
    path("publish/data-sets/<str:data_set_id>/delete", data_sets.data_set_delete, name="data-set-delete"),
    path("publish/data-sets/<str:data_set_id>/revisions/new", revisions.revision_create, name="revision-create"),
    path(_REVISION, revisions.revision, name="revision"),
    path(f"{_REVISION}/edit", revisions.revision_edit, name="revision-edit"),
    path(f"{_REVISION}/finalize", revisions.revision_finalize, name="revision-finalize"),
    path(f"{_REVISION}/reopen", revisions.revision_reopen, name="revision-reopen"),
    path(f"{_REVISION}/delete", revisions.revision_delete, name="revision-delete"),
    path(f"{_REVISION}/revoke", revisions.revision_revoke, name="revision-revoke"),
    path(f"{_REVISION}/assets/<str:asset_id>/download", revisions.asset_download, name="asset-download"),
    path(f"{_REVISION}/assets/<str:asset_id>/delete", revisions.asset_delete, name="asset-delete"),
    path(f"{_REVISION}/uploads", uploads.uploads, name="uploads"),
    path(f"{_REVISION}/uploads/<str:upload_id>", uploads.upload, name="upload"),
    path(f"{_REVISION}/uploads/<str:upload_id>/sign", uploads.upload_sign, name="upload-sign"),
    path(f"{_REVISION}/uploads/<str:upload_id>/complete", uploads.upload_complete, name="upload-complete"),
    path("publish/products", products.products, name="products"),
    path("publish/products/new", products.product_create, name="product-create"),
    path(_PRODUCT, editing.product_edit, name="product-edit"),
    path(f"{_PRODUCT}/draft", editing.product_draft, name="product-draft"),
    path(f"{_PRODUCT}/draft/discard", editing.product_draft_discard, name="product-draft-discard"),
    path(f"{_PRODUCT}/publish", products.product_publish, name="product-publish"),
    path(f"{_PRODUCT}/withdraw", products.product_withdraw, name="product-withdraw"),
    path(f"{_PRODUCT}/unpublish", products.product_unpublish, name="product-unpublish"),
    path(f"{_PRODUCT}/logo", products.product_logo, name="product-logo"),
    path(f"{_PRODUCT}/data-sets", products.product_data_set_add, name="product-data-set-add"),
    path(
        f"{_PRODUCT}/data-sets/<str:data_set_id>/remove",
        products.product_data_set_remove,
        name="product-data-set-remove",
    ),
    path(f"{_PRODUCT}/viewers", products.product_viewer_add, name="product-viewer-add"),
    path(f"{_PRODUCT}/viewers/<str:account_id>/remove", products.product_viewer_remove, name="product-viewer-remove"),
    path(f"{_PRODUCT}/sample", documents.product_sample_make, name="product-sample-make"),
    path(f"{_PRODUCT}/dictionary/fill", documents.product_dictionary_fill, name="product-dictionary-fill"),
    path(f"{_PRODUCT}/dictionary/import", documents.product_dictionary_import, name="product-dictionary-import"),
    path(f"{_PRODUCT}/documents", documents.product_document_add, name="product-document-add"),
    path(f"{_PRODUCT}/documents/<str:document_id>", documents.product_document, name="product-document"),
    path(
        f"{_PRODUCT}/documents/<str:document_id>/change",
        documents.product_document_change,
        name="product-document-change",
    ),
    path(
        f"{_PRODUCT}/documents/<str:document_id>/remove",
        documents.product_document_remove,
        name="product-document-remove",
    ),
]
