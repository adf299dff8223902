"""The Celery application. A message is a hint that work rows are due; PostgreSQL holds the truth (docs/architecture.md)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.main")
app = Celery("entrepot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
