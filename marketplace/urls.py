"""What is mounted where."""

from importlib.util import find_spec

from django.urls import include, path

from marketplace.console.health import healthz
from marketplace.core.brand import brand_css

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("brand.css", brand_css, name="brand-css"),
    path("accounts/", include("allauth.urls")),
]
for prefix, m in (
    ("", "marketplace.storefront.urls"),
    ("", "marketplace.console.urls"),
    ("api/", "marketplace.console.api.urls"),
    ("", "publishers.urls"),
    ("", "jobs.urls"),
    ("data/", "dataapi.urls"),
    ("", "marketplace.awsapi.urls"),
):
    if find_spec(m):
        urlpatterns.append(path(prefix, include(m)))
