"""Clauses."""

from __future__ import annotations

from tests.unit.redshift_samples.sample import Sample


CLAUSES = [
    Sample(
        "r_ORDER_BY_clause", "select distinct qty_shipped from winsales order by 1", [(10,), (20,), (None,)]
    ),
    Sample(
        "r_ORDER_BY_clause",
        "select distinct qty_shipped from winsales order by qty_shipped desc",
        [(None,), (20,), (10,)],
    ),
    Sample(
        "r_ORDER_BY_clause",
        "select distinct qty_shipped from winsales order by 1 desc nulls last limit 2 offset 1",
        [(10,), (None,)],
    ),
    Sample(
        "r_SELECT_list",
        "select top 2 qty, sellerid from winsales order by qty desc, sellerid",
        [(40, 4), (30, 1)],
    ),
    Sample(
        "r_SELECT_list",
        "select qty / 4 as quarter, quarter * 2 as half from winsales where salesid = 10001",
        [(2, 4)],
        "quarter half",
    ),
    Sample(
        "r_SELECT_list",
        "select * exclude (dateid, buyerid, qty_shipped) from winsales where salesid = 10001",
        [(10001, 1, 10)],
        "salesid sellerid qty",
    ),
    Sample(
        "r_names",
        'select SalesId, "QTY", qty as "Mixed Case", Qty AS Other from WINSALES where "SALESID" = 10001',
        [(10001, 10, 10, 10)],
        "salesid|qty|mixed case|other",
    ),
    Sample(
        "r_WHERE_oracle_outer",
        "select s.salesid, p.partname from sales s, part p where s.salesid = p.quality(+) and p.partname(+) = 'prop' order by 1",
        [(1, "prop"), (2, "prop"), (100, None), (784, None)],
    ),
    Sample(
        "r_UNION",
        "select sellerid from winsales where qty > 30 union select 9 union all select 9 order by 1",
        [(4,), (9,), (9,)],
        "sellerid",
    ),
    Sample("r_UNION", "select sellerid from winsales intersect select 2 minus select 3", [(2,)]),
    Sample(
        "r_WITH_clause",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3), m as (select max(i) from n) select i, max from n, m order by 1",
        [(1, 3), (2, 3), (3, 3)],
        "i max",
    ),
    Sample(
        "r_FROM_clause30",
        "select a.salesid, count from winsales a join (select sellerid, count(*) from winsales group by 1) b using (sellerid) where a.qty = 40",
        [(40001, 2)],
        "salesid count",
    ),
    Sample(
        "r_exists_condition",
        "select salesid from sales s where exists (select 1 from winsales w where w.sellerid = s.listid) and listid = any (select sellerid from winsales) and (listid, salesid) in ((4, 2), (1, 1)) order by 1",
        [(1,), (2,)],
    ),
    Sample(
        "r_HAVING_clause",
        "select sellerid, sum(qty) from winsales group by sellerid having sum(qty) > 50 order by 2",
        [(3, 75)],
        "sellerid sum",
    ),
    Sample("r_LIMIT_clause", "select 1 as a limit all", [(1,)]),
]
