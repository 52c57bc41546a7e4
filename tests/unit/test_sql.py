"""The guard and what it stands on: bound literals, places, identifiers."""

import datetime as dt
import logging
import sqlite3
from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spectra.errors import InvalidSpecError, SpectraError, SqlRefusedError, SqlSyntaxError
from spectra.sql import SqlPolicy, bind, check_read, parts, place, quote, table
from spectra.sql.policy import folded

DIALECTS = ("duckdb", "redshift", "sqlite")


def check(sql: str, dialect: str = "duckdb", **parameters: object) -> None:
    check_read(sql, parameters, dialect=dialect, policy=SqlPolicy())  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "SELECT 1;",
        "select 1; ; -- end",
        "select 1 /* ; drop table t */",
        "with a as (select 1 as x), b as (select * from a) select * from b",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) select i from n",
        "(select 1) union all (select 2) order by 1 limit 1",
        "select 1 except select 2 intersect select 3",
        "select '--', ';', 'drop table t', 'it''s' from t",
        'select last_update, "delete", "insert into" from updates',
        "select x from t where x = 'a' AND y = 'b'",
        "select count(*) filter (where x > 1) over (partition by y) from t",
        "select case when exists (select 1 from u where u.i = t.i) then 1 end from t",
        "select * from s.t join c.s.u using (i) where i in (select i from v)",
    ],
)
def test_reads_pass(sql: str, dialect: str) -> None:
    check(sql, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("insert into t values (1)", "statement"),
        ("update t set x = 1", "statement"),
        ("delete from t", "statement"),
        ("drop table t", "statement"),
        ("truncate table t", "statement"),
        ("create table t as select 1", "statement"),
        ("alter table t add column x int", "statement"),
        ("merge into t using u on t.i = u.i when matched then delete", "statement"),
        ("copy t to 'x'", "statement"),
        ("explain select 1", "statement"),
        ("call p()", "statement"),
        ("vacuum", "statement"),
        ("set x = 1", "statement"),
        ("begin", "statement"),
        ("commit", "statement"),
        ("grant select on t to u", "statement"),
        ("with x as (insert into t values (1) returning *) select * from x", "statement"),
        ("with x as (delete from t returning *) select * from x", "statement"),
        ("with x as (explain select 1) select 1", "statement"),
        ("select 1; drop table t", "statements"),
        ("select 1; select 2", "statements"),
        ("select 1 into t", "select_into"),
        ("select * from t for update", "lock"),
        ("select * from spectra_ledger", "ledger"),
        ('select * from x."SPECTRA_LEDGER" as l', "ledger"),
        ("select * from read_csv('/etc/passwd')", "function"),
        ("select pg_terminate_backend(1)", "function"),
        ("select NextVal('s')", "function"),
        ("select 1 where exists (select load_extension('x'))", "function"),
    ],
)
def test_all_else_is_refused(sql: str, reason: str, dialect: str) -> None:
    with pytest.raises(SqlRefusedError) as refused:
        check(sql, dialect)
    assert refused.value.reason == reason


def test_an_open_placeholder_is_refused() -> None:
    with pytest.raises(SqlRefusedError, match=":name"):
        check("select * from t where x = $1")


@pytest.mark.parametrize(
    ("sql", "line", "column"),
    [
        ("", None, None),
        (" -- nothing\n", None, None),
        (";", None, None),
        ("select 'abc", None, None),
        ("selec 1", 1, 7),
        ("select a b c from t", 1, 12),
        ("select x\nfrom t\nwhere a = :a and b c d", 3, 20),
    ],
)
def test_what_does_not_parse_says_where(sql: str, line: int | None, column: int | None) -> None:
    parameters = {"a": "as long as you like\n"} if ":a" in sql else {}
    with pytest.raises(SqlSyntaxError) as refused:
        check(sql, **parameters)
    assert (refused.value.line, refused.value.column) == (line, column)


