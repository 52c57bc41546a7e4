--- source; Amazon Redshift Database Developer Guide, PIVOT and UNPIVOT examples
--- allowed; redshift; a PIVOT with NULL among its values
select * from (select grade, maker from parts) pivot (count(*) for grade in (1, 2, null)) where maker <> 'x'

--- source; Amazon Redshift Database Developer Guide, PIVOT and UNPIVOT examples
--- allowed; redshift; an UNPIVOT that keeps NULL
select * from (select red, green from counts) unpivot include nulls (amount for color in (red, green))

--- source; Amazon Redshift Database Developer Guide, PIVOT and UNPIVOT examples
--- allowed; redshift; several aggregates under names
select * from (select part, price from parts) pivot (avg(price) as mean, max(price) as top for part in ('prop' as p, 'wing' as w))

--- source; Amazon Redshift Database Developer Guide, Querying semistructured data
--- allowed; redshift; a path into a SUPER column
select c.orders[0].key, c.name.family from customers as c where c.orders[0].key is not null

--- source; Amazon Redshift Database Developer Guide, Querying semistructured data
--- allowed; redshift; an array walked over in FROM
select c.name, o.key, o.state from customers as c, c.orders as o where o.state = 'P'

--- source; Amazon Redshift Database Developer Guide, Querying semistructured data
--- allowed; redshift; an array in an array, with the position of each
select l.amount, i from customers c, c.orders o at i, o.lines l order by i, l.amount desc

--- source; Amazon Redshift Database Developer Guide, Querying semistructured data
--- allowed; redshift; an object's attributes
select attr as name, json_typeof(val) as kind from customers c, unpivot c.address as val at attr

--- source; Amazon Redshift Database Developer Guide, Querying nested data with Amazon Redshift Spectrum
--- allowed; redshift; a left join with an array
select c.id, sum(p.amount) from lake.customers c left join c.prices p on true group by c.id

--- source; Amazon Redshift Database Developer Guide, CONNECT BY clause
--- allowed; redshift; a hierarchy
select id, name, level from employee where level < 4 start with name = 'x' connect by prior id = boss

--- source; Amazon Redshift Database Developer Guide, GROUP BY aggregation extensions
--- allowed; redshift; the levels of a cube
select grouping(a), grouping(b), grouping(a, b), count(*) from t group by cube (a, b) having grouping(a) = 0

--- source; Amazon Redshift Database Developer Guide, QUALIFY clause
--- allowed; redshift; the best of each group
select * from (select a, b, e from t) where e > 1 qualify rank() over (partition by a order by e desc) <= 3

--- source; Amazon Redshift Database Developer Guide, Oracle-style outer joins in the WHERE clause
--- allowed; redshift; an outer join by a sign
select count(*) from sales s, listing l where s.listid(+) = l.listid and s.qty(+) > 1

--- source; Amazon Redshift Database Developer Guide, WITH clause
--- allowed; redshift; a recursive hierarchy with its path
with recursive down (id, path, n) as (select id, name::varchar(99), 1 from employee where boss is null union all select e.id, d.path || '/' || e.name, d.n + 1 from employee e, down d where e.boss = d.id and d.n < 9) select path from down

--- source; Amazon Redshift Database Developer Guide, WITH clause
--- allowed; redshift; a CTE that stands behind is a table of that name
with w1 as (select * from w2), w2 as (select * from w1) select * from sales

--- source; Amazon Redshift Database Developer Guide, MEDIAN function
--- allowed; redshift; TOP with DISTINCT, a percentile, a median
select top 10 distinct seller, qty, percentile_cont(0.5) within group (order by qty), median(qty) from sales group by seller, qty

--- source; Amazon Redshift Database Developer Guide, LISTAGG window function
--- allowed; redshift; a list over everything
select listagg(day, ',') within group (order by seller desc, id asc) over () as days from winsales where buyer = 'b'

--- source; Amazon Redshift Database Developer Guide, RATIO_TO_REPORT window function
--- allowed; redshift; shares
select seller, qty, ratio_to_report(qty) over (partition by seller) from winsales

