"""The guard beside its corpus: positions, hostile texts, the lists of functions, sqlglot's own habits."""

import logging
import sqlite3
import time

import duckdb
import pytest
import sqlglot.parser

from spectra.errors import NotConfiguredError, SqlRefusedError, SqlSyntaxError
from spectra.sql import SqlPolicy, check_read, parsing
from spectra.sql.functions import safe, sources

DIALECTS = ["duckdb", "postgres", "redshift", "sqlite"]


def refusal(sql, dialect="duckdb", **parameters):
    with pytest.raises(SqlRefusedError) as refused:
        check_read(sql, parameters, dialect=dialect, policy=SqlPolicy())
    return refused.value


@pytest.mark.parametrize(
    ("sql", "dialect", "reason", "line", "column"),
    [
        ("drop table t", "duckdb", "statement", 1, 1),
        ("  explain select 1", "redshift", "statement", 1, 3),
        ("select 1;\n  select 2", "duckdb", "statements", 2, 3),
        ("select a\nfrom t\nwhere f_x(a)", "redshift", "function", 3, 7),
        ("select a, public.f_x(a) from t", "redshift", "function", 1, 11),
        ("select lower(f_x(a)) from t", "redshift", "function", 1, 14),
        ("select a,\n  current_user from t", "redshift", "function", 2, 3),
        ("select a from t, spectra.ledger_03 as l", "redshift", "ledger", 1, 18),
        ("select a from t join\n pg_catalog.pg_class c on true", "redshift", "catalog", 2, 2),
        ("select a from 'x.csv'", "duckdb", "file", 1, 15),
        ("with x as (\ndelete from t returning *) select * from x", "duckdb", "statement", 2, 1),
        ("select a into v from t", "redshift", "select_into", 1, 15),
        ("select a from t for update", "redshift", "lock", 1, 17),
        ("select a from t where b = ?", "duckdb", "placeholder", 1, 27),
        ("select a, 'x'::regclass from t", "redshift", "type", 1, 11),
        ("select a from t sort by a", "redshift", "unknown", 1, 25),
        ("select '\\'' from t", "redshift", "ambiguous", 1, 9),
        ("select a,\u00a0b from t", "duckdb", "ambiguous", 1, 10),
        ("select a from (show tables)", "duckdb", "statement", 1, 16),
        ("select :a, nextval(:b)", "duckdb", "function", 1, 12),
        ("select :a,\n:a, nextval('s')", "duckdb", "function", 2, 5),
    ],
)
def test_a_refusal_says_where(sql, dialect, reason, line, column):
    values = {"a": "long, and of\nseveral lines", "b": "s"}
    refused = refusal(sql, dialect, **{name: value for name, value in values.items() if f":{name}" in sql})
    assert (refused.reason, refused.line, refused.column) == (reason, line, column)
    assert refused.details == {"reason": reason, "line": line, "column": column}


@pytest.mark.parametrize(
    ("sql", "line", "column"),
    [
        ("select a\x0b\x0cfrom t where a b c", 1, 26),
        ("select 1 as a\u2028, b c d", 1, 21),
        ("select a\r\nb c", 2, 3),
    ],
)
def test_only_line_feeds_count_as_lines(sql, line, column):
    with pytest.raises(SqlSyntaxError) as refused:
        check_read(sql, dialect="duckdb", policy=SqlPolicy())
    assert (refused.value.line, refused.value.column) == (line, column)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "sql",
    [
        "show",
        "show ",
        "set",
        "create",
        "alter",
        "copy",
        "grant",
        "with",
        "with x",
        "with x as",
        "select",
        "from",
        "(",
        ")",
        "select (",
        "select case",
        "select cast(",
        "select interval",
        "select ::",
        "values",
        "values (",
        "select * from (",
        "select {",
        "select [",
        "select $$",
        "select /*",
        "select json_extract(",
        "{",
        "@",
        "\\",
        "select x->'$['",
        "select x -> '$.a[?('",
        "select '$' -> '['",
        "\ufeffselect 1",
        "select \ud800",
    ],
)
def test_fragments_are_judged_without_another_error(sql, dialect):
    with pytest.raises((SqlRefusedError, SqlSyntaxError)):
        check_read(sql, dialect=dialect, policy=SqlPolicy())
        raise SqlSyntaxError("allowed, as some are")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "sql",
    [
        "select x -> '$[secret' from t",
        "select json_extract(x, 'secret[') from t",
        "select a[secret[1]][2] from t",
    ],
)
def test_nothing_of_a_statement_is_logged(sql, dialect, caplog):
    with caplog.at_level(logging.DEBUG):
        try:
            check_read(sql, dialect=dialect, policy=SqlPolicy())
        except (SqlRefusedError, SqlSyntaxError) as exc:
            assert "secret" not in str(exc)
    assert not caplog.records


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "sql",
    [
        "select a" + "[1]" * 1_000,
        "select * from t " + "join t " * 1_000,
        "select * from " + "(select * from " * 2_000 + "t" + ")" * 2_000,
        "select " + "not " * 5_000 + "a",
        "select a" + "::int" * 5_000,
        "select " + "a || " * 5_000 + "b",
        "select " + "case when a then " * 2_000 + "1" + " end" * 2_000,
        "with a as (" * 2_000 + "select 1" + ") select 1" * 2_000,
        "select " + "{'a': " * 2_000 + "1" + "}" * 2_000,
        "select " + "x -> " * 5_000 + "1",
        "select " + "/* " * 10_000,
        "select '" + "\\" * 50_000,
        "select " + "-- \n" * 20_000 + "1",
    ],
)
def test_no_text_holds_the_guard_for_long(sql, dialect):
    begun = time.monotonic()
    try:
        check_read(sql, dialect=dialect, policy=SqlPolicy())
    except (SqlRefusedError, SqlSyntaxError):
        pass
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("dialect", DIALECTS)
def test_functions_that_must_never_be_safe(dialect):
    words = """
        copy_from current_query current_setting currval dblink dblink_exec duckdb_settings edit fts3_tokenizer
        getenv getvariable glob has_table_privilege inet_server_addr json_execute_serialized_sql json_serialize_sql
        lastval load_extension lo_export lo_import nextval optimize parquet_scan pg_backend_pid pg_cancel_backend
        pg_ls_dir pg_notify pg_read_file pg_reload_conf pg_sleep pg_terminate_backend pragma_table_info query
        query_table query_to_xml read_blob read_csv read_json read_parquet read_text readfile set_config setseed
        setval sleep sleep_ms sniff_csv sqlite_version txid_current version which_secret write_log writefile
        change_query_priority explain_model pg_last_copy_count reboot_cluster user current_user session_user
    """
    assert not (safe(dialect) | sources(dialect)) & (
        set(words.split()) - ({"glob"} if dialect == "sqlite" else set())
    )


