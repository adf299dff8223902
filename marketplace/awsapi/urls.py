"""Paths of the AWS-shaped APIs; everything below them is routed by the service models."""

from django.urls import re_path

from marketplace.awsapi.views import serve

app_name = "awsapi"
# [\w\W] also takes line ends, which `.` and the path converters do not: such paths get an answer of AWS's shape too.
urlpatterns = [
    re_path(r"^v1(?:/[\w\W]*)?\Z", serve, name="v1"),
    re_path(r"^tags(?:/[\w\W]*)?\Z", serve, name="tags"),
]
