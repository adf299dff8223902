"""Keeps processes alive: circus starts them, writes their logs and stops them; here a death is noticed and healed."""

import asyncio
import os
import select
import shlex
import signal
import sys
from dataclasses import dataclass, field
from typing import Any

import psutil
from circus.stream import FileStream  # type: ignore[attr-defined]
from circus.watcher import Watcher

from marketplace.embedded import processes
from marketplace.embedded.part import Part, StartFailed
from marketplace.embedded.state import StateDirectory

LOOK_EVERY_S = 0.5
#: A process that lived shorter than this failed to start; its next start waits longer and longer.
SETTLED_S = 10.0
LONGEST_PAUSE_S = 15.0
LOG_BYTES = 10 * 1024 * 1024
LOG_BACKUPS = 2


def tell(sentence: str) -> None:
    """Write one line for the person who watches the terminal."""
    print(sentence, file=sys.stderr, flush=True)


@dataclass
class _Child:
    part: Part
    watcher: Any
    log: Any
    failures: int = 0
    healing: asyncio.Task[None] | None = None
    stopping: bool = False
    workers: set[int] = field(default_factory=set)
    lost_workers: list[int] = field(default_factory=list)

    @property
    def process(self) -> Any:
        """The process as circus knows it, or None while there is none."""
        return next(iter(self.watcher.processes.values()), None)


class Supervisor:
    """The processes of one state directory.

    Each is a circus Watcher without its arbiter: the arbiter reaps every child of this process, also those that others
    wait for, takes a death between two of its looks for none, and restarts at once and for ever.
    """

    def __init__(self, state: StateDirectory) -> None:
        self._state = state
        self._children: dict[str, _Child] = {}

    async def start(self, part: Part) -> None:
        """Start a process and keep it alive from now on."""
        log = FileStream(str(self._state.logs / f"{part.name}.log"), max_bytes=LOG_BYTES, backup_count=LOG_BACKUPS)
        command, *arguments = part.command_line()
        watcher = Watcher(
            part.name,
            shlex.quote(command),
            args=arguments,
            working_dir=str(part.directory),
            env=part.environment,
            stdout_stream={"stream": log},
            stderr_stream={"stream": log},
            stop_signal=part.stop_signal,
            graceful_timeout=part.stop_timeout_s,
        )
        child = self._children[part.name] = _Child(part, watcher, log)
        await watcher.start()
        if child.process is None:
            raise StartFailed(f"{part.name} could not be started: {part.command[0]}")

    async def watch(self) -> None:
        """Notice deaths and heal them, until cancelled."""
        while True:
            for child in list(self._children.values()):
                if child.stopping or child.healing:
                    continue
                if child.process is None or not child.process.is_alive():
                    child.healing = asyncio.create_task(self._heal(child))
                elif child.part.has_workers:
                    _tell_replaced_workers(child)
            await asyncio.sleep(LOOK_EVERY_S)

    def kill_silent(self, heartbeats: list[str], limit_s: float) -> None:
        """Kill the processes with these heartbeats that had limit_s to beat and did not; they are then restarted."""
        for child in self._children.values():
            process = child.process
            if child.part.heartbeat not in heartbeats or child.stopping or process is None or process.age() < limit_s:
                continue
            tell(f"{child.part.name} (pid {process.pid}) gave no heartbeat for {limit_s:.0f} s; killing it")
            process.send_signal(signal.SIGKILL)

    async def stop(self, *names: str) -> None:
        """End processes and what they started, all at the same time, and wait until they are gone."""
        children = [self._children.pop(name) for name in names if name in self._children]
        await asyncio.gather(*(self._stop(child) for child in children))

    async def _stop(self, child: _Child) -> None:
        child.stopping = True
        if child.healing:
            child.healing.cancel()
            await asyncio.gather(child.healing, return_exceptions=True)
        await child.watcher.stop()
        await self._end_strays(child)

    async def _heal(self, child: _Child) -> None:
        name, process = child.part.name, child.process
        died = f"{name} did not start"
        if process is not None:
            died = f"{name} (pid {process.pid}) {_describe(process.returncode())}"
            child.failures = child.failures + 1 if process.age() < SETTLED_S else 0
            _save_last_words(child, process)
            child.watcher.reap_process(process.pid)
        # What it started may hold its port or its shared memory.
        await self._end_strays(child)
        pause_s = min(2.0 ** (child.failures - 2), LONGEST_PAUSE_S) if child.failures else 0
        if child.failures > 1:
            died += f" after its start, see {child.log._filename}"
        await asyncio.sleep(pause_s)
        child.workers, child.lost_workers = set(), []
        child.watcher.spawn_process()
        if child.process is not None:
            tell(f"{died}; restarted as pid {child.process.pid}")
        else:
            child.failures += 1
            tell(f"{died}; it cannot be started now, trying again")
        child.healing = None

    async def _end_strays(self, child: _Child) -> None:
        def find_and_end() -> None:
            found = processes.strays(self._state.path, child.part.name)
            processes.end(found)

        await asyncio.to_thread(find_and_end)


def _describe(returncode: int | None) -> str:
    if returncode is None:
        return "ended"
    return f"died by signal {-returncode}" if returncode < 0 else f"exited with code {returncode}"


def _save_last_words(child: _Child, process: Any) -> None:
    """Write what is left in the pipes to the log, and have circus let go of them.

    It closes them without taking them from the event loop when a grandchild still holds the other end.
    """
    for pipe in (process.stdout, process.stderr):
        while select.select([pipe], [], [], 0)[0]:
            data = os.read(pipe.fileno(), 65_536)
            if not data:
                break
            child.log({"data": data, "pid": process.pid})
    child.watcher.stream_redirector.remove_redirections(process)


def _tell_replaced_workers(child: _Child) -> None:
    try:
        now = {process.pid for process in psutil.Process(child.process.pid).children()}
    except psutil.Error:
        return
    child.lost_workers += sorted(child.workers - now)
    for pid in sorted(now - child.workers):
        if child.lost_workers:
            tell(f"{child.part.name} worker (pid {child.lost_workers.pop(0)}) died; replaced by pid {pid}")
    child.workers = now
