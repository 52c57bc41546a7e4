"""The guard: one statement that only reads, told from sqlglot's tree, never from the text.

It allows what it knows, and refuses the rest: kinds of nodes, functions, and with a policy schemas. It is
the second fence. The first is a database user that can only read.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from spectra.domain import Parameter
from spectra.errors import SqlRefusedError
from spectra.sql.catalogs import catalog
from spectra.sql.functions import safe, sources
from spectra.sql.lexing import ambiguous
from spectra.sql.literals import place
from spectra.sql.parsing import Call, Parsed, Refusal, parse
from spectra.sql.policy import SqlPolicy, folded
from spectra.sql.syntax import BEFORE_PARENTHESES, CATALOG_TYPES, DUCKDB_STATEMENTS, NODES, SESSION_WORDS

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

__all__ = ["check_read"]


def check_read(
    sql: str,
    parameters: Mapping[str, Parameter] | None = None,
    *,
    dialect: str,
    policy: SqlPolicy,
) -> None:
    """Make sure that *sql*, with its *parameters*, is one statement that does nothing but read what it may.

    Raises:
        SqlSyntaxError: it does not parse; with the parser's position.
        SqlRefusedError: it parses, and is not allowed; with a stable reason, and the position where there is one.
        InvalidSpecError: the parameters are not those of the statement.
        NotConfiguredError: sqlglot is here in its compiled form, or in a version that cannot be watched.
    """
    if len(sql) > policy.max_length:
        raise SqlRefusedError("too_long", f"the SQL has more than {policy.max_length:,} characters")
    bound = place(sql, parameters or {}, dialect)
    try:
        parsed = parse(bound, dialect)
        _Check(parsed, dialect, policy).run()
        if (found := ambiguous(bound.text, parsed.tokens, dialect)) is not None:
            raise Refusal("ambiguous", found[1], found[0])
    except RecursionError:
        raise SqlRefusedError("too_deep", "the SQL is nested too deeply") from None
    except Refusal as refusal:
        line, column = (None, None) if refusal.offset is None else bound.position(refusal.offset)
        raise SqlRefusedError(refusal.reason, refusal.problem, line, column) from None


# Of a list of CTEs: where each stands, by its id, and where each name stands first.
_Places: TypeAlias = tuple[dict[int, int], dict[tuple[str, ...], int]]


class _Check:
    """One look at one statement."""

    def __init__(self, parsed: Parsed, dialect: str, policy: SqlPolicy) -> None:
        self._parsed = parsed
        self._dialect = dialect
        self._policy = policy
        self._catalog = catalog(dialect)
        self._ctes: dict[int, _Places] = {}
        self._aliases: set[int | None] = set()

    def run(self) -> None:
        from sqlglot import exp

        root = self._parsed.tree
        if not isinstance(root, exp.Query | exp.Values):
            _refuse("statement", "this is not a SELECT", root)
        known = _known()
        judged: set[int | None] = set()
        for node in root.walk():
            kind = type(node)
            if kind not in known and not isinstance(node, exp.Func):
                self._unknown(node)
            elif isinstance(node, exp.Table):
                judged.add(self._table(node))
            elif isinstance(node, exp.Column):
                self._bare(node.parts)
            elif isinstance(node, exp.DataType):
                self._type(node)
            elif kind is exp.TableAlias and node.this is not None:
                self._aliases.add(node.this.meta.get("start"))
            elif isinstance(node, exp.CTE | exp.Subquery):
                self._inner(node)
            elif (
                isinstance(node, exp.In) and self._dialect == "sqlite" and node.args.get("field") is not None
            ):
                self._in_table(node.args["field"])
        for offset, table in self._parsed.tables.items():
            # What the parser read as a table, and then made something else of.
            if offset not in judged:
                self._name(table.parts, shadowed=False)
        for call in self._parsed.calls.values():
            self._call(call)
        self._parentheses()

    def _parentheses(self) -> None:
        """Every name before a parenthesis is a call that was judged, or an alias; sqlglot may see neither."""
        from sqlglot.tokenizer_core import TokenType

        for name, after in itertools.pairwise(self._parsed.tokens):
            if after.token_type is not TokenType.L_PAREN:
                continue
            if name.start in self._parsed.calls or name.start in self._aliases:
                continue
            word = name.text.rpartition(" ")[2]
            if word.isidentifier() and word.upper() not in BEFORE_PARENTHESES and _is_name(name):
                _refuse("function", f"the function {word.lower()} is not allowed", name.start)

    def _unknown(self, node: exp.Expr) -> NoReturn:
        from sqlglot import exp

        match node:
            case exp.DML() | exp.DDL() | exp.Command():
                _refuse("statement", f"{_words(node)} is not allowed", node)
            case exp.Into():
                _refuse("select_into", "SELECT INTO makes a table", node)
            case exp.Lock():
                _refuse("lock", "FOR UPDATE and FOR SHARE lock rows", node)
            case exp.Placeholder() | exp.Parameter() | exp.SessionParameter():
                _refuse("placeholder", "parameters are written as :name", node)
            case exp.ObjectIdentifier() | exp.PseudoType():
                _refuse("type", f"the type {node.name.lower()} is not allowed", node)
            case _:
                _refuse("unknown", f"{_words(node)} is not known to be safe", node)

    def _inner(self, node: exp.CTE | exp.Subquery) -> None:
        from sqlglot import exp

        inner = node.this
        tables = isinstance(node, exp.Subquery) and isinstance(inner, exp.Table)
        if not tables and not isinstance(inner, exp.Query | exp.Values):
            _refuse("statement", f"{_words(inner)} is not allowed", inner)

    def _type(self, node: exp.DataType) -> None:
        kind = str(node.args.get("kind") or "").lower()
        if kind in CATALOG_TYPES:
            _refuse("type", f"the type {kind} is not allowed", node)

    def _bare(self, parts: list[exp.Expr]) -> None:
        """Names of columns and tables that are none, without quotes and alone."""
        if len(parts) > 1 or parts[0].args.get("quoted"):
            return
        name = parts[0].name.lower()
        if self._dialect in ("postgres", "redshift") and name in SESSION_WORDS:
            _refuse("function", f"the function {name} is not allowed", parts[0])
        if self._dialect == "duckdb" and name in DUCKDB_STATEMENTS:
            _refuse("statement", f"{name.upper()} is not allowed", parts[0])

    def _table(self, node: exp.Table) -> int | None:
        """Judge the table, and say where its name begins."""
        parts = node.parts
        if not parts:
            return None
        self._bare(parts)
        if (alias := node.args.get("alias")) is not None and alias.this is None:
            # A function whose name is a keyword, which sqlglot takes for a table and its columns.
            _refuse("function", f"the function {parts[-1].name.lower()} is not allowed", node)
        self._name(parts, shadowed=self._shadowed(node, parts))
        return parts[0].meta.get("start")

    def _in_table(self, field: exp.Expr) -> None:
        """SQLite's ``x IN t``, which sqlglot reads as a column."""
        from sqlglot import exp

        if isinstance(field, exp.Column):
            self._name(field.parts, shadowed=self._shadowed(field, field.parts))

    def _name(self, parts: list[exp.Expr], *, shadowed: bool) -> None:
        from sqlglot import exp

        if shadowed or not all(isinstance(part, exp.Identifier) for part in parts):
            return  # a CTE, or a function, which is judged as one
        path = folded(((part.name, bool(part.args.get("quoted"))) for part in parts), self._dialect)
        if (found := self._catalog.refuses(path)) is not None:
            _refuse(*found, parts[0])
        if not self._policy.reads(path, self._dialect):
            wanted = "name its schema" if len(path) == 1 else "its schema is not among those that may be read"
            _refuse("schema", f"the table {'.'.join(path)} may not be read: {wanted}", parts[0])

    def _shadowed(self, node: exp.Expr, parts: list[exp.Expr]) -> bool:
        """Whether the name of a table is that of a CTE which is in scope at *node*.

        Within a list of them, each sees those before it; itself, if it is recursive.
        """
        from sqlglot import exp

        if len(parts) != 1 or not isinstance(parts[0], exp.Identifier):
            return False
        name = _key(parts[0], self._dialect)
        child: exp.Expr = node
        while (parent := child.parent) is not None:
            if isinstance(parent, exp.With):
                places, firsts = self._places(parent)
                until = places[id(child)] + bool(child.meta.get("recursive"))
                if firsts.get(name, until) < until:
                    return True
            elif (
                (found := parent.args.get("with_")) is not None
                and found is not child
                and name in self._places(found)[1]
            ):
                return True
            child = parent
        return False

    def _places(self, ctes: exp.Expr) -> _Places:
        """Kept: looking through a list of CTEs for each table would take minutes."""
        if id(ctes) not in self._ctes:
            firsts: dict[tuple[str, ...], int] = {}
            for at, cte in enumerate(ctes.expressions):
                firsts.setdefault(_key(cte.args["alias"].this, self._dialect), at)
            self._ctes[id(ctes)] = {id(cte): at for at, cte in enumerate(ctes.expressions)}, firsts
        return self._ctes[id(ctes)]

    def _call(self, call: Call) -> None:
        path = folded(call.path, self._dialect)
        # In DuckDB the name before a dot may be a value's, whose method this is.
        own = len(path) == 1 or self._dialect == "duckdb" or path[:-1] == ("pg_catalog",)
        allowed = sources(self._dialect) if call.source else safe(self._dialect)
        if not (own and path[-1] in allowed) and not self._policy.calls(path, self._dialect):
            _refuse("function", f"the function {path[-1]} is not allowed", call.offset)


def _is_name(token: Token) -> bool:
    from sqlglot.tokenizer_core import TokenType

    return token.token_type not in (TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.RAW_STRING)


def _key(identifier: exp.Expr, dialect: str) -> tuple[str, ...]:
    return folded([(identifier.name, bool(identifier.args.get("quoted")))], dialect)


@functools.cache
def _known() -> frozenset[type]:
    from sqlglot import exp

    return frozenset(getattr(exp, name) for name in NODES)


def _words(node: Any) -> str:
    """``TruncateTable`` as ``TRUNCATE TABLE``."""
    name = type(node).__name__
    return "".join(f" {c}" if c.isupper() and i else c for i, c in enumerate(name)).upper()


def _refuse(reason: str, problem: str, where: exp.Expr | int | None) -> NoReturn:
    raise Refusal(reason, problem, where if where is None or isinstance(where, int) else _offset(where))


def _offset(node: exp.Expr) -> int | None:
    """Where *node* begins, or else what it stands in."""
    place: exp.Expr | None = node
    while place is not None:
        starts = [found.meta["start"] for found in place.walk() if "start" in found.meta]
        if starts:
            return int(min(starts))
        place = place.parent
    return None
