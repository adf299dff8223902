"""The product's addresses, and a JSON view that does one indexed query and nothing else."""

from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from publishers.models import DataSet


def trivial(request: HttpRequest, data_set_id: str) -> JsonResponse:
    """Answer one row by its primary key."""
    fields = ("id", "name", "description", "asset_type", "created_at", "updated_at", "tags")
    return JsonResponse(DataSet.objects.values(*fields).get(pk=data_set_id))


urlpatterns = [path("bench/<str:data_set_id>", trivial), path("", include("marketplace.urls"))]
