"""Statements of Redshift with the rows that Amazon's documentation shows, or that follow from its words.

Each names the page (Database Developer Guide) that it was taken from or checked by, without ``r_`` and the
like only where pages have none. Statements are shortened, and read the tables below.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
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


D, N, T = date, Decimal, datetime

STRINGS = [
    one(
        "r_concat_op",
        "'Thursday, ' || 'December 25', 'a' || null, 'seats ' || 0",
        "Thursday, December 25",
        None,
        "seats 0",
        names="?column? ?column? ?column?",
    ),
    one(
        "r_CONCAT",
        "concat('December 25, ', '2008'), concat('a', null)",
        "December 25, 2008",
        None,
        names="concat concat",
    ),
    one("r_ASCII", "ascii('amazon'), ascii('Amazon'), ascii('')", 97, 65, 0),
    one(
        "r_BPCHARCMP",
        "bpcharcmp('Rafael', 'Taylor'), bpcharcmp('Vladimir', 'Humphrey'), bpcharcmp('Chase', 'Chase  ')",
        -1,
        1,
        0,
    ),
    one("r_BTTEXT_PATTERN_CMP", "bttext_pattern_cmp('a', 'b')", -1),
    one("r_BTRIM", "btrim('     abc    '), btrim('xyzaxyzbxyzcxyz', 'xyz')", "abc", "axyzbxyzc"),
    one(
        "r_CHARINDEX",
        "charindex('fish', 'dogfish'), charindex('dog', 'fish')",
        4,
        0,
        names="charindex charindex",
    ),
    one("r_CHR", "chr(65)", "A"),
    one(
        "r_INITCAP",
        "initcap('all non-musical theatre'), initcap('MLB'), initcap('Nunc.sollicitudin@Duisac.ca')",
        "All Non-Musical Theatre",
        "Mlb",
        "Nunc.Sollicitudin@Duisac.Ca",
    ),
    one("r_LEFT", "left('Chicago', 5), right('Chicago', 5)", "Chica", "icago"),
    one(
        "r_LEN",
        "len('cat'), len('cat   '), octet_length('français'), len('français')",
        3,
        6,
        9,
        8,
        names="len len octet_length len",
    ),
    one(
        "r_CHAR_LENGTH",
        "char_length('cat'), character_length('cat'), textlen('cat'), length('cat')",
        3,
        3,
        3,
        3,
    ),
    one("r_LOWER", "lower('MLB'), upper('Classical')", "mlb", "CLASSICAL"),
    one(
        "r_LPAD",
        "lpad('Salome', 8), lpad('La Cenerentola (Cinderella)', 20), rpad('Salome', 20, '0123456789')",
        "  Salome",
        "La Cenerentola (Cind",
        "Salome01234567890123",
    ),
    Sample(
        "r_LTRIM", "select ltrim(saletime, '2008-') from sales where salesid = 1", [("18 02:36:48",)], "ltrim"
    ),
    one(
        "r_RTRIM",
        "rtrim('CommunityAmerica Ballpark', 'Park'), rtrim('RFK Stadium', 'Park')",
        "CommunityAmerica Ballp",
        "RFK Stadium",
    ),
    one(
        "r_POSITION",
        "position('fish' in 'dogfish'), position('dog' in 'fish')",
        4,
        0,
        names="position position",
    ),
    one("r_STRPOS", "strpos('dogfish', 'fish'), strpos('dogfish', 'fist')", 4, 0),
    Sample("r_STRPOS", "select strpos(commission, '.') from sales where salesid = 1", [(4,)]),
    Sample(
        "r_REPEAT",
        "select repeat(listid, 3), replicate(listid, 2) from sales where salesid = 1",
        [("111", "11")],
    ),
    one("r_REPLACE", "replace('Shows', 'Shows', 'Theatre')", "Theatre"),
    one("r_REVERSE", "reverse('Aberdeen'), reverse(172456)", "needrebA", "654271"),
    one("SPLIT_PART", "split_part('2008-03-05', '-', 2), split_part('a', '-', 2)", "03", ""),
    one(
        "r_STRTOL",
        "strtol('0xf', 16), strtol('abcd1234', 16), strtol('1234567', 8), strtol('110101', 2), strtol('', 10), strtol(' -7f', 16)",
        15,
        2882343476,
        342391,
        53,
        0,
        -127,
        names="strtol strtol strtol strtol strtol strtol",
    ),
    one(
        "r_SUBSTRING",
        "substring('caterpillar', 6, 4), substring('caterpillar', 6, 8), substring('caterpillar', -2, 6), substring('caterpillar', -5, 4), substring('caterpillar' from 6 for 4), substr('caterpillar', 6)",
        "pill",
        "pillar",
        "cat",
        "",
        "pill",
        "pillar",
    ),
    Sample(
        "r_SUBSTRING", "select substring(saletime, 6, 2) as month from sales where salesid = 1", [("02",)]
    ),
    one(
        "r_TRANSLATE",
        "translate('mint tea', 'inea', 'osin'), translate('St. Paul', ' .', '_')",
        "most tin",
        "St_Paul",
    ),
    one(
        "r_TRIM",
        """trim('"' from '"dog"'), trim('  a  '), trim(leading 'x' from 'xax')""",
        "dog",
        "a",
        "ax",
        names="btrim btrim ltrim",
    ),
    one("r_MD5", "md5('Amazon Redshift')", "f7415e33f972c03abd4f3fed36748f7a"),
    one("SHA1", "sha1('a'), sha('a') = func_sha1('a')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8", True),
    one("SHA2", "sha2('a', 256) = sha2('a', 0), len(sha2('a', 256))", True, 64),
    one("r_TO_HEX", "to_hex(2147483647)", "7fffffff"),
    one("c_Basic_elements", r"'it\'s', 'a\\b', 'a\tb', 'it''s'", "it's", "a\\b", "a\tb", "it's"),
]

PATTERNS = [
    one(
        "REGEXP_COUNT",
        "regexp_count('abcdefghijklmnopqrstuvwxyz', '[a-z]{3}'), regexp_count('the fox', 'FOX', 1, 'i'), regexp_count('aXbX', 'X', 3)",
        8,
        1,
        1,
    ),
    one(
        "REGEXP_INSTR",
        "regexp_instr('sed@lacusUtnec.ca', '@[^.]*'), regexp_instr('Air Canada Centre', '[cC]ent(er|re)$'), regexp_instr('the fox', 'FOX', 1, 1, 0, 'i'), regexp_instr('aXbX', 'X', 1, 2), regexp_instr('aXb', 'X', 1, 1, 1), regexp_instr('a', 'X')",
        4,
        12,
        5,
        4,
        3,
        0,
    ),
    one(
        "REGEXP_REPLACE",
        r"regexp_replace('sed@lacusUtnec.ca', '@.*\\.(org|gov|com|edu|ca)$'), regexp_replace('the fox', 'FOX', 'quick brown fox', 1, 'i'), regexp_replace('abab', 'b', 'x')",
        "sed",
        "the quick brown fox",
        "axax",
    ),
    one(
        "REGEXP_SUBSTR",
        r"regexp_substr('sed@lacusUtnec.ca', '@[^.]*'), regexp_substr('the fox', 'FOX', 1, 1, 'i'), regexp_substr('the fox', 'FOX', 1, 2, 'i'), regexp_substr('This is a cat, this is a dog. This is a mouse.', 'this is a (\\w+)', 1, 2, 'ie'), regexp_substr('THE SECRET CODE IS THE LOWERCASE PART OF 1931abc0EZ.', '[a-z]+', 1, 1, 'c')",
        "@lacusUtnec",
        "fox",
        "",
        "dog",
        "abc",
    ),
    one(
        "pattern-matching-conditions-similar-to",
        "'abc' similar to 'abc', 'abc' similar to '_b_', 'abc' similar to '_A_', 'abc' similar to '%(b|d)%', 'abc' similar to '(b|c)%', 'AbcAbcdefgefg12efgefg12' similar to '((Ab)?c)+d((efg)+(12))+', 'aaaaaab11111xy' similar to 'a{6}_[0-9]{5}(x|y){2}', '$0.87' similar to '$[0-9]+(.[0-9][0-9])?'",
        True,
        True,
        False,
        True,
        False,
        True,
        True,
        True,
    ),
    one(
        "pattern-matching-conditions-similar-to",
        r"'start_x' similar to '%start\\_%', 'startx' similar to '%start\\_%', 'start_x' similar to '%start^_%' escape '^', 'abc' not similar to 'a'",
        True,
        False,
        True,
        True,
    ),
    one(
        "pattern-matching-conditions-posix",
        r"'abc' ~ 'a', 'abc' ~ 'A', 'abc' ~ '.*(b|d).*', 'abc' !~ 'd', '$0.87' ~ '\\$[0-9]+(\\.[0-9][0-9])?', 'ab c' ~ '[[:space:]]', ' ' ~ '\\S'",
        True,
        False,
        True,
        True,
        True,
        True,
        False,
    ),
    one(
        "r_patternmatching_condition_like",
        r"'abc' like 'a%', 'abc' like '_B_', 'abc' ilike '_B_', 'abc' like 'c%', 'start_x' like '%start\\_%', 'startxx' like '%start\\_%', 'start_x' like '%start^_%' escape '^', 'Agat' ~~* 'ag%', 'abc' !~~ 'b'",
        True,
        False,
        True,
        False,
        True,
        False,
        True,
        True,
        True,
    ),
    Sample("r_DATE_TRUNC", "select salesid from sales where saletime like '2008-02%'", [(1,)]),
]

DATES = [
    one("r_DATE-CONCATENATE_function", "date '2000-01-01' + time '20:00:00'", T(2000, 1, 1, 20)),
    one(
        "r_ADD_MONTHS",
        "add_months('2008-03-31', 1), add_months('2008-04-30', 1), add_months(date '2008-01-15', -1)",
        T(2008, 4, 30),
        T(2008, 5, 31),
        T(2007, 12, 15),
        names="add_months add_months add_months",
    ),
    one(
        "r_AT_TIME_ZONE",
        "timestamp with time zone '2001-02-16 20:38:40-05' at time zone 'MST'",
        T(2001, 2, 16, 18, 38, 40),
        names="timezone",
    ),
    one("r_TIMEZONE", "timezone('MST', timestamptz '2001-02-16 20:38:40-05')", T(2001, 2, 16, 18, 38, 40)),
    one(
        "CONVERT_TIMEZONE",
        "convert_timezone('PST', '2008-08-24 09:36:12'), convert_timezone('US/Pacific', '2008-08-24 09:36:12'), convert_timezone('EST', 'PST', '20080305 12:25:29'), convert_timezone('America/New_York', '2013-02-01 08:00:00'), convert_timezone('America/New_York', '2013-06-01 08:00:00')",
        T(2008, 8, 24, 1, 36, 12),
        T(2008, 8, 24, 2, 36, 12),
        T(2008, 3, 5, 9, 25, 29),
        T(2013, 2, 1, 3),
        T(2013, 6, 1, 4),
    ),
    one("r_CURRENT_DATE_function", "current_date = trunc(getdate()), current_date - current_date", True, 0),
    Sample("r_CURRENT_DATE_function", "select current_date from sales where false", [], "date"),
    Sample("r_GETDATE", "select getdate(), sysdate from sales where false", [], "timestamp timestamp"),
    one("r_GETDATE", "getdate() = date_trunc('second', sysdate), trunc(getdate()) - current_date", True, 0),
    one(
        "r_DATE_CMP",
        "date_cmp('2008-01-03', '2008-01-04'), date_cmp('2008-01-04', '2008-01-04'), date_cmp(date '2008-01-05', '2008-01-04')",
        -1,
        0,
        1,
    ),
    one(
        "r_DATE_CMP_TIMESTAMP",
        "date_cmp_timestamp('2008-06-18', '2008-01-24 06:43:29'), date_cmp_timestamptz('2008-06-18', timestamptz '2008-11-01 07:35:33')",
        1,
        -1,
    ),
    one(
        "r_TIMESTAMP_CMP",
        "timestamp_cmp('2008-01-24 06:43:29', '2008-02-18 02:36:48'), timestamp_cmp_date('2008-11-01 07:35:33', '2008-06-18'), timestamp_cmp_timestamptz('2008-01-01', timestamptz '2008-01-01 00:00+00')",
        -1,
        1,
        0,
    ),
    one(
        "r_TIMESTAMPTZ_CMP",
        "timestamptz_cmp('2008-01-25 05:00+00', '2008-01-25 04:00+00'), timestamptz_cmp_date('2008-06-18', '2008-06-18'), timestamptz_cmp_timestamp('2008-01-24', '2008-01-25')",
        1,
        0,
        -1,
    ),
    one(
        "r_DATEADD_function",
        "dateadd(month, 18, '2008-02-28'), dateadd(m, 30, '2008-02-28'), dateadd(day, 30, date '2008-11-01'), dateadd(month, 1, '2008-04-30'), date_add('day', 1, '2008-04-30')",
        T(2009, 8, 28),
        T(2008, 2, 28, 0, 30),
        T(2008, 12, 1),
        T(2008, 5, 30),
        T(2008, 5, 1),
        names="date_add date_add date_add date_add date_add",
    ),
    one(
        "r_DATEADD_function",
        "dateadd(month, 12, '2016-02-29'), dateadd(year, 1, '2016-02-29'), dateadd(hour, 8, time '13:24:55'), dateadd(hour, 12, time '13:24:55')",
        T(2017, 2, 28),
        T(2017, 3, 1),
        time(21, 24, 55),
        time(1, 24, 55),
    ),
    one(
        "r_DATEDIFF_function",
        "datediff(week, '2009-01-01', '2009-12-31'), datediff(hour, '2023-01-01', '2023-01-03 05:04:03'), datediff(qtr, '1998-07-01', date '2008-06-05'), datediff(year, '2008-12-31', '2009-01-01'), datediff(minute, time '20:00:00', time '21:00:00'), date_diff('day', date '2023-01-04', date '2024-05-04')",
        52,
        53,
        39,
        1,
        60,
        486,
        names="date_diff date_diff date_diff date_diff date_diff date_diff",
    ),
    Sample(
        "r_DATEDIFF_function",
        "select datediff(day, min(saletime), max(saletime)), avg(datediff(hours, saletime, '2008-12-31')) from sales",
        [(188, 5226)],
    ),
    one(
        "r_DATE_PART_function",
        "date_part(minute, timestamp '20230104 04:05:06.789'), date_part(week, timestamp '20220502 04:05:06.789'), date_part('dayofweek', timestamp '20220502 04:05:06.789'), date_part(century, timestamp '20220502'), date_part(millennium, timestamp '20220502'), date_part(microsecond, timestamp '20220502 04:05:06.789'), date_part(month, date '20220502'), date_part(w, timestamp '2008-06-17 09:44:54')",
        5,
        18,
        1,
        21,
        3,
        789000,
        5,
        25,
        names=" ".join(["pgdate_part"] * 8),
    ),
    Sample(
        "r_Dateparts_for_datetime_functions",
        "select extract(sec from micro), date_part(sec, micro), extract(epoch from micro), date_part(epoch, micro) from seconds",
        [(3, 3.189717, 1253531403, 1253531403.189717)],
        "date_part pgdate_part date_part pgdate_part",
    ),
    one(
        "r_Dateparts_for_datetime_functions",
        "extract(century from timestamp '2000-12-16 12:21:13'), extract(decade from timestamp '1999-02-16 20:38:40'), extract(decade from timestamp '2010-02-16 20:38:40'), extract(mil from timestamp '2000-12-16 12:21:13'), extract(mil from timestamp '2001-12-16 12:21:13')",
        20,
        200,
        202,
        2,
        3,
    ),
    one(
        "r_EXTRACT_function",
        "extract(minute from timestamp '2009-09-09 12:08:43'), extract(ms from timestamp '2009-09-09 12:08:43.101'), extract(hour from time '18:25:33'), extract(yearday from date '2009-02-01'), extract('dow' from date '2009-09-13')",
        8,
        101,
        18,
        32,
        0,
    ),
    one("r_DATE_PART_YEAR", "date_part_year(date '2022-05-02')", 2022),
    one(
        "r_DATE_TRUNC",
        "date_trunc('minute', timestamp '20200430 04:05:06.789'), date_trunc('quarter', timestamp '20200430 04:05:06.789'), date_trunc('millennium', timestamp '20200430 04:05:06.789'), date_trunc('week', timestamp '20220430 04:05:06.789'), date_trunc('century', date '2000-05-01'), date_trunc('month', '2020-04-30')",
        T(2020, 4, 30, 4, 5),
        T(2020, 4, 1),
        T(2001, 1, 1),
        T(2022, 4, 25),
        T(1901, 1, 1),
        T(2020, 4, 1),
    ),
    one("r_INTERVAL_CMP", "interval_cmp('3 days', '1 year'), interval_cmp('7 days', '1 week')", -1, 0),
    one(
        "r_LAST_DAY",
        "last_day('2014-01-05'), last_day(timestamp '2008-02-10 10:00')",
        D(2014, 1, 31),
        D(2008, 2, 29),
    ),
    one(
        "r_MONTHS_BETWEEN_function",
        "months_between('1969-01-18', '1969-03-18'), months_between('2014-08-31', '2014-09-30'), round(months_between('2008-12-25 15:00', '2008-01-21 19:30')::decimal(9, 4), 2)",
        -2.0,
        -1.0,
        N("11.12"),
    ),
    one(
        "r_NEXT_DAY",
        "next_day('2014-08-20', 'Tuesday'), next_day(date '2008-07-06', 'Mo')",
        D(2014, 8, 26),
        D(2008, 7, 7),
    ),
    one(
        "r_TO_TIMESTAMP",
        "to_timestamp('2017', 'YYYY') = timestamptz '2017-01-01 00:00:00+00', to_timestamp('2011-12-18 11:38:15 PM', 'YYYY-MM-DD HH12:MI:SS PM') = '2011-12-18 23:38:15+00'",
        True,
        True,
    ),
    one(
        "r_TO_DATE_function",
        "to_date('02 Oct 2001', 'DD Mon YYYY'), to_date('20010630', 'YYYYMMDD', false)",
        D(2001, 10, 2),
        D(2001, 6, 30),
        names="to_date to_date",
    ),
    one("r_TRUNC_date", "trunc(timestamp '2011-07-21 10:32:38.248109')", D(2011, 7, 21)),
    Sample(
        "r_TRUNC_date",
        "select trunc(saletime), count(*) from sales where salesid < 3 group by trunc(saletime) order by 1",
        [(D(2008, 2, 18), 1), (D(2008, 6, 6), 1)],
        "trunc count",
    ),
    one(
        "r_interval_literals",
        "date '2008-12-31' + interval '3 hours, 35 minutes', date '2008-12-31' + interval '52 weeks', date '2008-12-31' + interval '1w, 1h, 1m, 1s', date '2008-12-31' + interval '0.5 days', date '2008-12-31' + interval '1', date '2023-03-31' - interval '4 months'",
        T(2008, 12, 31, 3, 35),
        T(2009, 12, 30),
        T(2009, 1, 7, 1, 1, 1),
        T(2008, 12, 31, 12),
        T(2008, 12, 31, 0, 0, 1),
        T(2022, 11, 30),
    ),
    one(
        "r_Date_and_time_literals",
        "date '20080103', '1/3/2008'::date, date '2008-01-10' - date '2008-01-01', date '2008-01-01' + 7",
        D(2008, 1, 3),
        D(2008, 1, 3),
        9,
        D(2008, 1, 8),
    ),
    one(
        "r_TO_CHAR",
        "to_char(timestamp '2009-12-31 23:15:59', 'MONTH-DY-DD-YYYY HH12:MIPM'), to_char(timestamp '2009-12-31 23:15:59', 'DDD'), to_char(timestamp '2022-05-16 23:15:59', 'ID'), to_char(timestamp '2008-01-25 14:30:00', 'MON-DD-YYYY HH12:MIPM'), to_char(timestamp '2015-04-10 18:45:09.325143', 'HH24:MI:SS.MS'), to_char(timestamp '2015-04-10 18:45:09.325143', 'HH24:MI:SS:US')",
        "DECEMBER -THU-31-2009 11:15PM",
        "365",
        "1",
        "JAN-25-2008 02:30PM",
        "18:45:09.325",
        "18:45:09:325143",
    ),
    one(
        "r_FORMAT_strings",
        "to_char(date '2008-02-18', 'cc Q WW W IW D YYY YY Y Dy Month Mon mon'), to_char(timestamp '2008-02-18 02:36', 'HH a.m. \"at\" YYYY')",
        "21 1 07 3 08 2 008 08 8 Mon February  Feb feb",
        "02 a.m. at 2008",
    ),
]

NUMBERS = [
    one("r_OPERATOR_SYMBOLS", "5 / 2, -5 / 2, 5.0 / 2, 7::float / 2, 11 % 4, 2 ^ 3", 2, -2, 2.5, 3.5, 3, 8.0),
    one("r_numeric_computations201", "1::smallint / 2::smallint, 7::bigint / 2, 1.1 * 1.1", 0, 3, N("1.21")),
    one("r_CEILING_FLOOR", "ceiling(28.05), ceil(28.05), floor(28.05), floor(-1.5)", 29, 29, 28, -2),
    one("r_ROUND", "round(28.05), round(28.05, 1), round(28.05, -1)", 28, N("28.1"), 30),
    one(
        "r_TRUNC", "trunc(111.15), trunc(111.15, 1), trunc(111.15, -1), trunc(-1.9)", 111, N("111.1"), 110, -1
    ),
    Sample(
        "r_TRUNC",
        "select trunc(commission), trunc(sum(commission)) from sales where salesid = 784 group by 1",
        [(111, 111)],
    ),
    one("r_MOD", "mod(10, 4), mod(10.5, 4), mod(-7, 3)", 2, N("2.5"), -1),
    one(
        "r_LOG",
        "log(100), dlog10(100), ln(1), dlog1(1), exp(0), dexp(0)",
        2.0,
        2.0,
        0.0,
        0.0,
        1.0,
        1.0,
        names="dlog10 dlog10 ln dlog1 exp dexp",
    ),
    one(
        "Math_functions",
        "abs(-38), sign(-2.5), sqrt(16), round(cbrt(27)), power(2, 10), pow(2, 3), degrees(pi()), radians(180) = pi(), round(cot(1), 6)",
        38,
        -1,
        4.0,
        3.0,
        1024.0,
        8.0,
        180.0,
        True,
        0.642093,
    ),
    one(
        "Math_functions",
        "acos(1), asin(0), atan(0), atan2(0, 1), cos(0), sin(0), tan(0), random() < 1",
        0.0,
        0.0,
        0.0,
        0.0,
        1.0,
        0.0,
        0.0,
        True,
    ),
]

CONDITIONS = [
    one(
        "r_NVL_function",
        "nvl(null, 12, 5), coalesce(null, 'Amazon Redshift')",
        12,
        "Amazon Redshift",
        names="coalesce coalesce",
    ),
    one("r_NVL2", "nvl2(null, 'a', 'b'), nvl2(1, 'a', 'b')", "b", "a"),
    Sample(
        "r_DECODE_expression",
        "select decode(qty_shipped, 10, 'ten', null, 'none', 'more') from winsales where sellerid = 2 or salesid in (10001, 10005) order by salesid",
        [("ten",), ("none",), ("more",), ("more",)],
        "case",
    ),
    one("r_NULLIF_function", "nullif('', ''), nullif(4, 2)", None, 4),
    Sample(
        "r_NULLIF_function",
        "select nullif(listid, salesid) from sales where salesid < 3 order by 1",
        [(4,), (None,)],
        "listid",
    ),
    Sample(
        "r_CASE_function",
        "select case sellerid when 1 then 'one' else 'other' end, case when qty < 15 then 'few' end from winsales where salesid in (10001, 20001) order by salesid",
        [("one", "few"), ("other", None)],
        "case case",
    ),
    one(
        "r_GREATEST_LEAST",
        "greatest('Lars', 'Ratliff'), greatest(1, null, 3), least(1, null)",
        "Ratliff",
        3,
        1,
    ),
    one(
        "r_Boolean_type",
        "'t'::bool, 'yes'::bool, '0'::bool, 1::bool, not 'f'::bool",
        True,
        True,
        False,
        True,
        True,
        names="bool bool bool bool ?column?",
    ),
    Sample(
        "r_null_condition",
        "select count(*) from sales where pricepaid is null and not saletime is not null",
        [(1,)],
    ),
    Sample(
        "r_range_condition",
        "select salesid from sales where saletime between '2008-01-01' and '2008-06-06' order by 1",
        [(1,)],
    ),
]

TYPES = [
    one(
        "r_CAST_function",
        "cast(162.00 as integer), cast(2008 as char(4)), cast(109.652 as decimal(4, 1)), cast('2008-02-18 02:36:48' as date), convert(integer, 162.4)",
        162,
        "2008",
        N("109.7"),
        D(2008, 2, 18),
        162,
        names="int4 bpchar numeric date int4",
    ),
    Sample(
        "r_CAST_function",
        "select pricepaid::integer, cast(commission as varchar(3)), max(pricepaid)::int from sales where salesid = 100 group by 1, 2",
        [(162, "28.", 162)],
        "pricepaid commission max",
    ),
    one(
        "r_SUBSTRING",
        "cast('Fourscore and seven' as varchar(5)), 'abc'::char, 'abc'::varchar, 'a'::varchar(max)",
        "Fours",
        "a",
        "abc",
        "a",
    ),
    one("r_Numeric_types201", "5.7::numeric, 5.7::decimal(4), 5.75::numeric(4, 1)", 6, 6, N("5.8")),
    one(
        "r_Datetime_types",
        "'2008-06-01'::timestamp, '2008-06-01 10:00:00+02'::timestamptz = '2008-06-01 08:00:00+00'",
        T(2008, 6, 1),
        True,
    ),
]

AGGREGATES = [
    Sample(
        "r_AVG",
        "select avg(qty), avg(price), avg(qty::float) from winsales, part where partname = 'rudder'",
        [(19, N("2.71"), 215 / 11)],
        "avg avg avg",
    ),
    Sample(
        "r_FROM_clause-pivot-unpivot-examples",
        "select partname, avg(price) from part group by partname order by 1",
        [("prop", N("10.33")), ("rudder", N("2.71")), ("wing", N("11.50"))],
        "partname avg",
    ),
    Sample(
        "r_FROM_clause-pivot-unpivot-examples",
        "select * from (select quality, manufacturer from part) pivot (count(*) as count for quality in (1 as high, 2 as low, null as na)) order by 1",
        [("big parts co", 1, 1, 1), ("local parts co", 1, 1, 1), ("small parts co", 1, 0, 2)],
        "manufacturer high_count low_count na_count",
    ),
    Sample(
        "r_COUNT",
        "select count(*), count(qty_shipped), count(distinct sellerid), approximate count(distinct sellerid), count(all qty) from winsales",
        [(11, 5, 4, 4, 11)],
        "count count count count count",
    ),
    Sample(
        "r_SUM",
        "select sum(qty), sum(price), max(qty), min(qty) from winsales, part where partname = 'prop' and price = 9",
        [(215, N("99.00"), 40, 10)],
        "sum sum max min",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(sellerid, ', ') within group (order by sellerid), listagg(distinct sellerid, ', ') within group (order by sellerid), listagg(sellerid) within group (order by dateid, salesid) from winsales",
        [("1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4", "1, 2, 3, 4", "31141242333")],
        "listagg listagg listagg",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(dateid, '|') within group (order by sellerid desc, salesid asc) from winsales where buyerid = 'b'",
        [("2003-08-02|2004-04-18|2004-04-18|2004-02-12",)],
    ),
    Sample(
        "r_LISTAGG",
        "select buyerid, listagg(salesid, ',') within group (order by salesid) as sales_id from winsales group by buyerid order by buyerid",
        [("a", "10005,40001,40005"), ("b", "20001,30001,30003,30004"), ("c", "10001,10006,20002,30007")],
        "buyerid sales_id",
    ),
    Sample(
        "r_LISTAGG",
        "select listagg(nullif(buyerid, 'b')) within group (order by salesid), listagg(case buyerid when 'b' then '' else 'x' end, ',') from winsales where qty = 20",
        [("c", "x")],
    ),
    Sample(
        "r_MEDIAN",
        "select sellerid, median(qty), percentile_cont(0.5) within group (order by qty) from winsales group by 1 order by 1",
        [(1, 10.0, 10.0), (2, 20.0, 20.0), (3, 17.5, 17.5), (4, 25.0, 25.0)],
        "sellerid median percentile_cont",
    ),
    Sample(
        "r_APPROXIMATE_PERCENTILE_DISC",
        "select approximate percentile_disc(0.5) within group (order by qty), percentile_cont(0.25) within group (order by qty desc) from winsales",
        [(20, 25.0)],
        "percentile_disc percentile_cont",
    ),
    Sample(
        "r_STDDEV_functions",
        "select stddev(qty) = stddev_samp(qty), stddev_pop(qty)::decimal(9, 4), variance(qty) = var_samp(qty), var_pop(qty)::decimal(9, 4) from winsales where sellerid = 1",
        [(True, N("9.4281"), True, N("88.8889"))],
    ),
    Sample(
        "r_BIT_AND",
        "select bit_and(qty), bit_or(qty), bool_and(qty > 5), bool_or(sellerid - 1), any_value(buyerid) from winsales where sellerid = 3 and qty in (10, 30) and buyerid = 'b'",
        [(10, 10, True, True, "b")],
    ),
    Sample(
        "r_GROUP_BY_aggregation-extensions",
        "select partname, grouping(partname), count(*) from part group by rollup (partname) order by 1 nulls first",
        [(None, 1, 9), ("prop", 0, 3), ("rudder", 0, 3), ("wing", 0, 3)],
    ),
]

WINDOWS = [
    Sample(
        "r_WF_AVG",
        "select salesid, avg(qty) over (order by dateid, salesid rows unbounded preceding) from winsales order by dateid, salesid",
        [
            (30001, 10),
            (10001, 10),
            (10005, 16),
            (40001, 22),
            (10006, 20),
            (20001, 20),
            (40005, 18),
            (20002, 18),
            (30003, 18),
            (30004, 18),
            (30007, 19),
        ],
        "salesid avg",
    ),
    Sample(
        "r_WF_SUM",
        "select salesid, sum(qty) over (partition by sellerid order by dateid, salesid rows unbounded preceding) as sum from winsales where sellerid = 3 order by 1",
        [(30001, 10), (30003, 25), (30004, 45), (30007, 75)],
    ),
    Sample(
        "r_WF_RANK",
        "select salesid, qty, rank() over (order by qty desc), dense_rank() over (order by qty desc) from winsales where sellerid < 3 order by 2, 1",
        [(10001, 10, 4, 3), (10006, 10, 4, 3), (20001, 20, 2, 2), (20002, 20, 2, 2), (10005, 30, 1, 1)],
        "salesid qty rank dense_rank",
    ),
    Sample(
        "r_WF_RANK",
        "select salesid, rank() over (order by qty_shipped desc), rank() over (order by qty_shipped) from winsales where sellerid = 3 order by 1",
        [(30001, 4, 1), (30003, 1, 2), (30004, 1, 2), (30007, 1, 2)],
    ),
    Sample(
        "r_WF_LAG",
        "select salesid, lag(qty, 1) over (order by salesid), lead(qty, 1) over (order by salesid) from winsales where sellerid = 1 order by 1",
        [(10001, None, 30), (10005, 10, 10), (10006, 30, None)],
        "salesid lag lead",
    ),
    Sample(
        "r_WF_LAG",
        "select salesid, lag(qty_shipped) ignore nulls over (order by salesid), first_value(qty_shipped ignore nulls) over (order by salesid desc rows between unbounded preceding and unbounded following), last_value(qty) over (order by salesid rows between unbounded preceding and unbounded following) from winsales where sellerid = 3 order by 1",
        [(30001, None, 10, 30), (30003, 10, 10, 30), (30004, 10, 10, 30), (30007, 10, 10, 30)],
    ),
    Sample(
        "r_WF_LISTAGG",
        "select listagg(sellerid) within group (order by dateid) over () as seller from winsales where buyerid = 'b' limit 1",
        [("3233",)],
    ),
    Sample(
        "r_WF_LISTAGG",
        "select buyerid, listagg(salesid, ',') within group (order by salesid) over (partition by buyerid) from winsales where qty = 40",
        [("a", "40001")],
    ),
    Sample(
        "r_WF_MEDIAN",
        "select sellerid, qty, median(qty) over (partition by sellerid) from winsales where sellerid in (3, 4) order by 1, 2",
        [(3, 10, 17.5), (3, 15, 17.5), (3, 20, 17.5), (3, 30, 17.5), (4, 10, 25.0), (4, 40, 25.0)],
    ),
    Sample(
        "r_WF_PERCENTILE_CONT",
        "select qty, percentile_cont(0.5) within group (order by qty) over () as median, percentile_disc(0.5) within group (order by qty) over () from winsales where sellerid = 3 order by 1",
        [(10, 17.5, 15), (15, 17.5, 15), (20, 17.5, 15), (30, 17.5, 15)],
        "qty median percentile_disc",
    ),
    Sample(
        "r_WF_CUME_DIST",
        "select qty, cume_dist() over (order by qty), percent_rank() over (order by qty), ntile(2) over (order by qty), row_number() over (order by qty), nth_value(qty, 2) over (order by qty rows between unbounded preceding and unbounded following) from winsales where sellerid = 3 order by 1",
        [
            (10, 0.25, 0.0, 1, 1, 15),
            (15, 0.5, 1 / 3, 1, 2, 15),
            (20, 0.75, 2 / 3, 2, 3, 15),
            (30, 1.0, 1.0, 2, 4, 15),
        ],
    ),
    Sample(
        "r_WF_RATIO_TO_REPORT",
        "select qty, ratio_to_report(qty) over (partition by sellerid) from winsales where sellerid = 4 order by 1",
        [(10, 0.2), (40, 0.8)],
        "qty ratio_to_report",
    ),
    Sample(
        "r_QUALIFY_clause",
        "select * from store_sales ss where ss_sold_time > time '12:00:00' qualify row_number() over (partition by ss_sold_date order by ss_sales_price desc) <= 2 order by 3",
        [
            (D(2022, 1, 1), time(17), "Product 4", 1000.0),
            (D(2022, 1, 1), time(18), "Product 5", 30.0),
            (D(2022, 1, 2), time(16), "Product 7", 5.0),
        ],
    ),
    Sample(
        "r_QUALIFY_clause",
        "select ss_item from store_sales ss qualify last_value(ss_item) over (partition by ss_sold_date order by ss_sold_time asc rows between unbounded preceding and unbounded following) = ss_item order by 1",
        [("Product 5",), ("Product 7",)],
    ),
]

JSON = [
    one(
        "JSON_EXTRACT_PATH_TEXT",
        """json_extract_path_text('{"f2":{"f3":1},"f4":{"f5":99,"f6":"star"}}', 'f4', 'f6'), json_extract_path_text('{"farm":{"barn":{}}}', 'farm', 'barn', 'color'), json_extract_path_text('{"a', 'a', true), json_extract_path_text('{"f2":{"f3":1}}', 'f2'), json_extract_path_text('{"a/b~c":"d"}', 'a/b~c'), json_extract_path_text('{}', null)""",
        "star",
        None,
        None,
        '{"f3":1}',
        "d",
        None,
    ),
    one(
        "JSON_EXTRACT_ARRAY_ELEMENT_TEXT",
        "json_extract_array_element_text('[111,112,113]', 2), json_extract_array_element_text('[1', 0, true)",
        "113",
        None,
    ),
    one(
        "JSON_ARRAY_LENGTH",
        """json_array_length('[11,12,13,{"f1":21,"f2":[25,26]},14]'), json_array_length('[11', true)""",
        5,
        None,
    ),
    one(
        "IS_VALID_JSON",
        """is_valid_json('{"a":2}'), is_valid_json('{{}}'), is_valid_json('[1,2,3]'), is_valid_json_array('[]'), is_valid_json_array('{"a":1}'), is_valid_json_array('a')""",
        True,
        False,
        False,
        True,
        False,
        False,
    ),
]

CLAUSES = [
    Sample(
        "r_ORDER_BY_clause", "select distinct qty_shipped from winsales order by 1", [(10,), (20,), (None,)]
    ),
    Sample(
        "r_ORDER_BY_clause",
        "select distinct qty_shipped from winsales order by qty_shipped desc",
        [(None,), (20,), (10,)],
    ),
    Sample(
        "r_ORDER_BY_clause",
        "select distinct qty_shipped from winsales order by 1 desc nulls last limit 2 offset 1",
        [(10,), (None,)],
    ),
    Sample(
        "r_SELECT_list",
        "select top 2 qty, sellerid from winsales order by qty desc, sellerid",
        [(40, 4), (30, 1)],
    ),
    Sample(
        "r_SELECT_list",
        "select qty / 4 as quarter, quarter * 2 as half from winsales where salesid = 10001",
        [(2, 4)],
        "quarter half",
    ),
    Sample(
        "r_SELECT_list",
        "select * exclude (dateid, buyerid, qty_shipped) from winsales where salesid = 10001",
        [(10001, 1, 10)],
        "salesid sellerid qty",
    ),
    Sample(
        "r_names",
        'select SalesId, "QTY", qty as "Mixed Case", Qty AS Other from WINSALES where "SALESID" = 10001',
        [(10001, 10, 10, 10)],
        "salesid|qty|mixed case|other",
    ),
    Sample(
        "r_WHERE_oracle_outer",
        "select s.salesid, p.partname from sales s, part p where s.salesid = p.quality(+) and p.partname(+) = 'prop' order by 1",
        [(1, "prop"), (2, "prop"), (100, None), (784, None)],
    ),
    Sample(
        "r_UNION",
        "select sellerid from winsales where qty > 30 union select 9 union all select 9 order by 1",
        [(4,), (9,), (9,)],
        "sellerid",
    ),
    Sample("r_UNION", "select sellerid from winsales intersect select 2 minus select 3", [(2,)]),
    Sample(
        "r_WITH_clause",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3), m as (select max(i) from n) select i, max from n, m order by 1",
        [(1, 3), (2, 3), (3, 3)],
        "i max",
    ),
    Sample(
        "r_FROM_clause30",
        "select a.salesid, count from winsales a join (select sellerid, count(*) from winsales group by 1) b using (sellerid) where a.qty = 40",
        [(40001, 2)],
        "salesid count",
    ),
    Sample(
        "r_exists_condition",
        "select salesid from sales s where exists (select 1 from winsales w where w.sellerid = s.listid) and listid = any (select sellerid from winsales) and (listid, salesid) in ((4, 2), (1, 1)) order by 1",
        [(1,), (2,)],
    ),
    Sample(
        "r_HAVING_clause",
        "select sellerid, sum(qty) from winsales group by sellerid having sum(qty) > 50 order by 2",
        [(3, 75)],
        "sellerid sum",
    ),
    Sample("r_LIMIT_clause", "select 1 as a limit all", [(1,)]),
]

SAMPLES = [*STRINGS, *PATTERNS, *DATES, *NUMBERS, *CONDITIONS, *TYPES, *AGGREGATES, *WINDOWS, *JSON, *CLAUSES]
