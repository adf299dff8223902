"""What is mounted where."""

from django.urls import include, path

from marketplace.console.admin import site as tables
from marketplace.console.health import healthz
from marketplace.core.brand import brand_css, brand_logo

handler400 = "marketplace.core.pages.bad_request"
urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("brand.css", brand_css, name="brand-css"),
    path("brand/logo", brand_logo, name="brand-logo"),
    path("admin/", tables.urls),
    path("accounts/", include("allauth.urls")),
    path("api/", include("marketplace.console.api.urls")),
    path("data/", include("dataapi.urls")),
    path("", include("marketplace.storefront.urls")),
    path("", include("marketplace.console.operator.urls")),
    path("", include("marketplace.console.urls")),
    path("", include("publishers.urls")),
    path("", include("jobs.urls")),
    path("", include("marketplace.awsapi.urls")),
]
