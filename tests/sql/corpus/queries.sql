--- allowed; duckdb redshift sqlite; no table at all
select 1

--- allowed; duckdb redshift sqlite; arithmetic
select (a + b) * 2 - a % 3 / nullif(b, 0) from t

--- allowed; duckdb redshift sqlite; distinct rows
select distinct a, b from t where not (a = b)

--- allowed; duckdb redshift sqlite; inner and left joins
select t.a, u.x from t join u on t.a = u.a left join u as v on v.b = u.b and v.x <> ''

--- allowed; duckdb redshift sqlite; a cross join by a comma
select t.a from t, u where t.a = u.a and t.b < u.b

--- allowed; duckdb redshift; right and full joins
select coalesce(t.a, u.a) from t right join u using (a) full outer join u w on w.b = t.b

--- allowed; duckdb redshift sqlite; a natural and a cross join
select * from t natural join u cross join (select 1 as one) as ones

--- allowed; duckdb redshift sqlite; a correlated subquery
select a, (select max(u.b) from u where u.a = t.a) as top from t

--- allowed; duckdb redshift sqlite; EXISTS and NOT EXISTS
select a from t where exists (select 1 from u where u.a = t.a) and not exists (select 1 from u where u.b = t.b)

--- allowed; duckdb redshift sqlite; IN with a subquery
select a from t where a not in (select a from u where x like 'z%')

--- allowed; duckdb redshift; ANY and ALL
select a from t where a > any (select b from u) and b <= all (select a from u)

--- allowed; duckdb redshift; a row compared with rows
select c from t where (a, b) in (select a, b from u)

--- allowed; duckdb redshift sqlite; a derived table
select region, total from (select c as region, sum(b) as total from t group by c) as sums where total > 10

--- allowed; duckdb redshift sqlite; UNION of three
select a from t union select b from t union all select a from u

--- allowed; duckdb redshift sqlite; EXCEPT and INTERSECT
select a from t except select b from u intersect select a from u

--- allowed; redshift; MINUS is Redshift's EXCEPT
select a, b from t minus select a, b from u

--- allowed; duckdb redshift; arms in parentheses, with limits of their own
(select a from t order by a limit 3) union all (select b from u order by b desc limit 2) order by 1

--- allowed; duckdb redshift; a statement in parentheses
((select a from t where b = 1))

--- allowed; duckdb redshift sqlite; two CTEs, one on the other
with sums as (select a, sum(b) as total from t group by a), tops as (select a from sums where total > 5) select * from tops

--- allowed; duckdb redshift sqlite; a recursive CTE
with recursive n (i) as (select 1 union all select i + 1 from n where i < 9) select i from n

--- allowed; duckdb redshift; a CTE inside a subquery
select * from (with inside as (select a from t) select a from inside) as q

--- allowed; duckdb redshift; a CTE around a set operation in parentheses
with one as (select 1 as i), two as (select 2 as i) (select i from one) union (select i from two)

--- allowed; duckdb; materialized or not
with m as materialized (select a from t), n as not materialized (select a from m) select a from n

--- allowed; duckdb redshift sqlite; grouping by expressions and positions
select a % 2, count(*) from t group by 1, a % 2 order by 2 desc nulls last

--- allowed; duckdb redshift; grouping sets
select a, b, sum(e), grouping(a) from t group by grouping sets ((a, b), (a), ())

--- allowed; duckdb redshift; rollup and cube
select a, b, count(*) from t group by rollup (a, b) union all select a, b, count(*) from t group by cube (a, b)

--- allowed; duckdb redshift sqlite; ranks
select a, row_number() over (partition by b order by a desc), rank() over (order by e) from t

--- allowed; duckdb redshift sqlite; a window's frame
select sum(e) over (partition by b order by d rows between 2 preceding and current row) as moving from t

--- allowed; duckdb sqlite; a named window
select first_value(a) over w, last_value(a) over w from t window w as (partition by b order by d)

--- allowed; duckdb sqlite; a filtered aggregate
select count(*) filter (where b > 1), sum(a) filter (where c is not null) as s from t

