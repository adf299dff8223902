"""Load the demo: publishers with real public data, and a subscriber whose auto-exports run."""

from typing import Any

from django.core.management.base import BaseCommand

from marketplace.demo.load import load


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        load(self.stdout.write)
