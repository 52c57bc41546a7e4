"""Types: of casts, and of expressions as far as they can be told from what is written."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from sqlglot import exp

from spectra.sql.transpiling.parser import Refused, offset_of
from spectra.sql.transpiling.templates import fill, words

__all__ = ["NAMES", "TIMES", "Given", "cast", "given", "giving", "has_aggregate"]

_T = exp.DType
NAMES: Final[Mapping[exp.DType, str]] = {
    _T.SMALLINT: "int2",
    _T.INT: "int4",
    _T.BIGINT: "int8",
    _T.DECIMAL: "numeric",
    _T.FLOAT: "float4",
    _T.DOUBLE: "float8",
    _T.BOOLEAN: "bool",
    _T.DATE: "date",
    _T.TIME: "time",
    _T.TIMETZ: "timetz",
    _T.TIMESTAMP: "timestamp",
    _T.TIMESTAMPTZ: "timestamptz",
    _T.INTERVAL: "interval",
    _T.CHAR: "bpchar",
    _T.NCHAR: "bpchar",
    _T.BPCHAR: "bpchar",
    _T.VARCHAR: "varchar",
    _T.NVARCHAR: "varchar",
    _T.TEXT: "text",
}
"""Types that are had, with the names that Redshift gives to columns which are cast to them."""

_TEXTS: Final[Mapping[exp.DType, int | None]] = {
    _T.CHAR: 1,
    _T.NCHAR: 1,
    _T.BPCHAR: 256,
    _T.VARCHAR: None,
    _T.NVARCHAR: None,
    _T.TEXT: None,
}
TIMES: Final = frozenset({_T.DATE, _T.TIMESTAMP, _T.TIMESTAMPTZ})
_GIVE_TIMES: Final = words(
    "add_months convert_timezone current_date date_trunc dateadd getdate last_day next_day sysdate to_date"
    " to_timestamp"
)
_GIVE_NUMBERS: Final = words(
    "avg count cume_dist dense_rank ntile percent_rank rank ratio_to_report row_number stddev stddev_pop"
    " stddev_samp sum var_pop var_samp variance"
)
_GIVE_THEIR_FIRST: Final = words("any_value coalesce first_value lag last_value lead max min nvl")
_AGGREGATES: Final = words("any_value bit_and bit_or max median min quantile_cont quantile_disc sum")


class Given(Enum):
    """What an expression gives."""

    TIME = "time"
    NUMBER = "number"


def cast(node: exp.Cast) -> exp.Expr:
    """A cast as Redshift does it: text is cut to its length, decimals have no places unless they say so."""
    to = node.to.this
    if to not in NAMES or node.to.args.get("nested"):
        raise Refused(f"the type {node.to.sql('redshift')} is not had here", offset_of(node))
    if to is _T.DECIMAL and not node.to.expressions:
        node.to.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(n)) for n in (18, 0)])
    if to not in _TEXTS:
        return node
    length = node.to.expressions[0].name if node.to.expressions else _TEXTS[to]
    if length is None or str(length).upper() == "MAX":
        return fill("CAST(a AS VARCHAR)", node.this)
    return fill("left(CAST(a AS VARCHAR), b)", node.this, exp.Literal.number(length))


def giving(call: exp.Anonymous) -> Given | None:
    """What *call* gives, of which the arguments are translated already."""
    name = call.name.lower()
    if name in _GIVE_TIMES:
        return Given.TIME
    if name in _GIVE_NUMBERS:
        return Given.NUMBER
    if name in _GIVE_THEIR_FIRST and call.expressions:
        return given(call.expressions[0])
    return None


def given(node: exp.Expr) -> Given | None:
    """What *node* gives, if that can be told."""
    while isinstance(node, exp.Paren):
        node = node.this
    if "gives" in node.meta:
        gives: Given | None = node.meta["gives"]
        return gives
    if isinstance(node, exp.Cast):
        return Given.TIME if node.to.this in TIMES else Given.NUMBER
    if isinstance(node, exp.Mul | exp.Div | exp.IntDiv | exp.Mod) or node.is_number:
        return Given.NUMBER
    return None


def has_aggregate(node: exp.Expr) -> bool:
    """Whether *node* aggregates, or looks through a window; subqueries do not count."""
    return any(
        isinstance(one, exp.Window) or (isinstance(one, exp.Anonymous) and one.name.lower() in _AGGREGATES)
        for one in node.walk(prune=lambda one: isinstance(one, exp.Query))
    )
