#!/usr/bin/env python
"""Run a management command of Entrepot."""

import os
import sys


def main() -> None:
    """Point Django at the settings and hand over the command line."""
    if sys.argv[1:2] == ["up"]:
        # It makes the database and the secrets without which the settings refuse to load.
        from marketplace.embedded.up import main as up

        sys.exit(up(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.main")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
