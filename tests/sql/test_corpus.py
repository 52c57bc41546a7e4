"""The corpus: what the guard says of every statement in it, and what a database does with those it allows."""

import collections
import contextlib
import sqlite3
from pathlib import Path

import duckdb
import pytest

from spectra.errors import SqlRefusedError, SqlSyntaxError
from spectra.sql import SqlPolicy, check_read, limit_rows
from spectra.sql.functions import safe
from spectra.sql.literals import Bound
from spectra.sql.parsing import parse
from tests.sql.cases import read, shape
from tests.sql.reading import OPERATORS, seen_by_duckdb

TABLES = Path(__file__).with_name("tables")
CASES = read()
EACH = [pytest.param(case, dialect, id=f"{case}, {dialect}") for case in CASES for dialect in case.dialects]


def _allowed(dialect):
    return [pytest.param(case, id=str(case)) for case in CASES if case.allowed and dialect in case.dialects]


ON_DUCKDB = _allowed("duckdb")
ON_SQLITE = _allowed("sqlite")


@pytest.mark.parametrize(("case", "dialect"), EACH)
def test_the_guard_says_so(case, dialect):
    try:
        check_read(case.sql, dialect=dialect, policy=SqlPolicy())
    except SqlSyntaxError:
        verdict = "syntax"
    except SqlRefusedError as refused:
        verdict = refused.reason
        lines = case.sql.split("\n")
        assert 1 <= refused.line <= len(lines)
        assert 1 <= refused.column <= len(lines[refused.line - 1])
    else:
        verdict = "allowed"
    assert verdict == case.verdict


def test_it_is_large_and_no_two_are_alike():
    shapes = collections.defaultdict(set)
    for case in CASES:
        for dialect in case.dialects:
            shapes[shape(case.sql, dialect)].add(case.sql)
    assert [sqls for sqls in shapes.values() if len(sqls) > 1] == []
    assert len({case.sql for case in CASES}) == len(CASES) >= 500
    assert sum(case.source is not None for case in CASES) >= 150
    assert all(case.why for case in CASES)
    assert 200 <= sum(case.allowed for case in CASES) <= len(CASES) - 200


@pytest.fixture(scope="module")
def tables():
    """A connection for each schema that the statements are about."""
    with duckdb.connect() as own, duckdb.connect() as tpch, duckdb.connect() as tpcds:
        connections = {"own": own, "tpch": tpch, "tpcds": tpcds}
        for name, connection in connections.items():
            connection.execute((TABLES / f"{name}.sql").read_text())
        own.execute((TABLES / "rows.sql").read_text())
        yield connections


@pytest.mark.parametrize("case", ON_DUCKDB)
def test_what_is_allowed_runs_on_duckdb(case, tables):
    connection = tables.get(case.file, tables["own"])
    rows = connection.execute(case.sql).fetchall()
    limited = limit_rows(case.sql, 3, "duckdb")
    assert len(connection.execute(limited).fetchall()) <= (3 if limited != case.sql else len(rows))


@pytest.fixture(scope="module")
def sqlite():
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript((TABLES / "own.sql").read_text() + (TABLES / "rows.sql").read_text())
        connection.executescript("create index t_a on t (a); create virtual table docs using fts5(text)")
        connection.create_function("regexp", 2, lambda pattern, text: pattern in text)
        yield connection


@pytest.mark.parametrize("case", ON_SQLITE)
def test_what_is_allowed_runs_on_sqlite(case, sqlite):
    before = sqlite.total_changes
    rows = sqlite.execute(case.sql).fetchall()
    limited = limit_rows(case.sql, 3, "sqlite")
    assert len(sqlite.execute(limited).fetchall()) <= (3 if limited != case.sql else len(rows))
    assert sqlite.total_changes == before


@pytest.mark.parametrize("case", ON_DUCKDB)
def test_duckdb_reads_what_the_guard_has_read(case):
    """Every table of the tree of DuckDB's own parser, and every function that is not an operator's."""
    tables, functions = seen_by_duckdb(case.sql)
    parsed = parse(Bound(case.sql, case.sql), "duckdb")
    assert tables <= {".".join(part.name for part in table.parts).lower() for table in parsed.tables.values()}
    called = {call.path[-1][0].lower() for call in parsed.calls.values()}
    assert functions <= called | safe("duckdb") | OPERATORS
