"""Loads into memory: what single values, bad uploads and the table's own rules come to."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
from spectra.adapters.memory.reading import read
from spectra.domain import LoadSpec
from spectra.ports import Status
from tests.contract.local_executors import HEADER, ITEMS, Harness

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
TYPES = {
    "i": "integer",
    "r": "double precision",
    "n": "decimal(10, 2)",
    "d": "date",
    "ts": "timestamp",
    "ti": "time",
    "b": "boolean",
    "t": "varchar(9)",
    "x": "",
}


@pytest.fixture
def harness() -> Iterator[Harness]:
    with MemoryResultStore() as results, MemoryExecutor(results) as executor:
        yield Harness(executor, results, "")


@pytest.fixture
def house(harness: Harness) -> Harness:
    harness.sql(ITEMS)
    return harness


def reports(house: Harness, execution: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(house.read(execution.failed_records).decode())))


# ---- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "sent", "kept"),
    [
        ("i", "7", 7),
        ("i", " 7 ", 7),
        ("i", "-7.0", -7),
        ("i", "1e3", 1000),
        ("i", str(2**63 - 1), 2**63 - 1),
        ("r", "7", 7.0),
        ("r", ".5", 0.5),
        ("r", "-1e-7", -1e-7),
        ("n", "12.50", 12.5),
        ("n", "12.00", 12),
        ("d", "2026-02-28", "2026-02-28"),
        ("ts", "2026-02-28T01:02:03", "2026-02-28 01:02:03"),
        ("ts", "2026-02-28", "2026-02-28 00:00:00"),
        ("ti", "01:02", "01:02:00"),
        ("b", "TRUE", 1),
        ("b", "f", 0),
        ("t", "longer than nine", "longer than nine"),
        ("x", "as it is", "as it is"),
        *((column, "", None) for column in TYPES),
    ],
)
def test_ex4_values_that_fit(harness: Harness, column: str, sent: str, kept: object) -> None:
    harness.sql("create table v (" + ", ".join(f"{name} {kind}" for name, kind in TYPES.items()) + ")")
    execution = harness.load(f'{column}\n"{sent}"\n', object="v")
    assert execution.status is Status.SUCCEEDED, execution.error
    assert harness.sql(f"select {column}, typeof({column}) from v") == [
        (kept, {int: "integer", float: "real", str: "text", type(None): "null"}[type(kept)])
    ]


@pytest.mark.parametrize(
    ("column", "sent"),
    [
        *(
            ("i", text)
            for text in ("x", "1.5", str(2**63), "1_000", "nan", "0x10", "١", "1e400", "9" * 5_000)
        ),
        *(("r", text) for text in ("x", "nan", "inf", "1_0.0", "1e400", "1,5", "--1")),
        *(("n", text) for text in ("x", "NaN", "Infinity", "1e999999999")),
        *(("d", text) for text in ("x", "2026-02-30", "28.02.2026", "2026-02-28 00:00")),
        *(("ts", text) for text in ("x", "2026-02-28 25:00", "yesterday")),
        *(("ti", text) for text in ("x", "25:00")),
        *(("b", text) for text in ("x", "yes", "2")),
    ],
)
def test_ex5_values_that_do_not_fit(harness: Harness, column: str, sent: str) -> None:
    harness.sql("create table v (" + ", ".join(f"{name} {kind}" for name, kind in TYPES.items()) + ")")
    execution = harness.load(f'{column}\n"{sent}"\n', object="v", max_failed_records=1)
    (row,) = reports(harness, execution)
    assert (row["spectra_code"], row["spectra_column"], row["spectra_value"]) == ("CAST", column, sent)
    assert row["spectra_message"] == f"cannot be read as {TYPES[column].upper()}"
    assert harness.sql("select count(*) from v") == [(0,)]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (True, "true"),
        (2.5, "2.5"),
        (10**30, str(10**30)),
        ("é", "é"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ("a\0b", "a\0b"),
    ],
)
def test_ex4_json_values_as_text(house: Harness, sent: object, kept: str) -> None:
    execution = house.load(json.dumps({"id": 1, "name": sent}), content_type="JSON")
    assert execution.status is Status.SUCCEEDED, execution.error
    assert [row[1] for row in house.items()] == [kept]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"id": 1, "name": "\\ud800"}', "MALFORMED"),
        (b'{"id": 1, "name": "\xff"}', "INVALID_ENCODING"),
        (b"[" * 100_000, "MALFORMED"),
        (b'{"id": 1, "name": }', "MALFORMED"),
        (b"7", "MALFORMED"),
        (b'{"id": true, "name": "a"}', "CAST"),
        (b'{"id": 1, "name": "a", "price": NaN}', "CAST"),
        (b'{"id": {"a": 1}, "name": "a"}', "CAST"),
        (b'{"name": "a"}', "NOT_NULL"),
    ],
)
def test_ex5_json_records_that_are_none(house: Harness, line: bytes, code: str) -> None:
    data = b'{"id": 9, "name": "good"}\n' + line + b"\n"
    execution = house.load(data, content_type="JSON", max_failed_records=1)
    assert execution.status is Status.SUCCEEDED, execution.error
    assert [(row[0], row[1], row[3]) for row in house.failed(execution)] == [(2, 2, code)]
    assert house.rejected(execution) == line + b"\n"
    assert [row[0] for row in house.items()] == [9]


# ---- the table's own rules ---------------------------------------------------------------------


def test_ex5_the_table_judges_record_by_record(harness: Harness) -> None:
    harness.sql(
        "create table t (id integer primary key on conflict replace, name text collate nocase unique,"
        " size integer check (size > 0), low text)"
    )
    harness.sql("create unique index half on t (low) where size > 100")
    harness.sql("insert into t values (1, 'One', 1, 'x')")
    data = "id,name,size,low\n1,new,1,\n2,ONE,1,\n3,three,0,\n4,four,4,x\n5,five,101,x\n6,FOUR,6,\n7,seven,102,x\n"
    execution = harness.load(data, object="t", max_failed_records=9)
    assert [(row[0], row[2], row[3]) for row in harness.failed(execution)] == [
        (1, "", "UNIQUE_VIOLATION"),
        (2, "", "UNIQUE_VIOLATION"),
        (3, "", "CHECK"),
        (6, "", "UNIQUE_VIOLATION"),
        (7, "", "UNIQUE_VIOLATION"),
    ]
    assert [row["spectra_value"] for row in reports(harness, execution)][:2] == ["1", "ONE"]
    assert harness.sql("select id, name from t order by id") == [(1, "One"), (4, "four"), (5, "five")]


def test_ex5_updates_are_judged_too(harness: Harness) -> None:
    harness.sql("create table t (id integer primary key, name text unique)")
    harness.sql("insert into t values (1, 'a'), (2, 'b'), (3, 'c')")
    options: dict[str, Any] = {"object": "t", "key_columns": ("id",), "max_failed_records": 1}
    for operation in ("update", "upsert"):
        execution = harness.load("id,name\n1,z\n2,c\n", operation=operation, **options)
        assert [(row[0], row[3]) for row in harness.failed(execution)] == [(2, "UNIQUE_VIOLATION")]
        assert harness.sql("select name from t order by id") == [("z",), ("b",), ("c",)]


def test_ex4_a_trigger_that_rolls_back_fails_the_load(house: Harness) -> None:
    house.sql(
        "create trigger guard before insert on items when new.id = 2 begin select raise(rollback, 'no'); end"
    )
    execution = house.load(HEADER + "1,a,\n2,b,\n3,c,\n", max_failed_records=9)
    assert (execution.status, execution.error.code) == (Status.FAILED, "CONSTRAINT_VIOLATION")
    assert house.items() == []


def test_ex4_a_trigger_that_aborts_sets_the_record_aside(house: Harness) -> None:
    house.sql(
        "create trigger guard before insert on items when new.id = 2 begin select raise(abort, 'no 2'); end"
    )
    execution = house.load(HEADER + "1,a,\n2,b,\n3,c,\n", max_failed_records=9)
    (row,) = reports(house, execution)
    assert (row["spectra_code"], row["spectra_message"]) == ("CONSTRAINT_VIOLATION", "no 2")
    assert [row[0] for row in house.items()] == [1, 3]


@pytest.mark.parametrize(
    "name", ["nothing", "other.items", "spectra_ledger", "sqlite_schema", "sqlite_master", "v"]
)
def test_ex4_only_tables_are_loaded(house: Harness, name: str) -> None:
    house.sql("create view v as select * from items")
    execution = house.load("id,name\n1,a\n", object=name)
    error = execution.error
    assert (error.code, error.category, error.details["sql_state"]) == ("QUERY_ERROR", "resource", "42P01")


def test_ex4_equal_keys_are_equal_however_they_are_spelled(harness: Harness) -> None:
    harness.sql("create table t (id decimal(9, 2), name text)")
    harness.sql("insert into t values (1, 'one'), (2.5, 'two')")
    options: dict[str, Any] = {"object": "t", "operation": "update", "key_columns": ("ID",)}
    execution = harness.load("id,name\n1.00,a\n2.50,b\n", **options)
    assert execution.counts.succeeded == 2
    execution = harness.load("id,name\n1,a\n1.0,b\n", max_failed_records=2, **options)
    assert [row[3] for row in harness.failed(execution)] == ["DUPLICATE_KEY"] * 2
    assert harness.sql("select name from t order by id") == [("a",), ("b",)]


# ---- reports -----------------------------------------------------------------------------------


def test_ex5_the_report_of_failed_records(house: Harness) -> None:
    execution = house.load(HEADER + '1,a,\n2,"é, ""b""",dear\n\n3,c,\n', max_failed_records=1)
    text = house.read(execution.failed_records).decode()
    assert text == (
        "id,name,price,spectra_record,spectra_line,spectra_column,spectra_value,spectra_code,spectra_category,"
        "spectra_retryable,spectra_message\n"
        '2,"é, ""b""",dear,2,3,price,dear,CAST,validation,false,cannot be read as DOUBLE\n'
    )
    part = execution.failed_records.parts[0]
    assert part.location.endswith("/failed-records.csv")
    assert execution.unprocessed_records is None


