"""The DuckDB file: opened on first use, once per process, a cursor for whoever asks.

DuckDB lets one process write a file. While this one has it, any other gets a `WarehouseLockedError`
that names this one; so does a process that is forked from it meanwhile, for good: it has a copy of
DuckDB's memory, through which it would write beside the lock, and what it wrote would be lost. A cursor is a connection of its own (temporary tables, settings, transaction) on
the one open database, and serves one thread at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from spectra.adapters.embedded.failures import is_conflict, lock_holder, said
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    ClosedError,
    MissingExtraError,
    WarehouseLockedError,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor

__all__ = ["Warehouse", "driver"]

LEDGER_SCHEMA: Final = "spectra"

# Tenants must not reach Python variables by name, nor make DuckDB fetch code from the network.
_CONFIG: Final = {
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
}


_warehouses: Final[weakref.WeakSet[Warehouse]] = weakref.WeakSet()
_inherited: Final[dict[Path, int]] = {}
"""Files that were open when this process was forked, and in which process."""


def _after_fork() -> None:
    for warehouse in [*_warehouses]:
        warehouse.inherit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def driver() -> ModuleType:
    """The duckdb module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import duckdb
    except ModuleNotFoundError as exc:
        if exc.name != "duckdb":
            raise
        raise MissingExtraError("embedded", "duckdb") from exc
    return duckdb


class Warehouse:
    """One DuckDB file, and the folder beside it for what is needed only while work runs."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        threads: int | None = None,
        prepare: Callable[[Cursor, str], None],
    ) -> None:
        self.path = Path(os.path.abspath(os.fspath(path)))
        self._config = {**_CONFIG, **({} if threads is None else {"threads": threads})}
        self._prepare = prepare
        self._lock = threading.Lock()
        self._root: Cursor | None = None
        self._pid = 0
        self._closed = False
        self.catalog = ""
        _warehouses.add(self)

    def cursor(self, *, plain: bool = False) -> Cursor:
        """Open a cursor; *plain* without Spectra's settings. The caller closes it.

        Raises:
            WarehouseLockedError: another process has the file.
            BackendError: the file cannot be opened.
        """
        with self.translated():
            return self._cursor(plain=plain)

    def _cursor(self, *, plain: bool) -> Cursor:
        duckdb = driver()
        for last in (False, True):
            cursor = self._on_root()
            try:
                if not plain:
                    cursor.execute("SET errors_as_json = true")
                    cursor.execute("SET enable_progress_bar = true")
                    cursor.execute("SET enable_progress_bar_print = false")
                else:
                    cursor.execute("SELECT 1")
            except duckdb.FatalException:
                # DuckDB has declared the open database invalid; the file is as good as its log.
                cursor.close()
                if last:
                    raise
                self.discard()
            except BaseException:
                cursor.close()
                raise
            else:
                return cursor
        raise AssertionError

    def _on_root(self) -> Cursor:
        with self._lock:
            if self._closed:
                raise ClosedError("the DuckDB executor")
            if self._root is None:
                self._root = self._open()
                self._pid = os.getpid()
            return self._root.cursor()

    def inherit(self) -> None:
        """Begin in a process that was forked: what its parent has open is neither used nor closed here."""
        self._lock = threading.Lock()  # the copy of one that another thread may have held
        root, self._root = self._root, None
        if root is not None:
            _inherited[self.path] = self._pid
            # Its end would write what this process believes into the parent's file: it has none.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(root))

    @contextlib.contextmanager
    def session(self) -> Iterator[Cursor]:
        """A cursor for one short piece of Spectra's own work; driver errors arrive translated."""
        cursor = self.cursor()
        try:
            with self.translated():
                yield cursor
        finally:
            cursor.close()

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn DuckDB's exceptions into those that the port promises."""
        duckdb = driver()
        try:
            yield
        except duckdb.FatalException as exc:
            self.discard()
            raise BackendUnavailableError(_text(exc)) from exc
        except duckdb.Error as exc:
            locked, pid = lock_holder(exc)
            if locked:
                raise WarehouseLockedError(f"the warehouse {self.path} is in use", pid) from exc
            if is_conflict(exc):
                raise BackendUnavailableError(_text(exc)) from exc
            raise BackendError(_text(exc)) from exc

    def discard(self) -> None:
        """Drop a database that DuckDB has declared invalid; the next use opens it anew."""
        with self._lock:
            root, self._root = self._root, None
        if root is not None:
            with contextlib.suppress(Exception):
                root.close()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of its own for one piece of work, removed afterwards.

        It stands beside the warehouse, since what is written there is as large as what is loaded.
        """
        folder = self._scratch / f"{os.getpid()}-{secrets.token_hex(16)}"
        folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Close the database; idempotent."""
        with self._lock:
            self._closed = True
            root, self._root = self._root, None
        if root is not None:
            root.close()
            with contextlib.suppress(OSError):
                self._scratch.rmdir()

    @property
    def _scratch(self) -> Path:
        return self.path.with_name(self.path.name + ".scratch")

    def _open(self) -> Cursor:
        duckdb = driver()
        if self.path in _inherited:
            text = f"the warehouse {self.path} was open when this process was forked"
            raise WarehouseLockedError(text, _inherited[self.path])
        with self.translated():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            root: Cursor = duckdb.connect(str(self.path), config=self._config)
            row = root.execute("SELECT current_database()").fetchone()
            assert row is not None
            self.catalog = row[0]
            self._prepare(root, self.catalog)
        self._sweep()
        return root

    def _sweep(self) -> None:
        """Remove what processes that died left; we hold the lock, so theirs are all dead."""
        if not self._scratch.is_dir():
            return
        for folder in self._scratch.iterdir():
            if not folder.name.startswith(f"{os.getpid()}-"):
                shutil.rmtree(folder, ignore_errors=True)


def _text(exc: BaseException) -> str:
    return str(said(exc)["exception_message"])
