"""Names: all in lower case, and of columns that the statement leaves unnamed those that Redshift gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from spectra.sql.transpiling.parser import call_within
from spectra.sql.transpiling.types import NAMES

__all__ = ["folded", "name_columns"]

_UNNAMED: Final = "?column?"
_OF_CALLS: Final[Mapping[str, str]] = {
    "current_date": "date",
    "date_part": "pgdate_part",
    "dateadd": "date_add",
    "datediff": "date_diff",
    "decode": "case",
    "getdate": "timestamp",
    "log": "dlog10",
    "nvl": "coalesce",
    "sysdate": "timestamp",
}
_OF_NODES: Final[Mapping[type[exp.Expr], str]] = {
    exp.AtTimeZone: "timezone",
    exp.Extract: "date_part",
    exp.Interval: "interval",
    exp.StrPosition: "position",
    exp.Substring: "substring",
}


def folded(name: str) -> str:
    """*name* as Redshift stores it, quoted or not: ASCII letters in lower case."""
    return re.sub(r"[A-Z]+", lambda found: found[0].lower(), name)


def name_columns(tree: exp.Expr) -> None:
    """Give each column that has no name the one that Redshift would show."""
    for select in list(tree.find_all(exp.Select)):
        for column in list(select.expressions):
            if isinstance(column, exp.Alias | exp.Aliases | exp.Column | exp.Star):
                continue
            name = exp.to_identifier(_name(column) or _UNNAMED, quoted=True)
            column.replace(exp.Alias(this=column.copy(), alias=name))


def _name(node: exp.Expr | None) -> str | None:
    """The name that *node* gives to its column; None if it is nothing to name it after."""
    call = call_within(node)
    if call is not None:
        name = folded(call.name)
        if name == "nullif" and call.expressions:
            return _name(call.expressions[0])
        return _OF_CALLS.get(name, name)
    match node:
        case exp.Column() if not isinstance(node.this, exp.Star):
            return folded(node.name)
        case exp.Paren():
            return _name(node.this)
        case exp.Dot():
            return _name(node.expression)
        case exp.Identifier():
            return folded(node.name)
        case exp.Cast():
            return _name(node.this) or NAMES.get(node.to.this)
        case exp.Case():
            return _name(node.args.get("default")) or "case"
        case exp.Trim():
            return {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(node.text("position").upper(), "btrim")
        case _:
            return _OF_NODES.get(type(node)) if node is not None else None
