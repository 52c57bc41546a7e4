"""Aggregates and what stands around them: WITHIN GROUP, IGNORE NULLS, OVER."""

from __future__ import annotations

from sqlglot import exp

from spectra.sql.transpiling.parser import Refused, offset_of
from spectra.sql.transpiling.templates import fill, text

__all__ = ["SHAPED", "shaped"]


def shaped(top: exp.Expr, call: exp.Anonymous) -> exp.Expr:
    """What DuckDB is asked instead of *top*, which is *call* with what stands around it.

    Raises:
        Refused: the words around it do not go with it.
    """
    name = call.name.lower()
    order = next((one.expression for one in _around(top) if isinstance(one, exp.WithinGroup)), None)
    window = top if isinstance(top, exp.Window) else None
    for one in _around(top):
        if isinstance(one, exp.IgnoreNulls | exp.RespectNulls) and call.expressions:
            last = call.expressions[-1]
            last.replace(type(one)(this=last.copy()))
    if order is not None and name not in ("listagg", "percentile_cont", "percentile_disc"):
        raise Refused(f"{name.upper()} is not had WITHIN GROUP", offset_of(call))
    if name in SHAPED:
        if top.find_ancestor(exp.Pivot) is not None:
            raise Refused(f"{name.upper()} is not had in PIVOT; aggregate before", offset_of(call))
        try:
            return SHAPED[name](call, order, window)
        except (IndexError, ValueError):
            raise Refused(f"{name.upper()} is not had with these arguments", offset_of(call)) from None
    return top if top is call else _over(window, call.copy())


def _around(top: exp.Expr) -> list[exp.Expr]:
    found = [top]
    while not isinstance(found[-1], exp.Anonymous):
        found.append(found[-1].this)
    return found[:-1]


def _over(window: exp.Window | None, function: exp.Expr) -> exp.Expr:
    if window is None:
        return function
    copy = window.copy()
    copy.set("this", function)
    return copy


def _call(name: str, *args: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[arg.copy() for arg in args])


def _avg(call: exp.Anonymous, _: exp.Order | None, window: exp.Window | None) -> exp.Expr:
    """Of whole numbers a whole one, of decimals one cut to their places, of floats a float."""
    (value,) = call.expressions
    total, count = (_over(window, _call(name, value)) for name in ("sum", "count"))
    return fill("_redshift.mean(a, b)", total, count)


def _listagg(call: exp.Anonymous, order: exp.Order | None, window: exp.Window | None) -> exp.Expr:
    """Without a delimiter there is none; empty texts are left out, as NULLs are."""
    value, *rest = call.expressions
    delimiter = rest[0] if rest and not isinstance(rest[0], exp.Null) else text("")
    if order is not None:
        delimiter = exp.Order(this=delimiter.copy(), expressions=[one.copy() for one in order.expressions])
    plain = value.expressions[0] if isinstance(value, exp.Distinct) else value
    some = exp.Where(this=fill("CAST(a AS VARCHAR) <> ''", plain))
    return _over(window, exp.Filter(this=_call("string_agg", value, delimiter), expression=some))


def _percentile(call: exp.Anonymous, order: exp.Order | None, window: exp.Window | None) -> exp.Expr:
    if order is None or len(order.expressions) != 1 or len(call.expressions) != 1:
        raise Refused("a percentile takes a share, and WITHIN GROUP one thing to order by", offset_of(call))
    name = call.name.lower().replace("percentile", "quantile")
    share = exp.Order(this=call.expressions[0].copy(), expressions=[order.expressions[0].copy()])
    return _over(window, _call(name, order.expressions[0].this, share))


def _ratio(call: exp.Anonymous, _: exp.Order | None, window: exp.Window | None) -> exp.Expr:
    (value,) = call.expressions
    return fill("CAST(a AS DOUBLE) / b", value, _over(window, _call("sum", value)))


def _boolean(call: exp.Anonymous, _: exp.Order | None, window: exp.Window | None) -> exp.Expr:
    (value,) = call.expressions
    plain = value.expressions[0] if isinstance(value, exp.Distinct) else value
    return _over(window, _call(call.name, fill("CAST(a AS BOOLEAN)", plain)))


SHAPED = {
    "avg": _avg,
    "bool_and": _boolean,
    "bool_or": _boolean,
    "listagg": _listagg,
    "percentile_cont": _percentile,
    "percentile_disc": _percentile,
    "ratio_to_report": _ratio,
}
