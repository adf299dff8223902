"""Configuration of the data API application."""

from django.apps import AppConfig


class DataApiConfig(AppConfig):
    name = "dataapi"
