"""Clauses."""

from __future__ import annotations

from tests.unit.redshift_samples.sample import Sample


CLAUSES = [
    Sample("r_ORDER_BY_clause", "select distinct paid from trips order by 1", [(12,), (24,), (None,)]),
    Sample(
        "r_ORDER_BY_clause",
        "select distinct paid from trips order by paid desc",
        [(None,), (24,), (12,)],
    ),
    Sample(
        "r_ORDER_BY_clause",
        "select distinct paid from trips order by 1 desc nulls last limit 2 offset 1",
        [(12,), (None,)],
    ),
    Sample(
        "r_SELECT_list",
        "select top 2 km, driver from trips order by km desc, driver",
        [(45, 4), (31, 1)],
    ),
    Sample(
        "r_SELECT_list",
        "select km / 5 as fifth, fifth * 2 as twice from trips where trip = 101",
        [(2, 4)],
        "fifth twice",
    ),
    Sample(
        "r_SELECT_list",
        "select * exclude (day, rider, paid) from trips where trip = 101",
        [(101, 1, 12)],
        "trip driver km",
    ),
    Sample(
        "r_names",
        'select Trip, "KM", km as "Mixed Case", Km AS Other from TRIPS where "TRIP" = 101',
        [(101, 12, 12, 12)],
        "trip|km|mixed case|other",
    ),
    Sample(
        "r_WHERE_oracle_outer",
        "select s.id, g.item from shop s, goods g where s.id = g.grade(+) and g.item(+) = 'saw' order by 1",
        [(1, "saw"), (2, "saw"), (100, None), (700, None)],
    ),
    Sample(
        "r_UNION",
        "select driver from trips where km > 31 union select 9 union all select 9 order by 1",
        [(4,), (9,), (9,)],
        "driver",
    ),
    Sample("r_UNION", "select driver from trips intersect select 2 minus select 3", [(2,)]),
    Sample(
        "r_WITH_clause",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3), m as (select max(i) from n) select i, max from n, m order by 1",
        [(1, 3), (2, 3), (3, 3)],
        "i max",
    ),
    Sample(
        "r_FROM_clause30",
        "select a.trip, count from trips a join (select driver, count(*) from trips group by 1) b using (driver) where a.km = 45",
        [(401, 2)],
        "trip count",
    ),
    Sample(
        "r_exists_condition",
        "select id from shop s where exists (select 1 from trips t where t.driver = s.stall) and stall = any (select driver from trips) and (stall, id) in ((4, 2), (1, 1)) order by 1",
        [(1,), (2,)],
    ),
    Sample(
        "r_HAVING_clause",
        "select driver, sum(km) from trips group by driver having sum(km) > 60 order by 2",
        [(3, 84)],
        "driver sum",
    ),
    Sample("r_LIMIT_clause", "select 1 as a limit all", [(1,)]),
]
