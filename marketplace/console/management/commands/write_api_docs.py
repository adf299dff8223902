"""Write docs/openapi.json, and the generated parts of docs/api.md; the same input gives the same bytes."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.console.api.guide import UnknownPart, fill
from marketplace.console.api.schema import document


class Command(BaseCommand):
    help = __doc__
    # Nothing is read from the database, which need not exist.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--directory", type=Path, default=settings.BASE_DIR / "docs", help="where api.md is and openapi.json goes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        guide: Path = options["directory"] / "api.md"
        try:
            filled = fill(guide.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CommandError(f"There is no {guide}: give --directory a directory that has it.") from None
        except UnknownPart as unknown:
            raise CommandError(f"{guide} marks a part that nothing generates. {unknown.args[0]}.") from None
        guide.write_text(filled, encoding="utf-8")
        written = json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True)
        (options["directory"] / "openapi.json").write_text(f"{written}\n", encoding="utf-8")