--- source; Amazon Redshift Database Developer Guide, PERCENTILE_DISC window function
--- allowed; redshift; a percentile as a window
select seller, percentile_disc(0.6) within group (order by qty) over (partition by seller) from winsales

--- source; Amazon Redshift Database Developer Guide, NTH_VALUE window function
--- allowed; redshift; a value of a frame, without NULL
select state, nth_value(seats, 3) ignore nulls over (partition by state order by seats desc rows between unbounded preceding and unbounded following) from venue

--- source; Amazon Redshift Database Developer Guide, LAG window function
--- allowed; redshift; the row before
select buyer, sold, lag(qty, 1) over (order by buyer, sold) as previous from sales where buyer = 3 order by 1, 2

--- source; Amazon Redshift Database Developer Guide, DECODE expression
--- allowed; redshift; DECODE with NULL
select name, decode(seats, null, 0, 1) from venue where state in ('NV', 'CO') order by 2, 1

--- source; Amazon Redshift Database Developer Guide, NVL2 expression
--- allowed; redshift; one for NULL, one for the rest
select nvl2(email, email, phone) as contact, nvl(likes, false) from users where nvl2(state, 1, 0) = 1

--- source; Amazon Redshift Database Developer Guide, CONVERT function
--- allowed; redshift; a cast by CONVERT
select convert(decimal(7, 1), price), convert(integer, '12') from sales

--- source; Amazon Redshift Database Developer Guide, DATEADD and DATEDIFF functions
--- allowed; redshift; dates added and subtracted
select dateadd(month, 18, sold), datediff(qtr, '1998-07-01', current_date) as quarters from sales where datediff(day, sold, getdate()) < 9

--- source; Amazon Redshift Database Developer Guide, CONVERT_TIMEZONE function
--- allowed; redshift; time zones
select convert_timezone('EST', 'PST', sold), sold at time zone 'UTC', timezone('MST', sysdate) from sales

--- source; Amazon Redshift Database Developer Guide, INTERVAL literals
--- allowed; redshift; intervals of several parts
select interval '2' day, date '2000-01-01' + interval '52 weeks 3 hours'

--- source; Amazon Redshift Database Developer Guide, TO_CHAR, TO_DATE and TO_NUMBER
--- allowed; redshift; formats
select to_char(sold, 'Mon-DY-DD'), to_date('02 Oct 2001', 'DD Mon YYYY'), to_number('1.234,5', '9G999D9') from sales

--- source; Amazon Redshift Database Developer Guide, REGEXP functions
--- allowed; redshift; four functions of patterns
select regexp_count(c, '[a-z]{3}'), regexp_instr(c, '@'), regexp_replace(c, '@.*$'), regexp_substr(c, '@[^.]*') from t

--- source; Amazon Redshift Database Developer Guide, String functions
--- allowed; redshift; texts cut, padded, and searched
select split_part(c, '-', 3), lpad(c, 15, '-'), charindex('a', c), initcap(c), translate(c, 'a', 'e'), len(c) from t

--- source; Amazon Redshift Database Developer Guide, JSON functions
--- allowed; redshift; JSON by paths and by places
select json_extract_path_text(c, 'f4', 'f6', true), json_extract_array_element_text('[1, 2]', 2), is_valid_json(c) from t

--- source; Amazon Redshift Database Developer Guide, JSON_PARSE and OBJECT functions
--- allowed; redshift; objects made and changed
select json_serialize(json_parse(c)), object('k', 1, 'l', array(a, b)), array_flatten(array(array(1), array(2))) from t

--- source; Amazon Redshift Database Developer Guide, Object functions
--- allowed; redshift; an object without some of its parts
select object_transform(o keep '"a"', '"b"' set '"c"', 1) from t

--- source; Amazon Redshift Database Developer Guide, Spatial functions
--- allowed; redshift; geometry
select st_distance(st_geomfromtext('POINT(0 2)'), st_setsrid(st_makepoint(a, b), 4326)), st_astext(g) from t

--- source; Amazon Redshift Database Developer Guide, HyperLogLog functions
--- allowed; redshift; sketches
select hll(a), hll_cardinality(hll_combine(hll_create_sketch(b))) from t

