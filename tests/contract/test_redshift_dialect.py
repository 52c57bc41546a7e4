"""Redshift's SQL on the embedded warehouse: as jobs, as queries, and beside PostgreSQL."""

from __future__ import annotations

import csv
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
import io

import duckdb
from hypothesis import given
import pytest

from spectra import Caller, ExportSpec, Settings, Spectra
from spectra.adapters.embedded import DuckDBExecutor
from spectra.adapters.embedded.dialects import install
from spectra.errors import ExecutorError, InvalidSettingsError
from spectra.ports import Query
from spectra.sql.literals import Bound
from spectra.sql.transpiling import transpile
from spectra.testing.redshift.protocol import ServerError
from tests.contract.redshift_statements import TABLES, statements
from tests.unit.redshift_samples import SAMPLES
from tests.unit.redshift_samples import TABLES as SAMPLE_TABLES

ME = Caller("acme", actor="ann")


@pytest.fixture
def spectra(tmp_path):
    with Spectra.embedded(tmp_path, dialect="redshift") as spectra:
        host(
            spectra,
            "create table sales (id int, amount decimal(9, 2), sold timestamp)",
            "insert into sales values (1, 9.99, '2026-01-31'), (2, 20, '2026-02-01'), (3, null, null)",
        )
        yield spectra


def host(spectra, *statements):
    with closing(spectra.executor.connect()) as connection:
        for statement in statements:
            connection.execute(statement)


def ask(spectra, sql, **parameters):
    facts = {"tenant_id": "acme", "query_id": "q", "limit": 10, "timeout": 30}
    return spectra.executor.query(Query(sql=sql, parameters=parameters, **facts))


def refused(spectra, sql, **parameters):
    with pytest.raises(ExecutorError) as failed:
        ask(spectra, sql, **parameters)
    return failed.value.job_error


# ---- jobs and queries -----------------------------------------------------------------------------


def test_an_export_in_redshifts_words(spectra):
    query = (
        "select top 2 amount, NVL(DateAdd(day, 1, Sold), getdate())::date as D, count(*)\nfrom Sales\n"
        "where id <> :id group by 1, 2 order by 1 desc; -- end"
    )
    spec = ExportSpec(query=query, parameters={"id": 1}, null_token="\\N")  # noqa: S106
    job = spectra.jobs.create(ME, spec).job
    spectra.worker().run_once()
    job = spectra.jobs.get(ME, job.job_id)
    assert (job.state, job.spec.query) == ("JobComplete", query)
    results = spectra.jobs.results(ME, job.job_id)
    stream, _ = spectra.result_store.serve(results.parts[0].url)
    with stream:
        rows = list(csv.reader(io.StringIO(stream.read().decode())))
    assert rows[0] == ["amount", "d", "count"] == [column.name for column in results.schema]
    assert [row[0] for row in rows[1:]] == ["\\N", "20.00"]
    assert rows[2][1:] == ["2026-02-02", "1"]


def test_an_export_that_cannot_be_said_fails_with_its_place(spectra):
    job = spectra.jobs.create(ME, ExportSpec(query="select id,\n soundex('a') from sales")).job
    spectra.worker().run_once()
    error = spectra.jobs.get(ME, job.job_id).error
    assert (error.code, error.category, error.retryable) == ("SQL_NOT_SUPPORTED", "validation", False)
    assert "soundex" in error.message
    assert (error.details["line"], error.details["column"]) == (2, 2)


def test_queries_and_the_names_of_their_columns(spectra):
    result = ask(spectra, "select ID, avg(id), 'x' from sales where amount = :a group by 1", a=Decimal(20))
    assert result.rows == ((2, 2, "x"),)
    assert [column.name for column in result.columns] == ["id", "avg", "?column?"]