def test_the_safe_functions_of_duckdb_are_there():
    names = duckdb.execute("select distinct lower(function_name) from duckdb_functions()").fetchall()
    there = {name for (name,) in names}
    grammar = safe("unknown") | {"columns", "grouping_id", "ifnull", "try", "current_date", "struct"}
    assert safe("duckdb") - there - grammar == set()
    assert sources("duckdb") <= there | {"generate_subscripts", "regexp_split_to_table"}


def test_no_table_function_of_duckdb_is_allowed_but_few():
    """Whatever DuckDB has that could stand for a table: settings, files, the catalog, and what it will have."""
    rows = duckdb.execute(
        "select distinct lower(function_name) from duckdb_functions()"
        " where function_type in ('table', 'table_macro', 'pragma')"
    ).fetchall()
    allowed = set()
    for (name,) in rows:
        arguments = "'t', 1" if name == "repeat" else "'t'"
        try:
            check_read(f"select * from {name}({arguments})", dialect="duckdb", policy=SqlPolicy())
        except SqlSyntaxError:
            assert name == "version"  # it takes no argument
        except SqlRefusedError as refused:
            assert refused.reason in ("function", "catalog", "statement")
        else:
            allowed.add(name)
    assert allowed == {"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"}


def test_what_sqlite_has_and_is_not_safe():
    with sqlite3.connect(":memory:") as connection:
        names = {name for (name,) in connection.execute("select distinct name from pragma_function_list")}
    connection.close()
    outside = {name for name in names if name.isidentifier()} - safe("sqlite")
    known = """
        changes fts3_tokenizer fts5 fts5_source_id last_insert_rowid load_extension match optimize rtreecheck
        rtreedepth rtreenode sqlite_compileoption_get sqlite_compileoption_used sqlite_log sqlite_source_id
        sqlite_version total_changes
    """
    assert {"load_extension", "sqlite_version"} <= outside
    if sqlite3.sqlite_version_info < (3, 41):
        assert outside == set(known.split())


def test_an_unknown_dialect_has_the_functions_of_the_standard():
    for sql in ("select sum(a), upper(b) from t", "select a from s.t where exists (select 1 from u)"):
        check_read(sql, dialect="snowflake", policy=SqlPolicy())
    for sql, reason in [
        ("select system$wait(10)", "function"),
        ("select a from information_schema.tables", "catalog"),
        ("select a from spectra_ledger", "ledger"),
        ("delete from t", "statement"),
    ]:
        assert refusal(sql, "snowflake").reason == reason


def test_the_compiled_sqlglot_is_told_apart(monkeypatch):
    """It cannot be watched while it reads, and its parser has no limit to nesting but the process's end."""
    monkeypatch.setattr(sqlglot.parser, "__file__", "parser.cpython-311.so")
    parsing._watched.cache_clear()
    with pytest.raises(NotConfiguredError, match="pip uninstall sqlglotc"):
        check_read("select 1", dialect="duckdb", policy=SqlPolicy())
    monkeypatch.undo()
    check_read("select 1", dialect="duckdb", policy=SqlPolicy())


def test_another_sqlglot_is_told_apart(monkeypatch):
    """What is watched has to be there: else nothing would be noted, and all would seem to be safe."""
    for name in ("_parse_function_call", "_parse_table_parts", "_retreat"):
        with monkeypatch.context() as patch:
            patch.delattr(sqlglot.parser.Parser, name)
            parsing._watched.cache_clear()
            with pytest.raises(NotConfiguredError, match=f"{name} is gone"):
                check_read("select 1", dialect="sqlite", policy=SqlPolicy())
    parsing._watched.cache_clear()
    check_read("select 1", dialect="sqlite", policy=SqlPolicy())
