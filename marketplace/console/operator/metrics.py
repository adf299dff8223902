"""The figures of health in Prometheus' text format 0.0.4."""

from collections.abc import Iterable

from marketplace.console.operator.health import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[dict[str, str], float]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _family(name: str, help_text: str, samples: Iterable[Sample]) -> list[str]:
    lines = [f"# HELP entrepot_{name} {help_text}", f"# TYPE entrepot_{name} gauge"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"entrepot_{name}{{{inner}}} {value:g}" if inner else f"entrepot_{name} {value:g}")
    return lines


def exposition(health: Health) -> str:
    """Return one gauge family after the other; a part that does not answer has entrepot_up 0 and no figures."""
    up = {"database": health.database, "broker": health.broker_s, "object_store": health.store}
    lines = _family("up", "1 when the part answers.", [({"part": n}, 0 if v is None else 1) for n, v in up.items()])
    if health.database is not None:
        database = health.database
        lines += _family("database_bytes", "Size of the database.", [({}, database.size_bytes)])
        lines += _family("database_connections", "Open connections.", [({}, database.connections)])
        lines += _family(
            "database_oldest_transaction_seconds",
            "Age of the oldest open transaction.",
            [({}, database.oldest_transaction_s)],
        )
    if health.store is not None:
        lines += _family("store_write_seconds", "Time to write a small object.", [({}, health.store.write_s)])
        lines += _family("store_read_seconds", "Time to read a small object.", [({}, health.store.read_s)])
        lines += _family("vault_bytes", "Bytes of all published and draft files.", [({}, health.store.vault_bytes)])
    if health.broker_s is not None:
        lines += _family("broker_seconds", "Time until the broker answers.", [({}, health.broker_s)])
    states = ("pending", "due", "running", "parked", "failed", "done")
    lines += _family(
        "work_items",
        "Work rows by task and state; failed and done within the last hour.",
        [({"task": row.task, "state": state}, getattr(row, state)) for row in health.work for state in states],
    )
    lines += _family("work_oldest_due_seconds", "How long the oldest due work has waited.", [({}, health.oldest_due_s)])
    lines += _family(
        "process_silent_seconds",
        "Seconds since the last heartbeat of a worker or scheduler.",
        [({"name": process.name}, process.silent_s) for process in health.processes],
    )
    lines += _family(
        "disk_free_bytes", "Free space of a volume.", [({"path": disk.path}, disk.free_bytes) for disk in health.disks]
    )
    lines += _family(
        "disk_total_bytes", "Size of a volume.", [({"path": disk.path}, disk.total_bytes) for disk in health.disks]
    )
    return "\n".join(lines) + "\n"
