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
        "select avg(qty), avg(price), avg(qty::float) from winsales, part where partname = 'rudder'",
        [(19, N("2.71"), 215 / 11)],
        "avg avg avg",
    ),
    Sample(
        "r_FROM_clause-pivot-unpivot-examples",
        "select partname, avg(price) from part group by partname order by 1",
        [("prop", N("10.33")), ("rudder", N("2.71")), ("wing", N("11.50"))],
        "partname avg",
    ),
    Sample(
        "r_FROM_clause-pivot-unpivot-examples",
        "select * from (select quality, manufacturer from part) pivot (count(*) as count for quality in (1 as high, 2 as low, null as na)) order by 1",
        [("big parts co", 1, 1, 1), ("local parts co", 1, 1, 1), ("small parts co", 1, 0, 2)],
        "manufacturer high_count low_count na_count",
    ),
    Sample(
        "r_COUNT",
        "select count(*), count(qty_shipped), count(distinct sellerid), approximate count(distinct sellerid), count(all qty) from winsales",
        [(11, 5, 4, 4, 11)],
        "count count count count count",
    ),
    Sample(
        "r_SUM",
        "select sum(qty), sum(price), max(qty), min(qty) from winsales, part where partname = 'prop' and price = 9",
        [(215, N("99.00"), 40, 10)],
        "sum sum max min",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(sellerid, ', ') within group (order by sellerid), listagg(distinct sellerid, ', ') within group (order by sellerid), listagg(sellerid) within group (order by dateid, salesid) from winsales",
        [("1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4", "1, 2, 3, 4", "31141242333")],
        "listagg listagg listagg",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(dateid, '|') within group (order by sellerid desc, salesid asc) from winsales where buyerid = 'b'",
        [("2003-08-02|2004-04-18|2004-04-18|2004-02-12",)],
    ),
    Sample(
        "r_LISTAGG",
        "select buyerid, listagg(salesid, ',') within group (order by salesid) as sales_id from winsales group by buyerid order by buyerid",
        [("a", "10005,40001,40005"), ("b", "20001,30001,30003,30004"), ("c", "10001,10006,20002,30007")],
        "buyerid sales_id",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(nullif(buyerid, 'b')) within group (order by salesid), listagg(case buyerid when 'b' then '' else 'x' end, ',') from winsales where qty = 20",
        [("c", "x")],
    ),
    Sample(
        "r_MEDIAN",
        "select sellerid, median(qty), percentile_cont(0.5) within group (order by qty) from winsales group by 1 order by 1",
        [(1, 10.0, 10.0), (2, 20.0, 20.0), (3, 17.5, 17.5), (4, 25.0, 25.0)],
        "sellerid median percentile_cont",
    ),
    Sample(
        "r_APPROXIMATE_PERCENTILE_DISC",
        "select approximate percentile_disc(0.5) within group (order by qty), percentile_cont(0.25) within group (order by qty desc) from winsales",
        [(20, 25.0)],
        "percentile_disc percentile_cont",
    ),
    Sample(
        "r_STDDEV_functions",
        "select stddev(qty) = stddev_samp(qty), stddev_pop(qty)::decimal(9, 4), variance(qty) = var_samp(qty), var_pop(qty)::decimal(9, 4) from winsales where sellerid = 1",
        [(True, N("9.4281"), True, N("88.8889"))],
    ),
    Sample(
        "r_BIT_AND",
        "select bit_and(qty), bit_or(qty), bool_and(qty > 5), bool_or(sellerid - 1), any_value(buyerid) from winsales where sellerid = 3 and qty in (10, 30) and buyerid = 'b'",
        [(10, 10, True, True, "b")],
    ),
    Sample(
        "r_GROUP_BY_aggregation-extensions",
        "select partname, grouping(partname), count(*) from part group by rollup (partname) order by 1 nulls first",
        [(None, 1, 9), ("prop", 0, 3), ("rudder", 0, 3), ("wing", 0, 3)],
    ),
]

