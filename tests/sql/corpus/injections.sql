--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: default functions
--- function; redshift; who is it
select session_user, getpgusername()

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: error based
--- function; redshift; a version through a failing cast
select a from t where 1337 = cast('~' || (select version())::text || '~' as numeric)

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: error based
--- catalog; redshift; a table's name through a failing cast
select a from t where c = '' and 1 = cast((select table_name from information_schema.tables limit 1 offset 3) as int) and '1' = '1'

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: XML helpers
--- function; redshift; a query as XML
select query_to_xml('select * from pg_user', true, true, '')

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: XML helpers
--- function; redshift; a database as XML
select length(database_to_xml(true, true, ''))

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: time based
--- function; redshift; a pause in FROM
select 1 from pg_sleep(5)

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: time based
--- function; redshift; a pause as an operand
select c || (select 1 from pg_sleep(5)) from t

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: time based
--- function; redshift; a pause as an answer
select case when substring(c, 1, 1) = 'a' then pg_sleep(5) else pg_sleep(0) end from t limit 1

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: time based
--- catalog; redshift; a pause as an answer about the catalog
select case when substring(datname, 1, 1) = '1' then 5 else 0 end from pg_database limit 1

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: time based
--- allowed; redshift duckdb; a long count, which a timeout ends
select a from t where 3 = (select count(*) from generate_series(1, 1000000))

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: stacked queries
--- statements; duckdb redshift sqlite; a second statement behind a quote
select a from t where c = ''; create table stolen (data varchar(200)); --'

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: file read
--- function; redshift; a file of the server
select pg_read_file('PG_VERSION', 0, 200)

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: file read
--- function; redshift; large objects
select lo_get(lo_from_bytea(43210, 'x'))

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: file read
--- statement; redshift; COPY from a program
copy shell from program 'id'

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: file write
--- statement; duckdb redshift; COPY to a file, of a query
copy (select 'x' as x where 1 = 1) to '/tmp/x'

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: privileges
--- catalog; redshift; rights
select * from information_schema.role_table_grants where grantee = 'x' and table_schema not in ('a', 'b')

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: privileges
--- function; redshift; am I superuser
select current_setting('is_superuser') = 'on' as yes

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: privileges
--- catalog; redshift; am I superuser, by the catalog
select usesuper from pg_user where usename = current_user

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: passwords
--- catalog; redshift; hashes beside one's own columns
select a, c from t union select usesysid, passwd from pg_shadow -- 

--- source; PayloadsAllTheThings, SQL Injection, PostgreSQL: command execution
--- statement; redshift; a function out of a library
create function system(cstring) returns int as '/lib/libc.so.6', 'system' language c strict

--- source; PayloadsAllTheThings, SQL Injection, Generic: authentication bypass
--- allowed; duckdb redshift sqlite; always true, and only a read
select * from users where name = '' or 1 = 1 -- ' and password = ''

--- source; PayloadsAllTheThings, SQL Injection, Generic: authentication bypass
--- allowed; duckdb redshift sqlite; always true by texts
select * from users where name = '' or '1' = '1' and password = '' or '' = ''

--- source; PayloadsAllTheThings, SQL Injection, Generic: UNION
--- allowed; duckdb redshift sqlite; NULL columns behind an empty result
select a, c from t where 1 = 0 union all select null, null

--- source; PayloadsAllTheThings, SQL Injection, Generic: ORDER BY
--- function; duckdb redshift sqlite; a pause in ORDER BY
select a from t order by 1, sleep(5)

--- source; PayloadsAllTheThings, SQL Injection, Generic: time based
--- syntax; duckdb redshift; WAITFOR of another database
select a from t where b = 1 waitfor delay '0:0:5'

--- source; PayloadsAllTheThings, SQL Injection, MSSQL
--- syntax; duckdb; a procedure of another database
select a from t where b = 1; exec xp_cmdshell 'dir'

--- source; PayloadsAllTheThings, SQL Injection, MySQL: file read
--- function; duckdb redshift sqlite; LOAD_FILE
select load_file('/etc/passwd'), 2, 3

--- source; PayloadsAllTheThings, SQL Injection, MySQL: comments
--- allowed; duckdb redshift sqlite; a version in a comment is a comment
select a /*!50000 , sleep(9) */ from t where b = 1 or c = ''

--- source; PayloadsAllTheThings, SQL Injection, SQLite: schema
--- catalog; sqlite; all names in one text
select group_concat(tbl_name) from sqlite_master where type = 'table' and tbl_name not like 'sqlite_%'

--- source; PayloadsAllTheThings, SQL Injection, SQLite: schema
--- function; sqlite; columns by a pragma
select group_concat(name) as names from pragma_table_info('t')

--- source; PayloadsAllTheThings, SQL Injection, SQLite: boolean
--- catalog; sqlite; a guess about the number of tables
select a from t where (select count(tbl_name) from sqlite_master where type = 'table') < 9

--- source; PayloadsAllTheThings, SQL Injection, SQLite: boolean
--- catalog; sqlite; a guess by the order
select a from t order by case when (select hex(substr(sql, 1, 1)) from sqlite_master limit 1 offset 0) = hex('c') then a else b end

--- source; PayloadsAllTheThings, SQL Injection, SQLite: error based
--- function; sqlite; an error as an answer
select a from t where case when b = 1 then 1 else load_extension(1) end

--- source; PayloadsAllTheThings, SQL Injection, SQLite: command execution
--- statements; sqlite duckdb; a file by ATTACH
attach database '/var/www/shell.php' as shell; select 1

--- source; PayloadsAllTheThings, SQL Injection, SQLite: time based
--- allowed; sqlite; work in place of a pause, which a timeout ends
select a from t where 'x' like upper(hex(randomblob(1000 / 2)))

--- source; PayloadsAllTheThings, SQL Injection, SQLite: file manipulation
--- function; sqlite; a file by a function of the shell
select writefile('/tmp/x', c) from t
