"""Small reads: at most so many rows, within a time."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from spectra.adapters.aws.redshift.connections import Connection, Connections, authorized
from spectra.adapters.aws.redshift.failures import is_cancel, job_error, sessions_end
from spectra.adapters.aws.redshift.types import type_name
from spectra.domain import Column
from spectra.errors import BackendUnavailableError, ExecutorError, QueryTimeoutError
from spectra.ports import Query, QueryResult
from spectra.sql.literals import bind

__all__ = ["Queries"]

_FETCH: Final = 1_000
"""Rows at once; a cluster of one node gives no more."""
_GRACE: Final = 5.0


class Queries:
    """Runs small reads over *connections*; *cancel* ends what a session runs."""

    def __init__(self, connections: Connections, cancel: Any, group: str = "spectra") -> None:
        self._connections = connections
        self._cancel = cancel
        self._group = group

    def run(self, query: Query) -> QueryResult:
        """Run *query* through a cursor of the server: the driver would fetch all that it selects.

        Raises:
            QueryTimeoutError: cancelled at its timeout.
            ExecutorError: Redshift refused it.
            BackendUnavailableError: Redshift cannot be reached.
        """
        sql = bind(query.sql, query.parameters, "redshift").rstrip().rstrip(";")
        begun = time.monotonic()
        with self._connections.lend(f"{self._group}:{query.tenant_id}/query/{query.query_id}") as connection:
            connection.run(f"SET statement_timeout TO {max(round(query.timeout * 1000), 1)}")
            watch = threading.Timer(query.timeout + _GRACE, self._give_up, [connection])
            watch.daemon = True
            watch.start()
            try:
                columns, rows = self._fetch(connection, query, sql, begun + query.timeout)
            except (ExecutorError, QueryTimeoutError):
                raise
            except Exception as exc:
                late = time.monotonic() - begun >= query.timeout
                if late and (is_cancel(exc) or connection.broken):
                    raise QueryTimeoutError(query.timeout) from exc
                if connection.broken or sessions_end(exc):
                    raise BackendUnavailableError("the connection to Redshift broke") from exc
                raise ExecutorError(job_error(exc)) from exc
            finally:
                watch.cancel()
        return QueryResult(
            columns=tuple(Column(name, type_name(number)) for name, number in columns),
            rows=tuple(rows[: query.limit]),
            truncated=len(rows) > query.limit,
            query_id=query.query_id,
            execution_time_ms=round((time.monotonic() - begun) * 1000),
        )

    def _fetch(
        self, connection: Connection, query: Query, sql: str, until: float
    ) -> tuple[list[tuple[str, int]], list[tuple[Any, ...]]]:
        with authorized(connection, query.session):
            connection.run("BEGIN READ ONLY")
            connection.run(f"DECLARE spectra_query CURSOR FOR\n{sql}\n")
            rows: list[tuple[Any, ...]] = []
            while True:
                if time.monotonic() > until:
                    raise QueryTimeoutError(query.timeout)
                wanted = min(_FETCH, query.limit + 1 - len(rows))
                columns, some = connection.described(f"FETCH FORWARD {wanted} FROM spectra_query")
                rows += some
                if len(some) < wanted or len(rows) > query.limit:
                    break
            connection.run("ROLLBACK")
        return columns, rows

    def _give_up(self, connection: Connection) -> None:
        """The server has not kept the timeout itself: end the statement, then the connection."""
        try:
            self._cancel(connection.session_id)
        finally:
            connection.abandon()
