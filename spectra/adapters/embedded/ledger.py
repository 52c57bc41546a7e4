"""The table that remembers which loads were applied.

One row per (tenant, job): open, applied or closed, with the attempt that may apply it. A load takes its
row from open to applied in its own transaction, so a load and the proof of it are one. The row also
keeps what the load came to (counts, failed records), written in that same transaction: a job whose
process died after the commit still completes with all of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from spectra.adapters.embedded.failures import is_conflict
from spectra.adapters.embedded.warehouse import LEDGER_SCHEMA, Warehouse, driver
from spectra.codec import outcomes as outcome
from spectra.domain import Effect, LoadSpec
from spectra.ports import Execution, Known, Page, Task
from spectra.sql.identifiers import quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor

__all__ = ["Ledger", "Row", "create"]

TABLE: Final = "spectra_ledger"
_TRIES: Final = 5
_PAGE: Final = 500
_T = TypeVar("_T")


@attrs.frozen
class Row:
    """A ledger row; *outcome* is set when it is applied."""

    attempt: int
    state: str
    outcome: str | None

    def execution(self, handle: str) -> Execution:
        """What the load that was applied came to."""
        assert self.outcome is not None
        return outcome.read(self.outcome, handle)


def create(cursor: Cursor, catalog: str) -> None:
    """Make the ledger if this warehouse has none yet."""
    schema = f"{quote(catalog)}.{quote(LEDGER_SCHEMA)}"
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {schema}.{TABLE} ("
        " tenant_id VARCHAR NOT NULL, job_id VARCHAR NOT NULL, attempt INTEGER NOT NULL,"
        " state VARCHAR NOT NULL CHECK (state IN ('open', 'applied', 'closed')),"
        " total BIGINT, succeeded BIGINT, failed BIGINT, unprocessed BIGINT,"
        " target VARCHAR, opened_at TIMESTAMP NOT NULL, outcome VARCHAR,"
        " PRIMARY KEY (tenant_id, job_id))"
    )


class Ledger:
    """Reads and writes the ledger of one warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    @property
    def table(self) -> str:
        """The table's name; with the catalog, since a file may be called like the schema."""
        return f"{quote(self._warehouse.catalog)}.{quote(LEDGER_SCHEMA)}.{TABLE}"

    def row(self, tenant_id: str, job_id: str) -> Row | None:
        """The row of a job."""
        with self._warehouse.session() as cursor:
            return self._row(cursor, tenant_id, job_id)

    def open(self, task: Task, now: datetime) -> Row:
        """Open the task's row, or raise its attempt; return the row as it then is.

        It is the task's to apply only if it is open and carries the task's attempt.
        """

        def change(cursor: Cursor) -> Row:
            row = self._row(cursor, task.tenant_id, task.job_id)
            if row is None:
                self._insert(cursor, task, "open", now)
            elif row.state == "open" and row.attempt < task.attempt:
                cursor.execute(
                    f"UPDATE {self.table} SET attempt = $3 WHERE tenant_id = $1 AND job_id = $2",
                    [task.tenant_id, task.job_id, task.attempt],
                )
            else:
                return row
            return Row(task.attempt, "open", None)

        return self._transact(change)

    def flip(self, cursor: Cursor, task: Task) -> bool:
        """Within the load's transaction: from open to applied, if the row is still this attempt's."""
        cursor.execute(
            f"UPDATE {self.table} SET state = 'applied' WHERE tenant_id = $1 AND job_id = $2"
            " AND state = 'open' AND attempt = $3",
            [task.tenant_id, task.job_id, task.attempt],
        )
        return cursor.fetchall() == [(1,)]

    def settle(self, cursor: Cursor, task: Task, execution: Execution) -> None:
        """Within the load's transaction: keep what it came to."""
        counts = execution.counts
        assert counts is not None
        cursor.execute(
            f"UPDATE {self.table} SET total = $3, succeeded = $4, failed = $5, unprocessed = $6,"
            " outcome = $7 WHERE tenant_id = $1 AND job_id = $2",
            [
                *(task.tenant_id, task.job_id),
                *(counts.total, counts.succeeded, counts.failed, counts.unprocessed),
                outcome.written(execution),
            ],
        )

    def close(self, task: Task, now: datetime) -> Effect:
        """Close the row for good, unless it is applied; say which."""

        def change(cursor: Cursor) -> Effect:
            row = self._row(cursor, task.tenant_id, task.job_id)
            if row is None:
                self._insert(cursor, task, "closed", now)
            elif row.state == "applied":
                return Effect.APPLIED
            elif row.state == "open":
                cursor.execute(
                    f"UPDATE {self.table} SET state = 'closed' WHERE tenant_id = $1 AND job_id = $2",
                    [task.tenant_id, task.job_id],
                )
            return Effect.NONE

        return self._transact(change)

    def delete(self, tenant_id: str, job_id: str) -> None:
        """Remove the row of a job."""
        self._transact(
            lambda cursor: cursor.execute(
                f"DELETE FROM {self.table} WHERE tenant_id = $1 AND job_id = $2", [tenant_id, job_id]
            )
        )

    def page(self, older_than: datetime, after: tuple[str, str] | None) -> Page[Known]:
        """Rows opened before *older_than*, in order of (tenant, job), beginning *after* one."""
        with self._warehouse.session() as cursor:
            rows = cursor.execute(
                "SELECT tenant_id, job_id, attempt, state, epoch_ms(opened_at)"
                f" FROM {self.table} WHERE opened_at < $1 AND (tenant_id, job_id) > ($2, $3)"
                f" ORDER BY tenant_id, job_id LIMIT {_PAGE + 1}",
                [_naive(older_than), *(after or ("", ""))],
            ).fetchall()
        items = tuple(
            Known(
                tenant_id=tenant,
                job_id=job,
                attempt=attempt,
                running=False,
                state=state,
                since=datetime.fromtimestamp(ms / 1000, older_than.tzinfo),
            )
            for tenant, job, attempt, state, ms in rows[:_PAGE]
        )
        more = len(rows) > _PAGE
        return Page(items, f"{items[-1].tenant_id}/{items[-1].job_id}" if more else None)

    def _row(self, cursor: Cursor, tenant_id: str, job_id: str) -> Row | None:
        found = cursor.execute(
            f"SELECT attempt, state, outcome FROM {self.table} WHERE tenant_id = $1 AND job_id = $2",
            [tenant_id, job_id],
        ).fetchone()
        return None if found is None else Row(*found)

    def _insert(self, cursor: Cursor, task: Task, state: str, now: datetime) -> None:
        target = task.spec.object if isinstance(task.spec, LoadSpec) else None
        cursor.execute(
            f"INSERT INTO {self.table} (tenant_id, job_id, attempt, state, target, opened_at)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            [task.tenant_id, task.job_id, task.attempt, state, target, _naive(now)],
        )

    def _transact(self, change: Callable[[Cursor], _T]) -> _T:
        """Run a short transaction; DuckDB breaks conflicts off instead of waiting, so begin again."""
        duckdb = driver()
        for attempt in range(_TRIES):
            with self._warehouse.session() as cursor:
                try:
                    with _transaction(cursor):
                        return change(cursor)
                except duckdb.TransactionException as exc:
                    if attempt + 1 == _TRIES or not is_conflict(exc):
                        raise
        raise AssertionError("unreachable")


@contextlib.contextmanager
def _transaction(cursor: Cursor) -> Iterator[None]:
    cursor.execute("BEGIN")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(Exception):
            cursor.execute("ROLLBACK")
        raise


def _naive(instant: datetime) -> Any:
    """UTC without its name: the column has none, so that reading it needs no time zone data."""
    from datetime import UTC

    return instant.astimezone(UTC).replace(tzinfo=None)
