"""What a host may allow its tenants: schemas and functions, by their names; and what is no policy."""

import pickle

import pytest

from spectra.errors import InvalidSettingsError, SqlRefusedError
from spectra.sql import SqlPolicy, check_read


def verdict(sql, dialect, **policy):
    try:
        check_read(sql, dialect=dialect, policy=SqlPolicy(**policy))
    except SqlRefusedError as refused:
        return refused.reason
    return "allowed"


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        ("redshift", "select 1", "allowed"),
        ("redshift", "select a from sales.t", "allowed"),
        ("redshift", "select a from Sales.T", "allowed"),
        ("redshift", 'select a from "sales"."T"', "allowed"),
        ("redshift", 'select a from "Sales".t', "schema"),
        ("redshift", 'select a from "Raw".t', "allowed"),
        ("redshift", 'select a from "raw".t', "schema"),
        ("redshift", "select a from raw.t", "schema"),
        ("redshift", "select a from other.t", "schema"),
        ("redshift", "select a from t", "schema"),
        ("redshift", "select a from #t", "schema"),
        ("redshift", "select a from sales.t join other.u using (a)", "schema"),
        ("redshift", "select (select max(b) from other.u) from sales.t", "schema"),
        ("redshift", "select a from sales.t where exists (select 1 from u)", "schema"),
        ("redshift", "with t as (select a from sales.t) select a from t", "allowed"),
        ("redshift", "with t as (select a from t) select a from t", "schema"),
        (
            "redshift",
            "with recursive t as (select a from sales.t union all select a + 1 from t) select a from t",
            "allowed",
        ),
        ("redshift", "select a from (with t as (select 1 as a) select a from t) as q, t", "schema"),
        ("redshift", "with t as (select 1 as a) select a from sales.t union select a from t", "allowed"),
        ("redshift", "select a from share.app.t", "allowed"),
        ("redshift", "select a from app.t", "schema"),
        ("redshift", "select a from share.sales.t", "schema"),
        ("redshift", "select a from pg_catalog.pg_class", "catalog"),
        ("redshift", "select a from sales.ledger_00", "ledger"),
        ("redshift", "select a from spectra.anything", "ledger"),
        ("duckdb", "select a from home.Spectra.t", "ledger"),
        ("redshift", "select o.k from sales.c as c, c.orders as o", "schema"),
        ("redshift", "select o.k from sales.c as c, unnest(c.orders) as o (k)", "allowed"),
        ("redshift", "select v from sales.c as c, unpivot c.obj as v at k", "allowed"),
        ("redshift", "select a from sales.c as c at i", "allowed"),
        ("redshift", "select a from other.c as c at i", "schema"),
        ("redshift", "table other.t", "schema"),
        ("postgres", "select a from sales.t", "allowed"),
        ("postgres", "select a from other.t", "schema"),
        ("duckdb", "select a from SALES.t", "allowed"),
        ("duckdb", 'select a from "Sales".t', "allowed"),
        ("duckdb", "select a from other.t", "schema"),
        ("duckdb", "select a from t", "schema"),
        ("duckdb", "select a from main.t", "schema"),
        ("duckdb", "select a from share.app.t", "allowed"),
        ("duckdb", "select a from share.app.deep.t", "schema"),
        ("duckdb", "select i from range(3) as r (i)", "allowed"),
        ("duckdb", "from values, other.t", "unknown"),
        ("duckdb", "select a from sales.t as values (a), other.u", "schema"),
        ("sqlite", "select a from sales.t where a in other.t", "schema"),
        ("sqlite", "select a from t", "schema"),
    ],
)
def test_schemas(dialect, sql, expected):
    schemas = {"sales", '"Raw"', "share.app", "pg_catalog"}
    assert verdict(sql, dialect, schemas=schemas) == expected


@pytest.mark.parametrize("dialect", ["duckdb", "sqlite"])
def test_a_table_without_a_schema_is_mains_where_that_is_certain(dialect):
    assert verdict("select a from t", dialect, schemas={"main"}) == "allowed"
    assert verdict("select a from main.t", dialect, schemas={"Main"}) == "allowed"
    assert verdict("select a from t where a in (select b from s.u)", dialect, schemas={"main"}) == "schema"


def test_no_schemas_at_all():
    assert verdict("select 1", "redshift", schemas=()) == "allowed"
    assert verdict("select 1 from s.t", "redshift", schemas=()) == "schema"
    assert verdict("select 1 from s.t", "redshift") == "allowed"


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        ("redshift", "select f_geo(a) from t", "allowed"),
        ("redshift", "select F_GEO(a) from t", "allowed"),
        ("redshift", 'select "F_GEO"(a) from t', "function"),
        ("redshift", "select public.f_geo(a) from t", "function"),
        ("redshift", "select app.f_rate(a) from t", "allowed"),
        ("redshift", "select f_rate(a) from t", "function"),
        ("redshift", "select db.app.f_rate(a) from t", "function"),
        ("redshift", 'select "F_Loud"(a) from t', "allowed"),
        ("redshift", "select f_loud(a) from t", "function"),
        ("redshift", "select version()", "allowed"),
        ("redshift", "select pg_catalog.lower(c) from t", "allowed"),
        ("redshift", "select pg_catalog.version()", "function"),
        ("duckdb", "select f_GEO(a), app.F_rate(b) from t", "allowed"),
        ("duckdb", "select x from f_geo(1) as q (x)", "allowed"),
        ("duckdb", "select x from app.f_rate(1) as q (x)", "allowed"),
        ("duckdb", "select x from other.f_rate(1) as q (x)", "function"),
        ("duckdb", "select x from f_rate(1) as q (x)", "function"),
    ],
)
def test_functions(dialect, sql, expected):
    functions = ["f_geo", "app.f_rate", '"F_Loud"', "version"]
    assert verdict(sql, dialect, functions=functions) == expected


def test_the_length():
    assert verdict("select 1", "duckdb", max_length=8) == "allowed"
    assert verdict("select 1 ", "duckdb", max_length=8) == "too_long"


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        ({"schemas": "sales"}, TypeError),
        ({"schemas": 1}, TypeError),
        ({"schemas": [1]}, TypeError),
        ({"functions": "lower"}, TypeError),
        ({"functions": None}, TypeError),
        ({"functions": {b"lower"}}, TypeError),
        ({"max_length": "100"}, TypeError),
        ({"max_length": True}, TypeError),
        ({"schemas": {""}}, InvalidSettingsError),
        ({"schemas": {"a.b.c"}}, InvalidSettingsError),
        ({"schemas": {'"a'}}, InvalidSettingsError),
        ({"functions": {"a..b"}}, InvalidSettingsError),
        ({"functions": {"a.b.c.d"}}, InvalidSettingsError),
        ({"max_length": 0}, InvalidSettingsError),
    ],
)
def test_what_is_no_policy(policy, error):
    (field,) = policy
    with pytest.raises(error, match=f"SqlPolicy.{field}"):
        SqlPolicy(**policy)


def test_a_policy_is_a_value():
    policy = SqlPolicy(schemas=["a", "b", "a"], functions=(name for name in ["f"]))
    assert policy == SqlPolicy(schemas={"b", "a"}, functions={"f"})
    assert (policy.schemas, policy.functions) == (frozenset("ab"), frozenset("f"))
    assert pickle.loads(pickle.dumps(policy)) == policy
