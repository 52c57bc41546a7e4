--- source; DuckDB documentation, Securing DuckDB
--- function; duckdb; files by a pattern
select count(*) from read_parquet('s3://bucket/**/*.parquet', hive_partitioning = true)

--- source; DuckDB documentation, Securing DuckDB
--- function; duckdb; secrets
select name, secret_string from duckdb_secrets()

--- source; DuckDB documentation, Securing DuckDB
--- statement; duckdb; settings are locked by a statement, and unlocked
set enable_external_access = true

--- source; DuckDB documentation, Securing DuckDB
--- statement; duckdb; a secret is made
create secret s (type s3, key_id 'x', secret 'y')

--- source; DuckDB, test/sql/show_select
--- statement; duckdb; a SHOW inside of EXISTS
select a from t where exists (from (show tables))

--- source; DuckDB, test/sql/cte/dml_cte.test
--- statement; duckdb; a write whose rows are read
with ins as materialized (insert into t select i, i from range(10) q (i) returning a) select * from ins limit 3

--- source; DuckDB, test/sql/error/error_position_json_execute.test
--- function; duckdb; a tree as a statement
select * from json_execute_serialized_sql(json_serialize_sql('select 1'))

--- source; DuckDB, test/sql/aoc24/aoc24.test_slow
--- function; duckdb; a variable as a statement
select * from query(getvariable('stmt')) as q

--- source; DuckDB, test/sql/function/generic/test_table_param.test
--- function; duckdb; statistics of a table by its name
select * exclude (k) from summary('t')

--- source; DuckDB, test/sql/copy/csv/test_replacement_scan_alias.test
--- file; duckdb; two files in one FROM
select * from 'a.csv', 'b.csv'

--- source; DuckDB, test/sql/aggregate/aggregates/mode_rewrite.test
--- function; duckdb; a sequence inside of an aggregate
select mode(nextval('s')) between 1 and 4 from range(4) as q (i)

--- source; DuckDB, test/sql/cte/test_recursive_cte_recurring.test
--- allowed; duckdb; functions of lists in each other
select list_sort(list_distinct(list_concat([a], [b, a]))), len(range(a)) from t group by all

--- source; DuckDB, test/sql/cte/recursive_cte_aoc2024_using_key.test_slow
--- allowed; duckdb; a recursive CTE with keys
with recursive tree (a, b) using key (a) as (select a, b from t union select t.a, t.b from t, tree where tree.b = t.a) select * from tree

--- source; DuckDB, test/sql/join/nearest/nearest_basic.test
--- allowed; duckdb; the rows nearest by a distance
select q.a, u.b from t q join u nearest 2 by distance abs(q.a - u.a) order by all

--- source; SQLite, Defense Against The Dark Arts
--- statement; sqlite; a setting that lets the schema be written
pragma main.writable_schema = 1

--- source; SQLite, Defense Against The Dark Arts
--- catalog; sqlite; the schema through a view of one's own
with v (x) as (select sql from main.sqlite_master) select x from v

--- source; SQLite, lang_with
--- allowed; sqlite; a sudoku's digits
with recursive digits (z, lp) as (values ('1', 1) union all select cast(lp + 1 as text), lp + 1 from digits where lp < 9) select z from digits

--- source; SQLite, lang_select
--- allowed; sqlite; rows of values in a set operation
select a, b from t union all values (1, 2), (3, 4)

--- source; PostgreSQL documentation, SELECT
--- lock; redshift; rows locked without waiting
select a from t order by b limit 1 for update skip locked

--- source; PostgreSQL documentation, WITH queries
--- statement; redshift; rows that move from table to table
with moved as (delete from t where a >= 1 and a < 9 returning *) insert into u select * from moved

--- source; PostgreSQL documentation, SELECT
--- select_into; duckdb redshift; a table out of a join
select t.a, u.x into unlogged v from t join u on t.a = u.a

--- source; datasette, documentation of SQL queries
--- statement; sqlite; EXPLAIN as a read
explain query plan select a from t
