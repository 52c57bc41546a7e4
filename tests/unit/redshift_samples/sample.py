"""What a sample is, and the tables that samples read."""

from __future__ import annotations

from typing import Any

import attrs

TABLES = """
create table winsales (salesid int, dateid date, sellerid int, buyerid varchar(10), qty int, qty_shipped int);
insert into winsales values
  (30001, '2003-08-02', 3, 'b', 10, 10), (10001, '2003-12-24', 1, 'c', 10, 10),
  (10005, '2003-12-24', 1, 'a', 30, null), (40001, '2004-01-09', 4, 'a', 40, null),
  (10006, '2004-01-18', 1, 'c', 10, null), (20001, '2004-02-12', 2, 'b', 20, 20),
  (40005, '2004-02-12', 4, 'a', 10, 10), (20002, '2004-02-16', 2, 'c', 20, 20),
  (30003, '2004-04-18', 3, 'b', 15, null), (30004, '2004-04-18', 3, 'b', 20, null),
  (30007, '2004-09-07', 3, 'c', 30, null);
create table part (partname varchar, manufacturer varchar, quality int, price decimal(12, 2));
insert into part values
  ('prop', 'local parts co', 2, 10.00), ('prop', 'big parts co', null, 9.00),
  ('prop', 'small parts co', 1, 12.00), ('rudder', 'local parts co', 1, 2.50),
  ('rudder', 'big parts co', 2, 3.75), ('rudder', 'small parts co', null, 1.90),
  ('wing', 'local parts co', null, 7.50), ('wing', 'big parts co', 1, 15.20), ('wing', 'small parts co', null, 11.80);
create table store_sales (ss_sold_date date, ss_sold_time time, ss_item text, ss_sales_price double precision);
insert into store_sales values
  ('2022-01-01', '09:00:00', 'Product 1', 100), ('2022-01-01', '11:00:00', 'Product 2', 500),
  ('2022-01-01', '15:00:00', 'Product 3', 20), ('2022-01-01', '17:00:00', 'Product 4', 1000),
  ('2022-01-01', '18:00:00', 'Product 5', 30), ('2022-01-02', '10:00:00', 'Product 6', 5000),
  ('2022-01-02', '16:00:00', 'Product 7', 5);
create table sales (salesid int, listid int, pricepaid decimal(8, 2), commission decimal(8, 2), saletime timestamp);
insert into sales values
  (1, 1, 728.00, 109.20, '2008-02-18 02:36:48'), (2, 4, 76.00, 11.40, '2008-06-06 05:00:16'),
  (100, 5, 162.00, 28.05, '2008-08-24 09:36:12'), (784, 5, null, 111.15, null);
create table seconds (micro timestamp);
insert into seconds values ('2009-09-21 11:10:03.189717');
"""


@attrs.frozen
class Sample:
    """*sql* gives *rows*, in columns of *names* where they are told."""

    page: str
    sql: str
    rows: list[tuple[Any, ...]]
    names: str | None = None


def one(page: str, expression: str, *values: Any, names: str | None = None) -> Sample:
    """A row without a table."""
    return Sample(page, f"select {expression}", [values], names)
