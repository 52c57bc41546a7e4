"""Redshift's functions that DuckDB lacks, or understands otherwise, as DuckDB's macros.

They live in a database of their own, in memory, so that they neither meet the host's tables nor are
written to its file.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CATALOG", "MACROS"]

CATALOG: Final = "_redshift"

_DATES: Final = """
date_trunc(part, x) AS date_trunc(part, CAST(x AS TIMESTAMP));
add_months(x, n) AS CASE
    WHEN CAST(x AS DATE) = last_day(CAST(x AS TIMESTAMP))
    THEN last_day(CAST(x AS TIMESTAMP) + to_months(CAST(n AS INTEGER))) + CAST(CAST(x AS TIMESTAMP) AS TIME)
    ELSE CAST(x AS TIMESTAMP) + to_months(CAST(n AS INTEGER))
  END;
next_day(x, name) AS CAST(x AS DATE) + CAST(1 + (
    (strpos('sumotuwethfrsa', lower(left(name, 2))) - 1) // 2 - dayofweek(CAST(x AS DATE)) + 6) % 7 AS INTEGER);
months_apart(x, y) AS CAST((year(x) - year(y)) * 12 + month(x) - month(y) AS DOUBLE) + CASE
    WHEN day(x) = day(y) OR (CAST(x AS DATE) = last_day(x) AND CAST(y AS DATE) = last_day(y)) THEN 0
    ELSE (day(x) - day(y) + (epoch(CAST(x AS TIME)) - epoch(CAST(y AS TIME))) / 86400) / 31
  END;
months_between(x, y) AS _redshift.months_apart(CAST(x AS TIMESTAMP), CAST(y AS TIMESTAMP));
convert_timezone(zone, x) AS timezone(zone, timezone('UTC', CAST(x AS TIMESTAMP))),
  (home, zone, x) AS timezone(zone, timezone(home, CAST(x AS TIMESTAMP)));
getdate() AS date_trunc('second', timezone('UTC', now()));
sysdate() AS timezone('UTC', now());
trunc(x TIMESTAMP) AS CAST(x AS DATE), (x TIMESTAMPTZ) AS CAST(x AS DATE), (x) AS trunc(x);
"""

_TEXTS: Final = r"""
substring(x, start) AS substr(CAST(x AS VARCHAR), greatest(start, 1)),
  (x, start, size) AS CASE
    WHEN size < 0 THEN error('SUBSTRING takes no negative length')
    WHEN start >= 1 THEN substr(CAST(x AS VARCHAR), start, size)
    ELSE substr(CAST(x AS VARCHAR), 1, greatest(start + size - 1, 0))
  END;
initcap(x) AS array_to_string(list_transform(
    regexp_extract_all(lower(x), '[\p{L}\p{N}]+|[^\p{L}\p{N}]+'),
    lambda word: upper(word[1]) || word[2:]), '');

digits(x, base) AS CASE
    WHEN x IS NULL OR base IS NULL THEN NULL
    WHEN base NOT BETWEEN 2 AND 36 THEN error('STRTOL takes a base from 2 to 36')
    ELSE (CASE WHEN starts_with(x, '-') THEN -1 ELSE 1 END) * list_reduce(list_transform(
      regexp_extract_all('0' || ltrim(x, '+-'), '(?s).'),
      lambda digit: CASE
        WHEN strpos('0123456789abcdefghijklmnopqrstuvwxyz', digit) BETWEEN 1 AND base
        THEN CAST(strpos('0123456789abcdefghijklmnopqrstuvwxyz', digit) - 1 AS BIGINT)
        ELSE error('STRTOL cannot read ' || x) END),
      lambda sum, digit: sum * base + digit)
  END;
strtol(x, base) AS _redshift.digits(regexp_replace(
    lower(ltrim(x)), CASE base WHEN 16 THEN '^([+-]?)(0x)?' ELSE '^([+-]?)' END, '\1'), base);

regexp_count(x, pattern, flags) AS CASE WHEN x IS NOT NULL AND pattern IS NOT NULL
    THEN length(regexp_extract_all(x, pattern, 0, flags)) END;
regexp_substr(x, pattern, nth, part, flags) AS CASE WHEN x IS NOT NULL AND pattern IS NOT NULL
    THEN coalesce(list_extract(regexp_extract_all(x, pattern, part, flags), nth), '') END;
regexp_place(x, pattern, beyond, skipped) AS CASE
    WHEN x IS NULL OR pattern IS NULL THEN NULL
    WHEN NOT regexp_matches(x, pattern) THEN 0
    ELSE skipped + 1 + length(regexp_extract(x, pattern, 1))
      + CASE WHEN beyond = 0 THEN 0 ELSE length(regexp_extract(x, pattern, 2)) END
  END;
regexp_instr(x, pattern, start, nth, beyond, flags) AS _redshift.regexp_place(
    substr(x, greatest(start, 1)),
    '(?s' || flags || ')^((?:.*?(?:' || pattern || ')){' || CAST(nth - 1 AS VARCHAR) || '}.*?)('
    || pattern || ')',
    beyond, greatest(start, 1) - 1);

json_step(x) AS '/' || replace(replace(CAST(x AS VARCHAR), '~', '~0'), '/', '~1');
json_at(x, pointer, lenient) AS CASE
    WHEN pointer IS NULL OR (lenient AND NOT json_valid(x)) THEN NULL
    ELSE json_extract_string(x, pointer) END;
json_nth(x, nth, lenient) AS _redshift.json_at(
    x, CASE WHEN nth >= 0 THEN '/' || CAST(nth AS VARCHAR) END, lenient);
json_length(x, lenient) AS CASE WHEN lenient AND NOT json_valid(x) THEN NULL
    ELSE CAST(json_array_length(x) AS INTEGER) END;
json_is(x, kind) AS CASE WHEN json_valid(x) THEN json_type(x) = kind WHEN x IS NOT NULL THEN false END;

places(x) AS CAST(nullif(regexp_extract(typeof(x), ',(\d+)', 1), '') AS INTEGER);
mean(total, count) AS CASE WHEN _redshift.places(total) IS NULL THEN cast_to_type(total // count, total)
    ELSE cast_to_type(trunc(total // count * (1 + 1e-15), _redshift.places(total)), total) END;
plus_years(x, n) AS CASE WHEN day(x) = 29 AND day(x + to_years(CAST(n AS INTEGER))) = 28
    THEN x + to_years(CAST(n AS INTEGER)) + to_days(1) ELSE x + to_years(CAST(n AS INTEGER)) END;
cmp(x, y) AS CASE WHEN x < y THEN -1 WHEN x > y THEN 1 WHEN x = y THEN 0 END;
"""

_DEFINITIONS: Final = [one.strip(" ;\n") for text in (_DATES, _TEXTS) for one in text.split(";\n")]

MACROS: Final = tuple(f"CREATE MACRO IF NOT EXISTS {CATALOG}.{one}" for one in _DEFINITIONS if one)
"""Statements that make them, once a database of the name `CATALOG` is attached."""