--- source; Amazon Redshift Database Developer Guide, Hash functions
--- allowed; redshift; digests
select sha2(c, 256), md5(c), func_sha1(c), fnv_hash(a), checksum(b), strtol('0f', 16) from t

--- source; Amazon Redshift Database Developer Guide, Combining results: UNION, INTERSECT, EXCEPT
--- allowed; redshift; three set operations without parentheses
select * from t1 union select * from t2 except select * from t3 order by 1

--- source; Amazon Redshift Database Developer Guide, Boolean aggregates
--- allowed; redshift; logic over groups
select state, bool_and(likes), bool_or(likes is unknown), bit_and(a) from users group by state order by state limit 5

--- source; Amazon Redshift Database Developer Guide, Correlated subqueries
--- allowed; redshift; a subquery in HAVING that looks outside
select sold, sum(qty) from sales o group by sold having sum(qty) > (select 2 * avg(i.qty) from sales i where i.sold = o.sold)

--- source; Amazon Redshift Database Developer Guide, SELECT list
--- allowed; redshift; an alias used beside where it is made
select clicks / impressions as chance, round(100 * chance, 1) as percent from raw_data where chance > 0.1

--- source; Amazon Redshift Database Developer Guide, SELECT list
--- allowed; redshift; all columns but some
select * exclude (secret, token) from users where id = 1

--- source; Amazon Redshift Database Developer Guide, FROM clause
--- allowed; redshift; UNNEST in FROM
select c.id, o.key from customers c, unnest(c.orders) as o (key) where c.id < 9

--- source; Amazon Redshift Database Developer Guide, SELECT INTO
--- select_into; redshift; the newest rows in a table of their own
select * into newevent from event where added > '2008-01-01'

--- source; Amazon Redshift Database Developer Guide, SQL functions supported on the leader node
--- catalog; redshift; a function of the leader node over its catalog
select upper(tablename) from pg_table_def where schemaname = 'public' and encoding = 'none'

--- source; Amazon Redshift Database Developer Guide, SQL functions supported on the leader node
--- function; redshift; a function of the leader node alone
select current_schemas(true), count(*) from t

--- source; Amazon Redshift Database Developer Guide, PG_TERMINATE_BACKEND function
--- function; redshift; another session's end, by its number out of a view
select pg_terminate_backend((select max(b) from t))

--- source; Amazon Redshift Database Developer Guide, System information functions
--- function; redshift; account and cluster
select current_aws_account, a, b from t

--- source; Amazon Redshift Database Developer Guide, System administration functions
--- function; redshift; priorities
select change_query_priority(1076, 'Critical'), a from t where b = 1

--- source; Amazon Redshift Database Developer Guide, Amazon Redshift ML: inference
--- function; redshift; a model's function, over a CTE
with raw as (select a, b, predict_churn(a, b, e) as active from t) select sum(active) from raw

--- source; Amazon Redshift Database Developer Guide, EXPLAIN_MODEL function
--- function; redshift; the explanation of a model
select json_typeof(explain_model('m'))

--- source; Amazon Redshift Database Developer Guide, Lambda UDFs
--- function; redshift; a function that calls Lambda, inside of an aggregate
select max(exfunc_mul(a, exfunc_upper(c))) from t group by b having exfunc_mul(max(a), 2) > 1

--- source; Amazon Redshift Database Developer Guide, Querying STL and STV views
--- catalog; redshift; what a load rejected
select le.query, trim(err_reason) from stl_load_errors le, t where le.query = t.a and le.line_number > 1

--- source; Amazon Redshift Database Developer Guide, SVV_TABLES
--- catalog; redshift; tables of all kinds
select distinct table_schema from svv_tables where table_type = 'EXTERNAL' order by 1 limit 3

--- source; Amazon Redshift Database Developer Guide, PG_LAST_QUERY_ID function
--- function; redshift; the last statement's number, in a condition
select a from t where b = pg_last_query_id() or b is null

--- source; Amazon Redshift Database Developer Guide, Querying external data: spectrum
--- allowed; redshift; pseudocolumns of files
select "$path", "$size", count(1) from lake.sales group by "$path", "$size"
