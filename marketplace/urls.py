"""What is mounted where."""

from django.urls import include, path

from marketplace.console.health import healthz
from marketplace.core.brand import brand_css

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("brand.css", brand_css, name="brand-css"),
    path("accounts/", include("allauth.urls")),
    path("api/", include("marketplace.console.api.urls")),
    path("data/", include("dataapi.urls")),
    path("", include("marketplace.storefront.urls")),
    path("", include("marketplace.console.urls")),
    path("", include("publishers.urls")),
    path("", include("jobs.urls")),
    path("", include("marketplace.awsapi.urls")),
]