def test_deep_and_long_sql_is_refused() -> None:
    with pytest.raises(SqlRefusedError, match="deep"):
        check("select " + "(" * 5_000 + "1" + ")" * 5_000)
    with pytest.raises(SqlRefusedError, match="more than 10"):
        check_read("select 1234567", dialect="duckdb", policy=SqlPolicy(max_length=10))


def test_nothing_of_a_refused_statement_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for sql in ("call p('secret')", "explain select 'secret'", "with x as (show 'secret') select 1"):
            with pytest.raises(SpectraError) as refused:
                check(sql)
            assert "secret" not in str(refused.value)
    assert not caplog.records


@given(sql=st.text("select from()'\";:-/*$1x\n", max_size=40), dialect=st.sampled_from(DIALECTS))
def test_any_text_is_judged_without_another_error(sql: str, dialect: str) -> None:
    try:
        check(sql, dialect)
    except (SqlRefusedError, SqlSyntaxError, InvalidSpecError):
        pass


def test_values_stand_where_names_stood() -> None:
    sql = "select:a, x -:b, :c::int, {'x':y}, l[1:z], ':a', \":a\" -- :a\n/* :a */ from t limit :d"
    text = bind(sql, {"a": 1, "b": -2, "c": "o'x", "d": 3}, "duckdb")
    assert text == (
        "select 1, x -(-2), 'o''x'::int, {'x':y}, l[1:z], ':a', \":a\" -- :a\n/* :a */ from t limit 3"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (Decimal("1E+2"), "100"),
        (Decimal("-1.50"), "(-1.50)"),
        (1.5, "CAST('1.5' AS DOUBLE PRECISION)"),
        (dt.date(2013, 1, 2), "DATE '2013-01-02'"),
        (dt.datetime(2013, 1, 2, 3), "TIMESTAMP '2013-01-02 03:00:00'"),
        (
            dt.datetime(2013, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            "TIMESTAMPTZ '2013-01-02 02:00:00+00:00'",
        ),
    ],
)
def test_literals_have_the_type_of_the_value(value: object, text: str) -> None:
    assert bind(":x", {"x": value}, "redshift") == text  # type: ignore[dict-item]


def test_backslashes_survive_where_they_escape() -> None:
    assert bind(":x", {"x": "a\\'b"}, "redshift") == r"'a\\''b'"
    assert bind(":x", {"x": "a\\'b"}, "duckdb") == r"'a\''b'"


def test_parameters_must_match_the_statement() -> None:
    with pytest.raises(InvalidSpecError, match="no value for :b"):
        bind("select :a + :b", {"a": 1}, "duckdb")
    with pytest.raises(InvalidSpecError, match="has b"):
        bind("select :a", {"a": 1, "b": 2}, "duckdb")


@given(
    value=st.one_of(
        st.none(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    )
)
def test_a_bound_value_is_the_value(value: str | float | None) -> None:
    with sqlite3.connect(":memory:") as connection:
        (found,) = connection.execute(bind("select:x", {"x": value}, "sqlite")).fetchone()
    connection.close()
    assert found == value


@given(st.lists(st.tuples(st.sampled_from(["a", "bc"]), st.text("x \n", max_size=3)), max_size=5))
def test_origins_lead_back_to_the_source(pieces: list[tuple[str, str]]) -> None:
    sql = "".join(f"+:{name} {rest}" for name, rest in pieces)
    assume(sql)
    values = {name: 10 ** len(name) for name, _ in pieces}
    bound = place(sql, values, "duckdb")
    for offset, letter in enumerate(bound.text):
        if letter in "+x\n":
            assert sql[bound.origin(offset)] == letter
        elif letter == "1":
            assert sql[bound.origin(offset)] == ":"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("t", ("t",)),
        ("s.t", ("s", "t")),
        ('"a.b"."c""d"', ("a.b", 'c"d')),
        ("c.s.été", ("c", "s", "été")),
        ('s." x "', ("s", " x ")),
    ],
)
def test_names_of_tables(name: str, expected: tuple[str, ...]) -> None:
    assert parts(name) == expected
    assert parts(table(name)) == expected


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", '"a', 'a"b', '"a"b', '""', "a.b.c.d", " "])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidSpecError, match="object"):
        table(name)


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=3))
def test_any_quoted_name_comes_back(names: list[str]) -> None:
    assert parts(".".join(map(quote, names))) == tuple(names)


