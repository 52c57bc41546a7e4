"""Uploads that cannot be loaded at all: a clear code, advice, and nothing changed."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from backports import zstd

from spectra.domain import Effect, LoadSpec
from spectra.ports import Status

from .duckdb_house import House, opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(tmp_path)


GOOD = b"id,name\n" + b"".join(b"%d,%x\n" % (i, random.Random(i).getrandbits(64)) for i in range(20_000))
UPSERT = {"operation": "upsert", "key_columns": ("id",)}
PARQUET = {"content_type": "PARQUET"}
JSON = {"content_type": "JSON"}

CASES = {
    "empty": (b"", {}, "NO_DATA"),
    "empty gzip": (gzip.compress(b""), {"compression": "GZIP"}, "NO_DATA"),
    "empty zstd": (zstd.compress(b""), {"compression": "ZSTD"}, "NO_DATA"),
    "empty parquet": (b"", PARQUET, "NO_DATA"),
    "truncated gzip": (gzip.compress(GOOD)[:-20_000], {"compression": "GZIP"}, "BROKEN_FILE"),
    "gzip without its end": (gzip.compress(GOOD)[:-4], {"compression": "GZIP"}, "BROKEN_FILE"),
    "gzip with a wrong sum": (gzip.compress(GOOD)[:-8] + b"\0" * 8, {"compression": "GZIP"}, "BROKEN_FILE"),
    "truncated zstd": (zstd.compress(GOOD)[:-20_000], {"compression": "ZSTD"}, "BROKEN_FILE"),
    "zstd without its end": (zstd.compress(GOOD)[:-1], {"compression": "ZSTD"}, "BROKEN_FILE"),
    "zstd cut between frames": (
        zstd.compress(GOOD) + zstd.compress(b"7,x\n")[:-2],
        {"compression": "ZSTD"},
        "BROKEN_FILE",
    ),
    "plain, said gzip": (GOOD, {"compression": "GZIP"}, "WRONG_COMPRESSION"),
    "gzip, said plain": (gzip.compress(GOOD), {}, "WRONG_COMPRESSION"),
    "zstd, said gzip": (zstd.compress(GOOD), {"compression": "GZIP"}, "WRONG_COMPRESSION"),
    "gzip, said parquet": (gzip.compress(GOOD), PARQUET, "WRONG_COMPRESSION"),
    "no parquet": (GOOD, PARQUET, "LOAD_ERROR"),
    "half a parquet": (b"PAR1" + GOOD, PARQUET, "LOAD_ERROR"),
    "JSON array": (b' [{"id": 1, "name": "a"}]', JSON, "JSON_ARRAY"),
    "no table": (GOOD, {"object": "nothing"}, "QUERY_ERROR"),
    "no schema": (GOOD, {"object": "nowhere.items"}, "QUERY_ERROR"),
    "no name": (GOOD, {"object": 'a"b'}, "QUERY_ERROR"),
    "the ledger": (GOOD, {"object": "spectra.spectra_ledger"}, "QUERY_ERROR"),
    "a view": (GOOD, {"object": "seen"}, "QUERY_ERROR"),
    "unknown column": (b"id,name,colour\n1,a,b\n", {}, "UNKNOWN_COLUMN"),
    "unknown column in JSON": (b'{"id":1,"name":"a"}\n{"id":2,"nam":"b"}\n', JSON, "UNKNOWN_COLUMN"),
    "missing column": (b"id,price\n1,2\n", {}, "MISSING_COLUMN"),
    "doubled column": (b"id,name,ID\n1,a,1\n", {}, "DUPLICATE_COLUMN"),
    "header without name": (b"id,,name\n1,a,1\n", {}, "UNKNOWN_COLUMN"),
    "missing key": (b"name\na\n", {**UPSERT, "operation": "update"}, "MISSING_COLUMN"),
    "unknown key": (b"id,name\n1,a\n", {**UPSERT, "key_columns": ("nokey",)}, "UNKNOWN_COLUMN"),
    "delete with more than keys": (b"id,name\n1,a\n", {**UPSERT, "operation": "delete"}, "UNKNOWN_COLUMN"),
    "update with keys only": (b"id\n1\n", {**UPSERT, "operation": "update"}, "MISSING_COLUMN"),
    "header in latin-1": ("id,name,größe\n1,a,b\n".encode("latin-1"), {}, "INVALID_ENCODING"),
    "open quote": (b'id,name\n1,"a\n' + GOOD[8:], {}, "UNTERMINATED_QUOTE"),
    "open quote in the header": (b'id,"name\n' + GOOD[8:], {}, "UNTERMINATED_QUOTE"),
    "open quote in the last record": (GOOD + b'99999,"a\n', {}, "UNTERMINATED_QUOTE"),
    "stray carriage return": (b"id,name\n1,a\rb\n2,c\n", {}, "MIXED_LINE_ENDINGS"),
    "utf-16": ("id,name\n1,a\n".encode("utf-16"), {}, "INVALID_ENCODING"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_load_fails_as_a_whole(house, case) -> None:
    house.sql("insert into items values (-1, 'old', 1, null)")
    house.sql("create view seen as from items")
    data, options, code = CASES[case]
    loaded = house.load(data, max_failed_records=99_999, **options)
    assert loaded.execution.status is Status.FAILED
    error = loaded.execution.error
    assert error.code == code, error
    assert error.category == ("resource" if code == "QUERY_ERROR" and case != "no name" else "validation")
    assert error.advice
    assert error.message
    assert str(house.home) not in error.message
    assert house.sql("select id, name from items") == [(-1, "old")]
    assert loaded.written() == []
    assert [state for *_, state in house.ledger()] == ["open"]


def test_names_are_told(house) -> None:
    assert house.load(b"id,name,colour\n1,a,b\n").execution.error.details["column"] == "colour"
    assert house.load(b'id,name\n1,a\n2,"b\n3,c\n').execution.error.details["line"] == 3
    assert "Table 'nothing' does not exist" in house.load(GOOD, object="nothing").execution.error.message


@pytest.mark.parametrize("data", [b"id,name", b"id,name\n", b"\xef\xbb\xbfname,id\r\n", b"id,name\n\n\n"])
@pytest.mark.parametrize("operation", ["insert", "upsert"])
def test_a_header_alone(house, data, operation) -> None:
    house.sql("insert into items values (-1, 'old', 1, null)")
    loaded = house.load(data, operation=operation, key_columns=("id",) if operation == "upsert" else ())
    assert loaded.counts == (0, 0, 0, 0), loaded.execution.error
    assert "no records" in loaded.execution.warnings[0]
    assert house.sql("select id from items") == [(-1,)]
    assert [state for *_, state in house.ledger()] == ["applied"]


def test_zero_rows_of_parquet(house) -> None:
    path = house.home / "none.parquet"
    house.sql(f"copy (select id, name from items) to '{path}' (format parquet)")
    loaded = house.load(path.read_bytes(), content_type="PARQUET")
    assert (loaded.counts, len(loaded.execution.warnings)) == ((0, 0, 0, 0), 1)


@pytest.mark.parametrize("first", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\r\n\n"])
@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_what_stands_before_the_first_record(house, first, kind) -> None:
    data = b"id,name\nx,a\n" if kind == "CSV" else b'{"id": "x", "name": "a"}\n'
    loaded = house.load(first + data, content_type=kind, max_failed_records=1)
    assert loaded.failed == [(1, first.count(b"\n") + (2 if kind == "CSV" else 1), "id", "CAST")]


def test_the_first_failures_are_told_of_whatever_kind(house) -> None:
    loaded = house.load("id,name\n1\nx,a\ny,b\n2\n", max_failed_records=1)
    assert loaded.error == "TOO_MANY_FAILED_RECORDS"
    assert loaded.failed == [(1, 2, "", "MISSING_FIELDS"), (2, 3, "id", "CAST")]


@pytest.mark.parametrize("text", ["1,\xff", "1,a\n2,\xe9"])
def test_broken_encoding_is_the_record_s_fault(house, text) -> None:
    data = f"id,name\n{text}\n9,z\n".encode("latin-1")
    assert house.load(data).error == "TOO_MANY_FAILED_RECORDS"
    loaded = house.load(data, max_failed_records=1)
    last = data.count(b"\n") - 2
    assert loaded.failed == [(last, last + 1, "", "INVALID_ENCODING")]
    assert loaded.rejected == b"id,name\n" + data.splitlines(keepends=True)[last]


def test_an_open_quote_in_a_large_upload_is_found_at_once(house) -> None:
    data = b'id,name\n1,"a\n' + GOOD[8:] * 50
    begun = time.monotonic()
    assert house.load(data, max_failed_records=9).error == "UNTERMINATED_QUOTE"
    assert time.monotonic() - begun < 10


def test_quotes_that_hide_where_records_end(house) -> None:
    loaded = house.load(b'id,name\n1,"a" "b\n2,"c" "\n3,d\n', max_failed_records=9)
    assert loaded.error == "BROKEN_QUOTES"
    assert loaded.execution.error.details["record"] == 1
    assert house.sql("from items") == []


def test_an_upload_that_is_gone(house) -> None:
    task = house.task(LoadSpec(operation="insert", object="items"), GOOD)
    (house.home / "files/acme/job1/upload").unlink()
    execution = house.done(task)
    assert execution.status is Status.FAILED
    assert execution.error.code == "UPLOAD_MISSING"
    assert str(house.home) not in execution.error.message


def test_what_only_the_table_can_tell_fails_the_load(house) -> None:
    house.sql("create table coded (id integer primary key, code varchar unique)")
    house.sql("insert into coded values (1, 'x'), (2, 'y')")
    loaded = house.load("id,code\n1,z\n3,y\n", object="coded", **UPSERT)
    assert loaded.error == "CONSTRAINT_VIOLATION"
    assert loaded.execution.error.category == "validation"
    assert house.sql("from coded order by 1") == [(1, "x"), (2, "y")]
    assert house.executor.cancel(loaded.task) is Effect.NONE


def test_a_home_whose_name_is_a_pattern(tmp_path) -> None:
    home = tmp_path / "a [b]* 'c' {d}"
    home.mkdir()
    for house in opened(home):
        assert house.load("id,name\n1,a\nx,b\n", max_failed_records=1).counts == (2, 1, 1, 0)
        path = tmp_path / "x.parquet"
        house.sql(f"copy (select * from (values (2, 'b'), (3, null)) v(id, name)) to '{path}'")
        loaded = house.load(path.read_bytes(), content_type="PARQUET", max_failed_records=1)
        assert loaded.counts == (2, 1, 1, 0), loaded.execution.error
        assert loaded.failed == [(2, None, "name", "NOT_NULL")]
        assert house.export("select * from items", compression="GZIP").counts.total == 2
