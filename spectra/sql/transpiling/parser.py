"""Redshift's grammar, in which a call stays what was written: a name and its arguments.

sqlglot knows many functions by their meaning in some other warehouse. Here only what has a grammar of
its own is told apart (CAST, EXTRACT, TRIM and the like); all else is an `exp.Anonymous`, which knows
where it stood, and about which `functions` decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.parsers.redshift import RedshiftParser

__all__ = ["AROUND", "Refused", "Unreadable", "Unwanted", "call_within", "offset_of", "read"]

# Of an honest statement the parser looks at each token some times over; see the guard.
_LOOKS_PER_TOKEN: Final = 40
_LOOKS: Final = 10_000
_GRAMMAR_OF_THEIR_OWN: Final = ("CAST", "CONVERT", "EXTRACT", "POSITION", "SUBSTRING", "TRIM")
AROUND: Final = (exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls, exp.Window)


class Refused(Exception):
    """The statement cannot be said in the other dialect; raised and caught in this package only."""

    def __init__(self, problem: str, offset: int | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset


class Unreadable(Refused):
    """It does not parse."""


class Unwanted(Refused):
    """It is no statement that only reads."""


def read(sql: str) -> exp.Expr:
    """The tree of the one query in *sql*.

    Raises:
        Unreadable: it does not parse.
        Unwanted: there is not exactly one statement, or another one than a query.
        RecursionError: it is nested too deeply.
    """
    dialect = Redshift()
    try:
        tokens = dialect.tokenize(sql)
    except TokenError:
        raise Unreadable("a quote or a comment is not closed", None) from None
    parser = _Parser(error_level=ErrorLevel.IMMEDIATE, dialect=dialect)
    parser.looks_left = _LOOKS + _LOOKS_PER_TOKEN * len(tokens)
    try:
        statements = [one for one in parser.parse(tokens, sql) if one is not None]
    except ParseError as exc:
        raise Unreadable("this was not expected here", _offset(exc, sql)) from None
    found = [one for one in statements if not isinstance(one, exp.Semicolon)]
    if len(found) != 1:
        raise Unwanted("send exactly one statement", None)
    if not isinstance(found[0], exp.Query):
        raise Unwanted("this is not a SELECT", tokens[0].start)
    return found[0]


def call_within(node: Any) -> exp.Anonymous | None:
    """The call in ``f(…) WITHIN GROUP (…) IGNORE NULLS OVER (…)``, of which each word but f may be missing."""
    while isinstance(node, AROUND):
        node = node.this
    return node if isinstance(node, exp.Anonymous) else None


def offset_of(node: exp.Expr | None) -> int | None:
    """Where *node*, or the first thing in it that is known, stood in the text."""
    starts: list[int] = []
    if node is not None:
        starts += [one.meta["start"] for one in node.walk() if "start" in one.meta]
    return min(starts) if starts else None


def _offset(exc: ParseError, sql: str) -> int | None:
    error = exc.errors[0] if exc.errors else {}
    line, column = error.get("line"), error.get("col")
    if not line or not column:
        return None
    # sqlglot counts to the last character of the token.
    start = column - len(error.get("highlight") or " ")
    before = sum(len(text) for text in sql.splitlines(keepends=True)[: line - 1])
    return before + max(int(start), 0)


def _word(name: str) -> Any:
    return lambda *_: exp.Anonymous(this=name, expressions=[])


class _Parser(RedshiftParser):
    """See the module. It gives up where trying one reading after the other would go on for minutes."""

    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        name: RedshiftParser.FUNCTION_PARSERS[name] for name in _GRAMMAR_OF_THEIR_OWN
    }
    NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {
        kind: _word(kind.name.lower()) for kind in RedshiftParser.NO_PAREN_FUNCTIONS
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        **{name: RedshiftParser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("ANY", "CASE")},
        # What is exact is a good approximation.
        "APPROXIMATE": lambda self: self._parse_function(),
        "SYSDATE": _word("sysdate"),
    }
    looks_left = 0

    def _parse_function_call(self, *args: Any, **options: Any) -> exp.Expr | None:
        token = self._curr
        found: exp.Expr | None = super()._parse_function_call(*args, **options)
        for node in _down(found):
            if isinstance(node, exp.Func) and "start" not in node.meta:
                node.update_positions(token)
        return found

    def _parse_interval(self, *args: Any, **options: Any) -> exp.Add | exp.Interval | None:
        token = self._curr
        found: exp.Add | exp.Interval | None = super()._parse_interval(*args, **options)
        return found if found is None else found.update_positions(token)

    def _parse_function_args(self, alias: bool = False) -> list[exp.Expr]:  # noqa: FBT002 - sqlglot's
        args: list[exp.Expr] = super()._parse_function_args(alias)
        if args and isinstance(args[0], exp.Distinct):
            # DISTINCT goes with the first argument alone.
            args += [one.pop() for one in args[0].expressions[1:]]
        return args

    def _warn_unsupported(self) -> None:
        raise Unwanted("this is not a SELECT", self._prev.start)

    def _advance(self, times: int = 1) -> None:
        self.looks_left -= 1
        if self.looks_left < 0:
            raise RecursionError
        super()._advance(times)


def _down(node: Any) -> Iterator[Any]:
    yield node
    while isinstance(node, AROUND):
        node = node.this
        yield node
