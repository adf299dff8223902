"""Paths of the AWS-shaped APIs; everything below them is routed by the service models."""

import re

from django.urls import re_path

from marketplace.awsapi.service import load_service
from marketplace.awsapi.views import serve

app_name = "awsapi"
_CATALOG = "|".join(
    sorted(
        re.escape(operation.request_uri[1:]) for operation in load_service("marketplace-catalog").operations.values()
    )
)
# [\w\W] also takes line ends, which `.` and the path converters do not: such paths get an answer of AWS's shape too.
# Calls of the JSON protocols come to `/`, which they share with the front page: see views.with_calls.
urlpatterns = [
    re_path(r"^v1(?:/[\w\W]*)?\Z", serve, name="v1"),
    re_path(r"^tags(?:/[\w\W]*)?\Z", serve, name="tags"),
    re_path(rf"^(?:{_CATALOG})\Z", serve, name="catalog"),
]
