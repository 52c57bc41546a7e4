"""The tables that remember which loads were applied.

One row per (tenant, job): open, applied or closed, with the attempt that may apply it. A load takes its
row from open to applied in its own transaction, so a load and the proof of it are one.

Redshift enforces no keys. What makes a row single, and a change of it exact at every isolation level,
is that each transaction begins with LOCK on the table: its snapshot is taken after that. There are
16 tables, by target, so that only loads which would queue on their target queue here. No statement
below depends on what another one found, so that they can run as one batch, too.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import attrs

from spectra.codec import outcomes as outcome
from spectra.domain import LoadSpec
from spectra.domain.instants import utc_ms
from spectra.ports import Execution, Task
from spectra.sql.identifiers import quote
from spectra.sql.literals import literal

__all__ = ["LedgerSql", "Row", "guard"]

TABLES: Final = 16
_NAMES: Final = tuple(f"ledger_{number:02}" for number in range(TABLES))


@attrs.frozen
class Row:
    """A ledger row; *outcome* is set when it is applied."""

    attempt: int
    state: str
    outcome: str | None

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> Row:
        """The row as `LedgerSql.find` selects it."""
        return cls(int(values[0]), str(values[1]).strip(), values[2])

    def execution(self) -> Execution:
        """What the load that was applied came to."""
        assert self.outcome is not None
        return outcome.read(self.outcome)


def _text(value: str) -> str:
    return literal(value, "redshift")


@attrs.frozen
class LedgerSql:
    """The ledger's statements; *schema* is where its tables are."""

    schema: str

    def look(self) -> str:
        """The names of its tables that are there."""
        return f"SELECT tablename FROM pg_tables WHERE schemaname = {_text(self.schema)}"

    def create(self, there: Collection[str]) -> list[str]:
        """Make what is missing, when those of the names *there* are there."""
        schema = [] if there else [f"CREATE SCHEMA IF NOT EXISTS {quote(self.schema)}"]
        return schema + [
            f"CREATE TABLE IF NOT EXISTS {table} ("
            "tenant_id VARCHAR(128) NOT NULL, job_id VARCHAR(128) NOT NULL, attempt INTEGER NOT NULL, "
            "state VARCHAR(16) NOT NULL, target VARCHAR(4096), opened_at TIMESTAMP NOT NULL, "
            "outcome VARCHAR(65535))"
            for name, table in zip(_NAMES, self.tables(), strict=True)
            if name not in there
        ]

    def tables(self) -> list[str]:
        """All of them."""
        return [f"{quote(self.schema)}.{quote(name)}" for name in _NAMES]

    def table(self, spec: LoadSpec) -> str:
        """The one for loads like *spec*."""
        return self.tables()[zlib.crc32(spec.object.strip().lower().encode()) % TABLES]

    def lock(self, table: str) -> str:
        """Take *table* for the rest of the transaction."""
        return f"LOCK TABLE {table}"

    def open(self, task: Task, now: datetime) -> list[str]:
        """After `lock`: make the row if there is none, or raise the attempt of an open one."""
        return [
            self._insert(task, "open", now),
            (
                f"UPDATE {self._table(task)} SET attempt = {task.attempt}"
                f" WHERE {_is(task)} AND state = 'open' AND attempt < {task.attempt}"
            ),
        ]

    def flip(self, task: Task) -> str:
        """After `lock`: from open to applied, if the row is still this attempt's; one row, or none."""
        return (
            f"UPDATE {self._table(task)} SET state = 'applied'"
            f" WHERE {_is(task)} AND state = 'open' AND attempt = {task.attempt}"
        )

    def check_flipped(self, task: Task) -> str:
        """After `flip`: fails on purpose, unless it was done just now."""
        return guard(
            f"SELECT count(*) FROM {self._table(task)} WHERE {_is(task)} AND state = 'applied'"
            f" AND attempt = {task.attempt} AND outcome IS NULL",
            1,
            "superseded",
        )

    def settle(self, task: Task, execution: Execution) -> str:
        """After `flip`: keep what the load came to."""
        return (
            f"UPDATE {self._table(task)} SET outcome = {_text(outcome.written(execution))} WHERE {_is(task)}"
        )

    def close(self, task: Task, now: datetime) -> list[str]:
        """After `lock`: close the row for good, unless it is applied; make a closed one if there is none."""
        return [
            self._insert(task, "closed", now),
            f"UPDATE {self._table(task)} SET state = 'closed' WHERE {_is(task)} AND state = 'open'",
        ]

    def find(self, task: Task) -> str:
        """Attempt, state and outcome of the row; see `Row.of`."""
        return f"SELECT attempt, state, outcome FROM {self._table(task)} WHERE {_is(task)}"

    def find_anywhere(self, tenant_id: str, job_id: str) -> str:
        """The numbers of the tables that have a row of a job."""
        where = _of(tenant_id, job_id)
        return " UNION ALL ".join(
            f"SELECT {number} FROM {table} WHERE {where}" for number, table in enumerate(self.tables())
        )

    def delete(self, table: str, tenant_id: str, job_id: str) -> str:
        """After `lock`: remove the row of a job."""
        return f"DELETE FROM {table} WHERE {_of(tenant_id, job_id)}"

    def page(self, older_than: datetime, after: tuple[str, str], limit: int) -> str:
        """Tenant, job, attempt, state and instant of rows opened before *older_than*, in order."""
        rows = " UNION ALL ".join(
            f"SELECT tenant_id, job_id, attempt, state, opened_at FROM {table}" for table in self.tables()
        )
        tenant, job = map(_text, after)
        return (
            f"SELECT tenant_id, job_id, attempt, state, opened_at FROM ({rows}) AS known"
            f" WHERE opened_at < {_instant(older_than)}"
            f" AND (tenant_id > {tenant} OR (tenant_id = {tenant} AND job_id > {job}))"
            f" ORDER BY tenant_id, job_id LIMIT {limit}"
        )

    def _table(self, task: Task) -> str:
        assert isinstance(task.spec, LoadSpec)
        return self.table(task.spec)

    def _insert(self, task: Task, state: str, now: datetime) -> str:
        assert isinstance(task.spec, LoadSpec)
        table = self._table(task)
        values = ", ".join(
            [
                *map(_text, (task.tenant_id, task.job_id)),
                str(task.attempt),
                _text(state),
                _text(task.spec.object),
                _instant(now),
            ]
        )
        return (
            f"INSERT INTO {table} (tenant_id, job_id, attempt, state, target, opened_at) SELECT {values}"
            f" WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {_is(task)})"
        )


def guard(count: str, wanted: int, word: str) -> str:
    """A statement that fails, with *word* in its text, unless the query *count* gives *wanted*."""
    return (
        f"SELECT CAST(CASE WHEN g.n = {wanted} THEN '{wanted}' ELSE 'spectra: {word}' END AS INTEGER)"
        f" FROM (SELECT ({count}) AS n) AS g"
    )


def _is(task: Task) -> str:
    return _of(task.tenant_id, task.job_id)


def _of(tenant_id: str, job_id: str) -> str:
    return f"tenant_id = {_text(tenant_id)} AND job_id = {_text(job_id)}"


def _instant(value: datetime) -> str:
    return f"TIMESTAMP '{utc_ms(value).replace(tzinfo=None).isoformat(' ')}'"
