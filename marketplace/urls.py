"""What is mounted where."""

from importlib.util import find_spec

from django.urls import include, path

from marketplace.console.health import healthz

urlpatterns = [path("healthz", healthz, name="healthz"), path("accounts/", include("allauth.urls"))]
for m in (
    "marketplace.storefront.urls",
    "marketplace.console.urls",
    "publishers.urls",
    "jobs.urls",
    "dataapi.urls",
    "marketplace.awsapi.urls",
):
    if find_spec(m):
        urlpatterns.append(path("", include(m)))
