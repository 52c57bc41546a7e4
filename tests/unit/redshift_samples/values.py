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
    one("r_CEILING_FLOOR", "ceiling(28.05), ceil(28.05), floor(28.05), floor(-1.5)", 29, 29, 28, -2),
    one("r_ROUND", "round(28.05), round(28.05, 1), round(28.05, -1)", 28, N("28.1"), 30),
    one(
        "r_TRUNC", "trunc(111.15), trunc(111.15, 1), trunc(111.15, -1), trunc(-1.9)", 111, N("111.1"), 110, -1
    ),
    Sample(
        "r_TRUNC",
        "select trunc(commission), trunc(sum(commission)) from sales where salesid = 784 group by 1",
        [(111, 111)],
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
        "nvl(null, 12, 5), coalesce(null, 'Amazon Redshift')",
        12,
        "Amazon Redshift",
        names="coalesce coalesce",
    ),
    one("r_NVL2", "nvl2(null, 'a', 'b'), nvl2(1, 'a', 'b')", "b", "a"),
    Sample(
        "r_DECODE_expression",
        "select decode(qty_shipped, 10, 'ten', null, 'none', 'more') from winsales where sellerid = 2 or salesid in (10001, 10005) order by salesid",
        [("ten",), ("none",), ("more",), ("more",)],
        "case",
    ),
    one("r_NULLIF_function", "nullif('', ''), nullif(4, 2)", None, 4),
    Sample(
        "r_NULLIF_function",
        "select nullif(listid, salesid) from sales where salesid < 3 order by 1",
        [(4,), (None,)],
        "listid",
    ),
    Sample(
        "r_CASE_function",
        "select case sellerid when 1 then 'one' else 'other' end, case when qty < 15 then 'few' end from winsales where salesid in (10001, 20001) order by salesid",
        [("one", "few"), ("other", None)],
        "case case",
    ),
    one(
        "r_GREATEST_LEAST",
        "greatest('Lars', 'Ratliff'), greatest(1, null, 3), least(1, null)",
        "Ratliff",
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
        "select count(*) from sales where pricepaid is null and not saletime is not null",
        [(1,)],
    ),
    Sample(
        "r_range_condition",
        "select salesid from sales where saletime between '2008-01-01' and '2008-06-06' order by 1",
        [(1,)],
    ),
]

TYPES = [
    one(
        "r_CAST_function",
        "cast(162.00 as integer), cast(2008 as char(4)), cast(109.652 as decimal(4, 1)), cast('2008-02-18 02:36:48' as date), convert(integer, 162.4)",
        162,
        "2008",
        N("109.7"),
        D(2008, 2, 18),
        162,
        names="int4 bpchar numeric date int4",
    ),
    Sample(
        "r_CAST_function",
        "select pricepaid::integer, cast(commission as varchar(3)), max(pricepaid)::int from sales where salesid = 100 group by 1, 2",
        [(162, "28.", 162)],
        "pricepaid commission max",
    ),
    one(
        "r_SUBSTRING",
        "cast('Fourscore and seven' as varchar(5)), 'abc'::char, 'abc'::varchar, 'a'::varchar(max)",
        "Fours",
        "a",
        "abc",
        "a",
    ),
    one("r_Numeric_types201", "5.7::numeric, 5.7::decimal(4), 5.75::numeric(4, 1)", 6, 6, N("5.8")),
    one(
        "r_Datetime_types",
        "'2008-06-01'::timestamp, '2008-06-01 10:00:00+02'::timestamptz = '2008-06-01 08:00:00+00'",
        T(2008, 6, 1),
        True,
    ),
]
