--- statement; duckdb redshift sqlite; it writes
insert into t values (1, 2)

--- statement; duckdb redshift sqlite; it writes what it reads
insert into t select a, b from u where a > 1

--- statement; duckdb sqlite; it replaces rows
insert or replace into t (a) values (1)

--- statement; duckdb redshift sqlite; it changes rows
update t set a = b + 1 where a = 1

--- statement; duckdb redshift; it changes rows by a join
update t set a = u.a from u where u.b = t.b

--- statement; duckdb redshift sqlite; it removes rows
delete from t where a in (select a from u)

--- statement; duckdb redshift; it removes rows by a join
delete from t using u where t.a = u.a

--- statement; duckdb redshift; it merges
merge into t using u on t.a = u.a when matched then update set b = u.b when not matched then insert (a) values (u.a)

--- statement; duckdb redshift; it empties a table
truncate table t

--- statement; duckdb redshift sqlite; it makes a table
create table v (a int primary key, b text)

--- statement; duckdb redshift sqlite; it makes a table of what it reads
create table v as select * from t

--- statement; duckdb redshift sqlite; a temporary table is a table, too
create temporary table v as with x as (select 1 as a) select a from x

--- statement; duckdb redshift sqlite; it makes a view
create view v as select a from t

--- statement; redshift; it makes a view that is stored
create materialized view v as select a from t group by a

--- statement; duckdb sqlite; it makes an index
create unique index i on t (a)

--- statement; duckdb redshift; it makes a schema
create schema x

--- statement; duckdb; it makes a function
create macro f(x) as x + 1

--- statement; duckdb; it makes a type
create type mood as enum ('a', 'b')

--- statement; duckdb; it makes a sequence
create sequence s start 1

--- statement; redshift; it makes a function of Lambda
create external function f(int) returns int volatile lambda 'f' iam_role default

--- statement; duckdb redshift sqlite; it drops a table
drop table t

--- statement; duckdb redshift; it drops a schema with all that is in it
drop schema if exists s cascade

--- statement; duckdb redshift sqlite; it changes a table
alter table t add column x int

--- statement; duckdb redshift sqlite; it renames a table
alter table t rename to w

--- statement; duckdb; it writes a file
copy (select a from t) to 'out.csv'

--- statement; redshift; it reads files
copy t from 's3://bucket/key' iam_role default

--- statement; redshift; it writes files
unload ('select 1') to 's3://bucket/key' iam_role default

--- statement; duckdb redshift; it runs a procedure
call p(1)

--- statement; duckdb redshift; it runs a prepared statement
execute q(1)

--- statement; duckdb redshift; it prepares a statement
prepare q as select 1

--- statement; duckdb redshift; it forgets a prepared statement
deallocate q

--- statement; duckdb redshift sqlite; it explains, and with ANALYZE runs
explain analyze select a from t

--- statement; duckdb redshift sqlite; it collects statistics
analyze t

--- statement; duckdb redshift sqlite; it cleans up
vacuum

--- statement; duckdb redshift; it changes a setting
set search_path to x

--- statement; duckdb; it changes a variable
set variable x = 1

--- statement; duckdb redshift; it resets a setting
reset search_path

--- statement; duckdb redshift sqlite; it begins a transaction
begin

--- statement; duckdb redshift sqlite; it ends one
commit

--- statement; duckdb redshift sqlite; it undoes one
rollback

--- statement; redshift; it grants
grant select on t to public

--- statement; redshift; it takes away
revoke all on schema s from group g

--- statement; redshift; it becomes somebody else
set session authorization 'admin'

--- statement; redshift; it locks
lock table t

--- statement; redshift; it opens a cursor, which lives on
declare c cursor for select a from t

--- statement; redshift; it reads from a cursor
fetch 5 from c

--- syntax; redshift; it ends a session, and is no word of sqlglot's
cancel 4711