def test_ex5_one_more_fails_and_all_three_files_tell(house: Harness) -> None:
    data = HEADER + "1,a,\nx,b,\n2,c,\ny,d,\nz,e,\n"
    for compression, suffix in (("NONE", ".csv"), ("GZIP", ".csv.gz")):
        packed = gzip.compress(data.encode()) if compression == "GZIP" else data
        execution = house.load(packed, max_failed_records=1, compression=compression)
        assert (execution.status, execution.error.code) == (Status.FAILED, "TOO_MANY_FAILED_RECORDS")
        assert attrs.astuple(execution.counts) == (5, 0, 2, 3)
        assert [row[0] for row in house.failed(execution)] == [2, 4]
        rejected, rest = house.rejected(execution), house.read(execution.unprocessed_records)
        if compression == "GZIP":
            rejected, rest = gzip.decompress(rejected), gzip.decompress(rest)
        assert rejected.decode() == HEADER + "x,b,\ny,d,\n"
        assert rest.decode() == HEADER + "1,a,\n2,c,\nz,e,\n"
        assert execution.rejected_input.location.endswith("/rejected-input" + suffix)
        assert execution.unprocessed_records.parts[0].location.endswith("/unprocessed-records" + suffix)
        assert execution.unprocessed_records.rows == 3
        assert house.items() == []


