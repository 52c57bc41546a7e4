"""Connections to Redshift: bounded, looked at before they are used, and never left as somebody else."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from spectra.adapters.aws.redshift.failures import job_error, sessions_end
from spectra.domain import Session
from spectra.errors import BackendError, BackendUnavailableError, ClosedError, MissingExtraError
from spectra.sql.identifiers import quote
from spectra.sql.literals import literal

__all__ = ["Connection", "Connections", "NotInGroupsError", "StatementError", "authorized", "driver"]

_log = logging.getLogger(__name__)
_IDLE: Final = 60.0
"""Seconds after which a connection is asked whether it still lives; routers forget idle ones after 350."""
_STATEMENTS: Final = 2_000
"""What a connection runs before it is replaced: the driver keeps the text of each statement."""
_TRIES: Final = 3


def driver() -> Any:
    """redshift_connector.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import redshift_connector
    except ModuleNotFoundError as exc:
        raise MissingExtraError("aws", exc.name or "") from exc
    return redshift_connector


class Connection:
    """One connection, in autocommit: what is sent is what runs."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._raw.autocommit = True
        self.used_at = time.monotonic()
        self.statements = 0
        self.broken = False
        self.session_id = int(self.value("SELECT pg_backend_pid()"))

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows. What the driver raises is not translated."""
        return self.described(sql)[1]

    def described(self, sql: str) -> tuple[list[tuple[str, int]], list[tuple[Any, ...]]]:
        """Run one statement; names and type numbers of its columns, and its rows."""
        cursor = self._execute(sql)
        columns = [(_name(column[0]), int(column[1])) for column in cursor.description or ()]
        return columns, [tuple(row) for row in cursor.fetchall()] if columns else []

    def changed(self, sql: str) -> int:
        """Run one statement; how many rows it changed, -1 if the server did not say."""
        return int(self._execute(sql).rowcount)

    def value(self, sql: str) -> Any:
        """Run a statement that has one value."""
        return self.run(sql)[0][0]

    def transaction(
        self, statements: Sequence[str], check: Callable[[], None] = lambda: None
    ) -> list[tuple[Any, ...]]:
        """Run *statements* in one transaction, *check* before each and before the end; rows of the last.

        Raises:
            StatementError: one of them failed; everything was rolled back, unless the connection broke.
        """
        at = 0
        rows: list[tuple[Any, ...]] = []
        try:
            self.run("BEGIN")
            for at, statement in enumerate(statements):  # noqa: B007 - it is told
                check()
                rows = self.run(statement)
            at = len(statements)
            check()
            self.run("COMMIT")
        except BaseException as exc:
            if not self.broken:
                with contextlib.suppress(Exception):
                    self.run("ROLLBACK")
            if isinstance(exc, driver().Error | OSError):
                raise StatementError(at) from exc
            raise
        return rows

    def _execute(self, sql: str) -> Any:
        self.statements += 1
        cursor = self._raw.cursor()
        try:
            cursor.execute(sql)
        except BaseException as exc:
            # After an answer of the server the connection is as good as before.
            self.broken = self.broken or not _answered(exc)
            raise
        finally:
            self.used_at = time.monotonic()
        return cursor

    def notices(self) -> list[str]:
        """What the server said lately beside its answers, the newest last."""
        return [str(one.get(b"M", b""), "utf-8", "replace") for one in self._raw.notices]

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._raw.in_transaction)

    def alive(self) -> bool:
        """Whether the server still answers."""
        with contextlib.suppress(Exception):
            with self.within(5.0):
                return bool(self.value("SELECT 1") == 1)
        return False

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Wait for the socket no longer than this; then the connection is broken."""
        sock = self._socket()
        if sock is None:
            yield
            return
        sock.settimeout(seconds)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                sock.settimeout(None)

    def abandon(self) -> None:
        """Break the connection, from any thread: whoever waits for it is told."""
        self.broken = True
        sock = self._socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _socket(self) -> socket.socket | None:
        # The driver has no public way to its socket, and none to end a statement.
        found = getattr(self._raw, "_usock", None)
        return found if isinstance(found, socket.socket) else None

    def close(self) -> None:
        """Leave."""
        if self.broken:
            self.abandon()
        with contextlib.suppress(Exception):
            self._raw.close()


def _name(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _answered(exc: BaseException) -> bool:
    return bool(exc.args) and isinstance(exc.args[0], dict) and exc.args[0].get("S") != "FATAL"


class Connections:
    """At most *limit* at once; each loan ends as it began: own user, no label, no transaction.

    *connect* has the arguments of ``redshift_connector.connect``, or makes a connection itself. Nothing
    is opened before it is needed, and after a fork everything anew.
    """

    def __init__(
        self, connect: Mapping[str, Any] | Callable[[], Any], *, limit: int, wait: float = 60.0
    ) -> None:
        self._connect = connect
        self._limit = limit
        self._wait = wait
        self._idle: list[Connection] = []
        self._lent: set[Connection] = set()
        self._opening = 0
        self._changed = threading.Condition()
        self._closed = False
        self._process = os.getpid()

    @contextlib.contextmanager
    def lend(self, label: str) -> Iterator[Connection]:
        """A connection whose statements carry *label*.

        Raises:
            BackendUnavailableError: the server cannot be reached, or no connection became free in time.
            ClosedError: `close` was called.
        """
        connection = self._labelled(label)
        try:
            yield connection
        except BaseException:
            self._give_back(connection)
            raise
        self._give_back(connection)

    @contextlib.contextmanager
    def ask(self, label: str) -> Iterator[Connection]:
        """Like `lend`, for reads and short changes of the worker's own.

        Raises:
            BackendUnavailableError: the connection broke.
            BackendError: the server refused.
        """
        with self.lend(label) as connection:
            try:
                yield connection
            except (driver().Error, OSError) as exc:
                if connection.broken or sessions_end(exc):
                    raise BackendUnavailableError("the connection to Redshift broke") from exc
                raise BackendError(f"Redshift refused: {job_error(exc).message}") from exc

    def _labelled(self, label: str) -> Connection:
        """One that carries *label*; those that turn out to be dead are left."""
        for attempt in range(_TRIES):
            connection = self._take()
            try:
                connection.run(f"SET query_group TO {literal(label, 'redshift')}")
            except BaseException as exc:
                self._give_back(connection)
                if not isinstance(exc, driver().Error | OSError):
                    raise
                if attempt + 1 == _TRIES:
                    raise BackendUnavailableError("connections to Redshift break at once") from exc
            else:
                return connection
        raise AssertionError("unreachable")

    def _take(self) -> Connection:
        until = time.monotonic() + self._wait
        while True:
            connection = self._from_pool(until)
            if connection is None:
                break
            if time.monotonic() - connection.used_at < _IDLE or connection.alive():
                return connection
            self._discard(connection)
        try:
            connection = self._open()
        except BaseException:
            with self._changed:
                self._opening -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._opening -= 1
            if not self._closed:
                self._lent.add(connection)
                return connection
        connection.close()
        raise ClosedError("the Redshift executor")

    def _from_pool(self, until: float) -> Connection | None:
        """An idle one; None if a new one may be opened."""
        with self._changed:
            if self._process != os.getpid():
                # The parent's connections are its own: closing them here would end its sessions.
                self._process, self._opening = os.getpid(), 0
                self._idle, self._lent = [], set()
            while True:
                if self._closed:
                    raise ClosedError("the Redshift executor")
                if self._idle:
                    connection = self._idle.pop()
                    self._lent.add(connection)
                    return connection
                if len(self._lent) + self._opening < self._limit:
                    self._opening += 1
                    return None
                left = until - time.monotonic()
                if left <= 0:
                    raise BackendUnavailableError(
                        f"no connection to Redshift became free in {self._wait:.0f} s"
                    )
                self._changed.wait(left)

    def _open(self) -> Connection:
        redshift = driver()
        try:
            raw = (
                self._connect()
                if callable(self._connect)
                else redshift.connect(
                    **{
                        "application_name": "spectra",
                        "max_prepared_statements": 0,
                        "tcp_keepalive": True,
                        **self._connect,
                    }
                )
            )
            return Connection(raw)
        except (redshift.Error, OSError) as exc:
            raise BackendUnavailableError("Redshift cannot be reached") from exc

    def _give_back(self, connection: Connection) -> None:
        if not connection.broken and connection.statements < _STATEMENTS and self._cleaned(connection):
            with self._changed:
                if not self._closed and connection in self._lent:
                    self._lent.discard(connection)
                    self._idle.append(connection)
                    self._changed.notify()
                    return
        self._discard(connection)

    def _cleaned(self, connection: Connection) -> bool:
        try:
            with connection.within(10.0):
                if connection.in_transaction:
                    connection.run("ROLLBACK")
                connection.run("SET SESSION AUTHORIZATION DEFAULT")
                connection.run("RESET query_group")
                connection.run("SET statement_timeout TO 0")
        except Exception as exc:
            _log.info("a connection to Redshift is given up: %s", type(exc).__name__)
            return False
        return not connection.broken

    def _discard(self, connection: Connection) -> None:
        connection.close()
        with self._changed:
            self._lent.discard(connection)
            self._changed.notify()

    def close(self) -> None:
        """Close what is idle, and break what is lent."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            lent = list(self._lent)
            self._changed.notify_all()
        if self._process != os.getpid():
            return
        for connection in idle:
            connection.close()
        for connection in lent:
            connection.abandon()


