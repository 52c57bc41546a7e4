"""Connections to Redshift: bounded, looked at before they are used, and never left as somebody else."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from spectra.adapters.aws.redshift.connection import Connection, driver
from spectra.adapters.aws.redshift.failures import job_error, sessions_end
from spectra.domain import Category
from spectra.errors import BackendError, BackendUnavailableError, ClosedError
from spectra.sql.literals import literal

__all__ = ["Connections"]

_log = logging.getLogger(__name__)
_IDLE: Final = 60.0
"""Seconds after which a connection is asked whether it still lives; routers forget idle ones after 350."""
_STATEMENTS: Final = 2_000
"""What a connection runs before it is replaced: the driver keeps the text of each statement."""
_TRIES: Final = 3


class Connections:
    """At most *limit* at once; each loan ends as it began: own user, no label, no transaction, no temporary table.

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
    def lend(self, label: str, *, keep: bool = True, wait: float | None = None) -> Iterator[Connection]:
        """A connection whose statements carry *label*; waited for at most *wait* seconds.

        Raises:
            BackendUnavailableError: the server cannot be reached, or no connection became free in time.
            BackendError: it refuses the login.
            ClosedError: `close` was called.
        """
        connection = self._labelled(label, self._wait if wait is None else min(wait, self._wait))
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

    def _labelled(self, label: str, wait: float) -> Connection:
        """One that carries *label*; those that turn out to be dead are left."""
        for attempt in range(_TRIES):
            connection = self._take(wait)
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

    def _take(self, wait: float) -> Connection:
        until = time.monotonic() + wait
        while True:
            connection = self._from_pool(until, wait)
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

    def _from_pool(self, until: float, wait: float) -> Connection | None:
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
                    raise BackendUnavailableError(f"no connection to Redshift became free in {wait:.0f} s")
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
            error = job_error(exc)
            if error.category is Category.PERMISSION:
                # Tries that go on would lock the user out.
                raise BackendError(f"Redshift refuses the login: {error.message}") from exc
            raise BackendUnavailableError(f"Redshift cannot be reached: {error.message}") from exc

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
                connection.forget()
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
