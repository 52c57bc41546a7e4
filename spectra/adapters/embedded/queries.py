"""Small reads: at most so many rows, within a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Self

from spectra.adapters.embedded.failures import WorkError, is_interrupt
from spectra.adapters.embedded.statement import prepare
from spectra.adapters.embedded.warehouse import Warehouse, driver
from spectra.domain import Column
from spectra.errors import ClosedError, ExecutorError, QueryTimeoutError
from spectra.ports import Query, QueryResult
from spectra.sql.limits import limit_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor

__all__ = ["Queries"]


class Queries:
    """Runs small reads on *warehouse*, each on a cursor of its own, and can end those that run."""

    def __init__(self, warehouse: Warehouse, dialect: str = "duckdb") -> None:
        self._warehouse = warehouse
        self._dialect = dialect
        self._running: set[_Deadline] = set()
        self._changed = threading.Condition()
        self._closed = False

    def run(self, query: Query) -> QueryResult:
        """Run *query*. One row more than asked for is fetched; DuckDB streams, so the rest is not computed.

        Raises:
            QueryTimeoutError: cancelled at its timeout.
            ExecutorError: DuckDB refused it.
            ClosedError: `close` was called meanwhile.
        """
        duckdb = driver()
        started = time.monotonic()
        with closing(self._warehouse.cursor()) as cursor, self._warehouse.translated():
            with self._deadline(cursor, query.timeout) as deadline:
                try:
                    statement = prepare(cursor, query.sql, query.parameters, self._dialect)
                except WorkError as exc:
                    raise ExecutorError(exc.error) from exc
                try:
                    # A sort that knows its limit keeps only so many rows.
                    cursor.execute(limit_rows(statement.sql, query.limit + 1, "duckdb"))
                    rows = cursor.fetchmany(query.limit + 1)
                except duckdb.FatalException:
                    raise
                except duckdb.Error as exc:
                    if deadline.ended and is_interrupt(exc):
                        raise ClosedError("the DuckDB executor") from exc
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

    def close(self) -> None:
        """End what runs, and return when nothing does: DuckDB cannot be closed while a statement runs."""
        with self._changed:
            self._closed = True
            for deadline in self._running:
                deadline.end()
            self._changed.wait_for(lambda: not self._running)

    @contextmanager
    def _deadline(self, cursor: Cursor, seconds: float) -> Iterator[_Deadline]:
        deadline = _Deadline(cursor, seconds)
        with self._changed:
            if self._closed:
                raise ClosedError("the DuckDB executor")
            self._running.add(deadline)
        try:
            with deadline:
                yield deadline
        finally:
            with self._changed:
                self._running.discard(deadline)
                self._changed.notify_all()


class _Deadline:
    """Interrupts the cursor at the timeout, again and again, until the context is left.

    Once would not do: DuckDB forgets an interrupt that comes between two statements.
    """

    def __init__(self, cursor: Cursor, seconds: float) -> None:
        self._cursor = cursor
        self._seconds = seconds
        self._over = threading.Event()
        self._due = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="spectra-query-timeout", daemon=True)
        self.passed = False
        self.ended = False

    def end(self) -> None:
        """Do not wait for the timeout."""
        self.ended = True
        self._due.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._due.set()
        with self._lock:
            pass  # no interrupt is under way any more: the cursor may be closed

    def _watch(self) -> None:
        self._due.wait(self._seconds)
        while not self._over.is_set():
            with self._lock:
                if self._over.is_set():
                    return
                self.passed = True
                with suppress(Exception):
                    self._cursor.interrupt()
            self._over.wait(0.02)
