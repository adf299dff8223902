"""Finds and ends processes that belong to a state directory, whoever their parent is by now."""

import contextlib
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

#: Environment variable of every child: "<part> <state directory>". Grandchildren inherit it.
MARK = "ENTREPOT_PART"


def mark(directory: Path, name: str) -> str:
    """Return what a child of that name carries in MARK."""
    return f"{name} {directory}"


def strays(directory: Path, name: str = "") -> list[psutil.Process]:
    """Return the running processes of one part, or of all parts, of a state directory, with their descendants."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if _belongs(process, directory, name):
                for relative in [process, *process.children(recursive=True)]:
                    found[relative.pid] = relative
        except psutil.Error:
            continue  # it ended meanwhile, is a zombie, or belongs to somebody else
    return list(found.values())


def end(processes: Iterable[psutil.Process], *, patience_s: float = 0) -> None:
    """Ask processes to end, kill those that are left after patience_s, and wait until all are gone."""
    alive = list(processes)
    if patience_s:
        for process in alive:
            # SIGTERM would make PostgreSQL wait for its clients; SIGINT makes it disconnect them.
            _signal(process, signal.SIGINT if _is_postgres(process) else signal.SIGTERM)
        _, alive = psutil.wait_procs(alive, timeout=patience_s)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)


def _belongs(process: psutil.Process, directory: Path, name: str) -> bool:
    # A PostgreSQL backend and Valkey write their titles over their environment, so that the mark cannot be read.
    part = {"postgres": "postgres", "valkey-server": "valkey"}.get(process.name())
    if part and name in ("", part) and process.cwd() == str(directory / part):
        return True
    part, _, owner = process.environ().get(MARK, "").partition(" ")
    return owner == str(directory) and name in ("", part)


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return bool(process.name() == "postgres")
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
