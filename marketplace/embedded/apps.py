"""The application's processes: web, worker, scheduler, and the commands that run once before them."""

import asyncio
import http.client
import signal
import sys
from pathlib import Path

from marketplace.embedded.part import Part, StartFailed
from marketplace.embedded.ports import HOST
from marketplace.embedded.state import StateDirectory

ROOT = Path(__file__).resolve().parent.parent.parent
WORKER_NAME = "worker-1"
SCHEDULER_NAME = "scheduler"


def _environment(state: StateDirectory, name: str, **more: str) -> dict[str, str]:
    """Return the environment of a process of the application: the state directory tells it all the rest."""
    return state.environment(
        name,
        ENTREPOT_STATE=str(state.path),
        STATIC_ROOT=str(state.path / "static"),
        DJANGO_SETTINGS_MODULE="marketplace.settings.main",
        # No credentials of this machine, and no proxy between parts that all stand on it.
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY="127.0.0.1,localhost",
        no_proxy="127.0.0.1,localhost",
        PYTHONUNBUFFERED="1",
        # glibc otherwise keeps what parts of large files took: a worker grew to 430 MB instead of 260.
        MALLOC_ARENA_MAX="4",
        MALLOC_MMAP_THRESHOLD_="1048576",
        **more,
    )


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def web(state: StateDirectory, port: int) -> Part:
    """Return the web server."""
    options = ["--interface", "wsgi", "--host", HOST, "--port", str(port), "--no-ws"]
    sizes = ["--workers", "2", "--blocking-threads", "2", "--respawn-failed-workers"]
    # A worker that is asked to end while it still starts never does, and granian waits for it without a limit.
    sizes += ["--workers-kill-timeout", "4"]
    return Part(
        name="web",
        command=[_script("granian"), *options, *sizes, "marketplace.wsgi:application"],
        directory=ROOT,
        environment=_environment(state, "web"),
        has_workers=True,
    )


def worker(state: StateDirectory) -> Part:
    """Return the worker that does what rows and events ask for."""
    options = ["--pool", "threads", "--concurrency", "4", "-n", f"{WORKER_NAME}@%h"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Part(
        name="worker",
        command=[_script("celery"), "-A", "marketplace.celery", "worker", *options, *quiet],
        directory=ROOT,
        environment=_environment(state, "worker", ENTREPOT_WORKER_NAME=WORKER_NAME),
        heartbeat=WORKER_NAME,
    )


def scheduler(state: StateDirectory) -> Part:
    """Return the process that runs the clock."""
    return Part(
        name="scheduler",
        command=[sys.executable, str(ROOT / "manage.py"), "scheduler"],
        directory=ROOT,
        environment=_environment(state, "scheduler"),
        heartbeat=SCHEDULER_NAME,
    )


async def run_command(state: StateDirectory, *arguments: str) -> str:
    """Run a management command and return what it printed; its log is DIR/logs/<command>.log.

    Raises StartFailed with the end of the log when it fails.
    """
    name = arguments[0]
    log = state.logs / f"{name}.log"
    part = Part(
        name=name,
        command=[sys.executable, str(ROOT / "manage.py"), *arguments],
        directory=ROOT,
        environment=_environment(state, name),
    )
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *part.command_line(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=part.directory,
            env=part.environment,
            start_new_session=True,  # a Ctrl-C is for us; we end it in order
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.send_signal(signal.SIGKILL)
            await process.wait()
            raise
        errors.write(output)
    if process.returncode != 0:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise StartFailed(f"`manage.py {' '.join(arguments)}` failed; see {log}:\n{last}")
    return output.decode(errors="replace")


async def wait_until_healthy(state: StateDirectory, port: int, timeout_s: float = 90) -> None:
    """Return when the web server says that it is healthy; raise StartFailed when it does not within timeout_s."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while (answer := await asyncio.to_thread(_ask_health, port)) != "200":
        if asyncio.get_running_loop().time() > deadline:
            raise StartFailed(f"The web server is not healthy ({answer}); see {state.logs / 'web.log'}.")
        await asyncio.sleep(0.3)


def _ask_health(port: int) -> str:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
