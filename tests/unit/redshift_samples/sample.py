"""What a sample is, and the tables that samples read."""

from __future__ import annotations

from typing import Any

import attrs

TABLES = """
create table trips (trip int, day date, driver int, rider varchar(10), km int, paid int);
insert into trips values
  (301, '2021-03-05', 3, 'b', 12, 12), (101, '2021-11-30', 1, 'c', 12, 12), (105, '2021-11-30', 1, 'a', 31, null),
  (401, '2022-01-14', 4, 'a', 45, null), (106, '2022-01-20', 1, 'c', 12, null), (201, '2022-02-08', 2, 'b', 24, 24),
  (405, '2022-02-08', 4, 'a', 12, 12), (202, '2022-02-19', 2, 'c', 24, 24), (303, '2022-05-01', 3, 'b', 17, null),
  (304, '2022-05-01', 3, 'b', 24, null), (307, '2022-10-10', 3, 'c', 31, null);
create table goods (item varchar, maker varchar, grade int, price decimal(12, 2));
insert into goods values
  ('saw', 'north', 2, 11.00), ('saw', 'south', null, 8.00), ('saw', 'west', 1, 12.00),
  ('axe', 'north', 1, 2.45), ('axe', 'south', 2, 3.75), ('axe', 'west', null, 1.95),
  ('rake', 'north', null, 7.40), ('rake', 'south', 1, 15.30), ('rake', 'west', null, 11.90);
create table till (day date, hour time, what text, price double precision);
insert into till values
  ('2024-05-01', '09:00:00', 'tea', 90), ('2024-05-01', '11:00:00', 'jam', 510), ('2024-05-01', '15:00:00', 'nuts', 25),
  ('2024-05-01', '17:00:00', 'cake', 1010), ('2024-05-01', '18:00:00', 'figs', 33),
  ('2024-05-02', '10:00:00', 'wine', 4000), ('2024-05-02', '16:00:00', 'gum', 6);
create table shop (id int, stall int, paid decimal(8, 2), fee decimal(8, 2), sold timestamp);
insert into shop values
  (1, 1, 715.00, 107.25, '2019-02-21 03:36:48'), (2, 4, 81.00, 12.15, '2019-06-09 06:10:16'),
  (100, 5, 154.00, 27.35, '2019-08-27 10:46:12'), (700, 5, null, 113.15, null);
create table moments (exact timestamp);
insert into moments values ('2019-10-22 12:20:04.287615');
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
