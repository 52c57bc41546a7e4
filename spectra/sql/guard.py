"""The guard: one statement that only reads, told from sqlglot's tree, never from the text.

It is the second fence. The first is a database user that can only read.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

import attrs

from spectra.domain import Parameter
from spectra.errors import SqlRefusedError, SqlSyntaxError
from spectra.sql.literals import Bound, place

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["SqlPolicy", "check_read"]

LEDGER: Final = "spectra_ledger"

# What reads files, settings or other statements, or leaves something behind, in any dialect that we speak.
_FUNCTIONS: Final = frozenset(
    [
        "copy_from",
        "current_query",
        "current_setting",
        "currval",
        "edit",
        "fts3_tokenizer",
        "getenv",
        "getvariable",
        "glob",
        "load_extension",
        "nextval",
        "parquet_scan",
        "pg_cancel_backend",
        "pg_notify",
        "pg_reload_conf",
        "pg_rotate_logfile",
        "pg_sleep",
        "pg_terminate_backend",
        "query",
        "query_table",
        "query_to_xml",
        "readfile",
        "set_config",
        "setseed",
        "setval",
        "sniff_csv",
        "st_read",
        "txid_current",
        "which_secret",
        "write_log",
        "writefile",
    ]
)
_PREFIXES: Final = (
    "dblink",
    "json_deserialize",
    "json_execute",
    "json_serialize",
    "lo_",
    "parquet_",
    "pg_advisory",
    "pg_ls",
    "pg_read",
    "pragma_",
    "read_",
)
# Of an honest statement the parser looks at each token some times over. Where it tries two readings at
# every level of a nesting, it looks twice as often for each level more.
_LOOKS_PER_TOKEN: Final = 40
_LOOKS: Final = 10_000


@attrs.frozen(kw_only=True)
class SqlPolicy:
    """What tenants' statements may be: at most *max_length* characters."""

    max_length: int = attrs.field(default=100 * 1024, validator=attrs.validators.ge(1))


def check_read(
    sql: str,
    parameters: Mapping[str, Parameter] | None = None,
    *,
    dialect: str,
    policy: SqlPolicy,
) -> None:
    """Make sure that *sql*, with its *parameters*, is one statement that does nothing but read.

    Raises:
        SqlSyntaxError: it does not parse; with the parser's position.
        SqlRefusedError: it parses, and does more than read.
        InvalidSpecError: the parameters are not those of the statement.
    """
    if len(sql) > policy.max_length:
        raise SqlRefusedError("too_long", f"the SQL has more than {policy.max_length:,} characters")
    bound = place(sql, parameters or {}, dialect)
    try:
        _check_tree(_parse(bound, dialect))
    except RecursionError:
        raise SqlRefusedError("too_deep", "the SQL is nested too deeply") from None


def _parse(bound: Bound, dialect: str) -> exp.Expr:
    from sqlglot import Dialect, exp
    from sqlglot.errors import ParseError, TokenError

    spoken = Dialect.get_or_raise(dialect)
    try:
        tokens = spoken.tokenize(bound.text)
    except TokenError:
        raise SqlSyntaxError("a quote or a comment is not closed") from None
    try:
        parser = _parser(type(spoken))(dialect=spoken)
        parser.looks_left = _LOOKS + _LOOKS_PER_TOKEN * len(tokens)
        statements = parser.parse(tokens, bound.text)
    except ParseError as exc:
        raise _syntax_error(exc, bound) from None
    found = [s for s in statements if s is not None and not isinstance(s, exp.Semicolon)]
    if not found:
        raise SqlSyntaxError("there is no statement in it")
    if len(found) > 1:
        raise SqlRefusedError("statements", f"there are {len(found)} statements")
    statement: exp.Expr = found[0]
    return statement


@functools.cache
def _parser(dialect: type) -> Any:
    base: Any = dialect.parser_class  # type: ignore[attr-defined]

    class Strict(base):  # type: ignore[misc]
        """Refuses what sqlglot does not know, instead of logging it and passing it on unparsed.

        It also gives up, which sqlglot does not, where trying one reading after the other would go on
        for minutes: a hundred characters are enough for that.
        """

        looks_left = 0

        def _warn_unsupported(self) -> None:
            _refuse("statement", "this kind of statement is not allowed")

        def _advance(self, times: int = 1) -> None:
            self.looks_left -= 1
            if self.looks_left < 0:
                _refuse("too_deep", "the SQL is nested too deeply")
            super()._advance(times)

    return Strict


def _check_tree(root: exp.Expr) -> None:
    from sqlglot import exp

    if not isinstance(root, exp.Query | exp.Values):
        _refuse("statement", "this is not a SELECT")
    for node in root.walk():
        match node:
            case exp.DML() | exp.DDL() | exp.Command():
                _refuse("statement", f"{_words(node)} is not allowed")
            case exp.CTE() if not isinstance(node.this, exp.Query | exp.Values | exp.Table):
                _refuse("statement", f"{_words(node.this)} is not allowed")
            case exp.Into():
                _refuse("select_into", "SELECT INTO makes a table")
            case exp.Lock():
                _refuse("lock", "FOR UPDATE and FOR SHARE lock rows")
            case exp.Placeholder() | exp.Parameter() | exp.SessionParameter():
                _refuse("placeholder", "parameters are written as :name")
            case exp.Table() if node.name.lower() == LEDGER:
                _refuse("ledger", "the ledger is not for tenants")
            case exp.Func():
                _check_function(node)
            case _:
                pass


def _check_function(node: exp.Func) -> None:
    from sqlglot import exp

    names = [node.name] if isinstance(node, exp.Anonymous) else node.sql_names()
    for name in map(str.lower, names):
        if name in _FUNCTIONS or name.startswith(_PREFIXES):
            _refuse("function", f"the function {name} is not allowed")


def _words(node: exp.Expr) -> str:
    """``TruncateTable`` as ``TRUNCATE TABLE``."""
    name = type(node).__name__
    return "".join(f" {c}" if c.isupper() and i else c for i, c in enumerate(name)).upper()


def _refuse(reason: str, problem: str) -> NoReturn:
    raise SqlRefusedError(reason, problem)


def _syntax_error(exc: Any, bound: Bound) -> SqlSyntaxError:
    error = exc.errors[0] if exc.errors else {}
    line, column = error.get("line"), error.get("col")
    if not line or not column:
        return SqlSyntaxError("it does not parse")
    missing = str(error.get("description", "")).startswith("Required keyword")
    problem = "something is missing after this" if missing else "this was not expected here"
    # sqlglot counts to the last character of the token.
    start = column - len(error.get("highlight") or " ")
    offset = sum(len(text) for text in bound.text.splitlines(keepends=True)[: line - 1]) + max(start, 0)
    source = bound.source[: bound.origin(offset)]
    return SqlSyntaxError(problem, source.count("\n") + 1, len(source) - source.rfind("\n"))
