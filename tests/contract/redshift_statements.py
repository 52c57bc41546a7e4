"""Statements as reports make them, in the part of SQL that Redshift and PostgreSQL share."""

from __future__ import annotations

from hypothesis import strategies as st

TABLES = """
create table lines (
  orderkey int, partkey int, quantity int, price decimal(10, 2), discount decimal(4, 2), flag varchar(1),
  shipdate date, receipt timestamp, remark varchar(44));
insert into lines values
  (1, 151, 18, 1200.45, 0.05, 'N', '2024-03-11', '2024-03-20 09:10:11', 'walnut frame, oiled'),
  (1, 62, 35, 880.10, 0.08, 'N', '2024-04-14', '2024-04-21 23:59:59', 'spruce board'),
  (1, 66, 7, 99.99, 0.10, 'R', '2024-01-30', '2024-01-31 00:00:00', 'returned, unused'),
  (2, 109, 39, 4100.00, 0.00, 'N', '2025-01-27', null, 'Queue of Urgent work'),
  (3, 5, 44, 5025.55, 0.06, 'R', '2022-02-03', '2022-02-24 12:30:00', null),
  (3, 18, 48, 760.07, 0.10, null, '2021-11-08', '2021-11-25 06:07:08', ' loose screws '),
  (3, 127, null, 3300.30, 0.06, 'A', '2022-01-17', '2022-01-24 00:00:01', 'tool_box'),
  (4, 87, -31, 3060.90, null, 'N', '2024-01-09', '2024-01-17 18:00:00', ''),
  (5, 106, 14, null, 0.02, 'R', '2022-10-30', '2022-11-19 09:00:00', 'r 100% Cotton'),
  (null, 122, 27, 512.25, 0.07, 'R', null, '2022-11-18 10:00:00', 'house paint');
create table orders (orderkey int, custkey int, total decimal(12, 2), orderdate date, priority varchar(15));
insert into orders values
  (1, 31, 160000.50, '2024-01-03', '5 later'), (2, 72, 45000.75, '2024-12-02', '1 at once'),
  (3, 125, 190000.00, '2021-10-15', '5 later'), (4, 136, null, '2023-10-12', null),
  (6, 57, 58000.25, '2020-02-22', '4 whenever'), (7, 41, 250000.00, '2024-01-11', '2 soon');
"""

_integers = st.sampled_from(["l.orderkey", "l.partkey", "l.quantity", "7", "(-3)"])
_decimals = st.sampled_from(["l.price", "l.discount", "1.50"])
_texts = st.sampled_from(["l.flag", "l.remark", "'N'", "'Queue'"])
_dates = st.sampled_from(["l.shipdate", "date '2024-01-30'", "cast(l.receipt as date)"])


def _whole(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(
            "({} {} {})".format, inner, st.sampled_from("+-*"), st.sampled_from(["l.quantity", "2", "11"])
        ),
        # What is divided by a whole number is cut, and keeps its sign.
        st.builds("({} / {})".format, inner, st.sampled_from(["2", "7", "(-4)"])),
        st.builds("({} % {})".format, inner, st.sampled_from(["5", "(-6)"])),
        st.builds("abs({})".format, inner),
        st.builds("coalesce({}, {})".format, inner, st.sampled_from(["0", "l.partkey"])),
        st.builds("nullif({}, {})".format, inner, st.sampled_from(["1", "l.orderkey"])),
        st.builds("greatest({}, {})".format, inner, inner),
        st.builds("case when {} > 10 then {} else 3 end".format, inner, inner),
    )


