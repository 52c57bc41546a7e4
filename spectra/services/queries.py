"""Small reads, answered in the same call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import attrs

from spectra.domain import Caller, ContentType, ExportSpec, Parameter
from spectra.domain.files import distinct
from spectra.errors import InvalidSpecError, NotConfiguredError, SpectraError
from spectra.ports import Query, QueryResult, QueryRunner
from spectra.services.admission import Admission
from spectra.services.asking import checked
from spectra.services.events import EventLog
from spectra.services.keyed_queries import KeyedQueries

__all__ = ["QueryService"]


@attrs.frozen(kw_only=True)
class QueryService:
    """Runs statements that only read, and gives their first rows. Without an idempotency key nothing is stored."""

    runner: QueryRunner | None
    keyed: KeyedQueries
    admission: Admission
    events: EventLog
    new_id: Callable[[], str]
    max_rows: int
    default_timeout: timedelta
    max_timeout: timedelta
    check_sql: Callable[[ExportSpec, str], None]

    def run(
        self,
        caller: Caller,
        sql: str,
        /,
        *,
        parameters: Mapping[str, Parameter] | None = None,
        limit: int | None = None,
        timeout: timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> QueryResult:
        """Run *sql* and return at most *limit* rows, and whether there are more.

        *parameters* are bound to ``:name`` as values, outside strings, comments and casts. *limit* is 1 to
        ``SPECTRA_RESULT_SIZE_THRESHOLD`` (10,000), which is the default; *timeout* is 1 s to
        ``SPECTRA_MAX_TIMEOUT_SECONDS`` (300), by default ``SPECTRA_DEFAULT_TIMEOUT_SECONDS`` (60).

        With *idempotency_key* the query is a job: it runs once, however often it is asked for, and each
        call gives the rows of that one run for as long as the job lives. At the timeout such a job goes
        on: ask again with the same key.

        Raises:
            InvalidSpecError: *parameters*, *limit* or *timeout*.
            SqlSyntaxError, SqlRefusedError: the statement cannot be read, or does more than read.
            QueryBusyError: the tenant, or this process, runs as many queries as it may.
            QueryTimeoutError: the statement was cancelled at its timeout.
            WaitTimeoutError: with a key; the job was left alone.
            IdempotencyConflictError: the key belongs to another request.
            ExecutorError: the warehouse refused it.
            NotConfiguredError: this Spectra was made without a query runner.
        """
        spec = _spec(sql, parameters)
        limit = self._rows(limit)
        timeout = self._time(timeout)
        if self.runner is None:
            raise NotConfiguredError("no query runner was given; pass one to Spectra as query_runner")
        with self.admission.of(checked(caller).tenant_id):
            self.check_sql(spec, self.runner.dialect)  # admitted first: hostile text takes seconds to read
            if idempotency_key is not None:
                result = self.keyed.run(caller, spec, limit=limit, timeout=timeout, key=idempotency_key)
            else:
                result = self._run(self.runner, caller, spec, limit, timeout)
        names = distinct([column.name for column in result.columns])
        columns = (attrs.evolve(c, name=name) for c, name in zip(result.columns, names, strict=True))
        return attrs.evolve(result, columns=tuple(columns))

    def _run(
        self, runner: QueryRunner, caller: Caller, spec: ExportSpec, limit: int, timeout: timedelta
    ) -> QueryResult:
        query = Query(
            tenant_id=caller.tenant_id,
            sql=spec.query,
            parameters=spec.parameters,
            limit=limit,
            timeout=timeout.total_seconds(),
            query_id=self.new_id(),
            session=caller.session,
        )
        facts = {"tenant_id": caller.tenant_id, "actor": caller.actor, "query_id": query.query_id}
        try:
            result = runner.query(query)
        except SpectraError as exc:
            self.events.tell("query.failed", code=exc.code, category=str(exc.category), **facts)
            raise
        self.events.tell(
            "query.completed",
            rows=result.row_count,
            truncated=result.truncated,
            seconds=result.execution_time_ms / 1000,
            **facts,
        )
        return result

    def _rows(self, limit: int | None) -> int:
        if limit is None:
            return self.max_rows
        if type(limit) is not int or not 1 <= limit <= self.max_rows:
            raise InvalidSpecError(
                "limit", f"must be 1 to {self.max_rows:,}; for more rows make it an export"
            )
        return limit

    def _time(self, timeout: timedelta | None) -> timedelta:
        if timeout is None:
            return self.default_timeout
        if not isinstance(timeout, timedelta):
            raise InvalidSpecError("timeout", f"must be a timedelta, not {type(timeout).__name__}")
        if not timedelta(seconds=1) <= timeout <= self.max_timeout:
            most = self.max_timeout.total_seconds()
            raise InvalidSpecError(
                "timeout", f"must be 1 to {most:g} seconds; for longer work make it an export"
            )
        return timeout


def _spec(sql: str, parameters: Mapping[str, Parameter] | None) -> ExportSpec:
    """The statement and its values, with the bounds that an export's have."""
    try:
        return ExportSpec(
            query=sql, parameters=parameters or {}, content_type=ContentType.JSON, single_file=True
        )
    except InvalidSpecError as exc:
        if exc.field != "query":
            raise
        raise InvalidSpecError("sql", exc.problem) from None
