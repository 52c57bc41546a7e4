--- allowed; duckdb; FROM comes first
from t select a, b where a > 1 order by all

--- allowed; duckdb; FROM alone
from t, u

--- allowed; duckdb; TABLE in place of SELECT * FROM
table t

--- allowed; duckdb; stars with exceptions
select * exclude (c) replace (a + 1 as a) from t

--- allowed; duckdb; a star under other names
select * rename (a as alpha) from t

--- allowed; duckdb; columns by a pattern
select columns('a|b') + 1, columns(* exclude (c, d)) from t

--- allowed; duckdb; columns by a lambda
select columns(lambda n: n like 'a%') from t

--- allowed; duckdb; lists, slices and elements
select [1, 2, 3][1], [a, b][1:2], list_sort([b, a]) from t

--- allowed; duckdb; a list comprehension
select [x * 2 for x in [a, b] if x > 0] from t

--- allowed; duckdb; lambdas in functions
select list_transform([1, 2], lambda x: x + 1), list_filter([1, 2], lambda x: x > 1)

--- allowed; duckdb; structs and their fields
select {'k': a, 'n': {'m': b}}.n.m, struct_pack(k := a).k from t

--- allowed; duckdb; maps
select map {'k': a}['k'], map_keys(map {'k': b}) from t

--- allowed; duckdb; a function called like a method
select c.upper().trim(), 'x'.concat(c) from t

--- allowed; duckdb; rows made by functions
select i, j from range(3) as r (i), generate_series(1, 3) as g (j)

--- allowed; duckdb; rows out of lists
select unnest([a, b]), unnest([{'x': 1}], recursive := true) from t

--- allowed; duckdb; a list as a table
select v.x from unnest([1, 2, 3]) as v (x) where v.x > 1

--- allowed; duckdb; a sample of a tenth
select a from t using sample 10%

--- allowed; duckdb; the nearest earlier row
select t.a from t asof join u on t.a = u.a and t.b >= u.b

--- allowed; duckdb; rows side by side
select * from t positional join u

--- allowed; duckdb; rows that have a partner, and that have none
select t.a from t semi join u on t.a = u.a anti join u as w on t.b = w.b

--- allowed; duckdb; a standard PIVOT
from (select a, b, e from t) pivot (sum(e) for b in (1, 2))

--- allowed; duckdb; a standard UNPIVOT
select * from t unpivot (v for k in (a, b))

--- allowed; duckdb; positions for names
select #1, #2 from (select a, b from t) as q order by #1

--- allowed; duckdb; names before values
select total: sum(a), kind: c from t group by all

--- allowed; duckdb; a table under a name before it
select x.a from x: t where x.b > 1

--- allowed; duckdb; JSON by arrows and functions
select j ->> '$.k', j -> 'x' -> 0, json_extract(j, '$.a') from (select cast('{}' as json) as j) as q

--- allowed; duckdb; try and see
select try_cast(c as integer), try(1 / a) from t

--- allowed; duckdb; UNION by names
select a, b from t union all by name select b, a from u

--- allowed; duckdb; DISTINCT ON
select distinct on (a) a, b from t order by a, b desc

--- allowed; duckdb; a percentage as a limit
select a from t order by a limit 50%

--- allowed; duckdb; an expression as a limit
select a from t limit (select count(*) / 2 from t)

--- allowed; duckdb; the greatest by another column
select arg_max(a, b), max(a, 2), quantile_cont(e, [0.25, 0.75]) from t

--- allowed; duckdb; IN with a list that is a column
select a in l from (select a, [a, b] as l from t) as q

--- allowed; duckdb; a recursive CTE without SELECT *
with recursive walk as (select a, b from t union select t.a, walk.b from t, walk where t.b = walk.a) table walk

--- allowed; duckdb; a timestamp with time zone, and dates as texts
select cast(d as timestamptz) at time zone 'UTC', epoch(d), strftime(d, '%Y') from t

--- allowed; sqlite; SQLite's dates are functions
select date('now'), strftime('%Y', d), datetime(d, '+1 day'), julianday(d) from t

--- allowed; sqlite; several arguments for min and max, and IIF
select min(a, b), max(a, b, 3), iif(a > b, 'x', 'y') from t

--- allowed; sqlite; GLOB as an operator and as a function
select c glob 'a*', glob('a*', c), c regexp 'x' from t

--- allowed; sqlite; JSON in SQLite
select json_extract(j, '$.k'), j ->> 'k', value from (select '{}' as j), json_each('[1, 2]')

--- allowed; sqlite; IN with a table's name in place of a subquery
select a from t where a in "maße"

--- allowed; sqlite; IS compares anything
select a from t where a is b and c is not 'x'

--- allowed; sqlite; an offset before the limit
select a from t order by a limit 2, 10

--- allowed; sqlite; an index is named, or forbidden
select x.a from t as x indexed by t_a join u not indexed on x.a = u.a

--- allowed; sqlite; texts of several rows
select group_concat(c, '; '), total(a), typeof(a), hex(c) from t

--- allowed; sqlite; a full-text match
select rowid, snippet(docs) from docs where docs match 'word'

--- allowed; sqlite; collations
select c from t order by c collate nocase desc

--- allowed; sqlite; hexadecimal numbers and bytes
select 0x1F, x'00ff', a from t
