"""URLs of the publisher's pages; mounted at the root."""

from django.urls import path

from publishers.views import data_sets, products, revisions, uploads

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
    path(_PRODUCT, products.product_edit, name="product-edit"),
    path(f"{_PRODUCT}/publish", products.product_publish, name="product-publish"),
    path(f"{_PRODUCT}/unpublish", products.product_unpublish, name="product-unpublish"),
    path(f"{_PRODUCT}/logo", products.product_logo, name="product-logo"),
    path(f"{_PRODUCT}/data-sets", products.product_data_set_add, name="product-data-set-add"),
    path(
        f"{_PRODUCT}/data-sets/<str:data_set_id>/remove",
        products.product_data_set_remove,
        name="product-data-set-remove",
    ),
]