@pytest.mark.parametrize("dialect", ["duckdb", "redshift", "sqlite"])
@pytest.mark.parametrize(
    "opening", ["decimal(", "STRUCT(", "date(", "timestamp(", "coalesce(decimal(", "ARRAY["]
)
def test_a_hundred_characters_do_not_hold_the_parser_for_minutes(dialect: str, opening: str) -> None:
    """sqlglot tries two readings at every level: each level more would take twice as long."""
    closing = {"(": ")", "[": "]"}
    text = opening * 25 + "1" + "".join(closing[c] for c in reversed(opening * 25) if c in closing)
    try:  # without a bound this would go on for hours
        check_read(f"select {text}", dialect=dialect, policy=SqlPolicy())
    except SqlRefusedError as refused:
        assert refused.reason == "too_deep"
    except SqlSyntaxError:
        pass


def test_no_call_hides_where_sqlglot_reads_a_type() -> None:
    for dialect in ("duckdb", "postgres", "redshift", "sqlite"):
        with pytest.raises((SqlRefusedError, SqlSyntaxError)):
            check_read("select convert(a, set_config('b', 'c', false))", dialect=dialect, policy=SqlPolicy())


def test_a_chain_of_methods_does_not_hold_the_parser_for_minutes() -> None:
    """sqlglot copies all that stands before each of them."""
    check_read("select a" + ".lower()" * 20, dialect="duckdb", policy=SqlPolicy())
    with pytest.raises(SqlRefusedError) as refused:
        check_read("select a" + ".lower()" * 500, dialect="duckdb", policy=SqlPolicy())
    assert refused.value.reason == "too_deep"


def test_names_of_ctes_are_looked_up_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a statement of 100 KB holds the process for half a minute."""
    calls = 0

    def counted(path: Iterable[tuple[str, bool]], dialect: str) -> tuple[str, ...]:
        nonlocal calls
        calls += 1
        return folded(path, dialect)

    monkeypatch.setattr("spectra.sql.guard.folded", counted)
    names = [f"c{n}" for n in range(300)]
    ctes = ", ".join(f"{name} as (select 1 as a)" for name in names)
    check_read(f"with {ctes} select 1 from {', '.join(names)}", dialect="redshift", policy=SqlPolicy())
    assert calls < 10 * len(names)


@pytest.mark.parametrize("dialect", ["duckdb", "redshift", "sqlite"])
def test_long_and_honest_statements_are_read(dialect: str) -> None:
    columns = ", ".join(
        f"sum(case when b.x > {n} then coalesce(a.c{n}, 0) end) over (partition by a.y order by b.z) as s{n}"
        for n in range(200)
    )
    check_read(f"select {columns} from t a join u b on a.id = b.id", dialect=dialect, policy=SqlPolicy())
    check_read("select " + "+".join(["1"] * 900), dialect=dialect, policy=SqlPolicy())
    check_read(
        f"select 1 from t where a in ({','.join(map(str, range(3000)))})", dialect=dialect, policy=SqlPolicy()
    )
    check_read(
        "select cast(cast(cast(1 as decimal) as decimal) as decimal)", dialect=dialect, policy=SqlPolicy()
    )


@pytest.mark.parametrize(
    "call",
    [
        "json_serialize_plan('select 1')",
        "json_serialize_sql('select 1')",
        "json_deserialize_sql('{}')",
        "current_query()",
    ],
)
def test_functions_that_look_at_other_statements_are_refused(call: str) -> None:
    with pytest.raises(SqlRefusedError) as refused:
        check_read(f"select {call}", dialect="duckdb", policy=SqlPolicy())
    assert refused.value.reason == "function"
