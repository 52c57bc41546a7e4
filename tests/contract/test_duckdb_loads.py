"""Loads: each operation in each form, and failed records by record, line, column and code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from spectra.domain import LoadSpec

from .duckdb_house import PACK, House, opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(tmp_path)


def rows(house: House) -> list[tuple]:
    return house.sql("select id, name, price from items order by id")


def in_form(house: House, csv_text: str, form: str, compression: str) -> bytes:
    """The same records as CSV, JSON lines or Parquet."""
    header, *lines = [line.split(",") for line in csv_text.splitlines()]
    facts = [{k: v or None for k, v in zip(header, line, strict=True)} for line in lines]
    if form == "CSV":
        data = csv_text.encode()
    elif form == "JSON":
        data = "".join(json.dumps(fact) + "\n" for fact in facts).encode()
    else:
        path = house.home / "form.parquet"
        values = ", ".join(
            "(" + ", ".join(f"'{v}'" if v else "NULL" for v in f.values()) + ")" for f in facts
        )
        house.sql(f"copy (from (values {values}) as v({', '.join(header)})) to '{path}' (format parquet)")
        data = path.read_bytes()
    return PACK[compression](data)


FORMS = [
    *(("CSV", packed) for packed in PACK),
    *(("JSON", packed) for packed in PACK),
    ("PARQUET", "NONE"),
]
OPERATIONS = {
    "insert": ("id,name,price\n3,c,3\n4,d,\n", [(1, "a", 1), (2, "b", 2), (3, "c", 3), (4, "d", None)]),
    "update": ("price,id\n9.5,1\n,2\n", [(1, "a", Decimal("9.5")), (2, "b", None)]),
    "upsert": ("name,id,price\nz,2,7\nc,3,3\n", [(1, "a", 1), (2, "z", 7), (3, "c", 3)]),
    "delete": ("id\n1\n", [(2, "b", 2)]),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("form", "compression"), FORMS)
def test_each_operation_in_each_form(house, operation, form, compression) -> None:
    house.sql("insert into items values (1, 'a', 1, null), (2, 'b', 2, null)")
    text, expected = OPERATIONS[operation]
    loaded = house.load(
        in_form(house, text, form, compression),
        operation=operation,
        key_columns=() if operation == "insert" else ("id",),
        content_type=form,
        compression=compression,
    )
    total = len(text.splitlines()) - 1
    assert loaded.error is None, loaded.execution.error
    assert loaded.counts == (total, total, 0, 0)
    assert loaded.execution.warnings == ()
    assert rows(house) == expected
    assert loaded.written() == []


@pytest.mark.parametrize(("form", "compression"), FORMS)
def test_failed_records_in_each_form(house, form, compression) -> None:
    text = "id,name,price\n1,a,1\nx,b,2\n3,,3\n4,d,4\n,e,5\n1,f,6\n"
    loaded = house.load(
        in_form(house, text, form, compression),
        content_type=form,
        compression=compression,
        max_failed_records=4,
    )
    assert loaded.error is None, loaded.execution.error
    assert loaded.counts == (6, 2, 4, 0)
    first = {"CSV": 2, "JSON": 1}.get(form)
    found = [(2, "id", "CAST"), (3, "name", "NOT_NULL"), (5, "id", "NOT_NULL"), (6, "", "UNIQUE_VIOLATION")]
    assert loaded.failed == [(n, None if first is None else first + n - 1, c, code) for n, c, code in found]
    assert loaded.failures[0]["spectra_value"] == "x"
    assert {row["spectra_category"] for row in loaded.failures} == {"validation"}
    assert all(row["spectra_message"] for row in loaded.failures)
    assert [row["name"] for row in loaded.failures] == ["b", "", "e", "f"]
    assert rows(house) == [(1, "a", 1), (4, "d", 4)]
    suffix = loaded.task.spec.suffix
    assert loaded.written() == ["failed-records.csv", f"rejected-input{suffix}"]
    if form != "PARQUET":
        kept = [0, 2, 3, 5, 6] if form == "CSV" else [1, 2, 4, 5]
        lines = in_form(house, text, form, "NONE").splitlines(keepends=True)
        assert loaded.rejected == b"".join(lines[i] for i in kept)


@pytest.mark.parametrize(("form", "compression"), FORMS)
def test_rejected_input_is_loaded_by_a_retry(house, form, compression) -> None:
    text = "id,name,price\n1,a,1\n1,b,2\n3,c,3\n3,d,4\n"
    options = {"content_type": form, "compression": compression}
    loaded = house.load(in_form(house, text, form, compression), max_failed_records=2, **options)
    assert [record for record, *_ in loaded.failed] == [2, 4]
    house.sql("delete from items")
    task = house.task(LoadSpec(operation="insert", object="items", **options))
    again = house.done(type(task)(**{**fields(task), "upload": loaded.execution.rejected_input}))
    assert again.counts.succeeded == 2, again
    assert rows(house) == [(1, "b", 2), (3, "d", 4)]


def fields(task) -> dict:
    return {name: getattr(task, name) for name in type(task).__slots__ if name != "__weakref__"}


def test_lines_and_records_around_quoted_newlines_and_blank_lines(house) -> None:
    text = '\ufeffid,name,price\n1,"a\nb\n",1\n\n\nx,"c ""q"" \n\n d",2\n3,"e,\r\n",y\n"4",f,3\nx,g,'
    loaded = house.load(text, max_failed_records=3)
    assert loaded.error is None, loaded.execution.error
    assert loaded.counts == (5, 2, 3, 0)
    assert loaded.failed == [(2, 7, "id", "CAST"), (3, 10, "price", "CAST"), (5, 13, "id", "CAST")]
    assert [row["name"] for row in loaded.failures] == ['c "q" \n\n d', "e,\r\n", "g"]
    assert rows(house) == [(1, "a\nb\n", 1), (4, "f", 3)]
    assert loaded.rejected.decode() == 'id,name,price\nx,"c ""q"" \n\n d",2\n3,"e,\r\n",y\nx,g,\n'


def test_many_torn_records_keep_their_ordinals(house) -> None:
    kinds = ["{i},ok,1", "{i},short", "{i},long,1,2", 'x{i},"c\nd",1', '{i},"junk"x,1', "{i},é,1", "{i},ok,1"]
    lines, expected, line = ["id,name,price"], [], 2
    for i in range(1, 3_501):
        text = kinds[i % 7].format(i=i)
        code = [None, "MISSING_FIELDS", "TOO_MANY_FIELDS", "CAST", "BROKEN_QUOTES", "INVALID_ENCODING", None][
            i % 7
        ]
        if code:
            expected.append((i, line, "id" if code == "CAST" else "", code))
        lines.append(text)
        line += 1 + text.count("\n")
    data = ("\n".join(lines) + "\n").encode("latin-1")
    loaded = house.load(data, max_failed_records=2_500)
    assert loaded.error is None, loaded.execution.error
    assert loaded.failed == expected
    assert house.sql("select count(*), sum(id) from items") == [
        (1000, sum(i for i in range(1, 3_501) if i % 7 in {0, 6}))
    ]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("INTEGER", ["1", "1.0", "2e3", "-7"], ["1.7", "15e-1", "1e-1", "abc", "99999999999", ""]),
        ("DECIMAL(6,2)", ["1.5", "1.500", "15e-1", "-0.25"], ["1.239", "12345", "1e-3", "x"]),
        ("DATE", ["2020-02-29", "2020-01-01 00:00:00"], ["2020-01-01 10:00:00", "2021-02-29", "soon"]),
        ("TIMESTAMP", ["2020-02-29 10:11:12.5"], ["2020-02-29 25:00:00", "x"]),
        ("BOOLEAN", ["true", "f"], ["maybe"]),
        ("DOUBLE", ["1.239", "1e300"], ["x"]),
    ],
)
@pytest.mark.parametrize("form", ["CSV", "JSON"])
def test_nothing_is_rounded_or_cut(house, kind, good, bad, form) -> None:
    house.sql(f"create table typed (v {kind} not null)")
    values = [v for pair in zip(good, good, strict=True) for v in pair] + bad
    if form == "CSV":
        data = "v\n" + "".join(f"{v or chr(34) * 2}\n" for v in values)
    else:
        data = "".join(json.dumps({"v": v or None}) + "\n" for v in values)
    loaded = house.load(data, object="typed", content_type=form, max_failed_records=99)
    assert [record for record, *_ in loaded.failed] == list(range(2 * len(good) + 1, len(values) + 1))
    assert {(c, code) for _, _, c, code in loaded.failed} <= {("v", "CAST"), ("v", "NOT_NULL")}
    assert house.sql("select count(*) from typed") == [(2 * len(good),)]


def test_numbers_of_json_are_exact(house) -> None:
    house.sql("create table typed (v decimal(38, 9), n bigint)")
    loaded = house.load(
        '{"v": 12345678901234567.123456789, "n": 9007199254740993}\n', object="typed", content_type="JSON"
    )
    assert loaded.counts == (1, 1, 0, 0)
    assert house.sql("from typed") == [(Decimal("12345678901234567.123456789"), 9007199254740993)]


def test_json_that_is_no_record(house) -> None:
    text = '\ufeff{"id": 1, "name": "a"}\n\t\nnonsense\n[1]\n7\n{"id": 2, "name": null}\n{"name": "b"}\n{"id": 3, "name": "c"'
    loaded = house.load(text, content_type="JSON", max_failed_records=6)
    assert loaded.counts == (7, 1, 6, 0)
    assert loaded.failed == [
        (2, 3, "", "MALFORMED"),
        (3, 4, "", "MALFORMED"),
        (4, 5, "", "MALFORMED"),
        (5, 6, "name", "NOT_NULL"),
        (6, 7, "id", "NOT_NULL"),
        (7, 8, "", "MALFORMED"),
    ]


@pytest.mark.parametrize("policy", ["error", "first", "last"])
def test_duplicates(house, policy) -> None:
    house.sql("insert into items values (1, 'old', 0, null)")
    text = "id,name\n1,a\n2,b\n1,c\n,d\n1,e\n"
    loaded = house.load(
        text, operation="upsert", key_columns=("id",), on_duplicate_key=policy, max_failed_records=4
    )
    if policy == "error":
        assert loaded.counts == (5, 1, 4, 0)
        assert [(r, code) for r, _, _, code in loaded.failed] == [
            (1, "DUPLICATE_KEY"),
            (3, "DUPLICATE_KEY"),
            (4, "NULL_KEY"),
            (5, "DUPLICATE_KEY"),
        ]
        assert rows(house) == [(1, "old", 0), (2, "b", None)]
    else:
        assert loaded.counts == (5, 2, 1, 2)
        assert [(r, code) for r, _, _, code in loaded.failed] == [(4, "NULL_KEY")]
        assert policy in loaded.execution.warnings[0]
        assert rows(house) == [(1, "a" if policy == "first" else "e", 0), (2, "b", None)]


@pytest.mark.parametrize("operation", ["update", "delete"])
@pytest.mark.parametrize("policy", ["reject", "ignore"])
def test_keys_that_no_row_has(house, operation, policy) -> None:
    house.sql("insert into items values (1, 'a', 0, null), (2, 'b', 0, null)")
    text = "id,name\n2,z\n7,y\n" if operation == "update" else "id\n2\n7\n"
    loaded = house.load(
        text, operation=operation, key_columns=("id",), on_missing_key=policy, max_failed_records=1
    )
    assert rows(house) == ([(1, "a", 0), (2, "z", 0)] if operation == "update" else [(1, "a", 0)])
    if policy == "reject":
        assert (loaded.counts, loaded.failed) == ((2, 1, 1, 0), [(2, 3, "", "NOT_FOUND")])
        assert (loaded.failures[0]["spectra_value"], loaded.failures[0]["spectra_category"]) == (
            "7",
            "resource",
        )
    else:
        assert (loaded.counts, loaded.failed) == ((2, 1, 0, 1), [])
        assert loaded.execution.warnings


@pytest.mark.parametrize("operation", ["insert", "upsert", "update"])
def test_checks_of_the_table(house, operation) -> None:
    house.sql(
        "create table checked (id integer primary key, low integer check (low > 0), high integer, check (low < high))"
    )
    house.sql(
        "insert into checked select range, 1, 9 from range(1, 6)" if operation != "insert" else "select 1"
    )
    loaded = house.load(
        "id,low,high\n1,1,2\n2,-1,2\n3,5,4\n4,,1\n5,2,3\n",
        object="checked",
        operation=operation,
        key_columns=() if operation == "insert" else ("id",),
        max_failed_records=2,
    )
    assert loaded.error is None, loaded.execution.error
    assert loaded.failed == [(2, 3, "low", "CHECK"), (3, 4, "", "CHECK")]
    kept = [] if operation == "insert" else [(2, 1, 9), (3, 1, 9)]
    assert house.sql("from checked order by id") == sorted([(1, 1, 2), (4, None, 1), (5, 2, 3), *kept])


@pytest.mark.parametrize("form", ["CSV", "PARQUET", "JSON"])
@pytest.mark.parametrize("budget", [0, 1, 2, 3])
def test_the_budget_and_one_more(house, form, budget) -> None:
    house.sql("insert into items values (100, 'old', 1, null)")
    text = "id,name,price\n1,a,1\nx,b,2\n3,c,y\n4,d,4\n5,e,z\n"
    loaded = house.load(in_form(house, text, form, "NONE"), content_type=form, max_failed_records=budget)
    if budget == 3:
        assert loaded.counts == (5, 2, 3, 0)
        return
    assert loaded.error == "TOO_MANY_FAILED_RECORDS"
    assert loaded.execution.error.details["record"] == 2
    assert loaded.counts == (5, 0, budget + 1, 4 - budget)
    assert [record for record, *_ in loaded.failed] == [2, 3, 5][: budget + 1]
    assert rows(house) == [(100, "old", 1)]
    assert [state for *_, state in house.ledger()] == ["open"]
    suffix = loaded.task.spec.suffix
    assert loaded.written() == [
        "failed-records.csv",
        f"rejected-input{suffix}",
        f"unprocessed-records{suffix}",
    ]
    if form == "CSV":
        lines = text.splitlines(keepends=True)
        bad = [2, 3, 5][: budget + 1]
        assert loaded.rejected.decode() == "".join(lines[i] for i in [0, *bad])
        assert loaded.unprocessed.decode() == "".join(lines[i] for i in range(6) if i not in bad)


def test_unusual_names(house) -> None:
    house.sql('create schema "my schema"')
    house.sql(
        'create table "my schema"."größe.""x""" ("Key, 1" varchar, "a""b" integer, "日本" date, "select" varchar)'
    )
    name = '"my schema"."größe.""x"""'
    house.sql(f"insert into {name} values ('k', 1, null, 'keep')")
    header = '"日本","a""b","Key, 1"\n'
    loaded = house.load(
        header + "2020-01-01,5,k\n,6,l\n,x,m\n",
        object=name,
        operation="upsert",
        key_columns=("key, 1",),
        max_failed_records=1,
    )
    assert loaded.error is None, loaded.execution.error
    assert loaded.failed == [(3, 4, 'a"b', "CAST")]
    assert house.sql(f"from {name} order by 1") == [("k", 5, date(2020, 1, 1), "keep"), ("l", 6, None, None)]
    facts = json.dumps({"Key, 1": "l", 'a"b': 8, "日本": "2021-01-01"})
    loaded = house.load(facts, object=name, operation="update", key_columns=("Key, 1",), content_type="JSON")
    assert loaded.counts == (1, 1, 0, 0)
    assert house.sql(f'select "a""b" from {name} order by 1') == [(5,), (8,)]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "§", "'"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_dialects(house, delimiter, ending) -> None:
    text = ending.join(["name,id", '"a,b",1', "N,2", ",3", "x,y", ""]).replace(",", delimiter)
    loaded = house.load(text, delimiter=delimiter, null_token="N", max_failed_records=2)
    assert loaded.error is None, loaded.execution.error
    assert loaded.failed == [(2, 3, "name", "NOT_NULL"), (4, 5, "id", "CAST")]
    assert rows(house) == [(1, f"a{delimiter}b", None), (3, "", None)]


