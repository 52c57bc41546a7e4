"""What broken executors and runners are tried on: real files and tables, made quickly."""

from __future__ import annotations

import itertools

import pytest

from spectra.adapters.embedded import DirectoryResultStore, DuckDBExecutor
from spectra.adapters.embedded.queries import Queries
from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
from spectra.domain import LoadSpec
from tests.contract.test_executors import LocalHarness


class QuickHarness(LocalHarness):
    """Fills tables by few statements, and has little patience: the machine is near."""

    patience = 1.0

    def create(self, table, columns, rows=()):
        super().create(table, columns)
        connection = self.executor.connect()
        rows = iter(rows)
        while some := list(itertools.islice(rows, 500)):
            marks = ", ".join(f"({', '.join('?' * len(columns))})" for _ in some)
            connection.execute(
                f"insert into {table} values {marks}", [value for row in some for value in row]
            )
        connection.close()


def on_duckdb(kind, harness_of=QuickHarness):
    """The fixture `harness` for *kind*, a broken `DuckDBExecutor`.

    Opening a file for every test would take most of the time: one is used until a test closes it.
    """
    opened = []

    @pytest.fixture
    def harness(self, request, tmp_path_factory):
        if not opened or opened[-1].executor._closed:
            folder = tmp_path_factory.mktemp("duckdb")
            results, executor = DirectoryResultStore(folder / "files"), kind(folder / "w.duckdb")
            opened.append(harness_of(executor, results))
            for end in (opened.clear, results.close, executor.close):
                request.node.getparent(pytest.Class).addfinalizer(end)
        return opened[-1]

    return harness


def on_memory(kind):
    """The fixture `harness` for *kind*, a broken `MemoryExecutor`."""

    @pytest.fixture
    def harness(self):
        with MemoryResultStore() as results, kind(results) as executor:
            yield QuickHarness(executor, results)

    return harness


class ToyUsers(DuckDBExecutor):
    """A `DuckDBExecutor` with users, and this one is right: its statements run on pooled connections.

    The current schema of a connection stands for its user; schemas of the users' names are there.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._pool_of_cursors = []
        with self.connect() as cursor:
            for user in ("spectra_a", "spectra_b"):
                cursor.execute(f"create schema if not exists {user}")

    def reset(self, cursor):
        """The session ends; its connection goes back to the pool."""
        cursor.execute("reset schema")

    def _execution(self, work):
        if isinstance(work.task.spec, LoadSpec):
            return super()._execution(work)
        # Whatever the adapter asks its warehouse for in this thread is to be the pool's.
        return DuckDBExecutor._execution(_Pooled(self, work.task.session), work)

    def query(self, query, /):
        self._alive()
        return Queries(_Pooled(self, query.session)).run(query)

    def close(self):
        super().close()
        while self._pool_of_cursors:
            self._pool_of_cursors.pop().close()


class _Pooled:
    """The executor as one piece of work sees it: its warehouse gives connections of the pool."""

    def __init__(self, executor, session):
        self._executor, self._session = executor, session
        self._warehouse = self

    def __getattr__(self, name):
        return getattr(self._executor, name)

    def translated(self):
        return self._executor._warehouse.translated()

    def cursor(self):
        pool = self._executor._pool_of_cursors
        cursor = pool.pop() if pool else self._executor._warehouse.cursor()
        if self._session.db_user:
            cursor.execute(f"set schema = '{self._session.db_user}'")
        return _Borrowed(self._executor, cursor)


class _Borrowed:
    """A cursor whose `close` gives it back."""

    def __init__(self, executor, cursor):
        self._executor, self._cursor = executor, cursor

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def close(self):
        self._executor.reset(self._cursor)
        self._executor._pool_of_cursors.append(self._cursor)


class SessionLeft(ToyUsers):
    """The connection goes back to the pool as the last user left it."""

    def reset(self, cursor):
        pass


class WithUsers(QuickHarness):
    """Tells the user of `ToyUsers`."""

    user = "current_schema()"