WINDOWS = [
    Sample(
        "r_Window_function_synopsis",
        "select distinct avg(qty) over (partition by date_trunc('year', dateid)), rank() over"
        " (order by datediff(day, dateid, '2004-12-31') / 366) from winsales order by 1",
        [(16, 9), (20, 1)],
    ),
    Sample(
        "r_WF_AVG",
        "select salesid, avg(qty) over (order by dateid, salesid rows unbounded preceding) from winsales order by dateid, salesid",
        [
            (30001, 10),
            (10001, 10),
            (10005, 16),
            (40001, 22),
            (10006, 20),
            (20001, 20),
            (40005, 18),
            (20002, 18),
            (30003, 18),
            (30004, 18),
            (30007, 19),
        ],
        "salesid avg",
    ),
    Sample(
        "r_WF_SUM",
        "select salesid, sum(qty) over (partition by sellerid order by dateid, salesid rows unbounded preceding) as sum from winsales where sellerid = 3 order by 1",
        [(30001, 10), (30003, 25), (30004, 45), (30007, 75)],
    ),
    Sample(
        "r_WF_RANK",
        "select salesid, qty, rank() over (order by qty desc), dense_rank() over (order by qty desc) from winsales where sellerid < 3 order by 2, 1",
        [(10001, 10, 4, 3), (10006, 10, 4, 3), (20001, 20, 2, 2), (20002, 20, 2, 2), (10005, 30, 1, 1)],
        "salesid qty rank dense_rank",
    ),
    Sample(
        "r_WF_RANK",
        "select salesid, rank() over (order by qty_shipped desc), rank() over (order by qty_shipped) from winsales where sellerid = 3 order by 1",
        [(30001, 4, 1), (30003, 1, 2), (30004, 1, 2), (30007, 1, 2)],
    ),
    Sample(
        "r_WF_LAG",
        "select salesid, lag(qty, 1) over (order by salesid), lead(qty, 1) over (order by salesid) from winsales where sellerid = 1 order by 1",
        [(10001, None, 30), (10005, 10, 10), (10006, 30, None)],
        "salesid lag lead",
    ),
    Sample(
        "r_WF_LAG",
        "select salesid, lag(qty_shipped) ignore nulls over (order by salesid), first_value(qty_shipped ignore nulls) over (order by salesid desc rows between unbounded preceding and unbounded following), last_value(qty) over (order by salesid rows between unbounded preceding and unbounded following) from winsales where sellerid = 3 order by 1",
        [(30001, None, 10, 30), (30003, 10, 10, 30), (30004, 10, 10, 30), (30007, 10, 10, 30)],
    ),
    Sample(
        "r_WF_LISTAGG",
        "select listagg(sellerid) within group (order by dateid) over () as seller from winsales where buyerid = 'b' limit 1",
        [("3233",)],
    ),
    Sample(
        "r_WF_LISTAGG",
        "select buyerid, listagg(salesid, ',') within group (order by salesid) over (partition by buyerid) from winsales where qty = 40",
        [("a", "40001")],
    ),
    Sample(
        "r_WF_MEDIAN",
        "select sellerid, qty, median(qty) over (partition by sellerid) from winsales where sellerid in (3, 4) order by 1, 2",
        [(3, 10, 17.5), (3, 15, 17.5), (3, 20, 17.5), (3, 30, 17.5), (4, 10, 25.0), (4, 40, 25.0)],
    ),
    Sample(
        "r_WF_PERCENTILE_CONT",
        "select qty, percentile_cont(0.5) within group (order by qty) over () as median, percentile_disc(0.5) within group (order by qty) over () from winsales where sellerid = 3 order by 1",
        [(10, 17.5, 15), (15, 17.5, 15), (20, 17.5, 15), (30, 17.5, 15)],
        "qty median percentile_disc",
    ),
    Sample(
        "r_WF_CUME_DIST",
        "select qty, cume_dist() over (order by qty), percent_rank() over (order by qty), ntile(2) over (order by qty), row_number() over (order by qty), nth_value(qty, 2) over (order by qty rows between unbounded preceding and unbounded following) from winsales where sellerid = 3 order by 1",
        [
            (10, 0.25, 0.0, 1, 1, 15),
            (15, 0.5, 1 / 3, 1, 2, 15),
            (20, 0.75, 2 / 3, 2, 3, 15),
            (30, 1.0, 1.0, 2, 4, 15),
        ],
    ),
    Sample(
        "r_WF_RATIO_TO_REPORT",
        "select qty, ratio_to_report(qty) over (partition by sellerid) from winsales where sellerid = 4 order by 1",
        [(10, 0.2), (40, 0.8)],
        "qty ratio_to_report",
    ),
    Sample(
        "r_QUALIFY_clause",
        "select * from store_sales ss where ss_sold_time > time '12:00:00' qualify row_number() over (partition by ss_sold_date order by ss_sales_price desc) <= 2 order by 3",
        [
            (D(2022, 1, 1), time(17), "Product 4", 1000.0),
            (D(2022, 1, 1), time(18), "Product 5", 30.0),
            (D(2022, 1, 2), time(16), "Product 7", 5.0),
        ],
    ),
    Sample(
        "r_QUALIFY_clause",
        "select ss_item from store_sales ss qualify last_value(ss_item) over (partition by ss_sold_date order by ss_sold_time asc rows between unbounded preceding and unbounded following) = ss_item order by 1",
        [("Product 5",), ("Product 7",)],
    ),
]
