"""What is mounted where."""

from django.urls import path

urlpatterns: list = []
