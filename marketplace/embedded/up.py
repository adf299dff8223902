"""`manage.py up`: start a whole installation, say when it is ready, keep it alive, end it in order."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from marketplace.embedded import apps, heartbeats, postgres, processes, store, valkey
from marketplace.embedded.part import StartFailed
from marketplace.embedded.ports import HOST, is_free, owner_of
from marketplace.embedded.state import StateDirectory
from marketplace.embedded.supervisor import Supervisor, tell

APPS = ("web", "worker", "scheduler")
PARTS = ("postgres", "valkey", "store")


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Run a whole Entrepot on this machine.")
    parser.add_argument("--state", default=".state", metavar="DIR", help="directory for data, logs and secrets")
    parser.add_argument("--port", default=8000, type=int, metavar="N", help="port of the web pages on 127.0.0.1")
    parser.add_argument("--demo", action="store_true", help="fill it with demonstration data and print the logins")
    options = parser.parse_args(arguments)
    if not 0 < options.port < 65_536:
        parser.error(f"--port must be from 1 to 65535, not {options.port}")
    os.umask(0o077)
    logging.getLogger("circus").setLevel(logging.WARNING)
    try:
        state = StateDirectory(Path(options.state))
        state.lock()
        return asyncio.run(_run(state, options.port, demo=options.demo))
    except (StartFailed, OSError) as error:
        tell(f"entrepot: {error}")
        return 1


async def _run(state: StateDirectory, port: int, *, demo: bool) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    supervisor = Supervisor(state)
    tasks = [
        asyncio.create_task(stopped.wait()),
        asyncio.create_task(supervisor.watch()),
        asyncio.create_task(_start_and_guard(state, supervisor, port, demo=demo)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # raises what ended it
    finally:
        tell("stopping")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # The parts serve until nobody is left who uses them.
        await supervisor.stop(*APPS)
        await supervisor.stop(*PARTS)
        if state.ports:
            store.forget_sockets(state)
    tell("stopped")
    return 0


async def _start_and_guard(state: StateDirectory, supervisor: Supervisor, port: int, *, demo: bool) -> None:
    leftovers = await asyncio.to_thread(processes.strays, state.path)
    if leftovers:
        tell(f"ending {len(leftovers)} processes that a former run left behind")
        await asyncio.to_thread(processes.end, leftovers, patience_s=20)
    if not is_free(port):
        raise StartFailed(f"Port {port} of {HOST} is taken by {owner_of(port)}; choose another with --port.")
    state.prepare()
    origins = [f"http://{HOST}:{port}", f"http://localhost:{port}"]
    await start_parts(state, supervisor, origins)
    state.write_endpoints(origins[0])
    printed = await start_application(state, supervisor, port, demo=demo)
    print(f"{printed}Entrepot is ready at {origins[0]}", flush=True)
    await heartbeats.watch(state, supervisor)


async def start_parts(state: StateDirectory, supervisor: Supervisor, origins: list[str]) -> None:
    """Start database, broker and store, wait until they serve, and create what the application expects in them."""
    tell("starting PostgreSQL, Valkey and SeaweedFS")
    await supervisor.start(store.part(state, origins))  # first, as it takes longest
    await supervisor.start(valkey.part(state))
    await asyncio.to_thread(postgres.create_data_directory, state)
    await supervisor.start(postgres.part(state))
    await postgres.wait_until_ready(state)
    await postgres.create_database(state)
    await valkey.wait_until_ready(state)
    await store.wait_until_ready(state)
    await store.configure(state, origins)


async def start_application(state: StateDirectory, supervisor: Supervisor, port: int, *, demo: bool) -> str:
    """Migrate, start web, worker and scheduler, wait until healthy; return what the demonstration printed."""
    tell("migrating the database and collecting static files")
    await apps.run_command(state, "migrate", "--noinput")
    await apps.run_command(state, "collectstatic", "--noinput")
    tell("starting web, worker and scheduler")
    await supervisor.start(apps.web(state, port))
    await supervisor.start(apps.worker(state))
    await supervisor.start(apps.scheduler(state))
    await apps.wait_until_healthy(state, port)
    if not demo:
        return ""
    tell("loading the demonstration")
    return await apps.run_command(state, "load_demo")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
