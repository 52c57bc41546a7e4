--- source; sqlglot, tests/fixtures/identity.sql, with other names: CASE
--- allowed; duckdb redshift sqlite; a CASE in a CASE
select case case a > 1 when true then 1 end when 1 then 1 else 2 end from t

--- source; sqlglot, tests/fixtures/identity.sql, with other names: IN
--- allowed; duckdb redshift sqlite; a CTE inside of IN
select * from t where a in (with z as (select 1) select * from z)

--- source; sqlglot, tests/fixtures/identity.sql, with other names: IN
--- allowed; duckdb redshift; EXCEPT in two pairs of parentheses
select * from t where a in ((select 1) except (select 2))

--- source; sqlglot, tests/fixtures/identity.sql, with other names: IN
--- allowed; duckdb redshift sqlite; values and a subquery in one list
select a from t where a in ((select 1), 2)

--- source; sqlglot, tests/fixtures/identity.sql, with other names: IN
--- allowed; duckdb redshift sqlite; a UNION in IN
select * from t where a in (select 1 union select 2)

--- source; sqlglot, tests/fixtures/identity.sql, with other names: EXISTS
--- allowed; duckdb redshift sqlite; EXISTS over a UNION, or true
select a from t where exists (select * from u union select * from u as y) or true

--- source; sqlglot, tests/fixtures/identity.sql, with other names: names
--- allowed; redshift; keywords as names behind AS
select a as any, b as some, c as "all", d as exists from t where a = any (select 1)

--- source; sqlglot, tests/fixtures/identity.sql, with other names: names
--- allowed; duckdb redshift; symmetric as a name
select a between "symmetric" and b from (select 1 as a, 2 as b, 0 as "symmetric") as q

--- source; sqlglot, tests/fixtures/identity.sql, with other names: windows
--- allowed; duckdb redshift sqlite; a frame without order
select avg(e) over (rows between unbounded preceding and unbounded following) from t

--- source; sqlglot, tests/fixtures/identity.sql, with other names: windows
--- allowed; duckdb redshift sqlite; LEAD with a default
select lead(a, 1, b) over (partition by a order by a) + 1 as x from t

--- source; sqlglot, tests/fixtures/identity.sql, with other names: windows
--- allowed; duckdb sqlite; an excluded row
select sum(a) over (order by b groups between 1 preceding and 1 following exclude current row) from t

--- source; sqlglot, tests/fixtures/identity.sql, with other names: windows
--- allowed; duckdb sqlite; one window on another
select sum(a) over (w order by b) from t window w as (partition by c)

--- source; sqlglot, tests/fixtures/identity.sql, with other names: grouping
--- allowed; duckdb redshift; sets beside a rollup
select a from t group by grouping sets ((a, b)), rollup (a)

--- source; sqlglot, tests/fixtures/identity.sql, with other names: grouping
--- allowed; duckdb redshift sqlite; a CASE in GROUP BY
select a, b from t where a = 1 group by a, b, case 1 when 1 then 1 end having a = 2

--- source; sqlglot, tests/fixtures/identity.sql, with other names: limits
--- allowed; duckdb redshift sqlite; subqueries as limits
select * from t limit (select 1) offset (select 1)

--- source; sqlglot, tests/fixtures/identity.sql, with other names: limits
--- allowed; redshift; ties, which only PostgreSQL has
select * from t order by a desc fetch first 10 rows with ties

--- source; sqlglot, tests/fixtures/identity.sql, with other names: limits
--- allowed; redshift; a share with ties
select * from t order by a desc fetch first 10 percent rows with ties

--- source; sqlglot, tests/fixtures/identity.sql, with other names: comments
--- allowed; duckdb redshift sqlite; comments everywhere
select /* 1 */ a /* 2 */, /* 3 */ b from /* 4 */ t /* 5 */ where /* 6 */ a > 1 /* 7 */ order by /* 8 */ b /* 9 */

--- source; sqlglot, tests/fixtures/identity.sql, with other names: tables
--- allowed; duckdb redshift sqlite; tables in parentheses
select * from (t join u on t.a = u.a) left join u as v on v.a = t.a

--- source; sqlglot, tests/fixtures/identity.sql, with other names: tables
--- allowed; duckdb redshift sqlite; a subquery without an alias, twice
select * from (select a from (select a from t)) where a > 1

--- source; sqlglot, tests/fixtures/identity.sql, with other names: JSON
--- allowed; duckdb; JSON operators of both kinds
select x -> '$.a' ->> 'b', x ->> 0 from (select cast('[]' as json) as x) as q where (x -> 'a') is not null

--- source; sqlglot, tests/fixtures/identity.sql, with other names: pivots
--- allowed; duckdb redshift; two PIVOTs in a row
select * from (select a, b, c, e from t) pivot (sum(e) for a in (1, 2)) pivot (max(c) for b in (3))

--- source; sqlglot, tests/fixtures/identity.sql, with other names: parameters
--- placeholder; redshift; a driver's named place
select %(name)s, a from t

--- source; sqlglot, tests/fixtures/identity.sql, with other names: statements
--- statement; duckdb redshift; another database's switch
use role accountadmin

--- source; sqlglot, tests/fixtures/identity.sql, with other names: statements
--- statement; duckdb redshift sqlite; a column is dropped
alter table t drop column a cascade

--- source; sqlglot, tests/fixtures/identity.sql, with other names: statements
--- statement; redshift; a table with keys and styles
create table if not exists v (a int encode zstd) diststyle key distkey (a) sortkey (a)

--- source; sqlglot, tests/fixtures/identity.sql, with other names: statements
--- unknown; duckdb; ranges that touch, of PostgreSQL
select a -|- b from t

--- source; sqlglot, tests/fixtures/identity.sql, with other names: functions
--- function; duckdb; a function of other databases
select explode(a) from t lateral view explode(b) q as x
