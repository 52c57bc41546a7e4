"""Numbers, conditions, types."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from tests.unit.redshift_samples.sample import Sample, one

D = date
N = Decimal
T = datetime

NUMBERS = [
    one("r_OPERATOR_SYMBOLS", "5 / 2, -5 / 2, 5.0 / 2, 7::float / 2, 11 % 4, 2 ^ 3", 2, -2, 2.5, 3.5, 3, 8.0),
    one("r_numeric_computations201", "1::smallint / 2::smallint, 7::bigint / 2, 1.1 * 1.1", 0, 3, N("1.21")),
    one("r_CEILING_FLOOR", "ceiling(47.35), ceil(47.35), floor(47.35), floor(-1.5)", 48, 48, 47, -2),
    one("r_ROUND", "round(47.35), round(47.35, 1), round(47.35, -1)", 47, N("47.4"), 50),
    one(
        "r_TRUNC", "trunc(257.38), trunc(257.38, 1), trunc(257.38, -1), trunc(-1.9)", 257, N("257.3"), 250, -1
    ),
    Sample(
        "r_TRUNC",
        "select trunc(fee), trunc(sum(fee)) from shop where id = 700 group by 1",
        [(113, 113)],
    ),
    one("r_MOD", "mod(10, 4), mod(10.5, 4), mod(-7, 3)", 2, N("2.5"), -1),
    one(
        "r_LOG",
        "log(100), dlog10(100), ln(1), dlog1(1), exp(0), dexp(0)",
        2.0,
        2.0,
        0.0,
        0.0,
        1.0,
        1.0,
        names="dlog10 dlog10 ln dlog1 exp dexp",
    ),
    one(
        "Math_functions",
        "abs(-38), sign(-2.5), sqrt(16), round(cbrt(27)), power(2, 10), pow(2, 3), degrees(pi()), radians(180) = pi(), round(cot(1), 6)",
        38,
        -1,
        4.0,
        3.0,
        1024.0,
        8.0,
        180.0,
        True,
        0.642093,
    ),
    one(
        "Math_functions",
        "acos(1), asin(0), atan(0), atan2(0, 1), cos(0), sin(0), tan(0), random() < 1",
        0.0,
        0.0,
        0.0,
        0.0,
        1.0,
        0.0,
        0.0,
        True,
    ),
]

CONDITIONS = [
    one(
        "r_NVL_function",
        "nvl(null, 12, 5), coalesce(null, 'walnut')",
        12,
        "walnut",
        names="coalesce coalesce",
    ),
    one("r_NVL2", "nvl2(null, 'a', 'b'), nvl2(1, 'a', 'b')", "b", "a"),
    Sample(
        "r_DECODE_expression",
        "select decode(paid, 12, 'dozen', null, 'none', 'more') from trips where driver = 2 or trip in (101, 105) order by trip",
        [("dozen",), ("none",), ("more",), ("more",)],
        "case",
    ),
    one("r_NULLIF_function", "nullif('', ''), nullif(4, 2)", None, 4),
    Sample(
        "r_NULLIF_function",
        "select nullif(stall, id) from shop where id < 3 order by 1",
        [(4,), (None,)],
        "stall",
    ),
    Sample(
        "r_CASE_function",
        "select case driver when 1 then 'one' else 'other' end, case when km < 15 then 'few' end from trips where trip in (101, 201) order by trip",
        [("one", "few"), ("other", None)],
        "case case",
    ),
    one(
        "r_GREATEST_LEAST",
        "greatest('bolt', 'nut'), greatest(1, null, 3), least(1, null)",
        "nut",
        3,
        1,
    ),
    one(
        "r_Boolean_type",
        "'t'::bool, 'yes'::bool, '0'::bool, 1::bool, not 'f'::bool",
        True,
        True,
        False,
        True,
        True,
        names="bool bool bool bool ?column?",
    ),
    Sample(
        "r_null_condition",
        "select count(*) from shop where paid is null and not sold is not null",
        [(1,)],
    ),
    Sample(
        "r_range_condition",
        "select id from shop where sold between '2019-01-01' and '2019-06-09' order by 1",
        [(1,)],
    ),
]

TYPES = [
    one(
        "r_CAST_function",
        "cast(73.00 as integer), cast(2024 as char(4)), cast(208.753 as decimal(4, 1)), cast('2024-03-04 05:06:07' as date), convert(integer, 73.4)",
        73,
        "2024",
        N("208.8"),
        D(2024, 3, 4),
        73,
        names="int4 bpchar numeric date int4",
    ),
    Sample(
        "r_CAST_function",
        "select paid::integer, cast(fee as varchar(3)), max(paid)::int from shop where id = 100 group by 1, 2",
        [(154, "27.", 154)],
        "paid fee max",
    ),
    one(
        "r_SUBSTRING",
        "cast('walnut cake' as varchar(4)), 'abc'::char, 'abc'::varchar, 'a'::varchar(max)",
        "waln",
        "a",
        "abc",
        "a",
    ),
    one("r_Numeric_types201", "5.7::numeric, 5.7::decimal(4), 5.75::numeric(4, 1)", 6, 6, N("5.8")),
    one(
        "r_Datetime_types",
        "'2024-06-01'::timestamp, '2024-06-01 10:00:00+02'::timestamptz = '2024-06-01 08:00:00+00'",
        T(2024, 6, 1),
        True,
    ),
]
