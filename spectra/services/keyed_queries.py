"""Queries with an idempotency key: jobs that are waited for in the same call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

import attrs

from spectra.codec.lines import from_lines
from spectra.domain import Caller, ContentType, ExportSpec, Files, Job
from spectra.errors import (
    IdempotencyConflictError,
    InvalidSpecError,
    ObjectNotFoundError,
    ResultsExpiredError,
)
from spectra.ports import Clock, QueryResult, ResultStore
from spectra.services.jobs import JobService
from spectra.services.results import read_manifest
from spectra.services.worker import Worker

__all__ = ["KeyedQueries"]


@attrs.frozen(kw_only=True)
class KeyedQueries:
    """Makes the job, carries it on here for as long as somebody waits, and reads its one part."""

    jobs: JobService
    results: ResultStore
    clock: Clock
    new_worker: Callable[[], Worker]
    dialect: str

    def run(
        self, caller: Caller, spec: ExportSpec, *, limit: int, timeout: timedelta, key: str
    ) -> QueryResult:
        """The rows of the one run that *key* stands for.

        Raises:
            WaitTimeoutError: it has not ended in time; it goes on.
            InvalidSpecError: the statement has a limit that is more than a number.
            IdempotencyConflictError: *key* belongs to another request, or to one of another session.
            ExecutorError: it failed, or was aborted.
            ResultsExpiredError: its files are gone.
        """
        until = self.clock.now() + timeout
        job = self.jobs.create(caller, self._limited(spec, limit), idempotency_key=key).job
        if job.session != caller.session:
            # Its rows are those that the other database user may see.
            raise IdempotencyConflictError(key, job.job_id)
        if not job.is_terminal or job.is_settling:
            job = self.new_worker().drive(job, until=until)
        job.raise_for_state()
        return self._read(job, limit)

    def _limited(self, spec: ExportSpec, limit: int) -> ExportSpec:
        """The limit belongs to the request: with another one it is another request."""
        from spectra.sql import bind, limit_rows

        bound = bind(spec.query, spec.parameters, self.dialect)
        text = limit_rows(bound, limit + 1, self.dialect)
        if text == bound == limit_rows(bound, 0, self.dialect):
            # Nobody stops fetching here: all that it gives would be written.
            raise InvalidSpecError(
                "sql", "needs a plain number above 0 as its limit to have an idempotency key"
            )
        return ExportSpec(query=text, content_type=ContentType.JSON, single_file=True)

    def _read(self, job: Job, limit: int) -> QueryResult:
        if job.files_until is not None and self.clock.now() >= job.files_until:
            raise _expired(job)
        try:
            files = read_manifest(self.results, job.results or Files())
            rows = [row for part in files.parts for row in self._rows(files, part.location, limit)]
        except ObjectNotFoundError:
            raise _expired(job) from None
        return QueryResult(
            columns=files.columns,
            rows=tuple(rows[:limit]),
            truncated=files.rows > limit,
            query_id=job.job_id,
            execution_time_ms=_milliseconds(job.started_at, job.completed_at),
        )

    def _rows(self, files: Files, location: str, limit: int) -> list[tuple[object, ...]]:
        with self.results.open_read(location) as stream:
            return list(from_lines(islice(stream, limit), files.columns))


def _expired(job: Job) -> ResultsExpiredError:
    return ResultsExpiredError(str(job), "its rows are gone; ask with a new idempotency key")


def _milliseconds(begun: datetime | None, ended: datetime | None) -> int:
    if begun is None or ended is None:
        return 0
    return round((ended - begun) / timedelta(milliseconds=1))