--- statement; redshift; it makes a model
create model m from t target a function f iam_role default

--- statement; redshift; it comments
comment on table t is 'x'

--- statement; duckdb sqlite; it opens another database
attach 'other.db' as other

--- statement; duckdb sqlite; it closes one
detach other

--- statement; duckdb sqlite; it reads or changes a setting
pragma table_info('t')

--- statement; duckdb; it loads code
load httpfs

--- statement; duckdb; it fetches code
install httpfs

--- syntax; duckdb; it exports everything, and is no word of sqlglot's
export database 'x'

--- statement; duckdb; it changes the schema that names belong to
use other

--- statement; duckdb redshift; it shows the catalog
show tables

--- statement; duckdb; it describes a table
describe t

--- statement; duckdb; it summarizes a table
summarize t

--- statement; duckdb; a PIVOT by itself makes a type first
pivot t on a using sum(b)

--- statement; duckdb; an UNPIVOT by itself
unpivot t on a, b into name k value v

--- statement; duckdb redshift sqlite; a CTE that writes
with x as (insert into t values (1) returning a) select a from x

--- statement; duckdb redshift sqlite; a CTE that removes
with x as (delete from t returning *) select count(*) from x

--- statement; duckdb redshift sqlite; a CTE that changes rows, beside one that reads
with y as (select 1 as a), x as (update t set a = 1 returning b) select y.a, x.b from y, x

--- statement; duckdb redshift sqlite; a CTE that writes, deep inside
select a from t where a in (with x as (delete from u returning a) select a from x)

--- statement; duckdb; a CTE that describes
with x as (describe t) select column_name from x

--- statement; duckdb; a CTE that summarizes, inside a subquery
select * from (with x as (summarize t) select max(null_percentage) from x) as q

--- statement; duckdb; a subquery that shows the catalog, which reads like a name and an alias
select name from (show tables)

--- statement; duckdb; the same as a value
select (show tables) as name

--- statement; duckdb; a subquery that describes
select column_type from (describe t) where column_name = 'a'

--- statement; duckdb; a subquery that is a PIVOT
select max(x) from (pivot t on b using sum(a)) as p

--- statement; duckdb redshift sqlite; a query that ends in a write
with x as (select 1 as a) insert into t select a, a from x

--- statement; duckdb redshift; it ends in a removal
with x as (select 1 as a) delete from t using x where t.a = x.a

--- statement; redshift; a call in the clothes of a CTE
with x as (call p()) select 1

--- statement; duckdb redshift sqlite; an expression is no query
1 + 1

--- statement; duckdb redshift sqlite; parentheses do not make one
(a, b)

--- statements; duckdb redshift sqlite; the second one drops
select 1; drop table t

--- statements; duckdb redshift sqlite; two that only read
select a from t; select b from u

--- statements; duckdb redshift sqlite; the first one removes
delete from t; select a from t

--- statements; duckdb redshift sqlite; hidden behind comments
select a /* one */ from t where b = 1; /* two */ update t set a = 2 -- three

--- statements; duckdb redshift sqlite; a transaction around
begin; select a from t; rollback

--- select_into; duckdb redshift; it makes a table
select a, b into v from t

--- select_into; redshift; a temporary one
select distinct a into temp v from t where b > 1

--- select_into; redshift; a temporary one by its name
select count(*) as n into #v from t group by a

--- select_into; duckdb redshift; in the arm of a UNION
select a from t union select b into v from u

--- lock; duckdb redshift; it locks rows
select a from t where b = 1 for update

--- lock; redshift; it locks rows of one table
select t.a from t join u using (a) for share of t

--- placeholder; duckdb redshift sqlite; a driver's place for a value
select a from t where a = ?

--- placeholder; duckdb; a numbered one
select a from t limit $1

--- placeholder; duckdb; a named one, of DuckDB
select $name || c from t

--- placeholder; sqlite; a named one, of SQLite
select @name, a from t