def test_without_a_header(house) -> None:
    loaded = house.load("1,a,1.5,\nx,b,,\n3,c,,2020-01-01\n", header=False, max_failed_records=1)
    assert loaded.error is None, loaded.execution.error
    assert (loaded.counts, loaded.failed) == ((3, 2, 1, 0), [(2, 2, "id", "CAST")])
    assert loaded.rejected == b"x,b,,\n"
    assert house.load("1,a\n", header=False).error == "MISSING_COLUMN"


def test_defaults_fill_columns_that_are_not_sent(house) -> None:
    house.sql("create table filled (id integer primary key, state varchar not null default 'new', n integer)")
    assert house.load("id\n1\n2\n", object="filled").counts == (2, 2, 0, 0)
    assert house.sql("from filled order by id") == [(1, "new", None), (2, "new", None)]


def test_records_larger_than_a_buffer(house) -> None:
    large = "x" * 3_000_000
    loaded = house.load(f"id,name\n1,{large}\nbad,{large}\n3,c\n", max_failed_records=1)
    assert loaded.counts == (3, 2, 1, 0), loaded.execution.error
    assert loaded.rejected == f"id,name\nbad,{large}\n".encode()
    assert house.sql("select id, length(name) from items order by id") == [(1, 3_000_000), (3, 1)]
