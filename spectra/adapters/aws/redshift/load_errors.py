"""What COPY could not load, from the views that tell of it.

The views lag, and a row that is missing would be a record that nobody hears of. So the COPY must be
found in ``sys_load_history`` first, and as many rows as that counts.
"""

from __future__ import annotations

import time
from typing import Any, Final

import attrs

from spectra.adapters.aws.redshift.authorization import authorized
from spectra.adapters.aws.redshift.failure_rules import LOAD_ERRORS
from spectra.adapters.aws.redshift.failures import job_error
from spectra.adapters.aws.redshift.load_sql import MAX_ERRORS, LoadSql
from spectra.adapters.aws.redshift.work import Work, refusal
from spectra.domain import Category
from spectra.records.reports import Failure
from spectra.sql.literals import literal

__all__ = ["LoadErrors", "copy_errors"]

_WAIT: Final = 90.0
_FILE_NAME: Final = 256


@attrs.define
class LoadErrors:
    """How many records there are, as far as COPY says, and which failed: their lines, in order.

    Not *complete*: so many failed that COPY gave up.
    """

    total: int
    failures: list[tuple[int, Failure]]
    complete: bool


def copy_errors(work: Work, sql: LoadSql, location: str) -> LoadErrors:
    """Stage the upload at *location*, setting aside what cannot be.

    Raises:
        WorkError: it cannot be read at all, or the views do not tell.
    """
    connection, task = work.connection, work.task
    before = connection.value(
        "SELECT coalesce(max(query_id), 0) FROM sys_load_history WHERE session_id = pg_backend_pid()"
    )
    complete = True
    try:
        with authorized(connection, task.session):
            work.run(f"DELETE FROM {sql.staged}")
            work.run(sql.copy(location, MAX_ERRORS))
    except Exception as exc:
        if connection.broken or "Load into table" not in job_error(exc).message:
            raise
        complete = False
    loaded = int(connection.value("SELECT pg_last_copy_count()")) if complete else 0
    failures = _failures(work, int(before), location)
    return LoadErrors(loaded + len(failures), failures, complete)


def _failures(work: Work, before: int, location: str) -> list[tuple[int, Failure]]:
    session = work.connection.session_id
    source = literal(location[:_FILE_NAME], "redshift")
    until = time.monotonic() + _WAIT
    pause = 0.05
    while True:
        found = work.run(
            "SELECT query_id, error_count FROM sys_load_history"
            f" WHERE session_id = {session} AND query_id > {before} AND data_source = {literal(location, 'redshift')}"
            " ORDER BY query_id DESC LIMIT 1"
        )
        if found:
            rows = work.run(
                "SELECT line_number, column_name, column_type, error_code, error_message FROM sys_load_error_detail"
                f" WHERE query_id = {int(found[0][0])} AND trim(file_name) = {source}"
                f" ORDER BY line_number LIMIT {2 * MAX_ERRORS}"
            )
            if len(rows) >= min(int(found[0][1] or 0), MAX_ERRORS):
                return [(int(row[0]), _failure(row)) for row in rows]
        if time.monotonic() > until:
            raise refusal(
                "LOAD_HISTORY_MISSING",
                "Redshift's views do not tell yet which records failed; nothing was changed",
                category=Category.TRANSIENT,
            )
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def _failure(row: tuple[Any, ...]) -> Failure:
    _, column, kind, code, message = row
    name = str(column or "").strip() or None
    reason = LOAD_ERRORS.get(int(code or 0), "MALFORMED")
    said = str(message or "").strip()
    if reason == "CAST":
        said = f"cannot be read as {str(kind or '').strip()}: {said}"
    return Failure(reason, said or "Redshift gave no reason", name)
