"""`MemoryExecutor`: exports, loads and small reads on SQLite in memory."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar, Final

from spectra.adapters.memory.exporting import columns_of, export, failure, prepared
from spectra.adapters.memory.loading import applied, load
from spectra.adapters.memory.warehouse import LEDGER, Ledger, LoadFailed, Stopped, Warehouse, job_error
from spectra.domain import (
    Category,
    Compression,
    ContentType,
    Effect,
    JobError,
    LoadSpec,
    Progress,
    Session,
    Spec,
)
from spectra.errors import (
    ClosedError,
    ExecutorError,
    InvalidCursorError,
    InvalidSpecError,
    QueryTimeoutError,
    SpectraError,
)
from spectra.ports import (
    Clock,
    Execution,
    Executor,
    Known,
    Page,
    Query,
    QueryResult,
    QueryRunner,
    ResultStore,
    Status,
    SystemClock,
    Task,
)

__all__ = ["MemoryExecutor"]

_THREADS: Final = 32
_PAGE: Final = 100
_CANCEL_WAIT: Final = 5.0


class _Work:
    """One task: its connection, its stop, its progress, and at last its execution."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.done = threading.Event()
        self.execution: Execution | None = None
        self._stop = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._progress = Progress(0)

    def began(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.check()

    def check(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def seen(self, records: int, total: int | None = None) -> None:
        self.check()
        percent = None if not total else min(99.0, 100 * records / total)
        self._progress = self._progress.raised_to(Progress(records, percent))

    def stop(self, wait: float) -> bool:
        self._stop.set()
        until = time.monotonic() + wait
        while not self.done.wait(0.02):
            connection = self._connection
            if connection is not None:
                # It may have been closed meanwhile, and then there is nothing to interrupt.
                with suppress(sqlite3.ProgrammingError):
                    connection.interrupt()
            if time.monotonic() >= until:
                return False
        return True

    def end(self, execution: Execution) -> None:
        self.execution = execution
        self.done.set()

    def state(self) -> Execution:
        return self.execution or Execution(
            status=Status.RUNNING, handle=self.task.label, progress=self._progress
        )


class MemoryExecutor(Executor, QueryRunner):
    """Real SQL, real loads, real failed records: EX1 to EX8, all work attached, nothing kept.

    SQLite has no users and no labels, so `Session` and `Task.label` are not applied.
    """

    schemes: ClassVar[frozenset[str]] = frozenset({"memory"})
    dialect: str = "sqlite"

    def __init__(self, results: ResultStore, *, clock: Clock | None = None) -> None:
        self._results = results
        self._clock = clock or SystemClock()
        self._warehouse = Warehouse()
        self._works: dict[tuple[str, str, int], _Work] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    def connect(self) -> sqlite3.Connection:
        """A connection for the host's own SQL, to make tables and fill them; the caller closes it."""
        self._alive()
        return self._warehouse.connect()

    def check(self, spec: Spec, session: Session, /) -> None:
        if spec.content_type is ContentType.PARQUET:
            raise InvalidSpecError("content_type", "PARQUET is not had in memory; use CSV or JSON")
        if spec.compression not in (Compression.NONE, Compression.GZIP):
            raise InvalidSpecError(
                "compression", f"{spec.compression} is not had in memory; use NONE or GZIP"
            )

    def ready(self) -> None:
        self._alive()

    def detached(self, task: Task, /) -> bool:
        return False

    def start(self, task: Task, /) -> str | None:
        key = (task.tenant_id, task.job_id, task.attempt)
        with self._lock:
            self._alive()
            if key not in self._works:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="spectra-memory")
                work = self._works[key] = _Work(task)
                self._pool.submit(self._do, work)
        return task.label

    def poll(self, task: Task, /, *, wait: float = 0) -> Execution:
        with self._lock:
            self._alive()
            work = self._works.get((task.tenant_id, task.job_id, task.attempt))
        if work is not None:
            work.done.wait(wait)
            return work.state()
        row = self._row(task)
        if row is not None and row["state"] == "applied":
            return applied(row, task)
        status = Status.CANCELLED if row is not None and row["state"] == "closed" else Status.LOST
        return Execution(status=status, handle=task.label)

    def cancel(self, task: Task, /, *, close_ledger: bool = True) -> Effect:
        with self._lock:
            self._alive()
            works = [
                work
                for (tenant, job, attempt), work in self._works.items()
                if (tenant, job) == (task.tenant_id, task.job_id) and attempt <= task.attempt
            ]
        if not all(work.stop(_CANCEL_WAIT) for work in works):
            return Effect.PENDING
        if not isinstance(task.spec, LoadSpec):
            return Effect.NONE
        if close_ledger:
            with self._warehouse.writing() as connection:
                return Ledger.close(connection, task, self._now())
        row = self._row(task)
        return Effect.APPLIED if row is not None and row["state"] == "applied" else Effect.NONE

    def forget(self, tenant_id: str, job_id: str, /) -> None:
        with self._lock:
            self._alive()
            for key in [
                k for k, w in self._works.items() if k[:2] == (tenant_id, job_id) and w.done.is_set()
            ]:
                del self._works[key]
        with self._warehouse.writing() as connection:
            connection.execute(
                f"DELETE FROM {LEDGER} WHERE tenant_id = ? AND job_id = ?", (tenant_id, job_id)
            )

    def known(self, *, older_than: datetime, cursor: str | None = None) -> Page[Known]:
        self._alive()
        if cursor is not None and cursor.count("/") != 1:
            raise InvalidCursorError
        found: dict[tuple[str, str], Known] = {}
        with self._warehouse.writing() as connection:
            rows = connection.execute(f"SELECT tenant_id, job_id, attempt, state, opened_at FROM {LEDGER}")
            for tenant, job, attempt, state, at in rows.fetchall():
                found[tenant, job] = _known(tenant, job, attempt, state, datetime.fromisoformat(at))
        with self._lock:
            running = [work.task for work in self._works.values() if not work.done.is_set()]
        for task in running:
            key = (task.tenant_id, task.job_id)
            ledger = found.get(key)
            since = task.claimed_at if ledger is None else ledger.since
            found[key] = _known(
                *key, task.attempt, "running" if ledger is None else ledger.state, since, True
            )
        old = sorted(key for key, item in found.items() if item.since < older_than)
        rest = [key for key in old if cursor is None or key > tuple(cursor.split("/"))]
        more = len(rest) > _PAGE
        return Page(tuple(found[key] for key in rest[:_PAGE]), "/".join(rest[_PAGE - 1]) if more else None)

    def query(self, query: Query, /) -> QueryResult:
        self._alive()
        started = time.monotonic()
        try:
            bound = prepared(query.sql, query.parameters)
        except LoadFailed as exc:
            raise ExecutorError(exc.error) from exc
        with self._warehouse.reading() as connection:
            connection.set_progress_handler(lambda: time.monotonic() - started > query.timeout, 1_000)
            try:
                cursor = connection.execute(bound.text)
                rows = cursor.fetchmany(query.limit + 1)
            except sqlite3.Error as exc:
                error = failure(exc, bound)
                if isinstance(error, LoadFailed):
                    raise ExecutorError(error.error) from exc
                raise QueryTimeoutError(query.timeout) from exc
            columns = columns_of(cursor, rows[0] if rows else None)
        return QueryResult(
            columns=columns,
            rows=tuple(rows[: query.limit]),
            truncated=len(rows) > query.limit,
            query_id=query.query_id,
            execution_time_ms=round((time.monotonic() - started) * 1000),
        )

    def close(self) -> None:
        with self._lock:
            closed, self._closed = self._closed, True
            works, pool = list(self._works.values()), self._pool
        if closed:
            return
        for work in works:
            while not work.stop(1.0):
                pass
        if pool is not None:
            pool.shutdown()
        self._warehouse.close()

    def _alive(self) -> None:
        if self._closed:
            raise ClosedError("the memory executor")

    def _now(self) -> str:
        return self._clock.now().isoformat()

    def _row(self, task: Task) -> Mapping[str, Any] | None:
        connection = self._warehouse.connect()
        try:
            return Ledger.row(connection, task.tenant_id, task.job_id)
        finally:
            connection.close()

    def _do(self, work: _Work) -> None:
        """The whole of a task, in a thread of the pool; whatever happens, it ends."""
        work.end(self._ended(work, self._load if isinstance(work.task.spec, LoadSpec) else self._export))

    def _ended(self, work: _Work, do: Callable[[_Work], Execution]) -> Execution:
        try:
            work.check()
            return do(work)
        except Stopped:
            return Execution(status=Status.CANCELLED, handle=work.task.label)
        except LoadFailed as exc:
            error = exc.error
        except SpectraError as exc:
            error = JobError.of(exc.code, Category(exc.category), str(exc), **exc.details)
        except sqlite3.Error as exc:
            if "interrupted" in str(exc):
                return Execution(status=Status.CANCELLED, handle=work.task.label)
            error = job_error(exc, code="LOAD_ERROR")
        except BaseException as exc:
            error = JobError.of("INTERNAL", Category.INTERNAL, f"{type(exc).__name__}: {exc}")
        return Execution(status=Status.FAILED, handle=work.task.label, error=error)

    def _load(self, work: _Work) -> Execution:
        return load(self._warehouse, self._results, work.task, self._now(), work.seen, work.began)

    def _export(self, work: _Work) -> Execution:
        return export(self._warehouse, self._results, work.task, work.seen, work.began)


def _known(tenant: str, job: str, attempt: int, state: str, since: datetime, running: bool = False) -> Known:  # noqa: FBT002
    return Known(tenant_id=tenant, job_id=job, attempt=attempt, running=running, state=state, since=since)
