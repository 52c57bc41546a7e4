--- catalog; duckdb redshift; the catalog by its schema
select table_name from information_schema.tables

--- catalog; duckdb redshift; another one
select count(*) from pg_catalog.pg_class where relkind = 'r'

--- catalog; duckdb redshift; without a schema
select usename, usesuper from pg_user where usename like 'a%'

--- catalog; redshift; somebody's statements
select querytxt from stl_query where userid > 1 order by starttime desc limit 10

--- catalog; redshift; what runs now
select pid, query from stv_inflight join t on t.a = stv_inflight.pid

--- catalog; redshift; views over both
select l.line_number from svl_statementtext as l, svv_table_info as i where i.table_id = l.xid order by 1

--- catalog; redshift; views over more clusters
select max(seg) from svcs_query_summary group by query having max(rows) > 5

--- catalog; redshift; views of the newer kind, in a subquery
select a from t where a in (select query_id from sys_query_history where status = 'failed')

--- catalog; redshift; in an arm
select a from t union all select oid from pg_proc

--- catalog; redshift; in a CTE
with w as (select datname as n from pg_database) select n from w

--- catalog; duckdb redshift; quoted and in capitals
select "relname" from "PG_CLASS" limit 1

--- catalog; redshift; of another database
select t.a from t left join other.pg_catalog.pg_tables as p on p.tablename = t.c

--- catalog; redshift; what a migration leaves
select * from public.t, awsdms_status

--- catalog; duckdb redshift; as a row's existence
select exists (select 1 from pg_roles where rolname = 'x')

--- catalog; duckdb; DuckDB's own views
select sql from duckdb_tables order by 1

--- catalog; duckdb; by their catalog
select v.view_name, u.a from system.main.duckdb_views v cross join u

--- catalog; duckdb; under SQLite's name
from sqlite_master where type = 'table' limit 1

--- catalog; duckdb; settings as a table
select value from pragma_database_list union select name from duckdb_settings

--- catalog; sqlite; SQLite's one catalog
select tbl_name, sql from sqlite_master where type = 'table' and name not like 'x%'

--- catalog; sqlite; under its newer name, with a schema
select s.sql, 1 from main.sqlite_schema s

--- catalog; sqlite; as a text
select name from 'sqlite_temp_master' group by name

--- catalog; sqlite; in place of a list
select 1 where 'x' in sqlite_schema

--- catalog; sqlite; in place of a list, with a schema
select a from t where c not in temp.sqlite_schema

--- catalog; sqlite; a table that is made by a setting
select name from pragma_table_list join t on true

--- catalog; sqlite; the pages of the file
select sum(pgsize) from dbstat

--- catalog; redshift; as somebody's table function
select p.a from t as p, pg_tables as q where q.tablename = p.c

--- catalog; redshift; after a path that looks like a field
select a from t as pg_catalog, pg_catalog.pg_user

--- catalog; redshift; as an array to walk over
select a, i from t, pg_user as p at i

--- catalog; duckdb redshift; a CTE hides a name only where it is in scope
select a from (with pg_user as (select 1 as a) select a from pg_user) as q join pg_user on true

--- catalog; duckdb redshift; a CTE without RECURSIVE does not see itself
with pg_user as (select * from pg_user) select * from pg_user

--- catalog; duckdb redshift; not even if a list inside of it is recursive
with pg_user as (select usename from pg_user) (with recursive r as (select 1) select usename from pg_user)

--- catalog; duckdb redshift; nor those behind it
with x as (select a from pg_roles), pg_roles as (select 1 as a) select a from x

--- catalog; redshift; a name in capitals is another CTE's
with "PG_USER" as (select 1 as a) select a as b from pg_user

--- catalog; duckdb redshift; a CTE has no schema
with pg_class as (select 1 as a) select c.a from pg_catalog.pg_class c

--- ledger; duckdb redshift sqlite; the ledger
select * from spectra_ledger where state = 'open'

--- ledger; duckdb redshift sqlite; quoted, in capitals, with a schema
select l.tenant_id from spectra."SPECTRA_LEDGER" as l

--- ledger; redshift; one of its sixteen tables
select count(*), min(attempt) from spectra.ledger_07

--- ledger; redshift; wherever they are kept
select t.a from t full join elsewhere.ledger_15 as l on l.job_id = t.c

--- ledger; duckdb redshift sqlite; in a subquery of a subquery
select a from t where b = (select max(attempt) from (select attempt from spectra_ledger) as q)

--- file; duckdb; a file in place of a table
select * from 'data.csv' where x = 1 and y is null

--- file; duckdb; from the network
select count(*) from "https://example.org/data.parquet" where x = 1

--- file; duckdb; a name with a dot is a file's, too
select a.x || a.y from data.json as a

--- file; duckdb; with a schema, and packed
from s."x.csv.gz" select min(a)

--- file; duckdb; many files, in a join
select t.a from t join '/etc/*' as f on f.x = t.a

--- type; redshift; a cast that looks into the catalog
select 'pg_user'::regclass

--- type; redshift; in words
select cast(c as regproc), a from t

--- type; redshift; a number of the catalog
select a from t where 'x'::regclass::oid = b

--- unknown; redshift; an operator by its schema
select a operator(pg_catalog.+) b from t

--- unknown; redshift; a sort of other databases
select a from t where b group by a having a sort by a
