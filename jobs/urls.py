"""URLs of the pages of jobs; mounted at the root."""

from django.urls import path

from jobs.views import auto_exports, deliveries, imports

urlpatterns = [
    path("auto-exports", auto_exports.auto_exports, name="auto-exports"),
    path("auto-exports/new", auto_exports.auto_export_create, name="auto-export-create"),
    path("auto-exports/<str:auto_export_id>/pause", auto_exports.auto_export_pause, name="auto-export-pause"),
    path("auto-exports/<str:auto_export_id>/resume", auto_exports.auto_export_resume, name="auto-export-resume"),
    path("auto-exports/<str:auto_export_id>/delete", auto_exports.auto_export_delete, name="auto-export-delete"),
    path("deliveries", deliveries.deliveries, name="deliveries"),
    path("deliveries/retry-failed", deliveries.deliveries_retry, name="deliveries-retry"),
    path("deliveries/<str:job_id>", deliveries.delivery, name="delivery"),
    path("deliveries/<str:job_id>/retry", deliveries.delivery_retry, name="delivery-retry"),
    path("exports/new", deliveries.export_create, name="export-create"),
    path(
        "publish/data-sets/<str:data_set_id>/revisions/<str:revision_id>/import",
        imports.import_create,
        name="import-create",
    ),
    path("imports/<str:job_id>", imports.import_, name="import"),
    path("imports/<str:job_id>/retry", imports.import_retry, name="import-retry"),
]
