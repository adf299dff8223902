"""Judges workers by their heartbeat rows: a process can live without doing anything."""

import asyncio

import psycopg

from marketplace.embedded.state import StateDirectory
from marketplace.embedded.supervisor import Supervisor

LOOK_EVERY_S = 10
#: A process writes its row every 10 s.
LIMIT_S = 60

_STALE = """
    SELECT name FROM core_worker_heartbeat WHERE now() - beat_at > make_interval(secs => %s)
"""


async def watch(state: StateDirectory, supervisor: Supervisor) -> None:
    """Kill processes whose heartbeat is stale, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            async with await psycopg.AsyncConnection.connect(state.database_url(), connect_timeout=3) as connection:
                rows = await (await connection.execute(_STALE, [LIMIT_S])).fetchall()
        except psycopg.Error:
            continue  # the database is away: nobody can write a heartbeat now
        supervisor.kill_silent([name for (name,) in rows], LIMIT_S)
