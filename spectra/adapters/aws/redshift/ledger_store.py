"""The ledger over connections: each change a short transaction that begins with LOCK."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import UTC, datetime
from typing import Any, Final

from spectra.adapters.aws.redshift.channel import Channel, Channels, StatementError
from spectra.adapters.aws.redshift.failures import is_cancel, is_conflict, is_there, sessions_end
from spectra.adapters.aws.redshift.ledger import LedgerSql, Row
from spectra.domain import Effect, LoadSpec
from spectra.errors import BackendError, BackendUnavailableError
from spectra.ports import Clock, Known, Page, Task

__all__ = ["Ledger", "LedgerBusyError"]

_TRIES: Final = 8
_PAGE: Final = 500
_OPEN_WAIT: Final = 600.0
_CLOSE_WAIT: Final = 4.0


class LedgerBusyError(Exception):
    """Another transaction keeps the ledger for longer than was waited for."""


class Ledger:
    """Reads and writes the ledger of one warehouse, as the connections' own user."""

    def __init__(self, connections: Channels, schema: str, clock: Clock) -> None:
        self.sql = LedgerSql(schema)
        self._connections = connections
        self._clock = clock
        self._lock = threading.Lock()
        self._made = False

    def prepare(self) -> None:
        """Make those of its tables that are missing; it looks once in each process."""
        with self._lock:
            if self._made:
                return
            with self._connections.ask("spectra:ledger") as connection:
                there = {str(name) for (name,) in connection.run(self.sql.look())}
                for statement in self.sql.create(there):
                    _again(connection, statement)
            self._made = True

    def open(self, task: Task) -> Row:
        """Make the row, or raise its attempt; as it is afterwards."""
        return self._change(task, self.sql.open(task, self._clock.now()), _OPEN_WAIT)

    def close(self, task: Task) -> Effect:
        """Close the row for good, unless it is applied; PENDING if another transaction has the table."""
        self.prepare()
        try:
            row = self._change(task, self.sql.close(task, self._clock.now()), _CLOSE_WAIT)
        except LedgerBusyError:
            return Effect.PENDING
        return Effect.APPLIED if row.state == "applied" else Effect.NONE

    def settled(self, task: Task) -> Row | None:
        """The row when no transaction is under way that could change it."""
        with contextlib.suppress(LedgerBusyError):
            return self._change(task, [], _OPEN_WAIT)
        return None

    def row(self, task: Task) -> Row | None:
        """The row, as far as it is committed."""
        self.prepare()
        with self._connections.ask("spectra:ledger") as connection:
            return _row(connection.run(self.sql.find(task)))

    def delete(self, tenant_id: str, job_id: str) -> None:
        """Remove the row of a job."""
        self.prepare()
        with self._connections.ask("spectra:ledger") as connection:
            for (number,) in connection.run(self.sql.find_anywhere(tenant_id, job_id)):
                table = self.sql.tables()[int(number)]
                self._transact(connection, table, [self.sql.delete(table, tenant_id, job_id)], _OPEN_WAIT)

    def page(self, older_than: datetime, after: tuple[str, str]) -> Page[Known]:
        """Rows opened before *older_than*, in order of (tenant, job), beginning *after* one."""
        self.prepare()
        with self._connections.ask("spectra:ledger") as connection:
            rows = connection.run(self.sql.page(older_than, after, _PAGE + 1))
        items = tuple(
            Known(
                tenant_id=str(tenant),
                job_id=str(job),
                attempt=int(attempt),
                running=False,
                state=str(state).strip(),
                since=since.replace(tzinfo=UTC),
            )
            for tenant, job, attempt, state, since in rows[:_PAGE]
        )
        more = len(rows) > _PAGE
        return Page(items, f"{items[-1].tenant_id}/{items[-1].job_id}" if more else None)

    def _change(self, task: Task, statements: list[str], wait: float) -> Row:
        assert isinstance(task.spec, LoadSpec)
        self.prepare()
        with self._connections.ask("spectra:ledger") as connection:
            table = self.sql.table(task.spec)
            row = _row(self._transact(connection, table, [*statements, self.sql.find(task)], wait))
        if row is None:
            raise BackendError("the ledger has no row of this job")
        return row

    def _transact(
        self, connection: Channel, table: str, statements: list[str], wait: float
    ) -> list[tuple[Any, ...]]:
        """The rows of the last statement; what conflicts is begun again."""
        bound = f"SET LOCAL statement_timeout TO {round(wait * 1000)}"
        for attempt in range(_TRIES):
            try:
                return connection.transaction([bound, self.sql.lock(table), *statements])[-1][1]
            except StatementError as failed:
                exc = failed.cause
                if connection.broken or sessions_end(exc):
                    raise BackendUnavailableError("the connection to Redshift broke at the ledger") from exc
                if is_cancel(exc):
                    raise LedgerBusyError from exc
                if attempt + 1 == _TRIES or not is_conflict(exc):
                    raise exc from None
                time.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")


def _row(rows: list[tuple[Any, ...]]) -> Row | None:
    return Row.of(rows[0]) if rows else None


def _again(connection: Channel, statement: str) -> None:
    """Of processes that make one table at once all but one are refused, in spite of IF NOT EXISTS."""
    for attempt in range(_TRIES):
        try:
            connection.run(statement)
        except Exception as exc:
            if attempt + 1 == _TRIES or not (is_conflict(exc) or is_there(exc)):
                raise
            time.sleep(0.05 * 2**attempt)
        else:
            return
