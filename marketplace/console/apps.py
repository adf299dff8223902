"""Configuration of the console: account, operator and cross-cutting pages, and the marketplace API."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ConsoleConfig(AppConfig):
    name = "marketplace.console"
    label = "console"

    def ready(self) -> None:
        """Load the Celery application, every task and every API handler, so that names resolve in each process."""
        import_module("marketplace.celery")
        autodiscover_modules("tasks", "api")
