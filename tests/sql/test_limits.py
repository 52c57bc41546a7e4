"""The row limit: what it changes in the text, and what comes of it on real tables."""

import contextlib
import sqlite3

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.errors import InvalidSpecError, SqlSyntaxError
from spectra.sql import limit_rows
from tests.sql.statements import ROWS, assert_first_rows, ordered


@pytest.fixture(scope="module")
def on_duckdb():
    with duckdb.connect() as connection:
        connection.execute("create table r (k int, a int, b text)")
        connection.executemany("insert into r values (?, ?, ?)", ROWS)
        yield lambda sql: connection.execute(sql).fetchall()


@given(sql=ordered("duckdb"), limit=st.integers(0, 50))
def test_first_rows_on_duckdb(on_duckdb, sql, limit):
    assert_first_rows(on_duckdb, sql, limit, "duckdb")


@pytest.fixture(scope="module")
def on_sqlite():
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table r (k int, a int, b text)")
        connection.executemany("insert into r values (?, ?, ?)", ROWS)
        yield lambda sql: connection.execute(sql).fetchall()


@given(sql=ordered("sqlite"), limit=st.integers(0, 50))
def test_first_rows_on_sqlite(on_sqlite, sql, limit):
    assert_first_rows(on_sqlite, sql, limit, "sqlite")


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "redshift", "sqlite"])
@pytest.mark.parametrize(
    ("sql", "limited"),
    [
        ("select 1", "select 1 LIMIT 9"),
        ("select 1;", "select 1 LIMIT 9;"),
        ("select 1 -- one", "select 1 LIMIT 9 -- one"),
        ("select 1 /* one */ ;\n-- two", "select 1 LIMIT 9 /* one */ ;\n-- two"),
        ("select a as limit from t", "select a as limit from t LIMIT 9"),
        ("select t.limit from t", "select t.limit from t LIMIT 9"),
        ("select 'limit 100', \"limit 100\" from t", "select 'limit 100', \"limit 100\" from t LIMIT 9"),
        ("select 1 limit 10", "select 1 limit 9"),
        ("select 1 limit 9", "select 1 limit 9"),
        ("select 1 limit 0", "select 1 limit 0"),
        ("select 1 LIMIT\t100\noffset 3 -- x", "select 1 LIMIT\t9\noffset 3 -- x"),
        ("select 1 limit 00000000000000000000000000100", "select 1 limit 9"),
        (f"select 1 limit {'9' * 5000}", "select 1 limit 9"),
        ("select 1 limit 5 + 100", None),
        ("select 1 limit (100)", None),
        ("select 1 limit 1e2", None),
        ("select 1 limit 100 limit 200", None),
        (
            "select a from (select b from t limit 100) as q",
            "select a from (select b from t limit 100) as q LIMIT 9",
        ),
        (
            "with q as (select 1 limit 100) select * from q",
            "with q as (select 1 limit 100) select * from q LIMIT 9",
        ),
        ("with q (limit) as (select 1) select 1 limit 100", "with q (limit) as (select 1) select 1 limit 9"),
        ("select 1 union select 2 limit 100", "select 1 union select 2 limit 9"),
        ("select 1 limit 100 union select 2", None),
        (
            "select max(a) over (order by b rows 3 preceding)",
            "select max(a) over (order by b rows 3 preceding) LIMIT 9",
        ),
    ],
)
def test_the_limit_in_the_text(dialect, sql, limited):
    assert limit_rows(sql, 9, dialect) == (sql if limited is None else limited)


