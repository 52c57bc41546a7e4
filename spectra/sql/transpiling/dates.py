"""Dates and times: units, zones, literals, and the functions that need to see them written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from spectra.sql.transpiling.formats import parsing, printing
from spectra.sql.transpiling.parser import Refused, call_within, offset_of
from spectra.sql.transpiling.templates import fill, text, words
from spectra.sql.transpiling.types import Given, given, has_aggregate

__all__ = [
    "convert_timezone",
    "date_part",
    "date_trunc",
    "dateadd",
    "datediff",
    "extract",
    "interval",
    "literal",
    "timezone",
    "to_char",
    "to_date",
    "to_timestamp",
    "trunc",
    "zone",
]

_UNITS: Final[Mapping[str, str]] = {
    name: names.split()[0]
    for names in (
        "millennium millennia mil mils",
        "century centuries c cent cents",
        "decade decades dec decs",
        "year years y yr yrs",
        "quarter quarters qtr qtrs",
        "month months mon mons",
        "week weeks w",
        "day days d",
        "hour hours h hr hrs",
        "minute minutes m min mins",
        "second seconds s sec secs",
        "millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon",
        "microsecond microseconds us usec usecs usecond useconds microsec microsecs",
    )
    for name in names.split()
}
_PARTS: Final[Mapping[str, str]] = {
    **_UNITS,
    **dict.fromkeys(("dow", "dw", "dayofweek", "weekday"), "dow"),
    **dict.fromkeys(("doy", "dy", "dayofyear", "yearday"), "doy"),
    "epoch": "epoch",
}
_OF_A_PART: Final[Mapping[str, str]] = {
    "decade": "date_part('decade', a) + 1",
    "epoch": "CAST(floor(date_part('epoch', a)) AS BIGINT)",
    "millisecond": "date_part('millisecond', a) % 1000",
    "microsecond": "date_part('microsecond', a) % 1000000",
}
_SPANS: Final[Mapping[str, str]] = {
    "millennium": "to_millennia(CAST(a AS INTEGER))",
    "century": "to_centuries(CAST(a AS INTEGER))",
    "decade": "to_decades(CAST(a AS INTEGER))",
    "quarter": "to_quarters(CAST(a AS INTEGER))",
    "month": "to_months(CAST(a AS INTEGER))",
    "week": "to_weeks(CAST(a AS INTEGER))",
    "day": "to_days(CAST(a AS INTEGER))",
    "hour": "to_hours(CAST(a AS BIGINT))",
    "minute": "to_minutes(CAST(a AS BIGINT))",
    "second": "to_seconds(CAST(a AS BIGINT))",
    "millisecond": "to_milliseconds(CAST(a AS BIGINT))",
    "microsecond": "to_microseconds(CAST(a AS BIGINT))",
}
# An abbreviation is a fixed distance from UTC, in any season; ICU would have the season's.
_ABBREVIATIONS: Final[Mapping[str, int]] = {
    "HST": -10,
    "AKST": -9,
    "AKDT": -8,
    "PST": -8,
    "PDT": -7,
    "MST": -7,
    "MDT": -6,
    "CST": -6,
    "CDT": -5,
    "EST": -5,
    "EDT": -4,
    "AST": -4,
    "ADT": -3,
    "GMT": 0,
    "UTC": 0,
    "Z": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "JST": 9,
    "KST": 9,
    "AEST": 10,
    "AEDT": 11,
}
# The last day of all is the day of the last time of all.
_COMMUTING: Final = words("any_value first_value lag last_value lead max min")
_QUANTITY: Final = re.compile(r"\s*([+-]?\d*\.?\d+)\s*([A-Za-z]*)\s*,?")
_DATE: Final = re.compile(r"\s*(?:(\d{4})(\d\d)(\d\d)|(\d{1,2})[/-](\d{1,2})[/-](\d{4}))(?=$|\s|T)")


# ---- what is written -----------------------------------------------------------------------------


def _written(node: exp.Expr, what: str) -> str:
    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.this)
    raise Refused(f"{what} has to be written out, in quotes", offset_of(node))


def _unit(node: exp.Expr, names: Mapping[str, str]) -> str:
    """The date part that *node* names; it may be a word, or stand in quotes."""
    unit = names.get(node.name.lower())
    if unit is None:
        raise Refused(f"{node.name} is no date part that is had here", offset_of(node))
    return unit


def literal(value: str) -> str:
    """A date or timestamp as DuckDB reads it: the year first, and with dashes."""
    found = _DATE.match(value)
    if found is None:
        return value
    year, month, day = (
        (found[1], found[2], found[3]) if found[1] else (found[6], f"{found[4]:0>2}", f"{found[5]:0>2}")
    )
    return f"{year}-{month}-{day}{value[found.end() :]}"


def interval(node: exp.Interval) -> exp.Expr:
    """``INTERVAL '1w, 3 hours'``, as DuckDB reads it; a number without a unit is one of seconds."""
    unit = node.unit
    if unit is not None and not isinstance(unit, exp.Var):
        raise Refused("an interval from one part to another is not had here", offset_of(node))
    written = _written(node.this, "an interval") + (f" {unit.name}" if unit is not None else "")
    at, quantities = 0, []
    while at < len(written):
        found = _QUANTITY.match(written, at)
        if found is None:
            raise Refused(f"the interval '{written}' cannot be read here", offset_of(node))
        unit_of = _UNITS.get(found[2].lower() or "second")
        if unit_of is None:
            raise Refused(f"{found[2].lower()} is no date part that is had here", offset_of(node))
        quantities.append(f"{found[1]} {unit_of}")
        at = found.end()
    return exp.Cast(this=text(" ".join(quantities)), to=exp.DataType.build("interval"))


def zone(node: exp.Expr) -> exp.Expr:
    """A time zone: names are the same in DuckDB; abbreviations mean a fixed distance."""
    if not (isinstance(node, exp.Literal) and node.is_string):
        return node
    hours = _ABBREVIATIONS.get(node.name.upper())
    if hours is not None:
        return text(f"Etc/GMT{-hours:+d}")
    if "/" not in node.name:
        raise Refused(f"the time zone {node.name} is not had here; name a region", offset_of(node))
    return node


def _moment(node: exp.Expr) -> exp.Expr:
    """What is written in quotes, as a time; all else has its type."""
    if isinstance(node, exp.Literal) and node.is_string:
        return exp.cast(text(literal(node.name)), exp.DType.TIMESTAMP)
    return exp.cast(node, exp.DType.TIMESTAMP) if isinstance(node, exp.Null) else node


# ---- functions ----------------------------------------------------------------------------------


def dateadd(call: exp.Anonymous) -> exp.Expr:
    """DATEADD(part, n, time)."""
    part, n, time = call.expressions
    unit = _unit(part, _UNITS)
    if unit == "year":  # a year after February 29 is March 1, twelve months after it February 28
        return fill("_redshift.plus_years(b, a)", n, _moment(time))
    return fill(f"b + {_SPANS[unit]}", n, _moment(time))


def datediff(call: exp.Anonymous) -> exp.Expr:
    """DATEDIFF(part, time, time)."""
    part, begin, end = call.expressions
    return fill(f"date_diff('{_unit(part, _UNITS)}', a, b)", _moment(begin), _moment(end))


def date_part(call: exp.Anonymous) -> exp.Expr:
    """DATE_PART(part, time): the seconds with their fraction."""
    part, time = call.expressions
    unit = _unit(part, _PARTS)
    if unit == "second":
        return fill("CAST(date_part('microsecond', a) AS DOUBLE) / 1000000", _moment(time))
    if unit == "epoch":
        return fill("date_part('epoch', a)", _moment(time))
    return _part(unit, time)


def extract(node: exp.Extract) -> exp.Expr:
    """EXTRACT(part FROM time): whole numbers, of this part alone."""
    return _part(_unit(node.this, _PARTS), node.expression)


def _part(unit: str, time: exp.Expr) -> exp.Expr:
    return fill(_OF_A_PART.get(unit, f"date_part('{unit}', a)"), _moment(time))


def date_trunc(call: exp.Anonymous) -> exp.Expr:
    """DATE_TRUNC(part, time) is a timestamp; centuries begin with a year 1."""
    part, time = call.expressions
    unit = _unit(part, _UNITS)
    years = {"century": 100, "millennium": 1000}.get(unit)
    if years is not None:
        year = f"((year(CAST(a AS TIMESTAMP)) - 1) // {years}) * {years} + 1"
        return fill(f"make_timestamp({year}, 1, 1, 0, 0, 0)", _moment(time))
    return fill("_redshift.date_trunc(a, b)", text(unit), _moment(time))


def convert_timezone(call: exp.Anonymous) -> exp.Expr:
    """CONVERT_TIMEZONE([from,] to, time)."""
    *zones, time = call.expressions
    home, away = [text("UTC"), *zones][-2:]
    return fill("_redshift.convert_timezone(a, b, c)", zone(home), zone(away), _moment(time))


def timezone(call: exp.Anonymous) -> exp.Expr:
    """TIMEZONE(zone, time)."""
    where, time = call.expressions
    return fill("timezone(a, b)", zone(where), _moment(time))


def to_char(call: exp.Anonymous) -> exp.Expr:
    """TO_CHAR(time, format)."""
    time, form = call.expressions
    return printing(_moment(time), _written(form, "the format"), offset_of(form))


def to_date(call: exp.Anonymous) -> exp.Expr:
    """TO_DATE(text, format[, strict]); it is strict always."""
    value, form = call.expressions[:2]
    parsed = parsing(_written(form, "the format"), offset_of(form))
    return fill("CAST(strptime(CAST(a AS VARCHAR), b) AS DATE)", value, text(parsed))


def to_timestamp(call: exp.Anonymous) -> exp.Expr:
    """TO_TIMESTAMP(text, format[, strict]); it is strict always."""
    value, form = call.expressions[:2]
    parsed = parsing(_written(form, "the format"), offset_of(form))
    return fill("CAST(strptime(CAST(a AS VARCHAR), b) AS TIMESTAMPTZ)", value, text(parsed))


def trunc(call: exp.Anonymous) -> exp.Expr:
    """TRUNC(number[, places]), or TRUNC(time), which is a date."""
    value: exp.Expr = call.expressions[0]
    if len(call.expressions) > 1:
        return fill("trunc(a, b)", *call.expressions)
    match given(value):
        case Given.TIME:
            return fill("CAST(a AS DATE)", _moment(value))
        case Given.NUMBER:
            return fill("trunc(a)", value)
    # DuckDB chooses macros by the types of their arguments, which it does not know yet of aggregates.
    within = call_within(value.unnest())
    if within is not None and within.name in _COMMUTING:
        argument = within.expressions[0]
        while isinstance(argument, exp.IgnoreNulls | exp.RespectNulls | exp.Distinct):
            argument = argument.expressions[0] if isinstance(argument, exp.Distinct) else argument.this
        if not has_aggregate(argument):
            argument.replace(fill("_redshift.trunc(a)", argument))
            return value
    if has_aggregate(value):
        problem = "TRUNC of an aggregate is not had here; CAST it to TIMESTAMP or DECIMAL first"
        raise Refused(problem, offset_of(call))
    return fill("_redshift.trunc(a)", value)