numbers = st.one_of(
    st.recursive(_integers, _whole, max_leaves=4),
    st.builds("({} {} {})".format, _decimals, st.sampled_from("+-*"), _decimals),
    st.builds("round({}, {})".format, _decimals, st.integers(0, 1)),
    st.builds("trunc({}, 1)".format, _decimals),
    st.builds("({} - {})".format, _dates, _dates),
    st.builds("len({})".format, _texts),
    st.builds("position('u' in {})".format, _texts),
    st.builds(
        "extract({} from {})".format,
        st.sampled_from(["month", "day", "dow", "doy", "quarter", "week"]),
        _dates,
    ),
)
texts = st.one_of(
    _texts,
    st.builds("{}({})".format, st.sampled_from(["upper", "lower", "trim", "rtrim", "reverse"]), _texts),
    st.builds("({} || {})".format, _texts, _texts),
    st.builds("substring({}, {}, {})".format, _texts, st.integers(-2, 4), st.integers(3, 5)),
    st.builds("{}({}, 3)".format, st.sampled_from(["left", "right"]), _texts),
    st.builds("replace({}, 's', 'zz')".format, _texts),
    st.builds("split_part({}, ' ', 2)".format, _texts),
    st.builds("translate({}, 'aeu', 'x')".format, _texts),
    st.builds("cast({} as varchar(4))".format, _texts),
    st.builds("lpad({}, 5, '*')".format, _texts),
    st.builds(
        "to_char({}, '{}')".format, _dates, st.sampled_from(["YYYY-MM-DD", "Dy, DD Mon YY", "Q IW DDD D"])
    ),
)
dates = st.one_of(
    _dates,
    st.builds("({} + {})".format, _dates, st.integers(-40, 40)),
    st.builds(
        "cast(date_trunc('{}', {}) as date)".format,
        st.sampled_from(["month", "week", "year", "quarter"]),
        _dates,
    ),
    st.builds(
        "cast({} + interval '{}' as date)".format, _dates, st.sampled_from(["1 month", "3 days", "1 year"])
    ),
)
values = st.one_of(numbers, texts, dates)
_conditions = st.one_of(
    st.builds("{} {} {}".format, numbers, st.sampled_from(["<", ">=", "<>"]), numbers),
    st.builds("{} {} {}".format, dates, st.sampled_from(["<", ">=", "="]), dates),
    st.builds("{} between {} and 40".format, numbers, st.integers(-30, 20)),
    st.builds("{} in ('N', 'A', 'Nn')".format, texts),
    st.builds(
        "{} {} '{}'".format,
        texts,
        st.sampled_from(["like", "not like", "ilike"]),
        st.sampled_from(["%u%", "N_%", "r%"]),
    ),
    st.builds("{} ~ '[aeiou]{{2}}|^N'".format, texts),
    st.builds("{} similar to '%(u|w)_*'".format, texts),
    st.builds("{} is {}null".format, values, st.sampled_from(["", "not "])),
    st.just("exists (select 1 from orders x where x.orderkey = l.orderkey and x.total > 100000)"),
    st.just("l.orderkey not in (select orderkey from orders where priority like '5%')"),
)
conditions = st.recursive(
    _conditions,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=3,
)
_aggregates = st.one_of(
    st.just("count(*)"),
    st.builds("count({})".format, values),
    st.builds("count(distinct {})".format, values),
    st.builds("sum({})".format, numbers),
    st.builds("{}({})".format, st.sampled_from(["min", "max"]), values),
    st.builds("percentile_cont(0.25) within group (order by {})".format, _integers),
    st.builds("stddev_pop({})".format, numbers),
)
_windows = st.one_of(
    st.builds(
        "{} over (partition by {} order by {} {}, l.partkey)".format,
        st.sampled_from(
            ["row_number()", "rank()", "lag(l.quantity)", "sum(l.price)", "count(l.flag)", "ntile(3)"]
        ),
        st.sampled_from(["l.flag", "l.orderkey"]),
        numbers,
        st.sampled_from(["", "desc"]),
    ),
    st.builds(
        "sum(l.quantity) over (order by l.shipdate {}, l.partkey rows between 2 preceding and current row)".format,
        st.sampled_from(["", "desc"]),
    ),
)
_joins = st.sampled_from(
    ["", " join orders o on o.orderkey = l.orderkey", " left join orders o using (orderkey)"]
)


@st.composite
def statements(draw: st.DrawFn) -> tuple[str, int]:
    """A statement, and by how many of its columns it is ordered, from the first one."""
    kind = draw(st.sampled_from(["plain", "grouped", "window", "set", "nested"]))
    where = f" where {draw(conditions)}" if draw(st.booleans()) else ""
    table = f"lines l{draw(_joins).replace('using (orderkey)', 'on o.orderkey = l.orderkey')}"
    direction = draw(st.sampled_from(["", " desc", " desc nulls last", " nulls first"]))
    match kind:
        case "grouped":
            keys = draw(st.lists(values, min_size=1, max_size=2))
            found = draw(st.lists(_aggregates, min_size=1, max_size=3))
            named = ", ".join([*(f"{key} as k{n}" for n, key in enumerate(keys)), *found])
            numbered = ", ".join(str(n + 1) for n in range(len(keys)))
            ordered = ", ".join(f"{n + 1}{direction}" for n in range(len(keys)))
            having = " having count(*) >= 1" if draw(st.booleans()) else ""
            return f"select {named} from {table}{where} group by {numbered}{having} order by {ordered}", len(
                keys
            )
        case "window":
            return f"select l.partkey, {draw(_windows)} from {table}{where} order by 1{direction}", 1
        case "set":
            kinds = draw(st.lists(st.sampled_from([numbers, dates]), min_size=1, max_size=2))
            sides = [", ".join(draw(one) for one in kinds) for _ in "ab"]
            word = draw(st.sampled_from(["union", "union all", "intersect", "except"]))
            return (
                f"select {sides[0]} from lines l {word} select {sides[1]} from lines l{where} order by 1{direction}",
                1,
            )
        case "nested":
            inner = f"select {draw(numbers)} as n, {draw(texts)} as s, {draw(dates)} as d from {table}{where}"
            return (
                f"with q as ({inner}) select n, max(s), count(d) from q group by n order by n{direction}",
                1,
            )
        case _:
            columns = draw(st.lists(values, min_size=1, max_size=3))
            distinct = draw(st.sampled_from(["", "distinct "]))
            return f"select {distinct}{', '.join(columns)} from {table}{where} order by 1{direction}", 1
