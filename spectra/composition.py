"""`Spectra`: the one object that a host constructs."""

from __future__ import annotations

import functools
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

from spectra.domain import ExportSpec
from spectra.domain.text import check_text
from spectra.errors import (
    ClosedError,
    IncompatibleAdaptersError,
    InvalidSettingsError,
    NotConfiguredError,
)
from spectra.ports import Clock, Executor, JobStore, QueryRunner, ResultStore, SystemClock, new_job_id
from spectra.services import Driver, Ender, EventLog, JobService, Listener, QueryService, Sweeper, Worker
from spectra.services.admission import Admission
from spectra.services.keyed_queries import KeyedQueries
from spectra.services.results import ResultLinks
from spectra.services.uploads import Uploads
from spectra.settings import Settings

if TYPE_CHECKING:
    from spectra.sql import SqlPolicy

__all__ = ["Spectra"]

_SETTINGS = Settings()
_CLOCK = SystemClock()


class Spectra:
    """Jobs over a job store, an executor and a result store.

    Construction does no I/O and starts nothing. One instance serves any number of threads, and, made
    before a fork, any number of processes. `close` closes what this object made itself: adapters that
    were given are their giver's.
    """

    def __init__(
        self,
        *,
        job_store: JobStore,
        executor: Executor,
        result_store: ResultStore,
        query_runner: QueryRunner | None = None,
        settings: Settings = _SETTINGS,
        clock: Clock = _CLOCK,
        new_id: Callable[[], str] = new_job_id,
        sql_policy: SqlPolicy | None = None,
    ) -> None:
        """Put adapters together.

        Raises:
            IncompatibleAdaptersError: the executor cannot reach what the result store keeps, or a setting
                asks for more than a store can take.
        """
        if not isinstance(settings, Settings):
            raise TypeError(f"settings must be Settings, not {type(settings).__name__}")
        if result_store.scheme not in executor.schemes:
            raise IncompatibleAdaptersError(
                f"the executor reads and writes {', '.join(sorted(executor.schemes))} and not "
                f"{result_store.scheme}, where the result store keeps files; choose two that match"
            )
        allowed = result_store.max_upload_bytes
        if allowed is not None and settings.max_upload_bytes > allowed:
            raise IncompatibleAdaptersError(
                f"the result store takes uploads of at most {allowed:,} bytes; "
                "lower SPECTRA_BULK_MAX_FILE_SIZE_MB"
            )
        places = job_store.max_places
        if places is not None and (settings.bulk_max_concurrent_jobs or 0) > places:
            raise IncompatibleAdaptersError(
                f"the job store counts at most {places:,} running jobs of a tenant; "
                "lower SPECTRA_BULK_MAX_CONCURRENT_JOBS, or set it to none"
            )
        self.job_store = job_store
        self.executor = executor
        self.result_store = result_store
        self.query_runner = query_runner
        self.settings = settings
        self._clock = clock
        self._new_id = new_id
        self._sql_policy = sql_policy
        self._events = EventLog()
        self._made: list[JobStore | Executor | ResultStore] = []
        self._closed = False

    @classmethod
    def in_memory(
        cls,
        *,
        settings: Settings = _SETTINGS,
        clock: Clock = _CLOCK,
        new_id: Callable[[], str] = new_job_id,
    ) -> Self:
        """Everything in this process, gone with it: for tests and for a first look."""
        from spectra.adapters.memory import MemoryExecutor, MemoryJobStore, MemoryResultStore

        results = MemoryResultStore(clock=clock)
        executor = MemoryExecutor(results, clock=clock)
        return cls._owning(MemoryJobStore(clock=clock), executor, results, executor, settings, clock, new_id)

    @classmethod
    def embedded(
        cls, home: str | PathLike[str], *, settings: Settings = _SETTINGS, dialect: str | None = None
    ) -> Self:
        """SQLite, DuckDB and a directory below *home*: one machine, no server, survives ``kill -9``.

        One process at a time can use the warehouse; others can still read jobs and files. With *dialect*
        ``redshift``, or that setting, statements are Redshift's (docs/redshift-on-a-laptop.md).

        Raises:
            InvalidSettingsError: the dialect is not known.
        """
        from spectra.adapters.embedded import DirectoryResultStore, DuckDBExecutor, SQLiteJobStore

        root = Path(home).absolute()
        results = DirectoryResultStore(root / "files", clock=_CLOCK)
        spoken = (settings.sql_dialect or "duckdb") if dialect is None else dialect
        executor = DuckDBExecutor(root / "warehouse.duckdb", clock=_CLOCK, dialect=spoken)
        store = SQLiteJobStore(root / "jobs.sqlite3", clock=_CLOCK)
        return cls._owning(store, executor, results, executor, settings, _CLOCK, new_job_id)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Choose the adapters by *settings*.

        `Settings.home` names the embedded ones; `Settings.s3_bucket_name` DynamoDB, S3 and Redshift.

        Raises:
            NotConfiguredError: the settings name no adapters, or not all of them; says what is missing.
            InvalidSettingsError: they name both, or contradict each other.
        """
        if settings.home is not None and settings.s3_bucket_name is not None:
            raise InvalidSettingsError(
                "SPECTRA_HOME", "must not be set beside SPECTRA_S3_BUCKET_NAME; unset one of them"
            )
        if settings.s3_bucket_name is not None:
            return cls._on_aws(settings)
        if settings.home is None:
            raise NotConfiguredError(
                "no adapters are named; set SPECTRA_HOME to a folder, or SPECTRA_S3_BUCKET_NAME and a Redshift"
            )
        return cls.embedded(settings.home, settings=settings)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Choose the adapters by ``SPECTRA_*`` (docs/settings.md); see `from_settings`."""
        return cls.from_settings(Settings.from_env(environ))

    @classmethod
    def _on_aws(cls, settings: Settings) -> Self:
        from spectra.adapters.aws import configured

        results = configured.result_store(settings)
        executor = configured.executor(settings, results, _CLOCK)
        store = configured.job_store(settings, _CLOCK)
        return cls._owning(store, executor, results, executor, settings, _CLOCK, new_job_id)

    @classmethod
    def _owning(
        cls,
        store: JobStore,
        executor: Executor,
        results: ResultStore,
        runner: QueryRunner,
        settings: Settings,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> Self:
        made = cls(
            job_store=store,
            executor=executor,
            result_store=results,
            query_runner=runner,
            settings=settings,
            clock=clock,
            new_id=new_id,
        )
        made._made = [executor, store, results]
        return made

    @functools.cached_property
    def jobs(self) -> JobService:
        """What tenants ask of jobs."""
        self._check_open()
        return JobService(
            store=self.job_store,
            uploads=Uploads(
                store=self.result_store,
                clock=self._clock,
                new_id=self._new_id,
                max_bytes=self.settings.max_upload_bytes,
            ),
            links=ResultLinks(store=self.result_store, clock=self._clock, life=self.settings.link_life),
            executor=self.executor,
            clock=self._clock,
            new_id=self._new_id,
            events=self._events,
            retention=self.settings.retention,
            tenant_limit=self.settings.bulk_max_concurrent_jobs,
            check_sql=self._check_sql,
        )

    @functools.cached_property
    def queries(self) -> QueryService:
        """Small reads, answered in the same call."""
        self._check_open()
        return QueryService(
            runner=self.query_runner,
            keyed=KeyedQueries(
                jobs=self.jobs,
                results=self.result_store,
                clock=self._clock,
                new_worker=self.worker,
                dialect=self.executor.dialect,
            ),
            admission=Admission(
                limit=self.settings.query_max_concurrent,
                per_tenant=self.settings.query_max_concurrent_per_tenant,
            ),
            events=self._events,
            new_id=self._new_id,
            max_rows=self.settings.result_size_threshold,
            default_timeout=timedelta(seconds=self.settings.default_timeout_seconds),
            max_timeout=timedelta(seconds=self.settings.max_timeout_seconds),
            check_sql=self._check_sql,
        )

    @functools.cached_property
    def sweeper(self) -> Sweeper:
        """Timeouts, settling and expiry where no worker runs."""
        self._check_open()
        return Sweeper(self._ender)

    @functools.cached_property
    def _ender(self) -> Ender:
        return Ender(
            store=self.job_store,
            executor=self.executor,
            results=self.result_store,
            clock=self._clock,
            events=self._events,
            retention=self.settings.retention,
            group=self.settings.group,
        )

    def worker(self, *, name: str | None = None, concurrency: int = 1, attached: bool = True) -> Worker:
        """Make a worker; *name* must differ from every other living worker's.

        With *attached* False it does no work that would end with its process: for one with a deadline.
        """
        self._check_open()
        if name is not None:
            check_text("name", name, 255, min_bytes=1)
        driver = Driver(
            ender=self._ender,
            name=name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            lease_seconds=self.settings.lease_seconds,
            max_attempts=self.settings.max_attempts,
            tenant_limit=self.settings.bulk_max_concurrent_jobs,
            max_poll_seconds=self.settings.max_poll_seconds,
        )
        return Worker(
            driver, concurrency=concurrency, attached=attached, idle_seconds=self.settings.idle_seconds
        )

    def subscribe(self, listener: Listener, /) -> None:
        """Call *listener* with every change that this process commits, after the write, at most once."""
        if not callable(listener):
            raise TypeError(f"a listener must be callable, {type(listener).__name__} is not")
        self._events.subscribe(listener)

    def _check_sql(self, spec: ExportSpec, dialect: str) -> None:
        from spectra.sql import SqlPolicy, check_read

        policy = self._sql_policy if self._sql_policy is not None else SqlPolicy()
        check_read(spec.query, spec.parameters, dialect=dialect, policy=policy)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError

    def close(self) -> None:
        """Close what this object made, ending attached work; idempotent."""
        self._closed = True
        self.__dict__.pop("jobs", None)
        self.__dict__.pop("queries", None)
        self.__dict__.pop("sweeper", None)
        while self._made:
            self._made.pop(0).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
