"""One connection of redshift_connector."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from spectra.adapters.aws.redshift.channel import Described, StatementError, nothing
from spectra.errors import MissingExtraError, SpectraError

__all__ = ["Connection", "driver"]

_TEMPORARY: Final = re.compile(r"CREATE TEMP TABLE (\w+)")


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
        self._temporary: dict[str, None] = {}
        self.broken = False
        self.labelled = True
        try:
            self.session_id = int(self.value("SELECT pg_backend_pid()"))
        except BaseException:
            self.close()
            raise

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows. What the driver raises is not translated."""
        return self.described(sql)[1]

    def described(self, sql: str) -> Described:
        """Run one statement; names and type numbers of its columns, and its rows."""
        cursor = self._execute(sql)
        columns = [(_name(column[0]), int(column[1])) for column in cursor.description or ()]
        return columns, [tuple(row) for row in cursor.fetchall()] if columns else []

    def value(self, sql: str) -> Any:
        """Run a statement that has one value."""
        return self.run(sql)[0][0]

    def transaction(self, statements: Sequence[str], check: Callable[[], None] = nothing) -> list[Described]:
        at = 0
        found: list[Described] = []
        try:
            self.run("BEGIN")
            for at, statement in enumerate(statements):  # noqa: B007 - it is told
                check()
                found.append(self.described(statement))
            at = len(statements)
            check()
            self.run("COMMIT")
        except BaseException as exc:
            if not self.broken:
                with contextlib.suppress(Exception):
                    self.run("ROLLBACK")
            # What *check* raises is the caller's own, though a `QueryTimeoutError` is an `OSError` too.
            if isinstance(exc, driver().Error | OSError) and not isinstance(exc, SpectraError):
                raise StatementError(at) from exc
            raise
        return found

    def _execute(self, sql: str) -> Any:
        self.statements += 1
        made = _TEMPORARY.match(sql)
        if made is not None:
            self._temporary[made[1]] = None
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

    def forget(self) -> None:
        """Become as it was when it was opened: own user, no label, no transaction, no temporary table."""
        if self.in_transaction:
            self.run("ROLLBACK")
        self.run("SET SESSION AUTHORIZATION DEFAULT")
        if self._temporary:
            # The next one to come may be another tenant with the same user, who could read them.
            self.run(f"DROP TABLE IF EXISTS {', '.join(self._temporary)}")
            self._temporary.clear()
        self.run("RESET query_group")  # timeouts are set for their transaction alone

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
        sock = self._socket()
        if self.broken:
            self.abandon()
        with contextlib.suppress(Exception):
            self._raw.close()
        if sock is not None and sock.fileno() >= 0:
            # Of a broken connection the driver leaves it open, until the garbage is collected.
            with contextlib.suppress(OSError):
                socket.close(sock.detach())


def _name(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _answered(exc: BaseException) -> bool:
    return bool(exc.args) and isinstance(exc.args[0], dict) and exc.args[0].get("S") != "FATAL"
