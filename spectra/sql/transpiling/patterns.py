"""Patterns: LIKE, SIMILAR TO, and regular expressions."""

from __future__ import annotations

import re
from typing import Final

from sqlglot import exp

from spectra.sql.transpiling.parser import Refused, offset_of
from spectra.sql.transpiling.templates import fill, text

__all__ = ["like", "regexp_count", "regexp_instr", "regexp_replace", "regexp_substr", "similar_to"]

_FLAGS: Final = frozenset("ceip")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\[:\w+:\]|[^]])*\]")


def like(node: exp.Like | exp.ILike) -> exp.Expr:
    """What is no text is taken as one; a backslash escapes, unless ESCAPE names another character."""
    pattern = node.expression
    if not isinstance(node.this, exp.Literal):
        node.set("this", fill("CAST(a AS VARCHAR)", node.this))
    if isinstance(node.parent, exp.Escape) or (isinstance(pattern, exp.Literal) and "\\" not in pattern.name):
        return node
    return exp.Escape(this=node.copy(), expression=text("\\"))


def similar_to(node: exp.SimilarTo, escape: str = "\\") -> exp.Expr:
    """SQL's regular expressions in those of DuckDB."""
    pattern = node.expression
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise Refused("the pattern of SIMILAR TO has to be written out", offset_of(node))
    return fill("regexp_full_match(a, b)", node.this, text(f"(?s){_regular(pattern.name, escape)}"))


def _regular(pattern: str, escape: str) -> str:
    found, at = [], 0
    while at < len(pattern):
        character = pattern[at]
        if character == escape and at + 1 < len(pattern):
            found.append(re.escape(pattern[at + 1]))
            at += 2
            continue
        if character == "[" and (within := _CLASS.match(pattern, at)):
            found.append(within[0])
            at = within.end()
            continue
        found.append({"%": ".*", "_": "."}.get(character, character))
        if character in ".^$\\":
            found[-1] = "\\" + character
        at += 1
    return "".join(found)


def regexp_count(call: exp.Anonymous) -> exp.Expr:
    """REGEXP_COUNT(text, pattern[, position[, parameters]])."""
    value, pattern, start, flags = _arguments(call, "1", "c")
    return fill("_redshift.regexp_count(a, b, c)", _from(value, start), pattern, _flags(flags))


def regexp_substr(call: exp.Anonymous) -> exp.Expr:
    """REGEXP_SUBSTR(text, pattern[, position[, occurrence[, parameters]]])."""
    value, pattern, start, nth, flags = _arguments(call, "1", "1", "c")
    part = exp.Literal.number(1 if "e" in flags.name and _has_part(pattern) else 0)
    return fill(
        "_redshift.regexp_substr(a, b, c, d, e)", _from(value, start), pattern, nth, part, _flags(flags)
    )


def regexp_replace(call: exp.Anonymous) -> exp.Expr:
    """REGEXP_REPLACE(text, pattern[, replacement[, position[, parameters]]]): all of them."""
    if len(call.expressions) == 2:
        call.append("expressions", text(""))
    value, pattern, new, start, flags = _arguments(call, "", "1", "c")
    if start.name != "1":
        raise Refused(
            "REGEXP_REPLACE is had from the first position only", offset_of(start) or offset_of(call)
        )
    return fill("regexp_replace(a, b, c, d)", value, pattern, new, text(f"g{_flags(flags).name}"))


def regexp_instr(call: exp.Anonymous) -> exp.Expr:
    """REGEXP_INSTR(text, pattern[, position[, occurrence[, option[, parameters]]]])."""
    value, pattern, start, nth, beyond, flags = _arguments(call, "1", "1", "0", "c")
    if "e" in flags.name:
        raise Refused("REGEXP_INSTR is not had with e", offset_of(flags) or offset_of(call))
    fold = text("i" if "i" in flags.name else "")
    return fill("_redshift.regexp_instr(a, b, c, d, e, f)", value, pattern, start, nth, beyond, fold)


def _arguments(call: exp.Anonymous, *defaults: str) -> list[exp.Expr]:
    """Two arguments, and as many others as there are *defaults*; the last are flags."""
    args = call.expressions
    if not 2 <= len(args) <= len(defaults) + 2:
        raise ValueError(len(args))
    rest = [
        exp.Literal(this=default, is_string=not default.isdigit()) for default in defaults[len(args) - 2 :]
    ]
    return [*args, *rest]


def _flags(node: exp.Expr) -> exp.Expr:
    """Options of RE2: case matters, or not."""
    if not (isinstance(node, exp.Literal) and node.is_string) or set(node.name) - _FLAGS:
        raise Refused("the parameters have to be written out: c, i, e, p", offset_of(node))
    return text("i" if "i" in node.name else "c")


def _from(value: exp.Expr, start: exp.Expr) -> exp.Expr:
    return value if start.name == "1" else fill("substr(a, greatest(b, 1))", value, start)


def _has_part(pattern: exp.Expr) -> bool:
    return re.search(r"(?<!\\)\((?!\?)", pattern.name) is not None
