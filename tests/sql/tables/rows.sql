insert into t
with recursive q (i) as (select 0 union all select i + 1 from q where i < 99)
select i, i % 7, substr('abcdefghijklmnopqrstuvwxyz', i % 26 + 1, 1), date('2024-01-01'), i / 3.0 from q;
insert into u
with recursive q (i) as (select 0 union all select i + 1 from q where i < 59)
select i % 50, i % 5, substr('abc', i % 3 + 1, 1) from q;