def test_files_tell_columns_of_one_name_apart(spectra):
    job = spectra.jobs.create(ME, ExportSpec(query="select count(id), count(amount) from sales")).job
    spectra.worker().run_once()
    results = spectra.jobs.results(ME, job.job_id)
    stream, _ = spectra.result_store.serve(results.parts[0].url)
    with stream:
        header, row = csv.reader(io.StringIO(stream.read().decode()))
    assert (header, row) == ([column.name for column in results.schema], ["3", "2"])
    assert len(set(header)) == 2


@pytest.mark.parametrize(
    ("sql", "code", "details"),
    [
        ("select id from sales\nwhere nmae = 1", "QUERY_ERROR", {"sql_state": "42703", "position": 28}),
        ("select 1 from salse", "QUERY_ERROR", {"sql_state": "42P01", "position": 15}),
        # Named twice: which of them DuckDB means is not known.
        ("select nmae from sales where nmae = 1", "QUERY_ERROR", {"sql_state": "42703"}),
        ("select id / (id - id) from sales", "QUERY_ERROR", {"sql_state": "22012"}),
        ("select length(sold, 1) from sales", "SQL_NOT_SUPPORTED", {"line": 1, "column": 8}),
        ("select sold + 1 from sales", "QUERY_ERROR", {"sql_state": "42883"}),
        ("select 1 wher 2", "INVALID_SQL", {"line": 1, "column": 15}),
        ("select list_value(id) from sales", "SQL_NOT_SUPPORTED", {"line": 1, "column": 8}),
        ("select * from read_csv('/etc/passwd')", "SQL_NOT_SUPPORTED", {"line": 1, "column": 15}),
        ("select _redshift.cmp(1, 2)", "SQL_NOT_SUPPORTED", {"line": 1, "column": 18}),
        ("delete from sales", "SQL_BLOCKED", {"reason": "statement", "line": 1, "column": 1}),
        ("select * from spectra.spectra_ledger", "SQL_BLOCKED", {}),
        ("select * from duckdb_settings", "SQL_BLOCKED", {}),
        ('select * from "/etc/passwd"', "QUERY_ERROR", {"sql_state": "42P01"}),
    ],
)
def test_errors_have_no_place_in_a_text_that_nobody_wrote(spectra, sql, code, details):
    error = refused(spectra, sql)
    assert (error.code, dict(error.details)) == (code, details), error.message
    assert "LINE" not in error.message


def test_what_is_missing_can_be_supplied_by_the_host(spectra):
    assert refused(spectra, "select soundex('a'), price_of(id) from sales").details["column"] == 8
    host(
        spectra,
        "create macro soundex(x) as upper(left(x, 1)) || '000'",
        "create schema ours",
        "create macro ours.price_of(x) as x * 2",
    )
    assert ask(spectra, "select soundex('amazon'), ours.price_of(3)").rows == (("A000", 6),)


def test_the_time_zone_is_utc(spectra):
    rows = ask(
        spectra, "select '2026-01-01 10:00:00'::timestamptz = '2026-01-01 10:00:00+00', getdate()"
    ).rows
    assert rows[0][0] is True
    assert abs(rows[0][1] - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)


def test_another_process_of_the_warehouse_finds_its_macros(tmp_path):
    for _ in range(2):
        with DuckDBExecutor(tmp_path / "w.duckdb", dialect="redshift") as executor:
            assert executor.dialect == "redshift"
            query = Query(tenant_id="t", sql="select strtol('f', 16)", limit=1, timeout=30, query_id="q")
            assert executor.query(query).rows == ((15,),)
    with DuckDBExecutor(tmp_path / "w.duckdb") as executor:
        assert executor.dialect == "duckdb"
        query = Query(tenant_id="t", sql="select 5 / 2, [1][1]", limit=1, timeout=30, query_id="q")
        assert executor.query(query).rows == ((2.5, 1),)