class StatementError(Exception):
    """The statement number *at* of a transaction failed; ``__cause__`` says why. The last is COMMIT."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at

    @property
    def cause(self) -> BaseException:
        """What was raised."""
        assert self.__cause__ is not None
        return self.__cause__


class NotInGroupsError(Exception):
    """The session's user is not in the groups that it names."""


@contextlib.contextmanager
def authorized(connection: Connection, session: Session) -> Iterator[None]:
    """Run as the session's user.

    Raises:
        NotInGroupsError: the user is in none of the groups that the session names.
    """
    if session.db_user is None:
        yield
        return
    _check_groups(connection, session)
    connection.run(f"SET SESSION AUTHORIZATION {quote(session.db_user)}")
    try:
        yield
    finally:
        if not connection.broken and not (connection.in_transaction and _failed(connection)):
            connection.run("SET SESSION AUTHORIZATION DEFAULT")


def _check_groups(connection: Connection, session: Session) -> None:
    if not session.db_groups:
        return
    names = ", ".join(literal(name, "redshift") for name in session.db_groups)
    found = connection.run(
        "SELECT g.groname FROM pg_group g, pg_user u WHERE u.usesysid = ANY(g.grolist)"
        f" AND u.usename = {literal(session.db_user, 'redshift')} AND g.groname IN ({names})"
    )
    missing = set(session.db_groups) - {str(row[0]) for row in found}
    if missing:
        raise NotInGroupsError(f"{session.db_user} is not in the group {min(missing)}")


def _failed(connection: Connection) -> bool:
    try:
        connection.run("SELECT 1")
    except Exception:
        return True
    return False
