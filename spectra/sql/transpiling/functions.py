"""What becomes of each function that Redshift knows; of any other the caller must know.

*Same* functions mean the same in DuckDB, some under another name. *Templates* are DuckDB's SQL, with
the arguments as ``a``, ``b``, ``c``…, by the number of arguments; ``_redshift.…`` are our macros. *Rules*
need to see what was written, because DuckDB has to be given another format, pattern or unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from spectra.sql.transpiling import dates, patterns
from spectra.sql.transpiling.parser import Refused, offset_of
from spectra.sql.transpiling.templates import fill, words

__all__ = ["KNOWN", "translated"]

_SAME: Final[Mapping[str, str]] = {
    name: name
    for name in words(
        "abs acos any_value asin atan atan2 avg bit_and bit_or bool_and bool_or cbrt ceil chr coalesce cos"
        " cot count cume_dist current_date degrees dense_rank exp first_value floor greatest grouping lag"
        " last_value lead least listagg ln max median min mod nth_value ntile nullif percent_rank"
        " percentile_cont percentile_disc pi power radians random rank ratio_to_report round row_number"
        " sign sin sqrt stddev stddev_pop stddev_samp sum tan var_pop var_samp variance"
    )
} | {
    "ceiling": "ceil",
    "dlog1": "ln",
    "dlog10": "log10",
    "log": "log10",
    "nvl": "coalesce",
    "pow": "power",
}
# What is no text is taken as one.
_LEN: Final = {1: "length(CAST(a AS VARCHAR))"}
_REPEAT: Final = {2: "repeat(CAST(a AS VARCHAR), b)"}
_SHA1: Final = {1: "sha1(CAST(a AS VARCHAR))"}
_SUBSTR: Final = {2: "_redshift.substring(a, b)", 3: "_redshift.substring(a, b, c)"}
_CMP: Final = {2: "_redshift.cmp(CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP))"}
_TEMPLATES: Final[Mapping[str, Mapping[int, str]]] = {
    "add_months": {2: "_redshift.add_months(a, b)"},
    "ascii": {1: "ascii(CAST(a AS VARCHAR))"},
    "btrim": {1: "trim(CAST(a AS VARCHAR))", 2: "trim(CAST(a AS VARCHAR), b)"},
    "bpcharcmp": {2: "_redshift.cmp(rtrim(a), rtrim(b))"},
    "bttext_pattern_cmp": {2: "_redshift.cmp(rtrim(a), rtrim(b))"},
    "char_length": _LEN,
    "character_length": _LEN,
    "charindex": {2: "strpos(CAST(b AS VARCHAR), a)"},
    "concat": {2: "a || b"},
    "date_cmp": {2: "_redshift.cmp(CAST(a AS DATE), CAST(b AS DATE))"},
    "date_cmp_timestamp": _CMP,
    "date_cmp_timestamptz": _CMP,
    "date_part_year": {1: "date_part('year', CAST(a AS DATE))"},
    "dexp": {1: "exp(CAST(a AS DOUBLE))"},
    "func_sha1": _SHA1,
    "getdate": {0: "_redshift.getdate()"},
    "initcap": {1: "_redshift.initcap(CAST(a AS VARCHAR))"},
    "interval_cmp": {2: "_redshift.cmp(CAST(a AS INTERVAL), CAST(b AS INTERVAL))"},
    "is_valid_json": {1: "_redshift.json_is(a, 'OBJECT')"},
    "is_valid_json_array": {1: "_redshift.json_is(a, 'ARRAY')"},
    "json_array_length": {1: "_redshift.json_length(a, false)", 2: "_redshift.json_length(a, b)"},
    "json_extract_array_element_text": {
        2: "_redshift.json_nth(a, b, false)",
        3: "_redshift.json_nth(a, b, c)",
    },
    "last_day": {1: "last_day(CAST(a AS TIMESTAMP))"},
    "left": {2: "left(CAST(a AS VARCHAR), b)"},
    "len": _LEN,
    "length": _LEN,
    "lower": {1: "lower(CAST(a AS VARCHAR))"},
    "ltrim": {1: "ltrim(CAST(a AS VARCHAR))", 2: "ltrim(CAST(a AS VARCHAR), b)"},
    "md5": {1: "md5(CAST(a AS VARCHAR))"},
    "lpad": {2: "lpad(CAST(a AS VARCHAR), b, ' ')", 3: "lpad(CAST(a AS VARCHAR), b, c)"},
    "months_between": {2: "_redshift.months_between(a, b)"},
    "next_day": {2: "_redshift.next_day(a, b)"},
    "nvl2": {3: "CASE WHEN a IS NOT NULL THEN b ELSE c END"},
    "octet_length": {1: "strlen(CAST(a AS VARCHAR))"},
    "repeat": _REPEAT,
    "replace": {3: "replace(CAST(a AS VARCHAR), b, c)"},
    "replicate": _REPEAT,
    "reverse": {1: "reverse(CAST(a AS VARCHAR))"},
    "right": {2: "right(CAST(a AS VARCHAR), b)"},
    "rtrim": {1: "rtrim(CAST(a AS VARCHAR))", 2: "rtrim(CAST(a AS VARCHAR), b)"},
    "sha": _SHA1,
    "sha1": _SHA1,
    "split_part": {3: "split_part(CAST(a AS VARCHAR), b, c)"},
    "strpos": {2: "strpos(CAST(a AS VARCHAR), b)"},
    "rpad": {2: "rpad(CAST(a AS VARCHAR), b, ' ')", 3: "rpad(CAST(a AS VARCHAR), b, c)"},
    "strtol": {2: "_redshift.strtol(a, b)"},
    "substr": _SUBSTR,
    "substring": _SUBSTR,
    "sysdate": {0: "_redshift.sysdate()"},
    "textlen": _LEN,
    "timestamp_cmp": _CMP,
    "timestamp_cmp_date": _CMP,
    "timestamp_cmp_timestamptz": _CMP,
    "timestamptz_cmp": _CMP,
    "timestamptz_cmp_date": _CMP,
    "timestamptz_cmp_timestamp": _CMP,
    "to_hex": {1: "lower(hex(a))"},
    "translate": {3: "translate(CAST(a AS VARCHAR), b, c)"},
    "upper": {1: "upper(CAST(a AS VARCHAR))"},
}


def _decode(call: exp.Anonymous) -> exp.Expr:
    value, *rest = call.expressions
    if len(rest) < 2:
        raise Refused("DECODE takes a value, and pairs of what to find and what to give", offset_of(call))
    case = exp.Case()
    for find, give in zip(rest[::2], rest[1::2], strict=False):
        # NULL finds NULL.
        case = case.when(fill("a IS NOT DISTINCT FROM b", value.copy(), find), give, copy=False)
    return case.else_(rest[-1], copy=False) if len(rest) % 2 else case


def _sha2(call: exp.Anonymous) -> exp.Expr:
    text, bits = call.expressions
    if bits.name not in ("0", "256"):
        raise Refused("SHA2 is had with 256 bits only", offset_of(call))
    return fill("sha256(a)", text)


def _json_extract_path_text(call: exp.Anonymous) -> exp.Expr:
    text, *steps = call.expressions
    lenient: exp.Expr = exp.false()
    if len(steps) > 1 and isinstance(steps[-1], exp.Boolean):
        lenient = steps.pop()
    path = fill("_redshift.json_step(a)", steps[0])
    for step in steps[1:]:
        path = fill("a || _redshift.json_step(b)", path, step)
    return fill("_redshift.json_at(a, b, c)", text, path, lenient)


_RULES: Final = {
    "convert_timezone": dates.convert_timezone,
    "date_add": dates.dateadd,
    "date_diff": dates.datediff,
    "date_part": dates.date_part,
    "date_trunc": dates.date_trunc,
    "dateadd": dates.dateadd,
    "datediff": dates.datediff,
    "decode": _decode,
    "json_extract_path_text": _json_extract_path_text,
    "regexp_count": patterns.regexp_count,
    "regexp_instr": patterns.regexp_instr,
    "regexp_replace": patterns.regexp_replace,
    "regexp_substr": patterns.regexp_substr,
    "sha2": _sha2,
    "timezone": dates.timezone,
    "to_char": dates.to_char,
    "to_date": dates.to_date,
    "to_timestamp": dates.to_timestamp,
    "trunc": dates.trunc,
}

KNOWN: Final = frozenset({*_SAME, *_TEMPLATES, *_RULES})
"""Names of the functions that are had."""


def translated(call: exp.Anonymous) -> exp.Expr:
    """What DuckDB is asked instead of *call*, whose name is one of `KNOWN`.

    Raises:
        Refused: it is not had with such arguments.
    """
    name = call.name.lower()
    if name in _RULES:
        try:
            return _RULES[name](call)
        except (IndexError, ValueError):
            raise Refused(f"{name.upper()} is not had with these arguments", offset_of(call)) from None
    if name in _TEMPLATES:
        args = call.expressions
        if len(args) not in _TEMPLATES[name]:
            raise Refused(f"{name.upper()} is not had with {len(args)} arguments", offset_of(call))
        return fill(_TEMPLATES[name][len(args)], *args)
    call.set("this", _SAME[name])
    return call
