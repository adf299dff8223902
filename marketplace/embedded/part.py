"""What the supervisor needs to know of a child process."""

import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

CHILD = Path(__file__).with_name("child.py")


class StartFailed(Exception):
    """The installation cannot start; the message is a sentence for the person who started it."""


@dataclass(frozen=True)
class Part:
    """One supervised process.

    user: (uid, gid) to run as; None stays with the user who runs `up`.
    """

    name: str
    command: list[str]
    directory: Path
    environment: dict[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 6
    user: tuple[int, int] | None = None
    #: The process has workers of its own and replaces them itself; their deaths are told.
    has_workers: bool = False
    #: Name of the heartbeat row that this process keeps young.
    heartbeat: str = field(default="")

    def command_line(self) -> list[str]:
        """Return the command, wrapped so that the child ends when `up` is killed and runs as its own user."""
        user = f"{self.user[0]}:{self.user[1]}" if self.user else "-"
        wrapper = [sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), str(int(self.stop_signal)), user]
        return [*wrapper, *self.command]
