"""Paths of the AWS-shaped APIs; everything below them is routed by the service models."""

from django.urls import re_path

from marketplace.awsapi.views import serve

app_name = "awsapi"
urlpatterns = [re_path(r"(?s)^(?:v1|tags)(?:/.*)?$", serve, name="serve")]
