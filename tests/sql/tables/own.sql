create table t (a int, b int, c text, d date, e double);
create table u (a int, b int, x text);
create table updates (last_update timestamp, "delete" int, "insert into" text);
create table "maße" ("größe" int);
create table page_views (pgrowth int, systems int);
create table ledger (entry text, amount int);
create table users (name text, password text);
