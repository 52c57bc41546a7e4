"""Small reads: at most so many rows, within a time."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Self

from spectra.adapters.embedded.failures import WorkError, is_interrupt
from spectra.adapters.embedded.statement import prepare
from spectra.adapters.embedded.warehouse import Warehouse, driver
from spectra.domain import Column
from spectra.errors import ExecutorError, QueryTimeoutError
from spectra.ports import Query, QueryResult

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor

__all__ = ["run"]


def run(warehouse: Warehouse, query: Query) -> QueryResult:
    """Run *query* on a cursor of its own.

    DuckDB streams: one row more than asked for is fetched, and the rest is never computed.

    Raises:
        QueryTimeoutError: cancelled at its timeout.
        ExecutorError: DuckDB refused it.
    """
    duckdb = driver()
    started = time.monotonic()
    with closing(warehouse.cursor()) as cursor, warehouse.translated():
        with _Deadline(cursor, query.timeout) as deadline:
            try:
                statement = prepare(cursor, query.sql, query.parameters)
            except WorkError as exc:
                raise ExecutorError(exc.error) from exc
            try:
                cursor.execute(statement.sql)
                rows = cursor.fetchmany(query.limit + 1)
            except duckdb.FatalException:
                raise
            except duckdb.Error as exc:
                if deadline.passed and is_interrupt(exc):
                    raise QueryTimeoutError(query.timeout) from exc
                raise ExecutorError(statement.error(exc, "")) from exc
        columns = tuple(Column(name, str(kind)) for name, kind, *_ in cursor.description or ())
    return QueryResult(
        columns=columns,
        rows=tuple(rows[: query.limit]),
        truncated=len(rows) > query.limit,
        query_id=query.query_id,
        execution_time_ms=round((time.monotonic() - started) * 1000),
    )


class _Deadline:
    """Interrupts the cursor at the timeout, again and again, until the context is left.

    Once would not do: DuckDB forgets an interrupt that comes between two statements.
    """

    def __init__(self, cursor: Cursor, seconds: float) -> None:
        self._cursor = cursor
        self._seconds = seconds
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="spectra-query-timeout", daemon=True)
        self.passed = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._lock:
            pass  # no interrupt is under way any more: the cursor may be closed

    def _watch(self) -> None:
        wait = self._seconds
        while not self._over.wait(wait):
            with self._lock:
                if self._over.is_set():
                    return
                self.passed = True
                with suppress(Exception):
                    self._cursor.interrupt()
            wait = 0.02