--- allowed; duckdb redshift; QUALIFY
select a, b from t qualify row_number() over (partition by a order by b) = 1

--- allowed; duckdb redshift sqlite; CASE with conditions
select case when a > 1 and b < 2 then 'x' when c is null then 'y' end as kind from t

--- allowed; duckdb redshift sqlite; casts in words
select cast(e as integer) + 1, cast(a as varchar(10)) from t

--- allowed; duckdb redshift; casts in colons
select e::integer, '2024-01-01'::date, (a + b)::decimal(12, 2) from t

--- allowed; duckdb redshift; typed literals and intervals
select date '2024-02-29' + interval '1 day', timestamp '2024-01-01 10:00:00' from t

--- allowed; duckdb redshift; parts of dates
select extract(year from d), date_trunc('month', d), date_part('dow', d) from t

--- allowed; duckdb redshift; texts cut and trimmed
select substring(c from 2 for 3), trim(both 'x' from c), position('a' in c), upper(left(c, 1)) from t

--- allowed; duckdb redshift sqlite; LIKE with an escape
select c from t where c like '100!%' escape '!' or c not like '_x%'

--- allowed; duckdb redshift; patterns
select c from t where c similar to '(a|b)%' and c ilike 'A%' and c ~ '^a' and c !~ 'z$'

--- allowed; duckdb redshift sqlite; BETWEEN, IS, and NOT before all of them
select a from t where a not between 1 and 9 and b is not null and not c is null

--- allowed; duckdb; NULL equals NULL
select a from t where a is distinct from b and c is not distinct from 'x'

--- allowed; duckdb redshift; bits
select a & b, a | b, ~a, a << 1 >> 1 from t

--- allowed; duckdb redshift sqlite; a limit and an offset
select a from t order by a, b desc limit 10 offset 5

--- allowed; duckdb redshift; FETCH FIRST
select b from t order by b offset 5 rows fetch first 10 rows only

--- allowed; redshift; TOP
select top 10 a, b from t order by e

--- allowed; duckdb; rows without a table
values (1, 'a'), (2, 'b')

--- allowed; duckdb; rows as a table
select i, n from (values (1, 'a'), (2, 'b')) as v (i, n) where i > 1

--- allowed; duckdb; aggregates over sorted rows
select string_agg(c, ', ' order by a), array_agg(distinct b) from t

--- allowed; redshift; LISTAGG within a group
select listagg(distinct c, ', ') within group (order by c) over (partition by a) from t

--- allowed; duckdb redshift; percentiles within a group
select percentile_cont(0.5) within group (order by e), median(e) from t

--- allowed; duckdb redshift; a table with schema and catalog
select x.a from memory.main.t as x

--- allowed; duckdb redshift sqlite; a star of one table
select t.*, u.x from t join u on u.a = t.a

--- allowed; duckdb redshift sqlite; functions inside of functions
select round(abs(avg(coalesce(e, 0))), 2) from t

--- allowed; duckdb redshift; a lateral subquery
select t.a, l.m from t, lateral (select max(u.b) as m from u where u.a = t.a) as l

--- allowed; duckdb redshift sqlite; ordering by what is not selected, and by a CASE
select a from t order by case when b is null then 1 else 0 end, length(c)

--- allowed; duckdb redshift sqlite; HAVING without GROUP BY
select sum(a) from t having count(*) > 1

--- allowed; duckdb redshift sqlite; scalar subqueries everywhere
select (select min(a) from t) + (select max(b) from u) as width

--- allowed; duckdb redshift sqlite; a query three levels deep
select * from (select * from (select * from t where a > 1) as x where b > 1) as y where c > 'a'

--- allowed; duckdb redshift; concatenation and comparison of concatenations
select c || '-' || cast(a as varchar) from t where c || 'x' > 'b' || c

--- allowed; duckdb redshift; a sample
select a from t tablesample bernoulli (10 percent)

--- allowed; redshift; approximate counts
select approximate count(distinct a), approximate percentile_disc(0.9) within group (order by e) from t
