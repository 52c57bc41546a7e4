"""`MemoryExecutor`: exports, loads and small reads on SQLite in memory."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import ClassVar, Final

from spectra.adapters.memory.exporting import columns_of, export, failure, prepared
from spectra.adapters.memory.loading import applied, load
from spectra.adapters.memory.warehouse import (
    LEDGER,
    Ledger,
    LoadFailed,
    Warehouse,
    is_interrupt,
    job_error,
)
from spectra.adapters.memory.work import Stopped, Work
from spectra.domain import (
    Category,
    Compression,
    ContentType,
    Effect,
    JobError,
    LoadSpec,
    Session,
    Spec,
)
from spectra.errors import (
    BackendUnavailableError,
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
        self._works: dict[tuple[str, str, int], Work] = {}
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
                work = self._works[key] = Work(task)
                self._pool.submit(self._do, work)
        return task.label

    def poll(self, task: Task, /, *, wait: float = 0) -> Execution:
        with self._lock:
            self._alive()
            work = self._works.get((task.tenant_id, task.job_id, task.attempt))
        execution = None
        if work is not None:
            work.done.wait(wait)
            execution = work.state()
            if execution.status in (Status.RUNNING, Status.SUCCEEDED):
                return execution
        # What stopped an attempt may have been another one, which was faster.
        try:
            found, state = self._proved(task)
        except BackendUnavailableError:
            return Execution(status=Status.RUNNING, handle=task.label)
        if found is not None:
            return found
        status = Status.LOST if state is None or state == "open" else Status.CANCELLED
        return execution or Execution(status=status, handle=task.label)

    def cancel(self, task: Task, /, *, close_ledger: bool = True) -> Effect:
        with self._lock:
            self._alive()
            works = [
                work
                for (tenant, job, attempt), work in self._works.items()
                if (tenant, job) == (task.tenant_id, task.job_id) and attempt <= task.attempt
            ]
        for work in works:
            work.tell()
        until = time.monotonic() + _CANCEL_WAIT
        if not all(work.stop(until) for work in works):
            return Effect.PENDING
        if not isinstance(task.spec, LoadSpec):
            return Effect.NONE
        try:
            if not close_ledger:
                return Effect.NONE if self._proved(task)[0] is None else Effect.APPLIED
            with self._warehouse.writing() as connection:
                return Ledger.close(connection, task, self._now())
        except BackendUnavailableError:
            return Effect.PENDING

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
        with self._warehouse.looking() as connection:
            rows = connection.execute(f"SELECT tenant_id, job_id, attempt, state, opened_at FROM {LEDGER}")
            for tenant, job, attempt, state, at in rows:
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

        def late() -> bool:
            return self._closed or time.monotonic() - started > query.timeout

        try:
            bound = prepared(query.sql, query.parameters)
        except LoadFailed as exc:
            raise ExecutorError(exc.error) from exc

        def check() -> None:
            self._alive()
            if late():
                raise QueryTimeoutError(query.timeout)

        with self._warehouse.reading(check) as connection:
            connection.set_progress_handler(late, 1_000)
            try:
                cursor = connection.execute(bound.text)
                rows = cursor.fetchmany(query.limit + 1)
            except sqlite3.Error as exc:
                error = failure(exc, bound)
                if isinstance(error, LoadFailed):
                    raise ExecutorError(error.error) from exc
                check()
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
            while not work.stop(time.monotonic() + 1):
                pass  # a thread that is left behind would go on after its warehouse is gone
        if pool is not None:
            pool.shutdown()
        self._warehouse.close()

    def _alive(self) -> None:
        if self._closed:
            raise ClosedError("the memory executor")

    def _now(self) -> str:
        return self._clock.now().isoformat()

    def _proved(self, task: Task) -> tuple[Execution | None, str | None]:
        """What the ledger proves of a load, and the state of its row."""
        if not isinstance(task.spec, LoadSpec):
            return None, None
        with self._warehouse.looking() as connection:
            row = Ledger.row(connection, task)
        if row is None:
            return None, None
        return (applied(row, task) if row["state"] == "applied" else None), row["state"]

    def _do(self, work: Work) -> None:
        """The whole of a task, in a thread of the pool; whatever happens, it ends."""
        try:
            execution = self._execution(work)
        except BaseException as exc:
            execution = Execution(
                status=Status.FAILED,
                handle=work.task.label,
                error=JobError.of("INTERNAL", Category.INTERNAL, f"{type(exc).__name__}: {exc}"),
            )
        work.end(execution)

    def _execution(self, work: Work) -> Execution:
        try:
            work.check()
            if isinstance(work.task.spec, LoadSpec):
                return load(self._warehouse, self._results, work, self._now())
            return export(self._warehouse, self._results, work)
        except Stopped:
            return Execution(status=Status.CANCELLED, handle=work.task.label)
        except LoadFailed as exc:
            error = exc.error
        except SpectraError as exc:
            error = JobError.of(exc.code, Category(exc.category), str(exc), **exc.details)
        except sqlite3.Error as exc:
            if is_interrupt(exc):
                return Execution(status=Status.CANCELLED, handle=work.task.label)
            error = job_error(exc, code="LOAD_ERROR")
        return Execution(status=Status.FAILED, handle=work.task.label, error=error)


def _known(tenant: str, job: str, attempt: int, state: str, since: datetime, running: bool = False) -> Known:  # noqa: FBT002
    return Known(tenant_id=tenant, job_id=job, attempt=attempt, running=running, state=state, since=since)
