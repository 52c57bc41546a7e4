--- function; duckdb; it reads files
select * from read_csv('/etc/passwd')

--- function; duckdb; it reads files, as a value
select (select content from read_text('/etc/passwd')) as secret

--- function; duckdb; it lists files
select file from glob('*') where file like '%.key'

--- function; duckdb; it runs a text
from query('drop table t')

--- function; duckdb; it reads a table by a text
select x.a from query_table('spectra_ledger') as x

--- function; duckdb; safe as an aggregate, and reads a table by a text where a table stands
select bin from histogram('spectra_ledger', attempt)

--- function; duckdb; it reads settings
select current_setting('home_directory'), a from t

--- function; duckdb; it reads variables
select getvariable('x') || c from t

--- function; duckdb; it reads the environment
select getenv('HOME') as home order by home

--- function; duckdb; it tells of other statements
select a from t where c = current_query()

--- function; duckdb; it turns a text into a statement
select json_serialize_sql('select 1') ->> 'x'

--- function; duckdb; it waits
select sleep_ms(10000) from t group by all

--- function; duckdb; it changes what RANDOM gives
select setseed(0.5), random()

--- function; duckdb sqlite; it takes a number that nobody else gets
select case when a > 1 then nextval('s') end from t

--- function; duckdb; the catalog as a function
select table_name from duckdb_tables() as d join t on d.table_name = t.c

--- function; duckdb; with a schema before it
select system.main.current_setting('x')

--- function; duckdb; as a method
select 'x'.current_setting()

--- function; duckdb; as a method of what another one gave
select lower(c).getenv() from t

--- function; duckdb; inside a lambda
select list_transform([c], lambda x: getenv(x)) from t

--- function; duckdb; inside a list comprehension
select [getenv(x) for x in [c]] from t

--- function; duckdb; inside a struct, as a named argument
select struct_pack(k := getenv('X')).k

--- function; duckdb; beside a table, sideways
select f.* from t, lateral read_text(t.c) as f

--- function; duckdb; it writes to the log
select count(write_log(c)) from t

--- function; duckdb; unknown, and DuckDB would fetch an extension for it
select text(a, '0.00') from t

--- function; redshift; it ends sessions
select pg_terminate_backend(4711)

--- function; redshift; it ends statements, for many
select pg_cancel_backend(pid) from t as q (pid) where pid > 1

--- function; redshift; it waits, in a condition
select a from t where pg_sleep(5) is null

--- function; redshift; it reads settings, in a join
select t.a from t join u on current_setting('x') = u.x

--- function; redshift; it changes settings
select set_config('search_path', 'x', true)

--- function; redshift; it tells of the last load
select pg_last_copy_count() + 1

--- function; redshift; it tells who may read what
select has_table_privilege('u', c, 'select') from t

--- function; redshift; it tells the version
select a, version() from t order by a

--- function; redshift; it tells the user, without parentheses
select current_user, a from t

--- function; redshift; and so
select user from t where a = 1

--- function; redshift; and so, in place of a table
select u.* from user as u where u.user = 'x'

--- function; redshift; it tells the database and the schema
select current_database() || '.' || current_schema()

--- function; redshift; a function of the team's, perhaps of Lambda
select f_geocode(c) from t

--- function; redshift; with a schema
select public.f_geocode(c, 'x') from t

--- function; redshift; with a database
select db.public.f(a) from t

--- function; redshift; one that has a builtin's name, and a schema
select app.lower(c) from t limit 5

--- function; redshift; one that has a builtin's name, in capitals
select "LOWER"(c) as x from t limit 6

--- function; redshift; a model
select m_predict(a, b, e) > 0.5 as likely, count(*) from t group by 1

--- function; redshift; in the clothes of a date's part
select dateadd(year(f_evil(1)), 1, d) from t

--- function; redshift; in a window
select sum(f_weight(a)) over (partition by b order by f_order(c)) from t

--- function; redshift; in ORDER BY, GROUP BY and HAVING
select a from t group by a, f_x(b) having f_y(max(b)) > 1 order by f_z(a)

--- function; redshift; in a CASE
select case f_kind(c) when 1 then 'x' else f_other(c) end from t

--- function; redshift; in a limit
select a from t limit f_limit()

--- function; redshift; in BETWEEN and IN
select a from t where a between f_low() and 9 or b in (1, f_two())

--- function; redshift; in a cast
select f_text(a)::int + cast(f_text(b) as int) from t

--- function; redshift; files
select a, b, lo_import('/etc/passwd') from t where c is null

--- function; redshift; the directory
select pg_ls_dir('.') as file, a from t order by file

--- function; redshift; as a table
select r.x from f_rows(1) as r (x)

--- function; duckdb redshift; one that is called like a keyword, which reads like a table and its columns
select t.a from t join copy(1) on true

--- function; duckdb; another one of these
select a from t, rollup (a)

--- function; redshift; one that is gone from the tree, behind another alias
select * from t f_evil(1) with ordinality as k (a, b)

--- unknown; duckdb; a table that is called like a keyword, and another one that looks like a value
with "values" as (select 1 as a) select a from values, duckdb_tables

--- unknown; duckdb; the same with an alias that looks like a keyword
select u.a from format values, u

--- ambiguous; sqlite; a driver's place for a value that reads like a name
select $a, b from t

--- function; redshift; what another database's machine would do
select q.a from dblink('host=x', 'select 1') as q (a int)

--- function; sqlite; it loads code
select load_extension('x.so', 'init')

--- function; sqlite; it reads and writes files
select writefile('/tmp/x', readfile('/etc/passwd')) from t

--- function; sqlite; the catalog as a function
select name from pragma_table_info('t') where pk

--- function; sqlite; the same in place of a list
select 1 where 'a' in pragma_table_info('t')

--- function; sqlite; it tells of the library
select sqlite_version(), sqlite_source_id()

--- function; sqlite; it changes an index
select optimize(docs) from docs limit 1

--- function; sqlite; pointers out of texts
select hex(fts3_tokenizer('simple'))

--- function; sqlite; what this connection did
select changes() + total_changes(), last_insert_rowid()

--- ambiguous; redshift; a backslash before a quote: the text ends, or it goes on
select c, a from t where c = '\'' or b > 1

--- ambiguous; duckdb redshift sqlite; a comment in a comment
select a /* one /* two */ from t where b = 2 -- */

--- ambiguous; duckdb sqlite; a space that is none to everybody
select a from t, u where t.a = u.a or u.b = 1

--- syntax; duckdb redshift sqlite; it is not SQL
selec a from t

--- syntax; duckdb redshift sqlite; there is nothing
-- nothing

--- syntax; duckdb redshift sqlite; an open quote
select 'abc

--- syntax; duckdb redshift sqlite; words too many
select a b c from t

--- syntax; duckdb redshift sqlite; a parenthesis too few
select (a from t

--- syntax; duckdb redshift sqlite; a part is missing
select a from t where

--- syntax; duckdb redshift sqlite; the same word twice
select a from t order by b asc asc
