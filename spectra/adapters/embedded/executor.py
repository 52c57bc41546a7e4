"""`DuckDBExecutor`: exports, loads and small reads on one DuckDB file."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from spectra.adapters.embedded.dialects import DIALECTS, install
from spectra.adapters.embedded.exporter import export
from spectra.adapters.embedded.failures import WorkError, job_error
from spectra.adapters.embedded.ledger import Ledger, create
from spectra.adapters.embedded.loader import Loader
from spectra.adapters.embedded.queries import Queries
from spectra.adapters.embedded.warehouse import Warehouse, driver
from spectra.adapters.embedded.work import Stopped, Work
from spectra.domain import Category, Compression, Effect, JobError, LoadSpec, Session, Spec
from spectra.errors import (
    ClosedError,
    InvalidCursorError,
    InvalidSettingsError,
    InvalidSpecError,
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
    Status,
    SystemClock,
    Task,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor

__all__ = ["DuckDBExecutor"]

_log = logging.getLogger(__name__)
_Key: TypeAlias = tuple[str, str, int]

REMEMBERED: Final = 1_000
_THREADS: Final = 32
_CANCEL_WAIT: Final = 5.0


def _no_fault(point: str) -> None:
    """Nothing happens at *point*."""


class DuckDBExecutor(Executor, QueryRunner):
    """Works in threads of this process, which alone has the file: EX1 to EX8, all work attached.

    Who may use a table is not DuckDB's to say: it has no users, so `Session` is not applied. Its
    statements have no labels either; the threads carry them.

    With *dialect* ``redshift`` statements are Redshift's, and say what they say there, or are refused
    (docs/redshift-on-a-laptop.md). What the host runs through `connect` is DuckDB's SQL always.

    *fault* is called at ``before-ledger``, ``after-ledger`` (the row is opened), ``before-commit`` and
    ``after-commit`` of every load, for tests that crash there.
    """

    schemes: ClassVar[frozenset[str]] = frozenset({"file"})
    dialect: str = "duckdb"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Clock | None = None,
        threads: int | None = None,
        dialect: str = "duckdb",
        fault: Callable[[str], None] = _no_fault,
    ) -> None:
        """Make one for the file at *path*.

        Raises:
            InvalidSettingsError: the dialect is not one of those that it can take.
        """
        if dialect not in DIALECTS:
            raise InvalidSettingsError("dialect", f"must be {' or '.join(DIALECTS)}, not {dialect!r}")
        self.dialect = dialect
        self._clock = clock or SystemClock()
        self._warehouse = Warehouse(path, threads=threads, prepare=self._prepare)
        self._ledger = Ledger(self._warehouse)
        self._loader = Loader(self._warehouse, self._ledger, self._clock, fault)
        self._queries = Queries(self._warehouse, dialect)
        self._works: OrderedDict[_Key, tuple[Work, Future[None]]] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    def connect(self) -> Cursor:
        """A cursor for the host's own SQL, to make tables and fill them; the caller closes it."""
        with self._warehouse.translated():
            return self._warehouse.cursor(plain=True)

    def check(self, spec: Spec, session: Session, /) -> None:
        if spec.compression is Compression.BZIP2:
            raise InvalidSpecError("compression", "BZIP2 is not had here; use NONE, GZIP or ZSTD")

    def ready(self) -> None:
        self._warehouse.cursor().close()

    def detached(self, task: Task, /) -> bool:
        return False

    def start(self, task: Task, /) -> str | None:
        key = (task.tenant_id, task.job_id, task.attempt)
        with self._lock:
            self._alive()
            if key in self._works:
                return task.label
        self.ready()  # what stands in the way of all work is said here, at once
        with self._lock:
            self._alive()
            if key not in self._works:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="spectra-duckdb")
                work = Work(task)
                self._works[key] = work, self._pool.submit(self._do, work)
                self._trim()
        return task.label

    def poll(self, task: Task, /, *, wait: float = 0) -> Execution:
        work = self._work(task)
        if work is not None:
            work.done.wait(wait)
            return work.state()
        row = self._ledger.row(task.tenant_id, task.job_id) if isinstance(task.spec, LoadSpec) else None
        if row is not None and row.state == "applied":
            return row.execution(task.label)
        if row is not None and row.state == "closed":
            return Execution(status=Status.CANCELLED, handle=task.label)
        # All sessions of the file live in this process, and none of them is the task's.
        return Execution(status=Status.LOST)

    def cancel(self, task: Task, /, *, close_ledger: bool = True) -> Effect:
        with self._lock:
            self._alive()
            entries = [
                entry
                for (tenant, job, attempt), entry in self._works.items()
                if (tenant, job) == (task.tenant_id, task.job_id) and attempt <= task.attempt
            ]
        for work, future in entries:
            if future.cancel():
                work.end(Execution(status=Status.CANCELLED, handle=work.task.label))
            elif not work.stop(_CANCEL_WAIT):
                return Effect.PENDING
        if not isinstance(task.spec, LoadSpec):
            return Effect.NONE
        if close_ledger:
            return self._ledger.close(task, self._clock.now())
        row = self._ledger.row(task.tenant_id, task.job_id)
        return Effect.APPLIED if row is not None and row.state == "applied" else Effect.NONE

    def forget(self, tenant_id: str, job_id: str, /) -> None:
        with self._lock:
            self._alive()
            for key in [k for k in self._works if k[:2] == (tenant_id, job_id)]:
                if self._works[key][0].done.is_set():
                    del self._works[key]
        self._ledger.delete(tenant_id, job_id)

    def known(self, *, older_than: datetime, cursor: str | None = None) -> Page[Known]:
        after: tuple[str, str] | None = None
        if cursor is not None:
            tenant, slash, job = cursor.partition("/")
            if not (tenant and slash and job):
                raise InvalidCursorError
            after = tenant, job
        page = self._ledger.page(older_than, after)
        with self._lock:
            running = {key[:2]: work.task for key, (work, _) in self._works.items() if not work.done.is_set()}
        items = [_with_running(item, running.pop((item.tenant_id, item.job_id), None)) for item in page.items]
        if after is None:
            # Exports have no ledger row: the living ones come with the first page.
            items += [
                _running(task)
                for task in running.values()
                if not isinstance(task.spec, LoadSpec) and task.claimed_at < older_than
            ]
        return Page(tuple(items), page.next_cursor)

    def query(self, query: Query, /) -> QueryResult:
        self._alive()
        return self._queries.run(query)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
            entries = list(self._works.values())
        for work, future in entries:
            if future.cancel():
                work.end(Execution(status=Status.CANCELLED, handle=work.task.label))
        for work, _ in entries:
            while not work.stop(1.0):
                pass  # a thread that is left behind would keep the file, and the process, for itself
        if pool is not None:
            pool.shutdown()
        self._queries.close()
        self._warehouse.close()

    def _prepare(self, cursor: Cursor, catalog: str) -> None:
        create(cursor, catalog)
        if self.dialect != "duckdb":
            install(cursor)

    def _alive(self) -> None:
        if self._closed:
            raise ClosedError("the DuckDB executor")

    def _work(self, task: Task) -> Work | None:
        with self._lock:
            self._alive()
            entry = self._works.get((task.tenant_id, task.job_id, task.attempt))
        return None if entry is None else entry[0]

    def _trim(self) -> None:
        """Forget the oldest of too many finished tasks; loads are still told by the ledger."""
        over = len(self._works) - REMEMBERED
        for key in [k for k, (work, _) in self._works.items() if work.done.is_set()][: max(over, 0)]:
            del self._works[key]

    def _do(self, work: Work) -> None:
        """The whole of a task, in a thread of the pool; whatever happens, it ends."""
        try:
            execution = self._execution(work)
        except BaseException as exc:
            execution = Execution(
                status=Status.FAILED, handle=work.task.label, error=_told(exc, work.task.label)
            )
        work.end(execution)

    def _execution(self, work: Work) -> Execution:
        task = work.task
        threading.current_thread().name = task.label
        try:
            work.check()
            with work.using(self._warehouse.cursor()):
                if isinstance(task.spec, LoadSpec):
                    return self._loader.load(work)
                return export(work, self.dialect)
        except Stopped:
            return self._proved(task) or Execution(status=Status.CANCELLED, handle=task.label)
        except BaseException as exc:
            if isinstance(exc.__cause__ if isinstance(exc, WorkError) else exc, driver().FatalException):
                self._warehouse.discard()
            proved = self._proved(task)
            if proved is None:
                raise
            # The commit was done, and what failed came after it: the load is applied.
            _log.warning("%s was applied, then failed: %r", task.label, exc)
            return proved

    def _proved(self, task: Task) -> Execution | None:
        if not isinstance(task.spec, LoadSpec):
            return None
        row = self._ledger.row(task.tenant_id, task.job_id)
        return row.execution(task.label) if row is not None and row.state == "applied" else None


def _told(exc: BaseException, label: str) -> JobError:
    if isinstance(exc, WorkError):
        return exc.error
    if isinstance(exc, SpectraError):
        return JobError.of(exc.code, Category(exc.category), str(exc), **exc.details)
    if isinstance(exc, driver().Error | OSError):
        return job_error(exc)
    _log.error("%s failed in a way that nobody thought of", label, exc_info=exc)
    return JobError.of("INTERNAL", Category.INTERNAL, f"{type(exc).__name__}: {exc}")


def _running(task: Task) -> Known:
    return Known(
        tenant_id=task.tenant_id,
        job_id=task.job_id,
        attempt=task.attempt,
        running=True,
        state="running",
        since=task.claimed_at,
    )


def _with_running(item: Known, task: Task | None) -> Known:
    import attrs

    return item if task is None else attrs.evolve(item, running=True)
