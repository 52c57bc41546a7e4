"""Trees from DuckDB's SQL with places for arguments."""

from __future__ import annotations

import functools
from typing import Any, Final

from sqlglot import exp, parse_one

__all__ = ["fill", "text", "words"]

_PLACES: Final = "abcdefgh"


def fill(template: str, *args: exp.Expr) -> exp.Expr:
    """The expression *template*, with *args* where it has columns ``a``, ``b`` and so on."""
    tree = _parsed(template).copy()
    for column in list(tree.find_all(exp.Column)):
        if not column.table and column.name in _PLACES:
            value = _closed(args[_PLACES.index(column.name)].copy())
            if column is tree:
                return value
            column.replace(value)
    return _closed(tree)


def text(value: str) -> exp.Expr:
    """*value* as a literal."""
    return exp.Literal.string(value)


def words(names: str) -> frozenset[str]:
    """The words of *names*, which is easier to read than a list of them."""
    return frozenset(names.split())


@functools.cache
def _parsed(template: str) -> Any:
    return parse_one(template, read="duckdb")


def _closed(tree: exp.Expr) -> exp.Expr:
    """What can stand anywhere in an expression."""
    bare = isinstance(tree, exp.Binary | exp.Unary | exp.Predicate) and not isinstance(
        tree, exp.Dot | exp.Paren
    )
    return exp.Paren(this=tree) if bare else tree
