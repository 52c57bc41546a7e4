"""Small reads: at most so many rows, within a time."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from spectra.adapters.aws.redshift.authorization import NotInGroupsError, check_groups
from spectra.adapters.aws.redshift.channel import Channel, Channels, Described, StatementError
from spectra.adapters.aws.redshift.failures import is_cancel, job_error, sessions_end
from spectra.adapters.aws.redshift.types import type_name
from spectra.domain import Category, Column, JobError
from spectra.errors import (
    BackendUnavailableError,
    ExecutorError,
    InvalidSpecError,
    QueryTimeoutError,
    SpectraError,
)
from spectra.ports import Query, QueryResult
from spectra.sql.identifiers import quote
from spectra.sql.limits import limit_rows
from spectra.sql.literals import bind, literal

__all__ = ["Queries"]

_FETCH: Final = 1_000
"""Rows at once; a cluster of one node gives no more."""
_GRACE: Final = 5.0


class Queries:
    """Runs small reads over *connections*; *cancel* ends what a session runs."""

    def __init__(self, connections: Channels, cancel: Any, group: str = "spectra") -> None:
        self._connections = connections
        self._cancel = cancel
        self._group = group

    def run(self, query: Query) -> QueryResult:
        """Run *query* with the limit in its text; where that cannot be, through a cursor of the server.

        The driver would fetch all that a statement selects.

        Raises:
            QueryTimeoutError: cancelled at its timeout.
            ExecutorError: Redshift refused it.
            BackendUnavailableError: Redshift cannot be reached.
        """
        sql = bind(query.sql, query.parameters, "redshift").rstrip().rstrip(";")
        begun = time.monotonic()
        label = f"{self._group}:{query.tenant_id}/query/{query.query_id}"
        with self._connections.lend(label, keep=False, wait=query.timeout) as connection:
            watch = threading.Timer(query.timeout + _GRACE, self._give_up, [connection])
            watch.daemon = True
            watch.start()
            try:
                columns, rows = self._fetch(connection, query, sql, label, begun + query.timeout)
            except (QueryTimeoutError, InvalidSpecError):
                raise
            except Exception as exc:
                raise self._told(exc, connection, query, time.monotonic() - begun) from exc
            finally:
                self._put_away(watch, connection)
        return QueryResult(
            columns=tuple(Column(name, type_name(number)) for name, number in columns),
            rows=tuple(rows[: query.limit]),
            truncated=len(rows) > query.limit,
            query_id=query.query_id,
            execution_time_ms=round((time.monotonic() - begun) * 1000),
        )

    def _fetch(self, connection: Channel, query: Query, sql: str, label: str, until: float) -> Described:
        """One transaction: as the query's user, as many rows as are wanted."""
        check_groups(connection, query.session)
        user = query.session.db_user
        before = [f"SET LOCAL statement_timeout TO {max(round(query.timeout * 1000), 1)}"]
        if not connection.labelled:
            before.append(f"SET query_group TO {literal(label, 'redshift')}")
        if user is not None:
            before.append(f"SET SESSION AUTHORIZATION {quote(user)}")
        reads = _reads(sql, query.limit + 1)
        after = [] if user is None else ["SET SESSION AUTHORIZATION DEFAULT"]

        def check() -> None:
            if time.monotonic() > until:
                raise QueryTimeoutError(query.timeout)

        found = connection.transaction([*before, *reads, *after], check)
        read = [one for one in found[len(before) : len(before) + len(reads)] if one[0]]
        return (read[0][0] if read else []), [row for _, rows in read for row in rows]

    def _told(self, exc: BaseException, connection: Channel, query: Query, took: float) -> BaseException:
        cause = exc.cause if isinstance(exc, StatementError) else exc
        if took >= query.timeout and (connection.broken or is_cancel(cause)):
            return QueryTimeoutError(query.timeout)
        if connection.broken or sessions_end(cause):
            return BackendUnavailableError("the connection to Redshift broke")
        if isinstance(exc, NotInGroupsError):
            return ExecutorError(JobError.of("PERMISSION_DENIED", Category.PERMISSION, str(exc)))
        if isinstance(exc, SpectraError):
            return exc
        return ExecutorError(job_error(cause))

    def _put_away(self, watch: threading.Timer, connection: Channel) -> None:
        """A cancel under way would hit the next statement of this connection: it is waited for."""
        watch.cancel()
        watch.join(_GRACE)
        if watch.is_alive():
            connection.abandon()

    def _give_up(self, connection: Channel) -> None:
        """The server has not kept the timeout itself: end the statement, then the connection."""
        try:
            self._cancel(connection.session_id)
        finally:
            connection.abandon()


def _reads(sql: str, wanted: int) -> list[str]:
    """Statements that give the first *wanted* rows of *sql*; the others among them have no columns."""
    limited = limit_rows(sql, wanted, "redshift")
    if limited != sql:
        return [limited]
    # A smaller limit of its own, or one that cannot be told from the text.
    fetches = [
        f"FETCH FORWARD {min(_FETCH, wanted - at)} FROM spectra_query" for at in range(0, wanted, _FETCH)
    ]
    return [f"DECLARE spectra_query CURSOR FOR\n{sql}\n", *fetches, "CLOSE spectra_query"]
