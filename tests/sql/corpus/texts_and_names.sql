--- allowed; duckdb redshift sqlite; signs of comments and statements inside of texts are text
select '--' as dashes, ';' as semicolon, 'drop table t' as threat from t

--- allowed; duckdb redshift sqlite; a doubled quote does not end a text
select c from t where c <> 'it''s; delete from t' and b > 0

--- allowed; duckdb redshift sqlite; a column may be called like a statement's beginning
select last_update, "delete" from updates order by last_update desc

--- allowed; duckdb redshift sqlite; a plain condition with two texts
select a from t where c = 'a' AND lower(c) = 'b'

--- allowed; duckdb redshift sqlite; a quoted name may hold anything
select "insert into" as "drop table", count(*) from updates group by "insert into"

--- allowed; duckdb redshift sqlite; an alias may be a keyword after AS
select a as "limit", b as "select", a + b as "update" from t limit 7

--- allowed; duckdb redshift; LIMIT as the name of a column behind its table
select q.limit, q.offset from (select a as limit, b as offset from t) as q

--- allowed; duckdb redshift sqlite; a comment is no statement
select /* ; drop table t */ a -- ; delete from t
from t where a in (1, 2, 3)

--- allowed; duckdb redshift sqlite; a semicolon at the end, and a comment behind it
select max(a) from t; -- done

--- allowed; duckdb redshift; a text in dollars
select $$it's; -- text$$ || c from t

--- allowed; duckdb redshift; a dollar quote with a tag, and another one inside
select length($body$ drop $$ table $body$), a from t

--- allowed; duckdb redshift sqlite; letters of any language, in names and texts
select "größe" as größe from "maße" where "größe" > 1 and 'ß' <> 'ss'

--- allowed; duckdb redshift sqlite; deletes and updates as values
select case c when 'delete' then 1 when 'update' then 2 else 0 end from t

--- allowed; duckdb redshift sqlite; a name that only begins like the catalog's
select p.pgrowth, p.systems from page_views as p where p.pgrowth is not null

--- allowed; redshift; a schema of one's own may have a table that is called like a system view
select s.a from app.svl_report s join app.pg_stats_copy using (a)

--- allowed; duckdb redshift sqlite; a ledger, but not Spectra's
select ledger.entry, sum(ledger.amount) from ledger group by ledger.entry having sum(ledger.amount) <> 0

--- allowed; redshift; pairs of backslashes are read alike by everyone
select regexp_replace(c, '\\d+\\s', '') from t

--- allowed; duckdb; in DuckDB a backslash is a letter like any other
select split_part(c, '\', 1), c like 'a\' from t

--- allowed; duckdb; a text with escapes
select e'it\'s \\ here', a from t where b is null

--- allowed; duckdb redshift sqlite; NULL, TRUE and numbers of every form
select null, true, .5, 1e3, -1.5e-7, +2

--- allowed; sqlite; SQLite's other quotes for names
select [a], `b` from [t] where `b` between 1 and 9

--- allowed; sqlite; a text as alias and as name of a table, which SQLite takes
select a 'first' from 't' where a > 1

--- allowed; duckdb redshift sqlite; line ends of all systems
select a,
	b
from t
where
	a is null or b is null

--- allowed; duckdb redshift sqlite; the ledger's name as a text
select 'spectra_ledger' as name, count(distinct a) from t

--- allowed; duckdb redshift sqlite; a CTE may have the catalog's name, and is what it says
with pg_tables as (select a from t) select count(*) from pg_tables

--- allowed; duckdb redshift sqlite; a CTE hides the ledger where it is in scope
with spectra_ledger (x) as (select 1), other as (select x + 1 as y from spectra_ledger) select y from other
