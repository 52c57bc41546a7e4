"""`transpile`: one statement, from its text to the other dialect's text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import attrs
from sqlglot import exp
from sqlglot.transforms import eliminate_join_marks

from spectra.errors import SqlNotSupportedError, SqlRefusedError, SqlSyntaxError
from spectra.sql.literals import Bound
from spectra.sql.transpiling import dates, patterns, types
from spectra.sql.transpiling.aggregates import shaped
from spectra.sql.transpiling.functions import KNOWN, translated
from spectra.sql.transpiling.generator import write
from spectra.sql.transpiling.naming import folded, name_columns
from spectra.sql.transpiling.parser import AROUND, Refused, Unreadable, Unwanted, call_within, offset_of, read
from spectra.sql.transpiling.templates import fill

__all__ = ["Call", "Transpiled", "transpile"]

# SUPER, and what belongs to other warehouses: sqlglot would pass it on, with another meaning or another's.
_NOT_HAD: Final[Mapping[type[exp.Expr], str]] = {
    exp.Array: "ARRAY",
    exp.Bracket: "navigation in SUPER",
    exp.Filter: "FILTER",
    exp.JSONExtract: "->",
    exp.JSONExtractScalar: "->>",
    exp.Lambda: "a lambda",
    exp.Lateral: "LATERAL",
    exp.Struct: "a struct",
    exp.TableSample: "TABLESAMPLE",
    exp.Unnest: "UNNEST",
}


@attrs.frozen
class Call:
    """A function that is called in the source, and where, from 1."""

    name: str
    line: int | None
    column: int | None


@attrs.frozen
class Transpiled:
    """*text* is DuckDB's. *calls* are the functions in it that are not known to mean what they do on Redshift.

    *names* has where each name stands in the source that stands there once.
    """

    text: str
    calls: tuple[Call, ...]
    names: Mapping[str, int]


def transpile(bound: Bound) -> Transpiled:
    """Say Redshift's statement *bound* in DuckDB's SQL.

    Raises:
        SqlSyntaxError: it does not parse; with the position.
        SqlNotSupportedError: it cannot be said there; with the position.
        SqlRefusedError: it is no query, more than one, or nested too deeply.
    """
    try:
        tree = read(bound.text)
        name_columns(tree)
        names = Counter(folded(one.name) for one in tree.find_all(exp.Identifier))
        places = {
            folded(one.name): one.meta["start"]
            for one in tree.find_all(exp.Identifier)
            if "start" in one.meta
        }
        calls = _translate(tree)
        text = write(tree)
    except RecursionError:
        raise SqlRefusedError("too_deep", "the SQL is nested too deeply") from None
    except Unwanted as exc:
        raise SqlRefusedError("statement", exc.problem, *_place(bound, exc.offset)) from None
    except Refused as exc:
        kind = SqlSyntaxError if isinstance(exc, Unreadable) else SqlNotSupportedError
        raise kind(exc.problem, *_place(bound, exc.offset)) from None
    return Transpiled(
        text,
        tuple(Call(name, *_place(bound, offset)) for name, offset in calls),
        {name: bound.origin(at) for name, at in places.items() if names[name] == 1},
    )


def _place(bound: Bound, offset: int | None) -> tuple[int | None, int | None]:
    if offset is None:
        return None, None
    source = bound.source[: bound.origin(offset)]
    return source.count("\n") + 1, len(source) - source.rfind("\n")


def _translate(tree: exp.Expr) -> list[tuple[str, int]]:
    """Change *tree* into one of DuckDB, from its leaves to its root; the calls that are not Redshift's own."""
    strangers: list[tuple[str, int]] = []
    for node in reversed(list(tree.dfs())):
        around = isinstance(node.parent, AROUND) and node.arg_key == "this"
        if around and isinstance(node, (exp.Anonymous, *AROUND)):
            continue  # together with what stands around it
        call = call_within(node)
        if call is None:
            new = _other(node)
        elif isinstance(node.parent, exp.Dot) or call.name.lower() not in KNOWN:
            strangers.append((folded(call.name), offset_of(call) or 0))
            continue
        else:
            gives = types.giving(call)
            new = translated(call) if node is call else node
            within = call_within(new)
            if within is not None:
                new = shaped(new, within)
            new.meta["gives"] = gives
        if new is not node:
            node.replace(new)
    return sorted(strangers, key=lambda stranger: stranger[1])


def _other(node: exp.Expr) -> exp.Expr:
    """What stands for *node*, which is no call."""
    match node:
        case exp.Identifier():
            node.set("this", folded(node.name))
        case exp.Cast():
            if node.to.this in types.TIMES and isinstance(node.this, exp.Literal):
                node.this.set("this", dates.literal(node.this.name))
            return types.cast(node)
        case exp.Interval():
            return dates.interval(node)
        case exp.Extract():
            return dates.extract(node)
        case exp.AtTimeZone():
            node.set("zone", dates.zone(node.args["zone"]))
        case exp.Substring():
            rest = [node.args[key] for key in ("start", "length") if node.args.get(key) is not None]
            if not rest:
                raise Refused("SUBSTRING takes a text and where to begin", offset_of(node))
            return fill(f"_redshift.substring({', '.join('abc'[: len(rest) + 1])})", node.this, *rest)
        case exp.StrPosition():
            return fill("strpos(CAST(a AS VARCHAR), b)", node.this, node.args["substr"])
        case exp.Escape():
            if isinstance(node.this, exp.SimilarTo):
                return patterns.similar_to(node.this, node.expression.name)
        case exp.SimilarTo():
            return node if isinstance(node.parent, exp.Escape) else patterns.similar_to(node)
        case exp.Like() | exp.ILike():
            return patterns.like(node)
        case exp.Distinct():
            if node.args.get("on") is not None:
                raise Refused("DISTINCT ON is not had here", offset_of(node))
        case exp.DML() | exp.Create() | exp.Command():
            raise Unwanted("this does more than read", offset_of(node))
        case exp.Into():
            raise Unwanted("SELECT INTO makes a table", offset_of(node))
        case exp.Pivot() if node.args.get("unpivot") and not node.args.get("fields"):
            raise Refused("UNPIVOT of an object is not had here", offset_of(node))
        case exp.Select():
            return _without_join_marks(node)
        case _:
            if type(node) in _NOT_HAD:
                raise Refused(f"{_NOT_HAD[type(node)]} is not had here", offset_of(node))
    return node


def _without_join_marks(select: exp.Select) -> exp.Expr:
    """The joins that ``(+)`` means."""
    marked = [one for one in select.find_all(exp.Column) if one.args.get("join_mark")]
    if not marked:
        return select
    try:
        return eliminate_join_marks(select)
    except Exception:  # of many kinds; its assertions among them
        raise Refused("(+) is not had in such a condition", offset_of(marked[0])) from None
