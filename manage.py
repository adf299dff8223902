#!/usr/bin/env python
"""Run a management command of Entrepot."""

import os
import sys


def main() -> None:
    """Point Django at the settings and hand over the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.main")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