def test_ex5_what_is_no_text_spoils_its_record_alone(house: Harness) -> None:
    execution = house.load(HEADER.encode() + b"1,a,\n2,\xff\xfe,\n3,c,\n", max_failed_records=1)
    assert house.failed(execution) == [(2, 3, "", "INVALID_ENCODING")]
    assert reports(house, execution)[0]["name"] == "\ufffd\ufffd"
    assert house.rejected(execution) == HEADER.encode() + b"2,\xff\xfe,\n"
    assert house.load(b"id,n\xffme\n1,a\n").error.code == "INVALID_ENCODING"


def test_ex5_rejected_input_can_be_loaded_again(house: Harness) -> None:
    first = house.load("1;a;x\n2;b;2\n", delimiter=";", header=False, max_failed_records=1)
    again = house.rejected(first).decode().replace("x", "1")
    assert house.load(again, delimiter=";", header=False).counts.succeeded == 1
    assert house.items() == [(1, "a", 1.0), (2, "b", 2.0)]


# ---- uploads -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        (b"", {}, "NO_DATA"),
        (b"\xef\xbb\xbf", {}, "NO_DATA"),
        (b"\n\r\n\n", {}, "NO_DATA"),
        (b"", {"compression": "GZIP"}, "NO_DATA"),
        (gzip.compress(b"", mtime=0), {"compression": "GZIP"}, "NO_DATA"),
        (b"id,name\n1,a\rb\n", {}, "MIXED_LINE_ENDINGS"),
        (b'id,name\n1,"a\n' + b"2,b\n" * 100_000, {}, "UNTERMINATED_QUOTE"),
    ],
)
def test_ex5_uploads_that_are_wrong_as_a_whole(
    house: Harness, data: bytes, options: dict[str, Any], code: str
) -> None:
    begun = time.monotonic()
    execution = house.load(data, **options)
    assert (execution.status, execution.error.code) == (Status.FAILED, code)
    assert time.monotonic() - begun < 5


