"""Monthly partitions of the tables that only grow. Each has a default partition, so that a late job loses no row."""

import logging
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.migrations.operations.base import Operation

logger = logging.getLogger(__name__)

AHEAD = 3


def _months(start: date) -> list[date]:
    index = start.year * 12 + start.month - 1
    return [date((index + n) // 12, (index + n) % 12 + 1, 1) for n in range(AHEAD + 1)]


def _make(execute: Any, table: str, start: date) -> None:
    months = _months(start)
    for first, after in pairwise(months):
        execute(
            f'CREATE TABLE IF NOT EXISTS "{table}_{first:%Y_%m}" PARTITION OF "{table}"'
            f" FOR VALUES FROM ('{first}') TO ('{after}')"
        )


def partitioned_tables() -> list[str]:
    """Return the names of our partitioned tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def prepare(today: date) -> None:
    """Create the partitions of this month and the next two where they are missing.

    A month of which the default partition already holds rows stays there: the installation slept for too long.
    """

    def attempt(statement: str) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        except IntegrityError as error:
            logger.warning("month stays in the default partition", extra={"fields": {"reason": str(error)[:200]}})

    for table in partitioned_tables():
        _make(attempt, table, today)


class PartitionByMonth(Operation):
    """Migration step: turn a table that was just created, and is empty, into one partitioned by month."""

    reversible = True

    def __init__(self, table: str, column: str) -> None:
        self.table = table
        self.column = column

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: the model looks the same."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Rebuild the empty table as a partitioned one, with its indexes, checks and foreign keys."""
        # Foreign keys of the fresh table are still deferred SQL: run them first, so that they can be read back.
        for statement in [s for s in schema_editor.deferred_sql if s.references_table(self.table)]:
            schema_editor.deferred_sql.remove(statement)
            schema_editor.execute(statement)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass",
                [self.table],
            )
            foreign_keys = cursor.fetchall()
        old = f"{self.table}_unpartitioned"
        schema_editor.execute(f'ALTER TABLE "{self.table}" RENAME TO "{old}"')
        schema_editor.execute(
            f'CREATE TABLE "{self.table}" (LIKE "{old}" INCLUDING ALL) PARTITION BY RANGE ("{self.column}")'
        )
        schema_editor.execute(f'DROP TABLE "{old}"')
        for name, definition in foreign_keys:
            schema_editor.execute(f'ALTER TABLE "{self.table}" ADD CONSTRAINT "{name}" {definition}')
        schema_editor.execute(f'CREATE TABLE "{self.table}_default" PARTITION OF "{self.table}" DEFAULT')
        _make(schema_editor.execute, self.table, datetime.now(UTC).date())

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Do nothing: the table is dropped by the step before."""

    def describe(self) -> str:
        return f"Partition {self.table} by month of {self.column}"
