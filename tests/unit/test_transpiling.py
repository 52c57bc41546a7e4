"""Redshift's statements on DuckDB: rows, names, and what is refused where."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
import logging
import re
from typing import Any

import duckdb
from hypothesis import given
from hypothesis import strategies as st
import pytest

from spectra.adapters.embedded.dialects import install
from spectra.errors import SqlNotSupportedError, SqlRefusedError, SqlSyntaxError
from spectra.sql.literals import Bound, place
from spectra.sql.transpiling import transpile
from spectra.sql.transpiling.functions import KNOWN
from tests.unit.redshift_samples import SAMPLES, TABLES, Sample


@pytest.fixture(scope="module")
def warehouse():
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        install(connection)
        connection.execute(TABLES)
        yield connection


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.page}: {sample.sql}"[:90])
def test_rows_are_those_of_the_documentation(warehouse, sample: Sample) -> None:
    transpiled = transpile(Bound(sample.sql, sample.sql))
    assert not transpiled.calls
    found = warehouse.execute(transpiled.text)
    names = [name for name, *_ in found.description]
    rows = found.fetchall()
    assert len(rows) == len(sample.rows), rows
    for row, wanted in zip(rows, sample.rows, strict=True):
        assert row == pytest.approx(wanted) if all(map(_is_number, wanted)) else row == wanted
    if sample.names is not None:
        assert names == sample.names.split("|" if "|" in sample.names else " ")


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def test_every_function_that_is_had_is_tried() -> None:
    tried = {word for sample in SAMPLES for word in re.findall(r"\w+", sample.sql.lower())}
    assert KNOWN - tried == set()


# ---- what is refused ------------------------------------------------------------------------------


def place_of(refused: pytest.ExceptionInfo[Any]) -> tuple[int | None, int | None]:
    return refused.value.line, refused.value.column


def translated(sql: str) -> str:
    return transpile(Bound(sql, sql)).text


@pytest.mark.parametrize(
    ("sql", "column", "problem"),
    [
        ("select i, soundex(s) from t", 11, None),
        ("select now()", 8, None),
        ("select current_timestamp, user", 8, None),
        ("select * from generate_series(1, 3)", 15, None),
        ("select * from read_csv('/etc/passwd')", 15, None),
        ("select list_transform(i) over () from t", 8, None),
        ("select pg_catalog.lower(s) from t", 19, None),
        ("select _redshift.cmp(1, 2)", 18, None),
        ("select 1, json_parse('{}')", 11, None),
        ("select x[0] from t", 8, "SUPER"),
        ("select i from t where a.b[1].c = 2", 23, "SUPER"),
        ("select 1, array[1, 2]", 17, "ARRAY"),
        ("select 1::super", 8, "type SUPER"),
        ("select cast('a' as varbyte)", 8, "type VARBYTE"),
        ("select s similar to i::varchar from t", 8, "written out"),
        ("select convert_timezone('IST', now) from t", 25, "time zone IST"),
        ("select convert_timezone('GMT+2', s) from t", 25, "time zone GMT"),
        ("select dateadd(fortnight, 1, d) from t", 16, "fortnight is no date part"),
        ("select d + interval '2 moons' from t", 12, "moons"),
        ("select to_char(1.5, '999D9')", 21, "numbers"),
        ("select to_char(d, 'DDth') from t", 19, "th"),
        ("select to_char(d, s) from t", 19, "written out"),
        ("select to_date(s, 'IW') from t", 19, "IW"),
        ("select trunc(median(d)) from t", 8, "TRUNC of an aggregate"),
        ("select len('a', 2)", 8, "LEN"),
        ("select dateadd(day, 1)", 8, "DATEADD"),
        ("select decode(i, 1) from t", 8, "DECODE"),
        ("select sha2('a', 512)", 8, "256"),
        ("select regexp_substr(s, 'a', 1, 1, 'x') from t", 36, "parameters"),
        ("select regexp_substr(s) from t", 8, "REGEXP_SUBSTR"),
        ("select regexp_replace(s, 'a', 'b', 2) from t", 36, "first position"),
        ("select regexp_instr(s, '(a)', 1, 1, 0, 'e') from t", 40, "REGEXP_INSTR"),
        ("select count(*) filter (where i > 1) from t", 8, "FILTER"),
        ("select max(i) filter (where i > 1) over () from t", 8, "FILTER"),
        ("select distinct on (i) i from t", 21, "DISTINCT ON"),
        ("select substring('abc')", 8, "SUBSTRING"),
        ("select avg(i, 2), 1 from t", 8, "AVG"),
        ("select listagg(distinct) from t", 8, "LISTAGG"),
        ("select d + interval '1 2' day to second from t", 12, "interval from one part"),
        ("select attr from t x, unpivot x.s as val at attr", 31, "UNPIVOT of an object"),
        ("select t.i from t, u where t.i = v.j(+) and u.k(+) = 1", 34, "(+)"),
        ("select max(i) within group (order by i) from t", 8, "WITHIN GROUP"),
        ("select percentile_cont(0.5) from t", 8, "percentile"),
        ("select * from (select s, i from t) pivot (avg(i) for s in ('a'))", 43, "PIVOT"),
        ("select i from t tablesample bernoulli (5)", 40, "TABLESAMPLE"),
        ("select i from t, lateral (select 1) u", 34, "LATERAL"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(sql: str, column: int, problem: str | None) -> None:
    for before, line in (("", 1), ("/* é */\n", 2)):
        if problem is None:
            call = transpile(Bound(before + sql, before + sql)).calls[0]
            assert (call.line, call.column) == (line, column)
            continue
        with pytest.raises(SqlNotSupportedError, match=re.escape(problem)) as refused:
            translated(before + sql)
        assert place_of(refused) == (line, column)


@pytest.mark.parametrize(
    ("sql", "line", "column"),
    [
        ("select 1 wher 2", 1, 15),
        ("select a\nfrom t\nwhere x x x", 3, 9),
        ("select 'a", None, None),
        ("select @ -1", 1, 10),
    ],
)
def test_what_does_not_parse_says_where(sql: str, line: int | None, column: int | None) -> None:
    with pytest.raises(SqlSyntaxError) as refused:
        translated(sql)
    assert place_of(refused) == (line, column)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "select 1; select 2",
        "update t set i = 1",
        "delete from t",
        "explain select 'secret'",
        "call p('secret')",
        "vacuum",
        "select 1 into x",
        "with x as (delete from t returning *) select * from x",
        "values (1)",
        "select " + "(" * 5_000 + "1" + ")" * 5_000,
        "select " + "(" * 200 + "1",
    ],
    ids=lambda sql: sql[:30],
)
def test_what_is_no_query_is_refused(sql: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises((SqlRefusedError, SqlSyntaxError)) as refused:
        translated(sql)
    assert "secret" not in str(refused.value)
    assert not caplog.records


def test_a_place_is_one_of_the_tenants_text() -> None:
    bound = place("select :a,\n soundex(:a), nmae from t", {"a": "as long as\nyou like"}, "redshift")
    transpiled = transpile(bound)
    (call,) = transpiled.calls
    assert (call.name, call.line, call.column) == ("soundex", 2, 2)
    assert bound.source[transpiled.names["nmae"] :].startswith("nmae")
    assert "t" in transpiled.names


def test_ends_and_comments_are_left_out(warehouse) -> None:
    assert warehouse.execute(translated("select 1 -- one\n; ; -- end")).fetchall() == [(1,)]


def test_parameters_are_values_in_redshifts_grammar(warehouse) -> None:
    values = {"a": "it's \\ \n '' é", "b": None, "c": Decimal("-1.50"), "d": datetime(2026, 1, 2, tzinfo=UTC)}
    bound = place("select :a, :b, :c, :d = '2026-01-02 00:00:00+00', '\\\\:a'", values, "redshift")
    assert warehouse.execute(transpile(bound).text).fetchall() == [
        (values["a"], None, Decimal("-1.50"), True, "\\:a")
    ]


@given(sql=st.text("select from()'\";:-/*$1x,.[]\n", max_size=60))
def test_any_text_is_judged_without_another_error(sql: str) -> None:
    try:
        transpile(Bound(sql, sql))
    except (SqlRefusedError, SqlSyntaxError, SqlNotSupportedError):
        pass