def test_ex5_an_upload_that_is_gone(house: Harness) -> None:
    task = house.task(LoadSpec(operation="insert", object="items"), HEADER)
    house.results.delete(task.upload.location)
    error = house.done(task).error
    assert (error.code, error.category) == ("UPLOAD_MISSING", "resource")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_ex4_line_endings(house: Harness, end: str, last: bool) -> None:
    lines = ["id,name", "1,a", "", "2,b" + (end if last else "")]
    assert house.load(end.join(lines)).counts.succeeded == 2
    assert [row[1] for row in house.items()] == ["a", "b"]


def test_ex4_a_field_may_be_long(house: Harness) -> None:
    assert house.load("id,name\n1," + "x" * 1_000_000).counts.succeeded == 1


@SHARED
@given(
    rows=st.lists(st.lists(st.text("ab,;\"\n\r é\0'", max_size=6), min_size=2, max_size=2), max_size=6),
    delimiter=st.sampled_from([",", ";", "\t", "|", "é", " "]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_the_reader_reads_what_a_writer_wrote(
    rows: list[list[str]], delimiter: str, quoting: Any, end: str
) -> None:
    # Python's writer does not quote a lone carriage return, which no reader could tell from an ending.
    assume(quoting == csv.QUOTE_ALL or "\r" not in "".join(sum(rows, [])))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([["p", "q"], *rows])
    spec = LoadSpec(operation="insert", object="t", delimiter=delimiter)
    upload = read(text.getvalue().encode(), spec, lambda _: None)
    assert upload.names == ("p", "q")
    assert [record.content for record in upload.records] == rows
    assert b"".join([upload.header, *(record.data for record in upload.records)]) == text.getvalue().encode()


@SHARED
@given(
    data=st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from([b"1", b",", b'"', b"\n", b"\r", b"a", b"\xff", b"{", b"}", b":", b"e9"])
        ).map(b"".join),
    ),
    kind=st.sampled_from(["CSV", "JSON"]),
    packed=st.booleans(),
    header=st.booleans(),
)
@example(data=b'"\r\n\n"', kind="CSV", packed=False, header=False)
def test_ex5_whatever_is_sent_ends_well(
    house: Harness, data: bytes, kind: str, packed: bool, header: bool
) -> None:
    house.sql("delete from items")
    prefix = b"id,name\n" if header and kind == "CSV" else b""
    options = {"content_type": kind, "header": header, "max_failed_records": 3}
    body = prefix + data
    if packed:
        body = gzip.compress(body)
        options["compression"] = "GZIP"
    execution = house.load(body, **options)
    if execution.status is Status.SUCCEEDED:
        assert len(house.items()) == execution.counts.succeeded
        assert len(house.failed(execution)) == execution.counts.failed
    else:
        assert execution.error.code != "INTERNAL", execution.error
        assert house.items() == []
