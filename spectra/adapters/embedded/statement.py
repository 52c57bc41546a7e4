"""The tenant's statement: bound, looked at once more, and pointed into when it fails.

The guard of ``spectra.sql`` is the first fence. This one reads the tree of DuckDB's own parser, so
that nothing hides in a difference between two parsers: one statement, only selects, no function that
reaches files, settings or other statements, no file named where a table belongs. DuckDB can forbid
access to files only for the whole database, which would forbid it to exports too; so a host whose
tenants write SQL should run with the guard on, and with nothing readable beside the warehouse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from spectra.adapters.embedded.dialects import in_duckdb
from spectra.adapters.embedded.failures import WorkError, job_error, refusal, with_position
from spectra.domain import Category, Column, JobError, Parameter
from spectra.errors import InvalidRequestError
from spectra.sql.literals import Bound, place

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor

__all__ = ["Statement", "prepare"]

_NODES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_TABLE_FUNCTIONS: Final = frozenset(
    {"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"}
)
_FUNCTIONS: Final = frozenset(
    {
        "current_query",
        "current_setting",
        "currval",
        "getenv",
        "getvariable",
        "json_deserialize_sql",
        "json_execute_serialized_sql",
        "json_serialize_plan",  # it binds its text, and so reads files, settings and statistics
        "json_serialize_sql",
        "nextval",
        "setseed",
        "write_log",
    }
)
# Their views show settings, paths and other tenants' statements.
_SYSTEM: Final = re.compile(r"(duckdb|pg|pragma|sqlite)_", re.IGNORECASE)
_LEDGER: Final = "spectra_ledger"
_NAMED: Final = re.compile(r"^\w+ '(.+?)' does not exist")


@attrs.frozen
class Statement:
    """A statement that may run: *sql* with its values in it, without the semicolon at its end.

    Where it was written in another dialect, *names* has the places of names in what the tenant wrote.
    """

    sql: str
    bound: Bound
    names: Mapping[str, int] | None = None

    def error(self, exc: BaseException, prefix: str) -> JobError:
        """What DuckDB said of `sql` sent after *prefix*, with a position in what the tenant wrote."""
        error = job_error(exc, sql=self.sql, prefix=prefix)
        if self.names is not None:
            named = _NAMED.search(error.message)
            at = None if named is None else self.names.get(named[1].lower())
            return with_position(error, None if at is None else at + 1)
        position = error.details.get("position")
        if position is None:
            return error
        return with_position(error, self.bound.origin(position - 1) + 1)

    def columns(self, cursor: Cursor) -> tuple[Column, ...]:
        """Names and types of what it gives; names made different, as they are in the files.

        Raises:
            WorkError: DuckDB refuses the statement.
        """
        prefix = "DESCRIBE SELECT * FROM ("
        duckdb_error = _driver_error()
        try:
            rows = cursor.execute(f"{prefix}{self.sql}\n)").fetchall()
        except duckdb_error as exc:
            raise WorkError(self.error(exc, prefix)) from exc
        return tuple(Column(name, kind) for name, kind, *_ in rows)


def prepare(
    cursor: Cursor, source: str, parameters: Mapping[str, Parameter], dialect: str = "duckdb"
) -> Statement:
    """Bind *parameters*, and make sure that the statement does nothing but read tables.

    *source* is in *dialect*; what stands in the `Statement` is DuckDB's SQL.

    Raises:
        WorkError: it does not parse, or may not run here.
    """
    try:
        bound = place(source, parameters, dialect)
        if dialect == "duckdb":
            statement = Statement(_without_end(bound.text), bound)
        else:
            statement = Statement(*in_duckdb(cursor, bound))
    except InvalidRequestError as exc:
        raise WorkError(JobError.of(exc.code, Category.VALIDATION, str(exc), **exc.details)) from exc
    row = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [statement.sql]).fetchone()
    assert row is not None
    try:
        tree = json.loads(row[0])
    except RecursionError:
        raise _blocked("the expression is nested too deeply") from None
    if tree["error"]:
        raise WorkError(_unparsed(statement, tree))
    if len(tree["statements"]) != 1:
        raise _blocked("send exactly one statement")
    _inspect(cursor, tree["statements"][0]["node"])
    return statement


def _without_end(sql: str) -> str:
    """Cut a semicolon at the end, and comments after it; it could not stand in parentheses."""
    if ";" not in sql:
        return sql
    from sqlglot import TokenType, tokenize
    from sqlglot.errors import SqlglotError

    try:
        tokens = tokenize(sql, read="duckdb")
    except SqlglotError:
        return sql  # DuckDB will say what is wrong with it, and where
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        sql = sql[: tokens.pop().start]
    return sql


def _unparsed(statement: Statement, tree: Mapping[str, Any]) -> JobError:
    if tree["error_type"] != "parser":
        return _blocked("only a plain SELECT runs here").error
    facts = {"exception_type": "Parser", "exception_message": tree["error_message"], **tree}
    return statement.error(_ParserException(json.dumps(facts)), "")


class _ParserException(Exception):
    """What `json_serialize_sql` returns instead of raising, in the form of what DuckDB raises."""


_ParserException.__name__ = "ParserException"


def _blocked(problem: str) -> WorkError:
    return refusal("SQL_BLOCKED", f"{problem}; send one statement that only reads tables")


def _inspect(cursor: Cursor, tree: Any) -> None:
    for node in _nodes(tree):
        kind = str(node.get("type", ""))
        if kind.endswith("_NODE") and kind not in _NODES:
            raise _blocked(f"{kind.removesuffix('_NODE').replace('_', ' ').lower()} is not allowed")
        if kind == "TABLE_FUNCTION":
            name = str(node["function"]["function_name"]).lower()
            if name not in _TABLE_FUNCTIONS:
                raise _blocked(f"the table function {name} is not allowed")
        if kind == "FUNCTION" and str(node.get("function_name", "")).lower() in _FUNCTIONS:
            raise _blocked(f"the function {node['function_name']} is not allowed")
        if kind == "BASE_TABLE":
            _check_table(cursor, node)


def _check_table(cursor: Cursor, node: Mapping[str, Any]) -> None:
    path = [p for p in (node["catalog_name"], node["schema_name"], node["table_name"]) if p]
    if path[-1].lower() == _LEDGER:
        raise _blocked("the ledger is not for tenants")
    if _SYSTEM.match(path[-1]):
        raise _blocked(f"the system view {path[-1]} is not allowed")
    if len(path) == 1 and re.fullmatch(r"\w+", path[0]):
        return  # DuckDB takes only names with a dot or a slash for files
    # A name that is not in the catalog would be tried as a file: so it has to be there.
    found = cursor.execute(
        "SELECT count(*) FROM (SELECT database_name, schema_name, table_name FROM duckdb_tables()"
        " UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views())"
        " WHERE lower(table_name) = lower($1) AND ($2 IS NULL OR lower(schema_name) = lower($2)"
        " OR lower(database_name) = lower($2)) AND ($3 IS NULL OR lower(database_name) = lower($3))",
        [path[-1], path[-2] if len(path) > 1 else None, path[-3] if len(path) > 2 else None],
    ).fetchone()
    if found is None or not found[0]:
        name = ".".join(path)
        raise refusal(
            "QUERY_ERROR", f"Table '{name}' does not exist", category=Category.RESOURCE, sql_state="42P01"
        )


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in the tree; a loop, since trees of long expressions are deep."""
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _driver_error() -> type[Exception]:
    from spectra.adapters.embedded.warehouse import driver

    error: type[Exception] = driver().Error
    return error
