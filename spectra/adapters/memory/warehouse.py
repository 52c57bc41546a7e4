"""The memory family's warehouse: an SQLite database that lives in this process alone."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from spectra.domain import Category, Effect, JobError, category_of
from spectra.errors import BackendUnavailableError, ClosedError
from spectra.ports import Task

__all__ = ["LEDGER", "Ledger", "LoadFailed", "Warehouse", "is_interrupt", "job_error", "refusal"]

LEDGER: Final = "spectra_ledger"
_BUSY: Final = 30.0
_TURN: Final = 0.05
_DENIED: Final = frozenset(
    {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_TRANSACTION}
)


class LoadFailed(Exception):
    """Ends the work as FAILED with *error*; raised and caught inside the adapter only."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


def refusal(
    code: str, message: str, *, category: Category = Category.VALIDATION, **details: Any
) -> LoadFailed:
    """A `LoadFailed` about the request or the upload as a whole."""
    return LoadFailed(JobError.of(code, category, message, **details))


class Warehouse:
    """One database for any number of connections and threads, gone when the last is closed.

    Writers take turns, and an open transaction shuts readers out: SQLite locks a database in memory
    as a whole. Tenants' statements get a copy, so that nobody waits for a slow one.
    """

    def __init__(self) -> None:
        self._uri = f"file:/spectra-{secrets.token_hex(16)}?vfs=memdb"
        self._closed = False
        self._anchor = self.connect()
        self._anchor.execute(
            f"CREATE TABLE {LEDGER} (tenant_id TEXT, job_id TEXT, attempt INTEGER, state TEXT, outcome BLOB,"
            " opened_at TEXT, PRIMARY KEY (tenant_id, job_id))"
        )

    def connect(self) -> sqlite3.Connection:
        """A connection of one's own; the caller closes it."""
        return self._connect(_BUSY)

    @contextmanager
    def writing(
        self, check: Callable[[], None] | None = None, *, wait: float = 2.0
    ) -> Iterator[sqlite3.Connection]:
        """One transaction, committed when the context is left without an error, unless rolled back in it.

        Waits for its turn as long as *check*, if there is one, does not raise; else *wait* seconds.

        Raises:
            BackendUnavailableError: another transaction is open.
        """
        connection = self._connect(_TURN)
        try:
            _begin(connection, check, time.monotonic() + wait)
            try:
                yield connection
                if connection.in_transaction:
                    connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        finally:
            connection.close()

    @contextmanager
    def looking(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading what is Spectra's own.

        Raises:
            BackendUnavailableError: a transaction is open; nothing was waited for.
        """
        connection = self._connect(_TURN)
        try:
            yield connection
        except sqlite3.Error as exc:
            raise BackendUnavailableError(f"the warehouse cannot be read: {exc}") from exc
        finally:
            connection.close()

    @contextmanager
    def reading(self, check: Callable[[], None]) -> Iterator[sqlite3.Connection]:
        """A copy on which a tenant's statement can do no harm; *check* may raise to end the wait for it."""
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            source = self._connect(_TURN)
            try:
                source.backup(copy, progress=lambda *_: check(), sleep=_TURN)
            finally:
                source.close()
            copy.execute(f"DROP TABLE {LEDGER}")
            copy.commit()
            copy.execute("PRAGMA query_only = ON")
            copy.set_authorizer(_authorize)
            yield copy
        finally:
            copy.close()

    def close(self) -> None:
        """Forget everything once the last connection is closed; idempotent."""
        self._closed = True
        self._anchor.close()

    def _connect(self, wait: float) -> sqlite3.Connection:
        if self._closed:
            raise ClosedError("the memory executor")
        # Without an isolation level every statement commits itself, unless BEGIN was said.
        return sqlite3.connect(
            self._uri, uri=True, timeout=wait, check_same_thread=False, isolation_level=None
        )


def _begin(connection: sqlite3.Connection, check: Callable[[], None] | None, until: float) -> None:
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError as exc:
            if check is not None and exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                check()
            elif check is not None or time.monotonic() >= until:
                raise BackendUnavailableError(f"the warehouse is busy: {exc}") from exc
    connection.execute(f"PRAGMA busy_timeout = {_BUSY * 1000:.0f}")


def _authorize(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action in _DENIED else sqlite3.SQLITE_OK


_MESSAGES: Final[tuple[tuple[re.Pattern[str], str, str | None], ...]] = (
    (re.compile(r"no such column: (.*)"), "42703", "Column '{}' does not exist"),
    (re.compile(r"no such table: (.*)"), "42P01", "Table '{}' does not exist"),
    (re.compile(r"no such function: (.*)"), "42883", "Function '{}' does not exist"),
    (re.compile(r"ambiguous column name: (.*)"), "42702", "Column '{}' is ambiguous"),
    (re.compile(r'near "(.*)": syntax error'), "42601", "syntax error near '{}'"),
    (re.compile(r"syntax error|incomplete input|unrecognized token"), "42601", None),
    (re.compile(r"prohibited|not authorized|readonly"), "42501", None),
    (re.compile(r"NOT NULL constraint"), "23502", None),
    (re.compile(r"UNIQUE constraint"), "23505", None),
    (re.compile(r"CHECK constraint"), "23514", None),
    (re.compile(r"FOREIGN KEY constraint"), "23503", None),
    (re.compile(r"locked|busy"), "55P03", None),
    (re.compile(r"disk is full"), "53100", None),
)


def job_error(exc: sqlite3.Error, sql: str | None = None, *, code: str = "QUERY_ERROR") -> JobError:
    """What SQLite said; with *sql* also where, as the ordinal of a character in it from 1."""
    text = str(exc)
    state, message, details = "42000", text, dict[str, Any]()
    for pattern, found_state, wording in _MESSAGES:
        if found := pattern.search(text):
            state = found_state
            if wording is not None:
                message = wording.format(found[1])
                details["position"] = _position(sql, found[1])
            break
    if isinstance(exc, sqlite3.IntegrityError):
        code = "CONSTRAINT_VIOLATION"
    return JobError.of(code, category_of(state), message, sql_state=state, **details)


def is_interrupt(exc: sqlite3.Error) -> bool:
    """Whether a statement was stopped by `interrupt`, or by a progress handler."""
    return getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT


def _position(sql: str | None, word: str) -> int | None:
    if sql is None:
        return None
    # SQLite knows the place, and Python's module does not pass it on.
    found = re.search(rf"(?<!\w){re.escape(word.rpartition('.')[2])}(?!\w)", sql)
    return None if found is None else found.start() + 1


class Ledger:
    """Which loads were applied: the outcome of each is kept in the load's own transaction."""

    @staticmethod
    def row(connection: sqlite3.Connection, task: Task) -> Mapping[str, Any] | None:
        """The row of a job."""
        found = connection.execute(
            f"SELECT attempt, state, outcome FROM {LEDGER} WHERE tenant_id = ? AND job_id = ?",
            (task.tenant_id, task.job_id),
        ).fetchone()
        return None if found is None else dict(zip(("attempt", "state", "outcome"), found, strict=True))

    @staticmethod
    def put(connection: sqlite3.Connection, task: Task, state: str, outcome: bytes | None, at: str) -> None:
        """Write the row as it shall be; the first instant stays."""
        connection.execute(
            f"INSERT INTO {LEDGER} VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET attempt = excluded.attempt, state = excluded.state, outcome = excluded.outcome",
            (task.tenant_id, task.job_id, task.attempt, state, outcome, at),
        )

    @classmethod
    def close(cls, connection: sqlite3.Connection, task: Task, at: str) -> Effect:
        """Close the row for good, unless it is applied."""
        row = cls.row(connection, task)
        if row is not None and row["state"] == "applied":
            return Effect.APPLIED
        if row is None or row["state"] == "open":
            cls.put(connection, task, "closed", None, at)
        return Effect.NONE