def test_dialects_are_known_or_refused(tmp_path):
    with pytest.raises(InvalidSettingsError, match="duckdb or redshift, not 'snowflake'"):
        Spectra.embedded(tmp_path, dialect="snowflake")
    with pytest.raises(InvalidSettingsError, match="SPECTRA_SQL_DIALECT"):
        Spectra.from_env({"SPECTRA_HOME": str(tmp_path), "SPECTRA_SQL_DIALECT": "snowflake"})
    assert list(tmp_path.iterdir()) == []
    named = {"SPECTRA_HOME": str(tmp_path), "SPECTRA_SQL_DIALECT": "redshift"}
    for spectra, dialect in (
        (Spectra.from_env(named), "redshift"),
        (Spectra.from_env({"SPECTRA_HOME": str(tmp_path)}), "duckdb"),
        (Spectra.embedded(tmp_path, settings=Settings(sql_dialect="redshift"), dialect="duckdb"), "duckdb"),
    ):
        with spectra:
            assert spectra.executor.dialect == dialect


# ---- beside PostgreSQL ----------------------------------------------------------------------------

# Where Redshift's documentation says other things than PostgreSQL 18 does.
REDSHIFTS_OWN = {
    "r_AVG": "whole numbers stay whole, decimals keep their places",
    "r_FROM_clause-pivot-unpivot-examples": "as r_AVG",
    "r_WF_AVG": "as r_AVG",
    "r_BPCHARCMP": "-1, 0 or 1",
    "r_CONCAT": "of NULL is NULL",
    "r_Dateparts_for_datetime_functions": "decades are counted from 1",
    "r_Numeric_types201": "without a scale it is 0",
    "REGEXP_SUBSTR": "an empty text where nothing is found; e",
}


@pytest.fixture(scope="module")
def both(redshift):
    """A DuckDB and a PostgreSQL with the same tables."""
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        install(connection)
        redshift.run("create schema dialect")
        redshift.run("set search_path to dialect, pg_catalog")
        for statement in f"{TABLES};{SAMPLE_TABLES}".split(";"):
            if statement.strip():
                connection.execute(statement)
                redshift.run(statement)
        yield connection, redshift
        redshift.run("reset search_path")
        redshift.run("drop schema dialect cascade")


def test_samples_are_the_same_on_postgres_where_it_can_run_them(both):
    warehouse, redshift = both
    same, other = [], set()
    for sample in SAMPLES:
        try:
            theirs = redshift.typed(sample.sql)
        except ServerError:
            continue
        ours = warehouse.execute(transpile(Bound(sample.sql, sample.sql)).text).fetchall()
        if alike(ours, theirs):
            same.append(sample.page)
        else:
            other.add(sample.page)
    assert other == set(REDSHIFTS_OWN)
    assert len(same) >= 75


@given(statement=statements())
def test_reports_give_the_same_rows_on_both(both, statement):
    warehouse, redshift = both
    sql, keys = statement
    found = warehouse.execute(transpile(Bound(sql, sql)).text).fetchall()
    expected = redshift.typed(sql)
    assert alike(found, expected)
    # The order too, as far as the statement says it.
    ours, theirs = ([plain(row[:keys]) for row in rows] for rows in (found, expected))
    assert [numbered(row) for row in ours] == [numbered(row) for row in theirs]


def alike(ours, theirs):
    """Whether two results have the same rows, in any order; numbers may differ by a rounding."""
    return sorted(map(repr, map(plain, ours))) == sorted(map(repr, map(plain, theirs)))


def plain(row):
    return tuple(map(_plain, row))


def numbered(row):
    return tuple(str(value) for value in row)


def _plain(value):
    match value:
        case None | bool():
            return value
        case int() | float() | Decimal():
            return f"{float(value):.6g}"
        case datetime():
            return value.replace(tzinfo=None).isoformat(" ") + ("+00" if value.tzinfo else "")
        case date() | time():
            return value.isoformat()
    try:
        return f"{float(value):.6g}"  # the server gives decimals as text
    except ValueError:
        return value
