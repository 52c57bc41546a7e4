"""Aggregates and windows."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

from tests.unit.redshift_samples.sample import Sample

D = date
N = Decimal

AGGREGATES = [
    Sample(
        "r_AVG",
        "select avg(km), avg(price), avg(km::float) from trips, goods where item = 'axe'",
        [(22, N("2.71"), 244 / 11)],
        "avg avg avg",
    ),
    Sample(
        "r_FROM_clause-pivot-unpivot-examples",
        "select item, avg(price) from goods group by item order by 1",
        [("axe", N("2.71")), ("rake", N("11.53")), ("saw", N("10.33"))],
        "item avg",
    ),
    Sample(
        "r_FROM_clause-pivot-unpivot-examples",
        "select * from (select grade, maker from goods) pivot (count(*) as count for grade in (1 as high, 2 as low, null as na)) order by 1",
        [("north", 1, 1, 1), ("south", 1, 1, 1), ("west", 1, 0, 2)],
        "maker high_count low_count na_count",
    ),
    Sample(
        "r_COUNT",
        "select count(*), count(paid), count(distinct driver), approximate count(distinct driver), count(all km) from trips",
        [(11, 5, 4, 4, 11)],
        "count count count count count",
    ),
    Sample(
        "r_SUM",
        "select sum(km), sum(price), max(km), min(km) from trips, goods where item = 'saw' and price = 8",
        [(244, N("88.00"), 45, 12)],
        "sum sum max min",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(driver, ', ') within group (order by driver), listagg(distinct driver, ', ') within group (order by driver), listagg(driver) within group (order by day, trip) from trips",
        [("1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4", "1, 2, 3, 4", "31141242333")],
        "listagg listagg listagg",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(day, '|') within group (order by driver desc, trip asc) from trips where rider = 'b'",
        [("2021-03-05|2022-05-01|2022-05-01|2022-02-08",)],
    ),
    Sample(
        "r_LISTAGG",
        "select rider, listagg(trip, ',') within group (order by trip) as trips_of from trips group by rider order by rider",
        [("a", "105,401,405"), ("b", "201,301,303,304"), ("c", "101,106,202,307")],
        "rider trips_of",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(nullif(rider, 'b')) within group (order by trip), listagg(case rider when 'b' then '' else 'x' end, ',') from trips where km = 24",
        [("c", "x")],
    ),
    Sample(
        "r_MEDIAN",
        "select driver, median(km), percentile_cont(0.5) within group (order by km) from trips group by 1 order by 1",
        [(1, 12.0, 12.0), (2, 24.0, 24.0), (3, 20.5, 20.5), (4, 28.5, 28.5)],
        "driver median percentile_cont",
    ),
    Sample(
        "r_APPROXIMATE_PERCENTILE_DISC",
        "select approximate percentile_disc(0.5) within group (order by km), percentile_cont(0.25) within group (order by km desc) from trips",
        [(24, 27.5)],
        "percentile_disc percentile_cont",
    ),
    Sample(
        "r_STDDEV_functions",
        "select stddev(km) = stddev_samp(km), stddev_pop(km)::decimal(9, 4), variance(km) = var_samp(km), var_pop(km)::decimal(9, 4) from trips where driver = 1",
        [(True, N("8.9567"), True, N("80.2222"))],
    ),
    Sample(
        "r_BIT_AND",
        "select bit_and(km), bit_or(km), bool_and(km > 5), bool_or(driver - 1), any_value(rider) from trips where driver = 3 and km in (12, 31) and rider = 'b'",
        [(12, 12, True, True, "b")],
    ),
    Sample(
        "r_GROUP_BY_aggregation-extensions",
        "select item, grouping(item), count(*) from goods group by rollup (item) order by 1 nulls first",
        [(None, 1, 9), ("axe", 0, 3), ("rake", 0, 3), ("saw", 0, 3)],
    ),
]

WINDOWS = [
    Sample(
        "r_Window_function_synopsis",
        "select distinct avg(km) over (partition by date_trunc('year', day)), rank() over"
        " (order by datediff(day, day, '2022-12-31') / 366) from trips order by 1",
        [(18, 9), (23, 1)],
    ),
    Sample(
        "r_WF_AVG",
        "select trip, avg(km) over (order by day, trip rows unbounded preceding) from trips order by day, trip",
        [
            (301, 12),
            (101, 12),
            (105, 18),
            (401, 25),
            (106, 22),
            (201, 22),
            (405, 21),
            (202, 21),
            (303, 21),
            (304, 21),
            (307, 22),
        ],
        "trip avg",
    ),
    Sample(
        "r_WF_SUM",
        "select trip, sum(km) over (partition by driver order by day, trip rows unbounded preceding) as sum from trips where driver = 3 order by 1",
        [(301, 12), (303, 29), (304, 53), (307, 84)],
    ),
    Sample(
        "r_WF_RANK",
        "select trip, km, rank() over (order by km desc), dense_rank() over (order by km desc) from trips where driver < 3 order by 2, 1",
        [(101, 12, 4, 3), (106, 12, 4, 3), (201, 24, 2, 2), (202, 24, 2, 2), (105, 31, 1, 1)],
        "trip km rank dense_rank",
    ),
    Sample(
        "r_WF_RANK",
        "select trip, rank() over (order by paid desc), rank() over (order by paid) from trips where driver = 3 order by 1",
        [(301, 4, 1), (303, 1, 2), (304, 1, 2), (307, 1, 2)],
    ),
    Sample(
        "r_WF_LAG",
        "select trip, lag(km, 1) over (order by trip), lead(km, 1) over (order by trip) from trips where driver = 1 order by 1",
        [(101, None, 31), (105, 12, 12), (106, 31, None)],
        "trip lag lead",
    ),
    Sample(
        "r_WF_LAG",
        "select trip, lag(paid) ignore nulls over (order by trip), first_value(paid ignore nulls) over (order by trip desc rows between unbounded preceding and unbounded following), last_value(km) over (order by trip rows between unbounded preceding and unbounded following) from trips where driver = 3 order by 1",
        [(301, None, 12, 31), (303, 12, 12, 31), (304, 12, 12, 31), (307, 12, 12, 31)],
    ),
    Sample(
        "r_WF_LISTAGG",
        "select listagg(driver) within group (order by day) over () as seller from trips where rider = 'b' limit 1",
        [("3233",)],
    ),
    Sample(
        "r_WF_LISTAGG",
        "select rider, listagg(trip, ',') within group (order by trip) over (partition by rider) from trips where km = 45",
        [("a", "401")],
    ),
    Sample(
        "r_WF_MEDIAN",
        "select driver, km, median(km) over (partition by driver) from trips where driver in (3, 4) order by 1, 2",
        [(3, 12, 20.5), (3, 17, 20.5), (3, 24, 20.5), (3, 31, 20.5), (4, 12, 28.5), (4, 45, 28.5)],
    ),
    Sample(
        "r_WF_PERCENTILE_CONT",
        "select km, percentile_cont(0.5) within group (order by km) over () as median, percentile_disc(0.5) within group (order by km) over () from trips where driver = 3 order by 1",
        [(12, 20.5, 17), (17, 20.5, 17), (24, 20.5, 17), (31, 20.5, 17)],
        "km median percentile_disc",
    ),
    Sample(
        "r_WF_CUME_DIST",
        "select km, cume_dist() over (order by km), percent_rank() over (order by km), ntile(2) over (order by km), row_number() over (order by km), nth_value(km, 2) over (order by km rows between unbounded preceding and unbounded following) from trips where driver = 3 order by 1",
        [
            (12, 0.25, 0.0, 1, 1, 17),
            (17, 0.5, 1 / 3, 1, 2, 17),
            (24, 0.75, 2 / 3, 2, 3, 17),
            (31, 1.0, 1.0, 2, 4, 17),
        ],
    ),
    Sample(
        "r_WF_RATIO_TO_REPORT",
        "select km, ratio_to_report(km) over (partition by driver) from trips where driver = 4 order by 1",
        [(12, 12 / 57), (45, 45 / 57)],
        "km ratio_to_report",
    ),
    Sample(
        "r_QUALIFY_clause",
        "select * from till t where hour > time '12:00:00' qualify row_number() over (partition by day order by price desc) <= 2 order by 3",
        [
            (D(2024, 5, 1), time(17), "cake", 1010.0),
            (D(2024, 5, 1), time(18), "figs", 33.0),
            (D(2024, 5, 2), time(16), "gum", 6.0),
        ],
    ),
    Sample(
        "r_QUALIFY_clause",
        "select what from till t qualify last_value(what) over (partition by day order by hour asc rows between unbounded preceding and unbounded following) = what order by 1",
        [("figs",), ("gum",)],
    ),
]
