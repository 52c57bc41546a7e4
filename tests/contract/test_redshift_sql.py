"""The guard and the row limit on PostgreSQL behind the local Redshift."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.errors import InvalidSpecError, SqlRefusedError, SqlSyntaxError
from spectra.sql import SqlPolicy, check_read
from spectra.testing.redshift.protocol import ServerError
from tests.sql.statements import ROWS, assert_first_rows, mutated, ordered

SECRET = "what no tenant reads"
# The name of the catalog's tables, and not what is in them: statistics come and go by themselves.
LOOKS = [
    "select count(*), sum(hashtext(t::text)) from t",
    "select count(*), sum(hashtext(u::text)) from u",
    "select count(*), sum(hashtext(l::text)) from spectra.ledger_00 l",
    "select last_value, is_called from s",
    "select string_agg(relname, ' ' order by relname) from pg_class where relname !~ '^pg_toast'",
    "select string_agg(proname, ' ' order by proname) from pg_proc where pronamespace = 'public'::regnamespace",
    "select string_agg(nspname, ' ' order by nspname) from pg_namespace where nspname !~ '^pg_'",
    "select string_agg(rolname, ' ' order by rolname) from pg_roles",
    "select count(*) from pg_largeobject_metadata",
    "select string_agg(datname, ' ' order by datname) from pg_database",
    "select current_setting('search_path'), session_user, current_user",
    "select count(*) from pg_locks where locktype = 'advisory'",
    "select count(*) from pg_prepared_statements",
    "select count(*) from pg_cursors",
]


@pytest.fixture(scope="module")
def session(redshift):
    """One session in a database of its own, with what a statement could change, or should not read."""
    redshift.run("create database guarded")
    backend = redshift.connect(redshift.user, "guarded")
    for sql in (
        "create table r (k int, a int, b text)",
        "create table t (a int, b int, c text, d date, e float)",
        "create table u (a int, b int, x text)",
        "insert into t select i, i % 3, 'c', date '2024-01-01', i from generate_series(1, 5) i",
        "insert into u select i, i % 2, 'x' from generate_series(1, 5) i",
        "create schema spectra",
        f"create table spectra.ledger_00 as select '{SECRET}'::text as tenant_id",
        "create sequence s",
        "create function f_evil(int) returns int language plpgsql as"
        " $$ begin insert into t (a) values ($1); return 1; end $$",
        "set statement_timeout to 2000",
    ):
        backend.run(sql)
    for row in ROWS:
        k, a, b = ("null" if value is None else repr(value) for value in row)
        backend.run(f"insert into r values ({k}, {a}, {b})")
    yield backend
    backend.close()


@given(sql=ordered("redshift"), limit=st.integers(0, 50))
def test_first_rows(session, sql, limit):
    assert_first_rows(lambda text: session.run(text).rows, sql, limit, "redshift")


@given(sqls=st.lists(mutated("redshift"), min_size=8, max_size=8))
def test_what_passes_changes_nothing(session, sqls):
    """The simple protocol would run several statements in one text, so a second one would be noticed."""
    before = [session.run(look).rows for look in LOOKS]
    for sql in sqls:
        with contextlib.suppress(SqlRefusedError, SqlSyntaxError, InvalidSpecError, ServerError):
            check_read(sql, dialect="redshift", policy=SqlPolicy())
            assert SECRET not in str(session.run(sql).rows[:1_000]), sql
    assert [session.run(look).rows for look in LOOKS] == before