@pytest.mark.parametrize(
    ("dialect", "sql", "limited"),
    [
        ("duckdb", "select 1 limit all", "select 1 limit 9"),
        ("duckdb", "select 1 limit null offset 2", "select 1 limit 9 offset 2"),
        ("duckdb", "select 1 limit 100%", None),
        ("duckdb", "select 1 limit 100 percent", None),
        ("duckdb", "select $$ limit 100", SqlSyntaxError),
        ("duckdb", "select $$ limit 100 $$", "select $$ limit 100 $$ LIMIT 9"),
        ("duckdb", "select e'limit', [1, 2][1:2]", "select e'limit', [1, 2][1:2] LIMIT 9"),
        ("duckdb", "from t", "from t LIMIT 9"),
        ("duckdb", "values (1), (2)", "values (1), (2) LIMIT 9"),
        ("duckdb", "(select 1 limit 100)", "(select 1 limit 9)"),
        ("duckdb", "((select 1) -- one\n)", "((select 1 LIMIT 9) -- one\n)"),
        ("duckdb", "(select 1) limit 100", "(select 1) limit 9"),
        ("duckdb", "(select 1 limit 100) order by 1", None),
        ("duckdb", "(select 1) order by 1", "(select 1) order by 1 LIMIT 9"),
        ("duckdb", "(select 1 limit 100) union (select 2)", "(select 1 limit 100) union (select 2) LIMIT 9"),
        ("duckdb", "with q as (select 1) (select 1 limit 100)", "with q as (select 1) (select 1 limit 9)"),
        (
            "duckdb",
            "with q (a, b) as not materialized (select 1), p as (select 2) (select 3)",
            "with q (a, b) as not materialized (select 1), p as (select 2) (select 3 LIMIT 9)",
        ),
        ("postgres", "select 1 fetch first 100 rows only", "select 1 fetch first 9 rows only"),
        (
            "postgres",
            "select 1 offset 3 rows fetch next 100 row only",
            "select 1 offset 3 rows fetch next 9 row only",
        ),
        ("postgres", "select 1 fetch first row only", None),
        ("postgres", "select 1 fetch first 5 rows only", None),
        ("postgres", "select 1 fetch first 100 rows with ties", None),
        ("postgres", "select 1 fetch first 100 percent rows only", None),
        ("postgres", "select 1 offset 3", "select 1 offset 3 LIMIT 9"),
        ("postgres", "select 1 limit 100 for update", "select 1 limit 9 for update"),
        ("postgres", "select 1 limit $1", None),
        ("redshift", "select top 100 a from t", "select top 9 a from t"),
        ("redshift", "select distinct top 100 a from t -- x", "select distinct top 9 a from t -- x"),
        ("redshift", "select top 5 a from t", None),
        ("redshift", "select top 100 with ties a from t", None),
        ("redshift", "select top 100 percent a from t", None),
        ("redshift", "select top 100 a from t limit 200", None),
        (
            "redshift",
            "select top 100 a from t union select b from u",
            "select top 100 a from t union select b from u LIMIT 9",
        ),
        (
            "redshift",
            "select a from t where b in (select top 100 c from u)",
            "select a from t where b in (select top 100 c from u) LIMIT 9",
        ),
        (
            "redshift",
            "select a from t minus select b from u",
            "select a from t minus select b from u LIMIT 9",
        ),
        ("redshift", r"select 'a\\' limit 100", r"select 'a\\' limit 9"),
        ("sqlite", "select 1 limit 3, 100", "select 1 limit 3, 9"),
        ("sqlite", "select 1 limit 3, 5", None),
        ("sqlite", "select 1 limit 3, -1", "select 1 limit 3, 9"),
        ("sqlite", "select 1 limit -1", "select 1 limit 9"),
        ("sqlite", "select 1 limit - 2 offset 4", "select 1 limit 9 offset 4"),
        ("sqlite", "select [limit] from t", "select [limit] from t LIMIT 9"),
        ("sqlite", "values (1), (2)", None),
        ("sqlite", "select 1 union all values (2)", None),
        ("sqlite", "select 1 limit null", None),
        ("tsql", "select 1", None),
        ("duckdb", "-- nothing", None),
        ("duckdb", ";", None),
    ],
)
def test_the_limit_in_the_text_of_one_dialect(dialect, sql, limited):
    if limited is SqlSyntaxError:
        with pytest.raises(SqlSyntaxError):
            limit_rows(sql, 9, dialect)
    else:
        assert limit_rows(sql, 9, dialect) == (sql if limited is None else limited)


def test_a_limit_of_nothing_and_less():
    assert limit_rows("select 1 limit 5", 0, "duckdb") == "select 1 limit 0"
    with pytest.raises(InvalidSpecError, match="limit"):
        limit_rows("select 1", -1, "duckdb")
