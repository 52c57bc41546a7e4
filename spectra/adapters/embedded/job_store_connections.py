"""Connections of `SQLiteJobStore`: opened late, lent out, closed; transactions; errors translated."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from spectra.adapters.embedded import job_store_schema as schema
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    ClosedError,
    OutcomeUnknownError,
    SpectraError,
)

__all__ = ["Connections"]

T = TypeVar("T")

_TRIES: Final = 3
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_NOT_DONE: Final = _BUSY | {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class _CommitError(Exception):
    """The commit failed in a way that leaves open whether it happened; see ``__cause__``."""


class _Process:
    """What one process owns of a store; a child after a fork begins with a new one."""

    def __init__(self) -> None:
        self.idle: deque[sqlite3.Connection] = deque()
        self.writing = threading.Lock()
        self.turn = threading.Lock()


class _Gate:
    """Lets a fork happen only while this process has no connection open.

    SQLite keeps locks per process and books of them in memory. A child inherits the books without the
    locks: it would believe that it holds what it does not, and whoever closes last would delete the
    log under its hands.
    """

    def __init__(self) -> None:
        self._stores: weakref.WeakSet[Connections] = weakref.WeakSet()
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._reset)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._working = 0
        self._forking = False

    def admit(self, store: Connections) -> None:
        with self._changed:
            self._stores.add(store)

    def __enter__(self) -> None:
        with self._changed:
            while self._forking:
                self._changed.wait()
            self._working += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._working -= 1
            if self._forking:
                self._changed.notify_all()

    def _before(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)
            self._forking = True
            self._changed.wait_for(lambda: not self._working)
            stores = [*self._stores]
        for store in stores:
            store.rest()

    def _after(self) -> None:
        with self._changed:
            self._forking = False
            self._changed.notify_all()


_gate: Final = _Gate()


class Connections:
    """The connections of one store: one per thread at work, and per process.

    They are lent, not bound to threads: a host that starts a thread per request would otherwise
    leave a connection behind with each.
    """

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._closed = False
        self._processes: dict[int, _Process] = {}
        _gate.admit(self)

    @property
    def turn(self) -> threading.Lock:
        """A lock of this process, for calls that continue one another."""
        return self._process().turn

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for statements that only read, each on its own."""
        try:
            with self._lent() as connection:
                yield connection
        except sqlite3.Error as exc:
            raise self._translated(exc) from exc

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work* in one transaction and commit it.

        *work* is run again where the commit's outcome is open, so it must recognise what it wrote.

        Raises:
            BackendUnavailableError: nothing was done.
            OutcomeUnknownError: the commit may have been done, and could not be confirmed.
        """
        open_outcome: _CommitError | None = None
        for _ in range(_TRIES):
            try:
                return self._transaction(work)
            except _CommitError as exc:
                open_outcome = exc
            except SpectraError as exc:
                if open_outcome is None:
                    raise
                # The refusal may be the echo of the first try, which then was applied.
                raise _unknown(open_outcome) from exc
        raise _unknown(open_outcome) from open_outcome

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self._closed = True
        self.rest()

    def rest(self) -> None:
        """Close what is idle; the next use opens anew."""
        process = self._processes.get(os.getpid())
        while process is not None:
            try:
                process.idle.pop().close()
            except IndexError:
                return

    # ---- plumbing -------------------------------------------------------------------------------

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        process = self._process()
        # Within a process writers queue here: SQLite's own waiting is a sleep and a new try.
        if not process.writing.acquire(timeout=self._busy_timeout):
            raise BackendUnavailableError("the job database was busy with other writers for too long")
        try:
            with self._lent() as connection:
                connection.execute("BEGIN IMMEDIATE")
                result = work(connection)
                try:
                    connection.execute("COMMIT")
                except sqlite3.Error as exc:
                    if _primary(exc) in _BUSY or _primary(exc) == sqlite3.SQLITE_FULL:
                        raise
                    raise _CommitError from exc
                return result
        except sqlite3.Error as exc:
            raise self._translated(exc) from exc
        finally:
            process.writing.release()

    @contextlib.contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        with _gate:
            process = self._process()
            try:
                connection = process.idle.pop()
            except IndexError:
                connection = schema.opened(self._path, busy_timeout=self._busy_timeout)
            try:
                yield connection
            except (sqlite3.Error, _CommitError):
                # What the connection remembers of the file may be what was wrong.
                connection.close()
                raise
            except BaseException:
                try:
                    connection.rollback()
                except sqlite3.Error:
                    connection.close()
                else:
                    process.idle.append(connection)
                raise
            else:
                process.idle.append(connection)
            finally:
                if self._closed:
                    self.rest()

    def _translated(self, exc: sqlite3.Error) -> BackendError:
        code = _primary(exc)
        if code in _NOT_DONE:
            return BackendUnavailableError(f"the job database could not serve the call: {exc}")
        if code in _DAMAGED:
            return BackendError(
                f"{self._path} is damaged, or no job database: {exc}; restore it or move it away"
            )
        return BackendError(f"the job database failed: {exc}")

    def _process(self) -> _Process:
        if self._closed:
            raise ClosedError("the job store")
        pid = os.getpid()
        return self._processes.get(pid) or self._processes.setdefault(pid, _Process())


def _primary(exc: sqlite3.Error) -> int | None:
    code: int | None = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _unknown(exc: _CommitError | None) -> OutcomeUnknownError:
    cause = exc.__cause__ if exc is not None else None
    return OutcomeUnknownError(f"the job database failed while it committed: {cause}")
