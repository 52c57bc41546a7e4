"""Whatever passes the guard changes nothing, and reads nothing that is not a tenant's."""

import contextlib
import os
import sqlite3
import threading

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.errors import InvalidSpecError, SqlRefusedError, SqlSyntaxError
from spectra.sql import SqlPolicy, check_read
from spectra.sql.functions import safe
from spectra.sql.literals import Bound
from spectra.sql.parsing import parse
from tests.sql.reading import OPERATORS, seen_by_duckdb
from tests.sql.statements import mutated

SECRET = "what no tenant reads"


def passes(sql, dialect):
    try:
        check_read(sql, dialect=dialect, policy=SqlPolicy())
    except (SqlRefusedError, SqlSyntaxError, InvalidSpecError):
        return False
    return True


class DuckDB:
    """A database with tables, a ledger, a sequence and a file beside it, and what can be seen of a change."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "secret.csv").write_text(f"c\n{SECRET}\n")
        self.connection = duckdb.connect(str(folder / "home.duckdb"))
        self.connection.execute(
            "create table t (a int, b int, c text, d date, e double); create table u (a int, b int, x text);"
            "insert into t select i, i % 3, 'c', date '2024-01-01', i from range(5) q (i);"
            "insert into u select i, i % 2, 'x' from range(5) q (i);"
            f"create table spectra_ledger as select '{SECRET}' as tenant_id, 1 as a;"
            "create sequence s; create macro lower_all(x) as lower(x); create view v as select a from t;"
            "set autoinstall_known_extensions = false; set autoload_known_extensions = false"
        )
        self.state = self.look()

    def look(self):
        run = lambda sql: self.connection.execute(sql).fetchall()
        tables = run("select table_name from duckdb_tables() order by 1")
        return [
            tables,
            [run(f"select count(*), sum(hash(columns(*))) from {name}") for (name,) in tables],
            run("select view_name, sql from duckdb_views() where not internal order by 1"),
            run("select sequence_name, last_value from duckdb_sequences()"),
            run("select function_name from duckdb_functions() where not internal order by 1"),
            run("select type_name from duckdb_types() where not internal order by 1"),
            run("select name, value from duckdb_settings() where name not like '%memory%' order by 1"),
            run("select database_name from duckdb_databases() order by 1"),
            run("select name from duckdb_variables() order by 1"),
            sorted(os.listdir(self.folder)),
        ]

    def run(self, sql):
        """Its rows as text; of one that fails, or does not end, nothing."""
        watch = threading.Timer(2, self.connection.interrupt)
        watch.start()
        try:
            return str(self.connection.execute(sql).fetchmany(1_000))
        except (duckdb.Error, RuntimeError, ValueError, OverflowError):
            return ""
        finally:
            watch.cancel()

    def check(self):
        assert self.look() == self.state


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("duckdb")
    with contextlib.chdir(folder):
        database = DuckDB(folder)
        yield database
        database.connection.close()


@given(sqls=st.lists(mutated("duckdb"), min_size=8, max_size=8))
def test_what_passes_changes_nothing_on_duckdb(on_duckdb, sqls):
    passed = [sql for sql in sqls if passes(sql, "duckdb")]
    for sql in passed:
        assert SECRET not in on_duckdb.run(sql), sql
    on_duckdb.check()


@given(sqls=st.lists(mutated("duckdb"), min_size=8, max_size=8))
def test_duckdb_reads_what_the_guard_has_read(sqls):
    for sql in sqls:
        if not passes(sql, "duckdb"):
            continue
        seen = seen_by_duckdb(sql)
        if seen is None:
            continue  # DuckDB cannot read it
        parsed = parse(Bound(sql, sql), "duckdb")
        tables, functions = seen
        assert tables <= {
            ".".join(part.name for part in table.parts).lower() for table in parsed.tables.values()
        }
        called = {call.path[-1][0].lower() for call in parsed.calls.values()}
        assert functions <= called | safe("duckdb") | OPERATORS


READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


@given(sqls=st.lists(mutated("sqlite"), min_size=8, max_size=8))
def test_what_passes_changes_nothing_on_sqlite(sqls):
    """SQLite itself says what a statement would do: nothing but read these tables, by safe functions."""
    seen = []

    def authorize(action, first, second, *_):
        seen.append((action, first, second))
        return sqlite3.SQLITE_OK

    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(
            "create table t (a int, b int, c text, d text, e real); create table u (a int, b int, x text);"
            f"create table spectra_ledger as select '{SECRET}' as tenant_id, 1 as a;"
            "insert into t values (1, 2, 'c', '2024-01-01', 0.5); insert into u values (1, 2, 'x')"
        )
        state, changes = list(connection.iterdump()), connection.total_changes
        connection.execute("select * from json_each('[]'), json_tree('[]')")  # the first use makes them
        connection.set_authorizer(authorize)
        for sql in sqls:
            if passes(sql, "sqlite"):
                with contextlib.suppress(sqlite3.Error, sqlite3.Warning, ValueError, OverflowError):
                    assert SECRET not in str(connection.execute(sql).fetchmany(1_000))
        connection.set_authorizer(None)
        assert list(connection.iterdump()) == state
        assert connection.total_changes == changes
    assert {action for action, _, _ in seen} <= READING
    functions = {name.lower() for action, _, name in seen if action == sqlite3.SQLITE_FUNCTION}
    assert functions <= safe("sqlite") | {"->", "->>", "like", "glob", "match"}
    read = {table.lower() for action, table, _ in seen if action == sqlite3.SQLITE_READ}
    assert not {table for table in read if table.startswith(("sqlite_", "pragma_", "dbstat"))}
