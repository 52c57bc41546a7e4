"""Formats of dates and times: Redshift's for DuckDB's ``strftime`` and ``strptime``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from sqlglot import exp

from spectra.sql.transpiling.parser import Refused
from spectra.sql.transpiling.templates import fill, text

__all__ = ["parsing", "printing"]

# In both directions; the longest first, as Redshift reads them.
_BOTH: Final[Mapping[str, str]] = {
    "HH24": "%H",
    "HH12": "%I",
    "HH": "%I",
    "YYYY": "%Y",
    "YY": "%y",
    "DDD": "%j",
    "DD": "%d",
    "MI": "%M",
    "MM": "%m",
    "MS": "%g",
    "SS": "%S",
    "US": "%f",
}
_NAMES: Final[Mapping[str, tuple[str, int]]] = {
    "MONTH": ("%B", 9),
    "MON": ("%b", 0),
    "DAY": ("%A", 9),
    "DY": ("%a", 0),
}
_OTHERS: Final[Mapping[str, str]] = {
    "YYY": "right(strftime(a, '%Y'), 3)",
    "Y": "right(strftime(a, '%Y'), 1)",
    "IYYY": "strftime(a, '%G')",
    "IW": "strftime(a, '%V')",
    "ID": "CAST(isodow(a) AS VARCHAR)",
    "D": "CAST(dayofweek(a) + 1 AS VARCHAR)",
    "CC": "lpad(CAST(date_part('century', a) AS VARCHAR), 2, '0')",
    "Q": "CAST(quarter(a) AS VARCHAR)",
    "WW": "lpad(CAST((dayofyear(a) - 1) // 7 + 1 AS VARCHAR), 2, '0')",
    "W": "CAST((day(a) - 1) // 7 + 1 AS VARCHAR)",
    "J": "CAST(CAST(julian(CAST(a AS DATE)) AS BIGINT) AS VARCHAR)",
}
_HALVES: Final = ("AM", "PM", "A.M.", "P.M.")
_NOT_HAD: Final = (
    "IDDD",
    "IYY",
    "IY",
    "I",
    "Y,YYY",
    "RM",
    "TZ",
    "OF",
    "BC",
    "AD",
    "B.C.",
    "A.D.",
    "TH",
    "FM",
)
_WORDS: Final = sorted({*_BOTH, *_NAMES, *_OTHERS, *_HALVES, *_NOT_HAD}, key=lambda word: (-len(word), word))
_ELEMENT: Final = re.compile(
    rf'"([^"]*)"|({"|".join(map(re.escape, _WORDS))})|(.)', re.IGNORECASE | re.DOTALL
)


def printing(time: exp.Expr, form: str, offset: int | None) -> exp.Expr:
    """TO_CHAR of *time*.

    Raises:
        Refused: *form* is a format of numbers, or has an element that is not had.
    """
    if re.search(r"[09]", re.sub(r'"[^"]*"|HH12', "", form, flags=re.IGNORECASE)):
        raise Refused("TO_CHAR is had of dates and times only, not of numbers", offset)
    pieces: list[exp.Expr] = []
    plain = ""
    for word, literal in [*_elements(form, offset), ("", "")]:
        upper = word.upper()
        if literal or upper in _BOTH:
            plain += _BOTH.get(upper, literal.replace("%", "%%"))
            continue
        if plain:
            pieces.append(fill("strftime(a, b)", time, text(plain)))
            plain = ""
        if upper in _NAMES:
            pieces.append(_cased(word, *_NAMES[upper], time))
        elif upper in _HALVES:
            pieces.append(_half(word, time))
        elif word:
            pieces.append(fill(_OTHERS[upper], time))
    if not pieces:
        return fill("CASE WHEN a IS NOT NULL THEN '' END", time)
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = exp.DPipe(this=whole, expression=piece)
    return exp.Paren(this=whole) if len(pieces) > 1 else whole


def parsing(form: str, offset: int | None) -> str:
    """The format of TO_DATE and TO_TIMESTAMP for ``strptime``.

    Raises:
        Refused: *form* has an element that is not had.
    """
    found = ""
    for word, literal in _elements(form, offset):
        upper = word.upper()
        if upper in _NAMES:
            found += _NAMES[upper][0]
        elif upper in ("AM", "PM"):
            found += "%p"
        elif literal or upper in _BOTH:
            found += _BOTH.get(upper, literal.replace("%", "%%"))
        else:
            raise Refused(f"the format element {word} is not had here", offset)
    return found


def _elements(form: str, offset: int | None) -> Iterator[tuple[str, str]]:
    """The elements of *form*, each a word or what stands for itself."""
    for quoted, word, other in _ELEMENT.findall(form):
        if word.upper() in _NOT_HAD:
            raise Refused(f"the format element {word} is not had here", offset)
        yield word, quoted or other


def _cased(word: str, element: str, width: int, time: exp.Expr) -> exp.Expr:
    """Names in the case of *word*, and of one width."""
    case = {word.upper(): "upper(strftime(a, b))", word.lower(): "lower(strftime(a, b))"}
    name = fill(case.get(word, "strftime(a, b)"), time, text(element))
    return fill("rpad(a, b, ' ')", name, exp.Literal.number(width)) if width else name


def _half(word: str, time: exp.Expr) -> exp.Expr:
    half = fill("strftime(a, '%p')", time)
    if "." in word:
        half = fill("left(a, 1) || '.M.'", half)
    return fill("lower(a)", half) if word.islower() else half
